//+------------------------------------------------------------------+
//|                                             Mt5RedisCopier.mqh   |
//|  Copies signals into this account.                               |
//+------------------------------------------------------------------+
// The class that an Expert Advisor uses, beside the one that reads:
//
//    CMt5Redis       redis;
//    CMt5RedisCopier copier;
//    OnInit:   copier.Start(rules) && redis.Open(config) && redis.Subscribe(sources)
//    OnTimer:  copier.Work(redis);
//    OnDeinit: copier.Stop(); redis.Close(reason);
//
// Each signal is executed once or skipped with a reason, also across restarts. Signals of one source about one symbol
// keep their order where it matters; others do not wait for each other. A close is pursued until it is done, an opening
// or a change until it is too old.
#ifndef MT5_REDIS_COPIER_MQH
#define MT5_REDIS_COPIER_MQH
#include "Mt5RedisGuards.mqh"
#include "Mt5RedisPanel.mqh"

#define MT5R_TASKS_MOST    200  // with so many signals at work no more are fetched
#define MT5R_REWRITE_MS    1000 // before its memory is written anew again, when that failed

//+------------------------------------------------------------------+
//| The copier.                                                      |
//+------------------------------------------------------------------+
class CMt5RedisCopier : public CMt5RedisGuards
  {
private:
   CMt5RedisPanel    m_panel;
   string            m_account;      // whose memory is open
   ulong             m_open_ms;      // when to try its memory again
   ulong             m_rewrite_ms;   // when to rewrite it again; 0: the last time it succeeded
   int               m_role;
   int               m_executed;
   int               m_skipped;
   string            m_error;
   string            m_trouble;      // why it cannot read

   bool              Ready(CMt5RedisFollower &redis_);
   void              Recall(void);
   void              Take(CMt5RedisFollower &redis_,const SFollowedSignal &signal_);
   ENUM_MT5REDIS_OUTCOME Act(const int at_);
   void              Finish(CMt5RedisFollower &redis_,const int at_,const bool executed_);
   void              TakeRole(const int role_);
   void              OnGap(const string source_,const string what_);
   void              Rewrite(void);

public:
                     CMt5RedisCopier(void) : m_account(""),m_open_ms(0),m_rewrite_ms(0),m_role(MT5REDIS_ROLE_CONNECTING),
                                             m_executed(0),m_skipped(0),m_error(""),m_trouble("") { }
   bool              Start(const SMt5RedisCopyRules &rules_);
   void              Work(CMt5RedisFollower &redis_);
   void              Stop(void);
   string            ErrorText(void) const { return(m_error); }
   string            Status(void) const;
   //--- what a chart shows
   string            Panel(void) const { return(m_panel.Text(m_book.copies,m_rules.dry_run,Status(),m_halted,GuardText())); }
  };
//+------------------------------------------------------------------+
//| Takes the rules. False: they are invalid; ErrorText says why.    |
//+------------------------------------------------------------------+
bool CMt5RedisCopier::Start(const SMt5RedisCopyRules &rules_)
  {
   m_error="";
   if(rules_.slippage<0 || rules_.max_age_ms<0)
      m_error="the slippage or the highest age is below 0. Enter 0 or more";
   if(m_error!="" || !m_map.Read(rules_,m_error) || !m_volume.Read(rules_,m_error) || !m_stops.Read(rules_,m_error))
      return(false);
   m_direction.Rules(rules_.direction);
   m_symbol.Limits(rules_.min_lots,rules_.step_lots);
   m_rules=rules_;
   if(!StartGuards(m_error))
      return(false);
   m_orders.Rules(m_rules.magic,m_rules.slippage);
   ArrayResize(m_tasks,0);
   ForgetGuards();
   m_account="";
   m_open_ms=0;
   m_role=MT5REDIS_ROLE_CONNECTING;
   m_acting=false;
   return(true);
  }
//+------------------------------------------------------------------+
//| Call it from OnTimer: fetches signals and makes the attempts     |
//| that are due.                                                    |
//+------------------------------------------------------------------+
void CMt5RedisCopier::Work(CMt5RedisFollower &redis_)
  {
   m_trouble=redis_.Trouble();
   if(!Ready(redis_))
      return;
   int role_=redis_.Role();
   TakeRole(role_<0 ? MT5REDIS_ROLE_CONNECTING : role_);
   int halt_=redis_.Halted();
   Obey(halt_,redis_.HaltReason(),m_role!=MT5REDIS_ROLE_STANDBY);
   Watch(m_role!=MT5REDIS_ROLE_STANDBY);
   for(int i_=0; i_<50 && ArraySize(m_tasks)<MT5R_TASKS_MOST; i_++)
     {
      SFollowedSignal signal_;
      int found_=redis_.Next(signal_);
      if(found_==MT5REDIS_ERR_GAP)
         OnGap(signal_.instance,redis_.ErrorText());
      else
        {
         if(found_<=0)
            break;
         m_direction.Turn(signal_);
         Take(redis_,signal_);
        }
     }
   for(int i_=0; i_<ArraySize(m_tasks) && m_role!=MT5REDIS_ROLE_STANDBY; i_++)
     {
      ENUM_MT5REDIS_OUTCOME outcome_=Act(i_);
      if(outcome_==MT5REDIS_LATER || outcome_==MT5REDIS_UNKNOWN)
         continue;
      Finish(redis_,i_,outcome_!=MT5REDIS_REFUSED);
      i_--;
     }
   SetOwedStops();
   if(m_book.memory.NeedsRewrite() && GetTickCount64()>=m_rewrite_ms)
      Rewrite();
  }
