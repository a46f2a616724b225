//+------------------------------------------------------------------+
//|                                      Mt5RedisAccountLimits.mqh   |
//|  Whether the account has reached a limit.                        |
//+------------------------------------------------------------------+
// It compares daily loss, drawdown and margin level with their limits, and the time with the trading hours, and puts value
// and limit into words. What follows from that is decided in Mt5RedisGuarding.mqh.
#ifndef MT5_REDIS_ACCOUNT_LIMITS_MQH
#define MT5_REDIS_ACCOUNT_LIMITS_MQH
#include "Mt5RedisEquity.mqh"
#include "Mt5RedisGuardRules.mqh"
#include "Mt5RedisHours.mqh"

//+------------------------------------------------------------------+
//| The values of the account that guards watch.                     |
//+------------------------------------------------------------------+
class CMt5RedisAccountLimits
  {
private:
   double            Below(const double from_) const;
   string            Loss(const double from_,const string of_) const;
   string            Money(const double value_) const;

public:
   CMt5RedisEquity   equity;
   CMt5RedisHours    hours;

   bool              IsOver(const ENUM_MT5REDIS_GUARD guard_,const double limit_) const;
   string            Value(const ENUM_MT5REDIS_GUARD guard_,const double limit_) const;
  };
//+------------------------------------------------------------------+
//| By how many per cent the equity is below this.                   |
//+------------------------------------------------------------------+
double CMt5RedisAccountLimits::Below(const double from_) const
  {
   return(from_>0.0 ? 100.0*(from_-equity.Now())/from_ : 0.0);
  }
//+------------------------------------------------------------------+
//| Whether a limit of the account is reached.                       |
//+------------------------------------------------------------------+
bool CMt5RedisAccountLimits::IsOver(const ENUM_MT5REDIS_GUARD guard_,const double limit_) const
  {
   double level_=0.0;
   switch(guard_)
     {
      case MT5REDIS_GUARD_DAILY_LOSS:
         return(Below(equity.Start())>=limit_);
      case MT5REDIS_GUARD_DRAWDOWN:
         return(Below(equity.High())>=limit_);
      case MT5REDIS_GUARD_MARGIN:
         //--- 0 means that no margin is used
         level_=AccountInfoDouble(ACCOUNT_MARGIN_LEVEL);
         return(level_>0.0 && level_<limit_);
     }
   return(!hours.IsOpen(TimeTradeServer()));
  }
//+------------------------------------------------------------------+
string CMt5RedisAccountLimits::Money(const double value_) const
  {
   return(DoubleToString(value_,2)+" "+AccountInfoString(ACCOUNT_CURRENCY));
  }
//+------------------------------------------------------------------+
string CMt5RedisAccountLimits::Loss(const double from_,const string of_) const
  {
   return("the equity of "+Money(equity.Now())+" is "+Money(from_-equity.Now())+" or "+
          DoubleToString(Below(from_),2)+" % below the "+Money(from_)+of_);
  }
//+------------------------------------------------------------------+
//| The value and the limit of a guard of the account, for people.   |
//+------------------------------------------------------------------+
string CMt5RedisAccountLimits::Value(const ENUM_MT5REDIS_GUARD guard_,const double limit_) const
  {
   string at_="; the limit is "+DoubleToString(limit_,2)+" %";
   switch(guard_)
     {
      case MT5REDIS_GUARD_DAILY_LOSS:
         return(Loss(equity.Start()," of the start of the day")+at_);
      case MT5REDIS_GUARD_DRAWDOWN:
         return(Loss(equity.High()," of its high")+at_);
      case MT5REDIS_GUARD_MARGIN:
         return("the margin level is "+DoubleToString(AccountInfoDouble(ACCOUNT_MARGIN_LEVEL),2)+" %"+at_);
     }
   return("it is "+hours.Moment(TimeTradeServer())+" at the trade server; the trading hours are "+hours.Text());
  }
//+------------------------------------------------------------------+
#endif
