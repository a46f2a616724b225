// Does with the class CMt5Redis what its input says, and prints what came of it. A scenario attaches it once and
// then changes its inputs, which runs OnInit again with the same object.
#include <Mt5Redis/Mt5Redis.mqh>

input string InpRedis    = "redis://127.0.0.1:6379";
input string InpInstance = "";
input string InpDo       = "nothing";
input long   InpNumber   = 0;
input string InpText     = "";

CMt5Redis redis;

//+------------------------------------------------------------------+
int OnInit(void)
  {
   long result=0;
   if(InpDo=="open")
      result=(redis.Open(InpRedis,InpInstance) ? 1 : 0);
   if(InpDo=="close")
      result=(redis.Close(InpNumber==9 ? REASON_CLOSE : REASON_REMOVE) ? 1 : 0);
   if(InpDo=="looks")
      for(long i=0; i<InpNumber; i++)
         result=redis.PublishPositions();
   if(InpDo=="position")
      result=redis.PublishPosition((ulong)InpNumber);
   if(InpDo=="selected")
      result=(PositionSelectByTicket((ulong)InpNumber) ? redis.PublishPosition() : 0);
   if(InpDo=="instance")
      result=redis.PublishInstance((int)InpNumber,InpText);
   if(InpDo=="usual instance")
      result=redis.PublishInstance();
   if(InpDo=="modify")
      result=redis.Signal(MT5REDIS_ACTION_MODIFY,_Symbol,0.0,1.05,1.15,InpNumber,InpText,7,1.1,5);
   if(InpDo=="buy")
      result=redis.Signal(MT5REDIS_ACTION_BUY,InpText,0.5);
   if(InpDo=="report" || InpDo=="skip")
      result=Report();
   if(InpDo=="flush")
      result=(redis.Flush((int)InpNumber) ? 1 : 0);
   if(InpDo=="committed")
      result=redis.Committed((int)InpNumber);
   if(InpDo=="events")
      result=redis.PrintEvents();
   if(InpDo=="stats")
      result=StringFind(redis.Stats(),"\"rts\"");
   if(InpDo=="default")
      Print("default ",redis.DefaultInstance());
   if(InpDo=="version")
      Print("version ",redis.Version(),".");
   if(InpDo=="default fields")
      SendDefaults();
   PrintFormat("%s: %I64d, code %d, %s%s",InpDo,result,redis.ErrorCode(),redis.IsOpen() ? "open" : "not open",
               redis.AccountChanged() ? ", another account" : "");
   Print("error: ",redis.ErrorText());
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
//| Reports a signal to sell, as if it had come, executed or not.    |
//+------------------------------------------------------------------+
long Report(void)
  {
   SFollowedSignal signal;
   mt5redis_report_t report;
   ZeroMemory(signal.data);
   ZeroMemory(report);
   signal.instance="1.Demo";
   signal.data.producer=-1;
   signal.data.sequence=InpNumber;
   signal.data.time_ms=1763800000000;
   signal.data.action=MT5REDIS_ACTION_SELL;
   report.outcome=MT5REDIS_OUTCOME_SKIPPED;
   if(InpDo=="skip")
      return(redis.Report(signal,report,"",InpText));
   report.outcome=MT5REDIS_OUTCOME_DONE;
   report.order=7;
   report.volume_wanted=0.1;
   report.volume_done=0.1;
   report.price_wanted=1.10000;
   report.price_filled=1.09990;
   report.slippage=redis.Slippage(_Symbol,false,report.price_wanted,report.price_filled);
   report.latency_ms=83;
   report.retcode=10009;
   Print("slippage of a purchase ",redis.Slippage(_Symbol,true,report.price_wanted,report.price_filled),
         ", without a price ",redis.Slippage(_Symbol,true,0.0,report.price_filled),
         ", without a symbol ",redis.Slippage("",true,report.price_wanted,report.price_filled));
   return(redis.Report(signal,report,_Symbol,InpText));
  }
//+------------------------------------------------------------------+
//| Structs that nobody filled are refused, not sent.                |
//+------------------------------------------------------------------+
void SendDefaults(void)
  {
   mt5redis_trade_t trade;
   mt5redis_signal_t signal;
   mt5redis_instance_t state;
   ZeroMemory(trade);
   ZeroMemory(signal);
   ZeroMemory(state);
   Print("trade ",redis.SendTrade(trade,_Symbol,"")," signal ",redis.SendSignal(signal,_Symbol,"")," text ",
         redis.ErrorText());
   state.leverage=-1;
   Print("instance ",redis.SendInstance(state,"probe"));
  }
//+------------------------------------------------------------------+
void OnTick(void)
  {
   redis.PrintEvents();
  }
//+------------------------------------------------------------------+
void OnTradeTransaction(const MqlTradeTransaction &trans,const MqlTradeRequest &request,const MqlTradeResult &result)
  {
   redis.MarkTrade(trans);
  }
