//+------------------------------------------------------------------+
//|                                               Mt5RedisTask.mqh   |
//|  A follower's rules, and the signal that it is working on.       |
//+------------------------------------------------------------------+
#ifndef MT5_REDIS_TASK_MQH
#define MT5_REDIS_TASK_MQH
#include "Mt5RedisFollower.mqh"
#include "Mt5RedisGuardRules.mqh"

enum ENUM_MT5REDIS_AFTER_GAP
  {
   MT5REDIS_AFTER_GAP_SKIP=0,       // go on
   MT5REDIS_AFTER_GAP_CLOSE_ONLY=1, // open nothing until a person clears the guard
   MT5REDIS_AFTER_GAP_RESYNC=2      // close what was copied, then go on
  };

enum ENUM_MT5REDIS_VOLUME
  {
   MT5REDIS_VOLUME_FACTOR=0,        // the source's lots times the factor
   MT5REDIS_VOLUME_SOURCE=1,        // the source's lots
   MT5REDIS_VOLUME_FIXED=2,         // fixed lots
   MT5REDIS_VOLUME_BALANCE=3,       // the source's lots, by the balance here
   MT5REDIS_VOLUME_EQUITY=4,        // the source's lots, by the equity here
   MT5REDIS_VOLUME_MARGIN=5,        // the source's lots, by the free margin here
   MT5REDIS_VOLUME_RISK=6           // as many lots as lose the risk at the stop loss
  };

enum ENUM_MT5REDIS_BELOW
  {
   MT5REDIS_BELOW_SKIP=0,           // skip it
   MT5REDIS_BELOW_ROUND_UP=1        // open the smallest volume
  };

enum ENUM_MT5REDIS_COPY_DIRECTION
  {
   MT5REDIS_COPY_AS_IS=0,           // as the source
   MT5REDIS_COPY_REVERSED=1,        // sell what the source buys
   MT5REDIS_COPY_LONG_ONLY=2,       // only buy
   MT5REDIS_COPY_SHORT_ONLY=3       // only sell
  };

enum ENUM_MT5REDIS_STOPS
  {
   MT5REDIS_STOPS_PRICE=0,          // the source's, by price
   MT5REDIS_STOPS_DISTANCE=1,       // the source's, by distance
   MT5REDIS_STOPS_POINTS=2,         // own distances, points
   MT5REDIS_STOPS_ATR=3,            // own distances, multiples of the average true range
   MT5REDIS_STOPS_NONE=4            // none
  };

enum ENUM_MT5REDIS_PENDINGS
  {
   MT5REDIS_PENDINGS_WHEN_FILLED=0, // Copy what they open, when they are filled
   MT5REDIS_PENDINGS_AS_PENDING=1   // Copy them as pending orders
  };

enum ENUM_MT5REDIS_TASK
  {
   MT5REDIS_TASK_OPEN,
   MT5REDIS_TASK_CLOSE,
   MT5REDIS_TASK_CHANGE,
   MT5REDIS_TASK_ORDER              // about a pending order
  };

//+------------------------------------------------------------------+
//| How signals are to be copied.                                    |
//+------------------------------------------------------------------+
struct SMt5RedisCopyRules
  {
   //--- symbols (Mt5RedisSymbolMap.mqh); lists have commas between the names
   string            symbols;        // pairs of the source's name and this broker's: EURUSD=EURUSD.m,XAUUSD=GOLD
   string            allowed_symbols; // names at the source: only these are opened; empty: all
   string            denied_symbols; // names at the source: these are never opened
   string            remove_prefix;  // taken from the source's names, then
   string            remove_suffix;
   string            add_prefix;     // added for this broker's
   string            add_suffix;
   bool              find_symbols;   // find the one symbol of this broker that fits
   string            contract_sizes; // of the source's symbols, where they differ: XAUUSD=100,US30=1
   //--- volume (Mt5RedisVolume.mqh)
   ENUM_MT5REDIS_VOLUME volume;
   double            lot_factor;     // by factor: for the signal's volume, above 0
   double            fixed_lots;     // fixed lots: of each copy
   double            source_money;   // by balance, equity or free margin: the source's, in this account's currency
   double            risk_percent;   // by risk: of the balance, lost at the stop loss
   double            min_lots;       // smallest volume of an opening; 0: the broker's
   double            max_lots;       // largest volume of an opening, above 0
   double            step_lots;      // openings are multiples of it; 0: of the broker's step
   ENUM_MT5REDIS_BELOW below_minimum;
   //--- direction (Mt5RedisDirection.mqh) and stops (Mt5RedisStops.mqh)
   ENUM_MT5REDIS_COPY_DIRECTION direction;
   ENUM_MT5REDIS_STOPS stops;
   double            stop_distance;  // own stop loss: points, or multiples of the average true range; 0: none
   double            take_distance;  // own take profit, the same
   int               atr_bars;
   ENUM_TIMEFRAMES   atr_timeframe;
   //---
   int               slippage;       // how far a price may have moved, and may still move, points
   int               max_age_ms;     // largest age of an opening or a change; 0: any
   ENUM_MT5REDIS_AFTER_GAP after_gap;
   long              magic;          // magic number of the copies, of this follower alone
   bool              dry_run;        // only print
   //--- pending orders of the source (Mt5RedisPendings.mqh)
   ENUM_MT5REDIS_PENDINGS pendings;
   //--- comparing with the sources (Mt5RedisComparing.mqh)
   bool              repair;         // correct the differences that are found
   long              repair_age_ms;  // how long ago the source may have opened what is opened by a repair
   //--- limits, and what happens at each
   SMt5RedisGuardRules guards;

                     SMt5RedisCopyRules(void);
  };
