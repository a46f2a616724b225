// line 2: warning: wrong parameters or result of the event handler OnTradeTransaction
void OnTradeTransaction(const MqlTradeTransaction &trans)
  {
   Print(trans.deal);
  }
