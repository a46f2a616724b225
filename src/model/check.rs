//! The checks of a value where it enters the library: finite, in range, short enough, well formed.
//!
//! An error has the field's own code and names the field, its value and what is allowed.

use crate::codes::*;
use crate::error::{Error, Result};

/// The last millisecond of the year 9999, the largest time accepted.
pub(crate) const MAX_TIME_MS: i64 = 253_402_300_799_999;

/// Whether a character controls a terminal, or is invisible, or reverses the text beside it. No line of a log has one.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Refuses NaN and the infinities.
#[inline]
pub fn finite(code: i32, field: &str, value: f64) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(refused(code, field, value, "pass a finite number")) }
}

/// Refuses a volume that is negative or not finite.
#[inline]
pub fn volume(field: &str, lots: f64) -> Result<()> {
    if lots.is_finite() && lots >= 0.0 {
        Ok(())
    } else {
        Err(refused(MT5REDIS_ERR_VOLUME, field, lots, "pass lots, 0 or more"))
    }
}

/// Refuses a volume that is 0, negative or not finite.
#[inline]
pub fn volume_above_zero(field: &str, lots: f64) -> Result<()> {
    if lots.is_finite() && lots > 0.0 {
        Ok(())
    } else {
        Err(refused(MT5REDIS_ERR_VOLUME, field, lots, "pass lots above 0"))
    }
}

/// Refuses a number outside `low..=high`.
#[inline]
pub fn within(code: i32, field: &str, value: i64, low: i64, high: i64) -> Result<()> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(outside(code, field, value, low, high)) }
}

/// Refuses a time outside 1970 to 9999, ms since 1970 UTC; 0 means "none" or "now".
#[inline]
pub fn time(field: &str, time_ms: i64) -> Result<()> {
    within(MT5REDIS_ERR_TIME, field, time_ms, 0, MAX_TIME_MS)
}

/// Refuses what is none of `MT5REDIS_ACTION_*`.
#[inline]
pub fn action(action: i32) -> Result<()> {
    within(MT5REDIS_ERR_ACTION, "action", action.into(), 1, 5)
}

/// Refuses a difference of more than a day between the broker's clock and UTC.
#[inline]
pub fn server_offset(seconds: i32) -> Result<()> {
    within(MT5REDIS_ERR_SERVER_OFFSET, "server_offset_s", seconds.into(), -86_400, 86_400)
}

/// The error for a text that is longer than its field allows.
pub fn too_long(code: i32, field: &str, limit: usize) -> Error {
    Error::new(code, format!("{field} is too long: pass at most {limit} bytes of UTF-8, ended by a NUL"))
}

#[cold]
fn outside(code: i32, field: &str, value: i64, low: i64, high: i64) -> Error {
    refused(code, field, value, &format!("pass {low} to {high}"))
}

#[cold]
fn refused(code: i32, field: &str, value: impl std::fmt::Display, allowed: &str) -> Error {
    Error::new(code, format!("{field} = {value} is refused: {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_field_value_and_what_is_allowed() {
        let error = finite(MT5REDIS_ERR_SWAP, "swap", f64::NAN).unwrap_err();
        assert_eq!(error.code(), MT5REDIS_ERR_SWAP);
        assert_eq!(error.to_string(), "swap = NaN is refused: pass a finite number");
        let error = volume("volume", -0.1).unwrap_err();
        assert_eq!(error.code(), MT5REDIS_ERR_VOLUME);
        assert_eq!(error.to_string(), "volume = -0.1 is refused: pass lots, 0 or more");
        let error = server_offset(90_000).unwrap_err();
        assert!(error.to_string().contains("-86400 to 86400"), "{error}");
    }
}
