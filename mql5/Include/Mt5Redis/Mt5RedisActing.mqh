//+------------------------------------------------------------------+
//|                                             Mt5RedisActing.mqh   |
//|  What every action on a signal needs.                            |
//+------------------------------------------------------------------+
// The rules, the copies and the trade server, this broker's name of a signal's symbol, and how an attempt ends: skipped for
// good, or made again later. Other classes say through its hooks whether anything may be opened.
#ifndef MT5_REDIS_ACTING_MQH
#define MT5_REDIS_ACTING_MQH
#include "Mt5RedisBook.mqh"
#include "Mt5RedisDirection.mqh"
#include "Mt5RedisOrders.mqh"
#include "Mt5RedisStops.mqh"
#include "Mt5RedisSymbolMap.mqh"
#include "Mt5RedisVolume.mqh"

#define MT5R_ANSWER_MS  10000  // how long an order that nobody answered for may take to appear

//+------------------------------------------------------------------+
//| The base of all actions.                                         |
//+------------------------------------------------------------------+
class CMt5RedisActing
  {
protected:
   SMt5RedisCopyRules m_rules;
   bool              m_acting;       // this terminal acts for the account
   string            m_halted;       // who halts, and why; empty: nobody does
   CMt5RedisBook     m_book;
   CMt5RedisOrders   m_orders;
   CMt5RedisSymbol   m_symbol;
   CMt5RedisSymbolMap m_map;
   CMt5RedisVolume   m_volume;
   CMt5RedisDirection m_direction;
   CMt5RedisStops    m_stops;
   CMt5RedisMark     m_marks;

   string            SymbolOf(const SMt5RedisTask &task_);
   double            Ratio(const SMt5RedisTask &task_) const;
   bool              Selected(SMt5RedisTask &task_);
   ENUM_MT5REDIS_OUTCOME Skip(SMt5RedisTask &task_,const string reason_) const;
   ENUM_MT5REDIS_OUTCOME Wait(SMt5RedisTask &task_,const string reason_) const;
   ENUM_MT5REDIS_OUTCOME Answered(SMt5RedisTask &task_,const ENUM_MT5REDIS_OUTCOME outcome_);
   ENUM_MT5REDIS_OUTCOME Unanswered(SMt5RedisTask &task_,const string reason_) const;
   void              Heard(SMt5RedisTask &task_,const bool buy_,const long position_);
   void              ShareStops(const string symbol_,const bool buy_,const double lots_,double &stop_loss_,
                                double &take_profit_) const;
   void              Tell(const string text_) const { Alert(MQLInfoString(MQL_PROGRAM_NAME),": ",text_); }
   bool              InStep(const string symbol_) { return(m_book.Step(symbol_,Settle(symbol_))); }
   //--- whether an opening or a change is too old
   virtual ENUM_MT5REDIS_OUTCOME Outdated(SMt5RedisTask &task_) const { return(MT5REDIS_LATER); }
   //--- notes what was traded for a symbol's closes; returns whether an order is in doubt
   virtual bool      Settle(const string symbol_) { return(false); }
   //--- an order of ours was filled
   virtual void      Moved(const string symbol_,const bool buy_,const double lots_) { }
   //--- whether the guards let anything open; why they refuse this opening; an order leaves; it was filled
   virtual ENUM_MT5REDIS_OUTCOME Permitted(SMt5RedisTask &task_) { return(MT5REDIS_DONE); }
   virtual string    Exceeded(const SMt5RedisTask &task_,const bool buy_,const double lots_,const double worse_) { return(""); }
   virtual void      Sending(void) { }
   //--- whether its order was refused before, and is sent again
   bool              IsAgain(const SMt5RedisTask &task_) const
     { return(m_book.memory.How(task_.signal.instance,task_.signal.data.producer,task_.signal.data.sequence)=="n"); }
   virtual void      Filled(const SMt5RedisTask &task_,const bool buy_) { }

public:
                     CMt5RedisActing(void) : m_acting(false),m_halted("") { }
  };
//+------------------------------------------------------------------+
//| This broker's name of a signal's symbol. A copy keeps its symbol |
//| whatever the lists say later.                                    |
//+------------------------------------------------------------------+
string CMt5RedisActing::SymbolOf(const SMt5RedisTask &task_)
  {
   bool named_=(task_.signal.data.position>0 || task_.kind!=MT5REDIS_TASK_OPEN);
   if(task_.signal.symbol=="")
      return(task_.symbol);
   for(int i_=m_book.copies.Total()-1; named_ && i_>=0; i_--)
      if(m_book.copies.all[i_].theirs==task_.signal.symbol && m_book.copies.all[i_].origin==task_.origin &&
         m_book.copies.all[i_].position==task_.signal.data.position)
         return(m_book.copies.all[i_].symbol);
   return(m_map.Of(task_.signal.symbol));
  }
