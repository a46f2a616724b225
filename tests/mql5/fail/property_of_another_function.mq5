// line 4: warning: 'ENUM_POSITION_PROPERTY_DOUBLE' to the enumeration 'ENUM_POSITION_PROPERTY_STRING'
int OnInit()
  {
   Print(PositionGetString(POSITION_VOLUME));
   return(INIT_SUCCEEDED);
  }
