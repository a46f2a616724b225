//+------------------------------------------------------------------+
//|                                            Mt5RedisSources.mqh   |
//|  What the sources hold, as their own signals state it.           |
//+------------------------------------------------------------------+
// A signal that has an event states what is true of its position after it: side, volume, average entry and stops. The last
// statement about each position is kept, also across restarts. So a follower that missed a signal sees it in the next one:
// the volume before is not the one that it knows.
//
// A signal that waited comes again after a restart, and its statement may be older than the one that is known. Of one producer
// the sequence tells. The sequences of two cannot be compared, so it is remembered how far each earlier one had come.
//
// Of two terminals that take turns for an account, each knows only what it did. When one takes over, it forgets what the sources
// stated. From then on a signal that comes again does not count for a position that is not known: the other terminal may have
// done a later one, which does not come again.
//
// This list only remembers. Mt5RedisStating.mqh says what a signal asks for, Mt5RedisComparing.mqh compares the copies.
#ifndef MT5_REDIS_SOURCES_MQH
#define MT5_REDIS_SOURCES_MQH
#include "Mt5RedisCopies.mqh"
#include "Mt5RedisTask.mqh"

#define MT5R_SOURCES_MOST  4096  // beyond this number the position that was stated first is forgotten
#define MT5R_SOURCES_SHARED "shared" // the record of an account for which another terminal has acted, too
#define MT5R_SOURCES_EARLIER  4  // how many earlier producers are remembered of a position

//+------------------------------------------------------------------+
//| The last statement about a source's position.                    |
//+------------------------------------------------------------------+
struct SMt5RedisStated
  {
   string            source;
   string            origin;         // of source and magic number
   long              magic;
   long              position;
   string            symbol;         // this broker's
   string            theirs;         // the source's name of it
   double            lots;           // of the source; below 0: sold, 0: closed
   double            entry;          // average
   double            stop_loss;
   double            take_profit;
   long              producer;       // of the signal that stated it
   long              sequence;
   string            earlier;        // the last sequence of each producer before that, the latest first: "7:12,9:4"
   long              grown_ms;       // when the volume grew last, ms since 1970 UTC
   double            copied;         // how many of these lots were ever copied
   string            statement;      // what the memory has, without what was copied; empty: nothing yet
   long              number;         // the number of that statement; 0: it is from before this start
  };
//+------------------------------------------------------------------+
//| The positions of all sources.                                    |
//+------------------------------------------------------------------+
class CMt5RedisSources
  {
private:
   bool              m_shared;       // another terminal has acted for this account, too
   long              m_heard;        // how many statements have arrived since the start

   string            Written(const SMt5RedisStated &stated_) const;
   bool              IsNew(const int at_,const mt5redis_received_t &data_) const;
   string            Earlier(const int at_,const long producer_) const;

public:
   SMt5RedisStated   all[];

                     CMt5RedisSources(void) : m_shared(false),m_heard(0) { }
   int               Total(void) const    { return(ArraySize(all)); }
   bool              IsShared(void) const { return(m_shared); }
   void              Clear(void);
   void              Forget(void);
   int               Find(const string source_,const long position_) const;
   void              Remove(const int at_);
   void              Hear(SMt5RedisTask &task_);
   string            Finished(const SMt5RedisTask &task_,const double given_);
   void              Copied(const int at_,const double given_);
   string            Record(const int at_) const;
   bool              Take(const string record_);
  };
//+------------------------------------------------------------------+
//| The lots that a signal states, after its event; below 0: sold.   |
//+------------------------------------------------------------------+
double Mt5RedisLotsAfter(const SMt5RedisTask &task_)
  {
   double lots_=task_.signal.data.volume_after;
   return(task_.signal.data.side==MT5REDIS_SIDE_SELL ? -lots_ : lots_);
  }
//+------------------------------------------------------------------+
//| The lots before its event.                                       |
//+------------------------------------------------------------------+
double Mt5RedisLotsBefore(const SMt5RedisTask &task_)
  {
   bool   sold_=(task_.signal.data.side==MT5REDIS_SIDE_SELL);
   double lots_=task_.signal.data.volume_before;
   return(sold_==(task_.signal.data.event==MT5REDIS_SIGNAL_REVERSE) ? lots_ : -lots_);
  }
//+------------------------------------------------------------------+
void CMt5RedisSources::Clear(void)
  {
   ArrayFree(all);
   m_shared=false;
  }
//+------------------------------------------------------------------+
//| Forgets what was stated, because another terminal acts.          |
//+------------------------------------------------------------------+
void CMt5RedisSources::Forget(void)
  {
   ArrayFree(all);
   m_shared=true;
  }
