//+------------------------------------------------------------------+
//|                                              Mt5RedisExits.mqh   |
//|  The deals that closed something, each to be told once.          |
//+------------------------------------------------------------------+
// Positions also close between two looks at the list, and while no program runs. So the history is read from where the
// last look stopped, with an overlap, and deals are identified by their tickets. A global variable of the terminal,
// one for each instance, stores how far the history has been read.
#ifndef MT5_REDIS_EXITS_MQH
#define MT5_REDIS_EXITS_MQH

#define MT5R_EXITS_OVERLAP_S   600          // deals may appear late by this much
#define MT5R_EXITS_PASSES      20           // how often an incomplete exit is looked at again

//+------------------------------------------------------------------+
//| An exit: a deal that closed something.                           |
//+------------------------------------------------------------------+
struct Mt5RedisExit
  {
   long              deal;
   long              position;
   int               passes;           // how often it was incomplete
   bool              told;
   bool              listed;           // in the part of the history that is read
  };
//+------------------------------------------------------------------+
//| The exits.                                                       |
//+------------------------------------------------------------------+
class CMt5RedisExits
  {
private:
   string            m_variable;       // the global variable: m_done_to_ms
   long              m_done_to_ms;     // server time of the newest finished deal
   long              m_newest_ms;
   Mt5RedisExit      m_exits[];

   int               Find(const long deal_,const int from_) const;
   int               Add(const long deal_,const long position_);

public:
                     CMt5RedisExits(void) : m_variable(""),m_done_to_ms(0),m_newest_ms(0) { }
   void              Start(const string instance_);
   bool              Started(void) const            { return(m_done_to_ms>0); }
   bool              Scan(void);
   int               Total(void) const              { return(ArraySize(m_exits)); }
   long              Position(const int at_) const   { return(m_exits[at_].position); }
   bool              IsTold(const int at_) const     { return(m_exits[at_].told); }
   void              Tell(const int at_)             { m_exits[at_].told=true; }
   void              TellSelected(const long position_);
   void              Postpone(const int at_);
   bool              AnyUntold(void) const;
   void              Save(const bool whole_);
   void              Forget(void);
  };
//+------------------------------------------------------------------+
//| Continues where the last program of this instance stopped. The   |
//| very first program starts now.                                   |
//+------------------------------------------------------------------+
void CMt5RedisExits::Start(const string instance_)
  {
   m_variable="mt5redis.told."+instance_;
   m_done_to_ms=(long)TimeTradeServer()*1000;
   double kept_=0.0;
   if(GlobalVariableGet(m_variable,kept_) && kept_>0.0 && kept_<(double)m_done_to_ms)
      m_done_to_ms=(long)kept_;
   m_newest_ms=m_done_to_ms;
  }
//+------------------------------------------------------------------+
void CMt5RedisExits::Forget(void)
  {
   m_done_to_ms=0;
   ArrayFree(m_exits);
  }
//+------------------------------------------------------------------+
//| Adds the new exits. Replaces the selected history.               |
//+------------------------------------------------------------------+
bool CMt5RedisExits::Scan(void)
  {
   datetime from_=(datetime)(m_done_to_ms/1000-MT5R_EXITS_OVERLAP_S);
   //--- not TimeCurrent: that is the last quote's time, on a Monday before the first one Friday's
   if(!HistorySelect(from_,(datetime)((long)TimeTradeServer()+86400)))
      return(false);
   for(int i_=ArraySize(m_exits)-1; i_>=0; i_--)
      m_exits[i_].listed=false;
   int next_=0;
   int total_=HistoryDealsTotal();
   for(int i_=0; i_<total_; i_++)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(deal_==0)
         continue;
      long  entry_=HistoryDealGetInteger(deal_,DEAL_ENTRY);
      long  position_=HistoryDealGetInteger(deal_,DEAL_POSITION_ID);
      m_newest_ms=(long)MathMax(m_newest_ms,HistoryDealGetInteger(deal_,DEAL_TIME_MSC));
      if(position_<=0 || (entry_!=DEAL_ENTRY_OUT && entry_!=DEAL_ENTRY_OUT_BY))
         continue;
      int at_=Find((long)deal_,next_);
      if(at_<0)
         at_=Add((long)deal_,position_);
      m_exits[at_].listed=true;
      next_=at_+1;
     }
   //--- what was told and is older than the overlap will not come up again
   int kept_=0;
   for(int i_=0; i_<ArraySize(m_exits); i_++)
      if(m_exits[i_].listed || !m_exits[i_].told)
        {
         m_exits[kept_]=m_exits[i_];
         kept_++;
        }
   ArrayResize(m_exits,kept_,64);
   return(true);
  }
//+------------------------------------------------------------------+
//| Marks the exits of this position as published. Its deals must be |
//| the selected history.                                            |
//+------------------------------------------------------------------+
void CMt5RedisExits::TellSelected(const long position_)
  {
   int total_=HistoryDealsTotal();
   for(int i_=0; i_<total_; i_++)
     {
      long deal_=(long)HistoryDealGetTicket(i_);
      int  at_=Find(deal_,0);
      Tell(at_<0 ? Add(deal_,position_) : at_);
     }
  }
//+------------------------------------------------------------------+
//| Counts a look at an incomplete exit. History can load late;      |
//| after some looks the exit is given up.                           |
//+------------------------------------------------------------------+
void CMt5RedisExits::Postpone(const int at_)
  {
   m_exits[at_].passes++;
   if(m_exits[at_].passes>=MT5R_EXITS_PASSES)
      m_exits[at_].told=true;
  }
//+------------------------------------------------------------------+
bool CMt5RedisExits::AnyUntold(void) const
  {
   for(int i_=ArraySize(m_exits)-1; i_>=0; i_--)
      if(!m_exits[i_].told)
         return(true);
   return(false);
  }
//+------------------------------------------------------------------+
//| Keeps how far this got, when nothing waits here, and elsewhere   |
//| nothing of the history either (whole). A global variable         |
//| that nobody touches for four weeks is deleted: save now and then.|
//| Its name has 54 characters at most, where 63 are allowed, and ms |
//| since 1970 are far below 2^53: it can be set, and is exact.      |
//+------------------------------------------------------------------+
void CMt5RedisExits::Save(const bool whole_)
  {
   if(whole_ && !AnyUntold())
      m_done_to_ms=m_newest_ms;
   GlobalVariableSet(m_variable,(double)m_done_to_ms);
   GlobalVariablesFlush();
  }
//+------------------------------------------------------------------+
//| Deals come in the same order each time: the search begins where  |
//| the last one ended.                                              |
//+------------------------------------------------------------------+
int CMt5RedisExits::Find(const long deal_,const int from_) const
  {
   int size_=ArraySize(m_exits);
   for(int i_=0; i_<size_; i_++)
     {
      int at_=(from_+i_)%size_;
      if(m_exits[at_].deal==deal_)
         return(at_);
     }
   return(-1);
  }
//+------------------------------------------------------------------+
int CMt5RedisExits::Add(const long deal_,const long position_)
  {
   int at_=ArraySize(m_exits);
   ArrayResize(m_exits,at_+1,64);
   m_exits[at_].deal=deal_;
   m_exits[at_].position=position_;
   m_exits[at_].passes=0;
   m_exits[at_].told=false;
   m_exits[at_].listed=false;
   return(at_);
  }
//+------------------------------------------------------------------+
#endif
