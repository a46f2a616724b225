//+------------------------------------------------------------------+
//|                                           Mt5RedisFollower.mqh   |
//|  Signals of other terminals, read from Redis.                    |
//+------------------------------------------------------------------+
// The part of CMt5Redis that reads; it can be used by itself:
//
//    CMt5RedisFollower redis;
//    OnInit:   redis.Open(config) && redis.Subscribe("5012345.Demo-Server,5012346.Demo-Server")
//    OnTimer:  while(redis.Next(signal)>0) { act on it; redis.Report(signal,report);
//                                            redis.Acknowledge(signal.data.number); }
//    OnDeinit: redis.Close(reason)
//
// No method waits. A signal that was not acknowledged comes again after a restart, so use its Mark to act on it only
// once. Next returns MT5REDIS_ERR_GAP, once, if signals were deleted before they were read. Of two terminals that follow
// under one name only one gets the signals; the other stands by.
#ifndef MT5_REDIS_FOLLOWER_MQH
#define MT5_REDIS_FOLLOWER_MQH
#include "Mt5RedisMark.mqh"
#include "Mt5RedisRecords.mqh"

//+------------------------------------------------------------------+
//| A signal and its texts.                                          |
//+------------------------------------------------------------------+
struct SFollowedSignal
  {
   mt5redis_received_t data;
   string            instance;         // its source; for a gap, whose signals are missing
   string            symbol;           // the source's name of it
   string            comment;
  };

//+------------------------------------------------------------------+
//| A session that reads.                                            |
//+------------------------------------------------------------------+
class CMt5RedisFollower : public CMt5RedisRecords
  {
private:
   CMt5RedisMark     m_marks;
   bool              m_reads;          // Subscribe was called: with what follows
   string            m_refused;        // why it was refused later; empty: it was not
   int               m_refused_code;
   ulong             m_next_ms;        // of the next attempt
   string            m_instances;
   string            m_name;
   string            m_symbols;
   long              m_magic;
   long              m_max_age_ms;
   int               m_start;

   bool              SubscribeNow(void);
   void              SubscribeAgain(void);
   bool              Reads(void);

protected:
   virtual void      OnOpenedAgain(void) override;

public:
                     CMt5RedisFollower(void) : m_reads(false),m_refused(""),m_refused_code(MT5REDIS_OK),m_next_ms(0),
                                               m_instances(""),m_name(""),m_symbols(""),m_magic(0),
                                               m_max_age_ms(0),m_start(MT5REDIS_START_RESUME) { }
   bool              Subscribe(const string instances_,const string name_="",const string symbols_="",
                               const long magic_=0,const long max_age_ms_=0,
                               const int start_=MT5REDIS_START_RESUME);
   int               Next(SFollowedSignal &signal_);
   bool              Acknowledge(const long number_);
   bool              Unsubscribe(void);
   int               Role(void);
   int               Takeovers(void);
   virtual string    Trouble(void) const override;
   string            Mark(const SFollowedSignal &signal_) const;
   long              Report(const SFollowedSignal &signal_,const mt5redis_report_t &report_,
                            const string symbol_="",const string reason_="");
   double            Slippage(const string symbol_,const bool buy_,const double wanted_,
                              const double filled_) const;
  };
//+------------------------------------------------------------------+
//| Starts reading, at once or when the session is open.             |
//| instances: the sources, separated by commas; *: all              |
//| name: of its position in the streams, the same after each        |
//|       restart; empty: this session's instance                    |
//| symbols: also a list; empty, and a magic of 0, mean all          |
//| max_age_ms: 0: any age                                           |
//+------------------------------------------------------------------+
bool CMt5RedisFollower::Subscribe(const string instances_,const string name_,const string symbols_,
                                  const long magic_,const long max_age_ms_,const int start_)
  {
   m_instances=instances_;
   m_name=name_;
   m_symbols=symbols_;
   m_magic=magic_;
   m_max_age_ms=max_age_ms_;
   m_start=start_;
   m_refused="";
   if(Ready())
      m_reads=SubscribeNow();
   else
      m_reads=(IsWaiting() || NotOpen()==0);
   return(m_reads);
  }
//+------------------------------------------------------------------+
bool CMt5RedisFollower::SubscribeNow(void)
  {
   return(Checked(mt5redis_subscribe(m_handle,m_name,m_instances,m_symbols,m_magic,m_max_age_ms,m_start))>=0);
  }
//+------------------------------------------------------------------+
//| Subscribes again after a late login or a change of account,      |
//| because each account reads from its own position.                |
//+------------------------------------------------------------------+
void CMt5RedisFollower::OnOpenedAgain(void)
  {
   if(!m_reads)
      return;
   SubscribeAgain();
   if(m_refused!="")
      Alert(MQLInfoString(MQL_PROGRAM_NAME),": ",m_refused);
  }
//+------------------------------------------------------------------+
//| Nobody waits for the result of this, so a refusal is kept.       |
//+------------------------------------------------------------------+
void CMt5RedisFollower::SubscribeAgain(void)
  {
   m_next_ms=GetTickCount64()+MT5R_SESSION_AGAIN_MS;
   m_refused=(SubscribeNow() ? "" : ErrorText());
   m_refused_code=(m_refused=="" ? MT5REDIS_OK : ErrorCode());
  }
