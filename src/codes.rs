//! The error codes of the C ABI.
//!
//! The list is append-only: a released number never changes its meaning. Codes from −101 on say which field was refused;
//! `mt5redis_last_error` adds its value and what is allowed.

/// Success.
pub const MT5REDIS_OK: i32 = 0;
/// A panic inside the library, which is a defect. Please report the text of `mt5redis_last_error`.
pub const MT5REDIS_ERR_INTERNAL: i32 = -1;
/// The header and the library do not fit together: another ABI version, or a struct of another size.
pub const MT5REDIS_ERR_ABI: i32 = -2;
/// The handle does not exist: `mt5redis_open` never returned it.
pub const MT5REDIS_ERR_HANDLE: i32 = -3;
/// The handle is closed.
pub const MT5REDIS_ERR_CLOSED: i32 = -4;
/// A pointer to a struct or an array is null.
pub const MT5REDIS_ERR_NULL: i32 = -5;
/// The configuration is refused. The text names file, line, key and reason.
pub const MT5REDIS_ERR_CONFIG: i32 = -6;
/// The configuration file cannot be read.
pub const MT5REDIS_ERR_CONFIG_FILE: i32 = -7;
/// The lane's queue is full, so this record was not accepted. Records accepted earlier are safe.
pub const MT5REDIS_ERR_QUEUE_FULL: i32 = -8;
/// The time-out passed before everything was in Redis. The library goes on sending what was accepted.
pub const MT5REDIS_ERR_TIMEOUT: i32 = -9;
/// The lane is none of `MT5REDIS_LANE_*`.
pub const MT5REDIS_ERR_LANE: i32 = -10;
/// The process has as many open handles as the library allows (65,535).
pub const MT5REDIS_ERR_TOO_MANY_HANDLES: i32 = -11;
/// The operating system refused to start a thread.
pub const MT5REDIS_ERR_THREAD: i32 = -12;
/// The journal's folder cannot be used. The text names the folder and the reason.
pub const MT5REDIS_ERR_JOURNAL: i32 = -13;
/// Another process, or a session of this process with another configuration, uses the journal's folder.
pub const MT5REDIS_ERR_JOURNAL_LOCKED: i32 = -14;
/// The journal is at its limit, or the disk is full, so this record was not accepted. Records accepted earlier are safe,
/// and calls are accepted again as soon as there is room.
pub const MT5REDIS_ERR_JOURNAL_FULL: i32 = -15;
/// Signals were deleted before this subscription read them. It continues after them. The caller decides what to do about
/// the positions of the source.
pub const MT5REDIS_ERR_GAP: i32 = -16;
/// The handle has no subscription: call `mt5redis_subscribe` first.
pub const MT5REDIS_ERR_NOT_SUBSCRIBED: i32 = -17;
/// The handle already has a subscription: call `mt5redis_unsubscribe` first.
pub const MT5REDIS_ERR_SUBSCRIBED: i32 = -18;
/// Another program of this terminal uses the same follower name: give each its own.
pub const MT5REDIS_ERR_NAME_IN_USE: i32 = -19;
/// The server refused records for good since this handle was opened, or since it last reported this. The text says how
/// many, and which file has them. All others are in Redis.
pub const MT5REDIS_ERR_DEAD_LETTERS: i32 = -20;

