//+------------------------------------------------------------------+
//|                                             Mt5RedisReplay.mqh   |
//|  Rebuilds the copies of a netting account from its deals.        |
//+------------------------------------------------------------------+
// On a netting account the copies of a symbol share one position, which does not tell whose it is. Its deals do, because
// their orders had marks. So after a start the stored copies are compared with those rebuilt from the deals.
//
// A close of all copies of a source trades only their sum, which may be nothing. So its mark ends all of them, whatever it
// traded, and the memory says up to which deal they have ended.
#ifndef MT5_REDIS_REPLAY_MQH
#define MT5_REDIS_REPLAY_MQH
#include "Mt5RedisCopies.mqh"

//+------------------------------------------------------------------+
//| All copies of a source in a symbol were closed at once.          |
//+------------------------------------------------------------------+
struct SMt5RedisEnded
  {
   string            source;         // its characters in a mark
   string            symbol;
   ulong             deal;           // the last one before that
  };
//+------------------------------------------------------------------+
//| The copies, the memory, and what the deals say of them.          |
//+------------------------------------------------------------------+
class CMt5RedisReplay
  {
private:
   void              Replay(const string symbol_,const int first_);
   void              Merge(const string symbol_,const int first_,const double pending_);
   bool              HasEnded(const string origin_,const string symbol_,const ulong deal_) const;

protected:
   long              m_magic;
   double            m_factor;       // lot factor, for copies of which only the volume is known
   CMt5RedisMark     m_mark;
   string            m_compared[];   // symbols that were compared with the account's deals
   SMt5RedisEnded    m_ended[];

   bool              Compare(const string symbol_,const double pending_);
   SMt5RedisCopy     Made(const string comment_,const string symbol_,const bool buy_,const double lots_,
                          const long id_) const;

public:
   CMt5RedisCopies   copies;
   CMt5RedisMemory   memory;

                     CMt5RedisReplay(void) : m_magic(0),m_factor(1.0) { }
   void              Keep(const int at_);
   void              Owe(const int at_,const double stop_loss_,const double take_profit_);
   void              RemoveEnded(void);
   void              End(const string source_,const string symbol_);
   int               EndedTotal(void) const { return(ArraySize(m_ended)); }
   string            EndedRecord(const int at_) const;
   bool              TakeEnded(const string record_);
  };
//+------------------------------------------------------------------+
//| A copy of which only this is known.                              |
//+------------------------------------------------------------------+
SMt5RedisCopy CMt5RedisReplay::Made(const string comment_,const string symbol_,const bool buy_,const double lots_,
                                  const long id_) const
  {
   SMt5RedisCopy copy_;
   bool          marked_=m_mark.IsMark(comment_);
   copy_.number=0;
   copy_.source="";
   copy_.origin=(marked_ ? m_mark.OriginOf(comment_) : "");
   copy_.position=(marked_ ? m_mark.PositionOf(comment_) : 0);
   copy_.symbol=symbol_;
   copy_.theirs="";
   copy_.comment=(marked_ ? comment_ : "");
   copy_.buy=buy_;
   copy_.given=lots_/m_factor;
   copy_.want=lots_;
   copy_.held=lots_;
   copy_.goal=lots_;
   copy_.id=id_;
   copy_.owed_loss=0.0;
   copy_.owed_profit=0.0;
   copies.Start(copy_);
   return(copy_);
  }
//+------------------------------------------------------------------+
//| Compares the copies of a symbol with its deals after a start:    |
//| another terminal may have acted, or the memory may be lost. What |
//| opened a copy has its mark; what reduced it has a mark of the    |
//| same origin and position. If somebody else made the account      |
//| flat, all copies ended. pending: lots that are decided but not   |
//| traded yet, below 0: to be sold.                                 |
//+------------------------------------------------------------------+
bool CMt5RedisReplay::Compare(const string symbol_,const double pending_)
  {
   for(int i_=ArraySize(m_compared)-1; i_>=0; i_--)
      if(m_compared[i_]==symbol_)
         return(true);
   if(!HistorySelect(0,TimeTradeServer()+86400))
      return(false);
   int first_=copies.Total();
   Replay(symbol_,first_);
   //--- a broker that replaces comments leaves no marks: then only the memory is left
   if(copies.Total()>first_)
      Merge(symbol_,first_,pending_);
   RemoveEnded();
   int last_=ArraySize(m_compared);
   ArrayResize(m_compared,last_+1,16);
   m_compared[last_]=symbol_;
   return(true);
  }
