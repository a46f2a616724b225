//+------------------------------------------------------------------+
//|                                          Mt5RedisComparing.mqh   |
//|  Compares the copies with what the sources hold.                 |
//+------------------------------------------------------------------+
// Some seconds after the start and then every minute, the copies of each position that a source has stated are compared with
// its last statement. There are three differences: a copy that is missing, one that its source does not hold any more, and
// one with a wrong volume. They are printed, a person is told when they change, and the chart shows how many there are.
//
// By choice they are repaired, but never on the first look. What is too much is closed. What is missing is opened only while
// it is young, its price is as good as the source's, and nobody closed it here. A position is not compared while a signal
// about it is in progress. Positions that no signal states, because their sender tells no events, are not compared at all.
#ifndef MT5_REDIS_COMPARING_MQH
#define MT5_REDIS_COMPARING_MQH
#include "Mt5RedisWithdrawing.mqh"

#define MT5R_COMPARE_FIRST_MS  5000
#define MT5R_COMPARE_MS        60000

//+------------------------------------------------------------------+
//| The comparison.                                                  |
//+------------------------------------------------------------------+
class CMt5RedisComparing : public CMt5RedisWithdrawing
  {
private:
   ulong             m_compare_ms;   // of the next comparison; 0: none was made
   int               m_looks;
   int               m_missing;
   int               m_surplus;
   int               m_wrong;
   string            m_found;        // what was printed last

   bool              InProgress(const SMt5RedisStated &stated_) const;
   bool              Refused(const SMt5RedisStated &stated_) const;
   string            Difference(const int at_);
   void              Correct(const SMt5RedisStated &stated_);
   void              OpenMissing(const SMt5RedisStated &stated_,const double lots_);
   void              NewRepair(SMt5RedisTask &task_,const SMt5RedisStated &stated_) const;

protected:
   void              Compare(void);
   void              ForgetCompared(void);
   string            Differences(void) const;

public:
                     CMt5RedisComparing(void) : m_compare_ms(0),m_looks(0),m_missing(0),m_surplus(0),m_wrong(0),m_found("") { }
  };
//+------------------------------------------------------------------+
void CMt5RedisComparing::ForgetCompared(void)
  {
   m_compare_ms=0;
   m_looks=0;
   m_missing=0;
   m_surplus=0;
   m_wrong=0;
   m_found="";
  }
//+------------------------------------------------------------------+
//| Compares, if it is time. Call it only while this terminal acts.  |
//+------------------------------------------------------------------+
void CMt5RedisComparing::Compare(void)
  {
   ulong now_=GetTickCount64();
   if(m_compare_ms==0)
      m_compare_ms=now_+MT5R_COMPARE_FIRST_MS;
   if(now_<m_compare_ms || m_rules.dry_run || TerminalInfoInteger(TERMINAL_CONNECTED)==0)
      return;
   m_compare_ms=now_+MT5R_COMPARE_MS;
   m_looks++;
   m_missing=0;
   m_surplus=0;
   m_wrong=0;
   string found_="";
   int    count_=m_book.sources.Total();
   for(int i_=0; i_<count_; i_++)
     {
      SMt5RedisStated stated_=m_book.sources.all[i_];
      if(InProgress(stated_) || !m_symbol.Select(stated_.symbol) || !m_symbol.Priced() || !InStep(stated_.symbol))
         continue;
      string difference_=Difference(i_);
      if(difference_=="")
         continue;
      found_+=difference_+"\n";
      if(m_rules.repair && m_looks>1)
         Correct(m_book.sources.all[i_]);
     }
   m_book.memory.Save();
   if(found_==m_found)
      return;
   m_found=found_;
   if(found_=="")
     {
      Print(MQLInfoString(MQL_PROGRAM_NAME),": the copies match the positions of the sources");
      return;
     }
   string lines_[];
   int    lines_count_=StringSplit(found_,'\n',lines_);
   for(int i_=0; i_<lines_count_; i_++)
      if(lines_[i_]!="")
         Print(MQLInfoString(MQL_PROGRAM_NAME),": ",lines_[i_]);
   Tell(Differences()+". The Experts tab lists them. "+(m_rules.repair ? "What its limits allow is repaired." :
        "Trade by hand what you want to correct, or let the follower repair it."));
  }
