//+------------------------------------------------------------------+
//|                                      Mt5RedisAccountOrders.mqh   |
//|  Tells what happens to the account's pending orders.             |
//+------------------------------------------------------------------+
// The orders that the terminal shows are compared with what was told last. For those that are gone the history says how
// they ended. It also knows the orders that came and went between two looks. What a filled order opened is told as an event
// of the position, before or after this one.
#ifndef MT5_REDIS_ACCOUNT_ORDERS_MQH
#define MT5_REDIS_ACCOUNT_ORDERS_MQH
#include "Mt5RedisTelling.mqh"

//+------------------------------------------------------------------+
//| The pending orders.                                              |
//+------------------------------------------------------------------+
class CMt5RedisAccountOrders : public CMt5RedisTelling
  {
private:
   int               Type(const long type_) const;
   bool              Buys(const long type_) const;
   bool              ReadSelected(SMt5RedisTold &now_) const;
   bool              ReadEnded(const ulong ticket_,SMt5RedisTold &now_) const;
   int               Known(const SMt5RedisTold &now_);
   void              Compare(const SMt5RedisTold &now_);
   void              End(const int at_);
   bool              TellEnded(const int at_,const ulong ticket_);
   bool              TellOrder(const int at_,const SMt5RedisTold &now_,const int event_,const double lots_,
                               const long time_ms_);

protected:
   bool              LookAtOrders(const bool history_,const long from_ms_,const long now_ms_);
  };
//+------------------------------------------------------------------+
//| Compares the pending orders. False: the terminal does not show   |
//| all of them yet, or the history cannot be loaded.               |
//+------------------------------------------------------------------+
bool CMt5RedisAccountOrders::LookAtOrders(const bool history_,const long from_ms_,const long now_ms_)
  {
   SMt5RedisTold shown_[];
   int count_=0;
   int total_=OrdersTotal();
   for(int i_=0; i_<total_; i_++)
     {
      if(OrderGetTicket(i_)==0)
         return(false);
      SMt5RedisTold now_;
      if(!ReadSelected(now_))
         continue;
      ArrayResize(shown_,count_+1,64);
      shown_[count_]=now_;
      count_++;
     }
   if(OrdersTotal()!=total_)
      return(false);
   //--- the ended ones first: an account may have a limit of orders
   for(int i_=0; i_<m_told.Total(); i_++)
     {
      if(!m_told.all[i_].order || m_told.all[i_].ignored || m_told.all[i_].lots==0.0)
         continue;
      int k_=count_-1;
      while(k_>=0 && shown_[k_].id!=m_told.all[i_].id)
         k_--;
      if(k_<0)
         End(i_);
     }
   for(int i_=0; i_<count_; i_++)
      Compare(shown_[i_]);
   if(!history_)
      return(true);
   if(!HistorySelect((datetime)(from_ms_/1000),(datetime)(now_ms_/1000+86400)))
      return(false);
   //--- reading one order replaces the selection, so the tickets are read before
   ulong tickets_[];
   int   found_=0;
   total_=HistoryOrdersTotal();
   for(int i_=0; i_<total_; i_++)
     {
      ulong ticket_=HistoryOrderGetTicket(i_);
      if(ticket_==0 || Type(HistoryOrderGetInteger(ticket_,ORDER_TYPE))==0 ||
         HistoryOrderGetInteger(ticket_,ORDER_TIME_DONE_MSC)<from_ms_ || m_told.Find((long)ticket_,true)>=0)
         continue;
      ArrayResize(tickets_,found_+1,16);
      tickets_[found_]=ticket_;
      found_++;
     }
   for(int i_=0; i_<found_; i_++)
     {
      SMt5RedisTold now_;
      if(!HistoryOrderSelect(tickets_[i_]) || !ReadEnded(tickets_[i_],now_))
         continue;
      int at_=Known(now_);
      if(!m_told.all[at_].ignored &&
         TellOrder(at_,now_,MT5REDIS_SIGNAL_ORDER_PLACED,MathAbs(now_.lots),
                   HistoryOrderGetInteger(tickets_[i_],ORDER_TIME_SETUP_MSC)))
         TellEnded(at_,tickets_[i_]);
     }
   return(true);
  }
//+------------------------------------------------------------------+
//| The kind of pending order; 0: it is none.                        |
//+------------------------------------------------------------------+
int CMt5RedisAccountOrders::Type(const long type_) const
  {
   switch((ENUM_ORDER_TYPE)type_)
     {
      case ORDER_TYPE_BUY_LIMIT:
      case ORDER_TYPE_SELL_LIMIT:
         return(MT5REDIS_ORDER_LIMIT);
      case ORDER_TYPE_BUY_STOP:
      case ORDER_TYPE_SELL_STOP:
         return(MT5REDIS_ORDER_STOP);
      case ORDER_TYPE_BUY_STOP_LIMIT:
      case ORDER_TYPE_SELL_STOP_LIMIT:
         return(MT5REDIS_ORDER_STOP_LIMIT);
     }
   return(0);
  }
