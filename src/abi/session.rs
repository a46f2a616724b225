//! The functions of a session, from open to close, and those of the library itself.

use std::time::Duration;

use super::guard::{copied, guard, last_error, not_null};
use super::{ONE_RELEASE, PATH_LIMIT, handle, module, text};
use crate::codes::*;
use crate::error::{Error, Result};
use crate::lane::Status;
use crate::model::LaneName;
use crate::model::instance::{AGENT_LIMIT, COMPANY_LIMIT, CURRENCY_LIMIT, SERVER_LIMIT};
use crate::model::trade::{COMMENT_LIMIT, OPEN_SET_LIMIT, SYMBOL_LIMIT};
use crate::model::{InstanceState, Signal, TradeState};
use crate::session::Session;

/// The version of this ABI. It changes when a function's parameters or a struct's layout change, not for additions.
pub const MT5REDIS_ABI_VERSION: i32 = 1;

/// The lane of instance states: the heartbeats of `mt5redis_instance_state`.
pub const MT5REDIS_LANE_RIS: i32 = 0;
/// The lane of trade states and deals: `mt5redis_trade_state`, `mt5redis_open_positions` and `mt5redis_deal`.
pub const MT5REDIS_LANE_RTS: i32 = 1;
/// The lane of trade signals and execution reports: `mt5redis_signal` and `mt5redis_report`.
pub const MT5REDIS_LANE_RTSS: i32 = 2;

/// The record is accepted and not sent yet.
pub const MT5REDIS_STATUS_QUEUED: i32 = 0;
/// The record was sent and the answer is missing, so it may be in Redis or not. The library finds out by itself.
pub const MT5REDIS_STATUS_IN_DOUBT: i32 = 1;
/// The record is in Redis, or a later state of the same position is there in its place.
pub const MT5REDIS_STATUS_COMMITTED: i32 = 2;
/// The server refuses the record for good. It is in the lane's dead-letter file, with the server's reason.
pub const MT5REDIS_STATUS_DEAD: i32 = 3;

/// Returned by `mt5redis_flush` and `mt5redis_close`: every trade and signal is in Redis; some heartbeats are not.
pub const MT5REDIS_HEARTBEATS_WAIT: i32 = 1;

/// Checks that the caller's header fits this library: `MT5REDIS_ABI_VERSION` and the size of each struct, bytes. Call it
/// first. Returns `MT5REDIS_OK` or `MT5REDIS_ERR_ABI`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_abi(version: i32, instance_size: i32, trade_size: i32, signal_size: i32) -> i32 {
    guard(|| {
        let ours = [
            ("ABI version", version, MT5REDIS_ABI_VERSION as usize),
            ("size of mt5redis_instance_t", instance_size, size_of::<InstanceState>()),
            ("size of mt5redis_trade_t", trade_size, size_of::<TradeState>()),
            ("size of mt5redis_signal_t", signal_size, size_of::<Signal>()),
        ];
        for (what, theirs, ours) in ours {
            if usize::try_from(theirs) != Ok(ours) {
                return Err(Error::new(
                    MT5REDIS_ERR_ABI,
                    format!("{what} is {theirs} in the include and {ours} in the library: {ONE_RELEASE}"),
                ));
            }
        }
        Ok(0)
    })
}

/// Writes the library's version, such as `0.1.0`. Returns its length, UTF-16 units.
///
/// # Safety
/// `buffer` is null or has `capacity` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_version(buffer: *mut u16, capacity: i32) -> i32 {
    // SAFETY: the caller's promise is this function's own.
    guard(|| Ok(unsafe { text::write(env!("CARGO_PKG_VERSION"), buffer, capacity) }))
}

