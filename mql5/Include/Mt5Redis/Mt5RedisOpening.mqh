//+------------------------------------------------------------------+
//|                                            Mt5RedisOpening.mqh   |
//|  Executes a signal that opens a position.                        |
//+------------------------------------------------------------------+
// Each call makes one attempt and does not wait. An order is sent only once, unless it certainly was not executed: before
// it is sent, the memory on disk says so, and if it gets no answer, the account is searched for its comment.
#ifndef MT5_REDIS_OPENING_MQH
#define MT5_REDIS_OPENING_MQH
#include "Mt5RedisActing.mqh"
#include "Mt5RedisStating.mqh"

//+------------------------------------------------------------------+
//| Openings.                                                        |
//+------------------------------------------------------------------+
class CMt5RedisOpening : public CMt5RedisActing
  {
private:
   ENUM_MT5REDIS_OUTCOME InDoubt(SMt5RedisTask &task_);
   bool              Turns(SMt5RedisTask &task_,const bool buy_);
   bool              HasEnough(SMt5RedisTask &task_,const bool buy_);
   ENUM_MT5REDIS_OUTCOME Opened(SMt5RedisTask &task_,const double exact_,const double asked_,const double lots_,
                                const long id_);
   void              Complete(const int at_,const SMt5RedisCopy &opened_);
   double            Lots(const SMt5RedisTask &task_) const;
   double            Meant(const SMt5RedisTask &task_,const double traded_) const;
   ENUM_MT5REDIS_OUTCOME Send(SMt5RedisTask &task_,const bool buy_,const double lots_,const double stop_loss_,
                              const double take_profit_);

protected:
   ENUM_MT5REDIS_OUTCOME Open(SMt5RedisTask &task_);
   bool              ClosesFirst(SMt5RedisTask &task_);
  };
//+------------------------------------------------------------------+
//| The source's lots that an opening copies.                        |
//+------------------------------------------------------------------+
double CMt5RedisOpening::Lots(const SMt5RedisTask &task_) const
  {
   return(task_.rest>0.0 ? task_.rest : task_.signal.data.volume);
  }
