//+------------------------------------------------------------------+
//|                                                  SmokeTest.mq5   |
//+------------------------------------------------------------------+
// Sends one record of each kind to Redis, waits until they have arrived and prints the result. It disturbs nobody: it
// has an instance of its own, closes the position that it invents, and sends a signal that has already expired.
#property copyright   "mt5-redis contributors, MIT OR Apache-2.0"
#property version     "0.100"
#property description "Sends one record of each kind to Redis and reports whether they arrived."
#property script_show_inputs

#include <Mt5Redis/Mt5Redis.mqh>

input string InpRedis    = "redis://127.0.0.1:6379"; // Redis URL, or a TOML file in MQL5\Files
input string InpInstance = "smoke-test";             // Instance id
input int    InpWaitMs   = 5000;                     // Longest wait for Redis, ms

#define SMOKE_SYMBOL "SMOKETEST"

CMt5Redis redis;
int       failures=0;

//+------------------------------------------------------------------+
void OnStart(void)
  {
   if(!redis.Open(InpRedis,InpInstance))
     {
      Alert("Smoke test failed: cannot open the session, error ",redis.ErrorCode(),": ",redis.ErrorText());
      return;
     }
   Print("Smoke test: library ",redis.Version(),", instance ",redis.Instance());

   Expect("heartbeat",redis.PublishInstance(0,"SmokeTest"));
   SendTrades();
   SendSignal();
   if(!redis.Flush(InpWaitMs))
      Fail("flush",redis.ErrorCode());

   PrintFormat("Smoke test: committed up to ris %I64d, rts %I64d, rtss %I64d",redis.Committed(MT5REDIS_LANE_RIS),
               redis.Committed(MT5REDIS_LANE_RTS),redis.Committed(MT5REDIS_LANE_RTSS));
   Print("Smoke test: ",redis.Stats());
   if(!redis.Close(REASON_PROGRAM))
      Fail("close",redis.ErrorCode());
   if(failures==0)
      Alert("Smoke test passed: every record is in Redis");
   else
      Alert("Smoke test failed: ",failures," steps failed, see the Experts tab");
  }
//+------------------------------------------------------------------+
//| Opens, changes and closes an invented position.                  |
//+------------------------------------------------------------------+
void SendTrades(void)
  {
   mt5redis_trade_t trade;
   ZeroMemory(trade);
   trade.position=1;
   trade.ticket=1;
   trade.volume=0.02;
   trade.price_open=1.10000;
   trade.price_current=1.10000;
   trade.side=MT5REDIS_SIDE_BUY;
   trade.digits=5;
   trade.event=MT5REDIS_EVENT_OPEN;
   Expect("open",redis.SendTrade(trade,SMOKE_SYMBOL,"smoke test"));
   long positions[1]= {1};
   Expect("set of open positions",redis.SendOpenPositions(positions,1));
   trade.volume=0.01;
   trade.volume_closed=0.01;
   trade.event=MT5REDIS_EVENT_CHANGE;
   Expect("partial close",redis.SendTrade(trade,SMOKE_SYMBOL,"smoke test"));
   trade.volume=0.0;
   trade.volume_closed=0.02;
   trade.price_close=1.10010;
   trade.profit=0.2;
   trade.event=MT5REDIS_EVENT_CLOSE;
   Expect("close",redis.SendTrade(trade,SMOKE_SYMBOL,"smoke test"));
   Expect("empty set of open positions",redis.SendOpenPositions(positions,0));
  }
//+------------------------------------------------------------------+
//| A signal that expired in 1970: no follower acts on it.           |
//+------------------------------------------------------------------+
void SendSignal(void)
  {
   mt5redis_signal_t signal;
   ZeroMemory(signal);
   signal.action=MT5REDIS_ACTION_CLOSE;
   signal.position=1;
   signal.expiry_ms=1;
   Expect("signal",redis.SendSignal(signal,SMOKE_SYMBOL,"smoke test"));
  }
//+------------------------------------------------------------------+
void Expect(const string what,const long sequence)
  {
   if(sequence>0)
      Print("Smoke test: ",what," accepted as ",sequence);
   else
      Fail(what,sequence);
  }
//+------------------------------------------------------------------+
void Fail(const string what,const long code)
  {
   failures++;
   Print("Smoke test: ",what," failed, error ",code,": ",redis.ErrorText());
  }
//+------------------------------------------------------------------+
