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
#include "Mt5RedisReporting.mqh"

#define MT5R_TASKS_MOST    200  // with so many signals at work no more are fetched

//+------------------------------------------------------------------+
//| The copier.                                                      |
//+------------------------------------------------------------------+
class CMt5RedisCopier : public CMt5RedisReporting
  {
private:
   int               m_role;
   int               m_takeovers;    // that were noticed
   int               m_executed;
   int               m_skipped;
   string            m_trouble;      // why it cannot read

   void              Take(CMt5RedisFollower &redis_,const SFollowedSignal &signal_);
   void              Resume(const int at_,const SMt5RedisTask &again_);
   ENUM_MT5REDIS_OUTCOME Act(const int at_);
   void              Finish(CMt5RedisFollower &redis_,const int at_,const bool executed_);
   void              TakeRole(CMt5RedisFollower &redis_);
   void              ForgetCopies(void);
   void              OnGap(const string source_,const string what_);

public:
                     CMt5RedisCopier(void) : m_role(MT5REDIS_ROLE_CONNECTING),m_takeovers(0),m_executed(0),m_skipped(0),m_trouble("") { }
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
      m_error=StringFormat("the largest slippage is %d points and the largest age %d ms. Enter 0 or more for both",
                           rules_.slippage,rules_.max_age_ms);
   if(m_error!="" || !m_map.Read(rules_,m_error) || !m_volume.Read(rules_,m_error) || !m_stops.Read(rules_,m_error))
      return(false);
   m_direction.Rules(rules_.direction);
   m_symbol.Limits(rules_.min_lots,rules_.step_lots);
   m_rules=rules_;
   if(!StartGuards(m_error))
      return(false);
   m_orders.Rules(m_rules.magic,m_rules.slippage);
   ForgetAccount();
   m_role=MT5REDIS_ROLE_CONNECTING;
   m_takeovers=0;
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
   TakeRole(redis_);
   int halt_=redis_.Halted();
   Obey(halt_,redis_.HaltReason(),m_role!=MT5REDIS_ROLE_STANDBY);
   Watch(m_role!=MT5REDIS_ROLE_STANDBY);
   Withdraw(m_role!=MT5REDIS_ROLE_STANDBY);
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
         //--- a takeover since the last look comes before its first signal
         TakeRole(redis_);
         if(m_role==MT5REDIS_ROLE_STANDBY)
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
      Finish(redis_,i_,outcome_!=MT5REDIS_REFUSED || m_tasks[i_].done);
      i_--;
     }
   SetOwedStops();
   if(m_acting)
      Compare();
   RewriteIfDue();
  }
//+------------------------------------------------------------------+
//| Begins to act on a signal.                                       |
//+------------------------------------------------------------------+
void CMt5RedisCopier::Take(CMt5RedisFollower &redis_,const SFollowedSignal &signal_)
  {
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
         task_.kind=MT5REDIS_TASK_ORDER;
         break;
     }
   task_.symbol=SymbolOf(task_);
   task_.name=StringFormat("%s %I64d %s %s",signal_.instance,signal_.data.sequence,word_,task_.symbol);
   string how_=m_book.memory.How(signal_.instance,signal_.data.producer,signal_.data.sequence);
   m_book.sources.Hear(task_);
   int at_=FindTask(signal_);
   if(at_>=0)
     {
      Resume(at_,task_);
      return;
     }
   if(how_=="b" && (task_.kind==MT5REDIS_TASK_OPEN || task_.kind==MT5REDIS_TASK_ORDER))
     {
      //--- an order may have been sent before a restart: the account tells
      task_.sent=true;
      task_.asked_ms=GetTickCount64();
     }
   Cancel(task_);
   at_=Push(task_);
   if(how_!="e" && how_!="s")
      return;
   m_tasks[at_].reason=(how_=="e" ? "it was executed before" : "it was skipped before");
   Finish(redis_,at_,false);
  }
//+------------------------------------------------------------------+
//| The signal of a close arrives again that was in progress before  |
//| a restart: the memory has only what the close needs.             |
//+------------------------------------------------------------------+
void CMt5RedisCopier::Resume(const int at_,const SMt5RedisTask &again_)
  {
   double volume_=m_tasks[at_].signal.data.volume;
   m_tasks[at_].signal=again_.signal;
   m_tasks[at_].signal.data.volume=volume_;
   m_tasks[at_].stated=again_.stated;
   if(again_.heard>m_tasks[at_].heard)
     {
      m_tasks[at_].heard=again_.heard;
      m_tasks[at_].earlier=again_.earlier;
     }
   m_tasks[at_].known=again_.known;
   m_tasks[at_].lots_known=again_.lots_known;
   m_tasks[at_].stops=again_.stops;
   m_tasks[at_].surplus=(again_.signal.data.action!=MT5REDIS_ACTION_CLOSE && m_tasks[at_].rest<=0.0);
  }