//+------------------------------------------------------------------+
//| The exact lots of an opening of which these were traded. If its  |
//| order was sent before a restart, they are an estimate: at least  |
//| what was traded, without the rest from before that came with it. |
//+------------------------------------------------------------------+
double CMt5RedisOpening::Meant(const SMt5RedisTask &task_,const double traded_) const
  {
   double exact_=task_.exact;
   if(exact_<=0.0)
      exact_=Lots(task_)*m_volume.Ratio(m_symbol,m_map.Contract(task_.signal.symbol));
   double rest_=m_book.copies.Rest(task_.origin,task_.signal.data.position,task_.symbol,
                                   task_.signal.data.action==MT5REDIS_ACTION_BUY,task_.mark);
   return(MathMax(traded_-rest_,MathMin(exact_,MathMin(m_symbol.MostLots(),m_rules.max_lots))));
  }
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOpening::Open(SMt5RedisTask &task_)
  {
   bool   buy_=(task_.signal.data.action==MT5REDIS_ACTION_BUY);
   double price_=0.0;
   if(task_.asked_ms>0)
      return(InDoubt(task_));
   if(!m_acting)
      return(Wait(task_,"Redis cannot be reached"));
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0)
      return(Wait(task_,"the terminal is not connected"));
   string refusal_=m_map.Refusal(task_.signal.symbol);
   if(!Selected(task_))
      return(Skip(task_,refusal_!="" ? refusal_ : "this broker has no symbol "+task_.symbol));
   if(!m_symbol.Priced())
      return(Wait(task_,"there is no price yet"));
   if(!InStep(task_.symbol))
      return(Wait(task_,"the terminal does not show all positions yet"));
   if(Turns(task_,buy_) || HasEnough(task_,buy_))
      return(MT5REDIS_LATER);
   //--- what a turn closes is closed before
   if(m_halted!="")
      return(Skip(task_,"halted by "+m_halted));
   if(refusal_!="")
      return(Skip(task_,refusal_));
   refusal_=m_direction.Refusal(buy_);
   if(refusal_!="")
      return(Skip(task_,refusal_));
   ENUM_MT5REDIS_OUTCOME outcome_=Permitted(task_);
   if(outcome_!=MT5REDIS_DONE)
      return(outcome_);
   double stop_loss_=0.0;
   double take_profit_=0.0;
   if(!m_stops.OfOpening(task_.signal.data,m_symbol,buy_,m_symbol.Price(buy_),stop_loss_,take_profit_))
      return(Wait(task_,"the terminal has no average true range of "+task_.symbol+" yet"));
   bool right_loss_=m_symbol.StopLoss(buy_,stop_loss_);
   bool right_profit_=m_symbol.TakeProfit(buy_,take_profit_);
   if(m_volume.NeedsStop() && stop_loss_<=0.0)
      return(Skip(task_,"it has no stop loss, so its volume cannot be calculated from the risk"));
   bool   there_=m_book.copies.Has(task_.origin,task_.signal.data.position,task_.symbol,buy_);
   double exact_=m_volume.Exact(Lots(task_),m_symbol,m_map.Contract(task_.signal.symbol),
                                MathAbs(m_symbol.Price(buy_)-stop_loss_));
   if(exact_<0.0)
      return(Wait(task_,"the terminal does not know yet what a tick of "+task_.symbol+" is worth"));
   //--- it may have been executed before the memory was lost: then it exceeds nothing
   if(m_book.copies.FindByComment(task_.mark)>=0)
      return(Skip(task_,"it was executed before"));
   if(there_ && m_volume.IsOwn())
     {
      if(!m_rules.dry_run)
         Opened(task_,0.0,0.0,0.0,0);
      return(Skip(task_,"the copy of its position has its whole volume already"));
     }
   double lots_=m_book.copies.Opening(task_.origin,task_.signal.data.position,task_.symbol,buy_,exact_,m_symbol);
   lots_=MathMin(lots_,m_symbol.LotsDown(MathMin(m_symbol.MostLots(),m_rules.max_lots)));
   if(lots_<=0.0 && !there_ && m_volume.RoundsUp() && m_symbol.LeastOpening()<=m_rules.max_lots)
     {
      lots_=m_symbol.LeastOpening();
      exact_=lots_;
     }
   price_=m_symbol.Price(buy_);
   double worse_=(buy_ ? price_-task_.signal.data.price : task_.signal.data.price-price_)/m_symbol.Point();
   string exceeded_=Exceeded(task_,buy_,lots_,task_.signal.data.price>0.0 ? worse_ : 0.0);
   if(exceeded_!="")
      return(Skip(task_,exceeded_));
   if(lots_<=0.0)
     {
      //--- a volume of its own is for the whole position: what is added to that does not make it larger
      if(!m_rules.dry_run)
         Opened(task_,m_volume.IsOwn() ? 0.0 : exact_,0.0,0.0,0);
      return(Skip(task_,StringFormat("%.4f lots are less than the smallest volume here, %.2f",exact_,
                                     m_symbol.LeastOpening())));
     }
   if(!right_loss_)
      return(Wait(task_,"its stop loss is on the wrong side of the price"));
   if(!right_profit_)
      return(Wait(task_,"its take profit is on the wrong side of the price"));
   if(m_book.netting)
      ShareStops(task_.symbol,buy_,lots_,stop_loss_,take_profit_);
   if(m_rules.dry_run)
      return(Skip(task_,StringFormat("dry run: would %s %.2f %s",buy_ ? "buy" : "sell",lots_,task_.symbol)));
   if(!task_.sent)
     {
      //--- the memory may be lost, or another terminal may have acted: the account tells
      double traded_=m_orders.Traded(task_.mark);
      if(traded_<0.0)
         return(Wait(task_,"the terminal cannot load the account's history yet"));
      if(traded_>0.0 || m_orders.Waits(task_.mark))
         return(Skip(task_,"it was executed before"));
      if(!IsAgain(task_))
         Sending();
      //--- if the terminal ends before the answer, it will not be sent again
      m_book.memory.Did(task_.signal.instance,task_.signal.data.producer,task_.signal.data.sequence,"b");
      if(!m_book.memory.Save())
         return(Wait(task_,"its memory file cannot be written. Check whether the disk is full"));
      task_.sent=true;
     }
   task_.plan=lots_;
   task_.exact=exact_;
   outcome_=Send(task_,buy_,lots_,stop_loss_,take_profit_);
   task_.wanted=task_.filled+lots_;
   Heard(task_,buy_,0);
   if(outcome_==MT5REDIS_DONE || outcome_==MT5REDIS_PART)
     {
      Filled(task_,buy_);
      return(Opened(task_,exact_,lots_,m_orders.Volume(),(long)m_orders.Order()));
     }
   if(outcome_==MT5REDIS_UNKNOWN)
      task_.asked_ms=GetTickCount64();
   else
     {
      //--- certainly not executed: after a restart it may be sent again
      m_book.memory.Did(task_.signal.instance,task_.signal.data.producer,task_.signal.data.sequence,"n");
      m_book.memory.Save();
      task_.sent=false;
     }
   return(Answered(task_,outcome_));
  }
