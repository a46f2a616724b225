//+------------------------------------------------------------------+
//|                                   Mt5RedisAccountPositions.mqh   |
//|  Tells what happens to the account's positions.                  |
//+------------------------------------------------------------------+
// Volumes are explained by deals, stops by what the terminal shows. When the deals do not explain what is shown, it waits
// for the history. A position counts as closed only if its deals say so, or if the history knows nothing of it for a
// minute.
#ifndef MT5_REDIS_ACCOUNT_POSITIONS_MQH
#define MT5_REDIS_ACCOUNT_POSITIONS_MQH
#include "Mt5RedisAccountOrders.mqh"
#include "Mt5RedisHoldings.mqh"
#include "Mt5RedisSteps.mqh"

//+------------------------------------------------------------------+
//| The positions.                                                   |
//+------------------------------------------------------------------+
class CMt5RedisAccountPositions : public CMt5RedisAccountOrders
  {
private:
   CMt5RedisSteps    m_steps;

   int               Known(const long id_,const int held_);
   bool              Replay(const int at_,const int held_);
   bool              TellDifference(const int at_,const int held_,const double lots_);
   bool              TellStep(const int at_,const double lots_,const double price_,const double entry_,
                              const double stop_loss_,const double take_profit_,const ulong deal_,
                              const long time_ms_,const bool by_);
   void              TellStops(const int at_,const int held_);

protected:
   CMt5RedisHoldings m_holdings;

   void              Study(const long id_);
  };
//+------------------------------------------------------------------+
//| Finds out what happened to a position, and tells it.             |
//+------------------------------------------------------------------+
void CMt5RedisAccountPositions::Study(const long id_)
  {
   int  held_=m_holdings.FindById(id_);
   int  known_=m_told.Find(id_,false);
   bool read_=m_steps.Read(id_,known_<0 ? 0 : m_told.all[known_].deal);
   if(!read_ && known_<0 && held_<0)
     {
      m_waits=true;
      return;
     }
   int at_=Known(id_,held_);
   if(m_told.all[at_].ignored)
      return;
   double lots_=m_holdings.Net(held_);
   if(m_told.fresh && known_<0)
     {
      //--- the first start of all: what is open is told, not how it came about
      TellDifference(at_,held_,lots_);
      return;
     }
   bool explained_=(read_ && MathAbs(m_told.all[at_].lots+m_steps.lots-lots_)<MT5R_TOLD_EPSILON);
   bool complete_=(read_ && m_steps.opened && MathAbs(m_steps.sum-lots_)<MT5R_TOLD_EPSILON);
   if((explained_ || complete_) && m_steps.Reopening() && Waits(at_,MT5R_TELLING_ENTRY_MS))
      return;
   bool done_=true;
   if(explained_)
      done_=Replay(at_,held_);
   else
     {
      //--- what is shown but not explained counts after a while; what is missing does not while its deals say it is open
      ulong longest_=(ulong)(held_>=0 ? MT5R_TELLING_ENTRY_MS : MT5R_TELLING_EXIT_MS);
      if(!complete_ && Waits(at_,longest_))
         return;
      if(!complete_ && held_<0 && (!read_ || m_steps.opened))
        {
         if(!m_told.all[at_].asked)
            Alert(MQLInfoString(MQL_PROGRAM_NAME),": position ",id_,
                  " is not shown any more, but its deals do not say that it is closed");
         m_told.all[at_].asked=true;
         return;
        }
      done_=TellDifference(at_,held_,lots_);
     }
   if(done_ && held_>=0)
      TellStops(at_,held_);
   m_told.all[at_].waits_ms=0;
  }
