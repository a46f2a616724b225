//+------------------------------------------------------------------+
//|                                             Mt5RedisOrders.mqh   |
//|  Sends requests to the trade server, and finds their results by  |
//|  their comments.                                                 |
//+------------------------------------------------------------------+
// Its caller decides what to open and close, and whether to try again. It keeps the last answer.
#ifndef MT5_REDIS_ORDERS_MQH
#define MT5_REDIS_ORDERS_MQH
#include "Mt5RedisMark.mqh"
#include "Mt5RedisRetcodes.mqh"
#include "Mt5RedisSymbol.mqh"

#define MT5R_HISTORY_S 172800  // how far back deals are searched for: signals are kept for hours

//+------------------------------------------------------------------+
//| The requests of one program, with its magic number.              |
//+------------------------------------------------------------------+
class CMt5RedisOrders
  {
private:
   long              m_magic;
   int               m_slippage;
   string            m_refused;     // a symbol that refused filling modes, and how many
   int               m_refusals;
   uint              m_retcode;
   string            m_comment;
   double            m_volume;
   double            m_price;
   ulong             m_order;
   ulong             m_deal;
   CMt5RedisMark     m_mark;

   bool              Copies(const string comment_,const string origin_,const long order_) const;
   ENUM_MT5REDIS_OUTCOME Send(MqlTradeRequest &request_,const ENUM_MT5REDIS_REQUEST kind_);
   bool              IsOurs(const ulong deal_,const string comment_) const;

public:
                     CMt5RedisOrders(void) : m_magic(0),m_slippage(0),m_refused(""),m_refusals(0),m_retcode(0),
                                             m_comment(""),m_volume(0.0),m_price(0.0),m_order(0),m_deal(0) { }
   void              Rules(const long magic_,const int slippage_);
   ENUM_MT5REDIS_OUTCOME Deal(const CMt5RedisSymbol &symbol_,const bool buy_,const double lots_,const double stop_loss_,
                              const double take_profit_,const ulong ticket_,const string comment_,
                              const ENUM_MT5REDIS_REQUEST kind_);
   ENUM_MT5REDIS_OUTCOME Change(const string symbol_,const ulong ticket_,const double stop_loss_,
                                const double take_profit_);
   ENUM_MT5REDIS_OUTCOME Place(MqlTradeRequest &request_,const CMt5RedisSymbol &symbol_);
   ENUM_MT5REDIS_OUTCOME Remove(const ulong ticket_);
   uint              Retcode(void) const { return(m_retcode); }
   //--- the answer's number and the server's words
   string            Answer(void) const  { return(IntegerToString((long)m_retcode)+" "+m_comment); }
   //--- lots that were executed, and the order's ticket, of the last request
   double            Volume(void) const  { return(m_volume); }
   ulong             Order(void) const   { return(m_order); }
   ulong             DealTicket(void) const { return(m_deal); }
   //--- the price of the last deal; 0: the server does not tell
   double            Price(void) const   { return(m_price); }

   bool              Waits(const string comment_) const;
   ulong             Waiting(const int at_) const;
   ulong             WaitingOf(const string origin_,const long order_) const;
   long              EndedOf(const string origin_,const long order_) const;
   double            Traded(const string comment_,const long seconds_=MT5R_HISTORY_S) const;
   long              PositionOf(const string comment_) const;
   double            CostOf(const string comment_,ulong &deal_,ulong &order_) const;
   long              FirstOf(const string comment_) const;
  };
//+------------------------------------------------------------------+
//| slippage: how far the price may move while an order is on its    |
//|           way, points.                                           |
//+------------------------------------------------------------------+
void CMt5RedisOrders::Rules(const long magic_,const int slippage_)
  {
   m_magic=magic_;
   m_slippage=slippage_;
  }
//+------------------------------------------------------------------+
//| Buys or sells at market. ticket: of the position that it closes, |
//| or a part of it; 0: it closes none by its ticket.                |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOrders::Deal(const CMt5RedisSymbol &symbol_,const bool buy_,const double lots_,
      const double stop_loss_,const double take_profit_,const ulong ticket_,const string comment_,
      const ENUM_MT5REDIS_REQUEST kind_)
  {
   MqlTradeRequest request_={};
   request_.action=TRADE_ACTION_DEAL;
   request_.symbol=symbol_.Name();
   request_.volume=lots_;
   request_.type=(buy_ ? ORDER_TYPE_BUY : ORDER_TYPE_SELL);
   request_.price=symbol_.Price(buy_);
   request_.sl=stop_loss_;
   request_.tp=take_profit_;
   request_.position=ticket_;
   request_.type_filling=symbol_.Filling(symbol_.Name()==m_refused ? m_refusals : 0);
   request_.comment=comment_;
   return(Send(request_,kind_));
  }