//+------------------------------------------------------------------+
//| What holds for rules that are not set.                           |
//+------------------------------------------------------------------+
SMt5RedisCopyRules::SMt5RedisCopyRules(void)
  {
   symbols="";
   allowed_symbols="";
   denied_symbols="";
   remove_prefix="";
   remove_suffix="";
   add_prefix="";
   add_suffix="";
   find_symbols=true;
   contract_sizes="";
   volume=MT5REDIS_VOLUME_FACTOR;
   lot_factor=1.0;
   fixed_lots=0.01;
   source_money=0.0;
   risk_percent=1.0;
   min_lots=0.0;
   max_lots=1.0;
   step_lots=0.0;
   below_minimum=MT5REDIS_BELOW_SKIP;
   direction=MT5REDIS_COPY_AS_IS;
   stops=MT5REDIS_STOPS_PRICE;
   stop_distance=0.0;
   take_distance=0.0;
   atr_bars=14;
   atr_timeframe=PERIOD_H1;
   slippage=20;
   max_age_ms=5000;
   after_gap=MT5REDIS_AFTER_GAP_CLOSE_ONLY;
   pendings=MT5REDIS_PENDINGS_WHEN_FILLED;
   repair=false;
   repair_age_ms=600000;
   magic=20250202;
   dry_run=true;
  }
//+------------------------------------------------------------------+
//| A signal that is being acted on.                                 |
//+------------------------------------------------------------------+
struct SMt5RedisTask
  {
   ENUM_MT5REDIS_TASK kind;
   SFollowedSignal   signal;         // its number is 0 if it needs no acknowledgement
   string            name;           // for people
   string            symbol;         // this broker's
   string            origin;         // the origin of the copies; empty, after a gap: all of its source
   string            mark;           // the comment of its orders
   ulong             taken_ms;
   ulong             next_ms;        // of the next attempt
   int               attempts;
   bool              cancelled;      // its close arrived before it was executed
   bool              sent;           // an order may have been sent
   ulong             asked_ms;       // an order is in doubt since; 0: none is
   bool              decided;        // whether the remaining volumes of the copies are decided
   double            plan;           // lots to be traded, below 0 sold: an opening; a close on an account that nets
   double            base;           // lots that its mark had traded before
   double            traded;         // lots that were traded since
   double            asked_net;      // netting: the symbol's lots before the order that is in doubt
   double            rest;           // what a turn opens in the end, lots of the source
   double            exact;          // an opening's lots before rounding; 0: not known
   double            owed_loss;      // stops that the trade server refused with the order; 0: none
   double            owed_profit;
   //--- what it states of its position (Mt5RedisSources.mqh)
   bool              stated;         // its event says what is true now
   long              heard;          // the number of its statement, in the order of arrival; 0: it was known before
   string            earlier;        // of its statement: how far the producers before its own had come
   bool              known;          // an earlier signal stated, too, what was true
   double            lots_known;     // namely this; below 0: sold
   bool              stops;          // the stops are others than those that were stated before
   bool              surplus;        // the copies hold more than it states
   bool              untimed;        // a pending order: this broker accepts no expiration
   bool              done;           // what it asks for is done; the stops are still to be set
   //--- what its orders came to, for the report (Mt5RedisReporting.mqh)
   bool              asked;          // the trade server was asked
   bool              unanswered;     // and nobody knows what became of it
   bool              bought;         // its last order bought
   uint              retcode;        // the last answer
   ulong             order;          // the last order
   ulong             deal;
   long              position;       // here; 0: none, below 0: several
   double            wanted;         // lots
   double            filled;         // lots
   double            cost;           // lots times their prices
   double            market;         // the price when it was first asked for
   ulong             filled_ms;
   bool              told;           // a person was told that it takes long
   string            reason;         // why it waits, or was skipped
  };
#endif