//+------------------------------------------------------------------+
//| The index of a position; it is added if it is not known.         |
//+------------------------------------------------------------------+
int CMt5RedisAccountPositions::Known(const long id_,const int held_)
  {
   int at_=m_told.Find(id_,false);
   if(at_>=0 && (m_told.all[at_].symbol!="" || m_told.all[at_].ignored))
      return(at_);
   SMt5RedisTold told_;
   Mt5RedisClear(told_);
   told_.id=id_;
   if(held_>=0)
     {
      told_.symbol=m_holdings.all[held_].symbol;
      told_.magic=m_holdings.all[held_].magic;
      told_.comment=m_holdings.all[held_].comment;
     }
   else
      if(m_steps.opened)
        {
         told_.symbol=m_steps.symbol;
         told_.magic=m_steps.magic;
         told_.comment=m_steps.comment;
        }
   StringReplace(told_.comment,"\t"," ");
   StringReplace(told_.comment,"\n"," ");
   //--- of a position that is neither shown nor told, nothing can be said without the deal that opened it
   told_.ignored=(told_.symbol=="" || !Passes(told_.symbol,told_.magic,told_.comment));
   return(m_told.Add(told_));
  }
//+------------------------------------------------------------------+
//| Tells the deals that were not told, one by one.                  |
//+------------------------------------------------------------------+
bool CMt5RedisAccountPositions::Replay(const int at_,const int held_)
  {
   int count_=m_steps.Total();
   for(int i_=0; i_<count_; i_++)
     {
      SMt5RedisStep step_=m_steps.all[i_];
      if(step_.reopened>0.0)
         m_told.all[at_].price=step_.reopened;
      double before_=m_told.all[at_].lots;
      double after_=NormalizeDouble(before_+step_.lots,8);
      double entry_=m_told.all[at_].price;
      if(before_==0.0 || before_*after_<0.0)
         entry_=step_.price;
      else
         if(MathAbs(after_)>MathAbs(before_))
            entry_=(entry_*before_+step_.price*step_.lots)/after_;
      bool last_=(i_==count_-1 && held_>=0);
      if(!TellStep(at_,after_,step_.price,last_ ? m_holdings.all[held_].price : entry_,
                   held_>=0 ? m_holdings.all[held_].stop_loss : step_.stop_loss,
                   held_>=0 ? m_holdings.all[held_].take_profit : step_.take_profit,step_.deal,step_.time_ms,step_.by))
         return(false);
     }
   m_told.all[at_].deal=(ulong)MathMax(m_told.all[at_].deal,m_steps.last);
   return(true);
  }
//+------------------------------------------------------------------+
//| Tells what a position is now, where its deals do not say how it  |
//| came about. So it was not seen.                                  |
//+------------------------------------------------------------------+
bool CMt5RedisAccountPositions::TellDifference(const int at_,const int held_,const double lots_)
  {
   bool catching_up_=m_catching_up;
   m_catching_up=true;
   long time_ms_=m_told.seen_ms;
   if(held_>=0 && m_told.all[at_].lots==0.0)
      time_ms_=m_holdings.all[held_].opened_ms;
   bool done_=TellStep(at_,lots_,0.0,held_>=0 ? m_holdings.all[held_].price : m_told.all[at_].price,
                       held_>=0 ? m_holdings.all[held_].stop_loss : 0.0,
                       held_>=0 ? m_holdings.all[held_].take_profit : 0.0,
                       (ulong)MathMax(m_told.all[at_].deal,m_steps.last),time_ms_,false);
   m_catching_up=catching_up_;
   return(done_);
  }
