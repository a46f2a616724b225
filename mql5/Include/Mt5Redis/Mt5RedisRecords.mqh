//+------------------------------------------------------------------+
//|                                            Mt5RedisRecords.mqh   |
//|  What an open session does: queue records, wait, and report.     |
//+------------------------------------------------------------------+
// Converts times to UTC and cuts long texts between two characters. It knows nothing of positions.
#ifndef MT5_REDIS_RECORDS_MQH
#define MT5_REDIS_RECORDS_MQH
#include "Mt5RedisSession.mqh"

#define MT5R_RECORDS_COMMENT_BYTES  96

//+------------------------------------------------------------------+
//| A session and its records.                                       |
//+------------------------------------------------------------------+
class CMt5RedisRecords : public CMt5RedisSession
  {
private:
   bool              m_cut_told;       // whether it was reported that comments are cut

   string            Shortened(const string comment_);
   string            Cut(const string text_,const int bytes_) const;

public:
                     CMt5RedisRecords(void) : m_cut_told(false) { }
   int               ServerOffset(void) const;
   long              ServerToUtc(const long server_ms_) const;
   bool              Flush(const int timeout_ms_);
   long              Committed(const int lane_);
   long              Accepted(const int lane_);
   int               Status(const int lane_,const long sequence_);
   int               Throttle(void);
   int               IntervalMs(const int lane_);
   string            Stats(void);

   //--- for records you fill yourself; each returns its sequence number, or an error code below 0
   long              SendInstance(const mt5redis_instance_t &state_,const string agent_);
   long              SendTrade(const mt5redis_trade_t &state_,const string symbol_,const string comment_);
   long              SendDeal(const mt5redis_deal_t &deal_,const string symbol_,const string comment_);
   long              SendSignal(const mt5redis_signal_t &signal_,const string symbol_,const string comment_);
   long              SendReport(const mt5redis_report_t &report_,const string source_,const string symbol_,
                                const string reason_);
   long              SendOpenPositions(const long &positions_[],const int count_);
  };
//+------------------------------------------------------------------+
//| Waits until everything published has reached Redis, for at most  |
//| timeout_ms; for heartbeats last, and only while they can be      |
//| written. False also if a record was put aside since the last     |
//| call. Not for OnTick: the Expert Advisor stands still meanwhile. |
//+------------------------------------------------------------------+
bool CMt5RedisRecords::Flush(const int timeout_ms_)
  {
   if(!Ready())
      return(NotOpen()==0);
   return(Checked(mt5redis_flush(m_handle,timeout_ms_))>=0);
  }
//+------------------------------------------------------------------+
//| The sequence number up to which everything on a lane             |
//| (MT5REDIS_LANE_*) has reached Redis; it stops before the first   |
//| record that was put aside.                                       |
//+------------------------------------------------------------------+
long CMt5RedisRecords::Committed(const int lane_)
  {
   if(!Ready())
      return(NotOpen());
   return(Checked(mt5redis_committed(m_handle,lane_)));
  }
//+------------------------------------------------------------------+
//| The sequence number of the last record that a lane               |
//| (MT5REDIS_LANE_*) has accepted, also before a restart or from    |
//| another program of this terminal.                                |
//+------------------------------------------------------------------+
long CMt5RedisRecords::Accepted(const int lane_)
  {
   if(!Ready())
      return(NotOpen());
   return(Checked(mt5redis_accepted(m_handle,lane_)));
  }
//+------------------------------------------------------------------+
//| The state of the record with this sequence number: one of        |
//| MT5REDIS_STATUS_*, or an error code.                             |
//+------------------------------------------------------------------+
int CMt5RedisRecords::Status(const int lane_,const long sequence_)
  {
   if(!Ready())
      return((int)NotOpen());
   return((int)Checked(mt5redis_status(m_handle,lane_,sequence_)));
  }
//+------------------------------------------------------------------+
//| The pressure: 0 normal, 1 slow, 2 heavy, 3 critical; below 0 an  |
//| error code. The library reacts by itself.                        |
//+------------------------------------------------------------------+
int CMt5RedisRecords::Throttle(void)
  {
   if(!Ready())
      return((int)NotOpen());
   return((int)Checked(mt5redis_throttle(m_handle)));
  }
//+------------------------------------------------------------------+
//| The recommended interval for deferrable records of a lane, ms:   |
//| heartbeats on MT5REDIS_LANE_RIS, prices of positions on          |
//| MT5REDIS_LANE_RTS. 0: none; INT_MAX: do not send now; below 0 an |
//| error code.                                                      |
//+------------------------------------------------------------------+
int CMt5RedisRecords::IntervalMs(const int lane_)
  {
   if(!Ready())
      return((int)NotOpen());
   return((int)Checked(mt5redis_interval_ms(m_handle,lane_)));
  }
//+------------------------------------------------------------------+
//| Counters and latencies of all lanes, as JSON.                    |
//+------------------------------------------------------------------+
string CMt5RedisRecords::Stats(void)
  {
   if(!Ready())
     {
      NotOpen();
      return("");
     }
   return(Text((int)Checked(mt5redis_stats(m_handle,m_units,ArraySize(m_units)))));
  }
