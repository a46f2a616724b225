// line 4: warning: to the enumeration 'ENUM_POSITION_TYPE'
int OnInit()
  {
   ENUM_POSITION_TYPE side=1;
   Print((int)side);
   return(INIT_SUCCEEDED);
  }
