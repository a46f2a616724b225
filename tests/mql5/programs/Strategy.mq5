// A trader's program: it trades with MetaTrader's Trade classes and publishes what it does with the include. A scenario
// attaches it once and then changes its inputs.
#include <Trade\Trade.mqh>
#include <Trade\PositionInfo.mqh>
#include <Trade\OrderInfo.mqh>
#include <Trade\SymbolInfo.mqh>
#include <Trade\AccountInfo.mqh>
#include <Mt5Redis/Mt5Redis.mqh>

input string InpRedis  = "redis://127.0.0.1:6379";
input string InpDo     = "nothing";
input double InpLots   = 0.5;
input double InpPrice  = 0.0;
input int    InpPoints = 100; // stop loss and take profit, points; 0: none
input ulong  InpMagic  = 4711;

CTrade        trade;
CPositionInfo chosen;
COrderInfo    waiting;
CSymbolInfo   pair;
CAccountInfo  account;
CMt5Redis     redis;

//+------------------------------------------------------------------+
int OnInit(void)
  {
   if(!redis.IsOpen() && !redis.Open(InpRedis))
     {
      Alert(redis.ErrorText());
      return(INIT_FAILED);
     }
   if(!pair.Name(_Symbol) || !trade.SetTypeFillingBySymbol(_Symbol))
      return(INIT_FAILED);
   trade.SetExpertMagicNumber(InpMagic);
   trade.SetDeviationInPoints(5);
   trade.SetMarginMode();
   trade.LogLevel(LOG_LEVEL_NO);
   EventSetTimer(1);
   if(InpDo!="nothing")
     {
      bool done=Do();
      PrintFormat("%s: %s, retcode %u, %.2f at %.5f, deal %s, order %s, %d positions, %d orders",InpDo,done ? "done" : "refused",
                  trade.ResultRetcode(),trade.ResultVolume(),trade.ResultPrice(),trade.ResultDeal()>0 ? "yes" : "no",
                  trade.ResultOrder()>0 ? "yes" : "no",PositionsTotal(),OrdersTotal());
     }
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
bool Do(void)
  {
   if(!pair.RefreshRates())
      return(false);
   double distance=InpPoints*pair.Point();
   if(InpDo=="buy")
      return(trade.Buy(InpLots,_Symbol,InpPrice,Stop(pair.Ask()-distance),Stop(pair.Ask()+distance),"up") &&
             Publish(MT5REDIS_ACTION_BUY));
   if(InpDo=="sell")
      return(trade.Sell(InpLots,NULL,InpPrice,Stop(pair.Bid()+distance),Stop(pair.Bid()-distance),"down") &&
             Publish(MT5REDIS_ACTION_SELL));
   if(InpDo=="open")
      return(trade.PositionOpen(_Symbol,ORDER_TYPE_SELL,InpLots,pair.Bid(),0.0,0.0));
   if(InpDo=="limit")
      return(trade.BuyLimit(InpLots,pair.NormalizePrice(InpPrice),_Symbol,0.0,0.0,ORDER_TIME_GTC,0,"below"));
   if(InpDo=="stop")
      return(trade.SellStop(InpLots,InpPrice,_Symbol));
   if(InpDo=="change order")
      return(waiting.SelectByIndex(0) && trade.OrderModify(waiting.Ticket(),InpPrice,0.0,0.0,ORDER_TIME_GTC,0));
   if(InpDo=="delete")
      return(waiting.SelectByIndex(0) && trade.OrderDelete(waiting.Ticket()));
   if(InpDo=="close by")
      return(trade.PositionCloseBy(PositionGetTicket(0),PositionGetTicket(1)));
   if(InpDo=="close symbol")
      return(trade.PositionClose(_Symbol));
   if(InpDo=="account")
     {
      PrintFormat("account %I64d, %s, %s, balance %.2f, free %.2f",account.Login(),trade.IsHedging() ? "hedging" : "netting",
                  account.Currency(),account.Balance(),account.FreeMargin());
      return(true);
     }
   if(!chosen.SelectByMagic(_Symbol,InpMagic))
      return(false);
   chosen.StoreState();
   PrintFormat("position: %s %.2f at %.5f, stops %.5f %.5f, %s, magic %I64d",chosen.TypeDescription(),chosen.Volume(),
               chosen.PriceOpen(),chosen.StopLoss(),chosen.TakeProfit(),chosen.Comment(),chosen.Magic());
   if(InpDo=="stops")
      return(trade.PositionModify(chosen.Ticket(),Stop(chosen.PriceOpen()-2*distance),Stop(chosen.PriceOpen()+2*distance)) &&
             chosen.SelectByMagic(_Symbol,InpMagic) && chosen.CheckState() && Publish(MT5REDIS_ACTION_MODIFY));
   if(InpDo=="part")
      return(trade.PositionClosePartial(chosen.Ticket(),InpLots) && Publish(MT5REDIS_ACTION_CLOSE));
   if(InpDo=="close")
      return(trade.PositionClose(chosen.Ticket()) && Publish(MT5REDIS_ACTION_CLOSE));
   return(false);
  }
//+------------------------------------------------------------------+
double Stop(const double price) { return(InpPoints>0 ? pair.NormalizePrice(price) : 0.0); }
//+------------------------------------------------------------------+
bool Publish(const int action)
  {
   return(redis.Signal(action,_Symbol,trade.RequestVolume(),trade.RequestSL(),trade.RequestTP(),(long)InpMagic,
                       trade.RequestComment(),0,trade.ResultPrice())>0);
  }
//+------------------------------------------------------------------+
void OnTimer(void)
  {
   redis.PublishInstance();
   redis.PublishPositions();
   redis.PrintEvents();
  }
//+------------------------------------------------------------------+
void OnTradeTransaction(const MqlTradeTransaction &trans,const MqlTradeRequest &request,const MqlTradeResult &result)
  {
   redis.MarkTrade(trans);
  }
//+------------------------------------------------------------------+
void OnDeinit(const int reason)
  {
   EventKillTimer();
   if(reason!=REASON_PARAMETERS)
      redis.Close(reason);
  }
