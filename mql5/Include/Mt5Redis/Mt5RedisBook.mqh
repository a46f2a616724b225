//+------------------------------------------------------------------+
//|                                               Mt5RedisBook.mqh   |
//|  Reconciles the copies with the account's positions.             |
//+------------------------------------------------------------------+
// Positions may close at their stops, by hand or by the broker. The account may also hold copies that the memory does not
// know, because the file was lost or another terminal opened them. So before any decision the copies of a symbol are
// compared with its positions. A position that is missing from the list is closed if its deals say so; otherwise the
// list may be late, and the decision waits.
#ifndef MT5_REDIS_BOOK_MQH
#define MT5_REDIS_BOOK_MQH
#include "Mt5RedisDeals.mqh"
#include "Mt5RedisHoldings.mqh"
#include "Mt5RedisReplay.mqh"
#include "Mt5RedisSources.mqh"

#define MT5R_LATE_MS  10000  // how late the terminal may show a trade

//+------------------------------------------------------------------+
//| Lots that are decided but not traded yet, on a netting account.  |
//+------------------------------------------------------------------+
struct SMt5RedisPending
  {
   string            symbol;
   double            lots;           // below 0: sold
  };
//+------------------------------------------------------------------+
//| The copies, the account's positions, and the memory.             |
//+------------------------------------------------------------------+
class CMt5RedisBook : public CMt5RedisReplay
  {
private:
   CMt5RedisDeals    m_deals;
   SMt5RedisPending  m_pending[];

   double            Pending(const string symbol_) const;
   bool              Late(const int at_) const;
   bool              Ended(const int at_);
   int               Found(const SMt5RedisHolding &holding_);
   bool              StepEach(const string symbol_);
   bool              StepNet(const string symbol_,const bool doubt_);
   void              Left(const int at_,const double lots_);
   void              LoseNet(const string symbol_,const double lots_,const bool buy_);
   bool              ByMarks(const long id_);

public:
   CMt5RedisHoldings holdings;
   CMt5RedisSources  sources;
   bool              netting;

                     CMt5RedisBook(void) : netting(false) { }
   void              Rules(const long magic_,const double factor_);
   void              Clear(void);
   void              Forget(void);
   bool              Step(const string symbol_,const bool doubt_);
   void              Pend(const string symbol_,const double lots_);
   void              Changed(const int at_,const double held_);
  };
//+------------------------------------------------------------------+
void CMt5RedisBook::Rules(const long magic_,const double factor_)
  {
   m_magic=magic_;
   m_factor=factor_;
  }
//+------------------------------------------------------------------+
void CMt5RedisBook::Clear(void)
  {
   copies.Clear();
   sources.Clear();
   ArrayFree(m_pending);
   ArrayFree(m_compared);
   ArrayFree(m_ended);
   memory.Close();
  }
//+------------------------------------------------------------------+
//| Forgets the copies, because another terminal acts: when this one |
//| acts again, the account tells what they are. The memory of the   |
//| signals stays.                                                   |
//+------------------------------------------------------------------+
void CMt5RedisBook::Forget(void)
  {
   copies.Clear();
   sources.Forget();
   ArrayFree(m_pending);
   ArrayFree(m_compared);
  }
//+------------------------------------------------------------------+
//| Adds lots to be traded; a negative number takes some away.       |
//+------------------------------------------------------------------+
void CMt5RedisBook::Pend(const string symbol_,const double lots_)
  {
   int at_=ArraySize(m_pending)-1;
   while(at_>=0 && m_pending[at_].symbol!=symbol_)
      at_--;
   if(at_<0)
     {
      at_=ArraySize(m_pending);
      ArrayResize(m_pending,at_+1,16);
      m_pending[at_].symbol=symbol_;
      m_pending[at_].lots=0.0;
     }
   m_pending[at_].lots=NormalizeDouble(m_pending[at_].lots+lots_,8);
  }
//+------------------------------------------------------------------+
double CMt5RedisBook::Pending(const string symbol_) const
  {
   for(int i_=ArraySize(m_pending)-1; i_>=0; i_--)
      if(m_pending[i_].symbol==symbol_)
         return(m_pending[i_].lots);
   return(0.0);
  }
