// What the reference says of CTrade: trade requests, and what came of the last one. A request is checked by the
// terminal and sent; in the asynchronous mode too it is waited for.
#include <Object.mqh>
#include "OrderInfo.mqh"
#include "HistoryOrderInfo.mqh"
#include "PositionInfo.mqh"
#include "DealInfo.mqh"
#include "TradeResults.mqh"

enum ENUM_LOG_LEVELS
  {
   LOG_LEVEL_NO=0,
   LOG_LEVEL_ERRORS=1,
   LOG_LEVEL_ALL=2
  };

class CTrade : public CTradeResults
  {
private:
   ulong             m_magic;
   ulong             m_deviation;
   ENUM_ORDER_TYPE_FILLING m_filling;
   bool              m_async;
   bool              m_hedging;
   ENUM_LOG_LEVELS   m_level;

   void              Begin(const ENUM_TRADE_REQUEST_ACTIONS action,const string symbol);
   bool              Send(void);
   bool              FindPosition(const string symbol) const;
   bool              Close(const double volume,const ulong deviation);
   bool              Stops(const double sl,const double tp);
   bool              Market(const ENUM_ORDER_TYPE type,const double volume,const string symbol,const double price,
                            const double sl,const double tp,const string comment);
   bool              Pending(const ENUM_ORDER_TYPE type,const double volume,const double price,const string symbol,
                             const double sl,const double tp,const ENUM_ORDER_TYPE_TIME type_time,const datetime expiration,
                             const string comment);

public:
                     CTrade(void);
   void              LogLevel(const ENUM_LOG_LEVELS log_level) { m_level=log_level; }
   void              SetExpertMagicNumber(const ulong magic) { m_magic=magic; }
   void              SetDeviationInPoints(const ulong deviation) { m_deviation=deviation; }
   void              SetTypeFilling(const ENUM_ORDER_TYPE_FILLING filling) { m_filling=filling; }
   bool              SetTypeFillingBySymbol(const string symbol);
   void              SetAsyncMode(const bool mode) { m_async=mode; }
   void              SetMarginMode(void);
   bool              IsHedging(void) const { return(m_hedging); }

   bool              OrderOpen(const string symbol,const ENUM_ORDER_TYPE order_type,const double volume,
                               const double limit_price,const double price,const double sl,const double tp,
                               const ENUM_ORDER_TYPE_TIME type_time=ORDER_TIME_GTC,const datetime expiration=0,
                               const string comment="");
   bool              OrderModify(const ulong ticket,const double price,const double sl,const double tp,
                                 const ENUM_ORDER_TYPE_TIME type_time,const datetime expiration,const double stoplimit=0.0);
   bool              OrderDelete(const ulong ticket);
   bool              OrderCheck(const MqlTradeRequest &request,MqlTradeCheckResult &check_result);
   bool              OrderSend(const MqlTradeRequest &request,MqlTradeResult &result);

   bool              PositionOpen(const string symbol,const ENUM_ORDER_TYPE order_type,const double volume,const double price,
                                  const double sl,const double tp,const string comment="");
   bool              PositionModify(const string symbol,const double sl,const double tp);
   bool              PositionModify(const ulong ticket,const double sl,const double tp);
   bool              PositionClose(const string symbol,const ulong deviation=ULONG_MAX);
   bool              PositionClose(const ulong ticket,const ulong deviation=ULONG_MAX);
   bool              PositionClosePartial(const string symbol,const double volume,const ulong deviation=ULONG_MAX);
   bool              PositionClosePartial(const ulong ticket,const double volume,const ulong deviation=ULONG_MAX);
   bool              PositionCloseBy(const ulong ticket,const ulong ticket_by);

   bool              Buy(const double volume,const string symbol=NULL,double price=0.0,const double sl=0.0,const double tp=0.0,
                         const string comment="");
   bool              Sell(const double volume,const string symbol=NULL,double price=0.0,const double sl=0.0,const double tp=0.0,
                          const string comment="");
   bool              BuyLimit(const double volume,const double price,const string symbol=NULL,const double sl=0.0,
                              const double tp=0.0,const ENUM_ORDER_TYPE_TIME type_time=ORDER_TIME_GTC,
                              const datetime expiration=0,const string comment="");
   bool              BuyStop(const double volume,const double price,const string symbol=NULL,const double sl=0.0,
                             const double tp=0.0,const ENUM_ORDER_TYPE_TIME type_time=ORDER_TIME_GTC,
                             const datetime expiration=0,const string comment="");
   bool              SellLimit(const double volume,const double price,const string symbol=NULL,const double sl=0.0,
                               const double tp=0.0,const ENUM_ORDER_TYPE_TIME type_time=ORDER_TIME_GTC,
                               const datetime expiration=0,const string comment="");
   bool              SellStop(const double volume,const double price,const string symbol=NULL,const double sl=0.0,
                              const double tp=0.0,const ENUM_ORDER_TYPE_TIME type_time=ORDER_TIME_GTC,
                              const datetime expiration=0,const string comment="");
  };

