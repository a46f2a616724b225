// How long a publishing call takes, seen by the program: the mean of ten calls, thousands of times. Ten, for the
// clock counts microseconds.
#include <Mt5Redis/Mt5Redis.mqh>

input string InpRedis  = "redis://127.0.0.1:6379";
input int    InpGroups = 4000;

#define CALLS 10

CMt5Redis redis;

//+------------------------------------------------------------------+
void OnStart(void)
  {
   if(!redis.Open(InpRedis,"bench"))
     {
      Alert("cannot open: ",redis.ErrorText());
      return;
     }
   double signals[];
   double trades[];
   ArrayResize(signals,InpGroups);
   ArrayResize(trades,InpGroups);
   for(int i=0; i<InpGroups; i++)
     {
      signals[i]=TimeSignals(i);
      trades[i]=TimeTrades(i);
      //--- 100 calls a millisecond are far beyond any program: let the library keep up
      if(i%50==49)
         redis.Flush(5000);
     }
   Report("Signal",signals);
   Report("SendTrade",trades);
   redis.Close(REASON_PROGRAM);
  }
//+------------------------------------------------------------------+
double TimeSignals(const int group)
  {
   ulong start=GetMicrosecondCount();
   for(int i=0; i<CALLS; i++)
      redis.Signal(MT5REDIS_ACTION_BUY,"EURUSD",0.1,1.09,1.12,group,"bench");
   return((double)(long)(GetMicrosecondCount()-start)/CALLS);
  }
//+------------------------------------------------------------------+
double TimeTrades(const int group)
  {
   mt5redis_trade_t trade;
   ZeroMemory(trade);
   trade.position=group+1;
   trade.ticket=group+1;
   trade.volume=0.02;
   trade.price_open=1.1;
   trade.price_current=1.1;
   trade.side=MT5REDIS_SIDE_BUY;
   trade.digits=5;
   trade.event=MT5REDIS_EVENT_CHANGE;
   ulong start=GetMicrosecondCount();
   for(int i=0; i<CALLS; i++)
      redis.SendTrade(trade,"EURUSD","bench");
   return((double)(long)(GetMicrosecondCount()-start)/CALLS);
  }
//+------------------------------------------------------------------+
void Report(const string what,double &microseconds[])
  {
   ArraySort(microseconds);
   int size=ArraySize(microseconds);
   PrintFormat("%s: p50 %.1f us, p99 %.1f us a call",what,microseconds[size/2],microseconds[size*99/100]);
  }