/// Opens a session for one instance and starts connecting in the background. Sessions of one process with equal
/// configurations share their connections. Returns a handle above 0.
///
/// `config` is one `redis://` URL for all three lanes, or the path of a TOML file (`docs/configuration.md`); null or
/// empty means `redis://127.0.0.1:6379`. `instance` names the terminal and its account in Redis: 1 to 40 characters of
/// `A-Z a-z 0-9 . _ -`. Relative paths start at `data_folder`; null or empty means the process's working folder. Both
/// texts have at most 4,096 bytes of UTF-8.
///
/// It reads and writes the journal's files. It waits in one case, for at most 3 s: a closed session with another
/// configuration still has records for the same server, and this session takes them over.
///
/// Fails with `MT5REDIS_ERR_INSTANCE`, `_CONFIG`, `_CONFIG_FILE`, `_JOURNAL`, `_JOURNAL_LOCKED`, `_THREAD` or
/// `_TOO_MANY_HANDLES`.
///
/// # Safety
/// Each pointer is null or a UTF-16 text ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_open(
    config: *const u16,
    instance: *const u16,
    data_folder: *const u16,
) -> i64 {
    guard(|| {
        // SAFETY: the caller's promise is this function's own.
        let (config, instance, data_folder) = unsafe {
            (
                text::read::<PATH_LIMIT>(config, MT5REDIS_ERR_CONFIG, "config")?,
                text::read::<64>(instance, MT5REDIS_ERR_INSTANCE, "instance")?,
                text::read::<PATH_LIMIT>(data_folder, MT5REDIS_ERR_CONFIG, "data_folder")?,
            )
        };
        module::pin();
        handle::insert(|| Session::open(&config, &instance, &data_folder))
    })
}

/// Queues a heartbeat: the state of the instance. Returns its sequence number in the ris lane, above 0, or 0 if it is
/// not due under pressure: then it was not accepted. Send the next one as usual.
///
/// `server` is the trade server, `company` the broker, `currency` the account's currency and `agent` the Expert Advisor's
/// name and version; they have at most 64, 96, 16 and 48 bytes of UTF-8. A value that is refused has its own error code;
/// a full queue returns `MT5REDIS_ERR_QUEUE_FULL`.
///
/// # Safety
/// `state` is null or points at a whole struct; each text is null or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_instance_state(
    handle: i64,
    state: *const InstanceState,
    server: *const u16,
    company: *const u16,
    currency: *const u16,
    agent: *const u16,
) -> i64 {
    guard(|| {
        // SAFETY: the caller's promise is this function's own.
        let (state, server, company, currency, agent) = unsafe {
            (
                copied(state, "state")?,
                text::read::<SERVER_LIMIT>(server, MT5REDIS_ERR_SERVER, "server")?,
                text::read::<COMPANY_LIMIT>(company, MT5REDIS_ERR_COMPANY, "company")?,
                text::read::<CURRENCY_LIMIT>(currency, MT5REDIS_ERR_CURRENCY, "currency")?,
                text::read::<AGENT_LIMIT>(agent, MT5REDIS_ERR_AGENT, "agent")?,
            )
        };
        handle::with(handle, |session| session.instance_state(&state, &server, &company, &currency, &agent))
    })
}

/// Queues the state of one position. Returns its sequence number in the rts lane, above 0, or 0 for a price-only update
/// that is not due under pressure: it was not accepted. Send the position's state again with the next look.
///
/// `symbol` has 1 to 48 bytes of UTF-8, `comment` at most 96. A value that is refused has its own error code; a full
/// journal returns `MT5REDIS_ERR_JOURNAL_FULL`.
///
/// # Safety
/// `state` is null or points at a whole struct; each text is null or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_trade_state(
    handle: i64,
    state: *const TradeState,
    symbol: *const u16,
    comment: *const u16,
) -> i64 {
    guard(|| {
        // SAFETY: the caller's promise is this function's own.
        let (state, symbol, comment) = unsafe {
            (
                copied(state, "state")?,
                text::read::<SYMBOL_LIMIT>(symbol, MT5REDIS_ERR_SYMBOL, "symbol")?,
                text::read::<COMMENT_LIMIT>(comment, MT5REDIS_ERR_COMMENT, "comment")?,
            )
        };
        handle::with(handle, |session| session.trade_state(&state, &symbol, &comment))
    })
}

/// Queues the list of all open positions. A position that Redis lists as open and this list does not is marked as gone.
/// Returns its sequence number in the rts lane, above 0.
///
/// `positions` has `count` position identifiers, each above 0; `count` is 0 to 16,384. Null is allowed if `count` is 0.
/// `time_ms` is when the list was true, ms since 1970 UTC; 0 means now. Fails with `MT5REDIS_ERR_COUNT`, `_POSITION`,
/// `_TIME`, `_NULL` or `_JOURNAL_FULL`.
///
/// # Safety
/// `positions` is null or has `count` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_open_positions(
    handle: i64,
    time_ms: i64,
    positions: *const i64,
    count: i32,
) -> i64 {
    guard(|| {
        crate::model::check::within(MT5REDIS_ERR_COUNT, "count", count.into(), 0, OPEN_SET_LIMIT as i64)?;
        if count > 0 {
            not_null(positions, "positions")?;
        }
        // SAFETY: `count` elements follow by the caller's promise, at any address.
        let position = |at| unsafe { positions.add(at).read_unaligned() };
        let positions = (0..count as usize).map(position).collect();
        handle::with(handle, |session| session.open_positions(time_ms, positions))
    })
}

