//! Text across the C ABI: UTF-16 in, never read past its limit; UTF-16 out, cut to the caller's buffer.

use arrayvec::{ArrayString, ArrayVec};

use crate::error::Result;
use crate::model::check::too_long;

/// Reads a text up to its NUL, or refuses one of more than `LIMIT` bytes of UTF-8. Null is empty, and a lone surrogate
/// becomes U+FFFD. It reads at most `LIMIT` + 1 units, so a missing NUL is harmful only if the caller's memory is shorter.
///
/// # Safety
/// `pointer` is null, or is followed by readable memory up to a NUL or for `LIMIT` + 1 units.
// Inlined so that the text is decoded in place: returning it would copy all `LIMIT` bytes.
#[inline(always)]
pub(super) unsafe fn read<const LIMIT: usize>(
    pointer: *const u16,
    code: i32,
    field: &str,
) -> Result<ArrayString<LIMIT>> {
    let mut text = ArrayString::new();
    if pointer.is_null() {
        return Ok(text);
    }
    // Each unit makes at least one byte, so after LIMIT units the next one is a NUL or one too many.
    // SAFETY: no unit before this one was a NUL, so it is readable by the caller's promise.
    let unit = |at: usize| unsafe { pointer.add(at).read_unaligned() };
    // Nearly all texts are ASCII, which needs no decoding.
    let mut ascii = ArrayVec::<u8, LIMIT>::new();
    let mut bits = 0;
    loop {
        // Read once: if the caller changes it during the call, the result is still valid UTF-8.
        let unit = unit(ascii.len());
        if unit == 0 {
            break;
        }
        if ascii.try_push(unit as u8).is_err() {
            return Err(too_long(code, field, LIMIT));
        }
        bits |= unit;
    }
    if bits < 0x80 {
        // SAFETY: bytes below 0x80 are ASCII.
        text.push_str(unsafe { str::from_utf8_unchecked(&ascii) });
        return Ok(text);
    }
    for character in char::decode_utf16((0..ascii.len()).map(unit)) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        if text.try_push(character).is_err() {
            return Err(too_long(code, field, LIMIT));
        }
    }
    Ok(text)
}

/// Reads a text up to its NUL, or as much of it as `LIMIT` bytes of UTF-8 hold, cut between two characters. Null is empty,
/// and a lone surrogate becomes U+FFFD. It reads at most `LIMIT` + 2 units.
///
/// # Safety
/// `pointer` is null, or is followed by readable memory up to a NUL or for `LIMIT` + 2 units.
pub(super) unsafe fn read_cut<const LIMIT: usize>(pointer: *const u16) -> ArrayString<LIMIT> {
    let mut text = ArrayString::new();
    if pointer.is_null() {
        return text;
    }
    let mut at = 0;
    let units = std::iter::from_fn(|| {
        // SAFETY: no unit before this one was a NUL, so it is readable by the caller's promise.
        let unit = unsafe { pointer.add(at).read_unaligned() };
        at += 1;
        (unit != 0).then_some(unit)
    });
    for character in char::decode_utf16(units.fuse()) {
        if text.try_push(character.unwrap_or(char::REPLACEMENT_CHARACTER)).is_err() {
            break;
        }
    }
    text
}

/// Writes as much of `text` as fits into the caller's buffer, and a NUL. Returns the length of the whole text in units,
/// without the NUL.
///
/// # Safety
/// `buffer` is null or has `capacity` writable units.
pub(super) unsafe fn write(text: &str, buffer: *mut u16, capacity: i32) -> i32 {
    let mut length = 0;
    let room = if buffer.is_null() { 0 } else { usize::try_from(capacity).unwrap_or(0) };
    for unit in text.encode_utf16() {
        if length + 1 < room {
            // SAFETY: length + 1 < room ≤ capacity.
            unsafe { buffer.add(length).write_unaligned(unit) };
        }
        length += 1;
    }
    if room > 0 {
        // SAFETY: min(length, room - 1) < room ≤ capacity.
        unsafe { buffer.add(length.min(room - 1)).write_unaligned(0) };
    }
    i32::try_from(length).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Vec<u16> {
        text.encode_utf16().chain([0]).collect()
    }

    fn decode<const LIMIT: usize>(units: &[u16]) -> Result<ArrayString<LIMIT>> {
        // SAFETY: the tests' slices end with a NUL or hold LIMIT + 1 units.
        unsafe { read(units.as_ptr(), -1, "comment") }
    }

    #[test]
    fn any_script_comes_through() {
        for text in ["", "EURUSD", "größer", "Купить", "买入", "🚀"] {
            assert_eq!(&*decode::<32>(&units(text)).unwrap(), text);
        }
    }

    #[test]
    fn null_is_empty() {
        // SAFETY: null is allowed.
        assert_eq!(&*unsafe { read::<8>(std::ptr::null(), -1, "comment") }.unwrap(), "");
    }

    #[test]
    fn lone_surrogates_are_replaced() {
        assert_eq!(&*decode::<16>(&[0xD800, 0x41, 0xDC00, 0]).unwrap(), "\u{FFFD}A\u{FFFD}");
    }

    #[test]
    fn an_unterminated_text_is_refused_within_its_limit() {
        assert_eq!(&*decode::<4>(&units("abcd")).unwrap(), "abcd");
        let error = decode::<4>(&[0x61; 5]).unwrap_err();
        assert_eq!(error.to_string(), "comment is too long: pass at most 4 bytes of UTF-8, ended by a NUL");
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        // SAFETY: the tests' slices end with a NUL or hold LIMIT + 2 units.
        let cut = |text: &[u16]| unsafe { read_cut::<4>(text.as_ptr()) };
        for (text, expected) in [
            ("", ""),
            ("abcd", "abcd"),
            ("abcde", "abcd"),
            ("ßßß", "ßß"),
            ("aßß", "aß"),
            ("🚀🚀", "🚀"),
            ("a🚀", "a"),
        ] {
            assert_eq!(&*cut(&units(text)), expected);
        }
        assert_eq!(&*cut(&[0xD800, 0x41, 0x42, 0]), "\u{FFFD}A");
        // Unterminated.
        assert_eq!(&*cut(&[0x61; 6]), "aaaa");
        // SAFETY: null is allowed.
        assert_eq!(&*unsafe { read_cut::<4>(std::ptr::null()) }, "");
    }

    #[test]
    fn text_out_is_cut_and_always_ended() {
        let mut buffer = [9u16; 5];
        // SAFETY: the capacity is the buffer's, or less.
        unsafe {
            assert_eq!(write("EURUSD", buffer.as_mut_ptr(), 5), 6);
            assert_eq!(buffer, [0x45, 0x55, 0x52, 0x55, 0]);
            assert_eq!(write("EU", buffer.as_mut_ptr(), 1), 2);
            assert_eq!(buffer[0], 0);
            assert_eq!(write("EU", std::ptr::null_mut(), 5), 2);
            assert_eq!(write("EU", buffer.as_mut_ptr(), -1), 2);
            assert_eq!(write("EU", buffer.as_mut_ptr(), 3), 2);
        }
        assert_eq!(buffer[..3], [0x45, 0x55, 0]);
    }
}
