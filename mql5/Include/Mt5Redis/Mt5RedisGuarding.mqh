//+------------------------------------------------------------------+
//|                                           Mt5RedisGuarding.mqh   |
//|  When a guard acts, what it does then, and when it ends.         |
//+------------------------------------------------------------------+
// A guard that acts tells a person once, with the value and the limit. It stays in force, also after a crash, until its
// condition has passed or a person clears it. A guard that skips ends when the value is within its limit again. One that stops
// openings ends when there is room for what it refused; daily loss ends with the day; drawdown, slippage and missed signals
// end only when a person clears them. A guard that flattens closes the copies once.
//
// The guards of the account are judged all the time: daily loss, drawdown, margin level and trading hours.
// Mt5RedisGuards.mqh has those that judge an opening. No guard stops a close or a change of stops.
#ifndef MT5_REDIS_GUARDING_MQH
#define MT5_REDIS_GUARDING_MQH
#include "Mt5RedisAccountLimits.mqh"
#include "Mt5RedisExposure.mqh"
#include "Mt5RedisGuardState.mqh"
#include "Mt5RedisHalting.mqh"

#define MT5R_GUARD_SURE_MS   2000  // how long a loss must last to count: a terminal that connects may show too little
#define MT5R_GUARD_MINUTE_S  60

//+------------------------------------------------------------------+
//| The guards in force, and those of the account.                   |
//+------------------------------------------------------------------+
class CMt5RedisGuarding : public CMt5RedisHalting
  {
private:
   CMt5RedisAccountLimits m_limits;
   long              m_sent[];       // when orders that open were sent, UTC seconds
   ulong             m_over_ms[MT5R_GUARDS]; // since when a limit of the account is exceeded; 0: it is not
   bool              m_known;        // the account tells its equity

   void              Note(const string record_);
   bool              IsOver(const ENUM_MT5REDIS_GUARD guard_) const { return(m_limits.IsOver(guard_,Limit(guard_))); }
   void              Judge(const ENUM_MT5REDIS_GUARD guard_);
   bool              HasPassed(const int at_);
   void              Flatten(const int at_);
   long              NowMs(void) const { return((long)TimeGMT()*1000+(long)(GetTickCount64()%1000)); }
   string            Value(const ENUM_MT5REDIS_GUARD guard_) const { return(m_limits.Value(guard_,Limit(guard_))); }

protected:
   CMt5RedisGuardState m_acted;

   bool              IsOn(const ENUM_MT5REDIS_GUARD guard_) const;
   double            Limit(const ENUM_MT5REDIS_GUARD guard_) const { return(m_rules.guards.limits[(int)guard_]); }
   int               Sent(void) const;
   void              Exposure(const string symbol_,CMt5RedisExposure &exposure_);
   double            Spread(const string symbol_) const;
   int               Trip(const ENUM_MT5REDIS_GUARD guard_,const string symbol_,const double room_,const string text_);
   void              End(const int at_,const string why_);
   bool              StartGuards(string &error_);
   void              ForgetGuards(void);
   bool              RecallGuard(const string record_);
   void              ClearGuards(void);
   void              GuardRecords(string &records_[],int &count_);
   void              Watch(const bool acts_);
   void              FoundOpen(const string symbol_);
   void              FlattenAgain(void);
   virtual ENUM_MT5REDIS_OUTCOME Permitted(SMt5RedisTask &task_) override;
   virtual void      Sending(void) override;

public:
                     CMt5RedisGuarding(void) { ForgetGuards(); }
   string            GuardText(void) const;
  };
//+------------------------------------------------------------------+
//| Whether the rules are valid; error says which one is not.        |
//+------------------------------------------------------------------+
bool CMt5RedisGuarding::StartGuards(string &error_)
  {
   m_rules.guards.limits[(int)MT5REDIS_GUARD_SLIPPAGE]=m_rules.slippage;
   for(int i_=0; i_<MT5R_GUARDS; i_++)
      if(m_rules.guards.limits[i_]<0.0)
        {
         error_=StringFormat("the limit of the %s guard is %g. Set it above 0, or to 0 to switch the guard off",
                             Mt5RedisGuardName((ENUM_MT5REDIS_GUARD)i_),m_rules.guards.limits[i_]);
         return(false);
        }
   return(m_limits.hours.Read(m_rules.guards.hours,error_));
  }
//+------------------------------------------------------------------+
void CMt5RedisGuarding::ForgetGuards(void)
  {
   m_acted.Clear();
   m_limits.equity.Forget();
   ArrayResize(m_sent,0);
   for(int i_=0; i_<MT5R_GUARDS; i_++)
      m_over_ms[i_]=0;
   m_known=false;
  }
//+------------------------------------------------------------------+
void CMt5RedisGuarding::Note(const string record_)
  {
   if(!m_rules.dry_run)
      m_book.memory.Note(record_);
  }