/// Queues a trade signal. Returns its sequence number in the rtss lane, above 0.
///
/// `symbol` has 1 to 48 bytes of UTF-8, `comment` at most 96. A value that is refused has its own error code; a full
/// journal returns `MT5REDIS_ERR_JOURNAL_FULL`.
///
/// # Safety
/// `signal` is null or points at a whole struct; each text is null or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_signal(
    handle: i64,
    signal: *const Signal,
    symbol: *const u16,
    comment: *const u16,
) -> i64 {
    guard(|| {
        // SAFETY: the caller's promise is this function's own.
        let (signal, symbol, comment) = unsafe {
            (
                copied(signal, "signal")?,
                text::read::<SYMBOL_LIMIT>(symbol, MT5REDIS_ERR_SYMBOL, "symbol")?,
                text::read::<COMMENT_LIMIT>(comment, MT5REDIS_ERR_COMMENT, "comment")?,
            )
        };
        handle::with(handle, |session| session.signal(&signal, &symbol, &comment))
    })
}

/// Returns the sequence number up to which all records of a lane are in Redis; 0 if there are none yet. It never falls.
/// `lane` is one of `MT5REDIS_LANE_*`.
///
/// A dead letter is not in Redis, so the number stops before the first one until somebody has handled it and moved the
/// dead-letter file away. `mt5redis_status` reports on each record beyond.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_committed(handle: i64, lane: i32) -> i64 {
    guard(|| {
        handle::with(handle, |session| match lane {
            MT5REDIS_LANE_RIS => Ok(session.engine().ris.committed()),
            MT5REDIS_LANE_RTS => Ok(session.engine().rts.committed()),
            MT5REDIS_LANE_RTSS => Ok(session.engine().rtss.committed()),
            _ => Err(no_lane(lane)),
        })
    })
}

/// Returns the sequence number of the last record that a lane has accepted, also by another handle or before a restart; 0 if
/// there is none. `lane` is one of `MT5REDIS_LANE_*`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_accepted(handle: i64, lane: i32) -> i64 {
    guard(|| {
        let session = handle::enter(handle)?;
        let engine = session.engine();
        match lane {
            MT5REDIS_LANE_RIS => Ok(engine.ris.accepted() as i64),
            MT5REDIS_LANE_RTS => Ok(engine.rts.accepted() as i64),
            MT5REDIS_LANE_RTSS => Ok(engine.rtss.accepted() as i64),
            _ => Err(no_lane(lane)),
        }
    })
}

/// Returns where a record is: one of `MT5REDIS_STATUS_*`. `lane` is one of `MT5REDIS_LANE_*`, and `sequence` is what the
/// call for the record returned. Fails with `MT5REDIS_ERR_SEQUENCE` or `_LANE`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_status(handle: i64, lane: i32, sequence: i64) -> i32 {
    guard(|| {
        let session = handle::enter(handle)?;
        let (engine, number) = (session.engine(), u64::try_from(sequence).unwrap_or(0));
        let status = match lane {
            MT5REDIS_LANE_RIS => engine.ris.status(number),
            MT5REDIS_LANE_RTS => engine.rts.status(number),
            MT5REDIS_LANE_RTSS => engine.rtss.status(number),
            _ => return Err(no_lane(lane)),
        };
        match status {
            Some(Status::Queued) => Ok(MT5REDIS_STATUS_QUEUED),
            Some(Status::InDoubt) => Ok(MT5REDIS_STATUS_IN_DOUBT),
            Some(Status::Committed) => Ok(MT5REDIS_STATUS_COMMITTED),
            Some(Status::Dead) => Ok(MT5REDIS_STATUS_DEAD),
            None => Err(Error::new(
                MT5REDIS_ERR_SEQUENCE,
                format!(
                    "lane {lane} has no record {sequence}: pass the number that the call for the record returned"
                ),
            )),
        }
    })
}

/// Returns the pressure level: 0 normal, 1 slow, 2 heavy, 3 critical. The library acts on it by itself: it does not
/// accept heartbeats and prices that are not due, see `mt5redis_interval_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_throttle(handle: i64) -> i32 {
    guard(|| Ok(handle::enter(handle)?.engine().pressure().level().into()))
}