//+------------------------------------------------------------------+
int CMt5RedisSources::Find(const string source_,const long position_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].position==position_ && all[i_].source==source_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
void CMt5RedisSources::Remove(const int at_)
  {
   int last_=Total()-1;
   for(int i_=at_; i_<last_; i_++)
      all[i_]=all[i_+1];
   ArrayResize(all,last_,64);
  }
//+------------------------------------------------------------------+
//| Whether a signal states something later than what is known. One  |
//| of an earlier producer does only if its number was not heard yet.|
//+------------------------------------------------------------------+
bool CMt5RedisSources::IsNew(const int at_,const mt5redis_received_t &data_) const
  {
   if(all[at_].producer==data_.producer)
      return(all[at_].sequence<data_.sequence);
   string name_=IntegerToString(data_.producer)+":";
   string earlier_[];
   for(int i_=StringSplit(all[at_].earlier,',',earlier_)-1; i_>=0; i_--)
      if(StringFind(earlier_[i_],name_)==0)
         return(StringToInteger(StringSubstr(earlier_[i_],StringLen(name_)))<data_.sequence);
   return(true);
  }
//+------------------------------------------------------------------+
//| The producers before this one, of which something is stated next.|
//+------------------------------------------------------------------+
string CMt5RedisSources::Earlier(const int at_,const long producer_) const
  {
   if(all[at_].producer==producer_)
      return(all[at_].earlier);
   string text_=IntegerToString(all[at_].producer)+":"+IntegerToString(all[at_].sequence);
   string earlier_[];
   int    count_=StringSplit(all[at_].earlier,',',earlier_);
   int    kept_=1;
   for(int i_=0; i_<count_ && kept_<MT5R_SOURCES_EARLIER; i_++)
      if(earlier_[i_]!="" && StringFind(earlier_[i_],IntegerToString(producer_)+":")!=0)
        {
         text_+=","+earlier_[i_];
         kept_++;
        }
   return(text_);
  }
//+------------------------------------------------------------------+
//| A signal has arrived: what was known before it goes into its     |
//| task, what it states is known from now on. A signal that arrives |
//| again after a restart changes nothing.                           |
//+------------------------------------------------------------------+
void CMt5RedisSources::Hear(SMt5RedisTask &task_)
  {
   mt5redis_received_t data_=task_.signal.data;
   task_.stated=(data_.event!=MT5REDIS_SIGNAL_UNSAID && data_.action!=MT5REDIS_ACTION_ORDER && data_.position>0);
   if(!task_.stated)
      return;
   //--- what a turn opens; what it closes is found in the copies
   if(data_.event==MT5REDIS_SIGNAL_REVERSE)
      task_.signal.data.volume=data_.volume_after;
   int    at_=Find(task_.signal.instance,data_.position);
   bool   new_=(at_<0 ? !m_shared || data_.deliveries<2 : IsNew(at_,data_));
   double lots_=Mt5RedisLotsAfter(task_);
   task_.known=(at_>=0);
   task_.lots_known=Mt5RedisLotsBefore(task_);
   if(at_>=0 && new_)
     {
      task_.lots_known=all[at_].lots;
      task_.stops=(lots_!=0.0 && (MathAbs(all[at_].stop_loss-data_.stop_loss)>MT5R_LOTS_EPSILON ||
                                  MathAbs(all[at_].take_profit-data_.take_profit)>MT5R_LOTS_EPSILON));
     }
   if(!new_)
      return;
   if(at_<0)
     {
      if(Total()>=MT5R_SOURCES_MOST)
         Remove(0);
      at_=Total();
      ArrayResize(all,at_+1,64);
      all[at_].lots=0.0;
      all[at_].producer=data_.producer;
      all[at_].earlier="";
      all[at_].grown_ms=0;
      all[at_].copied=0.0;
      all[at_].statement="";
      all[at_].number=0;
     }
   m_heard++;
   task_.heard=m_heard;
   if(MathAbs(lots_)>MathAbs(all[at_].lots)+MT5R_LOTS_EPSILON)
      all[at_].grown_ms=data_.time_ms;
   all[at_].source=task_.signal.instance;
   all[at_].origin=task_.origin;
   all[at_].magic=data_.magic;
   all[at_].position=data_.position;
   all[at_].symbol=task_.symbol;
   all[at_].theirs=task_.signal.symbol;
   all[at_].lots=lots_;
   all[at_].entry=data_.entry_price;
   all[at_].stop_loss=data_.stop_loss;
   all[at_].take_profit=data_.take_profit;
   all[at_].earlier=Earlier(at_,data_.producer);
   all[at_].producer=data_.producer;
   all[at_].sequence=data_.sequence;
   task_.earlier=all[at_].earlier;
  }
