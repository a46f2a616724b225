//! The C ABI: every exported function, and with the files beside it every `unsafe` of this crate but the
//! journal's map. No logic: a function checks its pointers, copies what they point at, calls the session
//! and turns the answer into a number.
//!
//! Rules, for all of them:
//! - A result of 0 or more is good; below 0 is one of `MT5REDIS_ERR_*`, explained by
//!   `mt5redis_last_error` on the same thread.
//! - Text in is UTF-16 up to its NUL; null means empty; lone surrogates become U+FFFD. A function reads
//!   no further than the text's limit.
//! - Text out goes into the caller's buffer of `capacity` units, cut if it must be and always ended by a
//!   NUL; the result is the whole text's length in units, without the NUL.
//! - No function waits, but those with a time-out, and never beyond it.
//! - Any thread may call any function; a panic inside is an error code outside.

mod guard;
mod handle;
mod module;
mod subscription;
mod text;

use std::time::Duration;

use crate::codes::*;
use crate::error::{Error, Result};
use crate::lane::Status;
use crate::model::LaneName;
use crate::model::instance::{AGENT_LIMIT, COMPANY_LIMIT, CURRENCY_LIMIT, SERVER_LIMIT};
use crate::model::trade::{COMMENT_LIMIT, OPEN_SET_LIMIT, SYMBOL_LIMIT};
use crate::model::{InstanceState, Signal, TradeState};
use crate::session::Session;
use guard::{copied, guard};
pub use subscription::*;

/// Version of this ABI. It changes when a function or a struct changes its shape; additions keep it.
pub const MT5REDIS_ABI_VERSION: i32 = 1;

/// The lane of instance states.
pub const MT5REDIS_LANE_RIS: i32 = 0;
/// The lane of trade states.
pub const MT5REDIS_LANE_RTS: i32 = 1;
/// The lane of trade signals.
pub const MT5REDIS_LANE_RTSS: i32 = 2;

/// The record is queued: accepted, and not in Redis yet.
pub const MT5REDIS_STATUS_QUEUED: i32 = 0;
/// The record was sent and not answered: it may be in Redis or not. The bridge finds out by itself.
pub const MT5REDIS_STATUS_IN_DOUBT: i32 = 1;
/// The record is in Redis, with all before it; or a later state of the same position is, in its place.
pub const MT5REDIS_STATUS_COMMITTED: i32 = 2;
/// The server will never take the record: it is in the lane's dead-letter file, with the server's reason.
pub const MT5REDIS_STATUS_DEAD: i32 = 3;

/// Returned by `mt5redis_flush` and `mt5redis_close`: every trade and signal is in Redis, the last heartbeats are not.
pub const MT5REDIS_HEARTBEATS_WAIT: i32 = 1;

/// Longest configuration text (URL or path) and data folder, bytes of UTF-8.
const PATH_LIMIT: usize = 4096;

/// Whether caller and library mean the same: the ABI's version and the size of each struct, bytes.
/// Call it first. Returns `MT5REDIS_OK` or `MT5REDIS_ERR_ABI`.
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
                    format!(
                        "{what} is {theirs} in the include and {ours} in the library: \
                         copy both from one release of mt5-redis, and compile the Expert Advisor again"
                    ),
                ));
            }
        }
        Ok(0)
    })
}

/// The library's version, like `0.1.0`. Returns its length.
///
/// # Safety
/// `buffer` is null or has `capacity` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_version(buffer: *mut u16, capacity: i32) -> i32 {
    // SAFETY: the caller's promise is this function's own.
    guard(|| Ok(unsafe { text::write(env!("CARGO_PKG_VERSION"), buffer, capacity) }))
}

/// Opens a session of one instance and starts connecting in the background. Sessions of one process with
/// the same configuration share their connections. Returns a handle above 0.
///
/// `config` is one `redis://` URL for all three lanes, or the path of a TOML file; null or empty is
/// `redis://127.0.0.1:6379`. `instance` is 1 to 40 of `A-Z a-z 0-9 . _ -`. A relative path starts at
/// `data_folder`; null or empty is the process's working folder.
///
/// It reads and writes files of the journal. It may wait, at most 3 s, in one case: a session with another
/// configuration was closed whose records for the same server still wait, and which this one takes over.
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

/// Queues a heartbeat: the state of the instance. Returns its sequence number, or 0 if under pressure no heartbeat is
/// due: then this one was not accepted. Send the next one as usual.
///
/// `server`, `company`, `currency` and `agent` are at most 64, 96, 16 and 48 bytes of UTF-8.
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
        handle::with(handle, |session| session.instance_state(state, server, company, currency, agent))
    })
}

/// Queues the state of one position. Returns its sequence number, or 0 for a price-only update that is not due under
/// pressure: it was not accepted. Send the position's state again with the next look.
///
/// `symbol` is 1 to 48 bytes of UTF-8, `comment` at most 96.
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
        handle::with(handle, |session| session.trade_state(state, symbol, comment))
    })
}

