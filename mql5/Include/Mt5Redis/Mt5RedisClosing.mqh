//+------------------------------------------------------------------+
//|                                            Mt5RedisClosing.mqh   |
//|  Executes a signal that closes or changes a position.            |
//+------------------------------------------------------------------+
// A close sets what should be left of the copies that it means, and pursues that whatever the trade server answers. If
// an order to close a part gets no answer, it is not repeated; a person is told.
#ifndef MT5_REDIS_CLOSING_MQH
#define MT5_REDIS_CLOSING_MQH
#include "Mt5RedisOpening.mqh"

//+------------------------------------------------------------------+
//| Closes and changes.                                              |
//+------------------------------------------------------------------+
class CMt5RedisClosing : public CMt5RedisOpening
  {
private:
   bool              IsMeant(const SMt5RedisTask &task_,const int copy_) const;
   ENUM_MT5REDIS_OUTCOME Decide(SMt5RedisTask &task_);
   bool              OpenedBefore(const int copy_,const long first_ms_) const;
   ENUM_MT5REDIS_OUTCOME CloseEach(SMt5RedisTask &task_);
   ENUM_MT5REDIS_OUTCOME CloseOne(SMt5RedisTask &task_,const int at_,const int holding_);
   ENUM_MT5REDIS_OUTCOME CloseNet(SMt5RedisTask &task_);
   ENUM_MT5REDIS_OUTCOME ChangeOne(SMt5RedisTask &task_,const int holding_);

protected:
   ENUM_MT5REDIS_OUTCOME Close(SMt5RedisTask &task_);
   ENUM_MT5REDIS_OUTCOME Change(SMt5RedisTask &task_);
   void              Traded(SMt5RedisTask &task_,const double lots_);
   virtual void      NoteTask(const SMt5RedisTask &task_) { }
  };
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisClosing::Close(SMt5RedisTask &task_)
  {
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0)
      return(Wait(task_,"the terminal is not connected"));
   if(!Selected(task_))
      return(Skip(task_,"this broker has no symbol "+task_.symbol));
   if(!InStep(task_.symbol))
      return(Wait(task_,"the terminal does not show all positions yet"));
   ENUM_MT5REDIS_OUTCOME outcome_=(task_.decided ? MT5REDIS_DONE : Decide(task_));
   if(outcome_==MT5REDIS_DONE)
      outcome_=(m_book.netting ? CloseNet(task_) : CloseEach(task_));
   if(outcome_!=MT5REDIS_DONE || task_.rest<=0.0)
      return(outcome_);
   //--- now the rest of a turn; its order may have been sent before a restart
   task_.kind=MT5REDIS_TASK_OPEN;
   task_.mark=m_marks.As("r",task_.mark);
   task_.plan=0.0;
   if(task_.sent)
      task_.asked_ms=GetTickCount64();
   return(Outdated(task_)==MT5REDIS_REFUSED ? MT5REDIS_REFUSED : Open(task_));
  }
//+------------------------------------------------------------------+
//| Whether a signal means a copy. The close after a gap means all   |
//| copies of its source, and those of unknown origin; that of a     |
//| halt means all.                                                  |
//+------------------------------------------------------------------+
bool CMt5RedisClosing::IsMeant(const SMt5RedisTask &task_,const int copy_) const
  {
   if(task_.signal.instance==MT5R_EVERY_SOURCE)
      return(m_book.copies.all[copy_].symbol==task_.symbol);
   string source_=m_book.copies.all[copy_].source;
   string origin_=(task_.origin=="" ? m_marks.Source(task_.signal.instance) : task_.origin);
   if(source_!="" && source_!=task_.signal.instance)
      return(false);
   return(m_book.copies.IsOf(copy_,origin_,task_.signal.data.position,task_.symbol));
  }
