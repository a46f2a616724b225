//+------------------------------------------------------------------+
//|                                             Mt5RedisSymbol.mqh   |
//|  Rounds volumes, prices and stops to what a symbol allows.       |
//+------------------------------------------------------------------+
// Brokers differ in digits, steps and distances. Values of a signal are rounded to the safe side: an opening's volume
// down, stop loss and take profit towards the price, but not closer than this broker's distance.
#ifndef MT5_REDIS_SYMBOL_MQH
#define MT5_REDIS_SYMBOL_MQH

//+------------------------------------------------------------------+
//| One symbol of this broker.                                       |
//+------------------------------------------------------------------+
class CMt5RedisSymbol
  {
private:
   string            m_name;
   double            m_least;        // the trader's smallest volume of an opening; 0: the broker's
   double            m_step;         // and the step

   double            OpeningStep(void) const;
   double            Number(const ENUM_SYMBOL_INFO_DOUBLE what_) const { return(SymbolInfoDouble(m_name,what_)); }
   double            Tick(void) const;
   double            Below(const double price_) const;
   double            Above(const double price_) const;

public:
                     CMt5RedisSymbol(void) : m_name(""),m_least(0.0),m_step(0.0) { }
   void              Limits(const double least_,const double step_);
   bool              Select(const string name_);
   string            Name(void) const     { return(m_name); }
   bool              Priced(void) const   { return(Number(SYMBOL_BID)>0.0 && Number(SYMBOL_ASK)>0.0); }
   double            Price(const bool buy_) const { return(Number(buy_ ? SYMBOL_ASK : SYMBOL_BID)); }
   double            Point(void) const    { return(Number(SYMBOL_POINT)); }
   double            MostLots(void) const { return(Number(SYMBOL_VOLUME_MAX)); }
   double            LeastLots(void) const { return(Number(SYMBOL_VOLUME_MIN)); }
   double            LeastOpening(void) const;
   double            Contract(void) const { return(Number(SYMBOL_TRADE_CONTRACT_SIZE)); }
   double            Loss(const double distance_) const;
   double            LotsDown(const double lots_) const;
   double            LotsNear(const double lots_) const;
   bool              StopLoss(const bool buy_,double &price_) const;
   bool              TakeProfit(const bool buy_,double &price_) const;
   double            Near(const double price_) const;
   ENUM_ORDER_TYPE_FILLING Filling(const int attempt_) const;
  };
//+------------------------------------------------------------------+
//| Selects a symbol. False: this broker has no such symbol. Its     |
//| first price may come a moment later.                             |
//+------------------------------------------------------------------+
bool CMt5RedisSymbol::Select(const string name_)
  {
   m_name=name_;
   return(SymbolSelect(name_,true));
  }
//+------------------------------------------------------------------+
double CMt5RedisSymbol::Tick(void) const
  {
   double tick_=Number(SYMBOL_TRADE_TICK_SIZE);
   return(tick_>0.0 ? tick_ : Point());
  }
//+------------------------------------------------------------------+
double CMt5RedisSymbol::Below(const double price_) const
  {
   return(NormalizeDouble(MathFloor(price_/Tick()+0.0001)*Tick(),8));
  }
//+------------------------------------------------------------------+
double CMt5RedisSymbol::Above(const double price_) const
  {
   return(NormalizeDouble(MathCeil(price_/Tick()-0.0001)*Tick(),8));
  }
//+------------------------------------------------------------------+
//| Sets the trader's own limits for openings, for all symbols.      |
//+------------------------------------------------------------------+
void CMt5RedisSymbol::Limits(const double least_,const double step_)
  {
   m_least=least_;
   m_step=step_;
  }
//+------------------------------------------------------------------+
//| The trader's step as a multiple of the broker's.                 |
//+------------------------------------------------------------------+
double CMt5RedisSymbol::OpeningStep(void) const
  {
   double step_=Number(SYMBOL_VOLUME_STEP);
   if(step_<=0.0)
      return(m_step);
   return(MathMax(1.0,MathCeil(m_step/step_-0.0000001))*step_);
  }
//+------------------------------------------------------------------+
//| The smallest volume of an opening: the broker's or the trader's. |
//+------------------------------------------------------------------+
double CMt5RedisSymbol::LeastOpening(void) const
  {
   double least_=MathMax(LeastLots(),m_least);
   double step_=OpeningStep();
   return(step_>0.0 ? NormalizeDouble(MathCeil(least_/step_-0.0000001)*step_,8) : least_);
  }
