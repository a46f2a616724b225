//+------------------------------------------------------------------+
//|                                             SignalFollower.mq5   |
//+------------------------------------------------------------------+
// An example: copies the signals of other terminals into this account. Each signal is executed once or counted
// as skipped, with the reason, also across restarts: the order's comment is the signal's mark, and how far each
// terminal's signals were acted on is noted in a global variable before an order is sent. Where nobody knows
// whether an order was executed it is not sent again. A close is passed over only if that very close was followed.
//
// Of two terminals that follow by one name one acts, and the other stands by until that one is gone.
//
// It does not know the other account: volumes are scaled by a factor, and a close means the positions that it
// opened itself for the same instance and magic number.
#property copyright   "mt5-redis contributors, MIT OR Apache-2.0"
#property version     "0.100"
#property description "Copies signals from Redis into this account. Prints what it would do until Dry run is off."
#property description "Allow DLL imports on the Dependencies tab."

#include <Mt5Redis/Mt5RedisFollower.mqh>
#include <Mt5Redis/Mt5RedisOrders.mqh>

enum ENUM_AFTER_GAP
  {
   AFTER_GAP_SKIP=0,       // go on
   AFTER_GAP_CLOSE_ONLY=1, // follow closes only, until this program is removed or its inputs change
   AFTER_GAP_RESYNC=2      // close what was copied, then go on
  };

input string InpRedis       = "redis://127.0.0.1:6379"; // Redis URL, or a TOML file in MQL5\Files
input string InpFollower    = "";                       // Follower's name; empty: this account's own
input string InpInstances   = "";                       // Sources to follow, with commas; *: all
input long   InpSourceMagic = 0;                        // Magic number to follow; 0: all
input string InpSymbols     = "";                       // Symbols: EURUSD=EURUSD.m,XAUUSD=GOLD; others by name
input double InpLotFactor   = 1.0;                      // Volume: the signal's times this
input double InpMaxLots     = 1.0;                      // Volume of an order at most, lots
input int    InpSlippage    = 20;                       // Highest slippage, points
input int    InpMaxAgeMs    = 5000;                     // Highest age of an opening or a change, ms
input ENUM_AFTER_GAP InpAfterGap = AFTER_GAP_CLOSE_ONLY; // After signals were missed
input long   InpMagic       = 20250202;                 // Magic number of the copies
input bool   InpDryRun      = true;                     // Dry run: only print

#define ANSWER_WAIT_MS 10000  // how long an order that nobody answered for may take to appear
#define TRY_FOR_MS     60000  // how long a signal is tried, while no other one is acted on
#define PAUSE_MS       200    // between two attempts

CMt5RedisFollower redis;
SFollowedSignal   current;
string            mark="";           // current's
bool              holding=false;     // current waits for another attempt
ulong             held_since=0;
ulong             next_attempt=0;
ulong             unanswered_since=0; // 0: not
bool              close_only=false;
bool              resync=false;
bool              stands_by=false;
int               executed=0;
int               skipped=0;
string            reason_text="";

