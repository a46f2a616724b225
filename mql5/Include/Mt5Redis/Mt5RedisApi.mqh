//+------------------------------------------------------------------+
//|                                                Mt5RedisApi.mqh   |
//|  The C interface of mt5_redis.dll as MQL5 sees it: imports,      |
//|  constants and structures.                                       |
//+------------------------------------------------------------------+
// A mirror of include/mt5_redis.h; tests/mql5_imports.rs compares the two, name by name. There is no code
// here: include Mt5Redis.mqh and use the class CMt5Redis, which calls these functions for you.
//
// A result below 0 is one of MT5REDIS_ERR_*. Only functions with a time-out wait.
#ifndef MT5_REDIS_API_MQH
#define MT5_REDIS_API_MQH

//--- version of the interface, compared with the library by mt5redis_abi
#define MT5REDIS_ABI_VERSION          1

//--- lanes: each kind of record has its own queue, thread and server
#define MT5REDIS_LANE_RIS             0         // instance states
#define MT5REDIS_LANE_RTS             1         // trade states
#define MT5REDIS_LANE_RTSS            2         // trade signals and execution reports
//--- where a record is
#define MT5REDIS_STATUS_QUEUED        0         // accepted, not in Redis yet
#define MT5REDIS_STATUS_IN_DOUBT      1         // sent, not answered yet
#define MT5REDIS_STATUS_COMMITTED     2         // in Redis, or replaced there by a later state
#define MT5REDIS_STATUS_DEAD          3         // the server refuses it for good
#define MT5REDIS_HEARTBEATS_WAIT      1         // flush, close: trades and signals are in Redis, heartbeats are not

//--- where a subscription starts
#define MT5REDIS_START_NEW            0         // only signals given from now on
#define MT5REDIS_START_BEGINNING      1         // the oldest signal that is kept
#define MT5REDIS_START_RESUME         2         // where this follower stopped; a new one at the oldest

//--- the role of a terminal under its follower's name
#define MT5REDIS_ROLE_CONNECTING      0         // unknown: the server is not reached
#define MT5REDIS_ROLE_ACTING          1         // this terminal gets the signals
#define MT5REDIS_ROLE_STANDBY         2         // another terminal acts; this one takes over when it is gone

//--- what happened to a position
#define MT5REDIS_EVENT_OPEN           1         // opened, or seen for the first time
#define MT5REDIS_EVENT_CHANGE         2         // volume, stops, side or ticket changed
#define MT5REDIS_EVENT_PRICE          3         // only price, profit or swap moved
#define MT5REDIS_EVENT_CLOSE          4         // closed

//--- side of a position
#define MT5REDIS_SIDE_BUY             1
#define MT5REDIS_SIDE_SELL            2

//--- what a signal asks for
#define MT5REDIS_ACTION_BUY           1         // buy at market
#define MT5REDIS_ACTION_SELL          2         // sell at market
#define MT5REDIS_ACTION_CLOSE         3         // close the position, or some lots of it
#define MT5REDIS_ACTION_MODIFY        4         // set the position's stop loss and take profit
#define MT5REDIS_ACTION_ORDER         5         // nothing to trade: what became of a pending order

//--- what happened, in a signal that says so
#define MT5REDIS_SIGNAL_UNSAID        0         // it does not say
#define MT5REDIS_SIGNAL_OPEN          1         // opened
#define MT5REDIS_SIGNAL_INCREASE      2         // grew
#define MT5REDIS_SIGNAL_PARTIAL_CLOSE 3         // a part was closed
#define MT5REDIS_SIGNAL_CHANGE        4         // stop loss or take profit changed
#define MT5REDIS_SIGNAL_CLOSE         5         // closed
#define MT5REDIS_SIGNAL_REVERSE       6         // turned to the other side
#define MT5REDIS_SIGNAL_CLOSE_BY      7         // closed by an opposite position, all or a part
#define MT5REDIS_SIGNAL_ORDER_PLACED  8         // a pending order was placed
#define MT5REDIS_SIGNAL_ORDER_CHANGED 9         // its price, stops or expiration changed
#define MT5REDIS_SIGNAL_ORDER_FILLED  10        // filled; in part if volume_after is above 0
#define MT5REDIS_SIGNAL_ORDER_EXPIRED 11        // expired
#define MT5REDIS_SIGNAL_ORDER_DELETED 12        // deleted