//+------------------------------------------------------------------+
//| Opens the account's memory, which no other program may have      |
//| open.                                                            |
//+------------------------------------------------------------------+
bool CMt5RedisCopier::Ready(CMt5RedisFollower &redis_)
  {
   string account_=redis_.DefaultInstance();
   if(!redis_.IsOpen() || account_=="" || MQLInfoInteger(MQL_TESTER)!=0)
      return(false);
   if(account_!=m_account)
     {
      ArrayResize(m_tasks,0);
      m_book.Clear();
      ForgetGuards();
      m_panel.Clear();
      m_account=account_;
      m_open_ms=0;
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
      Tell("it waits for its memory in MQL5\\Files\\mt5-redis-follower: another follower of this account has the magic "
           "number "+IntegerToString(m_rules.magic)+", or the disk is full");
   m_error="it waits for its memory";
   return(false);
  }
//+------------------------------------------------------------------+
//| Loads the memory: copies, and closes in progress.                |
//+------------------------------------------------------------------+
void CMt5RedisCopier::Recall(void)
  {
   if(m_book.memory.Damaged())
      Tell("its memory was damaged: see whether its copies are those of the sources");
   int count_=ArraySize(m_book.memory.records);
   for(int i_=0; i_<count_; i_++)
     {
      string record_=m_book.memory.records[i_];
      if(!m_book.copies.Take(record_) && !RecallGuard(record_))
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
void CMt5RedisCopier::Rewrite(void)
  {
   string records_[];
   int    copies_=m_book.copies.Total();
   int    tasks_=ArraySize(m_tasks);
   int    count_=0;
   ArrayResize(records_,copies_+tasks_);
   for(int i_=0; i_<copies_; i_++)
     {
      records_[count_]=m_book.copies.Record(i_);
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
      Print(MQLInfoString(MQL_PROGRAM_NAME),": its memory cannot be written anew: is the disk full?");
   m_rewrite_ms=GetTickCount64()+MT5R_REWRITE_MS;
  }
//+------------------------------------------------------------------+
//| Begins to act on a signal.                                       |
//+------------------------------------------------------------------+
void CMt5RedisCopier::Take(CMt5RedisFollower &redis_,const SFollowedSignal &signal_)
  {
   int at_=FindTask(signal_);
   if(at_>=0)
     {
      //--- it was in progress before a restart
      m_tasks[at_].signal=signal_;
      return;
     }
   m_panel.Hear(signal_.instance,signal_.data.age_ms);
   SMt5RedisTask task_;
   NewTask(task_);
   task_.signal=signal_;
   task_.origin=m_marks.Origin(signal_.instance,signal_.data.magic);
   task_.mark=redis_.Mark(signal_);
   string word_="change";
   task_.kind=MT5REDIS_TASK_CHANGE;
   switch(signal_.data.action)
     {
      case MT5REDIS_ACTION_BUY:
         word_="buy";
         task_.kind=MT5REDIS_TASK_OPEN;
         break;
      case MT5REDIS_ACTION_SELL:
         word_="sell";
         task_.kind=MT5REDIS_TASK_OPEN;
         break;
      case MT5REDIS_ACTION_CLOSE:
         word_="close";
         task_.kind=MT5REDIS_TASK_CLOSE;
         break;
      case MT5REDIS_ACTION_ORDER:
         word_="order";
         break;
     }
   task_.symbol=SymbolOf(task_);
   task_.name=StringFormat("%s %I64d %s %s",signal_.instance,signal_.data.sequence,word_,task_.symbol);
   string how_=m_book.memory.How(signal_.instance,signal_.data.producer,signal_.data.sequence);
   if(how_=="b" && task_.kind==MT5REDIS_TASK_OPEN)
     {
      //--- an order may have been sent before a restart: the account tells
      task_.sent=true;
      task_.asked_ms=GetTickCount64();
     }
   if(task_.kind==MT5REDIS_TASK_CLOSE)
      Cancel(task_);
   at_=Push(task_);
   bool order_=(signal_.data.action==MT5REDIS_ACTION_ORDER);
   if(how_!="e" && how_!="s" && !order_)
      return;
   m_tasks[at_].reason=(how_=="e" ? "it was executed before" : "it was skipped before");
   if(order_)
      m_tasks[at_].reason="pending orders are not copied, only what they open";
   Finish(redis_,at_,false);
  }
//+------------------------------------------------------------------+
//| Makes an attempt, if one is due.                                 |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisCopier::Act(const int at_)
  {
   ulong now_=GetTickCount64();
   bool  closes_=(m_tasks[at_].kind==MT5REDIS_TASK_CLOSE);
   ENUM_MT5REDIS_OUTCOME outcome_=MT5REDIS_LATER;
   if(!closes_)
      outcome_=Outdated(m_tasks[at_]);
   if(outcome_==MT5REDIS_REFUSED || now_<m_tasks[at_].next_ms || Blocked(at_))
      return(outcome_);
   bool doubt_=(m_tasks[at_].asked_ms>0);
   switch(m_tasks[at_].kind)
     {
      case MT5REDIS_TASK_OPEN:
         outcome_=Open(m_tasks[at_]);
         if(doubt_ && outcome_==MT5REDIS_DONE)
            FoundOpen(m_tasks[at_].symbol);
         break;
      case MT5REDIS_TASK_CLOSE:
         outcome_=Close(m_tasks[at_]);
         break;
      default:
         outcome_=Change(m_tasks[at_]);
     }
   if(outcome_==MT5REDIS_LATER || outcome_==MT5REDIS_UNKNOWN)
      Pause(at_);
   return(outcome_);
  }
//+------------------------------------------------------------------+
void CMt5RedisCopier::Finish(CMt5RedisFollower &redis_,const int at_,const bool executed_)
  {
   SFollowedSignal signal_=m_tasks[at_].signal;
   if(executed_)
      m_executed++;
   else
      m_skipped++;
   PrintFormat("%s: %s %s%s; %d executed, %d skipped",MQLInfoString(MQL_PROGRAM_NAME),m_tasks[at_].name,
               executed_ ? "executed" : "skipped: ",executed_ ? "" : m_tasks[at_].reason,m_executed,m_skipped);
   int last_=ArraySize(m_tasks)-1;
   for(int i_=at_; i_<last_; i_++)
      m_tasks[i_]=m_tasks[i_+1];
   ArrayResize(m_tasks,last_,32);
   if(!m_rules.dry_run)
     {
      string how_=m_book.memory.How(signal_.instance,signal_.data.producer,signal_.data.sequence);
      if(how_!="e" && how_!="s")
         m_book.memory.Did(signal_.instance,signal_.data.producer,signal_.data.sequence,executed_ ? "e" : "s");
      m_book.memory.Save();
     }
   if(signal_.data.number>0)
      redis_.Acknowledge(signal_.data.number);
  }
//+------------------------------------------------------------------+
//| Drops everything in progress, because another terminal of this   |
//| account may act: whoever acts next gets what was not finished,   |
//| and the account tells what the copies are by then.               |
//+------------------------------------------------------------------+
void CMt5RedisCopier::TakeRole(const int role_)
  {
   if(role_==m_role)
      return;
   if(role_==MT5REDIS_ROLE_STANDBY)
     {
      Print(MQLInfoString(MQL_PROGRAM_NAME),": it stands by: another terminal follows for this account");
      ArrayResize(m_tasks,0);
      m_book.Forget();
      FlattenAgain();
      if(!m_rules.dry_run)
         Rewrite();
     }
   else
      if(role_==MT5REDIS_ROLE_ACTING && m_role==MT5REDIS_ROLE_STANDBY)
         Tell("it takes over from another terminal");
   m_role=role_;
   m_acting=(role_==MT5REDIS_ROLE_ACTING);
  }
//+------------------------------------------------------------------+
//| Signals of a source were missed.                                 |
//+------------------------------------------------------------------+
void CMt5RedisCopier::OnGap(const string source_,const string what_)
  {
   bool known_=(m_acted.Find(MT5REDIS_GUARD_GAP,"")>=0);
   if(m_rules.after_gap==MT5REDIS_AFTER_GAP_CLOSE_ONLY && !known_)
     {
      Trip(MT5REDIS_GUARD_GAP,"",0.0,what_);
      return;
     }
   Tell(what_);
   //--- everything that is open now, but nothing opened later
   if(m_rules.after_gap==MT5REDIS_AFTER_GAP_RESYNC && !m_rules.dry_run)
      CloseAll(source_,source_+" has a gap");
  }
//+------------------------------------------------------------------+
//| Call it from OnDeinit.                                           |
//+------------------------------------------------------------------+
void CMt5RedisCopier::Stop(void)
  {
   m_stops.Release();
   ForgetGuards();
   ArrayResize(m_tasks,0);
   m_book.Clear();
   m_account="";
  }
//+------------------------------------------------------------------+
//| What it waits for, as a line for the chart; empty: nothing.      |
//+------------------------------------------------------------------+
string CMt5RedisCopier::Status(void) const
  {
   if(m_trouble!="")
      return(m_trouble);
   if(m_error!="")
      return(m_error);
   if(m_role==MT5REDIS_ROLE_STANDBY)
      return("standing by: another terminal follows for this account");
   int count_=ArraySize(m_tasks);
   for(int i_=0; i_<count_; i_++)
      if(m_tasks[i_].told)
         return(m_tasks[i_].name+" waits: "+m_tasks[i_].reason);
   if(m_halted!="")
      return("halted by "+m_halted);
   return("");
  }
//+------------------------------------------------------------------+
#endif
