//+------------------------------------------------------------------+
//|                                              Mt5RedisOrders.mqh  |
//|  Orders that copy signals: what a program that follows needs to  |
//|  know of its account, and how a request fared.                   |
//+------------------------------------------------------------------+
// Functions without a memory of their own.
#ifndef MT5_REDIS_ORDERS_MQH
#define MT5_REDIS_ORDERS_MQH

enum ENUM_OUTCOME
  {
   OUTCOME_DONE,
   OUTCOME_SKIP,
   OUTCOME_LATER,             // for certain not executed; to be tried again
   OUTCOME_UNKNOWN            // sent, and nobody answered
  };

//+------------------------------------------------------------------+
//| The name of a symbol at this broker: symbols is a list like      |
//| EURUSD=EURUSD.m,XAUUSD=GOLD, the others have their own.          |
//+------------------------------------------------------------------+
string Mapped(const string symbols,const string symbol)
  {
   string pairs[];
   int    count=StringSplit(symbols,',',pairs);
   for(int i=0; i<count; i++)
     {
      string names[];
      if(StringSplit(pairs[i],'=',names)==2 && names[0]==symbol)
         return(names[1]);
     }
   return(symbol);
  }
//+------------------------------------------------------------------+
//| A volume this broker takes, rounded down; 0: too small.          |
//+------------------------------------------------------------------+
double Lots(const string symbol,const double wanted,const double most)
  {
   double step=SymbolInfoDouble(symbol,SYMBOL_VOLUME_STEP);
   double lots=MathMin(wanted,most);
   if(step>0.0)
      lots=NormalizeDouble(MathFloor(lots/step+0.0000001)*step,8);
   return(lots<SymbolInfoDouble(symbol,SYMBOL_VOLUME_MIN) ? 0.0 : lots);
  }
//+------------------------------------------------------------------+
//| Whether this account has an order, a position or a deal with     |
//| this comment: a signal's mark.                                   |
//+------------------------------------------------------------------+
bool Marked(const string comment)
  {
   for(int i=PositionsTotal()-1; i>=0; i--)
      if(PositionGetTicket(i)>0 && PositionGetString(POSITION_COMMENT)==comment)
         return(true);
   for(int i=OrdersTotal()-1; i>=0; i--)
      if(OrderGetTicket(i)>0 && OrderGetString(ORDER_COMMENT)==comment)
         return(true);
   return(MarkedVolume(comment)>0.0);
  }
//+------------------------------------------------------------------+
//| The volume of all deals with this comment; below 0: the history  |
//| cannot be had now.                                               |
//+------------------------------------------------------------------+
double MarkedVolume(const string comment)
  {
   double volume=0.0;
   //--- a signal is kept for hours, not days
   datetime now=TimeTradeServer();
   if(!HistorySelect(now-172800,now+172800))
      return(-1.0);
   for(int i=HistoryDealsTotal()-1; i>=0; i--)
     {
      ulong deal=HistoryDealGetTicket(i);
      if(deal>0 && HistoryDealGetString(deal,DEAL_COMMENT)==comment)
         volume+=HistoryDealGetDouble(deal,DEAL_VOLUME);
     }
   return(volume);
  }
//+------------------------------------------------------------------+
//| Sends a request; reason says why it was refused for good.        |
//+------------------------------------------------------------------+
ENUM_OUTCOME Send(MqlTradeRequest &request,string &reason)
  {
   request.type_filling=Filling(request.symbol);
   MqlTradeResult result={};
   bool sent=OrderSend(request,result);
   bool closing=(request.position>0 && request.action==TRADE_ACTION_DEAL);
   switch(result.retcode)
     {
      case TRADE_RETCODE_DONE:
      case TRADE_RETCODE_PLACED:
      case TRADE_RETCODE_NO_CHANGES:
         return(OUTCOME_DONE);
      case TRADE_RETCODE_DONE_PARTIAL:
         //--- the rest of a close is still to be closed
         return(closing ? OUTCOME_LATER : OUTCOME_DONE);
      case TRADE_RETCODE_TIMEOUT:
      case TRADE_RETCODE_CONNECTION:
         return(OUTCOME_UNKNOWN);
      case TRADE_RETCODE_REQUOTE:
      case TRADE_RETCODE_PRICE_CHANGED:
      case TRADE_RETCODE_PRICE_OFF:
      case TRADE_RETCODE_TOO_MANY_REQUESTS:
      case TRADE_RETCODE_MARKET_CLOSED:
         return(OUTCOME_LATER);
     }
   reason=StringFormat("the trade server refused it: %d %s%s",(int)result.retcode,result.comment,
                       sent ? "" : ", not sent");
   return(OUTCOME_SKIP);
  }
//+------------------------------------------------------------------+
ENUM_ORDER_TYPE_FILLING Filling(const string symbol)
  {
   long modes=SymbolInfoInteger(symbol,SYMBOL_FILLING_MODE);
   if((modes&SYMBOL_FILLING_FOK)!=0)
      return(ORDER_FILLING_FOK);
   if((modes&SYMBOL_FILLING_IOC)!=0)
      return(ORDER_FILLING_IOC);
   return(ORDER_FILLING_RETURN);
  }
#endif
//+------------------------------------------------------------------+