//+------------------------------------------------------------------+
//| Sets what should be left of the copies that the signal means.    |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisClosing::Decide(SMt5RedisTask &task_)
  {
   bool   turn_=(task_.signal.data.action!=MT5REDIS_ACTION_CLOSE && !task_.surplus);
   bool   states_=(task_.stated && !turn_ && task_.signal.data.volume_after>0.0);
   double volume_=task_.signal.data.volume-(turn_ ? task_.rest : 0.0);
   double given_=0.0;
   bool   exact_=true;
   double held_=0.0;
   double cut_=0.0;
   int    meant_[];
   int    count_=0;
   double base_=m_orders.Traded(task_.mark);
   if(base_<0.0)
      return(Wait(task_,"the terminal cannot load the account's history yet"));
   //--- closed by another terminal, or before the memory was lost
   bool before_=(base_>0.0);
   long first_ms_=(before_ ? m_orders.FirstOf(task_.mark) : 0);
   if(states_)
      volume_=task_.signal.data.volume_after;
   for(int i_=0; i_<m_book.copies.Total(); i_++)
      if(IsMeant(task_,i_) &&
         (!turn_ || m_book.copies.all[i_].buy==(task_.signal.data.action==MT5REDIS_ACTION_SELL)) &&
         (!before_ || volume_>0.0 || OpenedBefore(i_,first_ms_)))
        {
         ArrayResize(meant_,count_+1,16);
         meant_[count_]=i_;
         count_++;
         held_+=m_book.copies.all[i_].held;
         given_+=m_book.copies.all[i_].given;
         exact_=(exact_ && m_book.copies.all[i_].source!="");
        }
   if(before_ && volume_>0.0 && !states_)
      volume_-=base_/Ratio(task_);
   task_.decided=true;
   task_.base=base_;
   if(before_ && (count_==0 || (volume_<MT5R_LOTS_EPSILON && task_.signal.data.volume>0.0)))
      return(MT5REDIS_DONE);
   if(count_==0 && (task_.surplus || task_.rest>0.0))
      return(MT5REDIS_DONE);
   if(count_==0)
      return(Skip(task_,"nothing that was copied is open"));
   if(states_)
     {
      volume_=Mt5RedisToClose(task_,given_,held_,base_,exact_);
      //--- a repair rounds the total anew, also when the source's lots are right
      if(volume_<MT5R_LOTS_EPSILON && Mt5RedisIsOwn(task_.signal.data.producer))
         volume_=MT5R_LOTS_EPSILON/10.0;
      else
         if(volume_<MT5R_LOTS_EPSILON)
            return(before_ || task_.surplus ? MT5REDIS_DONE : Skip(task_,"the copies hold no more than the source"));
     }
   if(m_rules.dry_run)
      return(Skip(task_,StringFormat("dry run: would close %.2f %s",
                                     volume_>0.0 ? MathMin(held_,volume_*Ratio(task_)) : held_,task_.symbol)));
   for(int i_=0; i_<count_; i_++)
      task_.plan+=(m_book.copies.all[meant_[i_]].buy ? -1.0 : 1.0)*m_book.copies.all[meant_[i_]].goal;
   m_book.copies.Reduce(meant_,count_,volume_,task_.signal.data.position>0,m_symbol);
   for(int i_=0; i_<count_; i_++)
     {
      double goal_=m_book.copies.all[meant_[i_]].goal;
      task_.plan-=(m_book.copies.all[meant_[i_]].buy ? -1.0 : 1.0)*goal_;
      cut_+=m_book.copies.all[meant_[i_]].held-goal_;
      //--- a netting account trades the sum, so each copy has its share at once
      if(m_book.netting)
         m_book.Changed(meant_[i_],goal_);
      else
         m_book.Keep(meant_[i_]);
     }
   task_.plan=NormalizeDouble(m_book.netting ? task_.plan : 0.0,8);
   m_book.Pend(task_.symbol,task_.plan);
   if(m_book.netting && task_.origin=="")
      m_book.End(task_.signal.instance,task_.symbol);
   NoteTask(task_);
   if(!m_book.memory.Save())
      Tell("its memory file cannot be written. It closes all the same. Check whether the disk is full");
   task_.wanted+=cut_;
   if(cut_<MT5R_LOTS_EPSILON && task_.rest<=0.0)
      return(Skip(task_,"the part is less than this broker's smallest volume. The next close includes it"));
   return(MT5REDIS_DONE);
  }
