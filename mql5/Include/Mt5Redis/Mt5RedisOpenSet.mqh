//+------------------------------------------------------------------+
//|                                            Mt5RedisOpenSet.mqh   |
//|  The set of open positions, as published to Redis.               |
//+------------------------------------------------------------------+
// It is filled at each look and compared with what was published last. It knows when it is due, but does not send.
#ifndef MT5_REDIS_OPEN_SET_MQH
#define MT5_REDIS_OPEN_SET_MQH

//+------------------------------------------------------------------+
//| The set.                                                         |
//+------------------------------------------------------------------+
class CMt5RedisOpenSet
  {
private:
   long              m_told[];
   bool              m_due;

public:
   long              positions[];      // identifiers; at least one element, even when total is 0
   int               total;

                     CMt5RedisOpenSet(void) : m_due(true),total(0) { }
   void              Clear(void)       { total=0; }
   void              Add(const long position_);
   void              Sort(void);
   bool              Has(const long position_) const;
   //--- publish it even if it did not change
   void              Ask(void)         { m_due=true; }
   bool              Due(void) const;
   void              Told(void);
   void              Forget(void)      { ArrayResize(m_told,0); }
  };
//+------------------------------------------------------------------+
void CMt5RedisOpenSet::Add(const long position_)
  {
   ArrayResize(positions,total+1,64);
   positions[total]=position_;
   total++;
  }
//+------------------------------------------------------------------+
void CMt5RedisOpenSet::Sort(void)
  {
   ArrayResize(positions,total);
   ArraySort(positions);
   if(total==0)
      ArrayResize(positions,1); // an array without elements cannot be passed to the library
  }
//+------------------------------------------------------------------+
//| Sort it before.                                                  |
//+------------------------------------------------------------------+
bool CMt5RedisOpenSet::Has(const long position_) const
  {
   return(total>0 && positions[ArrayBsearch(positions,position_)]==position_);
  }
//+------------------------------------------------------------------+
//| Sort it before.                                                  |
//+------------------------------------------------------------------+
bool CMt5RedisOpenSet::Due(void) const
  {
   if(m_due || ArraySize(m_told)!=total)
      return(true);
   for(int i_=0; i_<total; i_++)
      if(positions[i_]!=m_told[i_])
         return(true);
   return(false);
  }
//+------------------------------------------------------------------+
void CMt5RedisOpenSet::Told(void)
  {
   m_due=false;
   ArrayResize(m_told,total);
   for(int i_=0; i_<total; i_++)
      m_told[i_]=positions[i_];
  }
//+------------------------------------------------------------------+
#endif