//--- kind of a pending order
#define MT5REDIS_ORDER_LIMIT          1
#define MT5REDIS_ORDER_STOP           2
#define MT5REDIS_ORDER_STOP_LIMIT     3         // at price it becomes a limit order at entry_price

//--- kind of a deal
#define MT5REDIS_DEAL_BUY             1
#define MT5REDIS_DEAL_SELL            2
#define MT5REDIS_DEAL_BALANCE         3         // money paid in, or out if below 0
#define MT5REDIS_DEAL_CREDIT          4         // credit, which is not part of the balance
#define MT5REDIS_DEAL_OTHER           5         // a charge, interest, a dividend, a tax, a correction

//--- what a deal did to its position
#define MT5REDIS_ENTRY_IN             1         // opened it or added to it
#define MT5REDIS_ENTRY_OUT            2         // closed it or a part of it
#define MT5REDIS_ENTRY_REVERSE        3         // closed it and opened the other side
#define MT5REDIS_ENTRY_OUT_BY         4         // closed it or a part of it by an opposite position
#define MT5REDIS_ENTRY_NONE           5         // nothing: no trade

//--- an operator's halt
#define MT5REDIS_HALT_NONE            0         // none: open and close as usual
#define MT5REDIS_HALT_ENTRIES         1         // open no new positions
#define MT5REDIS_HALT_ALL             2         // open none, and close the copies

//--- what became of a signal at a follower
#define MT5REDIS_OUTCOME_DONE         1         // executed
#define MT5REDIS_OUTCOME_PARTIAL      2         // a part of the volume was executed, the rest will not be
#define MT5REDIS_OUTCOME_SKIPPED      3         // the follower decided against it
#define MT5REDIS_OUTCOME_REJECTED     4         // the trade server refused it
#define MT5REDIS_OUTCOME_UNKNOWN      5         // an order was sent, and nobody knows what became of it

#define MT5REDIS_CLOCK_LIMIT_MS       2000      // largest difference from the server's clock that is right, ms

//--- state of the terminal and the account; flags is a sum of these
#define MT5REDIS_FLAG_CONNECTED       1         // connected to the trade server
#define MT5REDIS_FLAG_TERMINAL_TRADE  2         // the terminal allows automated trading
#define MT5REDIS_FLAG_EXPERT_TRADE    4         // the Expert Advisor may trade
#define MT5REDIS_FLAG_ACCOUNT_TRADE   8         // the account may trade
#define MT5REDIS_FLAG_ACCOUNT_EXPERT  16        // the account may trade by Expert Advisors
#define MT5REDIS_FLAG_HEDGING         32        // several positions a symbol; absent: netting
#define MT5REDIS_FLAG_VPS             64        // MetaQuotes' virtual hosting

//--- kind of account
#define MT5REDIS_ACCOUNT_DEMO         0
#define MT5REDIS_ACCOUNT_CONTEST      1
#define MT5REDIS_ACCOUNT_REAL         2

