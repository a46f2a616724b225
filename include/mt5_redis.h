/* mt5-redis: MetaTrader 5 state and signals in Redis, without ever waiting for the network.
 *
 * Made by cbindgen from src/; do not edit.
 *
 * - A result of 0 or more is good; below 0 is one of MT5REDIS_ERR_*, explained by mt5redis_last_error on the
 *   same thread.
 * - Text in is UTF-16 up to its NUL; null means empty. No function reads beyond a text's limit.
 * - Text out goes into the caller's buffer of `capacity` units, cut if it must be and always ended by a NUL;
 *   the result is the whole text's length in units, without the NUL.
 * - No function waits, but those with a time-out, and never beyond it. Any thread may call any function.
 * - Structs have no padding: packed to 1 byte, as MQL5 has them, they look the same.
 */

#ifndef MT5_REDIS_H
#define MT5_REDIS_H

#include <stdint.h>


// Version of this ABI. It changes when a function or a struct changes its shape; additions keep it.
#define MT5REDIS_ABI_VERSION 1

// The lane of instance states.
#define MT5REDIS_LANE_RIS 0

// The lane of trade states.
#define MT5REDIS_LANE_RTS 1

// The lane of trade signals.
#define MT5REDIS_LANE_RTSS 2

// The record is queued: accepted, and not in Redis yet.
#define MT5REDIS_STATUS_QUEUED 0

// The record was sent and not answered: it may be in Redis or not. The bridge finds out by itself.
#define MT5REDIS_STATUS_IN_DOUBT 1

// The record is in Redis, with all before it; or a later state of the same position is, in its place.
#define MT5REDIS_STATUS_COMMITTED 2

// The server will never take the record: it is in the lane's dead-letter file, with the server's reason.
#define MT5REDIS_STATUS_DEAD 3

// Returned by `mt5redis_flush` and `mt5redis_close`: every trade and signal is in Redis, the last heartbeats are not.
#define MT5REDIS_HEARTBEATS_WAIT 1

// All went well.
#define MT5REDIS_OK 0

// A defect of this library, caught at its border. Please report the text of `mt5redis_last_error`.
#define MT5REDIS_ERR_INTERNAL -1

// The include and the library do not fit together: another ABI version, or a struct of another size.
#define MT5REDIS_ERR_ABI -2

// The handle was never handed out by `mt5redis_open`.
#define MT5REDIS_ERR_HANDLE -3

// The handle was closed before.
#define MT5REDIS_ERR_CLOSED -4

// A pointer that must not be null is null.
#define MT5REDIS_ERR_NULL -5

// The configuration was read and refused; the text names file, line, key and reason.
#define MT5REDIS_ERR_CONFIG -6

// The configuration file cannot be read.
#define MT5REDIS_ERR_CONFIG_FILE -7

// The lane's queue is full: this record was not accepted. Nothing accepted earlier is lost.
#define MT5REDIS_ERR_QUEUE_FULL -8

// The deadline passed before everything was committed. What was accepted goes on towards Redis.
#define MT5REDIS_ERR_TIMEOUT -9

// There is no lane of this number.
#define MT5REDIS_ERR_LANE -10

// This process holds as many handles as the library allows (65,535).
#define MT5REDIS_ERR_TOO_MANY_HANDLES -11

// The operating system refused to start a thread.
#define MT5REDIS_ERR_THREAD -12

// The journal's folder cannot be used; the text names the folder and the reason.
#define MT5REDIS_ERR_JOURNAL -13

// Another process, or another configuration of this one, holds the journal's folder.
#define MT5REDIS_ERR_JOURNAL_LOCKED -14

// The journal is at its limit, or the disk is full: this record was not accepted. Nothing accepted earlier
// is lost, and calls are accepted again as soon as there is room.
#define MT5REDIS_ERR_JOURNAL_FULL -15

// Signals were deleted before this subscription read them. It goes on behind them; what to do about
// positions that those signals meant is the caller's decision.
#define MT5REDIS_ERR_GAP -16

// The handle has no subscription: call `mt5redis_subscribe` first.
#define MT5REDIS_ERR_NOT_SUBSCRIBED -17

// The handle has a subscription already: call `mt5redis_unsubscribe` first.
#define MT5REDIS_ERR_SUBSCRIBED -18

// Another program of this terminal reads by the same name: give each a name of its own.
#define MT5REDIS_ERR_NAME_IN_USE -19