//+------------------------------------------------------------------+
//| Sends the order. Some brokers take no stops with it, or not these|
//| ones: then it is sent without, and they are set after the fill   |
//| (Mt5RedisOwedStops.mqh).                                         |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOpening::Send(SMt5RedisTask &task_,const bool buy_,const double lots_,
      const double stop_loss_,const double take_profit_)
  {
   task_.owed_loss=0.0;
   task_.owed_profit=0.0;
   ENUM_MT5REDIS_OUTCOME outcome_=m_orders.Deal(m_symbol,buy_,lots_,stop_loss_,take_profit_,0,task_.mark,
                                  MT5REDIS_OPENING);
   if(m_orders.Retcode()!=TRADE_RETCODE_INVALID_STOPS || (stop_loss_<=0.0 && take_profit_<=0.0))
      return(outcome_);
   Print(MQLInfoString(MQL_PROGRAM_NAME),": ",task_.name,": the trade server refused its stops with the order: ",
         m_orders.Answer(),". It is opened without stops, which are set next");
   task_.owed_loss=stop_loss_;
   task_.owed_profit=take_profit_;
   return(m_orders.Deal(m_symbol,buy_,lots_,0.0,0.0,0,task_.mark,MT5REDIS_OPENING));
  }
//+------------------------------------------------------------------+
//| A netting source turns its position by opening the other way,    |
//| under the same number: first that closes what is there. Another  |
//| terminal may have begun with it.                                 |
//+------------------------------------------------------------------+
bool CMt5RedisOpening::Turns(SMt5RedisTask &task_,const bool buy_)
  {
   double given_=0.0;
   if(task_.signal.data.position==0 || task_.rest>0.0 || task_.sent)
      return(false);
   for(int i_=m_book.copies.Total()-1; i_>=0; i_--)
      if(m_book.copies.all[i_].buy!=buy_ && m_book.copies.all[i_].position==task_.signal.data.position &&
         m_book.copies.IsOf(i_,task_.origin,task_.signal.data.position,task_.symbol))
         given_+=m_book.copies.all[i_].given;
   string closing_=m_marks.As("q",task_.mark);
   double closed_=MathMax(0.0,m_orders.Traded(closing_))/Ratio(task_);
   //--- a signal that states what is true now says how much is held after the turn
   if(task_.stated)
      task_.signal.data.volume=given_+closed_+task_.signal.data.volume_after;
   double rest_=task_.signal.data.volume-given_-closed_;
   if(rest_<MT5R_LOTS_EPSILON)
      rest_=0.0;
   if(given_<MT5R_LOTS_EPSILON && (closed_<MT5R_LOTS_EPSILON || rest_>0.0))
     {
      task_.rest=(closed_<MT5R_LOTS_EPSILON ? 0.0 : rest_);
      return(false);
     }
   task_.kind=MT5REDIS_TASK_CLOSE;
   task_.rest=rest_;
   task_.mark=closing_;
   return(true);
  }
//+------------------------------------------------------------------+
//| An opening is not executed, for example because it is too old.   |
//| What it closes is closed all the same: the copies of the other   |
//| side, and what the copies hold too much. True: there is such.    |
//+------------------------------------------------------------------+
bool CMt5RedisOpening::ClosesFirst(SMt5RedisTask &task_)
  {
   if(task_.kind!=MT5REDIS_TASK_OPEN || task_.signal.data.position==0 || !Selected(task_))
      return(false);
   bool buy_=(task_.signal.data.action==MT5REDIS_ACTION_BUY);
   InStep(task_.symbol);
   if(Turns(task_,buy_))
      return(true);
   return(task_.stated && Mt5RedisGiven(m_book.copies,task_,buy_)>task_.signal.data.volume_after+MT5R_LOTS_EPSILON &&
          HasEnough(task_,buy_));
  }
