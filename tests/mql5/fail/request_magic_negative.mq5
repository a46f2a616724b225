// line 7: warning: assignment: possible loss of data due to type conversion from 'long' to 'ulong'
input long InpMagic=7;
void OnStart(void)
  {
   MqlTradeRequest request={};
   MqlTradeResult  result={};
   request.magic=InpMagic;
   Print(OrderSend(request,result));
  }
