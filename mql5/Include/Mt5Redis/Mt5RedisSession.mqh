//+------------------------------------------------------------------+
//|                                            Mt5RedisSession.mqh   |
//|  One session with the library: open, close, wait, errors, log.   |
//+------------------------------------------------------------------+
// The base of CMt5Redis. It knows which instance speaks, keeps the sentence of the last error and prints
// the library's log lines. It knows nothing of accounts and positions.
//
// In the strategy tester a session opens without the library, and everything it is asked does nothing.
#ifndef MT5_REDIS_SESSION_MQH
#define MT5_REDIS_SESSION_MQH
#include "Mt5RedisApi.mqh"

#define SESSION_TEXT_UNITS       8192  // holds the statistics, the longest text there is
#define SESSION_EVENTS_A_CALL    50
#define SESSION_INSTANCE_LENGTH  40    // bytes; the characters allowed have one byte each
#define SESSION_REPEAT_MS        60000 // an error that stays is printed again after this time

//+------------------------------------------------------------------+
//| A session.                                                       |
//+------------------------------------------------------------------+
class CMt5RedisSession
  {
private:
   string            m_instance;
   string            m_identity;       // configuration, instance and account of the last Open
   long              m_login;
   string            m_server;
   bool              m_tester;
   int               m_error_code;
   string            m_error_text;
   bool              m_error_new;
   string            m_error_printed;
   ulong             m_error_printed_at;
   ushort            m_units[];

   string            Text(const int length) const;

protected:
   long              m_handle;         // 0: not open

   long              Checked(const long result);
   long              Refuse(const int code,const string text);
   long              NotOpen(void);
   int               ServerOffset(void) const;
   long              ServerToUtc(const long server_ms) const;
   string            Cut(const string text,const int bytes) const;
   //--- called by Open; same: what was published before still holds
   virtual void      OnOpened(const bool same) { }

public:
                     CMt5RedisSession(void);
                    ~CMt5RedisSession(void) { Close(); }

   bool              Open(const string config,const string instance="");
   bool              Close(const int reason=REASON_REMOVE);
   bool              IsOpen(void) const        { return(m_handle>0 || m_tester); }
   string            Instance(void) const      { return(m_instance); }
   string            DefaultInstance(void) const;
   bool              AccountChanged(void) const;

   bool              Flush(const int timeout_ms);
   long              Committed(const int lane);
   int               Status(const int lane,const long sequence);
   int               Throttle(void);
   int               IntervalMs(const int lane);
   string            Stats(void);
   string            Version(void);
   int               PrintEvents(void);
   int               ErrorCode(void) const     { return(m_error_code); }
   string            ErrorText(void) const     { return(m_error_text); }

   //--- for records you fill yourself; each returns its sequence number, or an error code below 0
   long              SendInstance(const mt5redis_instance_t &state,const string agent);
   long              SendTrade(const mt5redis_trade_t &state,const string symbol,const string comment);
   long              SendSignal(const mt5redis_signal_t &signal,const string symbol,const string comment);
   long              SendOpenPositions(const long &positions[],const int count);
  };
//+------------------------------------------------------------------+
CMt5RedisSession::CMt5RedisSession(void) : m_instance(""),m_identity(""),m_login(0),m_server(""),
   m_tester(MQLInfoInteger(MQL_TESTER)!=0),m_error_code(MT5REDIS_OK),m_error_text(""),
   m_error_new(false),m_error_printed(""),m_error_printed_at(0),m_handle(0)
  {
   ArrayResize(m_units,SESSION_TEXT_UNITS);
  }
