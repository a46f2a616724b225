//+------------------------------------------------------------------+
//|                                            SignalPublisher.mq5   |
//+------------------------------------------------------------------+
// An example, and a skeleton for your own strategy: publishes a signal when two moving averages cross on a closed bar.
// It places no orders; a follower decides what to do with the signals.
#property copyright   "mt5-redis contributors, MIT OR Apache-2.0"
#property version     "0.100"
#property description "Publishes a signal to Redis when two moving averages cross. It places no orders."
#property description "Allow DLL imports on the Dependencies tab."

#include <Mt5Redis/Mt5Redis.mqh>

input string InpRedis      = "redis://127.0.0.1:6379"; // Redis URL, or a TOML file in MQL5\Files
input int    InpFastPeriod = 10;                       // Fast average, bars
input int    InpSlowPeriod = 30;                       // Slow average, bars
input double InpLots       = 0.10;                     // Volume of a signal, lots
input int    InpStopPoints = 300;                      // Distance of stop loss and take profit, points; 0: none
input int    InpValidSec   = 30;                       // Validity of a signal, seconds
input long   InpMagic      = 20250101;                 // Magic number

CMt5Redis redis;
int       fast_average=INVALID_HANDLE;
int       slow_average=INVALID_HANDLE;
datetime  last_bar=0;
string    shown="";            // on the chart

//+------------------------------------------------------------------+
int OnInit(void)
  {
   if(InpFastPeriod<1 || InpSlowPeriod<=InpFastPeriod)
     {
      Alert("SignalPublisher: the slow average needs more bars than the fast one, and the fast one at least 1");
      return(INIT_PARAMETERS_INCORRECT);
     }
   if(!redis.Open(InpRedis))
     {
      Alert("SignalPublisher cannot start: ",redis.ErrorText());
      return(INIT_FAILED);
     }
   last_bar=0;
   EventSetTimer(1);
   HasAverages();
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
//| Creates the averages. Right after the terminal's start the       |
//| symbol may have no history, so this is tried again.              |
//+------------------------------------------------------------------+
bool HasAverages(void)
  {
   if(fast_average==INVALID_HANDLE)
      fast_average=iMA(_Symbol,_Period,InpFastPeriod,0,MODE_EMA,PRICE_CLOSE);
   if(slow_average==INVALID_HANDLE)
      slow_average=iMA(_Symbol,_Period,InpSlowPeriod,0,MODE_EMA,PRICE_CLOSE);
   if(fast_average==INVALID_HANDLE || slow_average==INVALID_HANDLE)
      return(false);
   if(last_bar==0)
      last_bar=iTime(_Symbol,_Period,0); // only a bar that closes from now on gives a signal
   return(last_bar!=0);
  }
//+------------------------------------------------------------------+
void OnTick(void)
  {
   if(!HasAverages())
      return;
   datetime bar=iTime(_Symbol,_Period,0);
   if(bar==0 || bar==last_bar)
      return;
   double fast[2];
   double slow[2];
   if(CopyBuffer(fast_average,0,1,2,fast)!=2 || CopyBuffer(slow_average,0,1,2,slow)!=2)
      return; // the averages are not ready: try again at the next tick
   last_bar=bar;
   if(fast[0]<=slow[0] && fast[1]>slow[1])
      Publish(true,SymbolInfoDouble(_Symbol,SYMBOL_ASK),1.0);
   if(fast[0]>=slow[0] && fast[1]<slow[1])
      Publish(false,SymbolInfoDouble(_Symbol,SYMBOL_BID),-1.0);
  }
//+------------------------------------------------------------------+
void Publish(const bool buy,const double price,const double direction)
  {
   double distance=InpStopPoints*_Point*direction;
   double stop_loss=(InpStopPoints>0 ? NormalizeDouble(price-distance,_Digits) : 0.0);
   double take_profit=(InpStopPoints>0 ? NormalizeDouble(price+distance,_Digits) : 0.0);
   long   sequence=(buy ? redis.Buy(_Symbol,InpLots,stop_loss,take_profit,InpMagic,"ma cross",0,price,InpValidSec) :
                    redis.Sell(_Symbol,InpLots,stop_loss,take_profit,InpMagic,"ma cross",0,price,InpValidSec));
   if(sequence>0)
      PrintFormat("SignalPublisher: signal %I64d, %s %.2f %s at %s",sequence,buy ? "buy" : "sell",
                  InpLots,_Symbol,DoubleToString(price,_Digits));
   redis.PrintEvents();
  }
//+------------------------------------------------------------------+
void OnTimer(void)
  {
   redis.PrintEvents();
   string trouble=redis.Trouble();
   Show(trouble=="" ? "" : "SignalPublisher: "+trouble);
  }
//+------------------------------------------------------------------+
void Show(const string text)
  {
   if(text!=shown)
      Comment(text);
   shown=text;
  }
//+------------------------------------------------------------------+
void OnDeinit(const int reason)
  {
   EventKillTimer();
   Show("");
   IndicatorRelease(fast_average);
   IndicatorRelease(slow_average);
   fast_average=INVALID_HANDLE;
   slow_average=INVALID_HANDLE;
   redis.Close(reason);
  }
//+------------------------------------------------------------------+
