// line 5: MqlTradeRequest has no member 'stop_loss'
void OnStart(void)
  {
   MqlTradeRequest request={};
   request.stop_loss=1.0;
   MqlTradeResult result={};
   Print(OrderSend(request,result));
  }
