//+------------------------------------------------------------------+
//|                                              Mt5RedisDeals.mqh   |
//|  The deals of one position, added up.                            |
//+------------------------------------------------------------------+
// A position that is no longer open tells nothing; its deals do: volumes, average prices, profit, swap and
// commission. Times are the trade server's. History can load late: a missing deal is not taken for a fact.
#ifndef MT5_REDIS_DEALS_MQH
#define MT5_REDIS_DEALS_MQH
#include "Mt5RedisApi.mqh"

#define DEALS_EPSILON     0.000000005  // half of the smallest step a volume can have

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
   double            volume;           // lots still open by these deals
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
   bool              reopening;        // the last exit was the server's, which opens the position again

   bool              Read(const long position);
   bool              AddUpTo(const double open_volume) const { return(MathAbs(volume-open_volume)<DEALS_EPSILON); }
   //--- nothing is left open; known_volume is what was open when the position was last seen, 0: never seen
   bool              Closed(const double known_volume) const;

private:
   double            m_leg_closed;     // closed of the current direction
   double            m_kept_leg;       // what an exit changed that was no exit, because the server
   double            m_kept_closed;    // opened the position again
   double            m_kept_price;

   void              Clear(void);
   void              Enter(const ulong deal,const double lots);
   void              Exit(const ulong deal,const double lots);
  };
//+------------------------------------------------------------------+
//| Replaces the selected history, as every selection does.          |
//+------------------------------------------------------------------+
bool CMt5RedisDeals::Read(const long position)
  {
   Clear();
   if(!HistorySelectByPosition((ulong)position))
      return(false);
   int total=HistoryDealsTotal();
   for(int i=0; i<total; i++)
     {
      ulong deal=HistoryDealGetTicket(i);
      if(deal==0)
         continue;
      profit+=HistoryDealGetDouble(deal,DEAL_PROFIT);
      swap+=HistoryDealGetDouble(deal,DEAL_SWAP);
      commission+=HistoryDealGetDouble(deal,DEAL_COMMISSION)+HistoryDealGetDouble(deal,DEAL_FEE);
      long type=HistoryDealGetInteger(deal,DEAL_TYPE);
      if(type!=DEAL_TYPE_BUY && type!=DEAL_TYPE_SELL)
         continue;
      double lots=HistoryDealGetDouble(deal,DEAL_VOLUME);
      switch((ENUM_DEAL_ENTRY)HistoryDealGetInteger(deal,DEAL_ENTRY))
        {
         case DEAL_ENTRY_IN:
            Enter(deal,lots);
            break;
         case DEAL_ENTRY_INOUT:
           {
            double left=lots-volume;
            Exit(deal,volume);
            price_close=0.0;
            m_leg_closed=0.0;
            Enter(deal,left);
            break;
           }
         default: // out, or out by an opposite position
            Exit(deal,lots);
        }
     }
   return(true);
  }
//+------------------------------------------------------------------+
//| The entry deals of an old position may be beyond the history     |
//| that the broker keeps; then the exits must cover what was known  |
//| to be open.                                                      |
//+------------------------------------------------------------------+
bool CMt5RedisDeals::Closed(const double known_volume) const
  {
   if(close_time_ms==0)
      return(false);
   if(side!=0)
      return(volume<DEALS_EPSILON);
   return(known_volume>0.0 && volume_closed>known_volume-DEALS_EPSILON);
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
void CMt5RedisDeals::Enter(const ulong deal,const double lots)
  {
   double price=HistoryDealGetDouble(deal,DEAL_PRICE);
   if(side==0)
     {
      symbol=HistoryDealGetString(deal,DEAL_SYMBOL);
      comment=HistoryDealGetString(deal,DEAL_COMMENT);
      magic=HistoryDealGetInteger(deal,DEAL_MAGIC);
      open_time_ms=HistoryDealGetInteger(deal,DEAL_TIME_MSC);
     }
   side=(HistoryDealGetInteger(deal,DEAL_TYPE)==DEAL_TYPE_BUY ? MT5REDIS_SIDE_BUY : MT5REDIS_SIDE_SELL);
   if(reopening)
     {
      m_leg_closed=m_kept_leg;
      volume_closed=m_kept_closed;
      price_close=m_kept_price;
      close_time_ms=0;
      reopening=false;
     }
   double sum=volume+lots;
   if(sum>DEALS_EPSILON)
      price_open=(price_open*volume+price*lots)/sum;
   volume=NormalizeDouble(sum,8);
   price_last=price;
  }
//+------------------------------------------------------------------+
void CMt5RedisDeals::Exit(const ulong deal,const double lots)
  {
   m_kept_leg=m_leg_closed;
   m_kept_closed=volume_closed;
   m_kept_price=price_close;
   double price=HistoryDealGetDouble(deal,DEAL_PRICE);
   double sum=m_leg_closed+lots;
   if(sum>DEALS_EPSILON)
      price_close=(price_close*m_leg_closed+price*lots)/sum;
   m_leg_closed=NormalizeDouble(sum,8);
   volume=NormalizeDouble(volume-lots,8);
   volume_closed=NormalizeDouble(volume_closed+lots,8);
   price_last=price;
   stop_loss=HistoryDealGetDouble(deal,DEAL_SL);
   take_profit=HistoryDealGetDouble(deal,DEAL_TP);
   close_time_ms=HistoryDealGetInteger(deal,DEAL_TIME_MSC);
   long reason=HistoryDealGetInteger(deal,DEAL_REASON);
   reopening=(reason==DEAL_REASON_ROLLOVER || reason==DEAL_REASON_VMARGIN || reason==DEAL_REASON_SPLIT);
  }
//+------------------------------------------------------------------+
#endif
