//+------------------------------------------------------------------+
//|                                           Mt5RedisPendings.mqh   |
//|  Copies pending orders as pending orders.                        |
//+------------------------------------------------------------------+
// An order that the source places is placed here once, at its price and with its stops. It is changed and deleted with the
// source's. The order's comment names the source's order, so the account itself shows which order copies what, also after a
// restart or in another terminal. What has ended here is not placed again.
//
// Two brokers fill at different moments. What was filled here first is a copy that waits for the source. What was filled
// there first deletes the order here, and the source's position is copied at the market. If the source's order ends unfilled,
// what was filled here is closed. A part that is filled there deletes the order here, and the rest is copied as it is filled.
#ifndef MT5_REDIS_PENDINGS_MQH
#define MT5_REDIS_PENDINGS_MQH
#include "Mt5RedisFills.mqh"

//+------------------------------------------------------------------+
//| Pending orders.                                                  |
//+------------------------------------------------------------------+
class CMt5RedisPendings : public CMt5RedisFills
  {
private:
   //--- the last order of a source that was filled: its position may have another number
   string            m_filled_source;
   string            m_filled_symbol;
   long              m_filled_order;
   double            m_filled_lots;  // below 0: sold

   ENUM_MT5REDIS_OUTCOME Place(SMt5RedisTask &task_,const ulong ticket_);
   ENUM_MT5REDIS_OUTCOME MayPlace(SMt5RedisTask &task_,const bool buy_);
   ENUM_MT5REDIS_OUTCOME Measure(SMt5RedisTask &task_,const ulong ticket_,double &lots_,double &stop_loss_,
                                 double &take_profit_);
   ENUM_MT5REDIS_OUTCOME Send(SMt5RedisTask &task_,const ulong ticket_,const double lots_,const double stop_loss_,
                              const double take_profit_);
   ENUM_MT5REDIS_OUTCOME PlaceInDoubt(SMt5RedisTask &task_,const ulong ticket_);
   ENUM_MT5REDIS_OUTCOME End(SMt5RedisTask &task_,const ulong ticket_);
   ENUM_ORDER_TYPE   Type(const SMt5RedisTask &task_) const;

protected:
   bool              Ends(const SMt5RedisTask &task_) const;
   ENUM_MT5REDIS_OUTCOME Order(SMt5RedisTask &task_);
   bool              Unplaced(SMt5RedisTask &task_);
   void              ForgetPlaced(void) { m_placed.Clear(); m_filled_order=0; }

public:
                     CMt5RedisPendings(void) : m_filled_source(""),m_filled_symbol(""),m_filled_order(0),m_filled_lots(0.0) { }
  };
//+------------------------------------------------------------------+
//| Whether the signal ends the source's order, or a part of it.     |
//+------------------------------------------------------------------+
bool CMt5RedisPendings::Ends(const SMt5RedisTask &task_) const
  {
   return(task_.kind==MT5REDIS_TASK_ORDER && task_.signal.data.event!=MT5REDIS_SIGNAL_ORDER_PLACED &&
          task_.signal.data.event!=MT5REDIS_SIGNAL_ORDER_CHANGED);
  }
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisPendings::Order(SMt5RedisTask &task_)
  {
   if(m_rules.pendings!=MT5REDIS_PENDINGS_AS_PENDING)
      return(Skip(task_,"pending orders are not copied, only what they open"));
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0)
      return(Wait(task_,"the terminal is not connected"));
   if(!Selected(task_))
      return(Skip(task_,"this broker has no symbol "+task_.symbol));
   if(!m_symbol.Priced())
      return(Wait(task_,"there is no price yet"));
   if(!m_acting)
      return(Wait(task_,"Redis cannot be reached"));
   if(!InStep(task_.symbol))
      return(Wait(task_,"the terminal does not show all positions yet"));
   ulong ticket_=m_orders.WaitingOf(task_.origin,task_.signal.data.position);
   if(task_.asked_ms>0)
      return(PlaceInDoubt(task_,ticket_));
   return(Ends(task_) ? End(task_,ticket_) : Place(task_,ticket_));
  }
