// line 6: argument result of OrderSend: 'MqlTradeRequest' is no 'MqlTradeResult'
void OnStart(void)
  {
   MqlTradeRequest request={};
   request.action=TRADE_ACTION_DEAL;
   Print(OrderSend(request,request));
  }