//+------------------------------------------------------------------+
//| Whether the subscription is active. If another program has its   |
//| name, it is tried again once a second.                           |
//+------------------------------------------------------------------+
bool CMt5RedisFollower::Reads(void)
  {
   bool passes_=(m_refused_code==MT5REDIS_ERR_NAME_IN_USE || m_refused_code==MT5REDIS_ERR_THREAD);
   if(m_refused!="" && passes_ && GetTickCount64()>=m_next_ms)
      SubscribeAgain();
   if(m_refused!="")
      Refuse(m_refused_code,m_refused);
   return(m_refused=="");
  }
//+------------------------------------------------------------------+
//| Why it is not open or does not read; empty: it does.             |
//+------------------------------------------------------------------+
string CMt5RedisFollower::Trouble(void) const
  {
   string closed_=CMt5RedisSession::Trouble();
   return(closed_=="" ? m_refused : closed_);
  }
//+------------------------------------------------------------------+
//| The next signal. 1: there is one; 0: none; below 0: an error     |
//| code.                                                            |
//+------------------------------------------------------------------+
int CMt5RedisFollower::Next(SFollowedSignal &signal_)
  {
   if(!Ready())
      return((int)NotOpen());
   if(!Reads())
      return(m_refused_code);
   ushort instance_[41];
   ushort symbol_[49];
   ushort comment_[97];
   int    found_=(int)Checked(mt5redis_next_signal(m_handle,signal_.data,(int)sizeof(mt5redis_received_t),
                             instance_,41,symbol_,49,comment_,97));
   if(found_>0 || found_==MT5REDIS_ERR_GAP)
      signal_.instance=ShortArrayToString(instance_);
   if(found_>0)
     {
      signal_.symbol=ShortArrayToString(symbol_);
      signal_.comment=ShortArrayToString(comment_);
     }
   return(found_);
  }
//+------------------------------------------------------------------+
//| The role of this terminal: one of MT5REDIS_ROLE_*, or an error   |
//| code.                                                            |
//+------------------------------------------------------------------+
int CMt5RedisFollower::Role(void)
  {
   if(!Ready())
      return((int)NotOpen());
   if(!Reads())
      return(m_refused_code);
   return((int)Checked(mt5redis_role(m_handle)));
  }
//+------------------------------------------------------------------+
//| How often this terminal has taken over from another one since it |
//| subscribed, or an error code. What a program remembers from      |
//| before a takeover is old.                                        |
//+------------------------------------------------------------------+
int CMt5RedisFollower::Takeovers(void)
  {
   if(!Ready())
      return((int)NotOpen());
   if(!Reads())
      return(m_refused_code);
   return((int)Checked(mt5redis_takeovers(m_handle)));
  }
//+------------------------------------------------------------------+
//| Acknowledges a signal: it was acted on, or will never be.        |
//+------------------------------------------------------------------+
bool CMt5RedisFollower::Acknowledge(const long number_)
  {
   if(!Ready())
      return(NotOpen()==0);
   return(Checked(mt5redis_acknowledge(m_handle,number_))>=0);
  }
//+------------------------------------------------------------------+
//| Ends the subscription.                                           |
//+------------------------------------------------------------------+
bool CMt5RedisFollower::Unsubscribe(void)
  {
   m_reads=false;
   m_refused="";
   if(!Ready())
      return(NotOpen()==0);
   return(Checked(mt5redis_unsubscribe(m_handle))>=0);
  }
//+------------------------------------------------------------------+
//| The comment for the order that acts on a signal: at most 31      |
//| characters that identify the signal and the position that it     |
//| copies (Mt5RedisMark.mqh).                                       |
//+------------------------------------------------------------------+
string CMt5RedisFollower::Mark(const SFollowedSignal &signal_) const
  {
   string letter_=(signal_.data.action==MT5REDIS_ACTION_CLOSE ? "c" : "r");
   return(m_marks.Of(letter_,signal_.instance,signal_.data.producer,signal_.data.sequence,signal_.data.magic,
                     signal_.data.position));
  }
//+------------------------------------------------------------------+
//| Reports, once, what became of a signal. Fill in the outcome and  |
//| what was traded; the signal and the symbol tell the rest. symbol:|
//| this broker's; empty: it has none. reason: for people. Report    |
//| before you acknowledge or remember the signal: of two reports of |
//| one signal the second is ignored, but one that is missing looks  |
//| like a follower that stands still. Returns the report's sequence |
//| number, or an error code.                                        |
//+------------------------------------------------------------------+
long CMt5RedisFollower::Report(const SFollowedSignal &signal_,const mt5redis_report_t &report_,const string symbol_,
                               const string reason_)
  {
   mt5redis_report_t whole_=report_;
   whole_.signal_time_ms=signal_.data.time_ms;
   whole_.producer=signal_.data.producer;
   whole_.sequence=signal_.data.sequence;
   whole_.action=signal_.data.action;
   whole_.server_offset_s=ServerOffset();
   if(symbol_!="")
      whole_.digits=(int)MathMax(0,SymbolInfoInteger(symbol_,SYMBOL_DIGITS));
   return(SendReport(whole_,signal_.instance,symbol_,reason_));
  }
//+------------------------------------------------------------------+
//| How much worse the filled price is than the wanted one, points;  |
//| below 0: it is better; 0: a price is missing. buy: the order     |
//| bought, as one that closes a short position does.                |
//+------------------------------------------------------------------+
double CMt5RedisFollower::Slippage(const string symbol_,const bool buy_,const double wanted_,
                                   const double filled_) const
  {
   double point_=SymbolInfoDouble(symbol_,SYMBOL_POINT);
   if(point_<=0.0 || wanted_<=0.0 || filled_<=0.0)
      return(0.0);
   return(NormalizeDouble((buy_ ? filled_-wanted_ : wanted_-filled_)/point_,1));
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
