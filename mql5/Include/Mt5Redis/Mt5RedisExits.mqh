//+------------------------------------------------------------------+
//|                                              Mt5RedisExits.mqh   |
//|  The deals that closed something, each to be told once.          |
//+------------------------------------------------------------------+
// Positions also close between two looks at the list, and while no program is running here. So the history
// is read from where the last look stopped, with an overlap, and deals are told apart by their ticket. How
// far it got is kept in a global variable of the terminal, one for each instance.
#ifndef MT5_REDIS_EXITS_MQH
#define MT5_REDIS_EXITS_MQH

#define EXITS_OVERLAP_S   600          // deals may appear out of order by this much
#define EXITS_PASSES      20           // how often an exit that does not add up is looked at again

//+------------------------------------------------------------------+
//| One deal that closed something.                                  |
//+------------------------------------------------------------------+
struct Mt5RedisExit
  {
   long              deal;
   long              position;
   int               passes;           // how often it was looked at in vain
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
   long              m_done_to_ms;     // server time of the newest deal that is done with
   long              m_newest_ms;
   Mt5RedisExit      m_exits[];

   int               Find(const long deal,const int from) const;
   int               Add(const long deal,const long position);

public:
                     CMt5RedisExits(void) : m_variable(""),m_done_to_ms(0),m_newest_ms(0) { }
   void              Start(const string instance);
   bool              Started(void) const            { return(m_done_to_ms>0); }
   bool              Scan(void);
   int               Total(void) const              { return(ArraySize(m_exits)); }
   long              Position(const int at) const   { return(m_exits[at].position); }
   bool              IsTold(const int at) const     { return(m_exits[at].told); }
   void              Tell(const int at)             { m_exits[at].told=true; }
   void              TellSelected(const long position);
   void              Postpone(const int at);
   bool              AnyUntold(void) const;
   void              Save(void);
   void              Forget(void);
  };
//+------------------------------------------------------------------+
//| Continues where the last program of this instance stopped. The   |
//| first one ever starts now.                                       |
//+------------------------------------------------------------------+
void CMt5RedisExits::Start(const string instance)
  {
   m_variable="mt5redis.told."+instance;
   m_done_to_ms=(long)TimeTradeServer()*1000;
   double kept=0.0;
   if(GlobalVariableGet(m_variable,kept) && kept>0.0 && kept<(double)m_done_to_ms)
      m_done_to_ms=(long)kept;
   m_newest_ms=m_done_to_ms;
  }
//+------------------------------------------------------------------+
void CMt5RedisExits::Forget(void)
  {
   m_done_to_ms=0;
   ArrayFree(m_exits);
  }
//+------------------------------------------------------------------+
//| Adds the exits that are new. Replaces the selected history.      |
//+------------------------------------------------------------------+
bool CMt5RedisExits::Scan(void)
  {
   datetime from=(datetime)(m_done_to_ms/1000-EXITS_OVERLAP_S);
   //--- not TimeCurrent: that is the last quote's time, on a Monday before the first one Friday's
   if(!HistorySelect(from,(datetime)((long)TimeTradeServer()+86400)))
      return(false);
   for(int i=ArraySize(m_exits)-1; i>=0; i--)
      m_exits[i].listed=false;
   int next=0;
   int total=HistoryDealsTotal();
   for(int i=0; i<total; i++)
     {
      ulong deal=HistoryDealGetTicket(i);
      if(deal==0)
         continue;
      long  entry=HistoryDealGetInteger(deal,DEAL_ENTRY);
      long  position=HistoryDealGetInteger(deal,DEAL_POSITION_ID);
      m_newest_ms=(long)MathMax(m_newest_ms,HistoryDealGetInteger(deal,DEAL_TIME_MSC));
      if(position<=0 || (entry!=DEAL_ENTRY_OUT && entry!=DEAL_ENTRY_OUT_BY))
         continue;
      int at=Find((long)deal,next);
      if(at<0)
         at=Add((long)deal,position);
      m_exits[at].listed=true;
      next=at+1;
     }
   //--- what was told and is older than the overlap will not come up again
   int kept=0;
   for(int i=0; i<ArraySize(m_exits); i++)
      if(m_exits[i].listed || !m_exits[i].told)
        {
         m_exits[kept]=m_exits[i];
         kept++;
        }
   ArrayResize(m_exits,kept,64);
   return(true);
  }
//+------------------------------------------------------------------+
//| The exits of this position, whose deals are the selected history,|
//| are told.                                                        |
//+------------------------------------------------------------------+
void CMt5RedisExits::TellSelected(const long position)
  {
   int total=HistoryDealsTotal();
   for(int i=0; i<total; i++)
     {
      long deal=(long)HistoryDealGetTicket(i);
      int  at=Find(deal,0);
      Tell(at<0 ? Add(deal,position) : at);
     }
  }
//+------------------------------------------------------------------+
//| The exit does not add up yet, for history can load late; after   |
//| some looks it is left alone.                                     |
//+------------------------------------------------------------------+
void CMt5RedisExits::Postpone(const int at)
  {
   m_exits[at].passes++;
   if(m_exits[at].passes>=EXITS_PASSES)
      m_exits[at].told=true;
  }
//+------------------------------------------------------------------+
bool CMt5RedisExits::AnyUntold(void) const
  {
   for(int i=ArraySize(m_exits)-1; i>=0; i--)
      if(!m_exits[i].told)
         return(true);
   return(false);
  }
//+------------------------------------------------------------------+
//| Keeps how far this got, when nothing waits. A global variable    |
//| that nobody touches for four weeks is deleted: save now and then.|
//+------------------------------------------------------------------+
void CMt5RedisExits::Save(void)
  {
   if(!AnyUntold())
      m_done_to_ms=m_newest_ms;
   GlobalVariableSet(m_variable,(double)m_done_to_ms);
   GlobalVariablesFlush();
  }
//+------------------------------------------------------------------+
//| Deals come in the same order each time: the search begins where  |
//| the last one ended.                                              |
//+------------------------------------------------------------------+
int CMt5RedisExits::Find(const long deal,const int from) const
  {
   int size=ArraySize(m_exits);
   for(int i=0; i<size; i++)
     {
      int at=(from+i)%size;
      if(m_exits[at].deal==deal)
         return(at);
     }
   return(-1);
  }
//+------------------------------------------------------------------+
int CMt5RedisExits::Add(const long deal,const long position)
  {
   int at=ArraySize(m_exits);
   ArrayResize(m_exits,at+1,64);
   m_exits[at].deal=deal;
   m_exits[at].position=position;
   m_exits[at].passes=0;
   m_exits[at].told=false;
   m_exits[at].listed=false;
   return(at);
  }
//+------------------------------------------------------------------+
#endif
