//! Whether an operator has halted this instance.

use super::guard::guard;
use super::{handle, text};

/// Returns whether an operator has halted this instance (`docs/halt.md`): `MT5REDIS_HALT_NONE`, `_ENTRIES` or `_ALL`. Ask
/// before each opening. It does not wait: a halt is heard within two heartbeats, and is remembered on the disk, so that
/// neither a restart nor an outage lifts it.
///
/// It writes who gave the halt and why, such as `anna: news at 14:30`; without a halt the text is empty. 256 units are
/// enough.
///
/// # Safety
/// `buffer` is null or has `capacity` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mt5redis_halted(handle: i64, buffer: *mut u16, capacity: i32) -> i32 {
    guard(|| {
        let (level, words) = handle::enter(handle)?.halted();
        // SAFETY: the caller's promise is this function's own.
        unsafe { text::write(&words, buffer, capacity) };
        Ok(level)
    })
}