//+------------------------------------------------------------------+
//| Reconciles the copies of a symbol. False: the account does not   |
//| tell yet. doubt: an order of ours may have been executed.        |
//+------------------------------------------------------------------+
bool CMt5RedisBook::Step(const string symbol_,const bool doubt_)
  {
   netting=(AccountInfoInteger(ACCOUNT_MARGIN_MODE)!=ACCOUNT_MARGIN_MODE_RETAIL_HEDGING);
   if(!holdings.Read())
      return(false);
   return(netting ? StepNet(symbol_,doubt_) : StepEach(symbol_));
  }
//+------------------------------------------------------------------+
//| Whether the list may still lack a recent trade.                  |
//+------------------------------------------------------------------+
bool CMt5RedisBook::Late(const int at_) const
  {
   ulong since_=(ulong)MathMax(copies.all[at_].changed_ms,copies.all[at_].absent_ms);
   return(GetTickCount64()-since_<MT5R_LATE_MS);
  }
//+------------------------------------------------------------------+
//| Whether the position of a copy, which is missing from the list,  |
//| is closed. While its deals say that it is open, it is not.       |
//+------------------------------------------------------------------+
bool CMt5RedisBook::Ended(const int at_)
  {
   if(copies.all[at_].absent_ms==0)
      copies.all[at_].absent_ms=GetTickCount64();
   string symbol_=copies.all[at_].symbol;
   double held_=(netting ? MathAbs(copies.Net(symbol_)-Pending(symbol_)) : copies.all[at_].held);
   if(copies.all[at_].id<=0 || !m_deals.Read(copies.all[at_].id) || m_deals.side==0)
      return(!Late(at_));
   return(m_deals.Closed(held_) && !m_deals.reopening);
  }
//+------------------------------------------------------------------+
//| Sets what a copy holds after an order of ours. On a netting      |
//| account its position may change with that.                       |
//+------------------------------------------------------------------+
void CMt5RedisBook::Changed(const int at_,const double held_)
  {
   copies.all[at_].held=NormalizeDouble(MathMax(0.0,held_),8);
   Keep(at_);
   for(int i_=copies.Total()-1; i_>=0; i_--)
      if(i_==at_ || (netting && copies.all[i_].symbol==copies.all[at_].symbol))
        {
         copies.all[i_].shown=false;
         copies.all[i_].changed_ms=GetTickCount64();
         copies.all[i_].id=(netting ? 0 : copies.all[i_].id);
        }
  }
//+------------------------------------------------------------------+
//| Sets what is left of a copy, as the account shows. What is       |
//| missing from its goal was closed by others. If another terminal  |
//| follows for this account, its source holds less, too.            |
//+------------------------------------------------------------------+
void CMt5RedisBook::Left(const int at_,const double lots_)
  {
   double goal_=copies.all[at_].goal;
   if(lots_<goal_-MT5R_LOTS_EPSILON && !netting && ByMarks(copies.all[at_].id))
      copies.Hold(at_,lots_);
   copies.all[at_].want=MathMax(0.0,copies.all[at_].want-MathMax(0.0,copies.all[at_].goal-lots_));
   copies.all[at_].held=NormalizeDouble(MathMax(0.0,lots_),8);
   copies.all[at_].goal=MathMin(copies.all[at_].goal,copies.all[at_].held);
   if(copies.all[at_].held<MT5R_LOTS_EPSILON)
      copies.all[at_].given=0.0;
   Keep(at_);
  }
//+------------------------------------------------------------------+
//| Whether all closed volume of a position was closed by orders     |
//| with marks.                                                      |
//+------------------------------------------------------------------+
bool CMt5RedisBook::ByMarks(const long id_)
  {
   if(id_<=0 || !HistorySelectByPosition((ulong)id_))
      return(false);
   for(int i_=HistoryDealsTotal()-1; i_>=0; i_--)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(deal_>0 && HistoryDealGetInteger(deal_,DEAL_ENTRY)!=DEAL_ENTRY_IN && m_mark.OfDeal(deal_,m_magic)=="")
         return(false);
     }
   return(true);
  }
