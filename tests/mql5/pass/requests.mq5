// A request to trade, its check, its result, and what orders and symbols are asked for.
struct SPair
  {
   int               first;
   double            second;
  };
void OnStart(void)
  {
   SPair pair={};
   MqlTradeRequest     request={};
   MqlTradeCheckResult check={};
   MqlTradeResult      result={};
   string              parts[];
   if(StringSplit("EURUSD=EURUSD.m",'=',parts)!=2 || !SymbolSelect(parts[0],true))
      return;
   long modes=SymbolInfoInteger(parts[0],SYMBOL_FILLING_MODE);
   request.action=TRADE_ACTION_DEAL;
   request.symbol=parts[0];
   request.volume=MathMax(SymbolInfoDouble(parts[0],SYMBOL_VOLUME_MIN),0.1);
   request.type=(pair.first==0 ? ORDER_TYPE_BUY : ORDER_TYPE_SELL);
   request.type_filling=((modes&SYMBOL_FILLING_FOK)!=0 ? ORDER_FILLING_FOK : ORDER_FILLING_IOC);
   request.magic=(ulong)7;
   if(!OrderCheck(request,check) || !OrderSend(request,result))
      PrintFormat("%d %s, %d %s",(int)check.retcode,check.comment,(int)result.retcode,result.comment);
   switch(result.retcode)
     {
      case TRADE_RETCODE_DONE:
      case TRADE_RETCODE_PLACED:
         Print(result.order," ",result.price);
         break;
      default:
         Print("refused");
     }
   datetime yesterday=TimeCurrent()-86400;
   long     seconds=TimeCurrent()-yesterday;
   Print(HistorySelect(yesterday,TimeCurrent()+60)," ",seconds);
   for(int i=OrdersTotal()-1; i>=0; i--)
      if(OrderGetTicket(i)>0 && OrderGetString(ORDER_COMMENT)=="mark" && OrderGetInteger(ORDER_TYPE)==ORDER_TYPE_BUY_LIMIT)
         Print(OrderGetDouble(ORDER_PRICE_OPEN));
   if(GlobalVariableTemp("one") && GlobalVariableSetOnCondition("one",1.0,0.0) && GlobalVariableCheck("one"))
      Print(GlobalVariableDel("one"));
  }
