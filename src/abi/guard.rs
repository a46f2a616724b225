//! The guard around every exported function: a panic becomes an error code, an error's text is kept for
//! `mt5redis_last_error`, and a pointer is checked before it is read.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::codes::{MT5REDIS_ERR_INTERNAL, MT5REDIS_ERR_NULL};
use crate::error::{Error, Result};
use crate::panic_text;

thread_local! {
    static LAST_ERROR: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the body of an exported function. Whatever happens inside, the caller gets a number.
pub(super) fn guard<N: From<i32>>(body: impl FnOnce() -> Result<N>) -> N {
    // Unwind safe: locks do not poison and counters are atomic, so a panic leaves nothing half changed.
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        Err(Error::new(
            MT5REDIS_ERR_INTERNAL,
            format!("mt5-redis has a defect, please report it: {}", panic_text(&*panic)),
        ))
    });
    outcome.unwrap_or_else(|error| {
        remember(&error);
        N::from(error.code())
    })
}

fn remember(error: &Error) {
    // A thread that is ending has no slot any more; its caller still gets the code.
    let _ = LAST_ERROR.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = error.to_string();
        }
    });
}

/// Passes the last error's text to `read`.
pub(super) fn last_error(read: impl FnOnce(&str) -> i32) -> i32 {
    LAST_ERROR.try_with(|last| read(&last.borrow())).unwrap_or(0)
}

/// Refuses a null pointer.
pub(super) fn not_null<T>(pointer: *const T, field: &str) -> Result<()> {
    if pointer.is_null() {
        return Err(Error::new(MT5REDIS_ERR_NULL, format!("{field} is null: pass a valid pointer")));
    }
    Ok(())
}

/// Copies the struct behind a pointer. MQL5's structs are packed and may have any address.
///
/// # Safety
/// `pointer` is null or points at a whole `T` that no other thread writes during the call.
pub(super) unsafe fn copied<T: Copy>(pointer: *const T, field: &str) -> Result<T> {
    not_null(pointer, field)?;
    // SAFETY: it is not null, and whole and unchanged by the caller's promise; an unaligned read needs no more.
    Ok(unsafe { pointer.read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_code_and_a_sentence() {
        let code: i64 = guard(|| panic!("the sky fell"));
        assert_eq!(code, i64::from(MT5REDIS_ERR_INTERNAL));
        last_error(|text| {
            assert!(text.ends_with("please report it: the sky fell"), "{text}");
            0
        });
    }

    #[test]
    fn null_is_named() {
        // SAFETY: null is allowed.
        let error = unsafe { copied::<u64>(std::ptr::null(), "state") }.unwrap_err();
        assert_eq!(error.code(), MT5REDIS_ERR_NULL);
        assert!(error.to_string().starts_with("state is null"));
    }

    #[test]
    fn a_struct_may_stand_at_any_address() {
        let bytes = [0u8, 1, 0, 0, 0, 0, 0, 0, 0];
        // SAFETY: eight bytes follow the address.
        let value = unsafe { copied(bytes.as_ptr().wrapping_add(1).cast::<u64>(), "state") };
        assert_eq!(value.unwrap().to_le(), 1);
    }
}
