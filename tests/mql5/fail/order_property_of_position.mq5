// line 4: warning: argument property_id of OrderGetString: implicit conversion from 'ENUM_POSITION_PROPERTY_STRING'
void OnStart(void)
  {
   Print(OrderGetString(POSITION_COMMENT));
  }
