//+------------------------------------------------------------------+
//|                                           AccountPublisher.mq5   |
//+------------------------------------------------------------------+
// Publishes what happens in this account as signals, whoever trades: a person, other Expert Advisors or the phone. Attach
// it to one chart of one terminal of the account. It never trades and never waits for the network. Mt5RedisAccount.mqh
// does the work, and tells each event once; your own Expert Advisor can use it too.
#property copyright   "mt5-redis contributors, MIT OR Apache-2.0"
#property version     "0.100"
#property description "Publishes this account's trades as signals, for SignalFollower in other terminals."
#property description "Attach it to one chart. Allow DLL imports on the Dependencies tab."

#include <Mt5Redis/Mt5RedisAccount.mqh>

input string InpRedis     = "redis://127.0.0.1:6379"; // Redis URL, or a TOML file in MQL5\Files
input string InpInstance  = "";                       // Instance id; empty: <login>.<server>
input string InpSymbols   = "";                       // Symbols, separated by commas; empty: all
input string InpMagics    = "";                       // Magic numbers, separated by commas; 0: manual; empty: all
input ENUM_MT5REDIS_DIRECTION InpDirection = MT5REDIS_BOTH_DIRECTIONS; // Direction
input string InpComment   = "";                       // Only with this text in the comment; empty: any
input bool   InpOrders    = true;                     // Pending orders, too

CMt5Redis        redis;
CMt5RedisAccount account;
string           shown="";

//+------------------------------------------------------------------+
int OnInit(void)
  {
   if(MQLInfoInteger(MQL_TESTER)!=0)
      return(INIT_SUCCEEDED);
   SMt5RedisAccountRules rules;
   rules.symbols=InpSymbols;
   rules.magics=InpMagics;
   rules.direction=InpDirection;
   rules.comment=InpComment;
   rules.orders=InpOrders;
   account.Start(rules);
   if(!redis.Open(InpRedis,InpInstance))
     {
      Alert("AccountPublisher cannot start: ",redis.ErrorText());
      return(INIT_FAILED);
     }
   if(!EventSetMillisecondTimer(20))
     {
      Alert("AccountPublisher cannot start: the terminal provides no timer, error ",GetLastError());
      return(INIT_FAILED);
     }
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
void OnTimer(void)
  {
   account.Work(redis);
   redis.PrintEvents();
   string status=redis.Trouble();
   status=(status=="" ? account.Status() : status);
   if(status==shown)
      return;
   shown=status;
   Comment(status=="" ? "" : "AccountPublisher: "+status);
  }
//+------------------------------------------------------------------+
void OnTradeTransaction(const MqlTradeTransaction &trans,const MqlTradeRequest &request,const MqlTradeResult &result)
  {
   account.Mark(trans);
   account.Work(redis);
  }
//+------------------------------------------------------------------+
void OnDeinit(const int reason)
  {
   EventKillTimer();
   if(shown!="")
      Comment("");
   shown="";
   account.Stop();
   redis.Close(reason);
  }
//+------------------------------------------------------------------+