/// Returns how often the library accepts heartbeats (`MT5REDIS_LANE_RIS`) and a position's price-only updates
/// (`MT5REDIS_LANE_RTS`), ms. 0 means no limit, 2,147,483,647 none for now. Opens, changes, closes and signals are always
/// accepted. `lane` is one of `MT5REDIS_LANE_*`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_interval_ms(handle: i64, lane: i32) -> i32 {
    guard(|| {
        let lane = match lane {
            MT5REDIS_LANE_RIS => LaneName::Ris,
            MT5REDIS_LANE_RTS => LaneName::Rts,
            MT5REDIS_LANE_RTSS => LaneName::Rtss,
            _ => return Err(no_lane(lane)),
        };
        Ok(handle::enter(handle)?.engine().pressure().interval_ms(lane))
    })
}

/// Waits until everything accepted so far is in Redis, at most `timeout_ms`; 0 or less does not wait. Trades and signals
/// come first. Heartbeats carry no guarantee: it does not wait for them while their server accepts no writes.
///
/// Returns `MT5REDIS_OK` if everything is in Redis, and `MT5REDIS_HEARTBEATS_WAIT` if everything except heartbeats is.
/// Fails with `MT5REDIS_ERR_DEAD_LETTERS` if the server refused records for good since this handle last reported it and
/// all others are in Redis, or with `MT5REDIS_ERR_TIMEOUT`, whose text names the lanes that are done. A time-out loses
/// nothing.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_flush(handle: i64, timeout_ms: i32) -> i32 {
    guard(|| handle::enter(handle)?.flush(milliseconds(timeout_ms)).map(flushed))
}

/// Closes the handle after waiting at most `timeout_ms` for accepted records and acknowledgements to reach Redis. The
/// handle is invalid afterwards in any case. Returns what `mt5redis_flush` returns; after `MT5REDIS_ERR_TIMEOUT` the
/// library still sends the remaining records while the process lives, and the next session sends the rest of the
/// journal.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_close(handle: i64, timeout_ms: i32) -> i32 {
    guard(|| handle::close(handle)?.close(milliseconds(timeout_ms)).map(flushed))
}

/// Writes the counters and latencies of all lanes as one JSON object (`docs/statistics.md`). Returns its length, UTF-16
/// units; 8,192 are enough.
///
/// # Safety
/// `buffer` is null or has `capacity` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_stats(handle: i64, buffer: *mut u16, capacity: i32) -> i32 {
    guard(|| {
        let json = handle::enter(handle)?.stats();
        // SAFETY: the caller's promise is this function's own.
        Ok(unsafe { text::write(&json, buffer, capacity) })
    })
}

/// Writes the next line of this session's log, oldest first. Returns its length, UTF-16 units; 0 if there is none. A
/// line that does not fit stays for the next call; 512 units are enough for any line.
///
/// # Safety
/// `buffer` is null or has `capacity` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_next_event(handle: i64, buffer: *mut u16, capacity: i32) -> i32 {
    guard(|| {
        let session = handle::enter(handle)?;
        let fits = |line: &str| line.encode_utf16().count() < usize::try_from(capacity).unwrap_or(0);
        let line = session.next_event(fits).unwrap_or_default();
        // SAFETY: the caller's promise is this function's own.
        Ok(unsafe { text::write(&line, buffer, capacity) })
    })
}

/// Writes the explanation of the last failed call on this thread: what was wrong, the value, and what to do. A later
/// success keeps it. Returns its length, UTF-16 units; 0 if no call has failed yet.
///
/// # Safety
/// `buffer` is null or has `capacity` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_last_error(buffer: *mut u16, capacity: i32) -> i32 {
    // SAFETY: the caller's promise is this function's own.
    last_error(|text| unsafe { text::write(text, buffer, capacity) })
}

fn no_lane(lane: i32) -> Error {
    Error::new(MT5REDIS_ERR_LANE, format!("lane {lane} does not exist: pass 0 (ris), 1 (rts) or 2 (rtss)"))
}

fn flushed(heartbeats_too: bool) -> i32 {
    if heartbeats_too { MT5REDIS_OK } else { MT5REDIS_HEARTBEATS_WAIT }
}

fn milliseconds(timeout_ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))
}

const _: () = {
    assert!(
        size_of::<InstanceState>() == 112 && size_of::<TradeState>() == 144 && size_of::<Signal>() == 112
    );
    assert!(size_of::<Result<u8>>() < 64);
};