//+------------------------------------------------------------------+
//| Opens the session. It returns at once: connecting goes on in the |
//| background, and what is published meanwhile waits.               |
//| config:   one redis:// URL for all lanes, or a TOML file in      |
//|           MQL5\Files                                             |
//| instance: whose records these are; default: <login>.<server>     |
//+------------------------------------------------------------------+
bool CMt5RedisSession::Open(const string config,const string instance)
  {
   if(m_tester)
      return(true);
   Close(REASON_PARAMETERS);
   if(Checked(mt5redis_abi(MT5REDIS_ABI_VERSION,(int)sizeof(mt5redis_instance_t),(int)sizeof(mt5redis_trade_t),
                           (int)sizeof(mt5redis_signal_t)))<0)
      return(false);

   m_login=AccountInfoInteger(ACCOUNT_LOGIN);
   m_server=AccountInfoString(ACCOUNT_SERVER);
   m_instance=(instance=="" ? DefaultInstance() : instance);
   if(m_instance=="")
     {
      Refuse(MT5REDIS_ERR_INSTANCE,"the terminal has no account yet: log in, then open again, or pass an instance id");
      return(false);
     }
   long handle=Checked(mt5redis_open(config,m_instance,TerminalInfoString(TERMINAL_DATA_PATH)+"\\MQL5\\Files"));
   if(handle<=0)
      return(false);
   m_handle=handle;

   string identity=config+"\n"+m_instance+"\n"+IntegerToString(m_login)+"\n"+m_server;
   bool   same=(identity==m_identity);
   m_identity=identity;
   OnOpened(same);
   return(true);
  }
//+------------------------------------------------------------------+
//| Closes the session; pass OnDeinit's reason. True when everything |
//| published has reached Redis. What has not goes on by itself for  |
//| as long as the terminal runs, so only its end is worth a wait    |
//| (OnDeinit has 2.5 s).                                            |
//+------------------------------------------------------------------+
bool CMt5RedisSession::Close(const int reason)
  {
   if(m_handle<=0)
      return(true);
   int timeout_ms=200;
   switch(reason)
     {
      case REASON_CLOSE:
         timeout_ms=2000;
         break;
      case REASON_PROGRAM:
      case REASON_REMOVE:
      case REASON_CHARTCLOSE:
         timeout_ms=1000;
         break;
     }
   PrintEvents();
   long handle=m_handle;
   m_handle=0;
   return(Checked(mt5redis_close(handle,timeout_ms))>=0);
  }
//+------------------------------------------------------------------+
//| <login>.<server>, every character but A-Z a-z 0-9 . _ - replaced |
//| by '-'; empty while the terminal has no account.                 |
//+------------------------------------------------------------------+
string CMt5RedisSession::DefaultInstance(void) const
  {
   long login=AccountInfoInteger(ACCOUNT_LOGIN);
   if(login<=0)
      return("");
   string id=StringSubstr(IntegerToString(login)+"."+AccountInfoString(ACCOUNT_SERVER),0,SESSION_INSTANCE_LENGTH);
   for(int i=StringLen(id)-1; i>=0; i--)
     {
      ushort unit=StringGetCharacter(id,i);
      bool   plain=((unit>='A' && unit<='Z') || (unit>='a' && unit<='z') || (unit>='0' && unit<='9') ||
                    unit=='.' || unit=='_' || unit=='-');
      if(!plain)
         StringSetCharacter(id,i,'-');
     }
   return(id);
  }
//+------------------------------------------------------------------+
//| Whether the terminal has another account now than at Open: close |
//| and open again. MetaTrader restarts the program when the account |
//| changes, but not when the first login comes late.                |
//+------------------------------------------------------------------+
bool CMt5RedisSession::AccountChanged(void) const
  {
   long login=AccountInfoInteger(ACCOUNT_LOGIN);
   return(m_handle>0 && login>0 && (login!=m_login || AccountInfoString(ACCOUNT_SERVER)!=m_server));
  }
//+------------------------------------------------------------------+
//| Waits until everything published has reached Redis, at most      |
//| timeout_ms; heartbeats last, and only while they can be written. |
//| False also when records were put aside since it was asked last.  |
//| Not for OnTick: the Expert Advisor stands meanwhile.             |
//+------------------------------------------------------------------+
bool CMt5RedisSession::Flush(const int timeout_ms)
  {
   if(m_handle<=0)
      return(NotOpen()==0);
   return(Checked(mt5redis_flush(m_handle,timeout_ms))>=0);
  }