// Records were put aside since this handle was opened, or was told last: the server refuses them for good. The text
// says how many, and where their letters are. All others are in Redis.
#define MT5REDIS_ERR_DEAD_LETTERS -20

// The instance id is empty, longer than 40 bytes, or has a character outside `[A-Za-z0-9._-]`.
#define MT5REDIS_ERR_INSTANCE -101

// The symbol is empty or longer than 48 bytes of UTF-8.
#define MT5REDIS_ERR_SYMBOL -102

// The comment is longer than 96 bytes of UTF-8.
#define MT5REDIS_ERR_COMMENT -103

// The trade server's name is longer than 64 bytes of UTF-8.
#define MT5REDIS_ERR_SERVER -104

// The broker's company name is longer than 96 bytes of UTF-8.
#define MT5REDIS_ERR_COMPANY -105

// The account currency is longer than 16 bytes of UTF-8.
#define MT5REDIS_ERR_CURRENCY -106

// The agent's name is longer than 48 bytes of UTF-8.
#define MT5REDIS_ERR_AGENT -107

// A time is negative or beyond the year 9999 (253402300799999 ms).
#define MT5REDIS_ERR_TIME -108

// The server-time offset is outside ±86,400 s.
#define MT5REDIS_ERR_SERVER_OFFSET -109

// The position id is zero or negative.
#define MT5REDIS_ERR_POSITION -110

// The ticket is negative.
#define MT5REDIS_ERR_TICKET -111

// The trade event is none of `MT5REDIS_EVENT_*`.
#define MT5REDIS_ERR_EVENT -112

// The side is none of `MT5REDIS_SIDE_*`.
#define MT5REDIS_ERR_SIDE -113

// The signal's action is none of `MT5REDIS_ACTION_*`.
#define MT5REDIS_ERR_ACTION -114

// A volume is negative, not finite, or zero where one is needed.
#define MT5REDIS_ERR_VOLUME -115

// A price (open, current, close, or the signal's) is not finite.
#define MT5REDIS_ERR_PRICE -116

// The stop loss is not finite.
#define MT5REDIS_ERR_STOP_LOSS -117

// The take profit is not finite.
#define MT5REDIS_ERR_TAKE_PROFIT -118

// The profit is not finite.
#define MT5REDIS_ERR_PROFIT -119

// The swap is not finite.
#define MT5REDIS_ERR_SWAP -120

// The commission is not finite.
#define MT5REDIS_ERR_COMMISSION -121

// The digits are outside 0 to 15.
#define MT5REDIS_ERR_DIGITS -122

// The number of positions is negative or above 16,384.
#define MT5REDIS_ERR_COUNT -123

// The login is negative.
#define MT5REDIS_ERR_LOGIN -124

// The ping is negative.
#define MT5REDIS_ERR_PING -125

// The balance is not finite.
#define MT5REDIS_ERR_BALANCE -126

// The equity is not finite.
#define MT5REDIS_ERR_EQUITY -127

// The margin is not finite.
#define MT5REDIS_ERR_MARGIN -128

// The free margin is not finite.
#define MT5REDIS_ERR_MARGIN_FREE -129

// The margin level is not finite.
#define MT5REDIS_ERR_MARGIN_LEVEL -130

// The credit is not finite.
#define MT5REDIS_ERR_CREDIT -131

// The leverage is negative.
#define MT5REDIS_ERR_LEVERAGE -132

// A count of positions or orders in the instance state is negative.
#define MT5REDIS_ERR_COUNTS -133

// The heartbeat interval is negative.
#define MT5REDIS_ERR_INTERVAL -134

// The flags have a bit that is none of `MT5REDIS_FLAG_*`.
#define MT5REDIS_ERR_FLAGS -135

// The account's kind is none of `MT5REDIS_ACCOUNT_*`.
#define MT5REDIS_ERR_ACCOUNT -136

// The terminal's build is negative.
#define MT5REDIS_ERR_BUILD -137

// No record of this lane has this sequence number.
#define MT5REDIS_ERR_SEQUENCE -138

// The name of a follower, a consumer group or a consumer is empty, longer than 64 bytes, or has a character outside
// `[A-Za-z0-9._:@-]`.
#define MT5REDIS_ERR_GROUP -139

// The start is none of `MT5REDIS_START_*`.
#define MT5REDIS_ERR_START -140