//+------------------------------------------------------------------+
//| Rebuilds copies from the symbol's selected history, from this    |
//| index of the list on.                                            |
//+------------------------------------------------------------------+
void CMt5RedisReplay::Replay(const string symbol_,const int first_)
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
      if(ours_ && m_mark.Opens(mark_) && !HasEnded(m_mark.OriginOf(mark_),symbol_,deal_))
        {
         SMt5RedisCopy copy_=Made(mark_,symbol_,buy_,lots_,0);
         copies.Add(copy_);
        }
      for(int k_=first_; k_<copies.Total(); k_++)
        {
         if(ours_ ? m_mark.ClosesAll(mark_,copies.all[k_].origin) : MathAbs(net_)<MT5R_LOTS_EPSILON)
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
//| Replaces the stored copies of a symbol by those from this index  |
//| on. The memory tells what the source holds, minus what another   |
//| terminal closed. The deals lack a close that is decided and not  |
//| done yet: a copy that it closes whole is in the memory no more.  |
//+------------------------------------------------------------------+
void CMt5RedisReplay::Merge(const string symbol_,const int first_,const double pending_)
  {
   double left_=MathAbs(pending_);
   for(int i_=first_-1; i_>=0; i_--)
     {
      if(copies.all[i_].symbol!=symbol_ || copies.all[i_].held<MT5R_LOTS_EPSILON)
         continue;
      double there_=0.0;
      bool   found_=false;
      for(int k_=copies.Total()-1; k_>=first_; k_--)
         if(copies.all[k_].comment==copies.all[i_].comment)
           {
            found_=true;
            there_+=copies.all[k_].held;
            copies.Remove(k_);
           }
      //--- an opening that is older than the broker's history is known from the memory only
      if(found_ && there_<copies.all[i_].held-MT5R_LOTS_EPSILON)
        {
         copies.Hold(i_,there_);
         Keep(i_);
        }
      if(copies.all[i_].buy==(pending_<0.0))
         left_-=MathMax(0.0,there_-copies.all[i_].held);
     }
   for(int k_=first_; k_<copies.Total(); k_++)
     {
      double part_=(copies.all[k_].buy==(pending_<0.0) ? MathMax(0.0,MathMin(left_,copies.all[k_].held)) : 0.0);
      copies.Hold(k_,copies.all[k_].held-part_);
      left_-=part_;
      Keep(k_);
     }
  }
//+------------------------------------------------------------------+
//| Notes that all copies of a source in a symbol end with the deals |
//| so far. Selects the whole history.                               |
//+------------------------------------------------------------------+
void CMt5RedisReplay::End(const string source_,const string symbol_)
  {
   if(!HistorySelect(0,TimeTradeServer()+86400) || HistoryDealsTotal()==0)
      return;
   string record_=StringFormat("ended\t%s\t%s\t%I64u",m_mark.Source(source_),symbol_,
                               HistoryDealGetTicket(HistoryDealsTotal()-1));
   TakeEnded(record_);
   memory.Note(record_);
  }
//+------------------------------------------------------------------+
string CMt5RedisReplay::EndedRecord(const int at_) const
  {
   return(StringFormat("ended\t%s\t%s\t%I64u",m_ended[at_].source,m_ended[at_].symbol,m_ended[at_].deal));
  }
//+------------------------------------------------------------------+
//| Reads a record of the memory. False: it says nothing of this.    |
//+------------------------------------------------------------------+
bool CMt5RedisReplay::TakeEnded(const string record_)
  {
   string fields_[];
   if(StringSplit(record_,MT5R_FIELD,fields_)!=4 || fields_[0]!="ended")
      return(false);
   int at_=ArraySize(m_ended)-1;
   while(at_>=0 && (m_ended[at_].source!=fields_[1] || m_ended[at_].symbol!=fields_[2]))
      at_--;
   if(at_<0)
     {
      at_=ArraySize(m_ended);
      ArrayResize(m_ended,at_+1,16);
     }
   m_ended[at_].source=fields_[1];
   m_ended[at_].symbol=fields_[2];
   m_ended[at_].deal=(ulong)StringToInteger(fields_[3]);
   return(true);
  }
//+------------------------------------------------------------------+
bool CMt5RedisReplay::HasEnded(const string origin_,const string symbol_,const ulong deal_) const
  {
   for(int i_=ArraySize(m_ended)-1; i_>=0; i_--)
      if(m_ended[i_].symbol==symbol_ && deal_<=m_ended[i_].deal && m_mark.IsFrom(origin_,m_ended[i_].source))
         return(true);
   return(false);
  }
//+------------------------------------------------------------------+
//| Stores a copy in the memory; a finished one is removed.          |
//+------------------------------------------------------------------+
void CMt5RedisReplay::Keep(const int at_)
  {
   if(!copies.IsOver(at_))
     {
      memory.Note(copies.Record(at_));
      return;
     }
   memory.Note(copies.GoneRecord(at_));
  }
//+------------------------------------------------------------------+
//| Notes the stops that a copy should have and does not have yet.   |
//+------------------------------------------------------------------+
void CMt5RedisReplay::Owe(const int at_,const double stop_loss_,const double take_profit_)
  {
   if(copies.all[at_].owed_loss==stop_loss_ && copies.all[at_].owed_profit==take_profit_)
      return;
   copies.all[at_].owed_loss=stop_loss_;
   copies.all[at_].owed_profit=take_profit_;
   Keep(at_);
   memory.Save();
  }
//+------------------------------------------------------------------+
//| Removes finished copies from the list.                           |
//+------------------------------------------------------------------+
void CMt5RedisReplay::RemoveEnded(void)
  {
   for(int i_=copies.Total()-1; i_>=0; i_--)
      if(copies.IsOver(i_))
         copies.Remove(i_);
  }
//+------------------------------------------------------------------+
#endif