//+------------------------------------------------------------------+
bool CMt5RedisGuarding::IsOn(const ENUM_MT5REDIS_GUARD guard_) const
  {
   if(guard_==MT5REDIS_GUARD_HOURS)
      return(m_limits.hours.Any());
   return(guard_==MT5REDIS_GUARD_SLIPPAGE || guard_==MT5REDIS_GUARD_GAP || Limit(guard_)>0.0);
  }
//+------------------------------------------------------------------+
//| The orders that were sent within the last minute. The clock may  |
//| have been set back since.                                        |
//+------------------------------------------------------------------+
int CMt5RedisGuarding::Sent(void) const
  {
   long now_s_=(long)TimeGMT();
   int  count_=0;
   for(int i_=ArraySize(m_sent)-1; i_>=0; i_--)
      count_+=(MathAbs(now_s_-m_sent[i_])<MT5R_GUARD_MINUTE_S ? 1 : 0);
   return(count_);
  }
//+------------------------------------------------------------------+
//| Counts an order that opens. It is stored before the order leaves.|
//+------------------------------------------------------------------+
void CMt5RedisGuarding::Sending(void)
  {
   long now_s_=(long)TimeGMT();
   int  kept_=0;
   for(int i_=0; i_<ArraySize(m_sent); i_++)
      if(MathAbs(now_s_-m_sent[i_])<MT5R_GUARD_MINUTE_S)
        {
         m_sent[kept_]=m_sent[i_];
         kept_++;
        }
   ArrayResize(m_sent,kept_+1,64);
   m_sent[kept_]=now_s_;
   Note("sent\t"+IntegerToString(now_s_));
  }
//+------------------------------------------------------------------+
//| The lots and positions of the copies of a symbol; empty: all. An |
//| opening without an answer and a pending order count, too.        |
//+------------------------------------------------------------------+
void CMt5RedisGuarding::Exposure(const string symbol_,CMt5RedisExposure &exposure_)
  {
   m_book.netting=(AccountInfoInteger(ACCOUNT_MARGIN_MODE)!=ACCOUNT_MARGIN_MODE_RETAIL_HEDGING);
   exposure_.Measure(m_book,symbol_,m_rules.magic);
   for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
      if(m_tasks[i_].kind==MT5REDIS_TASK_OPEN && m_tasks[i_].asked_ms>0 &&
         (symbol_=="" || m_tasks[i_].symbol==symbol_))
        {
         exposure_.lots+=m_tasks[i_].plan;
         exposure_.positions++;
        }
   for(int i_=m_placed.Total()-1; i_>=0; i_--)
      if(symbol_=="" || m_placed.all[i_].symbol==symbol_)
        {
         exposure_.lots+=m_placed.all[i_].lots-m_placed.all[i_].filled;
         exposure_.positions++;
        }
  }
//+------------------------------------------------------------------+
//| In points.                                                       |
//+------------------------------------------------------------------+
double CMt5RedisGuarding::Spread(const string symbol_) const
  {
   double point_=SymbolInfoDouble(symbol_,SYMBOL_POINT);
   double wide_=SymbolInfoDouble(symbol_,SYMBOL_ASK)-SymbolInfoDouble(symbol_,SYMBOL_BID);
   return(point_>0.0 ? MathRound(wide_/point_) : 0.0);
  }
//+------------------------------------------------------------------+
//| Judges a guard of the account.                                   |
//+------------------------------------------------------------------+
void CMt5RedisGuarding::Judge(const ENUM_MT5REDIS_GUARD guard_)
  {
   int at_=(int)guard_;
   if(!IsOn(guard_) || !IsOver(guard_))
     {
      m_over_ms[at_]=0;
      return;
     }
   ulong now_=GetTickCount64();
   if(m_over_ms[at_]==0)
      m_over_ms[at_]=now_;
   if(guard_==MT5REDIS_GUARD_HOURS || now_-m_over_ms[at_]>=MT5R_GUARD_SURE_MS)
      Trip(guard_,"",0.0,Value(guard_));
  }
//+------------------------------------------------------------------+
//| A guard acts. Returns its place among those in force.            |
//| room: the lots or positions at which it ends                     |
//+------------------------------------------------------------------+
int CMt5RedisGuarding::Trip(const ENUM_MT5REDIS_GUARD guard_,const string symbol_,const double room_,const string text_)
  {
   int at_=m_acted.Find(guard_,symbol_);
   if(at_>=0)
      return(at_);
   at_=m_acted.Add(guard_,symbol_);
   m_acted.all[at_].action=m_rules.guards.actions[(int)guard_];
   if(guard_==MT5REDIS_GUARD_GAP)
      m_acted.all[at_].action=MT5REDIS_GUARD_CLOSE_ONLY;
   m_acted.all[at_].since=TimeTradeServer();
   m_acted.all[at_].room=MathMax(0.0,room_);
   m_acted.all[at_].text=text_;
   Note(m_acted.Record(at_));
   Tell("the "+Mt5RedisGuardName(guard_)+" guard acts: "+text_+". "+m_acted.Consequence(at_));
   if(!m_rules.dry_run)
      m_book.memory.Save();
   return(at_);
  }