//+------------------------------------------------------------------+
bool CMt5RedisAccountOrders::Buys(const long type_) const
  {
   return(type_==ORDER_TYPE_BUY_LIMIT || type_==ORDER_TYPE_BUY_STOP || type_==ORDER_TYPE_BUY_STOP_LIMIT);
  }
//+------------------------------------------------------------------+
//| Reads the selected order. False: it is not pending.              |
//+------------------------------------------------------------------+
bool CMt5RedisAccountOrders::ReadSelected(SMt5RedisTold &now_) const
  {
   Mt5RedisClear(now_);
   long type_=OrderGetInteger(ORDER_TYPE);
   long state_=OrderGetInteger(ORDER_STATE);
   now_.type=Type(type_);
   if(now_.type==0 || state_==ORDER_STATE_STARTED || state_==ORDER_STATE_REQUEST_ADD)
      return(false);
   now_.order=true;
   now_.id=OrderGetInteger(ORDER_TICKET);
   now_.symbol=OrderGetString(ORDER_SYMBOL);
   now_.comment=OrderGetString(ORDER_COMMENT);
   now_.magic=OrderGetInteger(ORDER_MAGIC);
   now_.lots=(Buys(type_) ? 1.0 : -1.0)*OrderGetDouble(ORDER_VOLUME_CURRENT);
   now_.price=OrderGetDouble(ORDER_PRICE_OPEN);
   now_.limit=OrderGetDouble(ORDER_PRICE_STOPLIMIT);
   now_.stop_loss=OrderGetDouble(ORDER_SL);
   now_.take_profit=OrderGetDouble(ORDER_TP);
   now_.expiry_ms=OrderGetInteger(ORDER_TIME_EXPIRATION)*1000;
   return(true);
  }
//+------------------------------------------------------------------+
//| Reads an order of the selected history, as it was placed. False: |
//| it never was.                                                    |
//+------------------------------------------------------------------+
bool CMt5RedisAccountOrders::ReadEnded(const ulong ticket_,SMt5RedisTold &now_) const
  {
   Mt5RedisClear(now_);
   long type_=HistoryOrderGetInteger(ticket_,ORDER_TYPE);
   now_.type=Type(type_);
   now_.order=true;
   now_.id=(long)ticket_;
   now_.symbol=HistoryOrderGetString(ticket_,ORDER_SYMBOL);
   now_.comment=HistoryOrderGetString(ticket_,ORDER_COMMENT);
   now_.magic=HistoryOrderGetInteger(ticket_,ORDER_MAGIC);
   now_.lots=(Buys(type_) ? 1.0 : -1.0)*HistoryOrderGetDouble(ticket_,ORDER_VOLUME_INITIAL);
   now_.price=HistoryOrderGetDouble(ticket_,ORDER_PRICE_OPEN);
   now_.limit=HistoryOrderGetDouble(ticket_,ORDER_PRICE_STOPLIMIT);
   now_.stop_loss=HistoryOrderGetDouble(ticket_,ORDER_SL);
   now_.take_profit=HistoryOrderGetDouble(ticket_,ORDER_TP);
   now_.expiry_ms=HistoryOrderGetInteger(ticket_,ORDER_TIME_EXPIRATION)*1000;
   return(now_.type!=0 && now_.lots!=0.0 && HistoryOrderGetInteger(ticket_,ORDER_STATE)!=ORDER_STATE_REJECTED);
  }
//+------------------------------------------------------------------+
//| The index of an order; it is added if it is not known.           |
//+------------------------------------------------------------------+
int CMt5RedisAccountOrders::Known(const SMt5RedisTold &now_)
  {
   int at_=m_told.Find(now_.id,true);
   if(at_>=0)
      return(at_);
   SMt5RedisTold told_;
   Mt5RedisClear(told_);
   told_.order=true;
   told_.id=now_.id;
   told_.ignored=(!Passes(now_.symbol,now_.magic,now_.comment) || Wanted(now_.lots)==0.0);
   return(m_told.Add(told_));
  }
