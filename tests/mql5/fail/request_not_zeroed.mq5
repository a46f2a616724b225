// line 4: warning: 'request' is left as the memory was: write request={}
void OnStart(void)
  {
   MqlTradeRequest request;
   MqlTradeResult  result={};
   request.action=TRADE_ACTION_DEAL;
   Print(OrderSend(request,result));
  }