//+------------------------------------------------------------------+
//| The guards in force, one a line; empty: none.                    |
//+------------------------------------------------------------------+
string CMt5RedisGuarding::GuardText(void) const
  {
   string text_="";
   int    count_=m_acted.Total();
   for(int i_=0; i_<count_; i_++)
      text_+="\n  "+m_acted.Named(i_);
   return(text_);
  }
//+------------------------------------------------------------------+
void CMt5RedisGuarding::End(const int at_,const string why_)
  {
   Print(MQLInfoString(MQL_PROGRAM_NAME),": the ",Mt5RedisGuardName(m_acted.all[at_].guard)," guard ends: ",why_);
   Note(m_acted.EndedRecord(at_));
   m_acted.Remove(at_);
  }
//+------------------------------------------------------------------+
//| Whether the condition of a guard in force has passed.            |
//+------------------------------------------------------------------+
bool CMt5RedisGuarding::HasPassed(const int at_)
  {
   ENUM_MT5REDIS_GUARD guard_=m_acted.all[at_].guard;
   string symbol_=m_acted.all[at_].symbol;
   bool   skips_=(m_acted.all[at_].action==MT5REDIS_GUARD_SKIP);
   if(!IsOn(guard_))
      return(true);
   CMt5RedisExposure exposure_;
   switch(guard_)
     {
      case MT5REDIS_GUARD_TOTAL_LOTS:
      case MT5REDIS_GUARD_SYMBOL_LOTS:
      case MT5REDIS_GUARD_POSITIONS:
      case MT5REDIS_GUARD_SYMBOL_POSITIONS:
         if(!m_book.holdings.Read())
            return(false);
         Exposure(symbol_,exposure_);
         if(guard_==MT5REDIS_GUARD_POSITIONS || guard_==MT5REDIS_GUARD_SYMBOL_POSITIONS)
            return(exposure_.positions<=m_acted.all[at_].room);
         return(exposure_.lots<m_acted.all[at_].room+MT5R_LOTS_EPSILON);
      case MT5REDIS_GUARD_ORDERS:
         return(Sent()<Limit(guard_));
      case MT5REDIS_GUARD_SPREAD:
         return(Spread(symbol_)<=Limit(guard_));
      case MT5REDIS_GUARD_SLIPPAGE:
      case MT5REDIS_GUARD_GAP:
         return(false);
      case MT5REDIS_GUARD_DAILY_LOSS:
         if(!skips_)
            return(m_known && m_limits.equity.Day()>(long)m_acted.all[at_].since/MT5R_DAY_S);
         break;
      case MT5REDIS_GUARD_DRAWDOWN:
         if(!skips_)
            return(false);
         break;
     }
   return((m_known || guard_==MT5REDIS_GUARD_HOURS) && !IsOver(guard_));
  }
//+------------------------------------------------------------------+
//| Judges the account, ends what has passed, and closes the copies  |
//| that a guard wants closed. A terminal that stands by closes none.|
//+------------------------------------------------------------------+
void CMt5RedisGuarding::Watch(const bool acts_)
  {
   m_known=m_limits.equity.Look();
   if(m_known)
     {
      Judge(MT5REDIS_GUARD_DAILY_LOSS);
      Judge(MT5REDIS_GUARD_DRAWDOWN);
      Judge(MT5REDIS_GUARD_MARGIN);
     }
   Judge(MT5REDIS_GUARD_HOURS);
   for(int i_=m_acted.Total()-1; i_>=0; i_--)
      if(HasPassed(i_))
         End(i_,IsOn(m_acted.all[i_].guard) ? "the value is within its limit again" : "it is switched off");
   for(int i_=0; i_<m_acted.Total(); i_++)
      if(acts_ && m_acted.all[i_].action==MT5REDIS_GUARD_FLATTEN && !m_acted.all[i_].flattened)
         Flatten(i_);
   if(m_limits.equity.NeedsStore())
      Note(m_limits.equity.Record());
   if(!m_rules.dry_run)
      m_book.memory.Save();
  }
//+------------------------------------------------------------------+
//| That a guard has closed the copies is stored with the closes.    |
//+------------------------------------------------------------------+
void CMt5RedisGuarding::Flatten(const int at_)
  {
   string why_="guard "+Mt5RedisGuardName(m_acted.all[at_].guard);
   m_acted.all[at_].flattened=true;
   Note(m_acted.Record(at_));
   if(m_acted.all[at_].symbol=="")
      CloseAll(MT5R_EVERY_SOURCE,why_);
   else
      CloseSymbol(MT5R_EVERY_SOURCE,m_acted.all[at_].symbol,why_,NowMs());
  }
