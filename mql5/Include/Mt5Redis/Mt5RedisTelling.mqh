//+------------------------------------------------------------------+
//|                                            Mt5RedisTelling.mqh   |
//|  Tells what happened to positions and orders, each event once.   |
//+------------------------------------------------------------------+
// The base of CMt5RedisAccount: the filters, the memory and the way of one event into a signal. It does not look at the
// account.
//
// An event that was found by comparing, and not seen, has its own time if the account tells one. So a follower with a limit
// for the age of signals does not open today what was opened yesterday.
#ifndef MT5_REDIS_TELLING_MQH
#define MT5_REDIS_TELLING_MQH
#include "Mt5RedisRecords.mqh"
#include "Mt5RedisTold.mqh"

#define MT5R_TELLING_SEEN_MS     60000  // what is told later than this was not seen
#define MT5R_TELLING_ENTRY_MS    10000  // how long the history may lack a deal of a position that is shown
#define MT5R_TELLING_EXIT_MS     60000  // and of one that is not shown

//+------------------------------------------------------------------+
//| Which direction is published.                                    |
//+------------------------------------------------------------------+
enum ENUM_MT5REDIS_DIRECTION
  {
   MT5REDIS_BOTH_DIRECTIONS,         // Long and short
   MT5REDIS_LONG_ONLY,               // Long only
   MT5REDIS_SHORT_ONLY               // Short only
  };
//+------------------------------------------------------------------+
//| What is published.                                               |
//+------------------------------------------------------------------+
struct SMt5RedisAccountRules
  {
   string            symbols;        // separated by commas; empty: all
   string            magics;         // magic numbers, separated by commas; 0: manual trades; empty: all
   string            comment;        // a part of the comment; empty: any
   ENUM_MT5REDIS_DIRECTION direction;
   bool              orders;         // pending orders, too
  };
//+------------------------------------------------------------------+
//| The filters, the memory and the sending.                         |
//+------------------------------------------------------------------+
class CMt5RedisTelling
  {
private:
   string            m_symbols[];
   string            m_magics[];
   string            m_trouble;      // why nothing is sent; empty: it is

   bool              IsIn(const string &list_[],const string word_) const;

protected:
   SMt5RedisAccountRules m_rules;
   CMt5RedisTold     m_told;
   CMt5RedisRecords  *m_redis;
   bool              m_catching_up;  // what is found now happened while nobody watched
   bool              m_waits;        // the account does not tell everything yet

   void              TakeRules(const SMt5RedisAccountRules &rules_);
   bool              Passes(const string symbol_,const long magic_,const string comment_) const;
   double            Wanted(const double lots_) const;
   bool              Waits(const int at_,const ulong longest_ms_);
   bool              Tell(const int at_,const SMt5RedisTold &now_,mt5redis_signal_t &signal_,const long time_ms_);
   void              Trouble(const string text_);

public:
                     CMt5RedisTelling(void) : m_trouble(""),m_redis(NULL),m_catching_up(true),m_waits(false) { }
   string            TroubleText(void) const { return(m_trouble); }
  };
//+------------------------------------------------------------------+
void CMt5RedisTelling::TakeRules(const SMt5RedisAccountRules &rules_)
  {
   m_rules=rules_;
   string symbols_=rules_.symbols;
   string magics_=rules_.magics;
   StringReplace(symbols_," ","");
   StringReplace(magics_," ","");
   ArrayResize(m_symbols,0);
   ArrayResize(m_magics,0);
   if(symbols_!="")
      StringSplit(symbols_,',',m_symbols);
   if(magics_!="")
      StringSplit(magics_,',',m_magics);
  }
//+------------------------------------------------------------------+
bool CMt5RedisTelling::IsIn(const string &list_[],const string word_) const
  {
   int count_=ArraySize(list_);
   for(int i_=0; i_<count_; i_++)
      if(list_[i_]==word_)
         return(true);
   return(count_==0);
  }