//+------------------------------------------------------------------+
//| The sequence number up to which everything on a lane             |
//| (MT5REDIS_LANE_*) has reached Redis: before the first record     |
//| that was put aside.                                              |
//+------------------------------------------------------------------+
long CMt5RedisSession::Committed(const int lane)
  {
   if(m_handle<=0)
      return(NotOpen());
   return(Checked(mt5redis_committed(m_handle,lane)));
  }
//+------------------------------------------------------------------+
//| Where the record is that a call on a lane returned this sequence |
//| number for: one of MT5REDIS_STATUS_*, or an error code.          |
//+------------------------------------------------------------------+
int CMt5RedisSession::Status(const int lane,const long sequence)
  {
   if(m_handle<=0)
      return((int)NotOpen());
   return((int)Checked(mt5redis_status(m_handle,lane,sequence)));
  }
//+------------------------------------------------------------------+
//| How much pressure there is: 0 normal, 1 slow, 2 heavy,           |
//| 3 critical; below 0 an error code. The library acts on it by     |
//| itself.                                                          |
//+------------------------------------------------------------------+
int CMt5RedisSession::Throttle(void)
  {
   if(m_handle<=0)
      return((int)NotOpen());
   return((int)Checked(mt5redis_throttle(m_handle)));
  }
//+------------------------------------------------------------------+
//| How far apart to send what can wait on a lane, ms: heartbeats on |
//| MT5REDIS_LANE_RIS, prices of positions on MT5REDIS_LANE_RTS.     |
//| 0: as it comes; INT_MAX: not now; below 0 an error code.         |
//+------------------------------------------------------------------+
int CMt5RedisSession::IntervalMs(const int lane)
  {
   if(m_handle<=0)
      return((int)NotOpen());
   return((int)Checked(mt5redis_interval_ms(m_handle,lane)));
  }
//+------------------------------------------------------------------+
//| Counters and latencies of all lanes, as JSON.                    |
//+------------------------------------------------------------------+
string CMt5RedisSession::Stats(void)
  {
   if(m_handle<=0)
     {
      NotOpen();
      return("");
     }
   return(Text((int)Checked(mt5redis_stats(m_handle,m_units,ArraySize(m_units)))));
  }
//+------------------------------------------------------------------+
//| The library's version.                                           |
//+------------------------------------------------------------------+
string CMt5RedisSession::Version(void)
  {
   if(m_tester)
      return("");
   return(Text(mt5redis_version(m_units,ArraySize(m_units))));
  }
//+------------------------------------------------------------------+
//| Prints the library's log lines and the errors of the calls since |
//| the last time in the Experts tab. Returns the number of lines.   |
//+------------------------------------------------------------------+
int CMt5RedisSession::PrintEvents(void)
  {
   int lines=0;
   while(m_handle>0 && lines<SESSION_EVENTS_A_CALL)
     {
      int length=(int)Checked(mt5redis_next_event(m_handle,m_units,ArraySize(m_units)));
      if(length<=0)
         break;
      Print("mt5-redis ",m_instance,": ",Text(length));
      lines++;
     }
   ulong now=GetTickCount64();
   if(m_error_new && (m_error_text!=m_error_printed || now-m_error_printed_at>=SESSION_REPEAT_MS))
     {
      m_error_printed=m_error_text;
      m_error_printed_at=now;
      Print("mt5-redis ",m_instance,": error ",m_error_code,": ",m_error_text);
      lines++;
     }
   m_error_new=false;
   return(lines);
  }
//+------------------------------------------------------------------+
//| Queues a state of the terminal and its account.                  |
//+------------------------------------------------------------------+
long CMt5RedisSession::SendInstance(const mt5redis_instance_t &state,const string agent)
  {
   if(m_handle<=0)
      return(NotOpen());
   return(Checked(mt5redis_instance_state(m_handle,state,Cut(AccountInfoString(ACCOUNT_SERVER),64),
                                          Cut(AccountInfoString(ACCOUNT_COMPANY),96),
                                          Cut(AccountInfoString(ACCOUNT_CURRENCY),16),Cut(agent,48))));
  }
