// A trader's program whose own names are the commonest there are, before and behind the include files: nothing of
// them may collide with nothing of ours. It publishes and follows with one object.
string state="";
double volume=0.1;
double lots=0.2;
long   magic=77;

#include <Mt5Redis/Mt5Redis.mqh>
#include <Mt5Redis/Mt5RedisCopier.mqh>

input string InpRedis     = "redis://127.0.0.1:6379";
input string InpInstances = "";

enum ENUM_OUTCOME { OUTCOME_DONE,OUTCOME_SKIP,OUTCOME_LATER };

CMt5Redis redis;
string    symbol="EURUSD";
string    comment="";
string    text="";
string    reason="";
string    instance="";
string    mark="";
double    price=0.0;
double    stop_loss=0.0;
double    take_profit=0.0;
ulong     ticket=0;
ulong     now=0;
int       i=0;
int       count=0;
int       total=0;
int       handle=0;
int       shown=0;
bool      closed=false;
bool      open=false;
MqlTradeRequest request;
MqlTradeResult  result;

//+------------------------------------------------------------------+
double Lots(void)                    { return(lots); }
bool   Send(MqlTradeRequest &what)   { return(OrderSend(what,result)); }
int    Filling(void)                 { return(0); }
string Mapped(const string name)     { return(name); }
ENUM_OUTCOME Skip(const string why)  { reason=why; return(OUTCOME_SKIP); }
//+------------------------------------------------------------------+
int OnInit(void)
  {
   if(!redis.Open(InpRedis) || !redis.Subscribe(InpInstances,"crowd"))
     {
      Alert(redis.ErrorText());
      return(INIT_FAILED);
     }
   EventSetTimer(1);
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
//| Repeats in its own name what others say.                         |
//+------------------------------------------------------------------+
void OnTimer(void)
  {
   SFollowedSignal signal;
   while(redis.Next(signal)>0)
     {
      Print("heard ",signal.instance," ",signal.symbol);
      switch(signal.data.action)
        {
         case MT5REDIS_ACTION_BUY:
            redis.Buy(signal.symbol,signal.data.volume,1.0,2.0,magic,"bought",7,1.5,60);
            break;
         case MT5REDIS_ACTION_SELL:
            redis.Sell(signal.symbol,Lots());
            break;
         case MT5REDIS_ACTION_CLOSE:
            redis.CloseSignal(signal.symbol,magic,7,0.05,"closed");
            break;
         default:
            redis.Modify(signal.symbol,1.1,1.9,magic,7,"changed");
        }
      redis.Acknowledge(signal.data.number);
     }
   redis.PublishInstance();
   redis.PublishPositions();
   redis.PrintEvents();
  }
//+------------------------------------------------------------------+
void OnDeinit(const int why)
  {
   EventKillTimer();
   redis.Close(why);
  }