//+------------------------------------------------------------------+
//| Whether a new order may be placed: as an opening may.            |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisPendings::MayPlace(SMt5RedisTask &task_,const bool buy_)
  {
   string refusal_=m_map.Refusal(task_.signal.symbol);
   if(m_halted!="")
      return(Skip(task_,"halted by "+m_halted));
   if(refusal_=="")
      refusal_=m_direction.Refusal(buy_);
   if(refusal_=="" && m_rules.direction==MT5REDIS_COPY_REVERSED &&
      task_.signal.data.order_type==MT5REDIS_ORDER_STOP_LIMIT)
      refusal_="a stop limit order cannot be reversed. What it opens is copied";
   if(refusal_!="")
      return(Skip(task_,refusal_));
   return(Permitted(task_));
  }
//+------------------------------------------------------------------+
//| The lots and stops of an order, as those of an opening at its    |
//| price.                                                           |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisPendings::Measure(SMt5RedisTask &task_,const ulong ticket_,double &lots_,
      double &stop_loss_,double &take_profit_)
  {
   bool   buy_=(task_.signal.data.side==MT5REDIS_SIDE_BUY);
   mt5redis_received_t data_=task_.signal.data;
   if(data_.order_type==MT5REDIS_ORDER_STOP_LIMIT)
      data_.price=data_.entry_price;
   if(!m_stops.OfOpening(data_,m_symbol,buy_,data_.price,stop_loss_,take_profit_))
      return(Wait(task_,"the terminal has no average true range of "+task_.symbol+" yet"));
   if(m_volume.NeedsStop() && stop_loss_<=0.0)
      return(Skip(task_,"it has no stop loss, so its volume cannot be calculated from the risk"));
   double exact_=m_volume.Exact(data_.volume_after,m_symbol,m_map.Contract(task_.signal.symbol),
                                MathAbs(data_.price-stop_loss_));
   if(exact_<0.0)
      return(Wait(task_,"the terminal does not know yet what a tick of "+task_.symbol+" is worth"));
   lots_=m_symbol.LotsDown(exact_);
   if(lots_<=0.0 && m_volume.RoundsUp() && m_symbol.LeastOpening()<=m_rules.max_lots)
     {
      lots_=m_symbol.LeastOpening();
      exact_=lots_;
     }
   task_.exact=exact_;
   //--- an order that waits keeps its volume
   if(lots_<=0.0 && ticket_==0)
      return(Skip(task_,StringFormat("%.4f lots are less than the smallest volume here, %.2f",exact_,
                                     m_symbol.LeastOpening())));
   return(MT5REDIS_DONE);
  }
