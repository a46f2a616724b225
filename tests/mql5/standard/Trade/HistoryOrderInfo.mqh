// What the reference says of CHistoryOrderInfo: an order of the history, by its ticket.
#include <Object.mqh>

class CHistoryOrderInfo : public CObject
  {
private:
   ulong             m_ticket;

public:
                     CHistoryOrderInfo(void) : m_ticket(0) { }
   void              Ticket(const ulong ticket) { m_ticket=ticket; }
   ulong             Ticket(void) const { return(m_ticket); }
   datetime          TimeSetup(void) const { return((datetime)HistoryOrderGetInteger(m_ticket,ORDER_TIME_SETUP)); }
   ulong             TimeSetupMsc(void) const { return((ulong)HistoryOrderGetInteger(m_ticket,ORDER_TIME_SETUP_MSC)); }
   ENUM_ORDER_TYPE   OrderType(void) const { return((ENUM_ORDER_TYPE)HistoryOrderGetInteger(m_ticket,ORDER_TYPE)); }
   string            TypeDescription(void) const { return(EnumToString(OrderType())); }
   ENUM_ORDER_STATE  State(void) const { return((ENUM_ORDER_STATE)HistoryOrderGetInteger(m_ticket,ORDER_STATE)); }
   string            StateDescription(void) const { return(EnumToString(State())); }
   datetime          TimeExpiration(void) const { return((datetime)HistoryOrderGetInteger(m_ticket,ORDER_TIME_EXPIRATION)); }
   datetime          TimeDone(void) const { return((datetime)HistoryOrderGetInteger(m_ticket,ORDER_TIME_DONE)); }
   ulong             TimeDoneMsc(void) const { return((ulong)HistoryOrderGetInteger(m_ticket,ORDER_TIME_DONE_MSC)); }
   ENUM_ORDER_TYPE_FILLING TypeFilling(void) const { return((ENUM_ORDER_TYPE_FILLING)HistoryOrderGetInteger(m_ticket,ORDER_TYPE_FILLING)); }
   string            TypeFillingDescription(void) const { return(EnumToString(TypeFilling())); }
   ENUM_ORDER_TYPE_TIME TypeTime(void) const { return((ENUM_ORDER_TYPE_TIME)HistoryOrderGetInteger(m_ticket,ORDER_TYPE_TIME)); }
   string            TypeTimeDescription(void) const { return(EnumToString(TypeTime())); }
   long              Magic(void) const { return(HistoryOrderGetInteger(m_ticket,ORDER_MAGIC)); }
   long              PositionId(void) const { return(HistoryOrderGetInteger(m_ticket,ORDER_POSITION_ID)); }
   double            VolumeInitial(void) const { return(HistoryOrderGetDouble(m_ticket,ORDER_VOLUME_INITIAL)); }
   double            VolumeCurrent(void) const { return(HistoryOrderGetDouble(m_ticket,ORDER_VOLUME_CURRENT)); }
   double            PriceOpen(void) const { return(HistoryOrderGetDouble(m_ticket,ORDER_PRICE_OPEN)); }
   double            StopLoss(void) const { return(HistoryOrderGetDouble(m_ticket,ORDER_SL)); }
   double            TakeProfit(void) const { return(HistoryOrderGetDouble(m_ticket,ORDER_TP)); }
   double            PriceCurrent(void) const { return(HistoryOrderGetDouble(m_ticket,ORDER_PRICE_CURRENT)); }
   double            PriceStopLimit(void) const { return(HistoryOrderGetDouble(m_ticket,ORDER_PRICE_STOPLIMIT)); }
   string            Symbol(void) const { return(HistoryOrderGetString(m_ticket,ORDER_SYMBOL)); }
   string            Comment(void) const { return(HistoryOrderGetString(m_ticket,ORDER_COMMENT)); }

   bool              InfoInteger(const ENUM_ORDER_PROPERTY_INTEGER prop_id,long &var) const;
   bool              InfoDouble(const ENUM_ORDER_PROPERTY_DOUBLE prop_id,double &var) const;
   bool              InfoString(const ENUM_ORDER_PROPERTY_STRING prop_id,string &var) const;
   bool              SelectByIndex(const int index);
  };

bool CHistoryOrderInfo::InfoInteger(const ENUM_ORDER_PROPERTY_INTEGER prop_id,long &var) const
  {
   var=HistoryOrderGetInteger(m_ticket,prop_id);
   return(true);
  }

bool CHistoryOrderInfo::InfoDouble(const ENUM_ORDER_PROPERTY_DOUBLE prop_id,double &var) const
  {
   var=HistoryOrderGetDouble(m_ticket,prop_id);
   return(true);
  }

bool CHistoryOrderInfo::InfoString(const ENUM_ORDER_PROPERTY_STRING prop_id,string &var) const
  {
   var=HistoryOrderGetString(m_ticket,prop_id);
   return(true);
  }

bool CHistoryOrderInfo::SelectByIndex(const int index)
  {
   m_ticket=HistoryOrderGetTicket(index);
   return(m_ticket!=0);
  }
