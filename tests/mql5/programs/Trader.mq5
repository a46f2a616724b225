// Sends the requests that its inputs say, and prints what came of them: the suite's way to try the stand-in's trade
// server. A scenario attaches it once and then changes its inputs.
input string InpDo       = "nothing";
input string InpSymbol   = "EURUSD";
input double InpVolume   = 0.1;
input double InpPrice    = 0.0;
input double InpStop     = 0.0;
input double InpProfit   = 0.0;
input int    InpDeviation= 0;
input bool   InpBuy      = true;
input bool   InpIoc      = false;
input string InpComment  = "";
input int    InpPosition = -1; // index of the position meant; -1: none
input int    InpBy       = -1;

//+------------------------------------------------------------------+
ulong Ticket(const int index) { return(index<0 ? (ulong)0 : PositionGetTicket(index)); }
//+------------------------------------------------------------------+
int OnInit(void)
  {
   MqlTradeRequest     request={};
   MqlTradeCheckResult check={};
   MqlTradeResult      result={};
   request.symbol=InpSymbol;
   request.volume=InpVolume;
   request.price=InpPrice;
   request.sl=InpStop;
   request.tp=InpProfit;
   request.magic=77;
   request.deviation=(ulong)InpDeviation;
   request.type=(InpBuy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL);
   request.type_filling=(InpIoc ? ORDER_FILLING_IOC : ORDER_FILLING_FOK);
   request.comment=InpComment;
   request.position=Ticket(InpPosition);
   request.position_by=Ticket(InpBy);
   if(OrdersTotal()>0)
      request.order=OrderGetTicket(0);
   if(InpDo=="deal")
      request.action=TRADE_ACTION_DEAL;
   if(InpDo=="stops")
      request.action=TRADE_ACTION_SLTP;
   if(InpDo=="close by")
      request.action=TRADE_ACTION_CLOSE_BY;
   if(InpDo=="remove")
      request.action=TRADE_ACTION_REMOVE;
   if(InpDo=="change")
      request.action=TRADE_ACTION_MODIFY;
   if(InpDo=="limit")
     {
      request.action=TRADE_ACTION_PENDING;
      request.type=(InpBuy ? ORDER_TYPE_BUY_LIMIT : ORDER_TYPE_SELL_LIMIT);
     }
   if(InpDo=="nothing")
      return(INIT_SUCCEEDED);
   if(InpDo=="orders")
     {
      PrintOrders();
      return(INIT_SUCCEEDED);
     }
   if(InpDo=="variables")
     {
      PrintVariables();
      return(INIT_SUCCEEDED);
     }
   bool allowed=OrderCheck(request,check);
   bool sent=OrderSend(request,result);
   PrintFormat("%s, check %s: %s%s %.2f at %.5f, order %s, deal %s, bid %.5f, error %d",result.comment,check.comment,
               allowed ? "allowed" : "not allowed",sent ? ", sent" : "",result.volume,result.price,
               result.order>0 ? "yes" : "no",result.deal>0 ? "yes" : "no",result.bid,GetLastError());
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
void PrintOrders(void)
  {
   for(int i=0; i<OrdersTotal(); i++)
      if(OrderGetTicket(i)>0 && OrderGetInteger(ORDER_MAGIC)==77 && OrderGetInteger(ORDER_TYPE)==ORDER_TYPE_BUY_LIMIT)
         PrintFormat("order %s %.2f at %.5f %s",OrderGetString(ORDER_SYMBOL),OrderGetDouble(ORDER_VOLUME_CURRENT),
                     OrderGetDouble(ORDER_PRICE_OPEN),OrderGetString(ORDER_COMMENT));
   Print("orders: ",OrdersTotal(),OrderSelect(1) ? " and 1" : "");
   string parts[];
   Print("parts: ",StringSplit(",a,,b",',',parts)," ",parts[1],parts[3]," ",StringSplit("",',',parts)," ",
         StringSplit("whole",',',parts)," ",parts[0]);
   PrintFormat("symbol: %.2f to %.2f by %.2f, filling %I64d, unknown %s, away %s",SymbolInfoDouble(InpSymbol,SYMBOL_VOLUME_MIN),
               SymbolInfoDouble(InpSymbol,SYMBOL_VOLUME_MAX),SymbolInfoDouble(InpSymbol,SYMBOL_VOLUME_STEP),
               SymbolInfoInteger(InpSymbol,SYMBOL_FILLING_MODE),SymbolSelect("NONE",true) ? "known" : "unknown",
               SymbolSelect(InpSymbol,false) ? "taken" : "kept");
  }
//+------------------------------------------------------------------+
void PrintVariables(void)
  {
   Print("temporary ",GlobalVariableTemp("trader.t")," twice ",GlobalVariableTemp("trader.t")," there ",
         GlobalVariableCheck("trader.t")," set ",GlobalVariableSetOnCondition("trader.t",2.0,0.0)," again ",
         GlobalVariableSetOnCondition("trader.t",3.0,0.0)," is ",GlobalVariableGet("trader.t"));
   Print("long name ",GlobalVariableSet("0123456789012345678901234567890123456789012345678901234567890123",1.0)==0,
         " deleted ",GlobalVariableDel("trader.t")," and gone ",!GlobalVariableCheck("trader.t"));
  }
//+------------------------------------------------------------------+
void OnTradeTransaction(const MqlTradeTransaction &trans,const MqlTradeRequest &request,const MqlTradeResult &result)
  {
   if(trans.type==TRADE_TRANSACTION_REQUEST && request.magic==77)
      Print("told of request ",result.request_id,": ",result.comment);
   else
      if(trans.type==TRADE_TRANSACTION_DEAL_ADD)
         PrintFormat("told of a deal of %.2f",trans.volume);
  }
