//+------------------------------------------------------------------+
//|                                            Mt5RedisSession.mqh   |
//|  One session with the library: open, close, wait, errors, log.   |
//+------------------------------------------------------------------+
// The base of CMt5Redis. It knows the instance, keeps the text of the last error and prints the library's log lines. It
// knows nothing of records.
//
// Open returns true even if it must wait, for the first login or for another program to release the journal. The session
// then opens by itself as soon as it can. It opens again when the terminal changes to another account.
//
// In the strategy tester a session opens without the library, and all its methods do nothing.
#ifndef MT5_REDIS_SESSION_MQH
#define MT5_REDIS_SESSION_MQH
#include "Mt5RedisApi.mqh"

#define MT5R_SESSION_TEXT_UNITS       8192  // enough for the statistics, the longest text
#define MT5R_SESSION_EVENTS_A_CALL    50
#define MT5R_SESSION_INSTANCE_LENGTH  40    // bytes; the allowed characters have one byte each
#define MT5R_SESSION_REPEAT_MS        60000 // a lasting error is printed again after this time
#define MT5R_SESSION_AGAIN_MS         1000  // between two attempts to open

//+------------------------------------------------------------------+
//| A session.                                                       |
//+------------------------------------------------------------------+
class CMt5RedisSession
  {
private:
   string            m_instance;
   string            m_identity;       // configuration, instance and account of the last Open
   string            m_config;         // what Open was given
   string            m_given;
   bool              m_wanted;         // to be open, now or as soon as it can be
   ulong             m_again_ms;       // the next attempt
   string            m_open_error;     // why the last attempt failed
   int               m_open_code;
   long              m_login;
   string            m_server;
   bool              m_tester;
   string            m_halt_reason;
   int               m_error_code;
   string            m_error_text;
   bool              m_error_new;
   string            m_error_printed;
   ulong             m_error_printed_at;

   bool              OpenNow(void);
   bool              OpenAgain(void);
   bool              Failed(void);
   bool              Passes(void) const;

protected:
   long              m_handle;         // 0: not open
   ushort            m_units[];        // for the texts of the library

   string            Text(const int length_) const;
   long              Checked(const long result_);
   long              Refuse(const int code_,const string text_);
   long              NotOpen(void);
   //--- called by Open; same: what was published before still holds
   virtual void      OnOpened(const bool same_) { }
   //--- called when the session opened by itself: what was asked of it before is asked again
   virtual void      OnOpenedAgain(void) { }
   //--- it is not open yet, and will be as soon as it can
   bool              IsWaiting(void) const     { return(m_handle<=0 && m_wanted); }
   //--- whether it is open; where it is not and was asked to be, it tries
   bool              Ready(void);

public:
                     CMt5RedisSession(void);
                    ~CMt5RedisSession(void) { Close(); }

   bool              Open(const string config_,const string instance_="");
   bool              Close(const int reason_=REASON_REMOVE);
   bool              IsOpen(void) const        { return(m_handle>0 || m_tester); }
   string            Instance(void) const      { return(m_instance); }
   string            DefaultInstance(void) const;
   bool              AccountChanged(void) const;
   virtual string    Trouble(void) const;

   int               Halted(void);
   string            HaltReason(void) const    { return(m_halt_reason); }

   string            Version(void);
   int               PrintEvents(void);
   int               ErrorCode(void) const     { return(m_error_code); }
   string            ErrorText(void) const     { return(m_error_text); }
  };
//+------------------------------------------------------------------+
CMt5RedisSession::CMt5RedisSession(void) : m_instance(""),m_identity(""),m_config(""),m_given(""),m_wanted(false),
   m_again_ms(0),m_open_error(""),m_open_code(MT5REDIS_OK),m_login(0),m_server(""),
   m_tester(MQLInfoInteger(MQL_TESTER)!=0),m_halt_reason(""),m_error_code(MT5REDIS_OK),m_error_text(""),
   m_error_new(false),m_error_printed(""),m_error_printed_at(0),m_handle(0)
  {
   ArrayResize(m_units,MT5R_SESSION_TEXT_UNITS);
  }
//+------------------------------------------------------------------+
//| Opens the session, at once or as soon as it can; false: it never |
//| can. Returns immediately and connects in the background.         |
//| config:   one redis:// URL for all lanes, or a TOML file in      |
//|           MQL5\Files                                             |
//| instance: whose records these are; default: <login>.<server>     |
//+------------------------------------------------------------------+
bool CMt5RedisSession::Open(const string config_,const string instance_)
  {
   if(m_tester)
      return(true);
   Close(REASON_PARAMETERS);
   m_config=config_;
   m_given=instance_;
   m_wanted=(OpenNow() || Passes());
   return(m_wanted);
  }
