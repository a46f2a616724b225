//+------------------------------------------------------------------+
//|                                          Mt5RedisRecalling.mqh   |
//|  The follower's memory: when it is opened, loaded and rewritten. |
//+------------------------------------------------------------------+
// There is one memory for each account and magic number, which no other program can open meanwhile. Without it nothing is
// done, except in a dry run, which needs none. It is rewritten after a start, when it has become long, and when a line could
// not be written.
#ifndef MT5_REDIS_RECALLING_MQH
#define MT5_REDIS_RECALLING_MQH
#include "Mt5RedisComparing.mqh"
#include "Mt5RedisPanel.mqh"

#define MT5R_REWRITE_MS    1000 // before its memory is written anew again, when that failed

//+------------------------------------------------------------------+
//| The memory of an account.                                        |
//+------------------------------------------------------------------+
class CMt5RedisRecalling : public CMt5RedisComparing
  {
private:
   string            m_account;      // whose memory is open
   ulong             m_open_ms;      // when to try its memory again
   ulong             m_rewrite_ms;   // when to rewrite it again; 0: the last time it succeeded

   void              Recall(void);

protected:
   CMt5RedisPanel    m_panel;
   string            m_error;

   bool              Ready(CMt5RedisFollower &redis_);
   void              Rewrite(void);
   void              RewriteIfDue(void);
   void              ForgetEnded(void);
   void              ForgetAccount(void);

public:
                     CMt5RedisRecalling(void) : m_account(""),m_open_ms(0),m_rewrite_ms(0),m_error("") { }
  };
//+------------------------------------------------------------------+
//| Opens the account's memory, which no other program may have      |
//| open.                                                            |
//+------------------------------------------------------------------+
bool CMt5RedisRecalling::Ready(CMt5RedisFollower &redis_)
  {
   string account_=redis_.DefaultInstance();
   if(!redis_.IsOpen() || account_=="" || MQLInfoInteger(MQL_TESTER)!=0)
      return(false);
   if(account_!=m_account)
     {
      ForgetAccount();
      m_account=account_;
      m_error="";
      m_map.Start();
      double ratio_=m_volume.Ratio(m_symbol,0.0);
      m_book.Rules(m_rules.magic,ratio_>0.0 ? ratio_ : 1.0);
     }
   if(m_rules.dry_run || m_book.memory.IsOpen())
      return(true);
   if(GetTickCount64()<m_open_ms)
      return(false);
   m_open_ms=GetTickCount64()+1000;
   if(m_book.memory.Open("mt5-redis-follower\\"+account_+"."+IntegerToString(m_rules.magic)+".txt"))
     {
      m_error="";
      Recall();
      return(true);
     }
   if(m_error=="")
      Tell("it waits for its memory file in MQL5\\Files\\mt5-redis-follower: another follower of this account has the magic "
           "number "+IntegerToString(m_rules.magic)+", or the disk is full");
   m_error="it waits for its memory file";
   return(false);
  }
//+------------------------------------------------------------------+
//| Loads the memory: copies, and closes in progress.                |
//+------------------------------------------------------------------+
void CMt5RedisRecalling::Recall(void)
  {
   if(m_book.memory.Damaged())
      Tell("its memory file was damaged. Compare its copies with the positions of the sources");
   int count_=ArraySize(m_book.memory.records);
   for(int i_=0; i_<count_; i_++)
     {
      string record_=m_book.memory.records[i_];
      if(!m_book.copies.Take(record_) && !m_book.sources.Take(record_) && !m_placed.Take(record_) &&
         !m_book.TakeEnded(record_) && !RecallGuard(record_))
         RecallTask(record_);
     }
   ArrayFree(m_book.memory.records);
   for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
      m_book.Pend(m_tasks[i_].symbol,m_tasks[i_].plan);
   ClearGuards();
   Rewrite();
  }
//+------------------------------------------------------------------+
//| Rewrites the memory without what is finished. That it fails is   |
//| printed once.                                                    |
//+------------------------------------------------------------------+
void CMt5RedisRecalling::Rewrite(void)
  {
   string records_[];
   int    copies_=m_book.copies.Total();
   int    sources_=m_book.sources.Total();
   int    tasks_=ArraySize(m_tasks);
   int    count_=0;
   int    placed_=m_placed.Total();
   int    ended_=m_book.EndedTotal();
   ArrayResize(records_,copies_+sources_+placed_+ended_+tasks_+1);
   for(int i_=0; i_<copies_; i_++)
     {
      records_[count_]=m_book.copies.Record(i_);
      count_++;
     }
   if(m_book.sources.IsShared())
     {
      records_[count_]=MT5R_SOURCES_SHARED;
      count_++;
     }
   for(int i_=0; i_<sources_; i_++)
     {
      records_[count_]=m_book.sources.Record(i_);
      if(records_[count_]!="")
         count_++;
     }
   for(int i_=0; i_<placed_; i_++)
     {
      records_[count_]=m_placed.Record(i_);
      count_++;
     }
   for(int i_=0; i_<ended_; i_++)
     {
      records_[count_]=m_book.EndedRecord(i_);
      count_++;
     }
   for(int i_=0; i_<tasks_; i_++)
      if(m_tasks[i_].kind==MT5REDIS_TASK_CLOSE && (m_tasks[i_].decided || m_tasks[i_].origin==""))
        {
         records_[count_]=TaskRecord(m_tasks[i_]);
         count_++;
        }
   GuardRecords(records_,count_);
   if(m_book.memory.Rewrite(records_,count_))
     {
      m_rewrite_ms=0;
      return;
     }
   if(m_rewrite_ms==0)
      Print(MQLInfoString(MQL_PROGRAM_NAME),": its memory file cannot be rewritten. Check whether the disk is full");
   m_rewrite_ms=GetTickCount64()+MT5R_REWRITE_MS;
  }
//+------------------------------------------------------------------+
void CMt5RedisRecalling::RewriteIfDue(void)
  {
   if(!m_book.memory.NeedsRewrite() || GetTickCount64()<m_rewrite_ms)
      return;
   if(m_book.memory.IsLong())
      ForgetEnded();
   Rewrite();
  }
//+------------------------------------------------------------------+
//| Forgets positions that their sources have closed, when no copy   |
//| is left and no signal about them waits. Not at a start: what     |
//| waited then has not come again yet, and states what was before.  |
//+------------------------------------------------------------------+
void CMt5RedisRecalling::ForgetEnded(void)
  {
   for(int i_=m_book.sources.Total()-1; i_>=0; i_--)
     {
      SMt5RedisStated stated_=m_book.sources.all[i_];
      bool needed_=(stated_.lots!=0.0);
      for(int k_=m_book.copies.Total()-1; k_>=0 && !needed_; k_--)
         needed_=m_book.copies.IsOf(k_,stated_.origin,stated_.position,stated_.symbol);
      for(int k_=ArraySize(m_tasks)-1; k_>=0 && !needed_; k_--)
         needed_=(m_tasks[k_].signal.data.position==stated_.position && m_tasks[k_].signal.instance==stated_.source);
      if(!needed_)
         m_book.sources.Remove(i_);
     }
  }
//+------------------------------------------------------------------+
//| Forgets everything in progress, and closes the memory.           |
//+------------------------------------------------------------------+
void CMt5RedisRecalling::ForgetAccount(void)
  {
   ArrayResize(m_tasks,0);
   m_book.Clear();
   ForgetPlaced();
   ForgetCompared();
   ForgetGuards();
   m_panel.Clear();
   m_account="";
   m_open_ms=0;
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