//+------------------------------------------------------------------+
//| An opening without an answer was executed after all. If copies   |
//| were closed meanwhile, this one is closed, too.                  |
//+------------------------------------------------------------------+
void CMt5RedisGuarding::FoundOpen(const string symbol_)
  {
   bool closes_=HaltCloses();
   for(int i_=m_acted.Total()-1; i_>=0; i_--)
      closes_=(closes_ || (m_acted.all[i_].action==MT5REDIS_GUARD_FLATTEN &&
               (m_acted.all[i_].symbol=="" || m_acted.all[i_].symbol==symbol_)));
   if(!closes_)
      return;
   CloseSymbol(MT5R_EVERY_SOURCE,symbol_,"found open",NowMs());
   m_book.memory.Save();
  }
//+------------------------------------------------------------------+
//| The closes in progress were dropped, as this terminal stands by. |
//| When it acts again, it closes what is still open.                |
//+------------------------------------------------------------------+
void CMt5RedisGuarding::FlattenAgain(void)
  {
   for(int i_=m_acted.Total()-1; i_>=0; i_--)
      m_acted.all[i_].flattened=false;
  }
//+------------------------------------------------------------------+
//| Whether the guards in force let anything open. An opening waits  |
//| while it is not sure that a limit is exceeded.                   |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisGuarding::Permitted(SMt5RedisTask &task_)
  {
   for(int i_=0; i_<m_acted.Total(); i_++)
     {
      bool account_=(m_acted.all[i_].guard>=MT5REDIS_GUARD_DAILY_LOSS && m_acted.all[i_].guard<=MT5REDIS_GUARD_HOURS);
      if((account_ || m_acted.all[i_].action!=MT5REDIS_GUARD_SKIP) &&
         (m_acted.all[i_].symbol=="" || m_acted.all[i_].symbol==task_.symbol))
         return(Skip(task_,m_acted.Named(i_)));
     }
   for(int i_=0; i_<MT5R_GUARDS; i_++)
      if(m_over_ms[i_]>0)
         return(Wait(task_,Value((ENUM_MT5REDIS_GUARD)i_)));
   return(MT5REDIS_DONE);
  }
//+------------------------------------------------------------------+
//| Reads a record of the memory. False: it is no guard's.           |
//+------------------------------------------------------------------+
bool CMt5RedisGuarding::RecallGuard(const string record_)
  {
   string fields_[];
   if(m_acted.Take(record_) || m_limits.equity.Take(record_))
      return(true);
   if(StringSplit(record_,MT5R_FIELD,fields_)!=2 || fields_[0]!="sent")
      return(false);
   int at_=ArraySize(m_sent);
   ArrayResize(m_sent,at_+1,64);
   m_sent[at_]=StringToInteger(fields_[1]);
   return(true);
  }
//+------------------------------------------------------------------+
//| A person clears what acted until a time. The loss so far is      |
//| accepted: the day and the high begin anew.                       |
//+------------------------------------------------------------------+
void CMt5RedisGuarding::ClearGuards(void)
  {
   datetime until_=m_rules.guards.clear;
   if(until_>TimeTradeServer())
     {
      Tell("no guard is cleared, because InpClearGuards is in the future: "+
           TimeToString(until_,TIME_DATE|TIME_SECONDS)+". Set it to the time that the guard's alert names");
      return;
     }
   for(int i_=m_acted.Total()-1; i_>=0; i_--)
     {
      if(m_acted.all[i_].since>until_)
         continue;
      if(m_acted.all[i_].guard==MT5REDIS_GUARD_DAILY_LOSS)
         m_limits.equity.BeginDay();
      if(m_acted.all[i_].guard==MT5REDIS_GUARD_DRAWDOWN)
         m_limits.equity.BeginHigh();
      End(i_,"you cleared it");
     }
  }
//+------------------------------------------------------------------+
//| Adds all that a restart must know.                               |
//+------------------------------------------------------------------+
void CMt5RedisGuarding::GuardRecords(string &records_[],int &count_)
  {
   int acted_=m_acted.Total();
   int sent_=ArraySize(m_sent);
   ArrayResize(records_,count_+acted_+sent_+1);
   for(int i_=0; i_<acted_; i_++)
      records_[count_+i_]=m_acted.Record(i_);
   count_+=acted_;
   for(int i_=0; i_<sent_; i_++)
      records_[count_+i_]="sent\t"+IntegerToString(m_sent[i_]);
   count_+=sent_;
   records_[count_]=m_limits.equity.Record();
   count_++;
  }
//+------------------------------------------------------------------+
#endif
