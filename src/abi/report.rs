//! The exported function of an execution report: what this terminal did with a signal that it follows.

use super::guard::{copied, guard};
use super::{ONE_RELEASE, handle, text};
use crate::codes::*;
use crate::error::Error;
use crate::model::ExecutionReport;
use crate::model::trade::SYMBOL_LIMIT;

/// Queues an execution report: what this terminal did with a signal of another one. Returns its sequence number in the
/// rtss lane, above 0.
///
/// `size` is the size of `mt5redis_report_t`, bytes. `source` is the instance that gave the signal. `symbol` is this
/// terminal's symbol, at most 48 bytes of UTF-8; null or empty if it has none. `reason` says why, for people; of a longer
/// one the first 160 bytes are kept, cut between two characters. A value that is refused has its own error code; a full
/// journal returns `MT5REDIS_ERR_JOURNAL_FULL`. Fails also with `MT5REDIS_ERR_ABI`, `_INSTANCE`, `_SYMBOL` or `_NULL`.
///
/// # Safety
/// `report` is null or points at a whole struct; each text is null or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_report(
    handle: i64,
    report: *const ExecutionReport,
    size: i32,
    source: *const u16,
    symbol: *const u16,
    reason: *const u16,
) -> i64 {
    guard(|| {
        if usize::try_from(size) != Ok(size_of::<ExecutionReport>()) {
            return Err(Error::new(
                MT5REDIS_ERR_ABI,
                format!(
                    "size of mt5redis_report_t is {size} in the include and {} in the library: {ONE_RELEASE}",
                    size_of::<ExecutionReport>()
                ),
            ));
        }
        // SAFETY: the caller's promise is this function's own.
        let (report, source, symbol, reason) = unsafe {
            (
                copied(report, "report")?,
                text::read::<64>(source, MT5REDIS_ERR_INSTANCE, "source")?,
                text::read::<SYMBOL_LIMIT>(symbol, MT5REDIS_ERR_SYMBOL, "symbol")?,
                text::read_cut(reason),
            )
        };
        handle::with(handle, |session| session.report(report, &source, symbol, reason))
    })
}

const _: () = assert!(size_of::<ExecutionReport>() == 128);