//+------------------------------------------------------------------+
//| Sets the stops of a position.                                    |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOrders::Change(const string symbol_,const ulong ticket_,const double stop_loss_,
      const double take_profit_)
  {
   MqlTradeRequest request_={};
   request_.action=TRADE_ACTION_SLTP;
   request_.symbol=symbol_;
   request_.position=ticket_;
   request_.sl=stop_loss_;
   request_.tp=take_profit_;
   return(Send(request_,MT5REDIS_CHANGE));
  }
//+------------------------------------------------------------------+
//| Places a pending order, or changes the one with request's ticket.|
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOrders::Place(MqlTradeRequest &request_,const CMt5RedisSymbol &symbol_)
  {
   request_.action=(request_.order>0 ? TRADE_ACTION_MODIFY : TRADE_ACTION_PENDING);
   request_.symbol=symbol_.Name();
   request_.type_filling=ORDER_FILLING_RETURN;
   request_.type_time=(request_.expiration>0 ? ORDER_TIME_SPECIFIED : ORDER_TIME_GTC);
   return(Send(request_,request_.order>0 ? MT5REDIS_CHANGE : MT5REDIS_PLACING));
  }
//+------------------------------------------------------------------+
//| Deletes a pending order.                                         |
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOrders::Remove(const ulong ticket_)
  {
   MqlTradeRequest request_={};
   request_.action=TRADE_ACTION_REMOVE;
   request_.order=ticket_;
   if(OrderSelect(ticket_))
      request_.symbol=OrderGetString(ORDER_SYMBOL);
   return(Send(request_,MT5REDIS_CLOSING));
  }
//+------------------------------------------------------------------+
ENUM_MT5REDIS_OUTCOME CMt5RedisOrders::Send(MqlTradeRequest &request_,const ENUM_MT5REDIS_REQUEST kind_)
  {
   request_.magic=(ulong)m_magic;
   request_.deviation=(ulong)m_slippage;
   MqlTradeResult result_={};
   bool sent_=OrderSend(request_,result_);
   m_retcode=result_.retcode;
   m_comment=result_.comment+(sent_ ? "" : ", not sent");
   m_order=result_.order;
   m_deal=result_.deal;
   ENUM_MT5REDIS_OUTCOME outcome_=Mt5RedisOutcome(m_retcode,kind_);
   m_volume=result_.volume;
   m_price=result_.price;
   //--- some servers leave it at 0
   if(outcome_==MT5REDIS_DONE && m_volume<=0.0)
      m_volume=request_.volume;
   if(m_retcode==TRADE_RETCODE_INVALID_FILL)
     {
      m_refusals=(request_.symbol==m_refused ? m_refusals+1 : 1);
      m_refused=request_.symbol;
     }
   return(outcome_);
  }
//+------------------------------------------------------------------+
//| Whether an order with this comment waits at the server.          |
//+------------------------------------------------------------------+
bool CMt5RedisOrders::Waits(const string comment_) const
  {
   for(int i_=OrdersTotal()-1; i_>=0; i_--)
      if(OrderGetTicket(i_)>0 && OrderGetInteger(ORDER_MAGIC)==m_magic && OrderGetString(ORDER_COMMENT)==comment_)
         return(true);
   return(false);
  }
//+------------------------------------------------------------------+
//| Whether an order with this comment copies a source's order.      |
//+------------------------------------------------------------------+
bool CMt5RedisOrders::Copies(const string comment_,const string origin_,const long order_) const
  {
   return(m_mark.IsMark(comment_) && m_mark.Opens(comment_) && m_mark.PositionOf(comment_)==order_ &&
          m_mark.OriginOf(comment_)==origin_);
  }
//+------------------------------------------------------------------+
//| Selects an order by its place among those that wait. Returns its |
//| ticket; 0: it is not a pending order of ours.                    |
//+------------------------------------------------------------------+
ulong CMt5RedisOrders::Waiting(const int at_) const
  {
   ulong ticket_=OrderGetTicket(at_);
   long  type_=OrderGetInteger(ORDER_TYPE);
   bool  ours_=(ticket_>0 && type_!=ORDER_TYPE_BUY && type_!=ORDER_TYPE_SELL && OrderGetInteger(ORDER_MAGIC)==m_magic);
   return(ours_ ? ticket_ : 0);
  }