//+------------------------------------------------------------------+
bool CMt5RedisTelling::Passes(const string symbol_,const long magic_,const string comment_) const
  {
   return(IsIn(m_symbols,symbol_) && IsIn(m_magics,IntegerToString(magic_)) &&
          (m_rules.comment=="" || StringFind(comment_,m_rules.comment)>=0));
  }
//+------------------------------------------------------------------+
//| The lots that are published: 0 in a direction that is not. So a  |
//| position that turns to it is told as closed.                     |
//+------------------------------------------------------------------+
double CMt5RedisTelling::Wanted(const double lots_) const
  {
   bool excluded_=((m_rules.direction==MT5REDIS_LONG_ONLY && lots_<0.0) ||
                  (m_rules.direction==MT5REDIS_SHORT_ONLY && lots_>0.0));
   return(excluded_ ? 0.0 : lots_);
  }
//+------------------------------------------------------------------+
//| Waits for the account to tell more. False: long enough.          |
//+------------------------------------------------------------------+
bool CMt5RedisTelling::Waits(const int at_,const ulong longest_ms_)
  {
   ulong now_=GetTickCount64();
   if(m_told.all[at_].waits_ms==0)
      m_told.all[at_].waits_ms=now_;
   if(now_-m_told.all[at_].waits_ms>=longest_ms_)
      return(false);
   m_waits=true;
   return(true);
  }
//+------------------------------------------------------------------+
void CMt5RedisTelling::Trouble(const string text_)
  {
   if(text_!="" && text_!=m_trouble)
      Alert(MQLInfoString(MQL_PROGRAM_NAME),": ",text_);
   m_trouble=text_;
  }
//+------------------------------------------------------------------+
//| Tells an event: writes what will be true, then sends the signal. |
//| time_ms: when it happened, the trade server's time; 0: unknown.  |
//| False: it was not sent, and nothing has changed.                 |
//+------------------------------------------------------------------+
bool CMt5RedisTelling::Tell(const int at_,const SMt5RedisTold &now_,mt5redis_signal_t &signal_,const long time_ms_)
  {
   SMt5RedisTold before_=m_told.all[at_];
   long          server_ms_=(long)TimeTradeServer()*1000;
   signal_.magic=now_.magic;
   signal_.position=now_.id;
   signal_.server_offset_s=m_redis.ServerOffset();
   signal_.found=(m_catching_up || (time_ms_>0 && server_ms_-time_ms_>MT5R_TELLING_SEEN_MS) ? 1 : 0);
   if(signal_.found==1 && time_ms_>0)
      signal_.time_ms=(long)MathMin(m_redis.ServerToUtc(time_ms_),(long)TimeGMT()*1000);
   long number_=m_redis.Accepted(MT5REDIS_LANE_RTSS);
   if(number_<0)
     {
      m_waits=true;
      return(false);
     }
   m_told.all[at_]=now_;
   bool written_=m_told.Write(at_,number_);
   long sent_=(written_ ? m_redis.SendSignal(signal_,now_.symbol,now_.comment) : 0);
   if(sent_>0)
     {
      Trouble("");
      return(true);
     }
   if(sent_<=MT5REDIS_ERR_INSTANCE)
     {
      //--- a value is refused, and would be again
      Alert(MQLInfoString(MQL_PROGRAM_NAME),": an event of ",now_.id," cannot be sent: ",m_redis.ErrorText());
      return(true);
     }
   m_told.all[at_]=before_;
   m_waits=true;
   if(written_)
     {
      //--- it comes again: the line is not true
      if(before_.lots!=0.0 || before_.ended_ms>0)
         m_told.Write(at_,-1);
      else
         m_told.Rewrite();
      Trouble("a signal was refused and is sent again: "+m_redis.ErrorText());
     }
   else
      Trouble("its memory file cannot be written, so nothing is sent. Check whether the disk is full");
   return(false);
  }
//+------------------------------------------------------------------+
#endif