//--- error codes; docs/mql5.md says what to do about each
#define MT5REDIS_OK                   0
#define MT5REDIS_ERR_INTERNAL         (-1)
#define MT5REDIS_ERR_ABI              (-2)
#define MT5REDIS_ERR_HANDLE           (-3)
#define MT5REDIS_ERR_CLOSED           (-4)
#define MT5REDIS_ERR_NULL             (-5)
#define MT5REDIS_ERR_CONFIG           (-6)
#define MT5REDIS_ERR_CONFIG_FILE      (-7)
#define MT5REDIS_ERR_QUEUE_FULL       (-8)
#define MT5REDIS_ERR_TIMEOUT          (-9)
#define MT5REDIS_ERR_LANE             (-10)
#define MT5REDIS_ERR_TOO_MANY_HANDLES (-11)
#define MT5REDIS_ERR_THREAD           (-12)
#define MT5REDIS_ERR_JOURNAL          (-13)
#define MT5REDIS_ERR_JOURNAL_LOCKED   (-14)
#define MT5REDIS_ERR_JOURNAL_FULL     (-15)
#define MT5REDIS_ERR_GAP              (-16)     // signals were deleted before they were read
#define MT5REDIS_ERR_NOT_SUBSCRIBED   (-17)
#define MT5REDIS_ERR_SUBSCRIBED       (-18)
#define MT5REDIS_ERR_NAME_IN_USE      (-19)     // another program of this terminal uses the same name
#define MT5REDIS_ERR_DEAD_LETTERS     (-20)     // the server refuses records for good; all others are in Redis
#define MT5REDIS_ERR_INSTANCE         (-101)
#define MT5REDIS_ERR_SYMBOL           (-102)
#define MT5REDIS_ERR_COMMENT          (-103)
#define MT5REDIS_ERR_SERVER           (-104)
#define MT5REDIS_ERR_COMPANY          (-105)
#define MT5REDIS_ERR_CURRENCY         (-106)
#define MT5REDIS_ERR_AGENT            (-107)
#define MT5REDIS_ERR_TIME             (-108)
#define MT5REDIS_ERR_SERVER_OFFSET    (-109)
#define MT5REDIS_ERR_POSITION         (-110)
#define MT5REDIS_ERR_TICKET           (-111)
#define MT5REDIS_ERR_EVENT            (-112)
#define MT5REDIS_ERR_SIDE             (-113)
#define MT5REDIS_ERR_ACTION           (-114)
#define MT5REDIS_ERR_VOLUME           (-115)
#define MT5REDIS_ERR_PRICE            (-116)
#define MT5REDIS_ERR_STOP_LOSS        (-117)
#define MT5REDIS_ERR_TAKE_PROFIT      (-118)
#define MT5REDIS_ERR_PROFIT           (-119)
#define MT5REDIS_ERR_SWAP             (-120)
#define MT5REDIS_ERR_COMMISSION       (-121)
#define MT5REDIS_ERR_DIGITS           (-122)
#define MT5REDIS_ERR_COUNT            (-123)
#define MT5REDIS_ERR_LOGIN            (-124)
#define MT5REDIS_ERR_PING             (-125)
#define MT5REDIS_ERR_BALANCE          (-126)
#define MT5REDIS_ERR_EQUITY           (-127)
#define MT5REDIS_ERR_MARGIN           (-128)
#define MT5REDIS_ERR_MARGIN_FREE      (-129)
#define MT5REDIS_ERR_MARGIN_LEVEL     (-130)
#define MT5REDIS_ERR_CREDIT           (-131)
#define MT5REDIS_ERR_LEVERAGE         (-132)
#define MT5REDIS_ERR_COUNTS           (-133)
#define MT5REDIS_ERR_INTERVAL         (-134)
#define MT5REDIS_ERR_FLAGS            (-135)
#define MT5REDIS_ERR_ACCOUNT          (-136)
#define MT5REDIS_ERR_BUILD            (-137)
#define MT5REDIS_ERR_SEQUENCE         (-138)    // no record of this lane has this number
#define MT5REDIS_ERR_GROUP            (-139)
#define MT5REDIS_ERR_START            (-140)
#define MT5REDIS_ERR_MAX_AGE          (-141)
#define MT5REDIS_ERR_FILTER           (-142)
#define MT5REDIS_ERR_RECEIVED         (-143)    // no such signal waits for an acknowledgement
#define MT5REDIS_ERR_OUTCOME          (-150)
#define MT5REDIS_ERR_ORDER            (-151)
#define MT5REDIS_ERR_DEAL             (-152)
#define MT5REDIS_ERR_SLIPPAGE         (-153)
#define MT5REDIS_ERR_LATENCY          (-154)
#define MT5REDIS_ERR_RETCODE          (-155)
#define MT5REDIS_ERR_KIND             (-156)
#define MT5REDIS_ERR_ENTRY            (-157)

//+------------------------------------------------------------------+
//| State of the terminal and its account, for a heartbeat.          |
//+------------------------------------------------------------------+
struct mt5redis_instance_t
  {
   long      time_ms;            // when this was true, ms since 1970 UTC; 0: now
   long      login;              // account number
   long      ping_us;            // last ping to the trade server, microseconds
   double    balance;            // money is in the account currency
   double    equity;             // equity
   double    margin;             // margin in use
   double    margin_free;        // margin still free
   double    margin_level;       // percent; 0 without positions
   double    profit;             // floating profit
   double    credit;             // credit
   int       server_offset_s;    // trade server's clock minus UTC, seconds
   int       leverage;           // 100 means 1:100
   int       positions;          // open positions
   int       orders;             // pending orders
   int       build;              // the terminal's build
   int       interval_ms;        // how often heartbeats come, ms; 0: unknown
   int       flags;              // sum of MT5REDIS_FLAG_*
   int       account;            // one of MT5REDIS_ACCOUNT_*
  };