//+------------------------------------------------------------------+
//| Places an order, or makes the one that waits what is stated.     |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisPendings::Place(SMt5RedisTask &task_,const ulong ticket_)
  {
   bool   buy_=(task_.signal.data.side==MT5REDIS_SIDE_BUY);
   double lots_=0.0;
   double stop_loss_=0.0;
   double take_profit_=0.0;
   ENUM_MT5REDIS_OUTCOME outcome_=(ticket_==0 ? MayPlace(task_,buy_) : MT5REDIS_DONE);
   if(outcome_==MT5REDIS_DONE)
      outcome_=Measure(task_,ticket_,lots_,stop_loss_,take_profit_);
   if(outcome_!=MT5REDIS_DONE)
      return(outcome_);
   string exceeded_=(ticket_==0 ? Exceeded(task_,buy_,lots_,0.0) : "");
   if(exceeded_!="")
      return(Skip(task_,exceeded_));
   if(m_rules.dry_run)
      return(Skip(task_,StringFormat("dry run: would place an order to %s %.2f %s",buy_ ? "buy" : "sell",lots_,task_.symbol)));
   if(ticket_==0 && !task_.sent)
     {
      if(!HistorySelect(0,TimeTradeServer()+86400))
         return(Wait(task_,"the terminal cannot load the account's history yet"));
      if(m_orders.EndedOf(task_.origin,task_.signal.data.position)>=0)
         return(Skip(task_,"it was placed before, and its order has ended here"));
      if(!IsAgain(task_))
         Sending();
      //--- if the terminal ends before the answer, it will not be sent again
      m_book.memory.Did(task_.signal.instance,task_.signal.data.producer,task_.signal.data.sequence,"b");
      if(!m_book.memory.Save())
         return(Wait(task_,"its memory file cannot be written. Check whether the disk is full"));
      task_.sent=true;
     }
   outcome_=Send(task_,ticket_,lots_,stop_loss_,take_profit_);
   if(ticket_>0)
      return(Answered(task_,outcome_));
   if(outcome_==MT5REDIS_UNKNOWN)
      task_.asked_ms=GetTickCount64();
   else
      if(outcome_!=MT5REDIS_DONE)
        {
         //--- certainly not placed: after a restart it may be sent again
         m_book.memory.Did(task_.signal.instance,task_.signal.data.producer,task_.signal.data.sequence,"n");
         m_book.memory.Save();
         task_.sent=false;
        }
   if(outcome_!=MT5REDIS_DONE && outcome_!=MT5REDIS_UNKNOWN)
      return(Answered(task_,outcome_));
   SMt5RedisPlaced placed_;
   placed_.source=task_.signal.instance;
   placed_.origin=task_.origin;
   placed_.order=task_.signal.data.position;
   placed_.symbol=task_.symbol;
   placed_.theirs=task_.signal.symbol;
   placed_.mark=task_.mark;
   placed_.buy=buy_;
   placed_.given=task_.signal.data.volume_after;
   placed_.exact=task_.exact;
   placed_.lots=lots_;
   placed_.filled=0.0;
   placed_.gone_ms=0;
   m_book.memory.Note(m_placed.Record(m_placed.Add(placed_)));
   m_book.memory.Save();
   return(outcome_);
  }
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisPendings::Send(SMt5RedisTask &task_,const ulong ticket_,const double lots_,
      const double stop_loss_,const double take_profit_)
  {
   MqlTradeRequest request_={};
   request_.order=ticket_;
   request_.volume=lots_;
   request_.type=Type(task_);
   request_.price=m_symbol.Near(task_.signal.data.price);
   if(task_.signal.data.order_type==MT5REDIS_ORDER_STOP_LIMIT)
      request_.stoplimit=m_symbol.Near(task_.signal.data.entry_price);
   request_.sl=m_symbol.Near(stop_loss_);
   request_.tp=m_symbol.Near(take_profit_);
   request_.comment=task_.mark;
   if(task_.signal.data.expiry_ms>0 && !task_.untimed)
      request_.expiration=(datetime)(task_.signal.data.expiry_ms/1000+(long)TimeTradeServer()-(long)TimeGMT());
   ENUM_MT5REDIS_OUTCOME outcome_=m_orders.Place(request_,m_symbol);
   task_.asked=true;
   task_.retcode=m_orders.Retcode();
   task_.order=(ticket_>0 ? ticket_ : m_orders.Order());
   task_.wanted=lots_;
   if(m_orders.Retcode()!=TRADE_RETCODE_INVALID_EXPIRATION || task_.untimed)
      return(outcome_);
   //--- this broker has no such expiration: the source's own ends the order here, too
   task_.untimed=true;
   return(MT5REDIS_LATER);
  }
//+------------------------------------------------------------------+
ENUM_ORDER_TYPE CMt5RedisPendings::Type(const SMt5RedisTask &task_) const
  {
   bool buy_=(task_.signal.data.side==MT5REDIS_SIDE_BUY);
   switch(task_.signal.data.order_type)
     {
      case MT5REDIS_ORDER_LIMIT:
         return(buy_ ? ORDER_TYPE_BUY_LIMIT : ORDER_TYPE_SELL_LIMIT);
      case MT5REDIS_ORDER_STOP:
         return(buy_ ? ORDER_TYPE_BUY_STOP : ORDER_TYPE_SELL_STOP);
      default:
         return(buy_ ? ORDER_TYPE_BUY_STOP_LIMIT : ORDER_TYPE_SELL_STOP_LIMIT);
     }
  }
