//+------------------------------------------------------------------+
//|                                             Mt5RedisGuards.mqh   |
//|  The guards that judge each opening.                             |
//+------------------------------------------------------------------+
// Lots and positions, of a symbol and of all, orders per minute, spread and slippage. An opening is judged with all its
// lots, before its order is sent; it is skipped whole, never cut. Slippage is also judged when the order was filled.
#ifndef MT5_REDIS_GUARDS_MQH
#define MT5_REDIS_GUARDS_MQH
#include "Mt5RedisGuarding.mqh"

//+------------------------------------------------------------------+
//| The guards of openings.                                          |
//+------------------------------------------------------------------+
class CMt5RedisGuards : public CMt5RedisGuarding
  {
private:
   string            Refuse(const ENUM_MT5REDIS_GUARD guard_,const string symbol_,const double room_,const string text_);
   string            TooMany(const string symbol_,const bool all_,const bool buy_,const double lots_);
   string            Lots(const double lots_) const { return(DoubleToString(lots_,2)+" lots"); }
   string            Points(const double points_) const { return(DoubleToString(points_,0)+" points"); }

protected:
   virtual string    Exceeded(const SMt5RedisTask &task_,const bool buy_,const double lots_,const double worse_) override;
   virtual void      Filled(const SMt5RedisTask &task_,const bool buy_) override;
  };
//+------------------------------------------------------------------+
//| The guard acts, if it does not yet. Returns why it refuses.      |
//+------------------------------------------------------------------+
string CMt5RedisGuards::Refuse(const ENUM_MT5REDIS_GUARD guard_,const string symbol_,const double room_,
                               const string text_)
  {
   Trip(guard_,symbol_,room_,text_);
   return(text_+" (the "+Mt5RedisGuardName(guard_)+" guard)");
  }
//+------------------------------------------------------------------+
//| Why an opening must not be sent; empty: it may be.               |
//| worse: by how many points its price is worse than the signal's   |
//+------------------------------------------------------------------+
string CMt5RedisGuards::Exceeded(const SMt5RedisTask &task_,const bool buy_,const double lots_,const double worse_)
  {
   double slippage_=Limit(MT5REDIS_GUARD_SLIPPAGE);
   double widest_=Limit(MT5REDIS_GUARD_SPREAD);
   double spread_=Spread(task_.symbol);
   double most_=Limit(MT5REDIS_GUARD_ORDERS);
   if(worse_>slippage_+0.5)
      return(Refuse(MT5REDIS_GUARD_SLIPPAGE,task_.symbol,0.0,"the price has moved away by "+Points(worse_)+
                    "; the limit is "+Points(slippage_)));
   int at_=m_acted.Find(MT5REDIS_GUARD_SLIPPAGE,task_.symbol);
   if(at_>=0 && task_.kind==MT5REDIS_TASK_OPEN)
      End(at_,"the value is within its limit again");
   if(lots_<=0.0)
      return("");
   if(widest_>0.0 && spread_>widest_)
      return(Refuse(MT5REDIS_GUARD_SPREAD,task_.symbol,0.0,"the spread of "+task_.symbol+" is "+Points(spread_)+
                    "; the limit is "+Points(widest_)));
   if(most_>0.0 && Sent()>=most_ && !IsAgain(task_))
      return(Refuse(MT5REDIS_GUARD_ORDERS,"",0.0,StringFormat("%d orders were sent within %d seconds; the limit is %.0f "
                    "orders",Sent(),MT5R_GUARD_MINUTE_S,most_)));
   string why_=TooMany(task_.symbol,true,buy_,lots_);
   return(why_=="" ? TooMany(task_.symbol,false,buy_,lots_) : why_);
  }
//+------------------------------------------------------------------+
//| Why the copies would be too many with an opening, those of all   |
//| symbols or of its own; empty: they would not.                    |
//+------------------------------------------------------------------+
string CMt5RedisGuards::TooMany(const string symbol_,const bool all_,const bool buy_,const double lots_)
  {
   ENUM_MT5REDIS_GUARD by_lots_=(all_ ? MT5REDIS_GUARD_TOTAL_LOTS : MT5REDIS_GUARD_SYMBOL_LOTS);
   ENUM_MT5REDIS_GUARD by_number_=(all_ ? MT5REDIS_GUARD_POSITIONS : MT5REDIS_GUARD_SYMBOL_POSITIONS);
   CMt5RedisExposure exposure_;
   Exposure(all_ ? "" : symbol_,exposure_);
   double more_=lots_;
   int    another_=1;
   if(m_book.netting)
     {
      int    at_=m_book.holdings.FindBySymbol(symbol_);
      double net_=m_book.holdings.Net(at_);
      more_=MathAbs(buy_ ? net_+lots_ : net_-lots_)-MathAbs(net_);
      another_=(at_<0 ? 1 : 0);
     }
   string of_=(all_ ? "" : " of "+symbol_);
   string subject_=(all_ ? "" : symbol_);
   double most_=Limit(by_lots_);
   if(most_>0.0 && more_>MT5R_LOTS_EPSILON && exposure_.lots+more_>most_+MT5R_LOTS_EPSILON)
      return(Refuse(by_lots_,subject_,most_-more_,"with this opening the copies"+of_+" would hold "+
                    Lots(exposure_.lots+more_)+"; the limit is "+Lots(most_)));
   most_=Limit(by_number_);
   if(most_>0.0 && another_>0 && exposure_.positions+1>most_)
      return(Refuse(by_number_,subject_,most_-1.0,StringFormat("with this opening there would be %d copies%s; the limit "
                    "is %.0f copies",exposure_.positions+1,of_,most_)));
   return("");
  }
//+------------------------------------------------------------------+
//| An opening was filled.                                           |
//+------------------------------------------------------------------+
void CMt5RedisGuards::Filled(const SMt5RedisTask &task_,const bool buy_)
  {
   double asked_=task_.signal.data.price;
   double got_=m_orders.Price();
   if(asked_<=0.0 || got_<=0.0)
      return;
   double worse_=(buy_ ? got_-asked_ : asked_-got_)/m_symbol.Point();
   if(worse_>Limit(MT5REDIS_GUARD_SLIPPAGE)+0.5)
      Trip(MT5REDIS_GUARD_SLIPPAGE,task_.symbol,0.0,task_.symbol+" was filled "+Points(worse_)+
          " worse than at the signal's price; the limit is "+Points(Limit(MT5REDIS_GUARD_SLIPPAGE)));
  }
//+------------------------------------------------------------------+
#endif
