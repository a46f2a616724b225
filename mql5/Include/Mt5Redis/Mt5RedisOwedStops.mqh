//+------------------------------------------------------------------+
//|                                          Mt5RedisOwedStops.mqh   |
//|  Sets the stops that a trade server refused with an order.       |
//+------------------------------------------------------------------+
// The copy is open without them until they are set. So they are asked for at once, and again every second while the copy is
// open, also after a restart: its record has them. If the server refuses them here, too, a person is told once. What a person
// or the source has set meanwhile stays. A stop that the price has passed is set as near to the price as the broker accepts.
#ifndef MT5_REDIS_OWED_STOPS_MQH
#define MT5_REDIS_OWED_STOPS_MQH
#include "Mt5RedisClosing.mqh"

#define MT5R_OWED_MS  1000  // between two attempts

//+------------------------------------------------------------------+
//| Stops that are still to be set.                                  |
//+------------------------------------------------------------------+
class CMt5RedisOwedStops : public CMt5RedisClosing
  {
private:
   ulong             m_owed_ms;      // of the next attempt
   long              m_told;         // the copy of which a person was told

   bool              SetStops(const int at_);

protected:
   void              SetOwedStops(void);

public:
                     CMt5RedisOwedStops(void) : m_owed_ms(0),m_told(0) { }
  };
//+------------------------------------------------------------------+
//| Makes the attempts that are due.                                 |
//+------------------------------------------------------------------+
void CMt5RedisOwedStops::SetOwedStops(void)
  {
   bool all_=true;
   if(!m_acting || GetTickCount64()<m_owed_ms || TerminalInfoInteger(TERMINAL_CONNECTED)==0)
      return;
   for(int i_=m_book.copies.Total()-1; i_>=0; i_--)
      if(i_<m_book.copies.Total() &&
         (m_book.copies.all[i_].owed_loss>0.0 || m_book.copies.all[i_].owed_profit>0.0) &&
         m_book.copies.all[i_].goal>=MT5R_LOTS_EPSILON)
         all_=(SetStops(i_) && all_);
   if(!all_)
      m_owed_ms=GetTickCount64()+MT5R_OWED_MS;
  }
//+------------------------------------------------------------------+
//| False: another attempt is necessary.                             |
//+------------------------------------------------------------------+
bool CMt5RedisOwedStops::SetStops(const int at_)
  {
   string symbol_=m_book.copies.all[at_].symbol;
   double stop_loss_=m_book.copies.all[at_].owed_loss;
   double take_profit_=m_book.copies.all[at_].owed_profit;
   long   number_=m_book.copies.all[at_].number;
   if(!m_symbol.Select(symbol_) || !m_symbol.Priced() || !InStep(symbol_))
      return(false);
   //--- it may have ended just now
   if(at_>=m_book.copies.Total() || m_book.copies.all[at_].number!=number_)
      return(false);
   int there_=(m_book.netting ? m_book.holdings.FindBySymbol(symbol_) :
               m_book.holdings.FindById(m_book.copies.all[at_].id));
   //--- the list does not show it yet, or it nets with a larger position of the other side
   if(there_<0 || m_book.holdings.all[there_].buy!=m_book.copies.all[at_].buy)
      return(false);
   if((stop_loss_<=0.0 || m_book.holdings.all[there_].stop_loss>0.0) &&
      (take_profit_<=0.0 || m_book.holdings.all[there_].take_profit>0.0))
     {
      m_book.Owe(at_,0.0,0.0);
      return(true);
     }
   m_symbol.StopLoss(m_book.copies.all[at_].buy,stop_loss_);
   m_symbol.TakeProfit(m_book.copies.all[at_].buy,take_profit_);
   string name_=StringFormat("%s, position %I64u",symbol_,m_book.holdings.all[there_].ticket);
   if(m_orders.Change(symbol_,m_book.holdings.all[there_].ticket,stop_loss_,take_profit_)==MT5REDIS_DONE)
     {
      Print(MQLInfoString(MQL_PROGRAM_NAME),": ",name_,": the stops that were refused with its order are set");
      m_book.Owe(at_,0.0,0.0);
      return(true);
     }
   if(m_told!=number_)
      Tell(name_+" has no stops, because the trade server refuses them: "+m_orders.Answer()+
           ". Set them by hand if you can; the follower goes on trying");
   m_told=number_;
   return(false);
  }
//+------------------------------------------------------------------+
#endif