//+------------------------------------------------------------------+
//| Whether the last attempt to open failed for a temporary reason.  |
//+------------------------------------------------------------------+
bool CMt5RedisSession::Passes(void) const
  {
   switch(m_open_code)
     {
      case MT5REDIS_ERR_INSTANCE:
         return(m_given=="" && AccountInfoInteger(ACCOUNT_LOGIN)<=0);
      case MT5REDIS_ERR_TOO_MANY_HANDLES:
      case MT5REDIS_ERR_THREAD:
      case MT5REDIS_ERR_JOURNAL:
      case MT5REDIS_ERR_JOURNAL_LOCKED:
      case MT5REDIS_ERR_JOURNAL_FULL:
         return(true);
     }
   return(false);
  }
//+------------------------------------------------------------------+
bool CMt5RedisSession::Ready(void)
  {
   if(m_handle>0 && AccountInfoInteger(ACCOUNT_LOGIN)==m_login)
      return(true);
   return(OpenAgain());
  }
//+------------------------------------------------------------------+
//| Tries to open again, once a second.                              |
//+------------------------------------------------------------------+
bool CMt5RedisSession::OpenAgain(void)
  {
   ulong now_=GetTickCount64();
   if(m_tester || !m_wanted || (m_handle>0 && !AccountChanged()) || now_<m_again_ms)
      return(m_handle>0);
   m_again_ms=now_+MT5R_SESSION_AGAIN_MS;
   if(m_handle>0)
     {
      long handle_=m_handle;
      m_handle=0;
      Checked(mt5redis_close(handle_,200));
     }
   if(OpenNow())
      OnOpenedAgain();
   else
      if(!Passes())
        {
         m_wanted=false;
         Alert(MQLInfoString(MQL_PROGRAM_NAME),": ",m_open_error);
        }
   return(m_handle>0);
  }
//+------------------------------------------------------------------+
bool CMt5RedisSession::OpenNow(void)
  {
   m_open_code=MT5REDIS_OK;
   if(Checked(mt5redis_abi(MT5REDIS_ABI_VERSION,(int)sizeof(mt5redis_instance_t),(int)sizeof(mt5redis_trade_t),
                           (int)sizeof(mt5redis_signal_t)))<0)
      return(Failed());

   m_login=AccountInfoInteger(ACCOUNT_LOGIN);
   m_server=AccountInfoString(ACCOUNT_SERVER);
   m_instance=(m_given=="" ? DefaultInstance() : m_given);
   if(m_instance=="")
     {
      Refuse(MT5REDIS_ERR_INSTANCE,"the terminal has no account yet: log in, or pass an instance id");
      return(Failed());
     }
   long handle_=Checked(mt5redis_open(m_config,m_instance,TerminalInfoString(TERMINAL_DATA_PATH)+"\\MQL5\\Files"));
   if(handle_<=0)
      return(Failed());
   m_handle=handle_;

   string identity_=m_config+"\n"+m_instance+"\n"+IntegerToString(m_login)+"\n"+m_server;
   bool   same_=(identity_==m_identity);
   m_identity=identity_;
   OnOpened(same_);
   return(true);
  }
//+------------------------------------------------------------------+
//| Keeps the reason why it could not be opened.                     |
//+------------------------------------------------------------------+
bool CMt5RedisSession::Failed(void)
  {
   m_open_code=m_error_code;
   m_open_error=m_error_text;
   return(false);
  }
//+------------------------------------------------------------------+
//| Closes the session; pass OnDeinit's reason. True: everything     |
//| published has reached Redis. The rest is sent in the background  |
//| while the terminal runs, so it waits only when the terminal ends |
//| (OnDeinit has 2.5 s).                                            |
//+------------------------------------------------------------------+
bool CMt5RedisSession::Close(const int reason_)
  {
   m_wanted=false;
   m_open_code=MT5REDIS_OK;
   if(m_handle<=0)
      return(true);
   int timeout_ms_=200;
   switch(reason_)
     {
      case REASON_CLOSE:
         timeout_ms_=2000;
         break;
      case REASON_PROGRAM:
      case REASON_REMOVE:
      case REASON_CHARTCLOSE:
         timeout_ms_=1000;
         break;
     }
   PrintEvents();
   long handle_=m_handle;
   m_handle=0;
   return(Checked(mt5redis_close(handle_,timeout_ms_))>=0);
  }
