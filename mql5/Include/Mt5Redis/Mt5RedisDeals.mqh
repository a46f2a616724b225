//+------------------------------------------------------------------+
//|                                              Mt5RedisDeals.mqh   |
//|  The deals of one position, added up.                            |
//+------------------------------------------------------------------+
// The terminal does not show closed positions; their deals tell volumes, average prices, profit, swap and commission.
// Times are the trade server's. History can load late, so a missing deal proves nothing.
#ifndef MT5_REDIS_DEALS_MQH
#define MT5_REDIS_DEALS_MQH
#include "Mt5RedisApi.mqh"

#define MT5R_DEALS_EPSILON     0.000000005  // half of the smallest step a volume can have

//+------------------------------------------------------------------+
//| After a reversal (netting) the average prices are those of the   |
//| new direction; volume closed, profit, swap and commission are    |
//| those of the whole life.                                         |
//+------------------------------------------------------------------+
class CMt5RedisDeals
  {
public:
   string            symbol;
   string            comment;
   long              magic;
   int               side;             // MT5REDIS_SIDE_*; 0: no entry found
   double            volume;           // lots still open, according to these deals
   double            volume_closed;
   double            price_open;
   double            price_close;
   double            price_last;
   double            stop_loss;
   double            take_profit;
   double            profit;
   double            swap;
   double            commission;
   long              open_time_ms;
   long              close_time_ms;    // of the last exit; 0: none
   bool              reopening;        // the last exit was by the server, which will reopen the position

   bool              Read(const long position_);
   bool              AddUpTo(const double lots_) const { return(MathAbs(volume-lots_)<MT5R_DEALS_EPSILON); }
   //--- nothing is left open; known_volume is what was open when the position was last seen, 0: never seen
   bool              Closed(const double known_volume_) const;

private:
   double            m_leg_closed;     // closed of the current direction
   double            m_kept_leg;       // what an exit changed that was no exit, because the server
   double            m_kept_closed;    // opened the position again
   double            m_kept_price;

   void              Clear(void);
   void              Enter(const ulong deal_,const double lots_);
   void              Exit(const ulong deal_,const double lots_);
  };
//+------------------------------------------------------------------+
//| Replaces the selected history, as every selection does.          |
//+------------------------------------------------------------------+
bool CMt5RedisDeals::Read(const long position_)
  {
   Clear();
   if(!HistorySelectByPosition((ulong)position_))
      return(false);
   int total_=HistoryDealsTotal();
   for(int i_=0; i_<total_; i_++)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(deal_==0)
         continue;
      profit+=HistoryDealGetDouble(deal_,DEAL_PROFIT);
      swap+=HistoryDealGetDouble(deal_,DEAL_SWAP);
      commission+=HistoryDealGetDouble(deal_,DEAL_COMMISSION)+HistoryDealGetDouble(deal_,DEAL_FEE);
      long type_=HistoryDealGetInteger(deal_,DEAL_TYPE);
      if(type_!=DEAL_TYPE_BUY && type_!=DEAL_TYPE_SELL)
         continue;
      double lots_=HistoryDealGetDouble(deal_,DEAL_VOLUME);
      switch((ENUM_DEAL_ENTRY)HistoryDealGetInteger(deal_,DEAL_ENTRY))
        {
         case DEAL_ENTRY_IN:
            Enter(deal_,lots_);
            break;
         case DEAL_ENTRY_INOUT:
           {
            double left_=lots_-volume;
            Exit(deal_,volume);
            price_close=0.0;
            m_leg_closed=0.0;
            Enter(deal_,left_);
            break;
           }
         default: // out, or out by an opposite position
            Exit(deal_,lots_);
        }
     }
   return(true);
  }
//+------------------------------------------------------------------+
//| The entry deals of an old position may be beyond the history     |
//| that the broker keeps; then the exits must cover what was known  |
//| to be open.                                                      |
//+------------------------------------------------------------------+
bool CMt5RedisDeals::Closed(const double known_volume_) const
  {
   if(close_time_ms==0)
      return(false);
   if(side!=0)
      return(volume<MT5R_DEALS_EPSILON);
   return(known_volume_>0.0 && volume_closed>known_volume_-MT5R_DEALS_EPSILON);
  }
//+------------------------------------------------------------------+
void CMt5RedisDeals::Clear(void)
  {
   symbol="";
   comment="";
   magic=0;
   side=0;
   volume=0.0;
   volume_closed=0.0;
   price_open=0.0;
   price_close=0.0;
   price_last=0.0;
   stop_loss=0.0;
   take_profit=0.0;
   profit=0.0;
   swap=0.0;
   commission=0.0;
   open_time_ms=0;
   close_time_ms=0;
   reopening=false;
   m_leg_closed=0.0;
   m_kept_leg=0.0;
   m_kept_closed=0.0;
   m_kept_price=0.0;
  }
//+------------------------------------------------------------------+
void CMt5RedisDeals::Enter(const ulong deal_,const double lots_)
  {
   double price_=HistoryDealGetDouble(deal_,DEAL_PRICE);
   if(side==0)
     {
      symbol=HistoryDealGetString(deal_,DEAL_SYMBOL);
      comment=HistoryDealGetString(deal_,DEAL_COMMENT);
      magic=HistoryDealGetInteger(deal_,DEAL_MAGIC);
      open_time_ms=HistoryDealGetInteger(deal_,DEAL_TIME_MSC);
     }
   side=(HistoryDealGetInteger(deal_,DEAL_TYPE)==DEAL_TYPE_BUY ? MT5REDIS_SIDE_BUY : MT5REDIS_SIDE_SELL);
   if(reopening)
     {
      m_leg_closed=m_kept_leg;
      volume_closed=m_kept_closed;
      price_close=m_kept_price;
      close_time_ms=0;
      reopening=false;
     }
   double sum_=volume+lots_;
   if(sum_>MT5R_DEALS_EPSILON)
      price_open=(price_open*volume+price_*lots_)/sum_;
   volume=NormalizeDouble(sum_,8);
   price_last=price_;
  }
//+------------------------------------------------------------------+
void CMt5RedisDeals::Exit(const ulong deal_,const double lots_)
  {
   m_kept_leg=m_leg_closed;
   m_kept_closed=volume_closed;
   m_kept_price=price_close;
   double price_=HistoryDealGetDouble(deal_,DEAL_PRICE);
   double sum_=m_leg_closed+lots_;
   if(sum_>MT5R_DEALS_EPSILON)
      price_close=(price_close*m_leg_closed+price_*lots_)/sum_;
   m_leg_closed=NormalizeDouble(sum_,8);
   volume=NormalizeDouble(volume-lots_,8);
   volume_closed=NormalizeDouble(volume_closed+lots_,8);
   price_last=price_;
   stop_loss=HistoryDealGetDouble(deal_,DEAL_SL);
   take_profit=HistoryDealGetDouble(deal_,DEAL_TP);
   close_time_ms=HistoryDealGetInteger(deal_,DEAL_TIME_MSC);
   long reason_=HistoryDealGetInteger(deal_,DEAL_REASON);
   reopening=(reason_==DEAL_REASON_ROLLOVER || reason_==DEAL_REASON_VMARGIN || reason_==DEAL_REASON_SPLIT);
  }
//+------------------------------------------------------------------+
#endif
