//! The exported functions of a subscription: signals of other terminals, for an Expert Advisor that follows
//! them. The rules are those of the [module above](super).

use super::guard::{guard, not_null};
use super::{PATH_LIMIT, handle, text};
use crate::codes::*;
use crate::error::Error;
use crate::inbox::{NAME_LIMIT, Next, ReceivedSignal, Subscription};

/// Starts following signals of other terminals, in the background. A handle has one subscription at a time.
///
/// `follower` is the name for this follower's place in the streams, 1 to 64 of `A-Z a-z 0-9 . _ : @ -`, the same
/// after each restart; null or empty is the instance's own. Of two terminals that follow by one name one acts and the
/// other stands by, see `mt5redis_role`; two programs of one terminal need two names, and the second of one name gets
/// `MT5REDIS_ERR_NAME_IN_USE`.
///
/// `instances` lists the sources to follow, with commas between them; `*` is all there are. `symbols` lists the
/// symbols, and `magic` is the magic number; null, empty and 0 mean all. What nothing can match is refused. Signals
/// older than `max_age_ms`, past their own expiry, or more than 2 s ahead of the server's clock are passed over and
/// counted; 0 is any age. `start` is one of `MT5REDIS_START_*`.
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

/// The next signal of the subscription, if one is here. Returns 1 with a signal and 0 without; it never
/// waits. `MT5REDIS_ERR_GAP` says, once, that signals were deleted before they were read; `instance` then has their
/// source, and the next call goes on behind them.
///
/// `size` is that of `mt5redis_received_t`, bytes. 41, 49 and 97 units hold any instance, symbol and comment.
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
                    "size of mt5redis_received_t is {size} in the include and {} in the library: \
                     copy both from one release of mt5-redis, and compile the Expert Advisor again",
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

/// What this terminal does by the follower's name: one of `MT5REDIS_ROLE_*`. Whoever stands by is handed no signal, and
/// takes over within seconds when the terminal that acts ends, or reaches the server no more.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_role(handle: i64) -> i32 {
    guard(|| Ok(handle::enter(handle)?.follower()?.role()))
}

/// Says that a signal was acted on, or is not to be: it comes no more. `number` is the signal's. Without it
/// the signal comes again with the next subscription by this follower's name.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_acknowledge(handle: i64, number: i64) -> i32 {
    guard(|| handle::enter(handle)?.follower()?.acknowledge(number).map(|()| 0))
}

/// Ends the subscription; acknowledgements are still written in the background. It does not wait.
#[unsafe(no_mangle)]
pub extern "C" fn mt5redis_unsubscribe(handle: i64) -> i32 {
    guard(|| {
        let session = handle::enter(handle)?;
        session.follower()?;
        session.unsubscribe();
        Ok(0)
    })
}
