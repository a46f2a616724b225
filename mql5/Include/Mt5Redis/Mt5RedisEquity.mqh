//+------------------------------------------------------------------+
//|                                             Mt5RedisEquity.mqh   |
//|  What the account had at the start of the day, and at most.      |
//+------------------------------------------------------------------+
// The day is the trade server's. It begins with the equity at the first look on that day. The highest equity counts from
// the first look of all. Deposits, withdrawals and credits are neither profit nor loss: they move both numbers. A change of
// the balance counts when the history has the deals that explain it, because either may come first; after ten seconds it
// counts as it is.
//
// It judges nothing.
#ifndef MT5_REDIS_EQUITY_MQH
#define MT5_REDIS_EQUITY_MQH
#include "Mt5RedisMemory.mqh"

#define MT5R_EQUITY_LATE_MS   10000  // how late the history may explain a change of the balance
#define MT5R_EQUITY_STORE_MS  10000  // a new high is stored at most this often, so a crash loses no more of it
#define MT5R_EQUITY_EPSILON   0.005
#define MT5R_DAY_S            86400

//+------------------------------------------------------------------+
//| The account's equity over time.                                  |
//+------------------------------------------------------------------+
class CMt5RedisEquity
  {
private:
   long              m_day;          // since 1970; 0: unknown
   double            m_start;
   double            m_high;         // 0: unknown
   double            m_equity;
   double            m_funds;        // balance and credit, as far as deals explain them
   long              m_read_s;       // until when deals were counted, the trade server's time
   ulong             m_deal;         // the last one
   ulong             m_unclear_ms;   // since when the balance is not explained; 0: it is
   bool              m_changed;
   ulong             m_stored_ms;
   double            m_stored_high;

   bool              Explained(const double funds_,const long now_s_);
   bool              IsTransfer(const ulong deal_) const;

public:
                     CMt5RedisEquity(void) { Forget(); }
   void              Forget(void);
   bool              Look(void);
   double            Now(void) const    { return(m_equity); }
   double            Start(void) const  { return(m_start); }
   double            High(void) const   { return(m_high); }
   long              Day(void) const    { return(m_day); }
   void              BeginDay(void)     { m_day=0; }
   void              BeginHigh(void)    { m_high=0.0; }
   bool              NeedsStore(void) const;
   string            Record(void);
   bool              Take(const string record_);
  };
//+------------------------------------------------------------------+
void CMt5RedisEquity::Forget(void)
  {
   m_day=0;
   m_start=0.0;
   m_high=0.0;
   m_equity=0.0;
   m_funds=0.0;
   m_read_s=0;
   m_deal=0;
   m_unclear_ms=0;
   m_changed=false;
   m_stored_ms=0;
   m_stored_high=0.0;
  }
//+------------------------------------------------------------------+
//| Looks at the account. False: it does not tell yet.               |
//+------------------------------------------------------------------+
bool CMt5RedisEquity::Look(void)
  {
   double funds_=AccountInfoDouble(ACCOUNT_BALANCE)+AccountInfoDouble(ACCOUNT_CREDIT);
   long   now_s_=(long)TimeTradeServer();
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0 || MathAbs(funds_)<MT5R_EQUITY_EPSILON)
      return(false);
   if(m_read_s==0 || MathAbs(funds_-m_funds)>=MT5R_EQUITY_EPSILON)
     {
      if(!Explained(funds_,now_s_))
         return(false);
     }
   m_unclear_ms=0;
   m_equity=AccountInfoDouble(ACCOUNT_EQUITY);
   if(now_s_/MT5R_DAY_S>m_day)
     {
      m_day=now_s_/MT5R_DAY_S;
      m_start=m_equity;
      m_changed=true;
     }
   if(m_high==0.0 || m_equity>m_high)
      m_high=m_equity;
   return(true);
  }
