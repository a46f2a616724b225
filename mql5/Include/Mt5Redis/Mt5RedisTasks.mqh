//+------------------------------------------------------------------+
//|                                              Mt5RedisTasks.mqh   |
//|  The signals in progress, and which of them must wait.           |
//+------------------------------------------------------------------+
// Signals about the same copies keep their order where it matters; others do not wait for each other. A close that was
// decided stays in the memory until it is done.
#ifndef MT5_REDIS_TASKS_MQH
#define MT5_REDIS_TASKS_MQH
#include "Mt5RedisPendings.mqh"

#define MT5R_PAUSE_MS       200    // before the second attempt; each one takes twice as long, up to
#define MT5R_PAUSE_OPEN_MS  1000
#define MT5R_PAUSE_CLOSE_MS 5000
#define MT5R_TRY_FOR_MS     60000  // an opening without a highest age; a close without a person told

//+------------------------------------------------------------------+
//| The tasks, the oldest first.                                     |
//+------------------------------------------------------------------+
class CMt5RedisTasks : public CMt5RedisPendings
  {
protected:
   SMt5RedisTask     m_tasks[];

   void              NewTask(SMt5RedisTask &task_) const;
   int               Push(const SMt5RedisTask &task_);
   int               FindTask(const SFollowedSignal &signal_) const;
   void              Cancel(const SMt5RedisTask &close_);
   bool              Means(const SMt5RedisTask &one_,const SMt5RedisTask &other_) const;
   bool              Blocked(const int at_) const;
   virtual ENUM_MT5REDIS_OUTCOME Outdated(SMt5RedisTask &task_) const override;
   void              Pause(const int at_);
   string            TaskRecord(const SMt5RedisTask &task_) const;
   void              RecallTask(const string record_);
   virtual bool      Settle(const string symbol_) override;
   virtual void      Moved(const string symbol_,const bool buy_,const double lots_) override;
   virtual void      NoteTask(const SMt5RedisTask &task_) override { m_book.memory.Note(TaskRecord(task_)); }
  };
//+------------------------------------------------------------------+
void CMt5RedisTasks::NewTask(SMt5RedisTask &task_) const
  {
   ZeroMemory(task_.signal.data);
   task_.signal.instance="";
   task_.signal.symbol="";
   task_.signal.comment="";
   task_.taken_ms=GetTickCount64();
   task_.next_ms=0;
   task_.attempts=0;
   task_.cancelled=false;
   task_.sent=false;
   task_.asked_ms=0;
   task_.decided=false;
   task_.plan=0.0;
   task_.base=0.0;
   task_.traded=0.0;
   task_.asked_net=0.0;
   task_.rest=0.0;
   task_.exact=0.0;
   task_.owed_loss=0.0;
   task_.owed_profit=0.0;
   task_.stated=false;
   task_.heard=0;
   task_.earlier="";
   task_.known=false;
   task_.lots_known=0.0;
   task_.stops=false;
   task_.surplus=false;
   task_.untimed=false;
   task_.done=false;
   task_.asked=false;
   task_.unanswered=false;
   task_.bought=false;
   task_.retcode=0;
   task_.order=0;
   task_.deal=0;
   task_.position=0;
   task_.wanted=0.0;
   task_.filled=0.0;
   task_.cost=0.0;
   task_.market=0.0;
   task_.filled_ms=0;
   task_.told=false;
   task_.reason="";
  }
//+------------------------------------------------------------------+
int CMt5RedisTasks::Push(const SMt5RedisTask &task_)
  {
   int at_=ArraySize(m_tasks);
   ArrayResize(m_tasks,at_+1,32);
   m_tasks[at_]=task_;
   return(at_);
  }