//+------------------------------------------------------------------+
//| The ticket of our pending order that copies a source's order; 0: |
//| none waits.                                                      |
//+------------------------------------------------------------------+
ulong CMt5RedisOrders::WaitingOf(const string origin_,const long order_) const
  {
   for(int i_=OrdersTotal()-1; i_>=0; i_--)
     {
      ulong ticket_=Waiting(i_);
      if(ticket_>0 && Copies(OrderGetString(ORDER_COMMENT),origin_,order_))
         return(ticket_);
     }
   return(0);
  }
//+------------------------------------------------------------------+
//| How such an order has ended here, as its ORDER_STATE; -1: none   |
//| has, as far as the history knows. Selects all of it.             |
//+------------------------------------------------------------------+
long CMt5RedisOrders::EndedOf(const string origin_,const long order_) const
  {
   if(!HistorySelect(0,TimeTradeServer()+MT5R_HISTORY_S))
      return(-1);
   for(int i_=HistoryOrdersTotal()-1; i_>=0; i_--)
     {
      ulong ticket_=HistoryOrderGetTicket(i_);
      if(ticket_>0 && HistoryOrderGetInteger(ticket_,ORDER_MAGIC)==m_magic &&
         Copies(HistoryOrderGetString(ticket_,ORDER_COMMENT),origin_,order_))
         return(HistoryOrderGetInteger(ticket_,ORDER_STATE));
     }
   return(-1);
  }
//+------------------------------------------------------------------+
//| Whether a deal was made by an order with this comment and our    |
//| magic number. At some brokers a position's stop leaves a deal    |
//| with the position's comment.                                     |
//+------------------------------------------------------------------+
bool CMt5RedisOrders::IsOurs(const ulong deal_,const string comment_) const
  {
   return(deal_>0 && HistoryDealGetString(deal_,DEAL_COMMENT)==comment_ &&
          HistoryDealGetInteger(deal_,DEAL_MAGIC)==m_magic &&
          HistoryDealGetInteger(deal_,DEAL_REASON)==DEAL_REASON_EXPERT);
  }
//+------------------------------------------------------------------+
//| The lots of all our deals with this comment; below 0: the history|
//| cannot be had now. Replaces the selected history.                |
//+------------------------------------------------------------------+
double CMt5RedisOrders::Traded(const string comment_,const long seconds_) const
  {
   double   lots_=0.0;
   datetime now_=TimeTradeServer();
   if(!HistorySelect((datetime)MathMax(0,(long)now_-seconds_),now_+MT5R_HISTORY_S))
      return(-1.0);
   for(int i_=HistoryDealsTotal()-1; i_>=0; i_--)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(IsOurs(deal_,comment_))
         lots_+=HistoryDealGetDouble(deal_,DEAL_VOLUME);
     }
   return(NormalizeDouble(lots_,8));
  }
//+------------------------------------------------------------------+
//| The position of a deal with this comment; 0: none. Call Traded   |
//| first.                                                           |
//+------------------------------------------------------------------+
long CMt5RedisOrders::PositionOf(const string comment_) const
  {
   for(int i_=HistoryDealsTotal()-1; i_>=0; i_--)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(IsOurs(deal_,comment_))
         return(HistoryDealGetInteger(deal_,DEAL_POSITION_ID));
     }
   return(0);
  }
//+------------------------------------------------------------------+
//| The lots of all deals with this comment times their prices, and  |
//| the last of them. Call Traded first.                             |
//+------------------------------------------------------------------+
double CMt5RedisOrders::CostOf(const string comment_,ulong &deal_,ulong &order_) const
  {
   double cost_=0.0;
   int    total_=HistoryDealsTotal();
   for(int i_=0; i_<total_; i_++)
     {
      ulong ticket_=HistoryDealGetTicket(i_);
      if(!IsOurs(ticket_,comment_))
         continue;
      cost_+=HistoryDealGetDouble(ticket_,DEAL_VOLUME)*HistoryDealGetDouble(ticket_,DEAL_PRICE);
      deal_=ticket_;
      order_=(ulong)HistoryDealGetInteger(ticket_,DEAL_ORDER);
     }
   return(cost_);
  }
//+------------------------------------------------------------------+
//| When the first deal with this comment was made, ms by the trade  |
//| server's clock; 0: none. Call Traded first.                      |
//+------------------------------------------------------------------+
long CMt5RedisOrders::FirstOf(const string comment_) const
  {
   long first_ms_=0;
   for(int i_=HistoryDealsTotal()-1; i_>=0; i_--)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(!IsOurs(deal_,comment_))
         continue;
      long made_ms_=HistoryDealGetInteger(deal_,DEAL_TIME_MSC);
      first_ms_=(first_ms_==0 ? made_ms_ : (long)MathMin(first_ms_,made_ms_));
     }
   return(first_ms_);
  }
//+------------------------------------------------------------------+
#endif