//+------------------------------------------------------------------+
//| What one lot loses over a distance of the price, in the account's|
//| currency; 0: the terminal does not know what a tick is worth.    |
//+------------------------------------------------------------------+
double CMt5RedisSymbol::Loss(const double distance_) const
  {
   double tick_value_=Number(SYMBOL_TRADE_TICK_VALUE_LOSS);
   if(tick_value_<=0.0)
      tick_value_=Number(SYMBOL_TRADE_TICK_VALUE);
   return(Tick()>0.0 ? distance_/Tick()*tick_value_ : 0.0);
  }
//+------------------------------------------------------------------+
//| The volume of an opening, rounded down to what the broker and the|
//| trader accept; 0: too small.                                     |
//+------------------------------------------------------------------+
double CMt5RedisSymbol::LotsDown(const double lots_) const
  {
   double step_=OpeningStep();
   double down_=(step_>0.0 ? NormalizeDouble(MathFloor(lots_/step_+0.0000001)*step_,8) : lots_);
   return(down_<LeastOpening()-0.00000001 ? 0.0 : down_);
  }
//+------------------------------------------------------------------+
//| The nearest volume that a position can have; of two equally near |
//| ones the smaller.                                                |
//+------------------------------------------------------------------+
double CMt5RedisSymbol::LotsNear(const double lots_) const
  {
   double step_=Number(SYMBOL_VOLUME_STEP);
   double least_=LeastLots();
   if(lots_<least_)
      return(lots_>least_/2.0+0.0000001 ? least_ : 0.0);
   return(step_>0.0 ? NormalizeDouble(MathFloor(lots_/step_+0.4999999)*step_,8) : lots_);
  }
//+------------------------------------------------------------------+
//| Moves a stop loss to where this broker accepts it. False: the    |
//| price has already passed it.                                     |
//+------------------------------------------------------------------+
bool CMt5RedisSymbol::StopLoss(const bool buy_,double &price_) const
  {
   if(price_<=0.0)
     {
      price_=0.0;
      return(true);
     }
   double now_=Price(!buy_);
   double distance_=MathMax((double)SymbolInfoInteger(m_name,SYMBOL_TRADE_STOPS_LEVEL)*Point(),Tick());
   bool   right_=(buy_ ? price_<now_ : price_>now_);
   if(buy_)
      price_=MathMin(Above(price_),Below(now_-distance_));
   else
      price_=MathMax(Below(price_),Above(now_+distance_));
   return(right_);
  }
//+------------------------------------------------------------------+
//| The same for a take profit.                                      |
//+------------------------------------------------------------------+
bool CMt5RedisSymbol::TakeProfit(const bool buy_,double &price_) const
  {
   if(price_<=0.0)
     {
      price_=0.0;
      return(true);
     }
   double now_=Price(!buy_);
   double distance_=MathMax((double)SymbolInfoInteger(m_name,SYMBOL_TRADE_STOPS_LEVEL)*Point(),Tick());
   bool   right_=(buy_ ? price_>now_ : price_<now_);
   if(buy_)
      price_=MathMax(Below(price_),Above(now_+distance_));
   else
      price_=MathMin(Above(price_),Below(now_-distance_));
   return(right_);
  }
//+------------------------------------------------------------------+
//| The nearest price that this symbol can have.                     |
//+------------------------------------------------------------------+
double CMt5RedisSymbol::Near(const double price_) const
  {
   return(NormalizeDouble(MathRound(price_/Tick())*Tick(),8));
  }
//+------------------------------------------------------------------+
//| The filling mode of an order: what the symbol states first; if   |
//| the broker refuses that, the others in turn.                     |
//+------------------------------------------------------------------+
ENUM_ORDER_TYPE_FILLING CMt5RedisSymbol::Filling(const int attempt_) const
  {
   long modes_=SymbolInfoInteger(m_name,SYMBOL_FILLING_MODE);
   int  first_=((modes_&SYMBOL_FILLING_FOK)!=0 ? 0 : ((modes_&SYMBOL_FILLING_IOC)!=0 ? 1 : 2));
   switch((first_+attempt_)%3)
     {
      case 0:
         return(ORDER_FILLING_FOK);
      case 1:
         return(ORDER_FILLING_IOC);
      default:
         return(ORDER_FILLING_RETURN);
     }
  }
//+------------------------------------------------------------------+
#endif
