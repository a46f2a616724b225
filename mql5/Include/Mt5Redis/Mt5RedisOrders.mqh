//+------------------------------------------------------------------+
//|                                             Mt5RedisOrders.mqh   |
//|  Sends requests to the trade server, and finds their results by  |
//|  their comments.                                                 |
//+------------------------------------------------------------------+
// Its caller decides what to open and close, and whether to try again. It keeps the last answer.
#ifndef MT5_REDIS_ORDERS_MQH
#define MT5_REDIS_ORDERS_MQH
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

   ENUM_MT5REDIS_OUTCOME Send(MqlTradeRequest &request_,const ENUM_MT5REDIS_REQUEST kind_);
   bool              IsOurs(const ulong deal_,const string comment_) const;

public:
                     CMt5RedisOrders(void) : m_magic(0),m_slippage(0),m_refused(""),m_refusals(0),m_retcode(0),
                                             m_comment(""),m_volume(0.0),m_price(0.0),m_order(0) { }
   void              Rules(const long magic_,const int slippage_);
   ENUM_MT5REDIS_OUTCOME Deal(const CMt5RedisSymbol &symbol_,const bool buy_,const double lots_,const double stop_loss_,
                              const double take_profit_,const ulong ticket_,const string comment_,
                              const ENUM_MT5REDIS_REQUEST kind_);
   ENUM_MT5REDIS_OUTCOME Change(const string symbol_,const ulong ticket_,const double stop_loss_,
                                const double take_profit_);
   uint              Retcode(void) const { return(m_retcode); }
   //--- the answer's number and the server's words
   string            Answer(void) const  { return(IntegerToString((long)m_retcode)+" "+m_comment); }
   //--- lots that were executed, and the order's ticket, of the last request
   double            Volume(void) const  { return(m_volume); }
   ulong             Order(void) const   { return(m_order); }
   //--- the price of the last deal; 0: the server does not tell
   double            Price(void) const   { return(m_price); }

   bool              Waits(const string comment_) const;
   double            Traded(const string comment_) const;
   long              PositionOf(const string comment_) const;
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
ENUM_MT5REDIS_OUTCOME CMt5RedisOrders::Send(MqlTradeRequest &request_,const ENUM_MT5REDIS_REQUEST kind_)
  {
   request_.magic=(ulong)m_magic;
   request_.deviation=(ulong)m_slippage;
   MqlTradeResult result_={};
   bool sent_=OrderSend(request_,result_);
   m_retcode=result_.retcode;
   m_comment=result_.comment+(sent_ ? "" : ", not sent");
   m_order=result_.order;
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
double CMt5RedisOrders::Traded(const string comment_) const
  {
   double   lots_=0.0;
   datetime now_=TimeTradeServer();
   if(!HistorySelect(now_-MT5R_HISTORY_S,now_+MT5R_HISTORY_S))
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