//+------------------------------------------------------------------+
//| <login>.<server>, with every character except A-Z a-z 0-9 . _ -  |
//| replaced by '-'; empty before the first login.                   |
//+------------------------------------------------------------------+
string CMt5RedisSession::DefaultInstance(void) const
  {
   long login_=AccountInfoInteger(ACCOUNT_LOGIN);
   if(login_<=0)
      return("");
   string id_=IntegerToString(login_)+"."+AccountInfoString(ACCOUNT_SERVER);
   id_=StringSubstr(id_,0,MT5R_SESSION_INSTANCE_LENGTH);
   for(int i_=StringLen(id_)-1; i_>=0; i_--)
     {
      ushort unit_=StringGetCharacter(id_,i_);
      bool   plain_=((unit_>='A' && unit_<='Z') || (unit_>='a' && unit_<='z') || (unit_>='0' && unit_<='9') ||
                    unit_=='.' || unit_=='_' || unit_=='-');
      if(!plain_)
         StringSetCharacter(id_,i_,'-');
     }
   return(id_);
  }
//+------------------------------------------------------------------+
//| Whether the terminal has another account than at Open: close and |
//| open again. MetaTrader restarts the program when the account     |
//| changes, but not after a late first login.                       |
//+------------------------------------------------------------------+
bool CMt5RedisSession::AccountChanged(void) const
  {
   long login_=AccountInfoInteger(ACCOUNT_LOGIN);
   return(m_handle>0 && login_>0 && (login_!=m_login || AccountInfoString(ACCOUNT_SERVER)!=m_server));
  }
//+------------------------------------------------------------------+
//| Why it is not open, for the chart; empty: it is open, or need    |
//| not be.                                                          |
//+------------------------------------------------------------------+
string CMt5RedisSession::Trouble(void) const
  {
   return(m_handle<=0 && m_open_code<0 ? m_open_error : "");
  }
//+------------------------------------------------------------------+
//| Whether an operator has halted this instance: MT5REDIS_HALT_NONE,|
//| _ENTRIES or _ALL, or an error code. Ask before each opening, and |
//| open nothing unless it is MT5REDIS_HALT_NONE. HaltReason then    |
//| says who halts and why. In the strategy tester there is no halt. |
//+------------------------------------------------------------------+
int CMt5RedisSession::Halted(void)
  {
   if(!Ready())
      return((int)NotOpen());
   int halt_=(int)Checked(mt5redis_halted(m_handle,m_units,ArraySize(m_units)));
   if(halt_>=0)
      m_halt_reason=(halt_==MT5REDIS_HALT_NONE ? "" : ShortArrayToString(m_units));
   return(halt_);
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
//| Prints the library's log lines and new errors in the Experts     |
//| tab. Returns the number of lines.                                |
//+------------------------------------------------------------------+
int CMt5RedisSession::PrintEvents(void)
  {
   int lines_=0;
   if(m_handle<=0 || AccountChanged())
      OpenAgain();
   while(m_handle>0 && lines_<MT5R_SESSION_EVENTS_A_CALL)
     {
      int length_=(int)Checked(mt5redis_next_event(m_handle,m_units,ArraySize(m_units)));
      if(length_<=0)
         break;
      Print("mt5-redis ",m_instance,": ",Text(length_));
      lines_++;
     }
   ulong now_=GetTickCount64();
   if(m_error_new && (m_error_text!=m_error_printed || now_-m_error_printed_at>=MT5R_SESSION_REPEAT_MS))
     {
      m_error_printed=m_error_text;
      m_error_printed_at=now_;
      Print("mt5-redis ",m_instance,": error ",m_error_code,": ",m_error_text);
      lines_++;
     }
   m_error_new=false;
   return(lines_);
  }
//+------------------------------------------------------------------+
//| Keeps the text of a failed call, which the library has only      |
//| until the next call fails.                                       |
//+------------------------------------------------------------------+
long CMt5RedisSession::Checked(const long result_)
  {
   if(result_<0)
      Refuse((int)result_,Text(mt5redis_last_error(m_units,ArraySize(m_units))));
   return(result_);
  }
//+------------------------------------------------------------------+
long CMt5RedisSession::Refuse(const int code_,const string text_)
  {
   m_error_code=code_;
   m_error_text=text_;
   m_error_new=true;
   return(code_);
  }
//+------------------------------------------------------------------+
long CMt5RedisSession::NotOpen(void)
  {
   if(m_tester)
      return(0);
   if(m_open_code<0)
      return(Refuse(m_open_code,m_open_error));
   return(Refuse(MT5REDIS_ERR_HANDLE,"the session is not open: call Open first, and see whether it returned true"));
  }
//+------------------------------------------------------------------+
string CMt5RedisSession::Text(const int length_) const
  {
   if(length_<=0)
      return("");
   return(ShortArrayToString(m_units,0,(int)MathMin(length_,MT5R_SESSION_TEXT_UNITS-1)));
  }
//+------------------------------------------------------------------+
#endif