//+------------------------------------------------------------------+
//| The record for the memory, when a signal is finished; empty:     |
//| there is nothing to be remembered. Later signals that wait still |
//| do not count: after a restart they arrive again. If a later one  |
//| was finished before this one, its statement stays. given: lots   |
//| of the source that the copies stand for.                         |
//+------------------------------------------------------------------+
string CMt5RedisSources::Finished(const SMt5RedisTask &task_,const double given_)
  {
   int at_=(task_.stated ? Find(task_.signal.instance,task_.signal.data.position) : -1);
   if(at_<0)
      return("");
   all[at_].symbol=task_.symbol;
   Copied(at_,given_);
   if(task_.heard<=all[at_].number)
      return(Record(at_));
   SMt5RedisStated stated_=all[at_];
   stated_.lots=Mt5RedisLotsAfter(task_);
   stated_.entry=task_.signal.data.entry_price;
   stated_.stop_loss=task_.signal.data.stop_loss;
   stated_.take_profit=task_.signal.data.take_profit;
   stated_.producer=task_.signal.data.producer;
   stated_.sequence=task_.signal.data.sequence;
   stated_.earlier=task_.earlier;
   all[at_].statement=Written(stated_);
   all[at_].number=task_.heard;
   return(Record(at_));
  }
//+------------------------------------------------------------------+
//| Remembers how much of a position was ever copied: what is missing|
//| of that was closed here.                                         |
//+------------------------------------------------------------------+
void CMt5RedisSources::Copied(const int at_,const double given_)
  {
   all[at_].copied=MathMax(MathMin(all[at_].copied,MathAbs(all[at_].lots)),given_);
  }
//+------------------------------------------------------------------+
//| A position as a record of the memory; empty: no signal about it  |
//| is finished.                                                     |
//+------------------------------------------------------------------+
string CMt5RedisSources::Record(const int at_) const
  {
   if(all[at_].statement=="")
      return("");
   return(all[at_].statement+"\t"+DoubleToString(all[at_].copied,MT5R_SHARE_DIGITS));
  }
//+------------------------------------------------------------------+
string CMt5RedisSources::Written(const SMt5RedisStated &stated_) const
  {
   return("source\t"+stated_.source+"\t"+stated_.origin+"\t"+
          StringFormat("%I64d\t%I64d\t%s\t%s\t",stated_.magic,stated_.position,stated_.symbol,stated_.theirs)+
          DoubleToString(stated_.lots,8)+"\t"+DoubleToString(stated_.entry,8)+"\t"+
          DoubleToString(stated_.stop_loss,8)+"\t"+DoubleToString(stated_.take_profit,8)+"\t"+
          StringFormat("%I64d\t%I64d\t%s\t%I64d",stated_.producer,stated_.sequence,stated_.earlier,stated_.grown_ms));
  }
//+------------------------------------------------------------------+
//| Reads a record of the memory. False: it is not a statement.      |
//+------------------------------------------------------------------+
bool CMt5RedisSources::Take(const string record_)
  {
   if(record_==MT5R_SOURCES_SHARED)
     {
      m_shared=true;
      return(true);
     }
   string fields_[];
   if(StringSplit(record_,MT5R_FIELD,fields_)!=16 || fields_[0]!="source")
      return(false);
   long position_=StringToInteger(fields_[4]);
   int  at_=Find(fields_[1],position_);
   if(at_<0)
     {
      at_=Total();
      ArrayResize(all,at_+1,64);
     }
   all[at_].source=fields_[1];
   all[at_].origin=fields_[2];
   all[at_].magic=StringToInteger(fields_[3]);
   all[at_].position=position_;
   all[at_].symbol=fields_[5];
   all[at_].theirs=fields_[6];
   all[at_].lots=StringToDouble(fields_[7]);
   all[at_].entry=StringToDouble(fields_[8]);
   all[at_].stop_loss=StringToDouble(fields_[9]);
   all[at_].take_profit=StringToDouble(fields_[10]);
   all[at_].producer=StringToInteger(fields_[11]);
   all[at_].sequence=StringToInteger(fields_[12]);
   all[at_].earlier=fields_[13];
   all[at_].grown_ms=StringToInteger(fields_[14]);
   all[at_].copied=StringToDouble(fields_[15]);
   all[at_].statement=StringSubstr(record_,0,StringLen(record_)-StringLen(fields_[15])-1);
   all[at_].number=0;
   return(true);
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
