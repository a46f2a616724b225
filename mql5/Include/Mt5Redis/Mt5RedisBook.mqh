//+------------------------------------------------------------------+
//|                                               Mt5RedisBook.mqh   |
//|  Keeps the copies and the account in step.                       |
//+------------------------------------------------------------------+
// Positions end without us: at their stops, by hand, by the broker. And the account may hold copies that no memory
// knows: the file was lost, or another terminal opened them. Before anything is decided the copies of a symbol are
// compared with its positions. A position that is not in the list is closed when its deals say so; the list may come
// late, so one that says nothing is waited for.
#ifndef MT5_REDIS_BOOK_MQH
#define MT5_REDIS_BOOK_MQH
#include "Mt5RedisCopies.mqh"
#include "Mt5RedisDeals.mqh"
#include "Mt5RedisHoldings.mqh"

#define MT5R_LATE_MS  10000  // how late the terminal may show what was traded

//+------------------------------------------------------------------+
//| Lots that were decided on and are still to be traded, on an      |
//| account that nets.                                               |
//+------------------------------------------------------------------+
struct SMt5RedisPending
  {
   string            symbol;
   double            lots;           // below 0 sold
  };
//+------------------------------------------------------------------+
//| The copies, the account's positions, and the memory.             |
//+------------------------------------------------------------------+
class CMt5RedisBook
  {
private:
   long              m_magic;
   double            m_factor;       // for copies of which only the volume is known
   CMt5RedisDeals    m_deals;
   CMt5RedisMark     m_mark;
   SMt5RedisPending  m_pending[];
   string            m_compared[];   // symbols whose copies were compared with the account's deals

   double            Pending(const string symbol_) const;
   bool              Late(const int at_) const;
   bool              Ended(const int at_);
   int               Found(const SMt5RedisHolding &holding_);
   bool              StepEach(const string symbol_);
   bool              StepNet(const string symbol_,const bool doubt_);
   void              Left(const int at_,const double lots_);
   void              LoseNet(const string symbol_,const double lots_,const bool buy_);
   bool              Compare(const string symbol_);
   void              Replay(const string symbol_,const int first_);
   void              Merge(const string symbol_,const int first_);
   bool              ByMarks(const long id_);
   SMt5RedisCopy     Made(const string comment_,const string symbol_,const bool buy_,const double lots_,
                          const long id_) const;

public:
   CMt5RedisCopies   copies;
   CMt5RedisHoldings holdings;
   CMt5RedisMemory   memory;
   bool              netting;

                     CMt5RedisBook(void) : m_magic(0),m_factor(1.0),netting(false) { }
   void              Rules(const long magic_,const double factor_);
   void              Clear(void);
   void              Forget(void);
   bool              Step(const string symbol_,const bool doubt_);
   void              Pend(const string symbol_,const double lots_);
   void              Changed(const int at_,const double held_);
   void              Keep(const int at_);
   void              RemoveEnded(void);
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
   ArrayFree(m_pending);
   ArrayFree(m_compared);
   memory.Close();
  }
//+------------------------------------------------------------------+
//| Another terminal acts: what the copies are when this one acts    |
//| again, the account will tell. The memory of the signals stays.   |
//+------------------------------------------------------------------+
void CMt5RedisBook::Forget(void)
  {
   copies.Clear();
   ArrayFree(m_pending);
   ArrayFree(m_compared);
  }
//+------------------------------------------------------------------+
//| So many lots more are to be traded; of the other sign: less.     |
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
//| Brings the copies of a symbol in step. False: the account does   |
//| not tell yet. doubt: an order of ours may have been executed.    |
//+------------------------------------------------------------------+
bool CMt5RedisBook::Step(const string symbol_,const bool doubt_)
  {
   netting=(AccountInfoInteger(ACCOUNT_MARGIN_MODE)!=ACCOUNT_MARGIN_MODE_RETAIL_HEDGING);
   if(!holdings.Read())
      return(false);
   return(netting ? StepNet(symbol_,doubt_) : StepEach(symbol_));
  }
//+------------------------------------------------------------------+
//| Whether the list may still lack what was traded, or be on its    |
//| way.                                                             |
//+------------------------------------------------------------------+
bool CMt5RedisBook::Late(const int at_) const
  {
   ulong since_=(ulong)MathMax(copies.all[at_].changed_ms,copies.all[at_].absent_ms);
   return(GetTickCount64()-since_<MT5R_LATE_MS);
  }
//+------------------------------------------------------------------+
//| Whether the position of a copy, which the list does not have, is |
//| closed. As long as its deals say that it is open, it is not.     |
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
//| So much is held now, because of an order of ours. Which position |
//| it is in may change with that on an account that nets.           |
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
//| Notes a copy in the memory; one that is over leaves it.          |
//+------------------------------------------------------------------+
void CMt5RedisBook::Keep(const int at_)
  {
   if(!copies.IsOver(at_))
     {
      memory.Note(copies.Record(at_));
      return;
     }
   memory.Note(copies.GoneRecord(at_));
  }
//+------------------------------------------------------------------+
//| Takes the copies that are over off the list.                     |
//+------------------------------------------------------------------+
void CMt5RedisBook::RemoveEnded(void)
  {
   for(int i_=copies.Total()-1; i_>=0; i_--)
      if(copies.IsOver(i_))
         copies.Remove(i_);
  }