//+------------------------------------------------------------------+
//| Selects the task's symbol. False: this broker has none.          |
//+------------------------------------------------------------------+
bool CMt5RedisActing::Selected(SMt5RedisTask &task_)
  {
   task_.symbol=SymbolOf(task_);
   return(m_symbol.Select(task_.symbol));
  }
//+------------------------------------------------------------------+
//| Skips the signal for good, with the reason.                      |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisActing::Skip(SMt5RedisTask &task_,const string reason_) const
  {
   task_.reason=reason_;
   return(MT5REDIS_REFUSED);
  }
//+------------------------------------------------------------------+
//| Waits, with the reason.                                          |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisActing::Wait(SMt5RedisTask &task_,const string reason_) const
  {
   task_.reason=reason_;
   return(MT5REDIS_LATER);
  }
//+------------------------------------------------------------------+
//| Uses the trade server's answer as the task's reason.             |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisActing::Answered(SMt5RedisTask &task_,const ENUM_MT5REDIS_OUTCOME outcome_)
  {
   if(outcome_==MT5REDIS_LATER || outcome_==MT5REDIS_REFUSED)
      task_.reason="the trade server refused it: "+m_orders.Answer();
   if(outcome_==MT5REDIS_LATER && Mt5RedisNeedsPerson(m_orders.Retcode()) && !task_.told)
     {
      task_.told=true;
      Tell(task_.name+" waits: "+m_orders.Answer());
     }
   return(outcome_);
  }
//+------------------------------------------------------------------+
//| Gives up: an order was sent, and nobody knows what became of it. |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisActing::Unanswered(SMt5RedisTask &task_,const string reason_) const
  {
   task_.unanswered=true;
   return(Skip(task_,reason_));
  }
//+------------------------------------------------------------------+
//| Notes for the report what the last request came to.              |
//+------------------------------------------------------------------+
void CMt5RedisActing::Heard(SMt5RedisTask &task_,const bool buy_,const long position_)
  {
   uint retcode_=m_orders.Retcode();
   if(!task_.asked)
      task_.market=m_symbol.Price(buy_);
   task_.asked=true;
   task_.bought=buy_;
   task_.retcode=retcode_;
   task_.order=(m_orders.Order()>0 ? m_orders.Order() : task_.order);
   task_.position=(task_.position==0 || task_.position==position_ ? position_ : -1);
   if(retcode_!=TRADE_RETCODE_DONE && retcode_!=TRADE_RETCODE_DONE_PARTIAL)
      return;
   task_.deal=m_orders.DealTicket();
   task_.filled+=m_orders.Volume();
   task_.cost+=m_orders.Volume()*m_orders.Price();
   task_.filled_ms=GetTickCount64();
   Moved(task_.symbol,buy_,m_orders.Volume());
  }
//+------------------------------------------------------------------+
//| Lots here for one lot of the source: as the copies of the        |
//| signal's position show; without copies, as a new one would have. |
//+------------------------------------------------------------------+
double CMt5RedisActing::Ratio(const SMt5RedisTask &task_) const
  {
   double want_=0.0;
   double given_=0.0;
   for(int i_=m_book.copies.Total()-1; i_>=0; i_--)
      if(m_book.copies.IsOf(i_,task_.origin,task_.signal.data.position,task_.symbol))
        {
         want_+=m_book.copies.all[i_].want;
         given_+=m_book.copies.all[i_].given;
        }
   if(want_>=MT5R_LOTS_EPSILON && given_>=MT5R_LOTS_EPSILON)
      return(want_/given_);
   double ratio_=m_volume.Ratio(m_symbol,m_map.Contract(task_.signal.symbol));
   return(ratio_>0.0 ? ratio_ : 1.0);
  }
//+------------------------------------------------------------------+
//| A netting position has one pair of stops. An order that adds to  |
//| it or turns it must repeat them, or the server removes them; one |
//| that closes needs none.                                          |
//+------------------------------------------------------------------+
void CMt5RedisActing::ShareStops(const string symbol_,const bool buy_,const double lots_,double &stop_loss_,
                               double &take_profit_) const
  {
   int    at_=m_book.holdings.FindBySymbol(symbol_);
   double net_=m_book.holdings.Net(at_);
   if(at_<0)
      return;
   if((net_>0.0)==buy_)
     {
      stop_loss_=(stop_loss_>0.0 ? stop_loss_ : m_book.holdings.all[at_].stop_loss);
      take_profit_=(take_profit_>0.0 ? take_profit_ : m_book.holdings.all[at_].take_profit);
      return;
     }
   if(lots_>MathAbs(net_)+MT5R_LOTS_EPSILON)
      return;
   stop_loss_=0.0;
   take_profit_=0.0;
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