//+------------------------------------------------------------------+
//| Queues a state of one position.                                  |
//+------------------------------------------------------------------+
long CMt5RedisSession::SendTrade(const mt5redis_trade_t &state,const string symbol,const string comment)
  {
   if(m_handle<=0)
      return(NotOpen());
   return(Checked(mt5redis_trade_state(m_handle,state,symbol,comment)));
  }
//+------------------------------------------------------------------+
//| Queues a signal.                                                 |
//+------------------------------------------------------------------+
long CMt5RedisSession::SendSignal(const mt5redis_signal_t &signal,const string symbol,const string comment)
  {
   if(m_handle<=0)
      return(NotOpen());
   return(Checked(mt5redis_signal(m_handle,signal,symbol,comment)));
  }
//+------------------------------------------------------------------+
//| Queues the set of open positions: these, and no others. The      |
//| array must have an element even when count is 0.                 |
//+------------------------------------------------------------------+
long CMt5RedisSession::SendOpenPositions(const long &positions[],const int count)
  {
   if(m_handle<=0)
      return(NotOpen());
   return(Checked(mt5redis_open_positions(m_handle,0,positions,count)));
  }
//+------------------------------------------------------------------+
//| Keeps the sentence of a failed call: the library has it only     |
//| until the next one fails.                                        |
//+------------------------------------------------------------------+
long CMt5RedisSession::Checked(const long result)
  {
   if(result<0)
      Refuse((int)result,Text(mt5redis_last_error(m_units,ArraySize(m_units))));
   return(result);
  }
//+------------------------------------------------------------------+
long CMt5RedisSession::Refuse(const int code,const string text)
  {
   m_error_code=code;
   m_error_text=text;
   m_error_new=true;
   return(code);
  }
//+------------------------------------------------------------------+
long CMt5RedisSession::NotOpen(void)
  {
   if(m_tester)
      return(0);
   return(Refuse(MT5REDIS_ERR_HANDLE,"the session is not open: call Open first, and see whether it returned true"));
  }
//+------------------------------------------------------------------+
//| Trade server's clock minus UTC, seconds. Both clocks are read a  |
//| moment apart and the server's is an estimate, hence the rounding |
//| to a quarter of an hour, the finest step of any time zone.       |
//+------------------------------------------------------------------+
int CMt5RedisSession::ServerOffset(void) const
  {
   double quarters=(double)((long)TimeTradeServer()-(long)TimeGMT())/900.0;
   if(MathAbs(quarters)>96.0)
      return(0);
   return((int)MathRound(quarters)*900);
  }
//+------------------------------------------------------------------+
//| A time of the trade server as UTC, both in ms.                   |
//+------------------------------------------------------------------+
long CMt5RedisSession::ServerToUtc(const long server_ms) const
  {
   return((long)MathMax(0,server_ms-(long)ServerOffset()*1000));
  }
//+------------------------------------------------------------------+
//| The text, cut to so many bytes of UTF-8: what the broker chose   |
//| to be longer than the library takes cannot be changed here.      |
//+------------------------------------------------------------------+
string CMt5RedisSession::Cut(const string text,const int bytes) const
  {
   int length=StringLen(text);
   int sum=0;
   for(int i=0; i<length; i++)
     {
      ushort unit=StringGetCharacter(text,i);
      sum+=(unit<0x80 ? 1 : (unit<0x800 ? 2 : 3));
      if(sum>bytes)
         return(StringSubstr(text,0,i));
     }
   return(text);
  }
//+------------------------------------------------------------------+
string CMt5RedisSession::Text(const int length) const
  {
   if(length<=0)
      return("");
   return(ShortArrayToString(m_units,0,(int)MathMin(length,SESSION_TEXT_UNITS-1)));
  }
//+------------------------------------------------------------------+
#endif