//+------------------------------------------------------------------+
//| State of one position.                                           |
//+------------------------------------------------------------------+
struct mt5redis_trade_t
  {
   long      time_ms;            // when this was true, ms since 1970 UTC; 0: now
   long      position;           // POSITION_IDENTIFIER, above 0
   long      ticket;             // POSITION_TICKET; 0: unknown
   long      magic;              // magic number
   long      open_time_ms;       // ms since 1970 UTC; 0: unknown
   long      close_time_ms;      // ms since 1970 UTC; 0: still open
   double    volume;             // lots now open; 0 only when closed
   double    volume_closed;      // lots closed so far
   double    price_open;         // average price of the entry
   double    price_current;      // latest price
   double    price_close;        // average price of the exit; 0: none yet
   double    stop_loss;          // 0: none
   double    take_profit;        // 0: none
   double    profit;             // floating while open, realised when closed
   double    swap;               // swap
   double    commission;         // commission and fees
   int       event;              // one of MT5REDIS_EVENT_*
   int       side;               // one of MT5REDIS_SIDE_*
   int       server_offset_s;    // trade server's clock minus UTC, seconds
   int       digits;             // the symbol's digits, 0 to 15
  };

//+------------------------------------------------------------------+
//| A deal: its own numbers, not the position's.                     |
//+------------------------------------------------------------------+
struct mt5redis_deal_t
  {
   long      time_ms;            // when it was executed, ms since 1970 UTC; 0: now
   long      deal;               // its ticket, above 0
   long      order;              // its order's ticket; 0: none
   long      position;           // DEAL_POSITION_ID; 0: none
   long      magic;              // magic number
   double    volume;             // lots
   double    price;              // price
   double    profit;             // realised profit, or the sum that was paid
   double    swap;               // swap
   double    commission;         // commission and fees
   int       kind;               // one of MT5REDIS_DEAL_*
   int       entry;              // one of MT5REDIS_ENTRY_*
   int       server_offset_s;    // trade server's clock minus UTC, seconds
   int       digits;             // the symbol's digits, 0 to 15
  };

//+------------------------------------------------------------------+
//| A trade signal.                                                  |
//+------------------------------------------------------------------+
struct mt5redis_signal_t
  {
   long      time_ms;            // when it was given, ms since 1970 UTC; 0: now
   long      expiry_ms;          // last time to act on it, ms since 1970 UTC; 0: the reader decides
   long      magic;              // magic number
   long      position;           // position to CLOSE or MODIFY; 0: all
   double    volume;             // lots; above 0 for BUY and SELL; 0 in CLOSE: all
   double    price;              // price when it was given; 0: market
   double    stop_loss;          // 0: none
   double    take_profit;        // 0: none
   int       action;             // one of MT5REDIS_ACTION_*
   int       server_offset_s;    // trade server's clock minus UTC, seconds
   double    volume_before;      // lots of the position or pending order before the event
   double    volume_after;       // and after it: what it is now
   double    entry_price;        // average entry now; the limit price of a stop-limit order
   int       event;              // one of MT5REDIS_SIGNAL_*; 0: it does not say, and all these fields are 0
   int       side;               // one of MT5REDIS_SIDE_*, after the event
   int       order_type;         // one of MT5REDIS_ORDER_*; 0: a position
   int       found;              // 1: found by comparing with the account; 0: seen
  };

//+------------------------------------------------------------------+
//| A signal that was received.                                      |
//+------------------------------------------------------------------+
struct mt5redis_received_t
  {
   long      number;             // argument of mt5redis_acknowledge
   long      producer;           // instance, producer and sequence identify a signal
   long      sequence;           // number of the signal at its producer
   long      time_ms;            // when it was given, ms since 1970 UTC
   long      expiry_ms;          // last time to act on it, ms since 1970 UTC; 0: the reader decides
   long      age_ms;             // since it was given or reached Redis, the longer of the two, ms
   long      magic;              // magic number
   long      position;           // position to CLOSE or MODIFY; 0: all
   double    volume;             // lots; 0 in CLOSE: all
   double    price;              // price when it was given; 0: market
   double    stop_loss;          // 0: none
   double    take_profit;        // 0: none
   int       action;             // one of MT5REDIS_ACTION_*
   int       server_offset_s;    // its trade server's clock minus UTC, seconds
   int       deliveries;         // 1: first delivery; 2: it may have been delivered before
   int       shard;              // the shard of its source
   double    volume_before;      // lots of the position or pending order before the event
   double    volume_after;       // and after it: what it is now
   double    entry_price;        // average entry now; the limit price of a stop-limit order
   int       event;              // one of MT5REDIS_SIGNAL_*; 0: it does not say, and all these fields are 0
   int       side;               // one of MT5REDIS_SIDE_*, after the event
   int       order_type;         // one of MT5REDIS_ORDER_*; 0: a position
   int       found;              // 1: found by comparing with the account; 0: seen
  };