// The highest age is negative.
#define MT5REDIS_ERR_MAX_AGE -141

// A filter's text is longer than 4,096 bytes of UTF-8, names no source, or has what no source or symbol can have.
#define MT5REDIS_ERR_FILTER -142

// No signal of this number waits for an acknowledgement.
#define MT5REDIS_ERR_RECEIVED -143

// Not known yet, or not any more: the server is not reached.
#define MT5REDIS_ROLE_CONNECTING 0

// This terminal acts: it is handed the signals.
#define MT5REDIS_ROLE_ACTING 1

// Another terminal acts by the same name. This one stands by, and takes over when the other is gone.
#define MT5REDIS_ROLE_STANDBY 2

// Start with the signals that are given from now on.
#define MT5REDIS_START_NEW 0

// Start with the oldest signal that is kept.
#define MT5REDIS_START_BEGINNING 1

// Go on where the follower was; a new one starts with the oldest signal that is kept.
#define MT5REDIS_START_RESUME 2

// Longest name of a follower, a group or a consumer, bytes.
#define NAME_LIMIT 64

// A clock that differs from the server's by more than this, ms, is off: signals by it are refused, or too old.
#define MT5REDIS_CLOCK_LIMIT_MS 2000

// The terminal is connected to the trade server.
#define MT5REDIS_FLAG_CONNECTED 1

// The terminal allows automated trading (the "Algo Trading" button).
#define MT5REDIS_FLAG_TERMINAL_TRADE 2

// The Expert Advisor is allowed to trade (its own properties).
#define MT5REDIS_FLAG_EXPERT_TRADE 4

// The account is allowed to trade.
#define MT5REDIS_FLAG_ACCOUNT_TRADE 8

// The account is allowed to trade by Expert Advisors.
#define MT5REDIS_FLAG_ACCOUNT_EXPERT 16

// The account keeps several positions a symbol (hedging); absent: one a symbol (netting).
#define MT5REDIS_FLAG_HEDGING 32

// The terminal runs on MetaQuotes' virtual hosting.
#define MT5REDIS_FLAG_VPS 64

// A demo account.
#define MT5REDIS_ACCOUNT_DEMO 0

// A contest account.
#define MT5REDIS_ACCOUNT_CONTEST 1

// An account with real money.
#define MT5REDIS_ACCOUNT_REAL 2

// Buy at market.
#define MT5REDIS_ACTION_BUY 1

// Sell at market.
#define MT5REDIS_ACTION_SELL 2

// Close the position, or `volume` lots of it.
#define MT5REDIS_ACTION_CLOSE 3

// Set the position's stop loss and take profit.
#define MT5REDIS_ACTION_MODIFY 4

// The position was opened, or is seen for the first time. Never coalesced away.
#define MT5REDIS_EVENT_OPEN 1

// Volume, stops, side or ticket changed.
#define MT5REDIS_EVENT_CHANGE 2

// Only price, profit or swap moved.
#define MT5REDIS_EVENT_PRICE 3

// The position was closed. Never coalesced away.
#define MT5REDIS_EVENT_CLOSE 4

// A long position, a buy.
#define MT5REDIS_SIDE_BUY 1

// A short position, a sell.
#define MT5REDIS_SIDE_SELL 2

// The numbers of a heartbeat. Money is in the account's currency.
typedef struct {
    // When this was true, ms since 1970 UTC; 0: now, by the library's clock.
    int64_t time_ms;
    // The account's number.
    int64_t login;
    // Last ping to the trade server, µs (`TERMINAL_PING_LAST`).
    int64_t ping_us;
    // Balance.
    double balance;
    // Equity.
    double equity;
    // Margin in use.
    double margin;
    // Margin still free.
    double margin_free;
    // Margin level, percent; 0 without positions.
    double margin_level;
    // Floating profit.
    double profit;
    // Credit.
    double credit;
    // Broker's clock minus UTC, s, −86,400 to 86,400.
    int32_t server_offset_s;
    // Leverage: 100 means 1:100.
    int32_t leverage;
    // Open positions.
    int32_t positions;
    // Pending orders.
    int32_t orders;
    // The terminal's build.
    int32_t build;
    // How often heartbeats come, ms; 0: unknown.
    int32_t interval_ms;
    // Sum of `MT5REDIS_FLAG_*`.
    int32_t flags;
    // One of `MT5REDIS_ACCOUNT_*`.
    int32_t account;
} mt5redis_instance_t;