//+------------------------------------------------------------------+
//| Finds out what happened to an order that nobody answered for.    |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisPendings::PlaceInDoubt(SMt5RedisTask &task_,const ulong ticket_)
  {
   if(ticket_>0 || m_orders.EndedOf(task_.origin,task_.signal.data.position)>=0)
      return(MT5REDIS_DONE);
   if(GetTickCount64()-task_.asked_ms<MT5R_ANSWER_MS)
      return(MT5REDIS_UNKNOWN);
   return(Unanswered(task_,"the trade server did not answer, and no order with the signal's mark has appeared"));
  }
//+------------------------------------------------------------------+
//| The source's order has ended: deletes the order here, and closes |
//| what was filled only here.                                       |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisPendings::End(SMt5RedisTask &task_,const ulong ticket_)
  {
   bool filled_=(task_.signal.data.event==MT5REDIS_SIGNAL_ORDER_FILLED);
   if(m_rules.dry_run)
      return(Skip(task_,"dry run: would delete the order here"));
   if(ticket_>0)
     {
      task_.sent=true;
      ENUM_MT5REDIS_OUTCOME outcome_=m_orders.Remove(ticket_);
      task_.asked=true;
      task_.retcode=m_orders.Retcode();
      task_.order=ticket_;
      if(outcome_!=MT5REDIS_DONE)
         return(Answered(task_,MT5REDIS_LATER));
      //--- it may have been filled meanwhile
      return(Wait(task_,"its pending order here is being deleted"));
     }
   double given_=Mt5RedisGiven(m_book.copies,task_,true)+Mt5RedisGiven(m_book.copies,task_,false);
   int    at_=m_book.sources.Find(task_.signal.instance,task_.signal.data.position);
   if(filled_)
     {
      m_filled_source=task_.signal.instance;
      m_filled_symbol=task_.symbol;
      m_filled_order=task_.signal.data.position;
      m_filled_lots=(task_.signal.data.side==MT5REDIS_SIDE_BUY ? 1.0 : -1.0)*task_.signal.data.volume;
     }
   if(filled_ || given_<MT5R_LOTS_EPSILON || (at_>=0 && m_book.sources.all[at_].lots!=0.0))
      return(task_.sent || given_>=MT5R_LOTS_EPSILON ? MT5REDIS_DONE : Skip(task_,"there is no pending order for it here"));
   task_.surplus=true;
   task_.kind=MT5REDIS_TASK_CLOSE;
   task_.signal.data.volume=0.0;
   task_.mark=m_marks.As("q",task_.mark);
   return(MT5REDIS_LATER);
  }
//+------------------------------------------------------------------+
//| Before a position is copied: an order here that the source's     |
//| position came from must not wait any more. A copy that was filled|
//| here becomes that of the position. False: the order is still     |
//| being deleted.                                                   |
//+------------------------------------------------------------------+
bool CMt5RedisPendings::Unplaced(SMt5RedisTask &task_)
  {
   if(m_rules.pendings!=MT5REDIS_PENDINGS_AS_PENDING || !task_.stated || m_rules.dry_run || !m_acting)
      return(true);
   ulong ticket_=m_orders.WaitingOf(task_.origin,task_.signal.data.position);
   if(ticket_>0)
     {
      task_.reason="its pending order here is deleted first";
      m_orders.Remove(ticket_);
      return(false);
     }
   double own_=Mt5RedisOwnLots(task_)*(task_.signal.data.action==MT5REDIS_ACTION_BUY ? 1.0 : -1.0);
   if(m_filled_order==0 || m_filled_source!=task_.signal.instance || m_filled_symbol!=task_.symbol ||
      m_filled_order==task_.signal.data.position || MathAbs(own_-m_filled_lots)>MT5R_LOTS_EPSILON)
      return(true);
   //--- a netting source adds what an order fills to a position with another number
   for(int i_=m_book.copies.Total()-1; i_>=0; i_--)
      if(m_book.copies.all[i_].position==m_filled_order && m_book.copies.all[i_].origin==task_.origin &&
         m_book.copies.all[i_].buy==(own_>0.0))
        {
         m_book.copies.all[i_].position=task_.signal.data.position;
         m_book.Keep(i_);
        }
   m_filled_order=0;
   return(true);
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