//+------------------------------------------------------------------+
//| Whether a copy existed before this time of the trade server: an  |
//| earlier close does not mean later copies. Call Traded first.     |
//+------------------------------------------------------------------+
bool CMt5RedisClosing::OpenedBefore(const int copy_,const long first_ms_) const
  {
   //--- on a netting account the copies share a position, whose history is days long
   if(m_book.netting)
      return(m_orders.FirstOf(m_book.copies.all[copy_].comment)<first_ms_);
   int at_=m_book.holdings.FindById(m_book.copies.all[copy_].id);
   return(at_>=0 && m_book.holdings.all[at_].opened_ms<first_ms_);
  }
//+------------------------------------------------------------------+
//| Closes each copy's position down to its goal.                    |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisClosing::CloseEach(SMt5RedisTask &task_)
  {
   bool unknown_=false;
   bool later_=false;
   bool refused_=false;
   for(int i_=0; i_<m_book.copies.Total(); i_++)
     {
      if(!IsMeant(task_,i_) ||
         m_book.copies.all[i_].held<m_book.copies.all[i_].goal+MT5R_LOTS_EPSILON)
         continue;
      int at_=m_book.holdings.FindById(m_book.copies.all[i_].id);
      ENUM_MT5REDIS_OUTCOME outcome_=(at_<0 ? MT5REDIS_LATER : CloseOne(task_,i_,at_));
      unknown_=(unknown_ || outcome_==MT5REDIS_UNKNOWN);
      later_=(later_ || outcome_==MT5REDIS_LATER);
      refused_=(refused_ || outcome_==MT5REDIS_REFUSED);
     }
   m_book.RemoveEnded();
   if(unknown_)
      return(MT5REDIS_UNKNOWN);
   if(later_)
      return(MT5REDIS_LATER);
   return(refused_ ? MT5REDIS_REFUSED : MT5REDIS_DONE);
  }
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisClosing::CloseOne(SMt5RedisTask &task_,const int at_,const int holding_)
  {
   double there_=MathMin(m_book.holdings.all[holding_].volume,m_book.copies.all[at_].held);
   double goal_=m_book.copies.all[at_].goal;
   if(m_book.copies.all[at_].asked_ms>0)
     {
      double traded_=m_orders.Traded(task_.mark);
      double sum_=MathMax(traded_-m_book.copies.all[at_].asked_traded,m_book.copies.all[at_].asked_volume-there_);
      bool   silent_=(sum_<MT5R_LOTS_EPSILON && goal_>=MT5R_LOTS_EPSILON);
      if(silent_ && GetTickCount64()-m_book.copies.all[at_].asked_ms<MT5R_ANSWER_MS)
         return(MT5REDIS_UNKNOWN);
      m_book.copies.all[at_].asked_ms=0;
      //--- a whole position can close only once, but a part could be closed twice, so a person must check
      if(silent_)
        {
         m_book.copies.all[at_].goal=there_;
         m_book.Keep(at_);
         Tell(StringFormat("%s: the trade server did not answer: see whether %.2f %s were closed, and close them by "
                           "hand",task_.name,there_-goal_,task_.symbol));
         return(Unanswered(task_,"the trade server did not answer, and no order with the signal's mark has appeared"));
        }
      there_=MathMin(there_,m_book.copies.all[at_].asked_volume-MathMax(0.0,sum_));
      m_book.Changed(at_,there_);
     }
   if(there_<goal_+MT5R_LOTS_EPSILON)
     {
      m_book.Changed(at_,there_);
      return(MT5REDIS_DONE);
     }
   //--- another terminal may close it too, which is harmless only for a whole position
   if(!m_acting && goal_>=MT5R_LOTS_EPSILON)
      return(Wait(task_,"Redis cannot be reached"));
   double lots_=NormalizeDouble(MathMin(there_-goal_,m_symbol.MostLots()),8);
   double before_=m_orders.Traded(task_.mark);
   ENUM_MT5REDIS_OUTCOME outcome_=m_orders.Deal(m_symbol,!m_book.holdings.all[holding_].buy,lots_,0.0,0.0,
                                  m_book.holdings.all[holding_].ticket,task_.mark,MT5REDIS_CLOSING);
   Heard(task_,!m_book.holdings.all[holding_].buy,m_book.holdings.all[holding_].id);
   if(outcome_==MT5REDIS_UNKNOWN)
     {
      m_book.copies.all[at_].asked_ms=GetTickCount64();
      m_book.copies.all[at_].asked_volume=there_;
      m_book.copies.all[at_].asked_traded=MathMax(0.0,before_);
     }
   if(outcome_!=MT5REDIS_DONE && outcome_!=MT5REDIS_PART)
      return(Answered(task_,outcome_));
   task_.attempts=0;
   m_book.Changed(at_,there_-m_orders.Volume());
   return(m_book.copies.all[at_].held<goal_+MT5R_LOTS_EPSILON ? MT5REDIS_DONE :
          Wait(task_,"only a part of it is closed so far"));
  }
