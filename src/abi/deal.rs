//! The exported function of a deal.

use super::guard::{copied, guard};
use super::{ONE_RELEASE, handle, text};
use crate::codes::*;
use crate::error::Error;
use crate::model::Deal;
use crate::model::trade::{COMMENT_LIMIT, SYMBOL_LIMIT};

/// Queues a deal as the trade server executed it. Returns its sequence number in the rts lane, above 0. It is written to
/// the instance's trade events. A deal that these contain already, by its ticket, is committed and not written again, so
/// whoever looks back after a restart may send what was sent before.
///
/// `size` is the size of `mt5redis_deal_t`, bytes. `symbol` has at most 48 bytes of UTF-8, null or empty if the deal has
/// none; `comment` at most 96. A value that is refused has its own error code; a full journal returns
/// `MT5REDIS_ERR_JOURNAL_FULL`. Fails also with `MT5REDIS_ERR_ABI`, `_SYMBOL`, `_COMMENT` or `_NULL`.
///
/// # Safety
/// `deal` is null or points at a whole struct; each text is null or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_deal(
    handle: i64,
    deal: *const Deal,
    size: i32,
    symbol: *const u16,
    comment: *const u16,
) -> i64 {
    guard(|| {
        if usize::try_from(size) != Ok(size_of::<Deal>()) {
            return Err(Error::new(
                MT5REDIS_ERR_ABI,
                format!(
                    "size of mt5redis_deal_t is {size} in the include and {} in the library: {ONE_RELEASE}",
                    size_of::<Deal>()
                ),
            ));
        }
        // SAFETY: the caller's promise is this function's own.
        let (deal, symbol, comment) = unsafe {
            (
                copied(deal, "deal")?,
                text::read::<SYMBOL_LIMIT>(symbol, MT5REDIS_ERR_SYMBOL, "symbol")?,
                text::read::<COMMENT_LIMIT>(comment, MT5REDIS_ERR_COMMENT, "comment")?,
            )
        };
        handle::with(handle, |session| session.deal(deal, symbol, comment))
    })
}

const _: () = assert!(size_of::<Deal>() == 96);
