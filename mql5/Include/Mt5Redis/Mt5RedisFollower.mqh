//+------------------------------------------------------------------+
//|                                           Mt5RedisFollower.mqh   |
//|  Signals of other terminals, read from Redis.                    |
//+------------------------------------------------------------------+
// The class a program that follows signals uses:
//
//    CMt5RedisFollower redis;
//    OnInit:   redis.Open(config) && redis.Subscribe("my follower","5012345.Demo")
//    OnTimer:  while(redis.Next(signal)>0) { act on it; redis.Acknowledge(signal.data.number); }
//    OnDeinit: redis.Close(reason)
//
// Subscribe takes the sources to follow, with commas; "*" is all there are. Of two terminals that follow by one name
// one acts and the other stands by, which Role says: whoever does not act must not send an order for a signal it holds.
//
// Nothing here waits. A signal that was not acknowledged comes again after a restart: act on it once, by its
// Mark. Next returns MT5REDIS_ERR_GAP, once, where signals were deleted before they were read.
#ifndef MT5_REDIS_FOLLOWER_MQH
#define MT5_REDIS_FOLLOWER_MQH
#include "Mt5RedisSession.mqh"

//+------------------------------------------------------------------+
//| A signal and its texts.                                          |
//+------------------------------------------------------------------+
struct SFollowedSignal
  {
   mt5redis_received_t data;
   string            instance;
   string            symbol;
   string            comment;
  };

//+------------------------------------------------------------------+
//| A session that reads.                                            |
//+------------------------------------------------------------------+
class CMt5RedisFollower : public CMt5RedisSession
  {
public:
   bool              Subscribe(const string follower,const string instances,const string symbols="",
                               const long magic=0,const long max_age_ms=0,
                               const int start=MT5REDIS_START_RESUME);
   int               Next(SFollowedSignal &signal);
   int               Role(void);
   bool              Acknowledge(const long number);
   bool              Unsubscribe(void);
   string            Mark(const SFollowedSignal &signal) const;
  };
//+------------------------------------------------------------------+
//| Starts reading. follower: the name for its place; empty: the     |
//| instance's own. instances: the sources with commas, * for all.   |
//| No symbols, and a magic of 0, mean all. max_age_ms 0: any age.   |
//+------------------------------------------------------------------+
bool CMt5RedisFollower::Subscribe(const string follower,const string instances,const string symbols,
                                  const long magic,const long max_age_ms,const int start)
  {
   if(m_handle<=0)
      return(NotOpen()==0);
   return(Checked(mt5redis_subscribe(m_handle,follower,instances,symbols,magic,max_age_ms,start))>=0);
  }
//+------------------------------------------------------------------+
//| The next signal: 1 with one, 0 without, below 0 an error code.   |
//+------------------------------------------------------------------+
int CMt5RedisFollower::Next(SFollowedSignal &signal)
  {
   if(m_handle<=0)
      return((int)NotOpen());
   ushort instance[41];
   ushort symbol[49];
   ushort comment[97];
   int    found=(int)Checked(mt5redis_next_signal(m_handle,signal.data,(int)sizeof(mt5redis_received_t),
                             instance,41,symbol,49,comment,97));
   if(found>0)
     {
      signal.instance=ShortArrayToString(instance);
      signal.symbol=ShortArrayToString(symbol);
      signal.comment=ShortArrayToString(comment);
     }
   return(found);
  }
//+------------------------------------------------------------------+
//| What this terminal does by the follower's name: one of           |
//| MT5REDIS_ROLE_*, or an error code.                               |
//+------------------------------------------------------------------+
int CMt5RedisFollower::Role(void)
  {
   if(m_handle<=0)
      return((int)NotOpen());
   return((int)Checked(mt5redis_role(m_handle)));
  }
//+------------------------------------------------------------------+
//| Says that a signal was acted on, or is not to be.                |
//+------------------------------------------------------------------+
bool CMt5RedisFollower::Acknowledge(const long number)
  {
   if(m_handle<=0)
      return(NotOpen()==0);
   return(Checked(mt5redis_acknowledge(m_handle,number))>=0);
  }
//+------------------------------------------------------------------+
//| Ends the subscription.                                           |
//+------------------------------------------------------------------+
bool CMt5RedisFollower::Unsubscribe(void)
  {
   if(m_handle<=0)
      return(NotOpen()==0);
   return(Checked(mt5redis_unsubscribe(m_handle))>=0);
  }
//+------------------------------------------------------------------+
//| A text of at most 31 characters that only this signal has: the   |
//| comment of the order that it leads to.                           |
//+------------------------------------------------------------------+
string CMt5RedisFollower::Mark(const SFollowedSignal &signal) const
  {
   return(StringFormat("r%I64x.%I64x",signal.data.producer,signal.data.sequence));
  }
//+------------------------------------------------------------------+
#endif
//+------------------------------------------------------------------+