//+------------------------------------------------------------------+
//| What a follower did with a signal.                               |
//+------------------------------------------------------------------+
struct mt5redis_report_t
  {
   long      time_ms;            // when the outcome was known, ms since 1970 UTC; 0: now
   long      signal_time_ms;     // when the signal was given, ms since 1970 UTC; 0: unknown
   long      producer;           // the signal's, as in mt5redis_received_t
   long      sequence;           // the signal's, above 0
   long      magic;              // magic number of the follower's orders
   long      position;           // the follower's POSITION_IDENTIFIER; 0: none, or several
   long      order;              // ticket of its last order for the signal; 0: none, or unknown
   long      deal;               // ticket of that order's last deal; 0: none, or unknown
   double    volume_wanted;      // lots to be traded; 0: none, or unknown
   double    volume_done;        // lots that were traded
   double    price_wanted;       // the signal's price, or else the market's when it acted; 0: none
   double    price_filled;       // average price of what was traded; 0: nothing was, or unknown
   double    slippage;           // how much worse the filled price is, points; 0 if a price is missing
   int       latency_ms;         // from the signal to the fill, ms; 0 if nothing was filled
   int       retcode;            // the trade server's last answer; 0: it was not asked
   int       outcome;            // one of MT5REDIS_OUTCOME_*
   int       action;             // the signal's, one of MT5REDIS_ACTION_*
   int       server_offset_s;    // the follower's trade server's clock minus UTC, seconds
   int       digits;             // of the follower's symbol, 0 to 15
  };

//+------------------------------------------------------------------+
//| The functions.                                                   |
//+------------------------------------------------------------------+
#import "mt5_redis.dll"
int    mt5redis_abi(int version,int instance_size,int trade_size,int signal_size);
int    mt5redis_version(ushort &buffer[],int capacity);
long   mt5redis_open(string config,string instance,string data_folder);
long   mt5redis_instance_state(long handle,const mt5redis_instance_t &state,
                               string server,string company,string currency,string agent);
long   mt5redis_trade_state(long handle,const mt5redis_trade_t &state,string symbol,string comment);
long   mt5redis_deal(long handle,const mt5redis_deal_t &deal,int size,string symbol,string comment);
long   mt5redis_open_positions(long handle,long time_ms,const long &positions[],int count);
long   mt5redis_signal(long handle,const mt5redis_signal_t &signal,string symbol,string comment);
long   mt5redis_report(long handle,const mt5redis_report_t &report,int size,
                       string source,string symbol,string reason);
int    mt5redis_subscribe(long handle,string follower,string instances,string symbols,
                          long magic,long max_age_ms,int start);
int    mt5redis_next_signal(long handle,mt5redis_received_t &signal,int size,
                            ushort &instance[],int instance_capacity,
                            ushort &symbol[],int symbol_capacity,
                            ushort &comment[],int comment_capacity);
int    mt5redis_role(long handle);
int    mt5redis_takeovers(long handle);
int    mt5redis_acknowledge(long handle,long number);
int    mt5redis_unsubscribe(long handle);
long   mt5redis_committed(long handle,int lane);
long   mt5redis_accepted(long handle,int lane);
int    mt5redis_status(long handle,int lane,long sequence);
int    mt5redis_throttle(long handle);
int    mt5redis_interval_ms(long handle,int lane);
int    mt5redis_flush(long handle,int timeout_ms);
int    mt5redis_close(long handle,int timeout_ms);
int    mt5redis_stats(long handle,ushort &buffer[],int capacity);
int    mt5redis_next_event(long handle,ushort &buffer[],int capacity);
int    mt5redis_last_error(ushort &buffer[],int capacity);
int    mt5redis_halted(long handle,ushort &buffer[],int capacity);
#import

#endif
//+------------------------------------------------------------------+
