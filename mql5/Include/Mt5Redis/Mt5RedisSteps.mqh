//+------------------------------------------------------------------+
//|                                              Mt5RedisSteps.mqh   |
//|  How a position came to what it is: its deals, one by one.       |
//+------------------------------------------------------------------+
// Volumes have a sign: above 0 bought, below 0 sold. History can load late, so the sums say whether these are all deals.
// When the server closes a position overnight and opens it again, these two deals are no steps.
#ifndef MT5_REDIS_STEPS_MQH
#define MT5_REDIS_STEPS_MQH
#include "Mt5RedisTold.mqh"

//+------------------------------------------------------------------+
//| A deal.                                                          |
//+------------------------------------------------------------------+
struct SMt5RedisStep
  {
   ulong             deal;
   long              time_ms;        // the trade server's time
   double            lots;           // below 0: sold
   double            price;
   double            stop_loss;
   double            take_profit;
   bool              by;             // by an opposite position
   bool              server;         // the server closed it, and will open it again
   double            reopened;       // the price at which the server opened it again before this deal; 0: it did not
  };
//+------------------------------------------------------------------+
//| The deals of one position.                                       |
//+------------------------------------------------------------------+
class CMt5RedisSteps
  {
public:
   SMt5RedisStep     all[];          // those after a deal
   double            lots;           // their sum
   double            sum;            // the sum of all deals
   ulong             last;           // the last deal of all; 0: there is none
   bool              opened;         // the history has the deal that opened it, which says:
   string            symbol;
   string            comment;
   long              magic;

   bool              Read(const long id_,const ulong after_);
   int               Total(void) const     { return(ArraySize(all)); }
   //--- the last deal closed it, and the server will open it again
   bool              Reopening(void) const { return(Total()>0 && all[Total()-1].server); }

private:
   double            m_reopened;

   void              Add(const ulong deal_,const double lots_);
  };
//+------------------------------------------------------------------+
//| Reads the deals after this one; 0: all. It replaces the selected |
//| history. False: the history cannot be loaded.                    |
//+------------------------------------------------------------------+
bool CMt5RedisSteps::Read(const long id_,const ulong after_)
  {
   ArrayResize(all,0,16);
   lots=0.0;
   sum=0.0;
   last=0;
   opened=false;
   m_reopened=0.0;
   if(!HistorySelectByPosition((ulong)id_))
      return(false);
   int total_=HistoryDealsTotal();
   for(int i_=0; i_<total_; i_++)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      long  type_=HistoryDealGetInteger(deal_,DEAL_TYPE);
      if(deal_==0 || (type_!=DEAL_TYPE_BUY && type_!=DEAL_TYPE_SELL))
         continue;
      double lots_=HistoryDealGetDouble(deal_,DEAL_VOLUME);
      lots_=(type_==DEAL_TYPE_BUY ? lots_ : -lots_);
      sum=NormalizeDouble(sum+lots_,8);
      last=(deal_>last ? deal_ : last);
      if(!opened && HistoryDealGetInteger(deal_,DEAL_ENTRY)==DEAL_ENTRY_IN)
        {
         opened=true;
         symbol=HistoryDealGetString(deal_,DEAL_SYMBOL);
         comment=HistoryDealGetString(deal_,DEAL_COMMENT);
         magic=HistoryDealGetInteger(deal_,DEAL_MAGIC);
        }
      if(deal_>after_)
         Add(deal_,lots_);
     }
   return(true);
  }
//+------------------------------------------------------------------+
void CMt5RedisSteps::Add(const ulong deal_,const double lots_)
  {
   int at_=Total();
   lots=NormalizeDouble(lots+lots_,8);
   if(at_>0 && all[at_-1].server && MathAbs(all[at_-1].lots+lots_)<MT5R_TOLD_EPSILON)
     {
      ArrayResize(all,at_-1,16);
      m_reopened=HistoryDealGetDouble(deal_,DEAL_PRICE);
      return;
     }
   ArrayResize(all,at_+1,16);
   all[at_].deal=deal_;
   all[at_].time_ms=HistoryDealGetInteger(deal_,DEAL_TIME_MSC);
   all[at_].lots=lots_;
   all[at_].reopened=m_reopened;
   m_reopened=0.0;
   all[at_].price=HistoryDealGetDouble(deal_,DEAL_PRICE);
   all[at_].stop_loss=HistoryDealGetDouble(deal_,DEAL_SL);
   all[at_].take_profit=HistoryDealGetDouble(deal_,DEAL_TP);
   long entry_=HistoryDealGetInteger(deal_,DEAL_ENTRY);
   all[at_].by=(entry_==DEAL_ENTRY_OUT_BY);
   long reason_=HistoryDealGetInteger(deal_,DEAL_REASON);
   all[at_].server=(entry_==DEAL_ENTRY_OUT && (reason_==DEAL_REASON_ROLLOVER || reason_==DEAL_REASON_VMARGIN ||
                    reason_==DEAL_REASON_SPLIT));
  }
//+------------------------------------------------------------------+
#endif