//+------------------------------------------------------------------+
//| Tells what is new of an order that is shown.                     |
//+------------------------------------------------------------------+
void CMt5RedisAccountOrders::Compare(const SMt5RedisTold &now_)
  {
   int at_=Known(now_);
   SMt5RedisTold last_=m_told.all[at_];
   if(last_.ignored)
      return;
   m_told.all[at_].waits_ms=0;
   if(last_.lots==0.0)
     {
      TellOrder(at_,now_,MT5REDIS_SIGNAL_ORDER_PLACED,MathAbs(now_.lots),OrderSelect((ulong)now_.id) ?
                OrderGetInteger(ORDER_TIME_SETUP_MSC) : 0);
      return;
     }
   double filled_=NormalizeDouble(MathAbs(last_.lots)-MathAbs(now_.lots),8);
   if(filled_>MT5R_TOLD_EPSILON)
     {
      SMt5RedisTold left_=last_;
      left_.lots=now_.lots;
      if(!TellOrder(at_,left_,MT5REDIS_SIGNAL_ORDER_FILLED,filled_,0))
         return;
     }
   if(last_.type!=now_.type || last_.expiry_ms!=now_.expiry_ms || MathAbs(last_.price-now_.price)>MT5R_TOLD_EPSILON ||
      MathAbs(last_.limit-now_.limit)>MT5R_TOLD_EPSILON || MathAbs(last_.stop_loss-now_.stop_loss)>MT5R_TOLD_EPSILON ||
      MathAbs(last_.take_profit-now_.take_profit)>MT5R_TOLD_EPSILON)
      TellOrder(at_,now_,MT5REDIS_SIGNAL_ORDER_CHANGED,MathAbs(now_.lots),0);
  }
//+------------------------------------------------------------------+
//| An order is not shown any more.                                  |
//+------------------------------------------------------------------+
void CMt5RedisAccountOrders::End(const int at_)
  {
   ulong ticket_=(ulong)m_told.all[at_].id;
   if(HistoryOrderSelect(ticket_))
     {
      TellEnded(at_,ticket_);
      return;
     }
   if(Waits(at_,MT5R_TELLING_EXIT_MS))
      return;
   SMt5RedisTold now_=m_told.all[at_];
   now_.lots=0.0;
   now_.ended_ms=(long)TimeTradeServer()*1000;
   TellOrder(at_,now_,MT5REDIS_SIGNAL_ORDER_DELETED,MathAbs(m_told.all[at_].lots),0);
  }
//+------------------------------------------------------------------+
//| Tells how an order of the selected history ended.                |
//+------------------------------------------------------------------+
bool CMt5RedisAccountOrders::TellEnded(const int at_,const ulong ticket_)
  {
   SMt5RedisTold now_=m_told.all[at_];
   long   time_ms_=HistoryOrderGetInteger(ticket_,ORDER_TIME_DONE_MSC);
   long   state_=HistoryOrderGetInteger(ticket_,ORDER_STATE);
   double lots_=MathAbs(now_.lots);
   double left_=(state_==ORDER_STATE_FILLED ? 0.0 : HistoryOrderGetDouble(ticket_,ORDER_VOLUME_CURRENT));
   if(lots_-left_>MT5R_TOLD_EPSILON)
     {
      now_.lots=(now_.lots>0.0 ? left_ : -left_);
      now_.ended_ms=(left_==0.0 ? (long)MathMax(1,time_ms_) : 0);
      if(!TellOrder(at_,now_,MT5REDIS_SIGNAL_ORDER_FILLED,NormalizeDouble(lots_-left_,8),time_ms_) || left_==0.0)
         return(left_==0.0);
     }
   now_.lots=0.0;
   now_.ended_ms=(long)MathMax(1,time_ms_);
   return(TellOrder(at_,now_,state_==ORDER_STATE_EXPIRED ? MT5REDIS_SIGNAL_ORDER_EXPIRED :
                    MT5REDIS_SIGNAL_ORDER_DELETED,left_,time_ms_));
  }
//+------------------------------------------------------------------+
//| Tells one event of an order. lots: what was placed, filled, or   |
//| left when it ended.                                              |
//+------------------------------------------------------------------+
bool CMt5RedisAccountOrders::TellOrder(const int at_,const SMt5RedisTold &now_,const int event_,const double lots_,
                                       const long time_ms_)
  {
   SMt5RedisTold before_=m_told.all[at_];
   SMt5RedisTold after_=now_;
   StringReplace(after_.comment,"\t"," ");
   StringReplace(after_.comment,"\n"," ");
   mt5redis_signal_t signal_;
   ZeroMemory(signal_);
   signal_.action=MT5REDIS_ACTION_ORDER;
   signal_.event=event_;
   signal_.volume=lots_;
   signal_.price=now_.price;
   signal_.entry_price=now_.limit;
   signal_.stop_loss=now_.stop_loss;
   signal_.take_profit=now_.take_profit;
   signal_.volume_before=MathAbs(before_.lots);
   signal_.volume_after=MathAbs(now_.lots);
   signal_.order_type=now_.type;
   signal_.side=((now_.lots==0.0 ? before_.lots : now_.lots)>0.0 ? MT5REDIS_SIDE_BUY : MT5REDIS_SIDE_SELL);
   if(now_.expiry_ms>0 && (event_==MT5REDIS_SIGNAL_ORDER_PLACED || event_==MT5REDIS_SIGNAL_ORDER_CHANGED))
      signal_.expiry_ms=m_redis.ServerToUtc(now_.expiry_ms);
   return(Tell(at_,after_,signal_,time_ms_));
  }
//+------------------------------------------------------------------+
#endif
