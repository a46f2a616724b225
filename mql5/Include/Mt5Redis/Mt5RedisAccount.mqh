//+------------------------------------------------------------------+
//|                                            Mt5RedisAccount.mqh   |
//|  Publishes what happens in this account as signals.              |
//+------------------------------------------------------------------+
// The class that an Expert Advisor uses, beside the one that sends:
//
//    CMt5Redis        redis;
//    CMt5RedisAccount account;
//    OnInit:             account.Start(rules); redis.Open(config)
//    OnTimer:            account.Work(redis);
//    OnTradeTransaction: account.Mark(trans); account.Work(redis);
//    OnDeinit:           account.Stop(); redis.Close(reason);
//
// It does not matter who trades: a person, an Expert Advisor or the phone. Transactions can be lost or out of order, so they
// only mark that something happened. Each look compares the account with what was told last.
//
// While the terminal is not connected, nothing is concluded.
#ifndef MT5_REDIS_ACCOUNT_MQH
#define MT5_REDIS_ACCOUNT_MQH
#include "Mt5Redis.mqh"
#include "Mt5RedisAccountPositions.mqh"

#define MT5R_ACCOUNT_LOOK_MS     500         // between two looks when nothing is marked
#define MT5R_ACCOUNT_WAIT_MS     100         // and while it waits for the history
#define MT5R_ACCOUNT_SCAN_LOOKS  20          // how often it reads the history without a mark
#define MT5R_ACCOUNT_SEEN_MS     300000      // how often it writes until when everything was told
#define MT5R_ACCOUNT_BACK_MS     10800000    // the history before that is read again

//+------------------------------------------------------------------+
//| The publisher.                                                   |
//+------------------------------------------------------------------+
class CMt5RedisAccount : public CMt5RedisAccountPositions
  {
private:
   string            m_account;      // whose memory is open
   ulong             m_open_ms;      // when to try its memory again
   ulong             m_next_ms;      // of the next look
   ulong             m_seen_ms;      // when to write until when everything was told
   int               m_looks;
   bool              m_marked;
   string            m_error;

   bool              Ready(void);
   string            Producer(void);
   void              Look(void);
   bool              Scan(const long from_ms_,const long now_ms_);

public:
                     CMt5RedisAccount(void) : m_account(""),m_open_ms(0),m_next_ms(0),m_seen_ms(0),m_looks(0),
                                              m_marked(false),m_error("") { }
   void              Start(const SMt5RedisAccountRules &rules_);
   void              Mark(const MqlTradeTransaction &transaction_);
   void              Work(CMt5RedisRecords &redis_);
   void              Stop(void);
   string            Status(void) const;
  };
//+------------------------------------------------------------------+
void CMt5RedisAccount::Start(const SMt5RedisAccountRules &rules_)
  {
   TakeRules(rules_);
   m_account="";
   m_open_ms=0;
   m_error="";
  }
//+------------------------------------------------------------------+
//| Call it from OnTradeTransaction.                                 |
//+------------------------------------------------------------------+
void CMt5RedisAccount::Mark(const MqlTradeTransaction &transaction_)
  {
   if(transaction_.type!=TRADE_TRANSACTION_REQUEST)
      m_marked=true;
  }
//+------------------------------------------------------------------+
//| Call it from OnTimer, and from OnTradeTransaction after Mark.    |
//+------------------------------------------------------------------+
void CMt5RedisAccount::Work(CMt5RedisRecords &redis_)
  {
   m_redis=GetPointer(redis_);
   if(!Ready())
      return;
   if(TerminalInfoInteger(TERMINAL_CONNECTED)==0)
     {
      m_catching_up=true;
      m_marked=true;
      return;
     }
   ulong now_=GetTickCount64();
   if(!m_marked && now_<m_next_ms)
      return;
   if(m_told.NeedsRewrite() && !m_told.Rewrite())
      Trouble("its memory file cannot be written, so nothing is sent. Check whether the disk is full");
   else
      Look();
   m_next_ms=now_+(m_waits ? MT5R_ACCOUNT_WAIT_MS : MT5R_ACCOUNT_LOOK_MS);
  }
//+------------------------------------------------------------------+
//| Opens the account's memory, which no other program may have      |
//| open.                                                            |
//+------------------------------------------------------------------+
bool CMt5RedisAccount::Ready(void)
  {
   string account_=m_redis.DefaultInstance();
   if(MQLInfoInteger(MQL_TESTER)!=0 || !m_redis.IsOpen() || account_=="" || m_redis.AccountChanged())
      return(false);
   if(m_redis.Instance()!=account_)
      account_+="."+m_redis.Instance();
   if(account_!=m_account)
     {
      m_told.Close();
      m_account=account_;
      m_open_ms=0;
     }
   if(m_told.IsOpen())
      return(true);
   if(GetTickCount64()<m_open_ms)
      return(false);
   m_open_ms=GetTickCount64()+1000;
   if(!m_told.Open("mt5-redis-publisher\\"+account_+".txt"))
     {
      if(m_error=="")
         Alert(MQLInfoString(MQL_PROGRAM_NAME),": it waits for its memory file in MQL5\\Files\\mt5-redis-publisher: another "
               "publisher has this account, or the disk is full");
      m_error="it waits for its memory file";
      return(false);
     }
   m_error="";
   if(m_told.Damaged())
      Alert(MQLInfoString(MQL_PROGRAM_NAME),": its memory file was damaged. What it lacks is sent again, marked as found");
   m_told.Settle(Producer(),m_redis.Accepted(MT5REDIS_LANE_RTSS));
   m_catching_up=true;
   m_marked=true;
   m_looks=0;
   m_seen_ms=0;
   return(true);
  }
