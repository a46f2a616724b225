//+------------------------------------------------------------------+
//|                                             Mt5RedisVolume.mqh   |
//|  How many lots a copy of an opening should have.                 |
//+------------------------------------------------------------------+
// Three ways follow the source's lots: as they are, times a factor, or in proportion to the money here. They are corrected
// for the contract size, if the source's is listed. A follower cannot read the source's account, so the trader enters the
// source's money: with as much money here, a copy has the source's volume.
//
// Two ways do not: fixed lots, and as many lots as lose a share of the balance at the stop loss. These count for each
// position of the source: what is added to it later opens nothing more, because a source may fill one order in many parts.
//
// The volume is exact, in lots before rounding. Others round it, and cut it at the largest volume.
#ifndef MT5_REDIS_VOLUME_MQH
#define MT5_REDIS_VOLUME_MQH
#include "Mt5RedisSymbol.mqh"
#include "Mt5RedisTask.mqh"

//+------------------------------------------------------------------+
//| The volume's rules.                                              |
//+------------------------------------------------------------------+
class CMt5RedisVolume
  {
private:
   SMt5RedisCopyRules m_rules;

   double            Money(void) const;
   bool              Refuse(const string error_,string &text_) const;

public:
   bool              Read(const SMt5RedisCopyRules &rules_,string &error_);
   //--- whether the volume does not depend on the source's
   bool              IsOwn(void) const;
   bool              NeedsStop(void) const { return(m_rules.volume==MT5REDIS_VOLUME_RISK); }
   bool              RoundsUp(void) const  { return(m_rules.below_minimum==MT5REDIS_BELOW_ROUND_UP); }
   double            Ratio(const CMt5RedisSymbol &symbol_,const double contract_) const;
   double            Exact(const double lots_,const CMt5RedisSymbol &symbol_,const double contract_,
                           const double to_stop_) const;
  };
//+------------------------------------------------------------------+
bool CMt5RedisVolume::Refuse(const string error_,string &text_) const
  {
   text_=error_;
   return(false);
  }
//+------------------------------------------------------------------+
//| False: the rules are invalid; error says what to do.             |
//+------------------------------------------------------------------+
bool CMt5RedisVolume::Read(const SMt5RedisCopyRules &rules_,string &error_)
  {
   bool money_=(rules_.volume==MT5REDIS_VOLUME_BALANCE || rules_.volume==MT5REDIS_VOLUME_EQUITY ||
                rules_.volume==MT5REDIS_VOLUME_MARGIN);
   m_rules=rules_;
   if(rules_.lot_factor<=0.0)
      return(Refuse(StringFormat("the factor for the volume is %.2f. Enter a number above 0; 1 copies the source's lots",
                                 rules_.lot_factor),error_));
   if(rules_.max_lots<=0.0)
      return(Refuse(StringFormat("the largest volume is %.2f lots. Enter the most lots that one order may have",
                                 rules_.max_lots),error_));
   if(rules_.min_lots<0.0 || rules_.min_lots>rules_.max_lots)
      return(Refuse(StringFormat("the smallest volume is %.2f lots. Enter 0 for the broker's, or at most the largest "
                                 "volume, %.2f lots",rules_.min_lots,rules_.max_lots),error_));
   if(rules_.step_lots<0.0 || rules_.step_lots>rules_.max_lots)
      return(Refuse(StringFormat("the volume step is %.2f lots. Enter 0 for the broker's, or at most the largest "
                                 "volume, %.2f lots",rules_.step_lots,rules_.max_lots),error_));
   if(rules_.volume==MT5REDIS_VOLUME_FIXED && rules_.fixed_lots<=0.0)
      return(Refuse(StringFormat("the fixed volume is %.2f lots. Enter the lots of each copy",rules_.fixed_lots),error_));
   if(money_ && rules_.source_money<=0.0)
      return(Refuse(StringFormat("the source's money is %.2f. Enter its balance, equity or free margin in this account's "
                                 "currency",rules_.source_money),error_));
   if(rules_.volume==MT5REDIS_VOLUME_RISK && (rules_.risk_percent<=0.0 || rules_.risk_percent>100.0))
      return(Refuse(StringFormat("the risk is %.2f per cent of the balance. Enter a number above 0 and at most 100",
                                 rules_.risk_percent),error_));
   return(true);
  }
//+------------------------------------------------------------------+
bool CMt5RedisVolume::IsOwn(void) const
  {
   return(m_rules.volume==MT5REDIS_VOLUME_FIXED || m_rules.volume==MT5REDIS_VOLUME_RISK);
  }
//+------------------------------------------------------------------+
//| The money here that is compared with the source's.               |
//+------------------------------------------------------------------+
double CMt5RedisVolume::Money(void) const
  {
   switch(m_rules.volume)
     {
      case MT5REDIS_VOLUME_BALANCE:
         return(AccountInfoDouble(ACCOUNT_BALANCE));
      case MT5REDIS_VOLUME_EQUITY:
         return(AccountInfoDouble(ACCOUNT_EQUITY));
     }
   return(AccountInfoDouble(ACCOUNT_MARGIN_FREE));
  }
//+------------------------------------------------------------------+
//| Lots here for one lot of the source; 0: the volume does not      |
//| depend on it.                                                    |
//| contract: the source's contract size; 0: as here                 |
//+------------------------------------------------------------------+
double CMt5RedisVolume::Ratio(const CMt5RedisSymbol &symbol_,const double contract_) const
  {
   double ratio_=(contract_>0.0 && symbol_.Contract()>0.0 ? contract_/symbol_.Contract() : 1.0);
   if(IsOwn())
      return(0.0);
   if(m_rules.volume==MT5REDIS_VOLUME_SOURCE)
      return(ratio_);
   if(m_rules.volume==MT5REDIS_VOLUME_FACTOR)
      return(ratio_*m_rules.lot_factor);
   return(ratio_*MathMax(0.0,Money())/m_rules.source_money);
  }
//+------------------------------------------------------------------+
//| The exact lots for an opening of these lots at the source; below |
//| 0: the terminal does not know what a tick is worth.              |
//| to_stop: from the price to the stop loss                         |
//+------------------------------------------------------------------+
double CMt5RedisVolume::Exact(const double lots_,const CMt5RedisSymbol &symbol_,const double contract_,
                              const double to_stop_) const
  {
   double exact_=lots_*Ratio(symbol_,contract_);
   if(m_rules.volume==MT5REDIS_VOLUME_FIXED)
      exact_=m_rules.fixed_lots;
   if(m_rules.volume==MT5REDIS_VOLUME_RISK)
     {
      double loss_=symbol_.Loss(to_stop_);
      if(loss_<=0.0)
         return(-1.0);
      exact_=MathMax(0.0,AccountInfoDouble(ACCOUNT_BALANCE))*m_rules.risk_percent/100.0/loss_;
     }
   return(MathMin(exact_,MathMin(symbol_.MostLots(),m_rules.max_lots)));
  }
//+------------------------------------------------------------------+
#endif