//+------------------------------------------------------------------+
//| How many differences there are, for the chart; empty: none.      |
//+------------------------------------------------------------------+
string CMt5RedisComparing::Differences(void) const
  {
   if(m_missing+m_surplus+m_wrong==0)
      return("");
   return(StringFormat("the copies differ from the sources: %d missing, %d too many, %d with a wrong volume",m_missing,
                       m_surplus,m_wrong));
  }
//+------------------------------------------------------------------+
//| Whether a signal about the position waits.                       |
//+------------------------------------------------------------------+
bool CMt5RedisComparing::InProgress(const SMt5RedisStated &stated_) const
  {
   for(int i_=ArraySize(m_tasks)-1; i_>=0; i_--)
      if(m_tasks[i_].symbol==stated_.symbol &&
         (m_tasks[i_].signal.instance==stated_.source || m_tasks[i_].signal.instance==MT5R_EVERY_SOURCE) &&
         (m_tasks[i_].signal.data.position==0 || m_tasks[i_].signal.data.position==stated_.position))
         return(true);
   return(false);
  }
//+------------------------------------------------------------------+
//| Whether this follower's lists or direction keep the position out.|
//+------------------------------------------------------------------+
bool CMt5RedisComparing::Refused(const SMt5RedisStated &stated_) const
  {
   return(m_map.Refusal(stated_.theirs)!="" || m_direction.Refusal(stated_.lots>0.0)!="");
  }
//+------------------------------------------------------------------+
//| What differs, in words; empty: nothing does.                     |
//+------------------------------------------------------------------+
string CMt5RedisComparing::Difference(const int at_)
  {
   SMt5RedisStated stated_=m_book.sources.all[at_];
   double given_=0.0;
   double held_=0.0;
   double want_=0.0;
   double wrong_side_=0.0;
   for(int i_=m_book.copies.Total()-1; i_>=0; i_--)
     {
      SMt5RedisCopy copy_=m_book.copies.all[i_];
      if(copy_.position!=stated_.position || !m_book.copies.IsOf(i_,stated_.origin,stated_.position,stated_.symbol))
         continue;
      if(stated_.lots==0.0 || copy_.buy!=(stated_.lots>0.0))
        {
         wrong_side_+=copy_.held;
         continue;
        }
      given_+=copy_.given;
      held_+=copy_.held;
      want_+=copy_.want;
     }
   m_book.sources.Copied(at_,given_);
   string what_=StringFormat("position %I64d of %s, %s: ",stated_.position,stated_.source,stated_.symbol);
   if(wrong_side_>=MT5R_LOTS_EPSILON)
     {
      m_surplus++;
      return(what_+StringFormat("the source %s, but %.2f lots are open here",
                                stated_.lots==0.0 ? "closed it" : "turned it",wrong_side_));
     }
   if(stated_.lots==0.0)
      return("");
   string side_=(stated_.lots>0.0 ? "bought" : "sold");
   if(given_<MT5R_LOTS_EPSILON)
     {
      if(Refused(stated_))
         return("");
      m_missing++;
      return(what_+StringFormat("the source holds %.2f lots %s, and no copy is open here%s",MathAbs(stated_.lots),side_,
                                stated_.copied>=MT5R_LOTS_EPSILON ? ", because it was closed here" : ""));
     }
   double should_=m_symbol.LotsNear(want_);
   if(MathAbs(given_-MathAbs(stated_.lots))<MT5R_LOTS_EPSILON && held_<should_+m_symbol.LeastLots()-MT5R_LOTS_EPSILON)
      return("");
   m_wrong++;
   return(what_+StringFormat("the source holds %.2f lots %s, and the copies stand for %.2f of them, with %.2f lots here "
                             "that should be %.2f",MathAbs(stated_.lots),side_,given_,held_,
                             m_symbol.LotsNear(want_*MathAbs(stated_.lots)/given_)));
  }
