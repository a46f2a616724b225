// What CTrade says of its last request: the request itself, what the check and what the trade server answered.
#include <Object.mqh>

class CTradeResults : public CObject
  {
protected:
   MqlTradeRequest   m_request;
   MqlTradeResult    m_result;
   MqlTradeCheckResult m_check;

   void              Forget(void);

public:
                     CTradeResults(void) { Forget(); }

   void              Request(MqlTradeRequest &request) const { request=m_request; }
   ENUM_TRADE_REQUEST_ACTIONS RequestAction(void) const { return(m_request.action); }
   string            RequestActionDescription(void) const { return(EnumToString(m_request.action)); }
   ulong             RequestMagic(void) const { return(m_request.magic); }
   ulong             RequestOrder(void) const { return(m_request.order); }
   string            RequestSymbol(void) const { return(m_request.symbol); }
   double            RequestVolume(void) const { return(m_request.volume); }
   double            RequestPrice(void) const { return(m_request.price); }
   double            RequestStoplimit(void) const { return(m_request.stoplimit); }
   double            RequestSL(void) const { return(m_request.sl); }
   double            RequestTP(void) const { return(m_request.tp); }
   ulong             RequestDeviation(void) const { return(m_request.deviation); }
   ENUM_ORDER_TYPE   RequestType(void) const { return(m_request.type); }
   string            RequestTypeDescription(void) const { return(EnumToString(m_request.type)); }
   ENUM_ORDER_TYPE_FILLING RequestTypeFilling(void) const { return(m_request.type_filling); }
   string            RequestTypeFillingDescription(void) const { return(EnumToString(m_request.type_filling)); }
   ENUM_ORDER_TYPE_TIME RequestTypeTime(void) const { return(m_request.type_time); }
   string            RequestTypeTimeDescription(void) const { return(EnumToString(m_request.type_time)); }
   datetime          RequestExpiration(void) const { return(m_request.expiration); }
   string            RequestComment(void) const { return(m_request.comment); }
   ulong             RequestPosition(void) const { return(m_request.position); }
   ulong             RequestPositionBy(void) const { return(m_request.position_by); }

   void              Result(MqlTradeResult &result) const { result=m_result; }
   uint              ResultRetcode(void) const { return(m_result.retcode); }
   string            ResultRetcodeDescription(void) const { return(StringFormat("retcode %u",m_result.retcode)); }
   int               ResultRetcodeExternal(void) const { return(m_result.retcode_external); }
   ulong             ResultDeal(void) const { return(m_result.deal); }
   ulong             ResultOrder(void) const { return(m_result.order); }
   double            ResultVolume(void) const { return(m_result.volume); }
   double            ResultPrice(void) const { return(m_result.price); }
   double            ResultBid(void) const { return(m_result.bid); }
   double            ResultAsk(void) const { return(m_result.ask); }
   string            ResultComment(void) const { return(m_result.comment); }

   void              CheckResult(MqlTradeCheckResult &check_result) const { check_result=m_check; }
   uint              CheckResultRetcode(void) const { return(m_check.retcode); }
   string            CheckResultRetcodeDescription(void) const { return(StringFormat("retcode %u",m_check.retcode)); }
   double            CheckResultBalance(void) const { return(m_check.balance); }
   double            CheckResultEquity(void) const { return(m_check.equity); }
   double            CheckResultProfit(void) const { return(m_check.profit); }
   double            CheckResultMargin(void) const { return(m_check.margin); }
   double            CheckResultMarginFree(void) const { return(m_check.margin_free); }
   double            CheckResultMarginLevel(void) const { return(m_check.margin_level); }
   string            CheckResultComment(void) const { return(m_check.comment); }

   void              PrintRequest(void) const;
   void              PrintResult(void) const;
   string            FormatRequest(string &str,const MqlTradeRequest &request) const;
   string            FormatRequestResult(string &str,const MqlTradeRequest &request,const MqlTradeResult &result) const;
  };

void CTradeResults::Forget(void)
  {
   MqlTradeRequest request={};
   MqlTradeResult result={};
   MqlTradeCheckResult check={};
   m_request=request;
   m_result=result;
   m_check=check;
  }

void CTradeResults::PrintRequest(void) const
  {
   string text;
   Print(FormatRequest(text,m_request));
  }

void CTradeResults::PrintResult(void) const
  {
   string text;
   Print(FormatRequestResult(text,m_request,m_result));
  }

string CTradeResults::FormatRequest(string &str,const MqlTradeRequest &request) const
  {
   str=StringFormat("action %d, type %d, %s %s at %s",(int)request.action,(int)request.type,
                    DoubleToString(request.volume,2),request.symbol,DoubleToString(request.price,8));
   return(str);
  }

string CTradeResults::FormatRequestResult(string &str,const MqlTradeRequest &request,const MqlTradeResult &result) const
  {
   string asked;
   FormatRequest(asked,request);
   str=StringFormat("%s: retcode %u, deal %s, order %s",asked,result.retcode,
                    IntegerToString((long)result.deal),IntegerToString((long)result.order));
   return(str);
  }
