//+------------------------------------------------------------------+
//|                                           Mt5RedisHoldings.mqh   |
//|  The positions of this account, as the terminal shows them now.  |
//+------------------------------------------------------------------+
// While the terminal is still filling its list, Read fails and nothing can be concluded.
#ifndef MT5_REDIS_HOLDINGS_MQH
#define MT5_REDIS_HOLDINGS_MQH

//+------------------------------------------------------------------+
//| A position.                                                      |
//+------------------------------------------------------------------+
struct SMt5RedisHolding
  {
   long              id;             // POSITION_IDENTIFIER
   ulong             ticket;
   long              magic;
   long              opened_ms;      // the trade server's time
   string            symbol;
   string            comment;
   bool              buy;
   double            volume;
   double            price;          // average entry
   double            stop_loss;
   double            take_profit;
  };
//+------------------------------------------------------------------+
//| All of them.                                                     |
//+------------------------------------------------------------------+
class CMt5RedisHoldings
  {
public:
   SMt5RedisHolding  all[];

   bool              Read(void);
   int               Total(void) const { return(ArraySize(all)); }
   int               FindById(const long id_) const;
   int               FindBySymbol(const string symbol_) const;
   double            Net(const int at_) const;
  };
//+------------------------------------------------------------------+
//| Reads the positions. False: the terminal is not connected, or    |
//| its list is incomplete.                                          |
//+------------------------------------------------------------------+
bool CMt5RedisHoldings::Read(void)
  {
   ArrayResize(all,0,64);
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0)
      return(false);
   int total_=PositionsTotal();
   for(int i_=0; i_<total_; i_++)
     {
      ulong ticket_=PositionGetTicket(i_);
      if(ticket_==0)
         return(false);
      ArrayResize(all,i_+1,64);
      all[i_].ticket=ticket_;
      all[i_].id=PositionGetInteger(POSITION_IDENTIFIER);
      all[i_].magic=PositionGetInteger(POSITION_MAGIC);
      all[i_].opened_ms=PositionGetInteger(POSITION_TIME_MSC);
      all[i_].symbol=PositionGetString(POSITION_SYMBOL);
      all[i_].comment=PositionGetString(POSITION_COMMENT);
      all[i_].buy=(PositionGetInteger(POSITION_TYPE)==POSITION_TYPE_BUY);
      all[i_].volume=PositionGetDouble(POSITION_VOLUME);
      all[i_].price=PositionGetDouble(POSITION_PRICE_OPEN);
      all[i_].stop_loss=PositionGetDouble(POSITION_SL);
      all[i_].take_profit=PositionGetDouble(POSITION_TP);
     }
   return(PositionsTotal()==total_);
  }
//+------------------------------------------------------------------+
int CMt5RedisHoldings::FindById(const long id_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].id==id_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
//| The position of a symbol, if there is at most one.               |
//+------------------------------------------------------------------+
int CMt5RedisHoldings::FindBySymbol(const string symbol_) const
  {
   for(int i_=Total()-1; i_>=0; i_--)
      if(all[i_].symbol==symbol_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
//| Its lots; below 0: sold, 0: no position.                         |
//+------------------------------------------------------------------+
double CMt5RedisHoldings::Net(const int at_) const
  {
   if(at_<0)
      return(0.0);
   return(all[at_].buy ? all[at_].volume : -all[at_].volume);
  }
//+------------------------------------------------------------------+
#endif
