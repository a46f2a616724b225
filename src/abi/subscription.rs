//! The exported functions of a subscription: signals of other terminals, for an Expert Advisor that follows them.

use super::guard::{guard, not_null};
use super::{ONE_RELEASE, PATH_LIMIT, handle, text};
use crate::codes::*;
use crate::error::Error;
use crate::inbox::{NAME_LIMIT, Next, ReceivedSignal, Subscription};

/// Starts following the signals of other terminals, in the background. A handle has one subscription at a time.
///
/// `follower` names this follower's position in the streams: 1 to 64 characters of `A-Z a-z 0-9 . _ : @ -`, the same after
/// each restart; null or empty means the instance id. If two terminals use the same name, one is active and the other
/// stands by (see `mt5redis_role`). Two programs of one terminal need two names: the second one to use a name fails with
/// `MT5REDIS_ERR_NAME_IN_USE`.
///
/// `instances` lists the sources to follow, separated by commas; `*` means every source. `symbols` lists the symbols; null
/// or empty means all. `magic` is a magic number; 0 means any. A filter that can match nothing is refused with
/// `MT5REDIS_ERR_FILTER`. Signals older than `max_age_ms`, past their expiry, or more than 2 s ahead of the server's clock
/// are skipped and counted; 0 means any age. `start` is one of `MT5REDIS_START_*`.
///
/// Returns `MT5REDIS_OK`. Fails also with `MT5REDIS_ERR_SUBSCRIBED`, `_GROUP`, `_MAX_AGE`, `_START` or `_THREAD`.
///
/// # Safety
/// Each text is null or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_subscribe(
    handle: i64,
    follower: *const u16,
    instances: *const u16,
    symbols: *const u16,
    magic: i64,
    max_age_ms: i64,
    start: i32,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's promise is this function's own.
        let (follower, instances, symbols) = unsafe {
            (
                text::read::<NAME_LIMIT>(follower, MT5REDIS_ERR_GROUP, "follower")?,
                text::read::<PATH_LIMIT>(instances, MT5REDIS_ERR_FILTER, "instances")?,
                text::read::<PATH_LIMIT>(symbols, MT5REDIS_ERR_FILTER, "symbols")?,
            )
        };
        let subscription = |own: &str| {
            let follower = if follower.is_empty() { own } else { &follower };
            Subscription::new(follower, &instances, &symbols, magic, max_age_ms, start)
        };
        handle::enter(handle)?.subscribe(subscription).map(|()| 0)
    })
}

/// Takes the next signal of the subscription. Returns 1 with a signal and 0 without; it never waits.
///
/// `MT5REDIS_ERR_GAP` reports, once, that signals were deleted before they were read: `instance` is then their source, and
/// the next call continues after them. `size` is the size of `mt5redis_received_t`, bytes. Buffers of 41, 49 and 97 units
/// hold any instance, symbol and comment. Fails also with `MT5REDIS_ERR_NOT_SUBSCRIBED`, `_NULL` or `_ABI`.
///
/// # Safety
/// `signal` points at a whole struct; each buffer is null or has its capacity's units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_next_signal(
    handle: i64,
    signal: *mut ReceivedSignal,
    size: i32,
    instance: *mut u16,
    instance_capacity: i32,
    symbol: *mut u16,
    symbol_capacity: i32,
    comment: *mut u16,
    comment_capacity: i32,
) -> i32 {
    guard(|| {
        not_null(signal, "signal")?;
        if usize::try_from(size) != Ok(size_of::<ReceivedSignal>()) {
            return Err(Error::new(
                MT5REDIS_ERR_ABI,
                format!(
                    "size of mt5redis_received_t is {size} in the include and {} in the library: {ONE_RELEASE}",
                    size_of::<ReceivedSignal>()
                ),
            ));
        }
        match handle::enter(handle)?.follower()?.next() {
            Next::Nothing => Ok(0),
            Next::Gap(gap) => {
                // SAFETY: the caller's promise is this function's own.
                unsafe { text::write(gap.source.as_str(), instance, instance_capacity) };
                Err(Error::new(MT5REDIS_ERR_GAP, gap.to_string()))
            }
            Next::Signal(received, delivery) => {
                let texts = &delivery.signal;
                // SAFETY: the caller's promise is this function's own.
                unsafe {
                    signal.write_unaligned(received);
                    text::write(&texts.instance, instance, instance_capacity);
                    text::write(&texts.symbol, symbol, symbol_capacity);
                    text::write(&texts.comment, comment, comment_capacity);
                }
                Ok(1)
            }
        }
    })
}

/// Returns this terminal's role for the follower's name: one of `MT5REDIS_ROLE_*`. A terminal on standby gets no signals.
/// It takes over within seconds if the active terminal ends or loses the server. Fails with
/// `MT5REDIS_ERR_NOT_SUBSCRIBED`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_role(handle: i64) -> i32 {
    guard(|| Ok(handle::enter(handle)?.follower()?.role()))
}

/// Returns how often this terminal has taken over from another one since it subscribed: the other one acted while this one
/// stood by, or acknowledged signals after this one last did, in an earlier life too. What a program remembers of the
/// copies from before a takeover is old. The number grows before the first signal of that time is handed out. Fails with
/// `MT5REDIS_ERR_NOT_SUBSCRIBED`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_takeovers(handle: i64) -> i32 {
    guard(|| Ok(handle::enter(handle)?.follower()?.takeovers()))
}

/// Acknowledges a signal that was acted on or deliberately skipped. A signal without an acknowledgement comes again with
/// the next subscription of this follower's name. `number` is the signal's. Returns `MT5REDIS_OK`; fails with
/// `MT5REDIS_ERR_RECEIVED` or `_NOT_SUBSCRIBED`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_acknowledge(handle: i64, number: i64) -> i32 {
    guard(|| handle::enter(handle)?.follower()?.acknowledge(number).map(|()| 0))
}

/// Ends the subscription without waiting; acknowledgements are still written in the background. Returns `MT5REDIS_OK` or
/// `MT5REDIS_ERR_NOT_SUBSCRIBED`.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_unsubscribe(handle: i64) -> i32 {
    guard(|| {
        let session = handle::enter(handle)?;
        session.follower()?;
        session.unsubscribe();
        Ok(0)
    })
}
