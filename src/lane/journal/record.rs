//! A record in a segment: written behind the last one, and found again by its mark.

use std::ops::Range;

use super::map::{Map, Tail};

/// The bytes of a record besides its payload and padding.
pub(super) const OVERHEAD: usize = 16;

/// A record that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) sequence: u64,
    /// Where the next one starts.
    pub(super) end: usize,
}

/// Whether a record with this payload fits.
pub(super) fn fits(tail: &Tail, payload: &[u8]) -> bool {
    OVERHEAD + payload.len() <= tail.room()
}

/// Adds a record that fits.
pub(super) fn push(tail: &mut Tail, sequence: u64, payload: &[u8]) {
    let checksum = checksum(sequence, payload);
    tail.push((payload.len() + 8) as u64 | u64::from(checksum) << 32, sequence, payload);
}

/// Finds the first good record in these bytes of the map. Its payload replaces the contents of `payload`.
pub(super) fn find(
    map: &Map,
    within: Range<usize>,
    sequences: Range<u64>,
    payload: &mut Vec<u8>,
) -> Option<Record> {
    // Damage can look like many long records. This ends the search before it takes minutes.
    let mut effort = 16 * map.length();
    for at in (within.start..(within.end + 1).saturating_sub(OVERHEAD)).step_by(8) {
        let mark = map.word(at);
        let length = mark as u32 as usize;
        if length < 8 || length > within.end - at - 8 || !sequences.contains(&map.word(at + 8)) {
            continue;
        }
        let sequence = map.word(at + 8);
        payload.resize(length - 8, 0);
        map.read(at + OVERHEAD, payload);
        if checksum(sequence, payload) == (mark >> 32) as u32 {
            return Some(Record { sequence, end: (at + 8 + length).next_multiple_of(8) });
        }
        effort = effort.checked_sub(length)?;
    }
    None
}

/// The payload's crc32c, started from a number made of the sequence number: one pass covers both.
fn checksum(sequence: u64, payload: &[u8]) -> u32 {
    // 2^64 divided by the golden ratio: every bit of the sequence number reaches the upper half.
    let start = sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    crc32c::crc32c_append(start as u32, payload)
}
