// What the reference says of CPositionInfo: the position that was selected last.
#include <Object.mqh>

class CPositionInfo : public CObject
  {
private:
   ENUM_POSITION_TYPE m_type;
   double            m_volume;
   double            m_price;
   double            m_stop_loss;
   double            m_take_profit;

   bool              SelectFirst(const string symbol,const long magic,const bool any_magic);

public:
                     CPositionInfo(void) : m_type(POSITION_TYPE_BUY), m_volume(0), m_price(0), m_stop_loss(0), m_take_profit(0) { }

   ulong             Ticket(void) const { return((ulong)PositionGetInteger(POSITION_TICKET)); }
   datetime          Time(void) const { return((datetime)PositionGetInteger(POSITION_TIME)); }
   ulong             TimeMsc(void) const { return((ulong)PositionGetInteger(POSITION_TIME_MSC)); }
   datetime          TimeUpdate(void) const { return((datetime)PositionGetInteger(POSITION_TIME_UPDATE)); }
   ulong             TimeUpdateMsc(void) const { return((ulong)PositionGetInteger(POSITION_TIME_UPDATE_MSC)); }
   ENUM_POSITION_TYPE PositionType(void) const { return((ENUM_POSITION_TYPE)PositionGetInteger(POSITION_TYPE)); }
   string            TypeDescription(void) const { return(PositionType()==POSITION_TYPE_BUY ? "buy" : "sell"); }
   long              Magic(void) const { return(PositionGetInteger(POSITION_MAGIC)); }
   long              Identifier(void) const { return(PositionGetInteger(POSITION_IDENTIFIER)); }
   double            Volume(void) const { return(PositionGetDouble(POSITION_VOLUME)); }
   double            PriceOpen(void) const { return(PositionGetDouble(POSITION_PRICE_OPEN)); }
   double            StopLoss(void) const { return(PositionGetDouble(POSITION_SL)); }
   double            TakeProfit(void) const { return(PositionGetDouble(POSITION_TP)); }
   double            PriceCurrent(void) const { return(PositionGetDouble(POSITION_PRICE_CURRENT)); }
   double            Commission(void) const { return(PositionGetDouble(POSITION_COMMISSION)); }
   double            Swap(void) const { return(PositionGetDouble(POSITION_SWAP)); }
   double            Profit(void) const { return(PositionGetDouble(POSITION_PROFIT)); }
   string            Symbol(void) const { return(PositionGetString(POSITION_SYMBOL)); }
   string            Comment(void) const { return(PositionGetString(POSITION_COMMENT)); }

   bool              InfoInteger(const ENUM_POSITION_PROPERTY_INTEGER prop_id,long &var) const;
   bool              InfoDouble(const ENUM_POSITION_PROPERTY_DOUBLE prop_id,double &var) const;
   bool              InfoString(const ENUM_POSITION_PROPERTY_STRING prop_id,string &var) const;

   bool              Select(const string symbol) { return(SelectFirst(symbol,0,true)); }
   bool              SelectByMagic(const string symbol,const ulong magic) { return(SelectFirst(symbol,(long)magic,false)); }
   bool              SelectByTicket(const ulong ticket) { return(PositionSelectByTicket(ticket)); }
   bool              SelectByIndex(const int index) { return(PositionGetTicket(index)!=0); }

   void              StoreState(void);
   bool              CheckState(void);
  };

bool CPositionInfo::InfoInteger(const ENUM_POSITION_PROPERTY_INTEGER prop_id,long &var) const
  {
   var=PositionGetInteger(prop_id);
   return(true);
  }

bool CPositionInfo::InfoDouble(const ENUM_POSITION_PROPERTY_DOUBLE prop_id,double &var) const
  {
   var=PositionGetDouble(prop_id);
   return(true);
  }

bool CPositionInfo::InfoString(const ENUM_POSITION_PROPERTY_STRING prop_id,string &var) const
  {
   var=PositionGetString(prop_id);
   return(true);
  }

// Selects the first position of the symbol in the terminal's list.
bool CPositionInfo::SelectFirst(const string symbol,const long magic,const bool any_magic)
  {
   for(int i=0; i<PositionsTotal(); i++)
     {
      if(PositionGetTicket(i)==0 || PositionGetString(POSITION_SYMBOL)!=symbol)
         continue;
      if(any_magic || PositionGetInteger(POSITION_MAGIC)==magic)
         return(true);
     }
   return(false);
  }

void CPositionInfo::StoreState(void)
  {
   m_type=PositionType();
   m_volume=Volume();
   m_price=PriceOpen();
   m_stop_loss=StopLoss();
   m_take_profit=TakeProfit();
  }

// Whether anything has changed since StoreState.
bool CPositionInfo::CheckState(void)
  {
   return(m_type!=PositionType() || m_volume!=Volume() || m_price!=PriceOpen() || m_stop_loss!=StopLoss() ||
          m_take_profit!=TakeProfit());
  }