//+------------------------------------------------------------------+
//| Trades the sum of what the copies gave up, in the symbol's one   |
//| position. An order without an answer is not repeated.            |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisClosing::CloseNet(SMt5RedisTask &task_)
  {
   bool   buy_=(task_.plan>0.0);
   double net_=m_book.holdings.Net(m_book.holdings.FindBySymbol(task_.symbol));
   double traded_=m_orders.Traded(task_.mark)-task_.base;
   if(task_.asked_ms>0)
     {
      double moved_=(buy_ ? net_-task_.asked_net : task_.asked_net-net_);
      double sum_=MathMax(traded_-task_.traded,moved_);
      if(sum_<MT5R_LOTS_EPSILON && GetTickCount64()-task_.asked_ms<MT5R_ANSWER_MS)
         return(MT5REDIS_UNKNOWN);
      task_.asked_ms=0;
      if(sum_<MT5R_LOTS_EPSILON)
        {
         double left_=MathAbs(task_.plan)-task_.traded;
         m_book.Pend(task_.symbol,buy_ ? -left_ : left_);
         Tell(StringFormat("%s: the trade server did not answer: see whether %.2f %s were %s, and do it by hand",
                           task_.name,left_,task_.symbol,buy_ ? "bought" : "sold"));
         return(Unanswered(task_,"the trade server did not answer, and no order with the signal's mark has appeared"));
        }
      Traded(task_,sum_);
     }
   if(traded_>task_.traded+MT5R_LOTS_EPSILON)
      Traded(task_,traded_-task_.traded);
   double lots_=NormalizeDouble(MathMin(MathAbs(task_.plan)-task_.traded,m_symbol.MostLots()),8);
   if(lots_<MT5R_LOTS_EPSILON)
     {
      m_book.RemoveEnded();
      return(MT5REDIS_DONE);
     }
   if(!m_acting)
      return(Wait(task_,"Redis cannot be reached"));
   double stop_loss_=0.0;
   double take_profit_=0.0;
   ShareStops(task_.symbol,buy_,lots_,stop_loss_,take_profit_);
   ENUM_MT5REDIS_OUTCOME outcome_=m_orders.Deal(m_symbol,buy_,lots_,stop_loss_,take_profit_,0,task_.mark,
                                  MT5REDIS_CLOSING);
   Heard(task_,buy_,0);
   if(outcome_==MT5REDIS_UNKNOWN)
     {
      task_.asked_ms=GetTickCount64();
      task_.asked_net=net_;
     }
   if(outcome_!=MT5REDIS_DONE && outcome_!=MT5REDIS_PART)
      return(Answered(task_,outcome_));
   task_.attempts=0;
   Traded(task_,m_orders.Volume());
   if(task_.traded>MathAbs(task_.plan)-MT5R_LOTS_EPSILON)
     {
      m_book.RemoveEnded();
      return(MT5REDIS_DONE);
     }
   return(Wait(task_,"only a part of it is closed so far"));
  }
