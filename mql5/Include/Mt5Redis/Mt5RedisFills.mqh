//+------------------------------------------------------------------+
//|                                              Mt5RedisFills.mqh   |
//|  What was filled of the pending orders here.                     |
//+------------------------------------------------------------------+
// What is filled becomes a copy, each time a symbol is reconciled. The history of deals tells how much it is. An order that
// only the account shows, because the memory was lost or another terminal placed it, is recognised by its comment.
#ifndef MT5_REDIS_FILLS_MQH
#define MT5_REDIS_FILLS_MQH
#include "Mt5RedisOwedStops.mqh"
#include "Mt5RedisPlaced.mqh"

#define MT5R_PLACED_S  31536000 // how far back the deals of an order that waited are searched for

//+------------------------------------------------------------------+
//| The orders that were placed here, and their fills.               |
//+------------------------------------------------------------------+
class CMt5RedisFills : public CMt5RedisOwedStops
  {
private:
   void              RemovePlaced(const int at_);
   void              Recognise(void);
   void              Fill(const int at_,const double traded_);

protected:
   CMt5RedisPlaced   m_placed;

   bool              Fills(const string symbol_);
  };
//+------------------------------------------------------------------+
//| Makes copies of what was filled here. True: what became of an    |
//| order is not known yet.                                          |
//+------------------------------------------------------------------+
bool CMt5RedisFills::Fills(const string symbol_)
  {
   bool doubt_=false;
   if(m_rules.pendings!=MT5REDIS_PENDINGS_AS_PENDING)
      return(false);
   Recognise();
   for(int i_=m_placed.Total()-1; i_>=0; i_--)
     {
      SMt5RedisPlaced placed_=m_placed.all[i_];
      if(placed_.symbol!=symbol_)
         continue;
      bool waits_=(m_orders.WaitingOf(placed_.origin,placed_.order)>0);
      if(waits_ && OrderGetDouble(ORDER_VOLUME_CURRENT)>placed_.lots-placed_.filled-MT5R_LOTS_EPSILON)
         continue;
      double traded_=m_orders.Traded(placed_.mark,MT5R_PLACED_S);
      if(traded_>placed_.filled+MT5R_LOTS_EPSILON)
         Fill(i_,traded_);
      long state_=m_orders.EndedOf(placed_.origin,placed_.order);
      if(waits_)
         continue;
      if(traded_>=placed_.lots-MT5R_LOTS_EPSILON || (state_>=0 && state_!=ORDER_STATE_FILLED))
        {
         RemovePlaced(i_);
         continue;
        }
      if(placed_.gone_ms==0)
         m_placed.all[i_].gone_ms=GetTickCount64();
      if(GetTickCount64()-m_placed.all[i_].gone_ms<MT5R_ANSWER_MS)
         doubt_=true;
      else
         RemovePlaced(i_);
     }
   return(doubt_);
  }
//+------------------------------------------------------------------+
//| Takes orders that only the account shows, because the memory was |
//| lost or another terminal placed them.                            |
//+------------------------------------------------------------------+
void CMt5RedisFills::Recognise(void)
  {
   for(int i_=OrdersTotal()-1; i_>=0; i_--)
     {
      long type_=(OrderGetTicket(i_)>0 ? OrderGetInteger(ORDER_TYPE) : (long)ORDER_TYPE_BUY);
      string mark_=OrderGetString(ORDER_COMMENT);
      if(type_==ORDER_TYPE_BUY || type_==ORDER_TYPE_SELL || OrderGetInteger(ORDER_MAGIC)!=m_rules.magic ||
         !m_marks.IsMark(mark_) || !m_marks.Opens(mark_) || m_placed.Has(mark_))
         continue;
      SMt5RedisPlaced placed_;
      placed_.source="";
      placed_.origin=m_marks.OriginOf(mark_);
      placed_.order=m_marks.PositionOf(mark_);
      placed_.symbol=OrderGetString(ORDER_SYMBOL);
      placed_.theirs="";
      placed_.mark=mark_;
      placed_.buy=(type_==ORDER_TYPE_BUY_LIMIT || type_==ORDER_TYPE_BUY_STOP || type_==ORDER_TYPE_BUY_STOP_LIMIT);
      placed_.lots=OrderGetDouble(ORDER_VOLUME_INITIAL);
      double ratio_=m_volume.Ratio(m_symbol,0.0);
      placed_.given=placed_.lots/(ratio_>0.0 ? ratio_ : 1.0);
      placed_.exact=placed_.lots;
      placed_.filled=placed_.lots-OrderGetDouble(ORDER_VOLUME_CURRENT);
      placed_.gone_ms=0;
      m_book.memory.Note(m_placed.Record(m_placed.Add(placed_)));
     }
  }
//+------------------------------------------------------------------+
//| An order here was filled, with so many lots by now.              |
//+------------------------------------------------------------------+
void CMt5RedisFills::Fill(const int at_,const double traded_)
  {
   SMt5RedisPlaced placed_=m_placed.all[at_];
   double more_=NormalizeDouble(traded_-placed_.filled,8);
   bool   hedging_=(AccountInfoInteger(ACCOUNT_MARGIN_MODE)==ACCOUNT_MARGIN_MODE_RETAIL_HEDGING);
   long   id_=(hedging_ ? m_orders.PositionOf(placed_.mark) : 0);
   int    copy_=(hedging_ ? m_book.copies.FindById(id_) : m_book.copies.FindByComment(placed_.mark));
   if(copy_<0)
     {
      SMt5RedisCopy new_;
      new_.number=0;
      new_.source=placed_.source;
      new_.origin=placed_.origin;
      new_.position=placed_.order;
      new_.symbol=placed_.symbol;
      new_.theirs=placed_.theirs;
      new_.comment=placed_.mark;
      new_.buy=placed_.buy;
      new_.given=0.0;
      new_.want=0.0;
      new_.held=0.0;
      new_.goal=0.0;
      new_.id=id_;
      new_.owed_loss=0.0;
      new_.owed_profit=0.0;
      m_book.copies.Start(new_);
      copy_=m_book.copies.Add(new_);
     }
   m_book.copies.all[copy_].given+=placed_.given*more_/placed_.lots;
   m_book.copies.all[copy_].want+=placed_.exact*more_/placed_.lots;
   m_book.copies.all[copy_].goal=NormalizeDouble(m_book.copies.all[copy_].goal+more_,8);
   m_book.netting=!hedging_;
   m_book.Changed(copy_,m_book.copies.all[copy_].held+more_);
   m_placed.all[at_].filled=traded_;
   m_book.memory.Note(m_placed.Record(at_));
   m_book.memory.Save();
  }
//+------------------------------------------------------------------+
void CMt5RedisFills::RemovePlaced(const int at_)
  {
   m_book.memory.Note(m_placed.GoneRecord(at_));
   m_book.memory.Save();
   m_placed.Remove(at_);
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
