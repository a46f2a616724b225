//+------------------------------------------------------------------+
//|                                         Mt5RedisGuardState.mqh   |
//|  The guards that acted and are still in force.                   |
//+------------------------------------------------------------------+
// Each entry says when the guard acted, at what value and limit, and what it does since. An entry is a record of the
// follower's memory, so it survives a crash. Whether an entry ends is decided elsewhere.
#ifndef MT5_REDIS_GUARD_STATE_MQH
#define MT5_REDIS_GUARD_STATE_MQH
#include "Mt5RedisGuardRules.mqh"
#include "Mt5RedisMemory.mqh"

//+------------------------------------------------------------------+
//| A guard that acted.                                              |
//+------------------------------------------------------------------+
struct SMt5RedisActed
  {
   ENUM_MT5REDIS_GUARD guard;
   string            symbol;         // it holds for this symbol only; empty: for all
   ENUM_MT5REDIS_GUARD_ACTION action;
   datetime          since;          // the trade server's time
   double            room;           // a guard of lots or positions ends when not more than this is left
   bool              flattened;      // the copies were closed
   string            text;           // the value and the limit, for people
  };
//+------------------------------------------------------------------+
//| All of them.                                                     |
//+------------------------------------------------------------------+
class CMt5RedisGuardState
  {
public:
   SMt5RedisActed    all[];

   int               Total(void) const { return(ArraySize(all)); }
   void              Clear(void)       { ArrayFree(all); }
   int               Find(const ENUM_MT5REDIS_GUARD guard_,const string symbol_) const;
   int               Forbids(const string symbol_) const;
   int               Add(const ENUM_MT5REDIS_GUARD guard_,const string symbol_);
   void              Remove(const int at_);
   string            Record(const int at_) const;
   string            EndedRecord(const int at_) const;
   bool              Take(const string record_);
   string            Consequence(const int at_) const;
   string            Named(const int at_) const;
  };
//+------------------------------------------------------------------+
int CMt5RedisGuardState::Find(const ENUM_MT5REDIS_GUARD guard_,const string symbol_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].guard==guard_ && all[i_].symbol==symbol_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
//| A guard that lets nothing open in a symbol until it ends; -1:    |
//| there is none.                                                   |
//+------------------------------------------------------------------+
int CMt5RedisGuardState::Forbids(const string symbol_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].action!=MT5REDIS_GUARD_SKIP && (all[i_].symbol=="" || all[i_].symbol==symbol_))
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
int CMt5RedisGuardState::Add(const ENUM_MT5REDIS_GUARD guard_,const string symbol_)
  {
   int at_=Total();
   ArrayResize(all,at_+1,16);
   all[at_].guard=guard_;
   all[at_].symbol=symbol_;
   all[at_].flattened=false;
   return(at_);
  }
//+------------------------------------------------------------------+
void CMt5RedisGuardState::Remove(const int at_)
  {
   int last_=Total()-1;
   for(int i_=at_; i_<last_; i_++)
      all[i_]=all[i_+1];
   ArrayResize(all,last_,16);
  }
//+------------------------------------------------------------------+
//| An entry as a record of the memory.                              |
//+------------------------------------------------------------------+
string CMt5RedisGuardState::Record(const int at_) const
  {
   return(StringFormat("guard\t%s\t%s\t%d\t%I64d\t%s\t%d\t%s",Mt5RedisGuardName(all[at_].guard),all[at_].symbol,
                       (int)all[at_].action,(long)all[at_].since,DoubleToString(all[at_].room,8),
                       all[at_].flattened ? 1 : 0,all[at_].text));
  }
//+------------------------------------------------------------------+
string CMt5RedisGuardState::EndedRecord(const int at_) const
  {
   return("guard\t"+Mt5RedisGuardName(all[at_].guard)+"\t"+all[at_].symbol);
  }
//+------------------------------------------------------------------+
//| Reads a record of the memory. False: it is not a guard's.        |
//+------------------------------------------------------------------+
bool CMt5RedisGuardState::Take(const string record_)
  {
   string fields_[];
   int    count_=StringSplit(record_,MT5R_FIELD,fields_);
   if(fields_[0]!="guard" || (count_!=3 && count_!=8))
      return(false);
   int guard_=MT5R_GUARDS-1;
   while(guard_>=0 && Mt5RedisGuardName((ENUM_MT5REDIS_GUARD)guard_)!=fields_[1])
      guard_--;
   if(guard_<0)
      return(true);
   int at_=Find((ENUM_MT5REDIS_GUARD)guard_,fields_[2]);
   if(count_==3)
     {
      if(at_>=0)
         Remove(at_);
      return(true);
     }
   if(at_<0)
      at_=Add((ENUM_MT5REDIS_GUARD)guard_,fields_[2]);
   all[at_].action=(ENUM_MT5REDIS_GUARD_ACTION)StringToInteger(fields_[3]);
   all[at_].since=(datetime)StringToInteger(fields_[4]);
   all[at_].room=StringToDouble(fields_[5]);
   all[at_].flattened=(fields_[6]=="1");
   all[at_].text=fields_[7];
   return(true);
  }
//+------------------------------------------------------------------+
//| What a guard does now, and until when, for people.               |
//+------------------------------------------------------------------+
string CMt5RedisGuardState::Consequence(const int at_) const
  {
   string where_=(all[at_].symbol=="" ? "" : " in "+all[at_].symbol);
   if(all[at_].action==MT5REDIS_GUARD_SKIP)
      return("The follower skips openings"+where_+" as long as the limit is exceeded");
   string until_=" until this has passed";
   switch(all[at_].guard)
     {
      case MT5REDIS_GUARD_TOTAL_LOTS:
      case MT5REDIS_GUARD_POSITIONS:
      case MT5REDIS_GUARD_SYMBOL_LOTS:
      case MT5REDIS_GUARD_SYMBOL_POSITIONS:
         until_=" until there is room for this opening";
         break;
      case MT5REDIS_GUARD_DAILY_LOSS:
         until_=" until the next day begins at the trade server";
         break;
      case MT5REDIS_GUARD_DRAWDOWN:
      case MT5REDIS_GUARD_SLIPPAGE:
      case MT5REDIS_GUARD_GAP:
         until_=" until you clear the guard";
         break;
     }
   return((all[at_].action==MT5REDIS_GUARD_FLATTEN ? "The follower closes its copies"+where_+" and opens nothing" :
           "The follower opens nothing")+where_+until_+". To clear the guard, set InpClearGuards to "+
          TimeToString(all[at_].since,TIME_DATE|TIME_SECONDS));
  }
//+------------------------------------------------------------------+
//| A guard in force, for people.                                    |
//+------------------------------------------------------------------+
string CMt5RedisGuardState::Named(const int at_) const
  {
   return("the "+Mt5RedisGuardName(all[at_].guard)+" guard is in force since "+
          TimeToString(all[at_].since,TIME_DATE|TIME_SECONDS)+": "+all[at_].text);
  }
//+------------------------------------------------------------------+
#endif