//+------------------------------------------------------------------+
//| Reconciles copies that have a position each.                     |
//+------------------------------------------------------------------+
bool CMt5RedisBook::StepEach(const string symbol_)
  {
   bool known_=true;
   for(int i_=holdings.Total()-1; i_>=0; i_--)
     {
      if(holdings.all[i_].magic!=m_magic || holdings.all[i_].symbol!=symbol_)
         continue;
      int at_=copies.FindById(holdings.all[i_].id);
      if(at_<0)
         at_=Found(holdings.all[i_]);
      //--- more than is held: the list does not show our last order yet
      if(holdings.all[i_].volume>copies.all[at_].held+MT5R_LOTS_EPSILON)
         continue;
      copies.all[at_].shown=true;
      copies.all[at_].absent_ms=0;
      if(holdings.all[i_].volume<copies.all[at_].held-MT5R_LOTS_EPSILON)
         Left(at_,holdings.all[i_].volume);
     }
   for(int i_=copies.Total()-1; i_>=0; i_--)
     {
      if(copies.all[i_].symbol!=symbol_ || copies.all[i_].held<MT5R_LOTS_EPSILON ||
         holdings.FindById(copies.all[i_].id)>=0)
         continue;
      if(Ended(i_))
         Left(i_,0.0);
      else
         known_=false;
     }
   RemoveEnded();
   return(known_);
  }
//+------------------------------------------------------------------+
//| Makes a copy for a position with our magic number that has none: |
//| its comment says whose copy it is. Returns its index.            |
//+------------------------------------------------------------------+
int CMt5RedisBook::Found(const SMt5RedisHolding &holding_)
  {
   int at_=copies.FindByComment(holding_.comment);
   if(at_>=0 && copies.all[at_].id==0)
      copies.all[at_].id=holding_.id;
   else
     {
      SMt5RedisCopy copy_=Made(holding_.comment,holding_.symbol,holding_.buy,holding_.volume,holding_.id);
      at_=copies.Add(copy_);
     }
   Keep(at_);
   return(at_);
  }
//+------------------------------------------------------------------+
//| Reconciles copies that share the symbol's position. What others  |
//| closed is missing from the copies of that side; what they added  |
//| is ignored.                                                      |
//+------------------------------------------------------------------+
bool CMt5RedisBook::StepNet(const string symbol_,const bool doubt_)
  {
   if(!Compare(symbol_,Pending(symbol_)))
      return(false);
   int  first_=copies.Total();
   bool shown_=false;
   bool late_=false;
   for(int i_=copies.Total()-1; i_>=0; i_--)
      if(copies.all[i_].symbol==symbol_ && copies.all[i_].held>=MT5R_LOTS_EPSILON)
        {
         first_=i_;
         shown_=(shown_ || copies.all[i_].shown);
         late_=(late_ || Late(i_));
        }
   int at_=holdings.FindBySymbol(symbol_);
   if(first_==copies.Total())
      return(true);
   double ours_=NormalizeDouble(copies.Net(symbol_)-Pending(symbol_),8);
   double there_=holdings.Net(at_);
   long   id_=(at_>=0 ? holdings.all[at_].id : 0);
   long   known_=copies.all[first_].id;
   bool   another_=(known_>0 && id_!=known_);
   double missing_=(ours_>0.0 ? ours_-there_ : there_-ours_);
   if(MathAbs(ours_)<MT5R_LOTS_EPSILON)
      missing_=0.0;
   if(missing_<MT5R_LOTS_EPSILON && (!another_ || !shown_))
     {
      for(int i_=first_; i_<copies.Total(); i_++)
         if(copies.all[i_].symbol==symbol_)
           {
            copies.all[i_].id=(MathAbs(ours_)<MT5R_LOTS_EPSILON ? 0 : id_);
            copies.all[i_].shown=true;
            copies.all[i_].absent_ms=0;
           }
      return(true);
     }
   if(doubt_)
      return(true);
   if(another_ ? !Ended(first_) : late_)
      return(false);
   //--- the whole position was closed, and with it every copy of either side
   if(another_)
     {
      for(int i_=copies.Total()-1; i_>=0; i_--)
         if(copies.all[i_].symbol==symbol_)
            Left(i_,0.0);
     }
   else
      LoseNet(symbol_,MathMin(missing_,MathAbs(ours_)),ours_>0.0);
   RemoveEnded();
   return(true);
  }
//+------------------------------------------------------------------+
void CMt5RedisBook::LoseNet(const string symbol_,const double lots_,const bool buy_)
  {
   double left_=lots_;
   for(int i_=0; i_<copies.Total(); i_++)
      if(copies.all[i_].symbol==symbol_ && copies.all[i_].buy==buy_ && left_>=MT5R_LOTS_EPSILON)
        {
         double part_=MathMin(left_,copies.all[i_].held);
         Left(i_,copies.all[i_].held-part_);
         left_-=part_;
        }
  }
//+------------------------------------------------------------------+
#endif
