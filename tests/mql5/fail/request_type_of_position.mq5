// line 6: warning: implicit conversion from 'ENUM_POSITION_TYPE' to the enumeration 'ENUM_ORDER_TYPE'
void OnStart(void)
  {
   MqlTradeRequest request={};
   MqlTradeResult  result={};
   request.type=POSITION_TYPE_BUY;
   Print(OrderSend(request,result));
  }
