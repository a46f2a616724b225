// What the reference says of CAccountInfo: the account that is logged in.
#include <Object.mqh>

class CAccountInfo : public CObject
  {
public:
   long              Login(void) const { return(AccountInfoInteger(ACCOUNT_LOGIN)); }
   ENUM_ACCOUNT_TRADE_MODE TradeMode(void) const { return((ENUM_ACCOUNT_TRADE_MODE)AccountInfoInteger(ACCOUNT_TRADE_MODE)); }
   string            TradeModeDescription(void) const { return(EnumToString(TradeMode())); }
   long              Leverage(void) const { return(AccountInfoInteger(ACCOUNT_LEVERAGE)); }
   ENUM_ACCOUNT_STOPOUT_MODE StopoutMode(void) const { return((ENUM_ACCOUNT_STOPOUT_MODE)AccountInfoInteger(ACCOUNT_MARGIN_SO_MODE)); }
   string            StopoutModeDescription(void) const { return(EnumToString(StopoutMode())); }
   ENUM_ACCOUNT_MARGIN_MODE MarginMode(void) const { return((ENUM_ACCOUNT_MARGIN_MODE)AccountInfoInteger(ACCOUNT_MARGIN_MODE)); }
   string            MarginModeDescription(void) const { return(EnumToString(MarginMode())); }
   bool              TradeAllowed(void) const { return(AccountInfoInteger(ACCOUNT_TRADE_ALLOWED)!=0); }
   bool              TradeExpert(void) const { return(AccountInfoInteger(ACCOUNT_TRADE_EXPERT)!=0); }
   int               LimitOrders(void) const { return((int)AccountInfoInteger(ACCOUNT_LIMIT_ORDERS)); }
   double            Balance(void) const { return(AccountInfoDouble(ACCOUNT_BALANCE)); }
   double            Credit(void) const { return(AccountInfoDouble(ACCOUNT_CREDIT)); }
   double            Profit(void) const { return(AccountInfoDouble(ACCOUNT_PROFIT)); }
   double            Equity(void) const { return(AccountInfoDouble(ACCOUNT_EQUITY)); }
   double            Margin(void) const { return(AccountInfoDouble(ACCOUNT_MARGIN)); }
   double            FreeMargin(void) const { return(AccountInfoDouble(ACCOUNT_MARGIN_FREE)); }
   double            MarginLevel(void) const { return(AccountInfoDouble(ACCOUNT_MARGIN_LEVEL)); }
   double            MarginCall(void) const { return(AccountInfoDouble(ACCOUNT_MARGIN_SO_CALL)); }
   double            MarginStopOut(void) const { return(AccountInfoDouble(ACCOUNT_MARGIN_SO_SO)); }
   string            Name(void) const { return(AccountInfoString(ACCOUNT_NAME)); }
   string            Server(void) const { return(AccountInfoString(ACCOUNT_SERVER)); }
   string            Currency(void) const { return(AccountInfoString(ACCOUNT_CURRENCY)); }
   string            Company(void) const { return(AccountInfoString(ACCOUNT_COMPANY)); }
   long              InfoInteger(const ENUM_ACCOUNT_INFO_INTEGER prop_id) const { return(AccountInfoInteger(prop_id)); }
   double            InfoDouble(const ENUM_ACCOUNT_INFO_DOUBLE prop_id) const { return(AccountInfoDouble(prop_id)); }
   string            InfoString(const ENUM_ACCOUNT_INFO_STRING prop_id) const { return(AccountInfoString(prop_id)); }

   double            OrderProfitCheck(const string symbol,const ENUM_ORDER_TYPE trade_operation,const double volume,
                                      const double price_open,const double price_close) const;
   double            MarginCheck(const string symbol,const ENUM_ORDER_TYPE trade_operation,const double volume,
                                 const double price) const;
   double            FreeMarginCheck(const string symbol,const ENUM_ORDER_TYPE trade_operation,const double volume,
                                     const double price) const;
   double            MaxLotCheck(const string symbol,const ENUM_ORDER_TYPE trade_operation,const double price,
                                 const double percent=100) const;
  };

double CAccountInfo::OrderProfitCheck(const string symbol,const ENUM_ORDER_TYPE trade_operation,const double volume,
                                      const double price_open,const double price_close) const
  {
   double profit=0;
   if(!OrderCalcProfit(trade_operation,symbol,volume,price_open,price_close,profit))
      return(EMPTY_VALUE);
   return(profit);
  }

double CAccountInfo::MarginCheck(const string symbol,const ENUM_ORDER_TYPE trade_operation,const double volume,
                                 const double price) const
  {
   double margin=0;
   if(!OrderCalcMargin(trade_operation,symbol,volume,price,margin))
      return(EMPTY_VALUE);
   return(margin);
  }

double CAccountInfo::FreeMarginCheck(const string symbol,const ENUM_ORDER_TYPE trade_operation,const double volume,
                                     const double price) const
  {
   double margin=MarginCheck(symbol,trade_operation,volume,price);
   return(margin==EMPTY_VALUE ? EMPTY_VALUE : FreeMargin()-margin);
  }

// The volume that this share of the free margin is enough for.
double CAccountInfo::MaxLotCheck(const string symbol,const ENUM_ORDER_TYPE trade_operation,const double price,
                                 const double percent) const
  {
   double margin=MarginCheck(symbol,trade_operation,1.0,price);
   if(margin==EMPTY_VALUE || margin<=0)
      return(0);
   double step=SymbolInfoDouble(symbol,SYMBOL_VOLUME_STEP);
   double volume=FreeMargin()*percent/100/margin;
   if(step>0)
      volume=MathFloor(volume/step)*step;
   if(volume<SymbolInfoDouble(symbol,SYMBOL_VOLUME_MIN))
      return(0);
   return(MathMin(volume,SymbolInfoDouble(symbol,SYMBOL_VOLUME_MAX)));
  }
