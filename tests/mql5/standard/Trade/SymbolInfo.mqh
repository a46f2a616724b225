// What the reference says of CSymbolInfo: a symbol, by its name.
#include <Object.mqh>

class CSymbolInfo : public CObject
  {
private:
   string            m_name;
   double            m_bid;
   double            m_ask;
   double            m_last;
   datetime          m_time;

   double            MarginRate(const ENUM_ORDER_TYPE type) const;

public:
                     CSymbolInfo(void) : m_bid(0), m_ask(0), m_last(0), m_time(0) { m_name=_Symbol; }
   bool              Name(const string name);
   string            Name(void) const { return(m_name); }
   void              Refresh(void) { RefreshRates(); }
   bool              RefreshRates(void);
   bool              Select(void) const { return(SymbolInfoInteger(m_name,SYMBOL_SELECT)!=0); }
   bool              Select(const bool select) { return(SymbolSelect(m_name,select)); }
   bool              IsSynchronized(void) const { return(SymbolIsSynchronized(m_name)); }

   // As RefreshRates found them.
   double            Bid(void) const { return(m_bid); }
   double            Ask(void) const { return(m_ask); }
   double            Last(void) const { return(m_last); }
   datetime          Time(void) const { return(m_time); }

   long              Volume(void) const { return(SymbolInfoInteger(m_name,SYMBOL_VOLUME)); }
   long              VolumeHigh(void) const { return(SymbolInfoInteger(m_name,SYMBOL_VOLUMEHIGH)); }
   long              VolumeLow(void) const { return(SymbolInfoInteger(m_name,SYMBOL_VOLUMELOW)); }
   int               Spread(void) const { return((int)SymbolInfoInteger(m_name,SYMBOL_SPREAD)); }
   int               TicksBookDepth(void) const { return((int)SymbolInfoInteger(m_name,SYMBOL_TICKS_BOOKDEPTH)); }
   int               StopsLevel(void) const { return((int)SymbolInfoInteger(m_name,SYMBOL_TRADE_STOPS_LEVEL)); }
   int               FreezeLevel(void) const { return((int)SymbolInfoInteger(m_name,SYMBOL_TRADE_FREEZE_LEVEL)); }
   int               Digits(void) const { return((int)SymbolInfoInteger(m_name,SYMBOL_DIGITS)); }
   int               TradeTimeFlags(void) const { return((int)SymbolInfoInteger(m_name,SYMBOL_EXPIRATION_MODE)); }
   int               TradeFillFlags(void) const { return((int)SymbolInfoInteger(m_name,SYMBOL_FILLING_MODE)); }
   bool              SpreadFloat(void) const { return(SymbolInfoInteger(m_name,SYMBOL_SPREAD_FLOAT)!=0); }
   double            BidHigh(void) const { return(SymbolInfoDouble(m_name,SYMBOL_BIDHIGH)); }
   double            BidLow(void) const { return(SymbolInfoDouble(m_name,SYMBOL_BIDLOW)); }
   double            AskHigh(void) const { return(SymbolInfoDouble(m_name,SYMBOL_ASKHIGH)); }
   double            AskLow(void) const { return(SymbolInfoDouble(m_name,SYMBOL_ASKLOW)); }
   double            LastHigh(void) const { return(SymbolInfoDouble(m_name,SYMBOL_LASTHIGH)); }
   double            LastLow(void) const { return(SymbolInfoDouble(m_name,SYMBOL_LASTLOW)); }
   double            Point(void) const { return(SymbolInfoDouble(m_name,SYMBOL_POINT)); }
   double            TickValue(void) const { return(SymbolInfoDouble(m_name,SYMBOL_TRADE_TICK_VALUE)); }
   double            TickValueProfit(void) const { return(SymbolInfoDouble(m_name,SYMBOL_TRADE_TICK_VALUE_PROFIT)); }
   double            TickValueLoss(void) const { return(SymbolInfoDouble(m_name,SYMBOL_TRADE_TICK_VALUE_LOSS)); }
   double            TickSize(void) const { return(SymbolInfoDouble(m_name,SYMBOL_TRADE_TICK_SIZE)); }
   double            ContractSize(void) const { return(SymbolInfoDouble(m_name,SYMBOL_TRADE_CONTRACT_SIZE)); }
   double            LotsMin(void) const { return(SymbolInfoDouble(m_name,SYMBOL_VOLUME_MIN)); }
   double            LotsMax(void) const { return(SymbolInfoDouble(m_name,SYMBOL_VOLUME_MAX)); }
   double            LotsStep(void) const { return(SymbolInfoDouble(m_name,SYMBOL_VOLUME_STEP)); }
   double            LotsLimit(void) const { return(SymbolInfoDouble(m_name,SYMBOL_VOLUME_LIMIT)); }
   double            SwapLong(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SWAP_LONG)); }
   double            SwapShort(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SWAP_SHORT)); }
   double            MarginInitial(void) const { return(SymbolInfoDouble(m_name,SYMBOL_MARGIN_INITIAL)); }
   double            MarginMaintenance(void) const { return(SymbolInfoDouble(m_name,SYMBOL_MARGIN_MAINTENANCE)); }
   double            SessionTurnover(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_TURNOVER)); }
   double            SessionInterest(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_INTEREST)); }
   double            SessionBuyOrdersVolume(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_BUY_ORDERS_VOLUME)); }
   double            SessionSellOrdersVolume(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_SELL_ORDERS_VOLUME)); }
   double            SessionOpen(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_OPEN)); }
   double            SessionClose(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_CLOSE)); }
   double            SessionAW(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_AW)); }
   double            SessionPriceSettlement(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_PRICE_SETTLEMENT)); }
   double            SessionPriceLimitMin(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_PRICE_LIMIT_MIN)); }
   double            SessionPriceLimitMax(void) const { return(SymbolInfoDouble(m_name,SYMBOL_SESSION_PRICE_LIMIT_MAX)); }
   double            MarginLong(void) const { return(MarginRate(ORDER_TYPE_BUY)); }
   double            MarginShort(void) const { return(MarginRate(ORDER_TYPE_SELL)); }
   double            MarginLimit(void) const { return(MarginRate(ORDER_TYPE_BUY_LIMIT)); }
   double            MarginStop(void) const { return(MarginRate(ORDER_TYPE_BUY_STOP)); }
   double            MarginStopLimit(void) const { return(MarginRate(ORDER_TYPE_BUY_STOP_LIMIT)); }
   long              SessionDeals(void) const { return(SymbolInfoInteger(m_name,SYMBOL_SESSION_DEALS)); }
   long              SessionBuyOrders(void) const { return(SymbolInfoInteger(m_name,SYMBOL_SESSION_BUY_ORDERS)); }
   long              SessionSellOrders(void) const { return(SymbolInfoInteger(m_name,SYMBOL_SESSION_SELL_ORDERS)); }
   string            CurrencyBase(void) const { return(SymbolInfoString(m_name,SYMBOL_CURRENCY_BASE)); }
   string            CurrencyProfit(void) const { return(SymbolInfoString(m_name,SYMBOL_CURRENCY_PROFIT)); }
   string            CurrencyMargin(void) const { return(SymbolInfoString(m_name,SYMBOL_CURRENCY_MARGIN)); }
   string            Bank(void) const { return(SymbolInfoString(m_name,SYMBOL_BANK)); }
   string            Description(void) const { return(SymbolInfoString(m_name,SYMBOL_DESCRIPTION)); }
   string            Path(void) const { return(SymbolInfoString(m_name,SYMBOL_PATH)); }
   ENUM_SYMBOL_CALC_MODE TradeCalcMode(void) const { return((ENUM_SYMBOL_CALC_MODE)SymbolInfoInteger(m_name,SYMBOL_TRADE_CALC_MODE)); }
   string            TradeCalcModeDescription(void) const { return(EnumToString(TradeCalcMode())); }
   ENUM_SYMBOL_TRADE_MODE TradeMode(void) const { return((ENUM_SYMBOL_TRADE_MODE)SymbolInfoInteger(m_name,SYMBOL_TRADE_MODE)); }
   string            TradeModeDescription(void) const { return(EnumToString(TradeMode())); }
   ENUM_SYMBOL_TRADE_EXECUTION TradeExecution(void) const { return((ENUM_SYMBOL_TRADE_EXECUTION)SymbolInfoInteger(m_name,SYMBOL_TRADE_EXEMODE)); }
   string            TradeExecutionDescription(void) const { return(EnumToString(TradeExecution())); }
   ENUM_SYMBOL_SWAP_MODE SwapMode(void) const { return((ENUM_SYMBOL_SWAP_MODE)SymbolInfoInteger(m_name,SYMBOL_SWAP_MODE)); }
   string            SwapModeDescription(void) const { return(EnumToString(SwapMode())); }
   ENUM_DAY_OF_WEEK  SwapRollover3days(void) const { return((ENUM_DAY_OF_WEEK)SymbolInfoInteger(m_name,SYMBOL_SWAP_ROLLOVER3DAYS)); }
   string            SwapRollover3daysDescription(void) const { return(EnumToString(SwapRollover3days())); }

   bool              InfoInteger(const ENUM_SYMBOL_INFO_INTEGER prop_id,long &var) const;
   bool              InfoDouble(const ENUM_SYMBOL_INFO_DOUBLE prop_id,double &var) const;
   bool              InfoString(const ENUM_SYMBOL_INFO_STRING prop_id,string &var) const;
   double            NormalizePrice(const double price) const;
  };

