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
input int    InpMaxAgeMs    = 5000;                     // Largest age of an opening or a change, ms
input ENUM_MT5REDIS_AFTER_GAP InpAfterGap = MT5REDIS_AFTER_GAP_CLOSE_ONLY; // After signals were missed
input ENUM_MT5REDIS_PENDINGS InpPendings = MT5REDIS_PENDINGS_WHEN_FILLED; // Pending orders
input bool   InpRepair      = false;                    // Repair copies that differ from their source
input int    InpRepairAgeMs = 600000;                   // Largest age of what a repair opens, ms
input long   InpMagic       = 20250202;                 // Magic number of the copies
input bool   InpDryRun      = true;                     // Dry run: print, do not trade

input group "Guards: a limit of 0 switches a guard off"
input double InpMaxTotalLots = 10.0;                    // Largest volume of all copies, lots
input ENUM_MT5REDIS_GUARD_ACTION InpTotalLotsAction = MT5REDIS_GUARD_SKIP; // ... and then
input int    InpMaxPositions = 100;                     // Largest number of copies
input ENUM_MT5REDIS_GUARD_ACTION InpPositionsAction = MT5REDIS_GUARD_SKIP; // ... and then
input double InpMaxSymbolLots = 0.0;                    // Largest volume of the copies of one symbol, lots
input ENUM_MT5REDIS_GUARD_ACTION InpSymbolLotsAction = MT5REDIS_GUARD_SKIP; // ... and then
input int    InpMaxSymbolPositions = 0;                 // Largest number of copies of one symbol
input ENUM_MT5REDIS_GUARD_ACTION InpSymbolPositionsAction = MT5REDIS_GUARD_SKIP; // ... and then
input int    InpMaxOrdersPerMinute = 60;                // Largest number of orders that open within a minute
input ENUM_MT5REDIS_GUARD_ACTION InpOrdersAction = MT5REDIS_GUARD_SKIP; // ... and then
input int    InpMaxSpread = 0;                          // Largest spread, points
input ENUM_MT5REDIS_GUARD_ACTION InpSpreadAction = MT5REDIS_GUARD_SKIP; // ... and then
input int    InpSlippage = 20;                          // Largest slippage, points; 0 allows none
input ENUM_MT5REDIS_GUARD_ACTION InpSlippageAction = MT5REDIS_GUARD_SKIP; // ... and then
input double InpMaxDailyLoss = 5.0;                     // Largest loss of a day, % of the equity at its start
input ENUM_MT5REDIS_GUARD_ACTION InpDailyLossAction = MT5REDIS_GUARD_CLOSE_ONLY; // ... and then
input double InpMaxDrawdown = 0.0;                      // Largest drawdown, % of the highest equity
input ENUM_MT5REDIS_GUARD_ACTION InpDrawdownAction = MT5REDIS_GUARD_CLOSE_ONLY; // ... and then
input double InpMinMarginLevel = 0.0;                   // Lowest margin level, %
input ENUM_MT5REDIS_GUARD_ACTION InpMarginAction = MT5REDIS_GUARD_SKIP; // ... and then
input string InpHours = "";                             // Trading hours: Mon-Thu 08:00-22:00, Fri 08:00-20:00
input ENUM_MT5REDIS_GUARD_ACTION InpHoursAction = MT5REDIS_GUARD_SKIP; // ... and then
input datetime InpClearGuards = 0;                      // Clear the guards that acted until this time (an alert names it)

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
   rules.pendings=InpPendings;
   rules.repair=InpRepair;
   rules.repair_age_ms=InpRepairAgeMs;
   rules.magic=InpMagic;
   rules.dry_run=InpDryRun;
   rules.guards.Set(MT5REDIS_GUARD_TOTAL_LOTS,InpMaxTotalLots,InpTotalLotsAction);
   rules.guards.Set(MT5REDIS_GUARD_POSITIONS,InpMaxPositions,InpPositionsAction);
   rules.guards.Set(MT5REDIS_GUARD_SYMBOL_LOTS,InpMaxSymbolLots,InpSymbolLotsAction);
   rules.guards.Set(MT5REDIS_GUARD_SYMBOL_POSITIONS,InpMaxSymbolPositions,InpSymbolPositionsAction);
   rules.guards.Set(MT5REDIS_GUARD_ORDERS,InpMaxOrdersPerMinute,InpOrdersAction);
   rules.guards.Set(MT5REDIS_GUARD_SPREAD,InpMaxSpread,InpSpreadAction);
   rules.guards.Set(MT5REDIS_GUARD_SLIPPAGE,InpSlippage,InpSlippageAction);
   rules.guards.Set(MT5REDIS_GUARD_DAILY_LOSS,InpMaxDailyLoss,InpDailyLossAction);
   rules.guards.Set(MT5REDIS_GUARD_DRAWDOWN,InpMaxDrawdown,InpDrawdownAction);
   rules.guards.Set(MT5REDIS_GUARD_MARGIN,InpMinMarginLevel,InpMarginAction);
   rules.guards.Set(MT5REDIS_GUARD_HOURS,0.0,InpHoursAction);
   rules.guards.hours=InpHours;
   rules.guards.clear=InpClearGuards;
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
   string text=copier.Panel();
   if(text==shown)
      return;
   shown=text;
   Comment(text);
  }
//+------------------------------------------------------------------+
void OnDeinit(const int reason)
  {
   EventKillTimer();
   Comment("");
   shown="";
   copier.Stop();
   //--- what the library passed over by itself: late, filtered, duplicates
   string stats=redis.Stats();
   int    inbox=StringFind(stats,"\"inbox\"");
   StringReplace(stats,"\"","");
   if(inbox>=0)
      Print("SignalFollower: ",StringSubstr(stats,StringFind(stats,"inbox:")));
   redis.Close(reason);
  }
//+------------------------------------------------------------------+
