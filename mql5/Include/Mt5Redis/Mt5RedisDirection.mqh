//+------------------------------------------------------------------+
//|                                          Mt5RedisDirection.mqh   |
//|  In which direction signals are copied.                          |
//+------------------------------------------------------------------+
// A reversed follower sells what the source buys, with the stop loss where the source has its take profit, and the take
// profit where it has its stop loss. A signal is turned round once, when it arrives, so everything after that sees one
// direction. A limit order of the source becomes a stop order at the same price, because the price comes from the same side.
//
// A follower of one direction opens nothing in the other. It follows closes, and closes its copy when the source turns.
#ifndef MT5_REDIS_DIRECTION_MQH
#define MT5_REDIS_DIRECTION_MQH
#include "Mt5RedisTask.mqh"

//+------------------------------------------------------------------+
//| The direction.                                                   |
//+------------------------------------------------------------------+
class CMt5RedisDirection
  {
private:
   ENUM_MT5REDIS_COPY_DIRECTION m_direction;

   int               Other(const int value_,const int one_,const int two_) const;

public:
                     CMt5RedisDirection(void) : m_direction(MT5REDIS_COPY_AS_IS) { }
   void              Rules(const ENUM_MT5REDIS_COPY_DIRECTION direction_) { m_direction=direction_; }
   void              Turn(SFollowedSignal &signal_) const;
   string            Refusal(const bool buy_) const;
  };
//+------------------------------------------------------------------+
//| Turns a signal round, if signals are reversed.                   |
//+------------------------------------------------------------------+
void CMt5RedisDirection::Turn(SFollowedSignal &signal_) const
  {
   if(m_direction!=MT5REDIS_COPY_REVERSED)
      return;
   double stop_loss_=signal_.data.stop_loss;
   signal_.data.stop_loss=signal_.data.take_profit;
   signal_.data.take_profit=stop_loss_;
   signal_.data.action=Other(signal_.data.action,MT5REDIS_ACTION_BUY,MT5REDIS_ACTION_SELL);
   signal_.data.side=Other(signal_.data.side,MT5REDIS_SIDE_BUY,MT5REDIS_SIDE_SELL);
   signal_.data.order_type=Other(signal_.data.order_type,MT5REDIS_ORDER_LIMIT,MT5REDIS_ORDER_STOP);
  }
//+------------------------------------------------------------------+
//| The other one of two values. Any third value stays.              |
//+------------------------------------------------------------------+
int CMt5RedisDirection::Other(const int value_,const int one_,const int two_) const
  {
   if(value_==one_)
      return(two_);
   return(value_==two_ ? one_ : value_);
  }
//+------------------------------------------------------------------+
//| Why nothing is opened in this direction; empty: it may be.       |
//+------------------------------------------------------------------+
string CMt5RedisDirection::Refusal(const bool buy_) const
  {
   if(m_direction==MT5REDIS_COPY_LONG_ONLY && !buy_)
      return("this follower only buys");
   if(m_direction==MT5REDIS_COPY_SHORT_ONLY && buy_)
      return("this follower only sells");
   return("");
  }
//+------------------------------------------------------------------+
#endif