/// The instance id is empty, longer than 40 bytes, or has a character outside `[A-Za-z0-9._-]`.
pub const MT5REDIS_ERR_INSTANCE: i32 = -101;
/// The symbol is empty or longer than 48 bytes of UTF-8.
pub const MT5REDIS_ERR_SYMBOL: i32 = -102;
/// The comment is longer than 96 bytes of UTF-8.
pub const MT5REDIS_ERR_COMMENT: i32 = -103;
/// The trade server's name is longer than 64 bytes of UTF-8.
pub const MT5REDIS_ERR_SERVER: i32 = -104;
/// The broker's company name is longer than 96 bytes of UTF-8.
pub const MT5REDIS_ERR_COMPANY: i32 = -105;
/// The account currency is longer than 16 bytes of UTF-8.
pub const MT5REDIS_ERR_CURRENCY: i32 = -106;
/// The agent's name is longer than 48 bytes of UTF-8.
pub const MT5REDIS_ERR_AGENT: i32 = -107;
/// A time is negative or beyond the year 9999 (253402300799999 ms).
pub const MT5REDIS_ERR_TIME: i32 = -108;
/// The server-time offset is outside ±86,400 s.
pub const MT5REDIS_ERR_SERVER_OFFSET: i32 = -109;
/// The position id is zero or negative.
pub const MT5REDIS_ERR_POSITION: i32 = -110;
/// The ticket is negative.
pub const MT5REDIS_ERR_TICKET: i32 = -111;
/// The trade event is none of `MT5REDIS_EVENT_*`, or what a signal says about its event does not fit together.
pub const MT5REDIS_ERR_EVENT: i32 = -112;
/// The side is none of `MT5REDIS_SIDE_*`.
pub const MT5REDIS_ERR_SIDE: i32 = -113;
/// The signal's action is none of `MT5REDIS_ACTION_*`.
pub const MT5REDIS_ERR_ACTION: i32 = -114;
/// A volume is negative, not finite, or zero where one is needed.
pub const MT5REDIS_ERR_VOLUME: i32 = -115;
/// A price (open, current, close, or the signal's) is not finite.
pub const MT5REDIS_ERR_PRICE: i32 = -116;
/// The stop loss is not finite.
pub const MT5REDIS_ERR_STOP_LOSS: i32 = -117;
/// The take profit is not finite.
pub const MT5REDIS_ERR_TAKE_PROFIT: i32 = -118;
/// The profit is not finite.
pub const MT5REDIS_ERR_PROFIT: i32 = -119;
/// The swap is not finite.
pub const MT5REDIS_ERR_SWAP: i32 = -120;
/// The commission is not finite.
pub const MT5REDIS_ERR_COMMISSION: i32 = -121;
/// The digits are outside 0 to 15.
pub const MT5REDIS_ERR_DIGITS: i32 = -122;
/// The number of positions is negative or above 16,384.
pub const MT5REDIS_ERR_COUNT: i32 = -123;
/// The login is negative.
pub const MT5REDIS_ERR_LOGIN: i32 = -124;
/// The ping is negative.
pub const MT5REDIS_ERR_PING: i32 = -125;
/// The balance is not finite.
pub const MT5REDIS_ERR_BALANCE: i32 = -126;
/// The equity is not finite.
pub const MT5REDIS_ERR_EQUITY: i32 = -127;
/// The margin is not finite.
pub const MT5REDIS_ERR_MARGIN: i32 = -128;
/// The free margin is not finite.
pub const MT5REDIS_ERR_MARGIN_FREE: i32 = -129;
/// The margin level is not finite.
pub const MT5REDIS_ERR_MARGIN_LEVEL: i32 = -130;
/// The credit is not finite.
pub const MT5REDIS_ERR_CREDIT: i32 = -131;
/// The leverage is negative.
pub const MT5REDIS_ERR_LEVERAGE: i32 = -132;
/// A count of positions or orders in the instance state is negative.
pub const MT5REDIS_ERR_COUNTS: i32 = -133;
/// The heartbeat interval is negative.
pub const MT5REDIS_ERR_INTERVAL: i32 = -134;
/// The flags have a bit that is none of `MT5REDIS_FLAG_*`.
pub const MT5REDIS_ERR_FLAGS: i32 = -135;
/// The account's kind is none of `MT5REDIS_ACCOUNT_*`.
pub const MT5REDIS_ERR_ACCOUNT: i32 = -136;
/// The terminal's build is negative.
pub const MT5REDIS_ERR_BUILD: i32 = -137;
/// The lane has no record with this sequence number.
pub const MT5REDIS_ERR_SEQUENCE: i32 = -138;
/// The name of a follower, a consumer group or a consumer is empty, longer than 64 bytes, or has a character outside
/// `[A-Za-z0-9._:@-]`.
pub const MT5REDIS_ERR_GROUP: i32 = -139;
/// The start is none of `MT5REDIS_START_*`.
pub const MT5REDIS_ERR_START: i32 = -140;
/// The maximum age is negative.
pub const MT5REDIS_ERR_MAX_AGE: i32 = -141;
/// A filter is longer than 4,096 bytes of UTF-8, names no source, or has a character that no source or symbol can have.
pub const MT5REDIS_ERR_FILTER: i32 = -142;
/// No signal with this number waits for an acknowledgement.
pub const MT5REDIS_ERR_RECEIVED: i32 = -143;
/// The outcome is none of `MT5REDIS_OUTCOME_*`.
pub const MT5REDIS_ERR_OUTCOME: i32 = -150;
/// The order's ticket is negative.
pub const MT5REDIS_ERR_ORDER: i32 = -151;
/// The deal's ticket is negative, or 0 in a deal.
pub const MT5REDIS_ERR_DEAL: i32 = -152;
/// The slippage is not finite.
pub const MT5REDIS_ERR_SLIPPAGE: i32 = -153;
/// The latency is negative.
pub const MT5REDIS_ERR_LATENCY: i32 = -154;
/// The trade server's answer is negative.
pub const MT5REDIS_ERR_RETCODE: i32 = -155;
/// The deal's kind is none of `MT5REDIS_DEAL_*`.
pub const MT5REDIS_ERR_KIND: i32 = -156;
/// The deal's entry is none of `MT5REDIS_ENTRY_*`.
pub const MT5REDIS_ERR_ENTRY: i32 = -157;
