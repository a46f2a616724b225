//+------------------------------------------------------------------+
//|                                             Mt5RedisPlaced.mqh   |
//|  The pending orders that a follower has placed.                  |
//+------------------------------------------------------------------+
// The account shows which orders wait and what they copy. This list adds what only the follower knows: for how many lots of
// the source an order stands, and how much of what was filled is a copy already.
#ifndef MT5_REDIS_PLACED_MQH
#define MT5_REDIS_PLACED_MQH
#include "Mt5RedisCopies.mqh"

//+------------------------------------------------------------------+
//| An order that was placed here.                                   |
//+------------------------------------------------------------------+
struct SMt5RedisPlaced
  {
   string            source;         // empty: found in the account
   string            origin;
   long              order;          // the source's ticket
   string            symbol;         // this broker's
   string            theirs;         // the source's name of it; empty: found in the account
   string            mark;
   bool              buy;
   double            given;          // lots of the source's order
   double            exact;          // the same in lots here, before rounding
   double            lots;           // lots of the order here
   double            filled;         // those that are copies by now
   ulong             gone_ms;        // since when neither list nor history has it; 0: one has; not stored
  };
//+------------------------------------------------------------------+
//| The orders.                                                      |
//+------------------------------------------------------------------+
class CMt5RedisPlaced
  {
private:
   int               Find(const string mark_) const;

public:
   SMt5RedisPlaced   all[];

   int               Total(void) const { return(ArraySize(all)); }
   void              Clear(void)       { ArrayFree(all); }
   bool              Has(const string mark_) const { return(Find(mark_)>=0); }
   int               Add(const SMt5RedisPlaced &placed_);
   void              Remove(const int at_);
   string            Record(const int at_) const;
   string            GoneRecord(const int at_) const { return("unplaced\t"+all[at_].mark); }
   bool              Take(const string record_);
  };
//+------------------------------------------------------------------+
int CMt5RedisPlaced::Find(const string mark_) const
  {
   int at_=Total()-1;
   while(at_>=0 && all[at_].mark!=mark_)
      at_--;
   return(at_);
  }
//+------------------------------------------------------------------+
int CMt5RedisPlaced::Add(const SMt5RedisPlaced &placed_)
  {
   int at_=Total();
   ArrayResize(all,at_+1,16);
   all[at_]=placed_;
   return(at_);
  }
//+------------------------------------------------------------------+
void CMt5RedisPlaced::Remove(const int at_)
  {
   int last_=Total()-1;
   for(int i_=at_; i_<last_; i_++)
      all[i_]=all[i_+1];
   ArrayResize(all,last_,16);
  }
//+------------------------------------------------------------------+
//| An order as a record of the memory.                              |
//+------------------------------------------------------------------+
string CMt5RedisPlaced::Record(const int at_) const
  {
   SMt5RedisPlaced placed_=all[at_];
   return("placed\t"+placed_.source+"\t"+placed_.origin+"\t"+IntegerToString(placed_.order)+"\t"+placed_.symbol+"\t"+
          placed_.mark+"\t"+(placed_.buy ? "buy" : "sell")+"\t"+DoubleToString(placed_.given,MT5R_SHARE_DIGITS)+"\t"+
          DoubleToString(placed_.exact,MT5R_SHARE_DIGITS)+"\t"+DoubleToString(placed_.lots,8)+"\t"+DoubleToString(placed_.filled,8)+"\t"+placed_.theirs);
  }
//+------------------------------------------------------------------+
//| Reads a record of the memory. False: it is not about an order.   |
//+------------------------------------------------------------------+
bool CMt5RedisPlaced::Take(const string record_)
  {
   string fields_[];
   int    count_=StringSplit(record_,MT5R_FIELD,fields_);
   if(count_==2 && fields_[0]=="unplaced")
     {
      int gone_=Find(fields_[1]);
      if(gone_>=0)
         Remove(gone_);
      return(true);
     }
   if(count_!=12 || fields_[0]!="placed")
      return(false);
   SMt5RedisPlaced placed_;
   placed_.source=fields_[1];
   placed_.origin=fields_[2];
   placed_.order=StringToInteger(fields_[3]);
   placed_.symbol=fields_[4];
   placed_.mark=fields_[5];
   placed_.buy=(fields_[6]=="buy");
   placed_.given=StringToDouble(fields_[7]);
   placed_.exact=StringToDouble(fields_[8]);
   placed_.lots=StringToDouble(fields_[9]);
   placed_.filled=StringToDouble(fields_[10]);
   placed_.theirs=fields_[11];
   placed_.gone_ms=0;
   int at_=Find(placed_.mark);
   if(at_<0)
      Add(placed_);
   else
      all[at_]=placed_;
   return(true);
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