/// Queues a reconcile: these positions are open and no others. A position that Redis lists as open and
/// that is not among them is marked as gone. Returns its sequence number, above 0.
///
/// `positions` has `count` identifiers, 0 to 16,384; null is allowed when `count` is 0. `time_ms` is when
/// this was true, ms since 1970 UTC; 0: now, by the library's clock.
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
            guard::not_null(positions, "positions")?;
        }
        // SAFETY: `count` elements follow by the caller's promise, at any address.
        let position = |at| unsafe { positions.add(at).read_unaligned() };
        let positions = (0..count as usize).map(position).collect();
        handle::with(handle, |session| session.open_positions(time_ms, positions))
    })
}

/// Queues a trade signal. Returns its sequence number, above 0.
///
/// `symbol` is 1 to 48 bytes of UTF-8, `comment` at most 96.
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
        handle::with(handle, |session| session.signal(signal, symbol, comment))
    })
}

/// The highest sequence number of a lane up to which everything has reached Redis; 0: nothing yet. It never goes back.
/// A record that was put aside is not in Redis, so the number stays before the first of those until somebody has dealt
/// with the letter and moved the file away; `mt5redis_status` tells of each record behind it. `lane` is one of
/// `MT5REDIS_LANE_*`.
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

/// Where the record is that a call of this lane returned `sequence` for: one of `MT5REDIS_STATUS_*`, or
/// `MT5REDIS_ERR_SEQUENCE`. `lane` is one of `MT5REDIS_LANE_*`.
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
                format!("no record of lane {lane} has the number {sequence}: pass what its call returned"),
            )),
        }
    })
}

/// How much pressure there is: 0 normal, 1 slow, 2 heavy, 3 critical. The library acts on it by itself: heartbeats
/// and prices that are not due are not accepted. A caller may look less often too, see `mt5redis_interval_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_throttle(handle: i64) -> i32 {
    guard(|| Ok(handle::enter(handle)?.engine().pressure().level().into()))
}

/// How far apart a caller should send what can wait on a lane, ms: heartbeats on `MT5REDIS_LANE_RIS`,
/// price-only updates on `MT5REDIS_LANE_RTS`. 0: as they come; 2,147,483,647: none for now. Opens, changes,
/// closes and signals never wait.
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

/// Waits until everything accepted so far has reached Redis, at most `timeout_ms`. Trades and signals come first.
/// Heartbeats carry no guarantee, so nobody waits for them while their server cannot be written to.
/// Returns `MT5REDIS_OK` when all is in Redis, `MT5REDIS_HEARTBEATS_WAIT` when all but heartbeats is,
/// `MT5REDIS_ERR_DEAD_LETTERS` when all is but what was put aside since this handle was told last, or
/// `MT5REDIS_ERR_TIMEOUT`, whose text says which lanes are done; a time-out loses nothing.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_flush(handle: i64, timeout_ms: i32) -> i32 {
    guard(|| handle::enter(handle)?.flush(milliseconds(timeout_ms)).map(flushed))
}

/// Closes the handle after waiting at most `timeout_ms` for what was accepted, and what was acknowledged, to
/// reach Redis; it returns what `mt5redis_flush` does. The handle is gone in any case. `MT5REDIS_ERR_TIMEOUT` says
/// that records still wait: they go on towards Redis for as long as this process lives.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_close(handle: i64, timeout_ms: i32) -> i32 {
    guard(|| handle::close(handle)?.close(milliseconds(timeout_ms)).map(flushed))
}

/// Counters and latencies of all lanes as one JSON object (`docs/statistics.md`). Returns its length;
/// 8,192 units hold it.
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

/// The next line of this session's log, oldest first. Returns its length, 0 when there is none. A line
/// that does not fit stays for the next call; 512 units hold any line.
///
/// # Safety
/// `buffer` is null or has `capacity` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_next_event(handle: i64, buffer: *mut u16, capacity: i32) -> i32 {
    guard(|| {
        let session = handle::enter(handle)?;
        let fits = |line: &str| line.encode_utf16().count() < usize::try_from(capacity).unwrap_or(0);
        match session.next_event(fits) {
            // SAFETY: the caller's promise is this function's own.
            Some(line) => Ok(unsafe { text::write(&line, buffer, capacity) }),
            None => {
                // SAFETY: as above.
                Ok(unsafe { text::write("", buffer, capacity) })
            }
        }
    })
}

/// What the last failed call on this thread has to say. Returns its length, 0 when nothing failed yet.
///
/// # Safety
/// `buffer` is null or has `capacity` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_last_error(buffer: *mut u16, capacity: i32) -> i32 {
    // SAFETY: the caller's promise is this function's own.
    guard::last_error(|text| unsafe { text::write(text, buffer, capacity) })
}

fn no_lane(lane: i32) -> Error {
    Error::new(
        MT5REDIS_ERR_LANE,
        format!("lane {lane} does not exist: pass one of MT5REDIS_LANE_* (0, 1, 2)"),
    )
}

fn flushed(heartbeats_too: bool) -> i32 {
    if heartbeats_too { MT5REDIS_OK } else { MT5REDIS_HEARTBEATS_WAIT }
}

fn milliseconds(timeout_ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))
}

const _: () = {
    assert!(size_of::<InstanceState>() == 112 && size_of::<TradeState>() == 144 && size_of::<Signal>() == 72);
    assert!(size_of::<Result<u8>>() < 64);
};
