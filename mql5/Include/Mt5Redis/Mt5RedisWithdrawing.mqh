//+------------------------------------------------------------------+
//|                                        Mt5RedisWithdrawing.mqh   |
//|  Deletes orders that wait while nothing may be opened.           |
//+------------------------------------------------------------------+
// What a pending order opens is an opening. So while a halt, or a guard that lets nothing open, is in force, the orders with
// the follower's magic number are deleted, also one that appears late. They are not placed again: if the source's order is
// filled after that, its position is copied at the market, within the limits.
#ifndef MT5_REDIS_WITHDRAWING_MQH
#define MT5_REDIS_WITHDRAWING_MQH
#include "Mt5RedisGuards.mqh"

//+------------------------------------------------------------------+
//| The orders that may not wait.                                    |
//+------------------------------------------------------------------+
class CMt5RedisWithdrawing : public CMt5RedisGuards
  {
private:
   ulong             m_next_ms;      // when it looks again
   ulong             m_since_ms;     // since when an order could not be deleted; 0: each could
   bool              m_told;

   string            Forbidden(const string symbol_) const;

protected:
   void              Withdraw(const bool acts_);

public:
                     CMt5RedisWithdrawing(void) : m_next_ms(0),m_since_ms(0),m_told(false) { }
  };
//+------------------------------------------------------------------+
//| Why nothing may be opened in a symbol; empty: it may.            |
//+------------------------------------------------------------------+
string CMt5RedisWithdrawing::Forbidden(const string symbol_) const
  {
   if(m_halted!="")
      return("halted by "+m_halted);
   int at_=m_acted.Forbids(symbol_);
   return(at_<0 ? "" : m_acted.Named(at_));
  }
//+------------------------------------------------------------------+
//| Deletes them, and tries each second what was refused. A person   |
//| is told of an order that stays.                                  |
//+------------------------------------------------------------------+
void CMt5RedisWithdrawing::Withdraw(const bool acts_)
  {
   ulong now_=GetTickCount64();
   if(!acts_ || m_rules.dry_run || now_<m_next_ms)
      return;
   m_next_ms=now_+MT5R_PAUSE_OPEN_MS;
   string left_="";
   for(int i_=OrdersTotal()-1; i_>=0; i_--)
     {
      ulong ticket_=m_orders.Waiting(i_);
      string why_=(ticket_==0 ? "" : Forbidden(OrderGetString(ORDER_SYMBOL)));
      if(why_=="")
         continue;
      string order_=StringFormat("pending order %I64u of %s",ticket_,OrderGetString(ORDER_SYMBOL));
      if(m_orders.Remove(ticket_)==MT5REDIS_DONE)
         PrintFormat("%s: the %s is deleted: %s",MQLInfoString(MQL_PROGRAM_NAME),order_,why_);
      else
         left_="the "+order_+" could not be deleted yet: the trade server answers "+m_orders.Answer();
     }
   if(left_=="")
     {
      m_since_ms=0;
      m_told=false;
      return;
     }
   if(m_since_ms==0)
      m_since_ms=now_;
   if(m_told || now_-m_since_ms<MT5R_TRY_FOR_MS)
      return;
   m_told=true;
   Tell(left_+". It goes on trying; delete it by hand if you can");
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
