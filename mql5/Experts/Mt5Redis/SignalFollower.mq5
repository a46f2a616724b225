//+------------------------------------------------------------------+
//|                                             SignalFollower.mq5   |
//+------------------------------------------------------------------+
// Copies the signals of other terminals into this account. Mt5RedisCopier.mqh does the work, and executes each signal
// once; your own Expert Advisor can use it too.
#property copyright   "mt5-redis contributors, MIT OR Apache-2.0"
#property version     "0.100"
#property description "Copies signals from Redis into this account. Prints what it would do until Dry run is off."
#property description "Allow DLL imports on the Dependencies tab."

#include <Mt5Redis/Mt5Redis.mqh>
#include <Mt5Redis/Mt5RedisCopier.mqh>

input string InpRedis       = "redis://127.0.0.1:6379"; // Redis URL, or a TOML file in MQL5\Files
input string InpInstances   = "";                       // Sources: instance ids, separated by commas; *: all
input string InpFollower    = "";                       // Name of this follower; empty: this account's instance id
input long   InpSourceMagic = 0;                        // Magic number to follow; 0: all
input group "Symbols"
input string InpSymbols      = "";                      // Pairs of the source's name and this broker's: EURUSD=EURUSD.m
input string InpAllowSymbols = "";                      // Open only these, names at the source; empty: all
input string InpDenySymbols  = "";                      // Never open these, names at the source
input string InpRemovePrefix = "";                      // Prefix to take from the source's names
input string InpRemoveSuffix = "";                      // Suffix to take from the source's names
input string InpAddPrefix    = "";                      // Prefix to add for this broker
input string InpAddSuffix    = "";                      // Suffix to add for this broker
input bool   InpFindSymbol   = true;                    // Find the one symbol here that fits, like EURUSD.m
input string InpContracts    = "";                      // The source's contract sizes, where they differ: XAUUSD=10,US30=1
input group "Volume"
input ENUM_MT5REDIS_VOLUME InpVolume = MT5REDIS_VOLUME_FACTOR; // Volume of a copy
input double InpLotFactor   = 1.0;                      // By factor: factor for the source's lots
input double InpFixedLots   = 0.01;                     // Fixed: lots of each copy
input double InpSourceMoney = 0.0;                      // By balance, equity or free margin: the source's, in your currency
input double InpRiskPercent = 1.0;                      // By risk: loss at the stop loss, % of the balance
input double InpMinLots     = 0.0;                      // Smallest volume of an order, lots; 0: the broker's
input double InpMaxLots     = 1.0;                      // Largest volume of an order, lots
input double InpStepLots    = 0.0;                      // Step of the volume, lots; 0: the broker's
input ENUM_MT5REDIS_BELOW InpBelowMinimum = MT5REDIS_BELOW_SKIP; // An opening below the smallest volume
input group "Direction and stops"
input ENUM_MT5REDIS_COPY_DIRECTION InpDirection = MT5REDIS_COPY_AS_IS; // Direction of the copies
input ENUM_MT5REDIS_STOPS InpStops = MT5REDIS_STOPS_PRICE; // Stop loss and take profit
input double InpStopDistance = 0.0;                     // Own stop loss: points, or multiples of the ATR; 0: none
input double InpTakeDistance = 0.0;                     // Own take profit: points, or multiples of the ATR; 0: none
input int    InpAtrBars     = 14;                       // ATR: bars
input ENUM_TIMEFRAMES InpAtrTimeframe = PERIOD_H1;      // ATR: timeframe
input group "Other"
input int    InpSlippage    = 20;                       // Largest slippage, points
input int    InpMaxAgeMs    = 5000;                     // Largest age of an opening or a change, ms
input ENUM_MT5REDIS_AFTER_GAP InpAfterGap = MT5REDIS_AFTER_GAP_CLOSE_ONLY; // After signals were missed
input long   InpMagic       = 20250202;                 // Magic number of the copies
input bool   InpDryRun      = true;                     // Dry run: print, do not trade

CMt5Redis       redis;
CMt5RedisCopier copier;
string          shown="";

//+------------------------------------------------------------------+
int OnInit(void)
  {
   SMt5RedisCopyRules rules;
   rules.symbols=InpSymbols;
   rules.allowed_symbols=InpAllowSymbols;
   rules.denied_symbols=InpDenySymbols;
   rules.remove_prefix=InpRemovePrefix;
   rules.remove_suffix=InpRemoveSuffix;
   rules.add_prefix=InpAddPrefix;
   rules.add_suffix=InpAddSuffix;
   rules.find_symbols=InpFindSymbol;
   rules.contract_sizes=InpContracts;
   rules.volume=InpVolume;
   rules.lot_factor=InpLotFactor;
   rules.fixed_lots=InpFixedLots;
   rules.source_money=InpSourceMoney;
   rules.risk_percent=InpRiskPercent;
   rules.min_lots=InpMinLots;
   rules.max_lots=InpMaxLots;
   rules.step_lots=InpStepLots;
   rules.below_minimum=InpBelowMinimum;
   rules.direction=InpDirection;
   rules.stops=InpStops;
   rules.stop_distance=InpStopDistance;
   rules.take_distance=InpTakeDistance;
   rules.atr_bars=InpAtrBars;
   rules.atr_timeframe=InpAtrTimeframe;
   rules.slippage=InpSlippage;
   rules.max_age_ms=InpMaxAgeMs;
   rules.after_gap=InpAfterGap;
   rules.magic=InpMagic;
   rules.dry_run=InpDryRun;
   if(!copier.Start(rules))
     {
      Alert("SignalFollower: ",copier.ErrorText());
      return(INIT_PARAMETERS_INCORRECT);
     }
   //--- the copier judges the age: a close is followed at any age
   if(!redis.Open(InpRedis) || !redis.Subscribe(InpInstances,InpFollower,"",InpSourceMagic))
     {
      Alert("SignalFollower cannot start: ",redis.ErrorText());
      return(INIT_FAILED);
     }
   if(!EventSetMillisecondTimer(20))
     {
      Alert("SignalFollower cannot start: the terminal gives it no timer, error ",GetLastError());
      return(INIT_FAILED);
     }
   return(INIT_SUCCEEDED);
  }
//+------------------------------------------------------------------+
void OnTimer(void)
  {
   copier.Work(redis);
   redis.PrintEvents();
   string status=copier.Status();
   if(status==shown)
      return;
   shown=status;
   Comment(status=="" ? "" : "SignalFollower: "+status);
  }
//+------------------------------------------------------------------+
void OnDeinit(const int reason)
  {
   EventKillTimer();
   if(shown!="")
      Comment("");
   shown="";
   copier.Stop(reason);
   //--- what the library passed over by itself: late, filtered, duplicates
   string stats=redis.Stats();
   int    inbox=StringFind(stats,"\"inbox\"");
   StringReplace(stats,"\"","");
   if(inbox>=0)
      Print("SignalFollower: ",StringSubstr(stats,StringFind(stats,"inbox:")));
   redis.Close(reason);
  }
//+------------------------------------------------------------------+