//+------------------------------------------------------------------+
int OnInit(void)
  {
   if(InpLotFactor<=0.0 || InpMaxLots<=0.0 || InpSlippage<0 || InpMaxAgeMs<0)
     {
      Alert("SignalFollower: factor and volume must be above 0, slippage and age not below");
      return(INIT_PARAMETERS_INCORRECT);
     }
   if(InpInstances=="")
     {
      Alert("SignalFollower: name the sources to follow, with commas, or * for all there are");
      return(INIT_PARAMETERS_INCORRECT);
     }
   holding=false;
   stands_by=false;
   //--- a gap that was not dealt with before the terminal ended
   close_only=(InpAfterGap==AFTER_GAP_CLOSE_ONLY && GlobalVariableCheck(Note("gap")));
   resync=(InpAfterGap==AFTER_GAP_RESYNC && GlobalVariableCheck(Note("gap")));
   //--- the age is judged below: a close is followed at any age
   if(!redis.Open(InpRedis) || !redis.Subscribe(InpFollower,InpInstances,"",InpSourceMagic))
     {
      Alert("SignalFollower cannot start: ",redis.ErrorText());
      return(INIT_FAILED);
     }
   EventSetMillisecondTimer(20);
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
void OnTimer(void)
  {
   bool acts=Acts();
   for(int i=0; acts && i<50; i++)
     {
      if(GetTickCount64()<next_attempt)
         break;
      if(resync)
        {
         if(CloseCopies("")==OUTCOME_LATER)
           {
            next_attempt=GetTickCount64()+PAUSE_MS;
            break;
           }
         resync=false;
         GlobalVariableDel(Note("gap"));
        }
      if(!holding)
        {
         int found=redis.Next(current);
         if(found==MT5REDIS_ERR_GAP)
           {
            AfterGap();
            continue;
           }
         if(found<=0)
            break;
         mark=redis.Mark(current);
         held_since=GetTickCount64();
         unanswered_since=0;
        }
      ENUM_OUTCOME outcome=Act();
      holding=(outcome==OUTCOME_LATER || outcome==OUTCOME_UNKNOWN);
      if(holding)
        {
         next_attempt=GetTickCount64()+PAUSE_MS;
         break;
        }
      if(outcome==OUTCOME_DONE)
         executed++;
      else
         skipped++;
      PrintFormat("SignalFollower: %s %s%s; %d executed, %d skipped",mark,
                  outcome==OUTCOME_DONE ? "executed" : "skipped: ",outcome==OUTCOME_DONE ? "" : reason_text,
                  executed,skipped);
      redis.Acknowledge(current.data.number);
     }
   redis.PrintEvents();
  }
//+------------------------------------------------------------------+
//| Whether this terminal acts. What it holds when another one does  |
//| is that one's now.                                               |
//+------------------------------------------------------------------+
bool Acts(void)
  {
   int  role=redis.Role();
   bool standby=(role==MT5REDIS_ROLE_STANDBY);
   if(standby)
      holding=false;
   if(standby!=stands_by)
      Comment(standby ? "SignalFollower stands by: another terminal acts as "+
              (InpFollower=="" ? redis.Instance() : InpFollower)+". This one takes over when that is gone." : "");
   stands_by=standby;
   return(role==MT5REDIS_ROLE_ACTING);
  }
//+------------------------------------------------------------------+
ENUM_OUTCOME Skip(const string reason)
  {
   reason_text=reason;
   return(OUTCOME_SKIP);
  }
//+------------------------------------------------------------------+
void Prepare(MqlTradeRequest &request)
  {
   request.magic=(ulong)InpMagic;
   request.deviation=(ulong)InpSlippage;
  }
//+------------------------------------------------------------------+
void AfterGap(void)
  {
   Alert("SignalFollower: ",redis.ErrorText());
   if(InpAfterGap==AFTER_GAP_SKIP)
      return;
   close_only=(InpAfterGap==AFTER_GAP_CLOSE_ONLY);
   resync=(InpAfterGap==AFTER_GAP_RESYNC);
   if(!InpDryRun)
      Keep("gap",1.0);
  }
//+------------------------------------------------------------------+
//| Acts on the current signal.                                      |
//+------------------------------------------------------------------+
ENUM_OUTCOME Act(void)
  {
   string symbol=Mapped(InpSymbols,current.symbol);
   int    action=current.data.action;
   long   age_ms=current.data.age_ms+(long)(GetTickCount64()-held_since);
   if(unanswered_since>0)
      return(Unanswered());
   if(!holding && action==MT5REDIS_ACTION_CLOSE && Value(ClosedName())==ThisVery())
      return(Skip("it was followed before"));
   if(!holding && action!=MT5REDIS_ACTION_CLOSE && Reached()>=current.data.sequence)
      return(Skip(Marked(mark) ? "it was executed before" : "it was acted on before, and no order has its mark"));
   if(!SymbolSelect(symbol,true))
      return(Skip("this broker has no symbol "+symbol));
   if(action==MT5REDIS_ACTION_CLOSE)
      return(FollowClose(symbol));
   if(close_only)
      return(Skip("only closes are followed since signals were missed"));
   if(InpMaxAgeMs>0 && age_ms>InpMaxAgeMs)
      return(Skip(StringFormat("it is %I64d ms old",age_ms)));
   //--- both may have passed since it was received
   if(current.data.expiry_ms>0 && current.data.time_ms+age_ms>current.data.expiry_ms)
      return(Skip("it has expired"));
   if(GetTickCount64()-held_since>TRY_FOR_MS)
      return(Skip("the trade server did not take it for a minute"));
   if(action==MT5REDIS_ACTION_MODIFY)
      return(ModifyCopies(symbol));
   return(OpenCopy(symbol,action==MT5REDIS_ACTION_BUY));
  }
//+------------------------------------------------------------------+
//| What became of an order that nobody answered for.                |
//+------------------------------------------------------------------+
ENUM_OUTCOME Unanswered(void)
  {
   if(Marked(mark))
      return(OUTCOME_DONE);
   if(GetTickCount64()-unanswered_since<ANSWER_WAIT_MS)
      return(OUTCOME_UNKNOWN);
   return(Skip("the trade server did not answer, and no order with its mark has come"));
  }
//+------------------------------------------------------------------+
//| Notes that a restart must find: global variables of the          |
//| terminal, by account and magic number. Up to which number a      |
//| source's signals were acted on; which closes were followed, for  |
//| as long as a terminal keeps its variables; whom a copy follows.  |
//+------------------------------------------------------------------+
string Note(const string name)
  {
   return(StringFormat("mt5redis.%I64x.%I64x.%s",AccountInfoInteger(ACCOUNT_LOGIN),InpMagic,name));
  }
void   Keep(const string name,const double value)
  {
   GlobalVariableSet(Note(name),value);
   GlobalVariablesFlush();
  }
string ReachedName(void)        { return(StringFormat("%I64x.%I64x",current.data.producer,Sum(current.instance)%4294967296)); }
string ClosedName(void)         { return(mark+".c"); }
long   Reached(void)            { return((long)Value(ReachedName())); }
double Value(const string name) { return(GlobalVariableCheck(Note(name)) ? GlobalVariableGet(Note(name)) : 0.0); }
//+------------------------------------------------------------------+
//| A text as a number that a global variable can hold.              |
//+------------------------------------------------------------------+
ulong Sum(const string text)
  {
   ulong sum=5381;
   for(int i=0; i<StringLen(text); i++)
      sum=(sum*33+StringGetCharacter(text,i))%9007199254740881;
   return(sum);
  }
//--- the instance and magic number of a signal; its source and the time it was given
double Source(void)             { return((double)Sum(current.instance+"/"+IntegerToString(current.data.magic))); }
double ThisVery(void)           { return((double)Sum(current.instance+"@"+IntegerToString(current.data.time_ms))); }
//+------------------------------------------------------------------+
ENUM_OUTCOME OpenCopy(const string symbol,const bool buy)
  {
   double most=MathMin(SymbolInfoDouble(symbol,SYMBOL_VOLUME_MAX),InpMaxLots);
   double lots=Lots(symbol,current.data.volume*InpLotFactor,most);
   if(lots<=0.0)
      return(Skip(StringFormat("%.2f lots times the factor are less than this broker takes",current.data.volume)));
   double price=SymbolInfoDouble(symbol,buy ? SYMBOL_ASK : SYMBOL_BID);
   double point=SymbolInfoDouble(symbol,SYMBOL_POINT);
   double worse=(buy ? price-current.data.price : current.data.price-price);
   if(price<=0.0)
      return(Skip("there is no price"));
   if(current.data.price>0.0 && worse>InpSlippage*point+point/2.0)
      return(Skip("the price has moved away by "+DoubleToString(worse/point,0)+" points"));
   if(InpDryRun)
      return(Skip(StringFormat("dry run: would %s %.2f %s",buy ? "buy" : "sell",lots,symbol)));
   //--- the notes may be lost, the account's history is not
   if(!holding && Marked(mark))
      return(Skip("it was executed before"));
   //--- whatever happens from here on, it is not sent again after a restart
   GlobalVariableSet(Note(mark+".s"),Source());
   GlobalVariableSet(Note(mark+".p"),(double)current.data.position);
   Keep(ReachedName(),(double)current.data.sequence);
   MqlTradeRequest request={};
   Prepare(request);
   request.action=TRADE_ACTION_DEAL;
   request.symbol=symbol;
   request.volume=lots;
   request.type=(buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL);
   request.price=price;
   request.sl=current.data.stop_loss;
   request.tp=current.data.take_profit;
   request.comment=mark;
   ENUM_OUTCOME outcome=Send(request,reason_text);
   if(outcome==OUTCOME_UNKNOWN)
      unanswered_since=GetTickCount64();
   return(outcome);
  }
//+------------------------------------------------------------------+
//| A close that was begun before a restart goes on: what it closed  |
//| has its mark.                                                    |
//+------------------------------------------------------------------+
ENUM_OUTCOME FollowClose(const string symbol)
  {
   ENUM_OUTCOME outcome=CloseCopies(symbol);
   if(outcome==OUTCOME_LATER && GetTickCount64()-held_since>TRY_FOR_MS)
     {
      Alert("SignalFollower: ",symbol," could not be closed as the signal says: close it by hand");
      outcome=Skip("it could not be closed");
     }
   if(outcome==OUTCOME_LATER || outcome==OUTCOME_UNKNOWN || InpDryRun)
      return(outcome);
   //--- no number decides over a close: journals may be put back, and a source may write what it likes
   if(current.data.sequence>Reached())
      GlobalVariableSet(Note(ReachedName()),(double)current.data.sequence);
   Keep(ClosedName(),ThisVery());
   return(outcome);
  }
//+------------------------------------------------------------------+
//| Closes the copies that the current signal means; without a       |
//| symbol all there are.                                            |
//+------------------------------------------------------------------+
ENUM_OUTCOME CloseCopies(const string symbol)
  {
   ENUM_OUTCOME outcome=Skip("nothing that was copied is open");
   bool   partly=(symbol!="" && current.data.volume>0.0);
   double before=(symbol=="" ? 0.0 : MarkedVolume(mark));
   double left=0.0;
   //--- what is closed already is not known, so neither is what is left
   if(before<0.0)
      return(OUTCOME_LATER);
   if(partly)
     {
      left=Lots(symbol,current.data.volume*InpLotFactor,1000000.0)-before;
      if(before<=0.0 && left<=0.0)
         return(Skip("less than this broker closes"));
     }
   if(before>0.0)
      outcome=OUTCOME_DONE;
   for(int i=PositionsTotal()-1; i>=0; i--)
     {
      ulong ticket=PositionGetTicket(i);
      if(ticket==0 || !IsMeant(symbol))
         continue;
      string name=PositionGetString(POSITION_SYMBOL);
      string copy=PositionGetString(POSITION_COMMENT);
      double lots=PositionGetDouble(POSITION_VOLUME);
      bool   whole=(!partly || left>lots-0.000001);
      bool   buy=(PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_BUY);
      if(partly)
         lots=MathMin(lots,NormalizeDouble(left,8));
      if(lots<0.000001)
         break;
      if(InpDryRun)
         return(Skip(StringFormat("dry run: would close %.2f %s",lots,name)));
      MqlTradeRequest request={};
      Prepare(request);
      request.action=TRADE_ACTION_DEAL;
      request.position=ticket;
      request.symbol=name;
      request.volume=lots;
      request.type=(buy ? ORDER_TYPE_SELL : ORDER_TYPE_BUY);
      request.price=SymbolInfoDouble(name,buy ? SYMBOL_BID : SYMBOL_ASK);
      request.comment=(symbol=="" ? "" : mark);
      outcome=Send(request,reason_text);
      //--- a position closes once at most, a part of it does not
      if(outcome==OUTCOME_UNKNOWN && whole)
         return(OUTCOME_LATER);
      if(outcome==OUTCOME_UNKNOWN)
         unanswered_since=GetTickCount64();
      if(outcome!=OUTCOME_DONE)
         return(outcome);
      if(whole)
        {
         GlobalVariableDel(Note(copy+".s"));
         GlobalVariableDel(Note(copy+".p"));
        }
      left-=lots;
     }
   return(outcome);
  }
//+------------------------------------------------------------------+
ENUM_OUTCOME ModifyCopies(const string symbol)
  {
   ENUM_OUTCOME outcome=Skip("nothing that was copied is open");
   for(int i=PositionsTotal()-1; i>=0; i--)
     {
      ulong ticket=PositionGetTicket(i);
      if(ticket==0 || !IsMeant(symbol))
         continue;
      if(InpDryRun)
         return(Skip("dry run: would change the stops of "+symbol));
      MqlTradeRequest request={};
      Prepare(request);
      request.action=TRADE_ACTION_SLTP;
      request.position=ticket;
      request.symbol=symbol;
      request.sl=current.data.stop_loss;
      request.tp=current.data.take_profit;
      outcome=Send(request,reason_text);
      //--- the same stops twice do no harm
      if(outcome==OUTCOME_UNKNOWN)
         outcome=OUTCOME_LATER;
      if(outcome!=OUTCOME_DONE)
         return(outcome);
     }
   return(outcome);
  }
//+------------------------------------------------------------------+
//| Whether the selected position is a copy that the current signal  |
//| means: of its symbol, instance and magic number, and of its      |
//| position where both know one. Without a symbol: any copy.        |
//+------------------------------------------------------------------+
bool IsMeant(const string symbol)
  {
   if(PositionGetInteger(POSITION_MAGIC)!=InpMagic)
      return(false);
   if(symbol=="")
      return(true);
   if(PositionGetString(POSITION_SYMBOL)!=symbol)
      return(false);
   string copy=PositionGetString(POSITION_COMMENT);
   double source=Value(copy+".s");
   double position=Value(copy+".p");
   if(source>0.0 && source!=Source())
      return(false);
   return(current.data.position==0 || position<=0.0 || (long)position==current.data.position);
  }
//+------------------------------------------------------------------+
void OnDeinit(const int reason)
  {
   EventKillTimer();
   if(stands_by)
      Comment("");
   if(reason==REASON_REMOVE || reason==REASON_PARAMETERS)
      GlobalVariableDel(Note("gap"));
   //--- what the library passed over by itself: late, filtered, duplicates
   string stats=redis.Stats();
   int    inbox=StringFind(stats,"\"inbox\"");
   StringReplace(stats,"\"","");
   if(inbox>=0)
      Print("SignalFollower: ",StringSubstr(stats,StringFind(stats,"inbox:")));
   redis.Close(reason);
  }
//+------------------------------------------------------------------+