//+------------------------------------------------------------------+
int CMt5RedisTasks::FindTask(const SFollowedSignal &signal_) const
  {
   for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
      if(m_tasks[i_].signal.data.sequence==signal_.data.sequence &&
         m_tasks[i_].signal.data.producer==signal_.data.producer && m_tasks[i_].signal.instance==signal_.instance)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
//| Cancels waiting openings whose close has arrived.                |
//+------------------------------------------------------------------+
void CMt5RedisTasks::Cancel(const SMt5RedisTask &close_)
  {
   if(Ends(close_))
      for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
         if(m_tasks[i_].kind==MT5REDIS_TASK_ORDER && m_tasks[i_].asked_ms==0 && !Ends(m_tasks[i_]) &&
            m_tasks[i_].signal.data.position==close_.signal.data.position && Means(close_,m_tasks[i_]))
           {
            m_tasks[i_].next_ms=0;
            m_tasks[i_].cancelled=true;
           }
   if(close_.kind!=MT5REDIS_TASK_CLOSE)
      return;
   for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
      if(m_tasks[i_].kind==MT5REDIS_TASK_OPEN && m_tasks[i_].asked_ms==0 && Means(close_,m_tasks[i_]) &&
         close_.signal.data.volume<=0.0)
        {
         m_tasks[i_].next_ms=0;
         m_tasks[i_].cancelled=true;
        }
  }
//+------------------------------------------------------------------+
//| Whether two signals may be about the same copies. The close of a |
//| halt is about those of every source.                             |
//+------------------------------------------------------------------+
bool CMt5RedisTasks::Means(const SMt5RedisTask &one_,const SMt5RedisTask &other_) const
  {
   if(one_.signal.instance==MT5R_EVERY_SOURCE || other_.signal.instance==MT5R_EVERY_SOURCE)
      return(one_.symbol==other_.symbol);
   if(one_.symbol!=other_.symbol || one_.signal.instance!=other_.signal.instance ||
      (one_.origin!="" && other_.origin!="" && one_.origin!=other_.origin))
      return(false);
   return(one_.signal.data.position==0 || other_.signal.data.position==0 ||
          one_.signal.data.position==other_.signal.data.position);
  }
//+------------------------------------------------------------------+
//| Whether a signal must wait for another about the same copies: a  |
//| change waits for openings and changes, an opening for openings   |
//| and for the copies of a close, a close for the openings that it  |
//| means, unless a halt or a guard closes everything. What a pending|
//| order opened waits for the order's end. On a netting account     |
//| openings and changes wait until a close of all copies is done:   |
//| after a start, its last deal ends whatever was opened before it. |
//+------------------------------------------------------------------+
bool CMt5RedisTasks::Blocked(const int at_) const
  {
   for(int i_=0; i_<at_; i_++)
     {
      if(m_tasks[i_].kind==MT5REDIS_TASK_ORDER || m_tasks[at_].kind==MT5REDIS_TASK_ORDER)
        {
         bool both_=(m_tasks[i_].kind==m_tasks[at_].kind);
         bool same_=(m_tasks[i_].signal.instance==m_tasks[at_].signal.instance && m_tasks[i_].symbol==m_tasks[at_].symbol);
         if(same_ && (both_ ? m_tasks[i_].signal.data.position==m_tasks[at_].signal.data.position : Ends(m_tasks[i_])))
            return(true);
         continue;
        }
      bool closes_=(m_tasks[i_].kind==MT5REDIS_TASK_CLOSE);
      bool opens_=(m_tasks[i_].kind==MT5REDIS_TASK_OPEN || m_tasks[i_].rest>0.0);
      if(m_tasks[at_].kind==MT5REDIS_TASK_CLOSE)
        {
         if(opens_ && m_tasks[at_].signal.instance!=MT5R_EVERY_SOURCE && Means(m_tasks[at_],m_tasks[i_]))
            return(true);
         continue;
        }
      bool all_=(m_book.netting && m_tasks[i_].origin=="");
      if((opens_ || !closes_ || !m_tasks[i_].decided || all_) && Means(m_tasks[i_],m_tasks[at_]))
         return(true);
     }
   return(false);
  }
//+------------------------------------------------------------------+
//| Whether an opening or a change is too old. One whose order may   |
//| have been executed never is.                                     |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisTasks::Outdated(SMt5RedisTask &task_) const
  {
   if(task_.asked_ms>0)
      return(MT5REDIS_LATER);
   long   waited_ms_=(long)(GetTickCount64()-task_.taken_ms);
   long   age_ms_=task_.signal.data.age_ms+waited_ms_;
   string why_="";
   if(m_rules.max_age_ms>0 && age_ms_>m_rules.max_age_ms)
      why_=StringFormat("it is %I64d ms old",age_ms_);
   else
      if(task_.cancelled)
         why_="its close came before it could be executed";
      else
         if(task_.signal.data.expiry_ms>0 && task_.signal.data.time_ms+age_ms_>task_.signal.data.expiry_ms)
            why_="it has expired";
         else
            if(waited_ms_>MT5R_TRY_FOR_MS)
               why_="it could not be executed for a minute";
   if(why_=="")
      return(MT5REDIS_LATER);
   return(Skip(task_,why_+(task_.reason=="" ? "" : "; "+task_.reason)));
  }
//+------------------------------------------------------------------+
//| On a netting account, what is still to be traded of a symbol     |
//| tells what its position should be.                               |
//+------------------------------------------------------------------+
bool CMt5RedisTasks::Settle(const string symbol_)
  {
   bool doubt_=Fills(symbol_);
   for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
     {
      if(m_tasks[i_].symbol!=symbol_)
         continue;
      doubt_=(doubt_ || m_tasks[i_].asked_ms>0);
      if(m_tasks[i_].kind!=MT5REDIS_TASK_CLOSE || MathAbs(m_tasks[i_].plan)<MT5R_LOTS_EPSILON)
         continue;
      double traded_=m_orders.Traded(m_tasks[i_].mark)-m_tasks[i_].base;
      if(traded_<m_tasks[i_].traded+MT5R_LOTS_EPSILON)
         continue;
      Traded(m_tasks[i_],traded_-m_tasks[i_].traded);
      m_tasks[i_].asked_ms=0;
     }
   return(doubt_);
  }
//+------------------------------------------------------------------+
//| What this order moved on a netting account is not the execution  |
//| of another one in the symbol that is in doubt.                   |
//+------------------------------------------------------------------+
void CMt5RedisTasks::Moved(const string symbol_,const bool buy_,const double lots_)
  {
   for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
      if(m_tasks[i_].symbol==symbol_ && m_tasks[i_].asked_ms>0)
         m_tasks[i_].asked_net+=(buy_ ? lots_ : -lots_);
  }
//+------------------------------------------------------------------+
//| Prepares the next attempt. A person is told once of a close that |
//| takes long.                                                      |
//+------------------------------------------------------------------+
void CMt5RedisTasks::Pause(const int at_)
  {
   bool closes_=(m_tasks[at_].kind==MT5REDIS_TASK_CLOSE || Ends(m_tasks[at_]));
   int  pause_ms_=MT5R_PAUSE_MS;
   for(int i_=m_tasks[at_].attempts; i_>0 && pause_ms_<MT5R_PAUSE_CLOSE_MS; i_--)
      pause_ms_*=2;
   m_tasks[at_].attempts++;
   m_tasks[at_].next_ms=GetTickCount64()+(ulong)MathMin(pause_ms_,closes_ ? MT5R_PAUSE_CLOSE_MS : MT5R_PAUSE_OPEN_MS);
   if(!closes_ || m_tasks[at_].told || GetTickCount64()-m_tasks[at_].taken_ms<MT5R_TRY_FOR_MS)
      return;
   m_tasks[at_].told=true;
   Tell(m_tasks[at_].name+" could not be closed yet: "+m_tasks[at_].reason+
        ". It goes on trying; close it by hand if you can");
  }
//+------------------------------------------------------------------+
//| A close as a record of the memory.                               |
//+------------------------------------------------------------------+
string CMt5RedisTasks::TaskRecord(const SMt5RedisTask &task_) const
  {
   string numbers_=StringFormat("%I64d\t%I64d\t%I64d\t%d",task_.signal.data.producer,task_.signal.data.sequence,
                                task_.signal.data.position,task_.signal.data.action);
   string lots_=DoubleToString(task_.signal.data.volume,8)+"\t"+DoubleToString(task_.plan,8)+"\t"+
                DoubleToString(task_.base,8)+"\t"+DoubleToString(task_.rest,MT5R_SHARE_DIGITS);
   return("task\t"+task_.signal.instance+"\t"+task_.name+"\t"+task_.symbol+"\t"+task_.origin+"\t"+task_.mark+"\t"+
          numbers_+"\t"+lots_+"\t"+(task_.decided ? "1" : "0"));
  }
//+------------------------------------------------------------------+
void CMt5RedisTasks::RecallTask(const string record_)
  {
   string fields_[];
   if(StringSplit(record_,MT5R_FIELD,fields_)!=15 || fields_[0]!="task")
      return;
   SMt5RedisTask task_;
   NewTask(task_);
   task_.kind=MT5REDIS_TASK_CLOSE;
   task_.signal.instance=fields_[1];
   task_.name=fields_[2];
   task_.symbol=fields_[3];
   task_.origin=fields_[4];
   task_.mark=fields_[5];
   task_.signal.data.producer=StringToInteger(fields_[6]);
   task_.signal.data.sequence=StringToInteger(fields_[7]);
   task_.signal.data.position=StringToInteger(fields_[8]);
   task_.signal.data.action=(int)StringToInteger(fields_[9]);
   task_.signal.data.volume=StringToDouble(fields_[10]);
   task_.plan=StringToDouble(fields_[11]);
   task_.base=StringToDouble(fields_[12]);
   task_.rest=StringToDouble(fields_[13]);
   task_.decided=(fields_[14]=="1");
   string how_=m_book.memory.How(fields_[1],task_.signal.data.producer,task_.signal.data.sequence);
   if(how_=="e" || how_=="s")
      return;
   task_.sent=(how_=="b");
   int at_=FindTask(task_.signal);
   if(at_>=0)
      m_tasks[at_]=task_;
   else
      Push(task_);
  }
//+------------------------------------------------------------------+
#endif