//+------------------------------------------------------------------+
void CMt5RedisClosing::Traded(SMt5RedisTask &task_,const double lots_)
  {
   task_.traded+=lots_;
   m_book.Pend(task_.symbol,task_.plan>0.0 ? -lots_ : lots_);
  }
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisClosing::Change(SMt5RedisTask &task_)
  {
   if(task_.stated && task_.known && !task_.surplus && !task_.done && !m_rules.dry_run &&
      MathAbs(task_.lots_known)>task_.signal.data.volume_after+MT5R_LOTS_EPSILON)
     {
      //--- the signal of a partial close was missed
      task_.surplus=true;
      task_.stops=true;
      task_.kind=MT5REDIS_TASK_CLOSE;
      task_.mark=m_marks.As("q",task_.mark);
      return(MT5REDIS_LATER);
     }
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0)
      return(Wait(task_,"the terminal is not connected"));
   if(!Selected(task_))
      return(Skip(task_,"this broker has no symbol "+task_.symbol));
   if(!m_symbol.Priced())
      return(Wait(task_,"there is no price yet"));
   if(!InStep(task_.symbol))
      return(Wait(task_,"the terminal does not show all positions yet"));
   if(!m_stops.Follows())
      return(Skip(task_,"this follower has stops of its own"));
   ENUM_MT5REDIS_OUTCOME outcome_=Skip(task_,"nothing that was copied is open");
   int shared_=m_book.holdings.FindBySymbol(task_.symbol);
   for(int i_=0; i_<m_book.copies.Total(); i_++)
     {
      if(!IsMeant(task_,i_) ||
         m_book.copies.all[i_].held<MT5R_LOTS_EPSILON)
         continue;
      int at_=(m_book.netting ? shared_ : m_book.holdings.FindById(m_book.copies.all[i_].id));
      if(at_<0)
         continue;
      if(m_book.holdings.all[at_].buy!=m_book.copies.all[i_].buy)
        {
         Skip(task_,"this is a netting account, and its position is on the other side");
         continue;
        }
      if(m_rules.dry_run)
         return(Skip(task_,"dry run: would change the stops of "+task_.symbol));
      outcome_=ChangeOne(task_,at_);
      if(outcome_==MT5REDIS_DONE)
         m_book.Owe(i_,0.0,0.0);
      if(outcome_!=MT5REDIS_DONE || m_book.netting)
         return(outcome_);
     }
   return(outcome_);
  }
//+------------------------------------------------------------------+
//| Sets the stops. Setting the same stops twice is harmless.        |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisClosing::ChangeOne(SMt5RedisTask &task_,const int holding_)
  {
   bool   buy_=m_book.holdings.all[holding_].buy;
   double stop_loss_=0.0;
   double take_profit_=0.0;
   m_stops.OfChange(task_.signal.data,m_book.holdings.all[holding_].price,stop_loss_,take_profit_);
   if(!m_symbol.StopLoss(buy_,stop_loss_))
      return(Wait(task_,"its stop loss is on the wrong side of the price"));
   if(!m_symbol.TakeProfit(buy_,take_profit_))
      return(Wait(task_,"its take profit is on the wrong side of the price"));
   ENUM_MT5REDIS_OUTCOME outcome_=m_orders.Change(task_.symbol,m_book.holdings.all[holding_].ticket,stop_loss_,
                                  take_profit_);
   if(!task_.done)
     {
      task_.asked=true;
      task_.retcode=m_orders.Retcode();
      task_.position=(task_.position==0 ? m_book.holdings.all[holding_].id : -1);
     }
   return(Answered(task_,outcome_));
  }
//+------------------------------------------------------------------+
#endif