//+------------------------------------------------------------------+
//| Sets the lots that a stating signal asks for. True: the copies   |
//| have them, or more; what they have too much is closed.           |
//+------------------------------------------------------------------+
bool CMt5RedisOpening::HasEnough(SMt5RedisTask &task_,const bool buy_)
  {
   if(!task_.stated || task_.rest>0.0)
      return(false);
   double entry_=task_.signal.data.entry_price;
   double worse_=(buy_ ? m_symbol.Price(buy_)-entry_ : entry_-m_symbol.Price(buy_))/m_symbol.Point();
   double lots_=Mt5RedisToOpen(m_book.copies,task_,entry_>0.0 && worse_<=m_rules.slippage+0.5);
   task_.signal.data.volume=MathMax(0.0,lots_);
   if(lots_>=MT5R_LOTS_EPSILON)
      return(false);
   task_.surplus=true;
   task_.kind=MT5REDIS_TASK_CLOSE;
   task_.mark=m_marks.As("q",task_.mark);
   return(true);
  }
//+------------------------------------------------------------------+
//| The opening was executed, with these lots of those requested. If |
//| there were none, it still counts towards the total.              |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOpening::Opened(SMt5RedisTask &task_,const double exact_,const double asked_,
      const double lots_,const long id_)
  {
   SMt5RedisCopy copy_;
   copy_.number=0;
   copy_.source=task_.signal.instance;
   copy_.origin=task_.origin;
   copy_.position=task_.signal.data.position;
   copy_.symbol=task_.symbol;
   copy_.theirs=task_.signal.symbol;
   copy_.comment=task_.mark;
   copy_.buy=(task_.signal.data.action==MT5REDIS_ACTION_BUY);
   copy_.given=Lots(task_);
   copy_.want=MathMax(0.0,exact_-MathMax(0.0,asked_-lots_));
   copy_.held=lots_;
   copy_.goal=lots_;
   copy_.id=id_;
   copy_.owed_loss=task_.owed_loss;
   copy_.owed_profit=task_.owed_profit;
   const int at_=m_book.copies.FindByComment(task_.mark);
   if(at_>=0)
     {
      Complete(at_,copy_);
      return(MT5REDIS_DONE);
     }
   m_book.copies.Start(copy_);
   m_book.Changed(m_book.copies.Add(copy_),lots_);
   return(MT5REDIS_DONE);
  }
//+------------------------------------------------------------------+
//| The account has shown the copy before its order was looked for.  |
//| The account knows its lots, which may be fewer by now; the       |
//| signal knows what they stand for.                                |
//+------------------------------------------------------------------+
void CMt5RedisOpening::Complete(const int at_,const SMt5RedisCopy &opened_)
  {
   double part_=(opened_.held<MT5R_LOTS_EPSILON ? 1.0 : MathMin(1.0,m_book.copies.all[at_].held/opened_.held));
   m_book.copies.all[at_].source=opened_.source;
   m_book.copies.all[at_].theirs=opened_.theirs;
   m_book.copies.all[at_].given=opened_.given*part_;
   m_book.copies.all[at_].want=opened_.want*part_;
   m_book.copies.all[at_].owed_loss=opened_.owed_loss;
   m_book.copies.all[at_].owed_profit=opened_.owed_profit;
   m_book.Keep(at_);
  }
//+------------------------------------------------------------------+
//| Finds out what happened to an opening without an answer.         |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOpening::InDoubt(SMt5RedisTask &task_)
  {
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0 || !m_symbol.Select(task_.symbol))
     {
      task_.asked_ms=GetTickCount64();
      return(MT5REDIS_UNKNOWN);
     }
   double traded_=m_orders.Traded(task_.mark);
   if(traded_>0.0)
      return(Opened(task_,Meant(task_,traded_),MathMax(task_.plan,traded_),traded_,m_orders.PositionOf(task_.mark)));
   if(m_book.holdings.Read())
      for(int i_=m_book.holdings.Total()-1; i_>=0; i_--)
         if(m_book.holdings.all[i_].comment==task_.mark && m_book.holdings.all[i_].magic==m_rules.magic)
            return(Opened(task_,Meant(task_,m_book.holdings.all[i_].volume),
                          MathMax(task_.plan,m_book.holdings.all[i_].volume),m_book.holdings.all[i_].volume,
                          m_book.holdings.all[i_].id));
   //--- the server has the order: its position's comment will identify the copy
   if(m_orders.Waits(task_.mark))
      return(MT5REDIS_DONE);
   if(GetTickCount64()-task_.asked_ms<MT5R_ANSWER_MS)
      return(MT5REDIS_UNKNOWN);
   return(Unanswered(task_,task_.plan>0.0 ? "the trade server did not answer, and no order with the signal's mark has appeared" :
                     "its execution was begun before, and no order has the signal's mark"));
  }
//+------------------------------------------------------------------+
#endif