// The numbers of a position. Volumes are in lots, money in the account's currency.
typedef struct {
    // When this was true, ms since 1970 UTC; 0: now, by the library's clock.
    int64_t time_ms;
    // `POSITION_IDENTIFIER`, above 0; it stays when the ticket changes.
    int64_t position;
    // `POSITION_TICKET`; 0: unknown.
    int64_t ticket;
    // Magic number of the Expert Advisor that opened it; any value.
    int64_t magic;
    // When it was opened, ms since 1970 UTC; 0: unknown.
    int64_t open_time_ms;
    // When it was closed, ms since 1970 UTC; 0: still open. A close without it counts as closed at `time_ms`.
    int64_t close_time_ms;
    // Volume now open, lots; 0 only when closed.
    double volume;
    // Volume closed so far, lots.
    double volume_closed;
    // Average price of the entry.
    double price_open;
    // Latest price.
    double price_current;
    // Average price of the exit; 0: none yet.
    double price_close;
    // Stop loss; 0: none.
    double stop_loss;
    // Take profit; 0: none.
    double take_profit;
    // Floating profit while open, realised profit when closed.
    double profit;
    // Swap.
    double swap;
    // Commission and fees.
    double commission;
    // One of `MT5REDIS_EVENT_*`.
    int32_t event;
    // One of `MT5REDIS_SIDE_*`.
    int32_t side;
    // Broker's clock minus UTC, s, −86,400 to 86,400.
    int32_t server_offset_s;
    // The symbol's digits after the point, 0 to 15.
    int32_t digits;
} mt5redis_trade_t;

// The numbers of a signal.
typedef struct {
    // When it was given, ms since 1970 UTC; 0: now, by the library's clock.
    int64_t time_ms;
    // After this time nobody should act on it, ms since 1970 UTC; 0: the reader decides.
    int64_t expiry_ms;
    // Magic number of the Expert Advisor that gives it; any value.
    int64_t magic;
    // The position that `CLOSE` and `MODIFY` mean; 0 for all of this symbol and magic.
    int64_t position;
    // Volume, lots; above 0 for `BUY` and `SELL`; 0 in `CLOSE` means all.
    double volume;
    // Price when it was given; 0: market.
    double price;
    // Stop loss; 0: none.
    double stop_loss;
    // Take profit; 0: none.
    double take_profit;
    // One of `MT5REDIS_ACTION_*`.
    int32_t action;
    // Broker's clock minus UTC, s, −86,400 to 86,400.
    int32_t server_offset_s;
} mt5redis_signal_t;

// A signal that was received.
typedef struct {
    // What `mt5redis_acknowledge` takes.
    int64_t number;
    // Who numbered the signal, as a number; with the instance and `sequence` the same for every copy of it, and no
    // other's.
    int64_t producer;
    // Its number at its producer.
    int64_t sequence;
    // When it was given, ms since 1970 UTC.
    int64_t time_ms;
    // After this time nobody should act on it, ms since 1970 UTC; 0: the reader decides.
    int64_t expiry_ms;
    // How long ago it was given or came to Redis, whichever is longer, by the server's clock, ms.
    int64_t age_ms;
    // Magic number of the Expert Advisor that gave it.
    int64_t magic;
    // The position that `CLOSE` and `MODIFY` mean; 0 for all of this symbol and magic.
    int64_t position;
    // Volume, lots; 0 in `CLOSE` means all.
    double volume;
    // Price when it was given; 0: market.
    double price;
    // Stop loss; 0: none.
    double stop_loss;
    // Take profit; 0: none.
    double take_profit;
    // One of `MT5REDIS_ACTION_*`.
    int32_t action;
    // Its broker's clock minus UTC, s.
    int32_t server_offset_s;
    // 1: it is handed out for the first time; 2: it may have been handed out before and was not acknowledged.
    int32_t deliveries;
    // The shard of its source.
    int32_t shard;
} mt5redis_received_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Whether caller and library mean the same: the ABI's version and the size of each struct, bytes.
// Call it first. Returns `MT5REDIS_OK` or `MT5REDIS_ERR_ABI`.
int32_t mt5redis_abi(int32_t version, int32_t instance_size, int32_t trade_size, int32_t signal_size);