//+------------------------------------------------------------------+
//| Makes an attempt, if one is due.                                 |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisCopier::Act(const int at_)
  {
   ulong now_=GetTickCount64();
   bool  closes_=(m_tasks[at_].kind==MT5REDIS_TASK_CLOSE || Ends(m_tasks[at_]));
   ENUM_MT5REDIS_OUTCOME outcome_=MT5REDIS_LATER;
   if(!closes_)
      outcome_=Outdated(m_tasks[at_]);
   if(outcome_==MT5REDIS_REFUSED && m_tasks[at_].kind==MT5REDIS_TASK_OPEN && m_tasks[at_].signal.data.position!=0 &&
      (Blocked(at_) || ClosesFirst(m_tasks[at_])))
      outcome_=MT5REDIS_LATER;
   if(outcome_==MT5REDIS_REFUSED || now_<m_tasks[at_].next_ms || Blocked(at_))
      return(outcome_);
   bool doubt_=(m_tasks[at_].asked_ms>0);
   switch(m_tasks[at_].kind)
     {
      case MT5REDIS_TASK_OPEN:
         if(Unplaced(m_tasks[at_]))
            outcome_=Open(m_tasks[at_]);
         if(doubt_ && outcome_==MT5REDIS_DONE)
            FoundOpen(m_tasks[at_].symbol);
         break;
      case MT5REDIS_TASK_ORDER:
         outcome_=Order(m_tasks[at_]);
         break;
      case MT5REDIS_TASK_CLOSE:
         outcome_=Close(m_tasks[at_]);
         break;
      default:
         outcome_=Change(m_tasks[at_]);
     }
   if(outcome_==MT5REDIS_DONE && m_tasks[at_].stops && m_tasks[at_].kind!=MT5REDIS_TASK_CHANGE)
     {
      //--- the signal of a change was missed, too
      m_tasks[at_].stops=false;
      m_tasks[at_].done=true;
      m_tasks[at_].kind=MT5REDIS_TASK_CHANGE;
      return(MT5REDIS_LATER);
     }
   if(outcome_==MT5REDIS_LATER || outcome_==MT5REDIS_UNKNOWN)
      Pause(at_);
   return(outcome_);
  }
//+------------------------------------------------------------------+
void CMt5RedisCopier::Finish(CMt5RedisFollower &redis_,const int at_,const bool executed_)
  {
   SFollowedSignal signal_=m_tasks[at_].signal;
   string stated_=m_book.sources.Finished(m_tasks[at_],Mt5RedisGiven(m_book.copies,m_tasks[at_],
                  signal_.data.side==MT5REDIS_SIDE_BUY));
   if(executed_)
      m_executed++;
   else
      m_skipped++;
   PrintFormat("%s: %s %s%s; %d executed, %d skipped",MQLInfoString(MQL_PROGRAM_NAME),m_tasks[at_].name,
               executed_ ? "executed" : "skipped: ",executed_ ? "" : m_tasks[at_].reason,m_executed,m_skipped);
   string before_=m_book.memory.How(signal_.instance,signal_.data.producer,signal_.data.sequence);
   if(before_!="e" && before_!="s")
      Report(redis_,m_tasks[at_],executed_);
   int last_=ArraySize(m_tasks)-1;
   for(int i_=at_; i_<last_; i_++)
      m_tasks[i_]=m_tasks[i_+1];
   ArrayResize(m_tasks,last_,32);
   if(!m_rules.dry_run)
     {
      string how_=m_book.memory.How(signal_.instance,signal_.data.producer,signal_.data.sequence);
      if(how_!="e" && how_!="s")
         m_book.memory.Did(signal_.instance,signal_.data.producer,signal_.data.sequence,executed_ ? "e" : "s");
      if(stated_!="")
         m_book.memory.Note(stated_);
      m_book.memory.Save();
     }
   if(signal_.data.number>0)
      redis_.Acknowledge(signal_.data.number);
  }
//+------------------------------------------------------------------+
//| Whether this terminal acts for the account.                      |
//+------------------------------------------------------------------+
void CMt5RedisCopier::TakeRole(CMt5RedisFollower &redis_)
  {
   int role_=MathMax(redis_.Role(),MT5REDIS_ROLE_CONNECTING);
   int takeovers_=MathMax(redis_.Takeovers(),0);
   if(role_==MT5REDIS_ROLE_STANDBY && m_role!=role_)
     {
      Print(MQLInfoString(MQL_PROGRAM_NAME),": this terminal stands by, because another one follows for this account");
      ForgetCopies();
     }
   if(takeovers_>m_takeovers)
     {
      Tell("this terminal takes over from another one");
      ForgetCopies();
     }
   m_takeovers=takeovers_;
   m_role=role_;
   m_acting=(role_==MT5REDIS_ROLE_ACTING);
  }
//+------------------------------------------------------------------+
//| Drops everything in progress, because another terminal of this   |
//| account may act or has acted: whoever acts next gets what was    |
//| not finished, and the account tells what the copies are by then. |
//+------------------------------------------------------------------+
void CMt5RedisCopier::ForgetCopies(void)
  {
   ArrayResize(m_tasks,0);
   m_book.Forget();
   FlattenAgain();
   ForgetPlaced();
   ForgetCompared();
   if(!m_rules.dry_run)
      Rewrite();
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
   ForgetAccount();
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
   return(Differences());
  }
//+------------------------------------------------------------------+
#endif
