//+------------------------------------------------------------------+
//|                                              Mt5RedisStops.mqh   |
//|  Where a copy has its stop loss and take profit.                 |
//+------------------------------------------------------------------+
// A copy follows the source's stops by their prices, or by their distances from the price of the opening: brokers have
// different prices, and reversed or delayed copies enter elsewhere. Or it has distances of its own, in points or in multiples
// of the average true range of the last complete bar, or no stops. Then it does not follow the source's changes.
//
// Prices here are not rounded yet: the symbol does that.
#ifndef MT5_REDIS_STOPS_MQH
#define MT5_REDIS_STOPS_MQH
#include "Mt5RedisSymbol.mqh"
#include "Mt5RedisTask.mqh"

//+------------------------------------------------------------------+
//| The stops' rules, and the indicators that they need.             |
//+------------------------------------------------------------------+
class CMt5RedisStops
  {
private:
   SMt5RedisCopyRules m_rules;
   string            m_symbols[];    // that have an indicator
   int               m_handles[];

   double            Shifted(const double price_,const double shift_) const;
   double            Range(const string symbol_);

public:
                    ~CMt5RedisStops(void) { Release(); }
   bool              Read(const SMt5RedisCopyRules &rules_,string &error_);
   //--- whether the source's changes are followed
   bool              Follows(void) const;
   bool              OfOpening(const mt5redis_received_t &signal_,const CMt5RedisSymbol &symbol_,const bool buy_,
                               const double price_,double &stop_loss_,double &take_profit_);
   void              OfChange(const mt5redis_received_t &signal_,const double entry_,double &stop_loss_,
                              double &take_profit_) const;
   void              Release(void);
  };
//+------------------------------------------------------------------+
//| False: the rules are invalid; error says what to do.             |
//+------------------------------------------------------------------+
bool CMt5RedisStops::Read(const SMt5RedisCopyRules &rules_,string &error_)
  {
   bool own_=(rules_.stops==MT5REDIS_STOPS_POINTS || rules_.stops==MT5REDIS_STOPS_ATR);
   Release();
   m_rules=rules_;
   if(rules_.stop_distance<0.0 || rules_.take_distance<0.0)
      error_=StringFormat("the distance of a stop is %.1f. Enter a number above 0, or 0 for no stop",
                          MathMin(rules_.stop_distance,rules_.take_distance));
   if(own_ && rules_.stop_distance<=0.0 && rules_.take_distance<=0.0)
      error_="both stops have the distance 0. Enter a distance for one of them, or choose to have no stops";
   if(rules_.stops==MT5REDIS_STOPS_ATR && rules_.atr_bars<1)
      error_=StringFormat("the average true range is taken over %d bars. Enter at least 1; 14 is usual",rules_.atr_bars);
   if(rules_.volume==MT5REDIS_VOLUME_RISK && (rules_.stops==MT5REDIS_STOPS_NONE || (own_ && rules_.stop_distance<=0.0)))
      error_="a volume by risk needs a stop loss. Choose other stops or another volume";
   return(error_=="");
  }
//+------------------------------------------------------------------+
bool CMt5RedisStops::Follows(void) const
  {
   return(m_rules.stops==MT5REDIS_STOPS_PRICE || m_rules.stops==MT5REDIS_STOPS_DISTANCE);
  }
//+------------------------------------------------------------------+
//| The stops of an opening at a price. False: the average           |
//| true range is not known yet.                                     |
//+------------------------------------------------------------------+
bool CMt5RedisStops::OfOpening(const mt5redis_received_t &signal_,const CMt5RedisSymbol &symbol_,const bool buy_,
                               const double price_,double &stop_loss_,double &take_profit_)
  {
   double unit_=symbol_.Point();
   stop_loss_=0.0;
   take_profit_=0.0;
   if(m_rules.stops==MT5REDIS_STOPS_NONE)
      return(true);
   if(Follows())
     {
      bool shifts_=(m_rules.stops==MT5REDIS_STOPS_DISTANCE && signal_.price>0.0);
      stop_loss_=Shifted(signal_.stop_loss,shifts_ ? price_-signal_.price : 0.0);
      take_profit_=Shifted(signal_.take_profit,shifts_ ? price_-signal_.price : 0.0);
      return(true);
     }
   if(m_rules.stops==MT5REDIS_STOPS_ATR)
      unit_=Range(symbol_.Name());
   if(unit_<=0.0)
      return(false);
   if(m_rules.stop_distance>0.0)
      stop_loss_=price_+(buy_ ? -1.0 : 1.0)*m_rules.stop_distance*unit_;
   if(m_rules.take_distance>0.0)
      take_profit_=price_+(buy_ ? 1.0 : -1.0)*m_rules.take_distance*unit_;
   return(true);
  }
//+------------------------------------------------------------------+
//| The stops of a position with this entry, when the source changes |
//| its own. The source's entry is unknown in signals that do not    |
//| say what happened: then its prices count.                        |
//+------------------------------------------------------------------+
void CMt5RedisStops::OfChange(const mt5redis_received_t &signal_,const double entry_,double &stop_loss_,
                              double &take_profit_) const
  {
   bool shifts_=(m_rules.stops==MT5REDIS_STOPS_DISTANCE && signal_.entry_price>0.0);
   stop_loss_=Shifted(signal_.stop_loss,shifts_ ? entry_-signal_.entry_price : 0.0);
   take_profit_=Shifted(signal_.take_profit,shifts_ ? entry_-signal_.entry_price : 0.0);
  }
//+------------------------------------------------------------------+
//| 0 is no stop, wherever it is moved.                              |
//+------------------------------------------------------------------+
double CMt5RedisStops::Shifted(const double price_,const double shift_) const
  {
   return(price_>0.0 ? price_+shift_ : 0.0);
  }
//+------------------------------------------------------------------+
//| The average true range of the last complete bar; 0: not known.   |
//+------------------------------------------------------------------+
double CMt5RedisStops::Range(const string symbol_)
  {
   double values_[];
   int    at_=ArraySize(m_symbols)-1;
   while(at_>=0 && m_symbols[at_]!=symbol_)
      at_--;
   if(at_<0)
     {
      int handle_=iATR(symbol_,m_rules.atr_timeframe,m_rules.atr_bars);
      if(handle_==INVALID_HANDLE)
         return(0.0);
      at_=ArraySize(m_symbols);
      ArrayResize(m_symbols,at_+1);
      ArrayResize(m_handles,at_+1);
      m_symbols[at_]=symbol_;
      m_handles[at_]=handle_;
     }
   ArrayResize(values_,1);
   return(CopyBuffer(m_handles[at_],0,1,1,values_)==1 ? values_[0] : 0.0);
  }
//+------------------------------------------------------------------+
//| Call it when the program ends.                                   |
//+------------------------------------------------------------------+
void CMt5RedisStops::Release(void)
  {
   for(int i_=ArraySize(m_handles)-1; i_>=0; i_--)
      IndicatorRelease(m_handles[i_]);
   ArrayResize(m_handles,0);
   ArrayResize(m_symbols,0);
  }
//+------------------------------------------------------------------+
#endif