// The library's version, like `0.1.0`. Returns its length.
//
// # Safety
// `buffer` is null or has `capacity` units.
int32_t mt5redis_version(uint16_t *buffer, int32_t capacity);

// Opens a session of one instance and starts connecting in the background. Sessions of one process with
// the same configuration share their connections. Returns a handle above 0.
//
// `config` is one `redis://` URL for all three lanes, or the path of a TOML file; null or empty is
// `redis://127.0.0.1:6379`. `instance` is 1 to 40 of `A-Z a-z 0-9 . _ -`. A relative path starts at
// `data_folder`; null or empty is the process's working folder.
//
// It reads and writes files of the journal. It may wait, at most 3 s, in one case: a session with another
// configuration was closed whose records for the same server still wait, and which this one takes over.
//
// # Safety
// Each pointer is null or a UTF-16 text ended by a NUL.
int64_t mt5redis_open(const uint16_t *config, const uint16_t *instance, const uint16_t *data_folder);

// Queues a heartbeat: the state of the instance. Returns its sequence number, or 0 if under pressure no heartbeat is
// due: then this one was not accepted. Send the next one as usual.
//
// `server`, `company`, `currency` and `agent` are at most 64, 96, 16 and 48 bytes of UTF-8.
//
// # Safety
// `state` is null or points at a whole struct; each text is null or ended by a NUL.
int64_t mt5redis_instance_state(int64_t handle,
                                const mt5redis_instance_t *state,
                                const uint16_t *server,
                                const uint16_t *company,
                                const uint16_t *currency,
                                const uint16_t *agent);

// Queues the state of one position. Returns its sequence number, or 0 for a price-only update that is not due under
// pressure: it was not accepted. Send the position's state again with the next look.
//
// `symbol` is 1 to 48 bytes of UTF-8, `comment` at most 96.
//
// # Safety
// `state` is null or points at a whole struct; each text is null or ended by a NUL.
int64_t mt5redis_trade_state(int64_t handle,
                             const mt5redis_trade_t *state,
                             const uint16_t *symbol,
                             const uint16_t *comment);

// Queues a reconcile: these positions are open and no others. A position that Redis lists as open and
// that is not among them is marked as gone. Returns its sequence number, above 0.
//
// `positions` has `count` identifiers, 0 to 16,384; null is allowed when `count` is 0. `time_ms` is when
// this was true, ms since 1970 UTC; 0: now, by the library's clock.
//
// # Safety
// `positions` is null or has `count` elements.
int64_t mt5redis_open_positions(int64_t handle, int64_t time_ms, const int64_t *positions, int32_t count);

// Queues a trade signal. Returns its sequence number, above 0.
//
// `symbol` is 1 to 48 bytes of UTF-8, `comment` at most 96.
//
// # Safety
// `signal` is null or points at a whole struct; each text is null or ended by a NUL.
int64_t mt5redis_signal(int64_t handle,
                        const mt5redis_signal_t *signal,
                        const uint16_t *symbol,
                        const uint16_t *comment);

// The highest sequence number of a lane up to which everything has reached Redis; 0: nothing yet. It never goes back.
// A record that was put aside is not in Redis, so the number stays before the first of those until somebody has dealt
// with the letter and moved the file away; `mt5redis_status` tells of each record behind it. `lane` is one of
// `MT5REDIS_LANE_*`.
int64_t mt5redis_committed(int64_t handle,
                           int32_t lane);

// Where the record is that a call of this lane returned `sequence` for: one of `MT5REDIS_STATUS_*`, or
// `MT5REDIS_ERR_SEQUENCE`. `lane` is one of `MT5REDIS_LANE_*`.
int32_t mt5redis_status(int64_t handle, int32_t lane, int64_t sequence);

// How much pressure there is: 0 normal, 1 slow, 2 heavy, 3 critical. The library acts on it by itself: heartbeats
// and prices that are not due are not accepted. A caller may look less often too, see `mt5redis_interval_ms`.
int32_t mt5redis_throttle(int64_t handle);

// How far apart a caller should send what can wait on a lane, ms: heartbeats on `MT5REDIS_LANE_RIS`,
// price-only updates on `MT5REDIS_LANE_RTS`. 0: as they come; 2,147,483,647: none for now. Opens, changes,
// closes and signals never wait.
int32_t mt5redis_interval_ms(int64_t handle, int32_t lane);

