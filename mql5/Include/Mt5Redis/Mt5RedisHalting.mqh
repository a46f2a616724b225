//+------------------------------------------------------------------+
//|                                            Mt5RedisHalting.mqh   |
//|  Obeys an operator's halt (docs/halt.md).                        |
//+------------------------------------------------------------------+
// A halt of entries blocks openings: each is skipped with the reason. A halt of all blocks them first, and then closes
// every copy, once. A close stays in the memory until it is done, so a restart does not lose it. Closes and changes go on.
#ifndef MT5_REDIS_HALTING_MQH
#define MT5_REDIS_HALTING_MQH
#include "Mt5RedisTasks.mqh"

#define MT5R_OWN_PRODUCER  -1        // and less, down to a million: the copier's own tasks. A real producer may be any number
#define MT5R_OWN_PRODUCERS 1000000

//+------------------------------------------------------------------+
//| Whether a task is the copier's own: no signal stands behind it,  |
//| and nothing reports it.                                          |
//+------------------------------------------------------------------+
bool Mt5RedisIsOwn(const long producer_)
  {
   return(producer_<=MT5R_OWN_PRODUCER && producer_>MT5R_OWN_PRODUCER-MT5R_OWN_PRODUCERS);
  }

//+------------------------------------------------------------------+
//| Halts, and the copier's own closes.                              |
//+------------------------------------------------------------------+
class CMt5RedisHalting : public CMt5RedisTasks
  {
private:
   int               m_halt;         // one of MT5REDIS_HALT_*
   bool              m_flattened;    // this halt has closed the copies

protected:
   int               CloseSymbol(const string source_,const string symbol_,const string why_,const long now_);
   void              Obey(const int halt_,const string reason_,const bool acts_);
   int               CloseAll(const string source_,const string why_);
   bool              HaltCloses(void) const { return(m_halt==MT5REDIS_HALT_ALL); }

public:
                     CMt5RedisHalting(void) : m_halt(MT5REDIS_HALT_NONE),m_flattened(false) { }
  };
//+------------------------------------------------------------------+
//| Takes what the library says. An error says nothing, so the halt  |
//| that was known holds. A terminal that stands by closes nothing.  |
//+------------------------------------------------------------------+
void CMt5RedisHalting::Obey(const int halt_,const string reason_,const bool acts_)
  {
   if(halt_<0)
      return;
   bool news_=(halt_!=m_halt);
   m_halt=halt_;
   m_halted=(halt_==MT5REDIS_HALT_NONE ? "" : reason_);
   if(news_ && halt_==MT5REDIS_HALT_NONE)
      Tell("the halt has ended");
   if(news_ && halt_==MT5REDIS_HALT_ENTRIES)
      Tell("halted by "+m_halted+". It opens no positions");
   if(halt_!=MT5REDIS_HALT_ALL || !acts_)
     {
      m_flattened=false;
      return;
     }
   if(m_flattened)
      return;
   m_flattened=true;
   int count_=CloseAll(MT5R_EVERY_SOURCE,"halt");
   Tell("halted by "+m_halted+". It opens no positions and closes its copies of "+IntegerToString(count_)+" symbols");
  }
//+------------------------------------------------------------------+
//| Closes the copies of a source, or of every one, that are open    |
//| now, but nothing opened later. Copies of unknown origin may be   |
//| among them. A halt also closes what an order opens that is under |
//| way. Returns the number of symbols.                              |
//+------------------------------------------------------------------+
int CMt5RedisHalting::CloseAll(const string source_,const string why_)
  {
   long now_=(long)TimeGMT()*1000;
   int  count_=0;
   for(int i_=0; i_<m_book.copies.Total(); i_++)
      count_+=CloseSymbol(source_,m_book.copies.all[i_].symbol,why_,now_);
   if(m_book.holdings.Read())
      for(int i_=0; i_<m_book.holdings.Total(); i_++)
         if(m_book.holdings.all[i_].magic==m_rules.magic)
            count_+=CloseSymbol(source_,m_book.holdings.all[i_].symbol,why_,now_);
   if(source_==MT5R_EVERY_SOURCE)
      for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
         if(m_tasks[i_].kind==MT5REDIS_TASK_OPEN && m_tasks[i_].asked_ms>0)
            count_+=CloseSymbol(source_,m_tasks[i_].symbol,why_,now_);
   if(!m_rules.dry_run)
      m_book.memory.Save();
   return(count_);
  }
//+------------------------------------------------------------------+
//| Starts a close of a symbol's copies; 0: it has started.          |
//+------------------------------------------------------------------+
int CMt5RedisHalting::CloseSymbol(const string source_,const string symbol_,const string why_,const long now_)
  {
   SMt5RedisTask task_;
   NewTask(task_);
   task_.kind=MT5REDIS_TASK_CLOSE;
   task_.signal.instance=source_;
   task_.signal.data.producer=MT5R_OWN_PRODUCER-(long)(m_marks.Sum(symbol_)%MT5R_OWN_PRODUCERS);
   task_.signal.data.action=MT5REDIS_ACTION_CLOSE;
   task_.signal.data.sequence=now_;
   task_.symbol=symbol_;
   task_.origin="";
   task_.mark=m_marks.OfAll(source_,symbol_,now_);
   task_.name=why_+", close "+symbol_;
   if(FindTask(task_.signal)>=0)
      return(0);
   Push(task_);
   if(!m_rules.dry_run)
      NoteTask(task_);
   return(1);
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
