// What the reference says of COrderInfo: the order that was selected last.
#include <Object.mqh>

class COrderInfo : public CObject
  {
private:
   ENUM_ORDER_TYPE   m_type;
   ENUM_ORDER_STATE  m_state;
   datetime          m_expiration;
   double            m_volume;
   double            m_price;
   double            m_stop_loss;
   double            m_take_profit;

public:
                     COrderInfo(void);
   ulong             Ticket(void) const { return((ulong)OrderGetInteger(ORDER_TICKET)); }
   datetime          TimeSetup(void) const { return((datetime)OrderGetInteger(ORDER_TIME_SETUP)); }
   ulong             TimeSetupMsc(void) const { return((ulong)OrderGetInteger(ORDER_TIME_SETUP_MSC)); }
   ENUM_ORDER_TYPE   OrderType(void) const { return((ENUM_ORDER_TYPE)OrderGetInteger(ORDER_TYPE)); }
   string            TypeDescription(void) const { return(EnumToString(OrderType())); }
   ENUM_ORDER_STATE  State(void) const { return((ENUM_ORDER_STATE)OrderGetInteger(ORDER_STATE)); }
   string            StateDescription(void) const { return(EnumToString(State())); }
   datetime          TimeExpiration(void) const { return((datetime)OrderGetInteger(ORDER_TIME_EXPIRATION)); }
   datetime          TimeDone(void) const { return((datetime)OrderGetInteger(ORDER_TIME_DONE)); }
   ulong             TimeDoneMsc(void) const { return((ulong)OrderGetInteger(ORDER_TIME_DONE_MSC)); }
   ENUM_ORDER_TYPE_FILLING TypeFilling(void) const { return((ENUM_ORDER_TYPE_FILLING)OrderGetInteger(ORDER_TYPE_FILLING)); }
   string            TypeFillingDescription(void) const { return(EnumToString(TypeFilling())); }
   ENUM_ORDER_TYPE_TIME TypeTime(void) const { return((ENUM_ORDER_TYPE_TIME)OrderGetInteger(ORDER_TYPE_TIME)); }
   string            TypeTimeDescription(void) const { return(EnumToString(TypeTime())); }
   long              Magic(void) const { return(OrderGetInteger(ORDER_MAGIC)); }
   long              PositionId(void) const { return(OrderGetInteger(ORDER_POSITION_ID)); }
   double            VolumeInitial(void) const { return(OrderGetDouble(ORDER_VOLUME_INITIAL)); }
   double            VolumeCurrent(void) const { return(OrderGetDouble(ORDER_VOLUME_CURRENT)); }
   double            PriceOpen(void) const { return(OrderGetDouble(ORDER_PRICE_OPEN)); }
   double            StopLoss(void) const { return(OrderGetDouble(ORDER_SL)); }
   double            TakeProfit(void) const { return(OrderGetDouble(ORDER_TP)); }
   double            PriceCurrent(void) const { return(OrderGetDouble(ORDER_PRICE_CURRENT)); }
   double            PriceStopLimit(void) const { return(OrderGetDouble(ORDER_PRICE_STOPLIMIT)); }
   string            Symbol(void) const { return(OrderGetString(ORDER_SYMBOL)); }
   string            Comment(void) const { return(OrderGetString(ORDER_COMMENT)); }

   bool              InfoInteger(const ENUM_ORDER_PROPERTY_INTEGER prop_id,long &var) const;
   bool              InfoDouble(const ENUM_ORDER_PROPERTY_DOUBLE prop_id,double &var) const;
   bool              InfoString(const ENUM_ORDER_PROPERTY_STRING prop_id,string &var) const;

   bool              Select(const ulong ticket) { return(OrderSelect(ticket)); }
   bool              SelectByIndex(const int index) { return(OrderGetTicket(index)!=0); }

   void              StoreState(void);
   bool              CheckState(void);
  };

bool COrderInfo::InfoInteger(const ENUM_ORDER_PROPERTY_INTEGER prop_id,long &var) const
  {
   var=OrderGetInteger(prop_id);
   return(true);
  }

bool COrderInfo::InfoDouble(const ENUM_ORDER_PROPERTY_DOUBLE prop_id,double &var) const
  {
   var=OrderGetDouble(prop_id);
   return(true);
  }

bool COrderInfo::InfoString(const ENUM_ORDER_PROPERTY_STRING prop_id,string &var) const
  {
   var=OrderGetString(prop_id);
   return(true);
  }

COrderInfo::COrderInfo(void) : m_type(ORDER_TYPE_BUY), m_state(ORDER_STATE_STARTED), m_expiration(0), m_volume(0), m_price(0),
   m_stop_loss(0), m_take_profit(0)
  {
  }

void COrderInfo::StoreState(void)
  {
   m_type=OrderType();
   m_state=State();
   m_expiration=TimeExpiration();
   m_volume=VolumeCurrent();
   m_price=PriceOpen();
   m_stop_loss=StopLoss();
   m_take_profit=TakeProfit();
  }

// Whether anything has changed since StoreState.
bool COrderInfo::CheckState(void)
  {
   return(m_type!=OrderType() || m_state!=State() || m_expiration!=TimeExpiration() || m_volume!=VolumeCurrent() ||
          m_price!=PriceOpen() || m_stop_loss!=StopLoss() || m_take_profit!=TakeProfit());
  }