CTrade::CTrade(void) : m_magic(0), m_deviation(10), m_filling(ORDER_FILLING_FOK), m_async(false), m_hedging(false),
   m_level(LOG_LEVEL_ERRORS)
  {
   SetMarginMode();
  }

void CTrade::SetMarginMode(void)
  {
   m_hedging=AccountInfoInteger(ACCOUNT_MARGIN_MODE)==ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
  }

bool CTrade::SetTypeFillingBySymbol(const string symbol)
  {
   long modes=SymbolInfoInteger(symbol,SYMBOL_FILLING_MODE);
   if((modes&SYMBOL_FILLING_FOK)!=0)
      m_filling=ORDER_FILLING_FOK;
   else
      if((modes&SYMBOL_FILLING_IOC)!=0)
         m_filling=ORDER_FILLING_IOC;
      else
         return(false);
   return(true);
  }

//--- what all requests have in common

void CTrade::Begin(const ENUM_TRADE_REQUEST_ACTIONS action,const string symbol)
  {
   Forget();
   m_request.action=action;
   m_request.symbol=(symbol==NULL || symbol=="") ? _Symbol : symbol;
   m_request.magic=m_magic;
  }

bool CTrade::Send(void)
  {
   bool sent=::OrderSend(m_request,m_result);
   if(m_level==LOG_LEVEL_ALL || (!sent && m_level!=LOG_LEVEL_NO))
      PrintResult();
   return(sent);
  }

bool CTrade::OrderSend(const MqlTradeRequest &request,MqlTradeResult &result)
  {
   m_request=request;
   bool sent=Send();
   result=m_result;
   return(sent);
  }

bool CTrade::OrderCheck(const MqlTradeRequest &request,MqlTradeCheckResult &check_result)
  {
   m_request=request;
   bool good=::OrderCheck(m_request,m_check);
   check_result=m_check;
   return(good);
  }

//--- positions

// Selects the position of the symbol: in a hedging account the first with this magic number.
bool CTrade::FindPosition(const string symbol) const
  {
   for(int i=0; i<PositionsTotal(); i++)
     {
      if(PositionGetTicket(i)==0 || PositionGetString(POSITION_SYMBOL)!=symbol)
         continue;
      if(!m_hedging || (ulong)PositionGetInteger(POSITION_MAGIC)==m_magic)
         return(true);
     }
   return(false);
  }

// Closes so much of the selected position; no volume means all of it.
bool CTrade::Close(const double volume,const ulong deviation)
  {
   double held=PositionGetDouble(POSITION_VOLUME);
   bool bought=PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_BUY;
   Begin(TRADE_ACTION_DEAL,PositionGetString(POSITION_SYMBOL));
   m_request.position=(ulong)PositionGetInteger(POSITION_TICKET);
   m_request.type=bought ? ORDER_TYPE_SELL : ORDER_TYPE_BUY;
   m_request.price=SymbolInfoDouble(m_request.symbol,bought ? SYMBOL_BID : SYMBOL_ASK);
   m_request.volume=volume>0 ? MathMin(volume,held) : held;
   m_request.deviation=deviation==ULONG_MAX ? m_deviation : deviation;
   m_request.type_filling=m_filling;
   return(Send());
  }

// Gives the selected position these levels.
bool CTrade::Stops(const double sl,const double tp)
  {
   Begin(TRADE_ACTION_SLTP,PositionGetString(POSITION_SYMBOL));
   m_request.position=(ulong)PositionGetInteger(POSITION_TICKET);
   m_request.sl=sl;
   m_request.tp=tp;
   return(Send());
  }

bool CTrade::PositionModify(const string symbol,const double sl,const double tp)
  {
   return(FindPosition(symbol) && Stops(sl,tp));
  }

bool CTrade::PositionModify(const ulong ticket,const double sl,const double tp)
  {
   return(PositionSelectByTicket(ticket) && Stops(sl,tp));
  }

bool CTrade::PositionClose(const string symbol,const ulong deviation)
  {
   return(FindPosition(symbol) && Close(0,deviation));
  }

bool CTrade::PositionClose(const ulong ticket,const ulong deviation)
  {
   return(PositionSelectByTicket(ticket) && Close(0,deviation));
  }

bool CTrade::PositionClosePartial(const string symbol,const double volume,const ulong deviation)
  {
   return(m_hedging && volume>0 && FindPosition(symbol) && Close(volume,deviation));
  }

bool CTrade::PositionClosePartial(const ulong ticket,const double volume,const ulong deviation)
  {
   return(m_hedging && volume>0 && PositionSelectByTicket(ticket) && Close(volume,deviation));
  }

bool CTrade::PositionCloseBy(const ulong ticket,const ulong ticket_by)
  {
   if(!m_hedging || !PositionSelectByTicket(ticket))
      return(false);
   Begin(TRADE_ACTION_CLOSE_BY,PositionGetString(POSITION_SYMBOL));
   m_request.position=ticket;
   m_request.position_by=ticket_by;
   return(Send());
  }