bool CSymbolInfo::Name(const string name)
  {
   m_name=(name==NULL || name=="") ? _Symbol : name;
   if(!SymbolSelect(m_name,true))
      return(false);
   RefreshRates();
   return(true);
  }

bool CSymbolInfo::RefreshRates(void)
  {
   m_bid=SymbolInfoDouble(m_name,SYMBOL_BID);
   m_ask=SymbolInfoDouble(m_name,SYMBOL_ASK);
   m_last=SymbolInfoDouble(m_name,SYMBOL_LAST);
   m_time=(datetime)SymbolInfoInteger(m_name,SYMBOL_TIME);
   return(m_bid>0 && m_ask>0);
  }

double CSymbolInfo::MarginRate(const ENUM_ORDER_TYPE type) const
  {
   double initial=0, maintenance=0;
   if(!SymbolInfoMarginRate(m_name,type,initial,maintenance))
      return(0);
   return(initial);
  }

bool CSymbolInfo::InfoInteger(const ENUM_SYMBOL_INFO_INTEGER prop_id,long &var) const
  {
   var=SymbolInfoInteger(m_name,prop_id);
   return(true);
  }

bool CSymbolInfo::InfoDouble(const ENUM_SYMBOL_INFO_DOUBLE prop_id,double &var) const
  {
   var=SymbolInfoDouble(m_name,prop_id);
   return(true);
  }

bool CSymbolInfo::InfoString(const ENUM_SYMBOL_INFO_STRING prop_id,string &var) const
  {
   var=SymbolInfoString(m_name,prop_id);
   return(true);
  }

// The nearest price that the symbol can have.
double CSymbolInfo::NormalizePrice(const double price) const
  {
   double step=TickSize();
   if(step>0)
      return(NormalizeDouble(MathRound(price/step)*step,Digits()));
   return(NormalizeDouble(price,Digits()));
  }