//+------------------------------------------------------------------+
//| Queues a state of the terminal and its account.                  |
//+------------------------------------------------------------------+
long CMt5RedisRecords::SendInstance(const mt5redis_instance_t &state_,const string agent_)
  {
   if(!Ready())
      return(NotOpen());
   return(Checked(mt5redis_instance_state(m_handle,state_,Cut(AccountInfoString(ACCOUNT_SERVER),64),
                                          Cut(AccountInfoString(ACCOUNT_COMPANY),96),
                                          Cut(AccountInfoString(ACCOUNT_CURRENCY),16),Cut(agent_,48))));
  }
//+------------------------------------------------------------------+
//| Queues a state of one position.                                  |
//+------------------------------------------------------------------+
long CMt5RedisRecords::SendTrade(const mt5redis_trade_t &state_,const string symbol_,const string comment_)
  {
   if(!Ready())
      return(NotOpen());
   return(Checked(mt5redis_trade_state(m_handle,state_,symbol_,Shortened(comment_))));
  }
//+------------------------------------------------------------------+
//| Queues a deal. One that Redis has is not written again.          |
//+------------------------------------------------------------------+
long CMt5RedisRecords::SendDeal(const mt5redis_deal_t &deal_,const string symbol_,const string comment_)
  {
   if(!Ready())
      return(NotOpen());
   return(Checked(mt5redis_deal(m_handle,deal_,(int)sizeof(mt5redis_deal_t),symbol_,Shortened(comment_))));
  }
//+------------------------------------------------------------------+
//| Queues a signal.                                                 |
//+------------------------------------------------------------------+
long CMt5RedisRecords::SendSignal(const mt5redis_signal_t &signal_,const string symbol_,const string comment_)
  {
   if(!Ready())
      return(NotOpen());
   return(Checked(mt5redis_signal(m_handle,signal_,symbol_,Shortened(comment_))));
  }
//+------------------------------------------------------------------+
//| Queues a report of what this terminal did with a signal. source: |
//| the instance that gave it. symbol: this broker's. reason: for    |
//| people; what is longer than 160 bytes is cut.                    |
//+------------------------------------------------------------------+
long CMt5RedisRecords::SendReport(const mt5redis_report_t &report_,const string source_,const string symbol_,
                                  const string reason_)
  {
   if(!Ready())
      return(NotOpen());
   return(Checked(mt5redis_report(m_handle,report_,(int)sizeof(mt5redis_report_t),source_,symbol_,reason_)));
  }
//+------------------------------------------------------------------+
//| Queues the set of open positions. The array must have an element |
//| even if count is 0.                                              |
//+------------------------------------------------------------------+
long CMt5RedisRecords::SendOpenPositions(const long &positions_[],const int count_)
  {
   if(!Ready())
      return(NotOpen());
   return(Checked(mt5redis_open_positions(m_handle,0,positions_,count_)));
  }
//+------------------------------------------------------------------+
//| Trade server's clock minus UTC, seconds. The two clocks are read |
//| a moment apart and the server's is an estimate, so the result is |
//| rounded to a quarter of an hour.                                 |
//+------------------------------------------------------------------+
int CMt5RedisRecords::ServerOffset(void) const
  {
   double quarters_=(double)((long)TimeTradeServer()-(long)TimeGMT())/900.0;
   if(MathAbs(quarters_)>96.0)
      return(0);
   return((int)MathRound(quarters_)*900);
  }
//+------------------------------------------------------------------+
//| A time of the trade server as UTC, both in ms.                   |
//+------------------------------------------------------------------+
long CMt5RedisRecords::ServerToUtc(const long server_ms_) const
  {
   return((long)MathMax(0,server_ms_-(long)ServerOffset()*1000));
  }
//+------------------------------------------------------------------+
//| Cuts a comment that is too long, and reports this once.          |
//+------------------------------------------------------------------+
string CMt5RedisRecords::Shortened(const string comment_)
  {
   string cut_=Cut(comment_,MT5R_RECORDS_COMMENT_BYTES);
   if(cut_!=comment_ && !m_cut_told)
     {
      m_cut_told=true;
      Print("mt5-redis ",Instance(),": comments are cut to ",MT5R_RECORDS_COMMENT_BYTES,
            " bytes, the first one is: ",comment_);
     }
   return(cut_);
  }
//+------------------------------------------------------------------+
//| Cuts a text to this many bytes of UTF-8, between two characters. |
//+------------------------------------------------------------------+
string CMt5RedisRecords::Cut(const string text_,const int bytes_) const
  {
   int length_=StringLen(text_);
   int sum_=0;
   for(int i_=0; i_<length_; i_++)
     {
      ushort unit_=StringGetCharacter(text_,i_);
      //--- two units of one character
      bool   pair_=(unit_>=0xD800 && unit_<0xDC00 && i_+1<length_);
      sum_+=(pair_ ? 4 : (unit_<0x80 ? 1 : (unit_<0x800 ? 2 : 3)));
      if(sum_>bytes_)
         return(StringSubstr(text_,0,i_));
      i_+=(pair_ ? 1 : 0);
     }
   return(text_);
  }
//+------------------------------------------------------------------+
#endif