//+------------------------------------------------------------------+
//| Closes what is too much, and opens what is missing and may be    |
//| opened.                                                          |
//+------------------------------------------------------------------+
void CMt5RedisComparing::Correct(const SMt5RedisStated &stated_)
  {
   double given_=0.0;
   double held_=0.0;
   double want_=0.0;
   bool   turned_=false;
   for(int i_=m_book.copies.Total()-1; i_>=0; i_--)
     {
      SMt5RedisCopy copy_=m_book.copies.all[i_];
      if(copy_.position!=stated_.position || !m_book.copies.IsOf(i_,stated_.origin,stated_.position,stated_.symbol))
         continue;
      if(stated_.lots==0.0 || copy_.buy!=(stated_.lots>0.0))
         turned_=true;
      else
        {
         given_+=copy_.given;
         held_+=copy_.held;
         want_+=copy_.want;
        }
     }
   double lots_=MathAbs(stated_.lots)-MathMax(given_,stated_.copied);
   bool   more_=(held_>m_symbol.LotsNear(want_)+m_symbol.LeastLots()-MT5R_LOTS_EPSILON);
   if(!turned_ && !more_ && given_<MathAbs(stated_.lots)+MT5R_LOTS_EPSILON)
     {
      if(lots_>=MT5R_LOTS_EPSILON)
         OpenMissing(stated_,lots_);
      return;
     }
   SMt5RedisTask task_;
   NewRepair(task_,stated_);
   task_.kind=MT5REDIS_TASK_CLOSE;
   task_.surplus=true;
   task_.signal.data.action=MT5REDIS_ACTION_CLOSE;
   if(!turned_)
     {
      //--- what the source holds is left, rounded anew
      task_.stated=true;
      task_.known=true;
      task_.lots_known=stated_.lots;
      task_.signal.data.side=(stated_.lots>0.0 ? MT5REDIS_SIDE_BUY : MT5REDIS_SIDE_SELL);
      task_.signal.data.volume_after=MathAbs(stated_.lots);
     }
   task_.mark=m_marks.Of("c",stated_.source,task_.signal.data.producer,task_.signal.data.sequence,stated_.magic,
                         stated_.position);
   task_.name=stated_.source+" repair, close "+stated_.symbol;
   Push(task_);
  }
//+------------------------------------------------------------------+
void CMt5RedisComparing::OpenMissing(const SMt5RedisStated &stated_,const double lots_)
  {
   bool   buy_=(stated_.lots>0.0);
   long   age_ms_=(long)TimeGMT()*1000-stated_.grown_ms;
   double worse_=(buy_ ? m_symbol.Price(true)-stated_.entry : stated_.entry-m_symbol.Price(false))/m_symbol.Point();
   if(m_halted!="" || Refused(stated_) || age_ms_>m_rules.repair_age_ms || stated_.entry<=0.0 ||
      worse_>m_rules.slippage+0.5)
      return;
   SMt5RedisTask task_;
   NewRepair(task_,stated_);
   task_.kind=MT5REDIS_TASK_OPEN;
   task_.signal.data.action=(buy_ ? MT5REDIS_ACTION_BUY : MT5REDIS_ACTION_SELL);
   task_.signal.data.volume=lots_;
   task_.signal.data.price=stated_.entry;
   task_.signal.data.stop_loss=stated_.stop_loss;
   task_.signal.data.take_profit=stated_.take_profit;
   task_.mark=m_marks.Of("r",stated_.source,task_.signal.data.producer,task_.signal.data.sequence,stated_.magic,
                         stated_.position);
   task_.name=stated_.source+" repair, open "+stated_.symbol;
   //--- a guard that stops openings would only skip it each minute
   if(Permitted(task_)==MT5REDIS_DONE)
      Push(task_);
  }
//+------------------------------------------------------------------+
//| A task of the follower's own about a source's position. It does  |
//| not wait for a signal, so it needs no acknowledgement.           |
//+------------------------------------------------------------------+
void CMt5RedisComparing::NewRepair(SMt5RedisTask &task_,const SMt5RedisStated &stated_) const
  {
   NewTask(task_);
   task_.signal.instance=stated_.source;
   task_.signal.symbol=stated_.theirs;
   task_.signal.data.producer=MT5R_OWN_PRODUCER-(stated_.position%MT5R_OWN_PRODUCERS);
   task_.signal.data.sequence=(long)TimeGMT()*1000;
   task_.signal.data.time_ms=(long)TimeGMT()*1000;
   task_.signal.data.magic=stated_.magic;
   task_.signal.data.position=stated_.position;
   task_.symbol=stated_.symbol;
   task_.origin=stated_.origin;
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
