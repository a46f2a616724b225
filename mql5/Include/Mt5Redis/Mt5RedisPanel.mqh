//+------------------------------------------------------------------+
//|                                              Mt5RedisPanel.mqh   |
//|  What a follower shows on its chart.                             |
//+------------------------------------------------------------------+
// A text for Comment: the mode, what the follower waits for, the halt, the guards in force, the copies, and for each source
// when its last signal came and how old it was. It changes only when one of these changes.
#ifndef MT5_REDIS_PANEL_MQH
#define MT5_REDIS_PANEL_MQH
#include "Mt5RedisCopies.mqh"

#define MT5R_PANEL_SOURCES  10   // so many are listed, those with the latest signals

//+------------------------------------------------------------------+
//| A source that sent a signal.                                     |
//+------------------------------------------------------------------+
struct SMt5RedisHeard
  {
   string            source;
   datetime          at;             // the trade server's time
   long              lag_ms;         // the signal's age when it came
  };
//+------------------------------------------------------------------+
//| The sources, and the text.                                       |
//+------------------------------------------------------------------+
class CMt5RedisPanel
  {
private:
   SMt5RedisHeard    m_heard[];      // the latest first
   bool              m_more;         // others sent something before these

   string            Holds(const CMt5RedisCopies &copies_,const string source_) const;

public:
                     CMt5RedisPanel(void) : m_more(false) { }
   void              Clear(void);
   void              Hear(const string source_,const long lag_ms_);
   string            Text(const CMt5RedisCopies &copies_,const bool dry_run_,const string status_,const string halted_,
                          const string guards_) const;
  };
//+------------------------------------------------------------------+
void CMt5RedisPanel::Clear(void)
  {
   ArrayFree(m_heard);
   m_more=false;
  }
//+------------------------------------------------------------------+
//| A signal came.                                                   |
//+------------------------------------------------------------------+
void CMt5RedisPanel::Hear(const string source_,const long lag_ms_)
  {
   int count_=ArraySize(m_heard);
   int at_=0;
   while(at_<count_ && m_heard[at_].source!=source_)
      at_++;
   if(at_==MT5R_PANEL_SOURCES)
     {
      at_--;
      m_more=true;
     }
   else
      if(at_==count_)
         ArrayResize(m_heard,count_+1,MT5R_PANEL_SOURCES);
   for(; at_>0; at_--)
      m_heard[at_]=m_heard[at_-1];
   m_heard[0].source=source_;
   m_heard[0].at=TimeTradeServer();
   m_heard[0].lag_ms=lag_ms_;
  }
//+------------------------------------------------------------------+
//| The copies of a source; empty: of all.                           |
//+------------------------------------------------------------------+
string CMt5RedisPanel::Holds(const CMt5RedisCopies &copies_,const string source_) const
  {
   double lots_=0.0;
   int    count_=0;
   for(int i_=copies_.Total()-1; i_>=0; i_--)
      if(copies_.all[i_].held>=MT5R_LOTS_EPSILON && (source_=="" || copies_.all[i_].source==source_))
        {
         lots_+=copies_.all[i_].held;
         count_++;
        }
   return(StringFormat("%d copies, %.2f lots",count_,lots_));
  }
//+------------------------------------------------------------------+
string CMt5RedisPanel::Text(const CMt5RedisCopies &copies_,const bool dry_run_,const string status_,const string halted_,
                            const string guards_) const
  {
   string text_=MQLInfoString(MQL_PROGRAM_NAME)+(dry_run_ ? ": DRY RUN, it prints and does not trade" : ": it trades");
   text_+="\nStatus: "+(status_=="" ? "ready" : status_);
   text_+="\nHalted: "+(halted_=="" ? "no" : "by "+halted_);
   text_+="\nGuards in force: "+(guards_=="" ? "none" : guards_);
   text_+="\nCopies: "+Holds(copies_,"");
   int count_=ArraySize(m_heard);
   text_+="\nSources: "+(count_==0 ? "no signal yet" : "");
   for(int i_=0; i_<count_; i_++)
      text_+=StringFormat("\n  %s: %s, last signal %s, %I64d ms old",m_heard[i_].source,Holds(copies_,m_heard[i_].source),
                          TimeToString(m_heard[i_].at,TIME_SECONDS),m_heard[i_].lag_ms);
   return(text_+(m_more ? "\n  and others" : ""));
  }
//+------------------------------------------------------------------+
#endif