//+------------------------------------------------------------------+
//| So much of a copy is left, as the account shows. What is missing |
//| from its goal was closed by others. If that was another terminal |
//| that follows for this account, the source holds less, too.       |
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
//| Whether all that was closed of a position was closed by orders   |
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
//| Each copy has a position of its own.                             |
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
      //--- more than is held: the list does not know of our last order yet
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
//| A position with our magic number that no copy has: its comment   |
//| says whose copy it is. Returns the copy's place.                 |
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
//| A copy of which no more is known than this.                      |
//+------------------------------------------------------------------+
SMt5RedisCopy CMt5RedisBook::Made(const string comment_,const string symbol_,const bool buy_,const double lots_,
                                  const long id_) const
  {
   SMt5RedisCopy copy_;
   bool          marked_=m_mark.IsMark(comment_);
   copy_.number=0;
   copy_.source="";
   copy_.origin=(marked_ ? m_mark.OriginOf(comment_) : "");
   copy_.position=(marked_ ? m_mark.PositionOf(comment_) : 0);
   copy_.symbol=symbol_;
   copy_.comment=(marked_ ? comment_ : "");
   copy_.buy=buy_;
   copy_.given=lots_/m_factor;
   copy_.want=lots_;
   copy_.held=lots_;
   copy_.goal=lots_;
   copy_.id=id_;
   copies.Start(copy_);
   return(copy_);
  }
//+------------------------------------------------------------------+
//| All copies of a symbol share its position. What others have      |
//| closed of it is missing from the copies on that side; what they  |
//| have added is none of our business.                              |
//+------------------------------------------------------------------+
bool CMt5RedisBook::StepNet(const string symbol_,const bool doubt_)
  {
   if(!Compare(symbol_))
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
   //--- the whole position was closed: with it every copy, whatever its side
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
//| After a start the copies of a symbol are compared with its deals:|
//| another terminal of this account may have acted meanwhile, or the|
//| memory be lost. What opened a copy has its mark; what reduced it |
//| has one of the same origin and position. Whoever else made the   |
//| account flat ended all of them.                                  |
//+------------------------------------------------------------------+
bool CMt5RedisBook::Compare(const string symbol_)
  {
   for(int i_=ArraySize(m_compared)-1; i_>=0; i_--)
      if(m_compared[i_]==symbol_)
         return(true);
   if(!HistorySelect(0,TimeTradeServer()+86400))
      return(false);
   int first_=copies.Total();
   Replay(symbol_,first_);
   //--- a broker that replaces comments leaves no marks: then the memory is all there is
   if(copies.Total()>first_)
      Merge(symbol_,first_);
   RemoveEnded();
   int last_=ArraySize(m_compared);
   ArrayResize(m_compared,last_+1,16);
   m_compared[last_]=symbol_;
   return(true);
  }
//+------------------------------------------------------------------+
//| Makes copies of what the selected history has of the symbol, from|
//| this place of the list on.                                       |
//+------------------------------------------------------------------+
void CMt5RedisBook::Replay(const string symbol_,const int first_)
  {
   double net_=0.0;
   int    total_=HistoryDealsTotal();
   for(int i_=0; i_<total_; i_++)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(deal_==0 || HistoryDealGetString(deal_,DEAL_SYMBOL)!=symbol_)
         continue;
      string mark_=m_mark.OfDeal(deal_,m_magic);
      bool   buy_=(HistoryDealGetInteger(deal_,DEAL_TYPE)==DEAL_TYPE_BUY);
      double lots_=HistoryDealGetDouble(deal_,DEAL_VOLUME);
      bool   ours_=(mark_!="");
      net_=NormalizeDouble(net_+(buy_ ? lots_ : -lots_),8);
      if(ours_ && m_mark.Opens(mark_))
        {
         SMt5RedisCopy copy_=Made(mark_,symbol_,buy_,lots_,0);
         copies.Add(copy_);
        }
      for(int k_=first_; k_<copies.Total(); k_++)
        {
         if(!ours_ && MathAbs(net_)<MT5R_LOTS_EPSILON)
            copies.Hold(k_,0.0);
         if(!ours_ || m_mark.Opens(mark_) || copies.all[k_].buy==buy_ ||
            !copies.IsOf(k_,m_mark.OriginOf(mark_),m_mark.PositionOf(mark_),symbol_))
            continue;
         double part_=MathMin(lots_,copies.all[k_].held);
         copies.Hold(k_,copies.all[k_].held-part_);
         lots_=NormalizeDouble(lots_-part_,8);
        }
     }
  }
//+------------------------------------------------------------------+
//| Puts the copies from this place on in the place of those that are|
//| remembered of their symbol. What the source holds is known from  |
//| the memory; where another terminal closed a part, so much less.  |
//+------------------------------------------------------------------+
void CMt5RedisBook::Merge(const string symbol_,const int first_)
  {
   for(int i_=first_-1; i_>=0; i_--)
     {
      if(copies.all[i_].symbol!=symbol_ || copies.all[i_].held<MT5R_LOTS_EPSILON)
         continue;
      double there_=0.0;
      for(int k_=copies.Total()-1; k_>=first_; k_--)
         if(copies.all[k_].comment==copies.all[i_].comment)
           {
            there_+=copies.all[k_].held;
            copies.Remove(k_);
           }
      if(MathAbs(there_-copies.all[i_].held)>MT5R_LOTS_EPSILON)
        {
         copies.Hold(i_,there_);
         Keep(i_);
        }
     }
   for(int k_=first_; k_<copies.Total(); k_++)
      Keep(k_);
  }
//+------------------------------------------------------------------+
#endif