// Waits until everything accepted so far has reached Redis, at most `timeout_ms`. Trades and signals come first.
// Heartbeats carry no guarantee, so nobody waits for them while their server cannot be written to.
// Returns `MT5REDIS_OK` when all is in Redis, `MT5REDIS_HEARTBEATS_WAIT` when all but heartbeats is,
// `MT5REDIS_ERR_DEAD_LETTERS` when all is but what was put aside since this handle was told last, or
// `MT5REDIS_ERR_TIMEOUT`, whose text says which lanes are done; a time-out loses nothing.
int32_t mt5redis_flush(int64_t handle,
                       int32_t timeout_ms);

// Closes the handle after waiting at most `timeout_ms` for what was accepted, and what was acknowledged, to
// reach Redis; it returns what `mt5redis_flush` does. The handle is gone in any case. `MT5REDIS_ERR_TIMEOUT` says
// that records still wait: they go on towards Redis for as long as this process lives.
int32_t mt5redis_close(int64_t handle,
                       int32_t timeout_ms);

// Counters and latencies of all lanes as one JSON object (`docs/statistics.md`). Returns its length;
// 8,192 units hold it.
//
// # Safety
// `buffer` is null or has `capacity` units.
int32_t mt5redis_stats(int64_t handle, uint16_t *buffer, int32_t capacity);

// The next line of this session's log, oldest first. Returns its length, 0 when there is none. A line
// that does not fit stays for the next call; 512 units hold any line.
//
// # Safety
// `buffer` is null or has `capacity` units.
int32_t mt5redis_next_event(int64_t handle, uint16_t *buffer, int32_t capacity);

// What the last failed call on this thread has to say. Returns its length, 0 when nothing failed yet.
//
// # Safety
// `buffer` is null or has `capacity` units.
int32_t mt5redis_last_error(uint16_t *buffer, int32_t capacity);

// Starts following signals of other terminals, in the background. A handle has one subscription at a time.
//
// `follower` is the name for this follower's place in the streams, 1 to 64 of `A-Z a-z 0-9 . _ : @ -`, the same
// after each restart; null or empty is the instance's own. Of two terminals that follow by one name one acts and the
// other stands by, see `mt5redis_role`; two programs of one terminal need two names, and the second of one name gets
// `MT5REDIS_ERR_NAME_IN_USE`.
//
// `instances` lists the sources to follow, with commas between them; `*` is all there are. `symbols` lists the
// symbols, and `magic` is the magic number; null, empty and 0 mean all. What nothing can match is refused. Signals
// older than `max_age_ms`, past their own expiry, or more than 2 s ahead of the server's clock are passed over and
// counted; 0 is any age. `start` is one of `MT5REDIS_START_*`.
//
// # Safety
// Each text is null or ended by a NUL.
int32_t mt5redis_subscribe(int64_t handle,
                           const uint16_t *follower,
                           const uint16_t *instances,
                           const uint16_t *symbols,
                           int64_t magic,
                           int64_t max_age_ms,
                           int32_t start);

// The next signal of the subscription, if one is here. Returns 1 with a signal and 0 without; it never
// waits. `MT5REDIS_ERR_GAP` says, once, that signals were deleted before they were read; `instance` then has their
// source, and the next call goes on behind them.
//
// `size` is that of `mt5redis_received_t`, bytes. 41, 49 and 97 units hold any instance, symbol and comment.
//
// # Safety
// `signal` points at a whole struct; each buffer is null or has its capacity's units.
int32_t mt5redis_next_signal(int64_t handle,
                             mt5redis_received_t *signal,
                             int32_t size,
                             uint16_t *instance,
                             int32_t instance_capacity,
                             uint16_t *symbol,
                             int32_t symbol_capacity,
                             uint16_t *comment,
                             int32_t comment_capacity);

// What this terminal does by the follower's name: one of `MT5REDIS_ROLE_*`. Whoever stands by is handed no signal, and
// takes over within seconds when the terminal that acts ends, or reaches the server no more.
int32_t mt5redis_role(int64_t handle);

// Says that a signal was acted on, or is not to be: it comes no more. `number` is the signal's. Without it
// the signal comes again with the next subscription by this follower's name.
int32_t mt5redis_acknowledge(int64_t handle, int64_t number);

// Ends the subscription; acknowledgements are still written in the background. It does not wait.
int32_t mt5redis_unsubscribe(int64_t handle);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MT5_REDIS_H */