//+------------------------------------------------------------------+
//| The name under which the lane of signals numbers its records.    |
//+------------------------------------------------------------------+
string CMt5RedisAccount::Producer(void)
  {
   string stats_=m_redis.Stats();
   string name_="\"producer\":\"";
   int    at_=StringFind(stats_,name_,(int)MathMax(0,StringFind(stats_,"\"rtss\":")));
   return(at_<0 ? "" : StringSubstr(stats_,at_+StringLen(name_),16));
  }
//+------------------------------------------------------------------+
//| Compares the account with what was told.                         |
//+------------------------------------------------------------------+
void CMt5RedisAccount::Look(void)
  {
   long now_ms_=(long)TimeTradeServer()*1000;
   m_waits=false;
   bool scan_=(m_marked || m_catching_up || m_looks%MT5R_ACCOUNT_SCAN_LOOKS==0);
   m_marked=false;
   m_looks++;
   if(m_told.fresh && m_told.begin_ms==0)
      m_told.begin_ms=now_ms_;
   //--- the first start of all tells what is there, not what was
   bool history_=(scan_ && !m_told.fresh);
   long from_ms_=(long)MathMax(m_told.begin_ms,m_told.seen_ms-MT5R_ACCOUNT_BACK_MS);
   if(!m_holdings.Read() || (m_rules.orders && !LookAtOrders(history_,from_ms_,now_ms_)) ||
      (history_ && !Scan(from_ms_,now_ms_)))
     {
      m_waits=true;
      m_marked=(m_marked || scan_);
      return;
     }
   for(int i_=0; i_<m_holdings.Total(); i_++)
     {
      SMt5RedisHolding holding_=m_holdings.all[i_];
      int at_=m_told.Find(holding_.id,false);
      if(at_<0 || (!m_told.all[at_].ignored &&
                   (MathAbs(m_told.all[at_].lots-m_holdings.Net(i_))>MT5R_TOLD_EPSILON ||
                    MathAbs(m_told.all[at_].stop_loss-holding_.stop_loss)>MT5R_TOLD_EPSILON ||
                    MathAbs(m_told.all[at_].take_profit-holding_.take_profit)>MT5R_TOLD_EPSILON)))
         Study(holding_.id);
     }
   for(int i_=0; i_<m_told.Total(); i_++)
      if(!m_told.all[i_].order && !m_told.all[i_].ignored && m_told.all[i_].lots!=0.0 &&
         m_holdings.FindById(m_told.all[i_].id)<0)
         Study(m_told.all[i_].id);
   if(m_waits)
      return;
   m_catching_up=false;
   m_told.fresh=false;
   if(GetTickCount64()<m_seen_ms)
      return;
   m_seen_ms=GetTickCount64()+MT5R_ACCOUNT_SEEN_MS;
   m_told.Seen(now_ms_);
   m_told.Forget(m_told.seen_ms-2*MT5R_ACCOUNT_BACK_MS);
  }
//+------------------------------------------------------------------+
//| Studies the positions of recent deals that were not told.        |
//+------------------------------------------------------------------+
bool CMt5RedisAccount::Scan(const long from_ms_,const long now_ms_)
  {
   if(!HistorySelect((datetime)(from_ms_/1000),(datetime)(now_ms_/1000+86400)))
      return(false);
   long ids_[];
   int  count_=0;
   int  total_=HistoryDealsTotal();
   for(int i_=0; i_<total_; i_++)
     {
      ulong deal_=HistoryDealGetTicket(i_);
      long  id_=HistoryDealGetInteger(deal_,DEAL_POSITION_ID);
      long  type_=HistoryDealGetInteger(deal_,DEAL_TYPE);
      if(deal_==0 || id_<=0 || (type_!=DEAL_TYPE_BUY && type_!=DEAL_TYPE_SELL) ||
         HistoryDealGetInteger(deal_,DEAL_TIME_MSC)<from_ms_)
         continue;
      int at_=m_told.Find(id_,false);
      if(at_>=0 && (m_told.all[at_].ignored || m_told.all[at_].deal>=deal_))
         continue;
      int k_=count_-1;
      while(k_>=0 && ids_[k_]!=id_)
         k_--;
      if(k_>=0)
         continue;
      ArrayResize(ids_,count_+1,64);
      ids_[count_]=id_;
      count_++;
     }
   for(int i_=0; i_<count_; i_++)
      Study(ids_[i_]);
   return(true);
  }
//+------------------------------------------------------------------+
//| Call it from OnDeinit, before the session is closed.             |
//+------------------------------------------------------------------+
void CMt5RedisAccount::Stop(void)
  {
   if(m_told.IsOpen() && !m_catching_up && !m_waits)
      m_told.Seen((long)TimeTradeServer()*1000);
   m_told.Close();
   m_account="";
  }
//+------------------------------------------------------------------+
//| What it waits for, as a line for the chart; empty: nothing.      |
//+------------------------------------------------------------------+
string CMt5RedisAccount::Status(void) const
  {
   return(m_error!="" ? m_error : TroubleText());
  }
//+------------------------------------------------------------------+
#endif
