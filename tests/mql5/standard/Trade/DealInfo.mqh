// What the reference says of CDealInfo: a deal of the history, by its ticket.
#include <Object.mqh>

class CDealInfo : public CObject
  {
private:
   ulong             m_ticket;

public:
                     CDealInfo(void) : m_ticket(0) { }
   void              Ticket(const ulong ticket) { m_ticket=ticket; }
   ulong             Ticket(void) const { return(m_ticket); }
   long              Order(void) const { return(HistoryDealGetInteger(m_ticket,DEAL_ORDER)); }
   datetime          Time(void) const { return((datetime)HistoryDealGetInteger(m_ticket,DEAL_TIME)); }
   ulong             TimeMsc(void) const { return((ulong)HistoryDealGetInteger(m_ticket,DEAL_TIME_MSC)); }
   ENUM_DEAL_TYPE    DealType(void) const { return((ENUM_DEAL_TYPE)HistoryDealGetInteger(m_ticket,DEAL_TYPE)); }
   string            TypeDescription(void) const { return(EnumToString(DealType())); }
   ENUM_DEAL_ENTRY   Entry(void) const { return((ENUM_DEAL_ENTRY)HistoryDealGetInteger(m_ticket,DEAL_ENTRY)); }
   string            EntryDescription(void) const { return(EnumToString(Entry())); }
   long              Magic(void) const { return(HistoryDealGetInteger(m_ticket,DEAL_MAGIC)); }
   long              PositionId(void) const { return(HistoryDealGetInteger(m_ticket,DEAL_POSITION_ID)); }
   double            Volume(void) const { return(HistoryDealGetDouble(m_ticket,DEAL_VOLUME)); }
   double            Price(void) const { return(HistoryDealGetDouble(m_ticket,DEAL_PRICE)); }
   double            Commission(void) const { return(HistoryDealGetDouble(m_ticket,DEAL_COMMISSION)); }
   double            Swap(void) const { return(HistoryDealGetDouble(m_ticket,DEAL_SWAP)); }
   double            Profit(void) const { return(HistoryDealGetDouble(m_ticket,DEAL_PROFIT)); }
   string            Symbol(void) const { return(HistoryDealGetString(m_ticket,DEAL_SYMBOL)); }
   string            Comment(void) const { return(HistoryDealGetString(m_ticket,DEAL_COMMENT)); }

   bool              InfoInteger(const ENUM_DEAL_PROPERTY_INTEGER prop_id,long &var) const;
   bool              InfoDouble(const ENUM_DEAL_PROPERTY_DOUBLE prop_id,double &var) const;
   bool              InfoString(const ENUM_DEAL_PROPERTY_STRING prop_id,string &var) const;
   bool              SelectByIndex(const int index);
  };

bool CDealInfo::InfoInteger(const ENUM_DEAL_PROPERTY_INTEGER prop_id,long &var) const
  {
   var=HistoryDealGetInteger(m_ticket,prop_id);
   return(true);
  }

bool CDealInfo::InfoDouble(const ENUM_DEAL_PROPERTY_DOUBLE prop_id,double &var) const
  {
   var=HistoryDealGetDouble(m_ticket,prop_id);
   return(true);
  }

bool CDealInfo::InfoString(const ENUM_DEAL_PROPERTY_STRING prop_id,string &var) const
  {
   var=HistoryDealGetString(m_ticket,prop_id);
   return(true);
  }

bool CDealInfo::SelectByIndex(const int index)
  {
   m_ticket=HistoryDealGetTicket(index);
   return(m_ticket!=0);
  }
