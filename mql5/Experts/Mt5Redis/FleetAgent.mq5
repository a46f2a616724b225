//+------------------------------------------------------------------+
//|                                                 FleetAgent.mq5   |
//+------------------------------------------------------------------+
// Publishes the terminal's account and positions to Redis, under pressure less often (docs/backpressure.md). Attach it
// to one chart of the terminal, with any symbol. It never trades and never waits for the network. It keeps running when
// the chart, the inputs or the account change, and does nothing in the strategy tester.
#property copyright   "mt5-redis contributors, MIT OR Apache-2.0"
#property version     "0.100"
#property description "Publishes this terminal's account and positions to Redis. Attach it to one chart per terminal."
#property description "Allow DLL imports on the Dependencies tab."

#include <Mt5Redis/Mt5Redis.mqh>

input string InpRedis       = "redis://127.0.0.1:6379"; // Redis URL, or a TOML file in MQL5\Files
input string InpInstance    = "";                       // Instance id; empty: <login>.<server>
input int    InpPositionsMs = 500;                      // Interval between looks at the positions, ms
input int    InpHeartbeatMs = 1000;                     // Interval between heartbeats, ms

CMt5Redis redis;
string    publishing="";       // the instance that was announced last
ulong     next_heartbeat_ms=0;
string    shown="";            // on the chart

//+------------------------------------------------------------------+
int OnInit(void)
  {
   if(MQLInfoInteger(MQL_TESTER)!=0)
      return(INIT_SUCCEEDED);
   if(InpPositionsMs<50 || InpHeartbeatMs<InpPositionsMs)
     {
      Alert("FleetAgent: the interval of positions must be at least 50 ms, and that of heartbeats at least as long");
      return(INIT_PARAMETERS_INCORRECT);
     }
   if(!redis.Open(InpRedis,InpInstance))
     {
      Alert("FleetAgent cannot start: ",redis.ErrorText());
      return(INIT_FAILED);
     }
   publishing="";
   Announce();
   if(!EventSetMillisecondTimer(InpPositionsMs))
     {
      Alert("FleetAgent cannot start: the terminal provides no timer, error ",GetLastError());
      return(INIT_FAILED);
     }
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
//| Announces the instance, which is unknown before the first login  |
//| and changes with the account.                                    |
//+------------------------------------------------------------------+
void Announce(void)
  {
   if(!redis.IsOpen() || redis.Instance()==publishing)
      return;
   publishing=redis.Instance();
   next_heartbeat_ms=0;
   Print("FleetAgent: publishing as ",publishing,", library ",redis.Version());
  }
//+------------------------------------------------------------------+
void OnTimer(void)
  {
   redis.PrintEvents();
   if(redis.IsOpen())
      Publish();
   Show(redis.IsOpen() ? Halt()+Pressure() : "FleetAgent: "+redis.Trouble());
  }
//+------------------------------------------------------------------+
void Publish(void)
  {
   Announce();
   ulong now_ms=GetTickCount64();
   if(now_ms>=next_heartbeat_ms)
     {
      next_heartbeat_ms=now_ms+(ulong)InpHeartbeatMs;
      redis.PublishInstance(InpHeartbeatMs,"FleetAgent");
     }
   redis.PublishPositions();
   redis.PrintEvents();
  }
//+------------------------------------------------------------------+
//| The text for the chart while an operator halts this instance.    |
//+------------------------------------------------------------------+
string Halt(void)
  {
   switch(redis.Halted())
     {
      case MT5REDIS_HALT_ENTRIES:
         return("mt5-redis: HALTED, no new positions. "+redis.HaltReason()+"\n");
      case MT5REDIS_HALT_ALL:
         return("mt5-redis: HALTED, no new positions, copies are closed. "+redis.HaltReason()+"\n");
     }
   return("");
  }
//+------------------------------------------------------------------+
//| The text for the chart while there is pressure.                  |
//+------------------------------------------------------------------+
string Pressure(void)
  {
   switch(redis.Throttle())
     {
      case 1:
         return("mt5-redis: slow (1 of 3). Heartbeats and prices are sent less often");
      case 2:
         return("mt5-redis: heavy (2 of 3). No prices; opens, changes, closes and signals as ever");
      case 3:
         return("mt5-redis: critical (3 of 3). No prices and few heartbeats; see the Experts tab");
     }
   return("");
  }
//+------------------------------------------------------------------+
void Show(const string text)
  {
   if(text!=shown)
      Comment(text);
   shown=text;
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
   Show("");
   redis.Close(reason);
  }
//+------------------------------------------------------------------+
