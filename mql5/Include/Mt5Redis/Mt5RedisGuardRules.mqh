//+------------------------------------------------------------------+
//|                                         Mt5RedisGuardRules.mqh   |
//|  The limits of a follower, and what it does at each of them.     |
//+------------------------------------------------------------------+
// A guard has a limit and an action. A limit of 0 switches a guard off. The defaults hold for an Expert Advisor that sets
// none. docs/copying.md has an example in money for each guard.
#ifndef MT5_REDIS_GUARD_RULES_MQH
#define MT5_REDIS_GUARD_RULES_MQH

#define MT5R_GUARDS  12

enum ENUM_MT5REDIS_GUARD
  {
   MT5REDIS_GUARD_TOTAL_LOTS,        // lots of all copies
   MT5REDIS_GUARD_POSITIONS,         // number of all copies
   MT5REDIS_GUARD_SYMBOL_LOTS,       // lots of the copies of each symbol
   MT5REDIS_GUARD_SYMBOL_POSITIONS,  // number of the copies of each symbol
   MT5REDIS_GUARD_ORDERS,            // orders that open, within 60 seconds
   MT5REDIS_GUARD_SPREAD,            // points
   MT5REDIS_GUARD_SLIPPAGE,          // points; its limit is the rule "slippage", which 0 does not switch off
   MT5REDIS_GUARD_DAILY_LOSS,        // per cent of the equity at the start of the trade server's day
   MT5REDIS_GUARD_DRAWDOWN,          // per cent of the highest equity
   MT5REDIS_GUARD_MARGIN,            // the lowest margin level, per cent
   MT5REDIS_GUARD_HOURS,             // trading hours; its limit is the text "hours"
   MT5REDIS_GUARD_GAP                // missed signals; its action is the rule "after_gap"
  };

enum ENUM_MT5REDIS_GUARD_ACTION
  {
   MT5REDIS_GUARD_SKIP,              // Skip openings while it is exceeded
   MT5REDIS_GUARD_CLOSE_ONLY,        // Open nothing, follow closes
   MT5REDIS_GUARD_FLATTEN            // Open nothing, close the copies
  };
//+------------------------------------------------------------------+
//| All guards of a follower.                                        |
//+------------------------------------------------------------------+
struct SMt5RedisGuardRules
  {
   double            limits[MT5R_GUARDS];
   ENUM_MT5REDIS_GUARD_ACTION actions[MT5R_GUARDS];
   string            hours;          // Mon-Thu 08:00-22:00, Fri 08:00-20:00; empty: always
   datetime          clear;          // a person clears the guards that acted until then; 0: none

                     SMt5RedisGuardRules(void);
   void              Set(const ENUM_MT5REDIS_GUARD guard_,const double limit_,const ENUM_MT5REDIS_GUARD_ACTION action_);
  };
//+------------------------------------------------------------------+
SMt5RedisGuardRules::SMt5RedisGuardRules(void)
  {
   for(int i_=0; i_<MT5R_GUARDS; i_++)
     {
      limits[i_]=0.0;
      actions[i_]=MT5REDIS_GUARD_SKIP;
     }
   Set(MT5REDIS_GUARD_TOTAL_LOTS,10.0,MT5REDIS_GUARD_SKIP);
   Set(MT5REDIS_GUARD_POSITIONS,100,MT5REDIS_GUARD_SKIP);
   Set(MT5REDIS_GUARD_ORDERS,60,MT5REDIS_GUARD_SKIP);
   Set(MT5REDIS_GUARD_DAILY_LOSS,5.0,MT5REDIS_GUARD_CLOSE_ONLY);
   hours="";
   clear=0;
  }
//+------------------------------------------------------------------+
void SMt5RedisGuardRules::Set(const ENUM_MT5REDIS_GUARD guard_,const double limit_,
                              const ENUM_MT5REDIS_GUARD_ACTION action_)
  {
   limits[(int)guard_]=limit_;
   actions[(int)guard_]=action_;
  }
//+------------------------------------------------------------------+
//| A guard's name, for people and for the memory.                   |
//+------------------------------------------------------------------+
string Mt5RedisGuardName(const ENUM_MT5REDIS_GUARD guard_)
  {
   switch(guard_)
     {
      case MT5REDIS_GUARD_TOTAL_LOTS:
         return("total lots");
      case MT5REDIS_GUARD_POSITIONS:
         return("positions");
      case MT5REDIS_GUARD_SYMBOL_LOTS:
         return("lots per symbol");
      case MT5REDIS_GUARD_SYMBOL_POSITIONS:
         return("positions per symbol");
      case MT5REDIS_GUARD_ORDERS:
         return("orders per minute");
      case MT5REDIS_GUARD_SPREAD:
         return("spread");
      case MT5REDIS_GUARD_SLIPPAGE:
         return("slippage");
      case MT5REDIS_GUARD_DAILY_LOSS:
         return("daily loss");
      case MT5REDIS_GUARD_DRAWDOWN:
         return("drawdown");
      case MT5REDIS_GUARD_MARGIN:
         return("margin level");
      case MT5REDIS_GUARD_HOURS:
         return("trading hours");
     }
   return("missed signals");
  }
//+------------------------------------------------------------------+
#endif