//+------------------------------------------------------------------+
//| Tells one change of a position's volume.                         |
//+------------------------------------------------------------------+
bool CMt5RedisAccountPositions::TellStep(const int at_,const double lots_,const double price_,const double entry_,
                                const double stop_loss_,const double take_profit_,const ulong deal_,
                                const long time_ms_,const bool by_)
  {
   double before_=Wanted(m_told.all[at_].lots);
   double after_=Wanted(lots_);
   SMt5RedisTold now_=m_told.all[at_];
   now_.lots=lots_;
   now_.price=entry_;
   now_.deal=deal_;
   now_.ended_ms=(lots_==0.0 ? (long)MathMax(1,time_ms_>0 ? time_ms_ : (long)TimeTradeServer()*1000) : 0);
   mt5redis_signal_t signal_;
   ZeroMemory(signal_);
   bool buys_=(after_>before_);
   signal_.action=MT5REDIS_ACTION_CLOSE;
   if(MathAbs(after_-before_)<MT5R_TOLD_EPSILON)
     {
      //--- in a direction that is not published
      m_told.all[at_]=now_;
      return(true);
     }
   if(before_==0.0)
      signal_.event=MT5REDIS_SIGNAL_OPEN;
   else
      if(after_==0.0)
         signal_.event=MT5REDIS_SIGNAL_CLOSE;
      else
         if(before_*after_<0.0)
            signal_.event=MT5REDIS_SIGNAL_REVERSE;
         else
            signal_.event=(MathAbs(after_)>MathAbs(before_) ? MT5REDIS_SIGNAL_INCREASE :
                           MT5REDIS_SIGNAL_PARTIAL_CLOSE);
   if(signal_.event!=MT5REDIS_SIGNAL_CLOSE)
      signal_.volume=NormalizeDouble(MathAbs(after_-before_),8);
   if(signal_.event!=MT5REDIS_SIGNAL_CLOSE && signal_.event!=MT5REDIS_SIGNAL_PARTIAL_CLOSE)
      signal_.action=(buys_ ? MT5REDIS_ACTION_BUY : MT5REDIS_ACTION_SELL);
   else
      if(by_)
         signal_.event=MT5REDIS_SIGNAL_CLOSE_BY;
   if(signal_.event==MT5REDIS_SIGNAL_OPEN || signal_.event==MT5REDIS_SIGNAL_REVERSE)
     {
      now_.stop_loss=stop_loss_;
      now_.take_profit=take_profit_;
     }
   if(after_!=0.0)
     {
      signal_.stop_loss=stop_loss_;
      signal_.take_profit=take_profit_;
     }
   signal_.price=price_;
   signal_.volume_before=MathAbs(before_);
   signal_.volume_after=MathAbs(after_);
   signal_.entry_price=entry_;
   signal_.side=((after_==0.0 ? before_ : after_)>0.0 ? MT5REDIS_SIDE_BUY : MT5REDIS_SIDE_SELL);
   return(Tell(at_,now_,signal_,time_ms_));
  }
//+------------------------------------------------------------------+
//| Tells the stops if they are not those that were told.            |
//+------------------------------------------------------------------+
void CMt5RedisAccountPositions::TellStops(const int at_,const int held_)
  {
   SMt5RedisTold now_=m_told.all[at_];
   now_.stop_loss=m_holdings.all[held_].stop_loss;
   now_.take_profit=m_holdings.all[held_].take_profit;
   now_.price=m_holdings.all[held_].price;
   double lots_=MathAbs(Wanted(now_.lots));
   if(lots_==0.0 || (MathAbs(now_.stop_loss-m_told.all[at_].stop_loss)<MT5R_TOLD_EPSILON &&
                     MathAbs(now_.take_profit-m_told.all[at_].take_profit)<MT5R_TOLD_EPSILON))
     {
      m_told.all[at_]=now_;
      return;
     }
   mt5redis_signal_t signal_;
   ZeroMemory(signal_);
   signal_.action=MT5REDIS_ACTION_MODIFY;
   signal_.event=MT5REDIS_SIGNAL_CHANGE;
   signal_.stop_loss=now_.stop_loss;
   signal_.take_profit=now_.take_profit;
   signal_.volume_before=lots_;
   signal_.volume_after=lots_;
   signal_.entry_price=now_.price;
   signal_.side=(now_.lots>0.0 ? MT5REDIS_SIDE_BUY : MT5REDIS_SIDE_SELL);
   Tell(at_,now_,signal_,0);
  }
//+------------------------------------------------------------------+
#endif