//+------------------------------------------------------------------+
//| Whether new deals add up to the change of the funds. What was    |
//| transferred moves the numbers to compare with.                   |
//+------------------------------------------------------------------+
bool CMt5RedisEquity::Explained(const double funds_,const long now_s_)
  {
   double sum_=0.0;
   double transferred_=0.0;
   ulong  last_=m_deal;
   bool   first_=(m_read_s==0);
   long   from_s_=(first_ ? now_s_ : m_read_s)-MT5R_DAY_S;
   if(!HistorySelect((datetime)from_s_,(datetime)(now_s_+MT5R_DAY_S)))
      return(false);
   for(int i_=HistoryDealsTotal()-1; i_>=0; i_--)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      if(deal_<=m_deal)
         continue;
      double profit_=HistoryDealGetDouble(deal_,DEAL_PROFIT);
      sum_+=profit_+HistoryDealGetDouble(deal_,DEAL_SWAP)+HistoryDealGetDouble(deal_,DEAL_COMMISSION)+
            HistoryDealGetDouble(deal_,DEAL_FEE);
      if(IsTransfer(deal_))
         transferred_+=profit_;
      last_=(ulong)MathMax(last_,deal_);
     }
   bool adds_up_=(MathAbs(m_funds+sum_-funds_)<MT5R_EQUITY_EPSILON);
   if(!first_ && !adds_up_)
     {
      if(m_unclear_ms==0)
         m_unclear_ms=GetTickCount64();
      if(GetTickCount64()-m_unclear_ms<MT5R_EQUITY_LATE_MS)
         return(false);
     }
   if(!first_ && adds_up_)
     {
      m_start+=transferred_;
      m_high+=(m_high>0.0 ? transferred_ : 0.0);
     }
   m_funds=funds_;
   m_deal=last_;
   m_read_s=now_s_;
   m_changed=true;
   return(true);
  }
//+------------------------------------------------------------------+
//| Whether a deal is neither profit nor cost of trading.            |
//+------------------------------------------------------------------+
bool CMt5RedisEquity::IsTransfer(const ulong deal_) const
  {
   long type_=HistoryDealGetInteger(deal_,DEAL_TYPE);
   return(type_==DEAL_TYPE_BALANCE || type_==DEAL_TYPE_CREDIT || type_==DEAL_TYPE_CORRECTION || type_==DEAL_TYPE_BONUS);
  }
//+------------------------------------------------------------------+
bool CMt5RedisEquity::NeedsStore(void) const
  {
   return(m_changed || (m_high!=m_stored_high && GetTickCount64()-m_stored_ms>=MT5R_EQUITY_STORE_MS));
  }
//+------------------------------------------------------------------+
//| All of it as a record of the memory.                             |
//+------------------------------------------------------------------+
string CMt5RedisEquity::Record(void)
  {
   m_changed=false;
   m_stored_ms=GetTickCount64();
   m_stored_high=m_high;
   return("equity\t"+IntegerToString(m_day)+"\t"+DoubleToString(m_start,8)+"\t"+DoubleToString(m_high,8)+"\t"+
          DoubleToString(m_funds,8)+"\t"+IntegerToString(m_read_s)+"\t"+IntegerToString((long)m_deal));
  }
//+------------------------------------------------------------------+
//| Reads a record of the memory. False: it is none of these.        |
//+------------------------------------------------------------------+
bool CMt5RedisEquity::Take(const string record_)
  {
   string fields_[];
   if(StringSplit(record_,MT5R_FIELD,fields_)!=7 || fields_[0]!="equity")
      return(false);
   m_day=StringToInteger(fields_[1]);
   m_start=StringToDouble(fields_[2]);
   m_high=StringToDouble(fields_[3]);
   m_funds=StringToDouble(fields_[4]);
   m_read_s=StringToInteger(fields_[5]);
   m_deal=(ulong)StringToInteger(fields_[6]);
   m_stored_high=m_high;
   return(true);
  }
//+------------------------------------------------------------------+
#endif