bool CTrade::PositionOpen(const string symbol,const ENUM_ORDER_TYPE order_type,const double volume,const double price,
                          const double sl,const double tp,const string comment)
  {
   if(order_type!=ORDER_TYPE_BUY && order_type!=ORDER_TYPE_SELL)
      return(false);
   return(Market(order_type,volume,symbol,price,sl,tp,comment));
  }

// Opens at the market; no price means the symbol's.
bool CTrade::Market(const ENUM_ORDER_TYPE type,const double volume,const string symbol,const double price,const double sl,
                    const double tp,const string comment)
  {
   Begin(TRADE_ACTION_DEAL,symbol);
   m_request.type=type;
   m_request.volume=volume;
   m_request.price=price>0 ? price : SymbolInfoDouble(m_request.symbol,type==ORDER_TYPE_BUY ? SYMBOL_ASK : SYMBOL_BID);
   m_request.sl=sl;
   m_request.tp=tp;
   m_request.deviation=m_deviation;
   m_request.type_filling=m_filling;
   m_request.comment=comment;
   return(Send());
  }

bool CTrade::Buy(const double volume,const string symbol,double price,const double sl,const double tp,const string comment)
  {
   return(Market(ORDER_TYPE_BUY,volume,symbol,price,sl,tp,comment));
  }

bool CTrade::Sell(const double volume,const string symbol,double price,const double sl,const double tp,const string comment)
  {
   return(Market(ORDER_TYPE_SELL,volume,symbol,price,sl,tp,comment));
  }

//--- pending orders

bool CTrade::OrderOpen(const string symbol,const ENUM_ORDER_TYPE order_type,const double volume,const double limit_price,
                       const double price,const double sl,const double tp,const ENUM_ORDER_TYPE_TIME type_time,
                       const datetime expiration,const string comment)
  {
   if(order_type==ORDER_TYPE_BUY || order_type==ORDER_TYPE_SELL)
      return(false);
   Begin(TRADE_ACTION_PENDING,symbol);
   m_request.type=order_type;
   m_request.volume=volume;
   m_request.price=price;
   m_request.stoplimit=limit_price;
   m_request.sl=sl;
   m_request.tp=tp;
   m_request.type_time=type_time;
   m_request.expiration=expiration;
   m_request.type_filling=m_filling;
   m_request.comment=comment;
   return(Send());
  }

bool CTrade::OrderModify(const ulong ticket,const double price,const double sl,const double tp,
                         const ENUM_ORDER_TYPE_TIME type_time,const datetime expiration,const double stoplimit)
  {
   if(!OrderSelect(ticket))
      return(false);
   Begin(TRADE_ACTION_MODIFY,OrderGetString(ORDER_SYMBOL));
   m_request.order=ticket;
   m_request.price=price;
   m_request.stoplimit=stoplimit;
   m_request.sl=sl;
   m_request.tp=tp;
   m_request.type_time=type_time;
   m_request.expiration=expiration;
   return(Send());
  }

bool CTrade::OrderDelete(const ulong ticket)
  {
   Begin(TRADE_ACTION_REMOVE,NULL);
   m_request.order=ticket;
   return(Send());
  }

bool CTrade::Pending(const ENUM_ORDER_TYPE type,const double volume,const double price,const string symbol,const double sl,
                     const double tp,const ENUM_ORDER_TYPE_TIME type_time,const datetime expiration,const string comment)
  {
   return(OrderOpen(symbol,type,volume,0,price,sl,tp,type_time,expiration,comment));
  }

bool CTrade::BuyLimit(const double volume,const double price,const string symbol,const double sl,const double tp,
                      const ENUM_ORDER_TYPE_TIME type_time,const datetime expiration,const string comment)
  {
   return(Pending(ORDER_TYPE_BUY_LIMIT,volume,price,symbol,sl,tp,type_time,expiration,comment));
  }

bool CTrade::BuyStop(const double volume,const double price,const string symbol,const double sl,const double tp,
                     const ENUM_ORDER_TYPE_TIME type_time,const datetime expiration,const string comment)
  {
   return(Pending(ORDER_TYPE_BUY_STOP,volume,price,symbol,sl,tp,type_time,expiration,comment));
  }

bool CTrade::SellLimit(const double volume,const double price,const string symbol,const double sl,const double tp,
                       const ENUM_ORDER_TYPE_TIME type_time,const datetime expiration,const string comment)
  {
   return(Pending(ORDER_TYPE_SELL_LIMIT,volume,price,symbol,sl,tp,type_time,expiration,comment));
  }

bool CTrade::SellStop(const double volume,const double price,const string symbol,const double sl,const double tp,
                      const ENUM_ORDER_TYPE_TIME type_time,const datetime expiration,const string comment)
  {
   return(Pending(ORDER_TYPE_SELL_STOP,volume,price,symbol,sl,tp,type_time,expiration,comment));
  }
