//! Finds out at open what an earlier process left: which segments hold what, what of it cannot be read, and
//! where to go on.
//!
//! It promises to keep every record that is whole and never to take anything else for one. It repairs
//! nothing but the end of the last segment, which it fills with zeros.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::folder::fault;
use super::map::{Map, Tail};
use super::record;
use super::segment::{self, HEADER, Header, Segment};
use crate::codes::MT5REDIS_ERR_JOURNAL;
use crate::error::{Error, Result};
use crate::lane::sync::AtomicU64;

/// What was found.
pub(super) struct Found {
    pub(super) segments: VecDeque<Segment>,
    /// The end of the last segment, if the next record can be added there.
    pub(super) tail: Option<Tail>,
    /// The last sequence number of a record, or what was acknowledged.
    pub(super) last: u64,
    /// The next sequence number.
    pub(super) next: u64,
    /// The next number of a file.
    pub(super) next_file: u64,
    pub(super) losses: Losses,
}

/// Records that were not acknowledged and cannot be read.
pub(super) struct Losses {
    acknowledged: u64,
    pub(super) count: u64,
    /// What an operator should know.
    pub(super) notes: Vec<String>,
}

/// What one file holds.
struct Scan {
    map: Map,
    number: u64,
    first: u64,
    previous: u64,
    /// The last record's, or `previous`.
    last: u64,
    end: usize,
    /// The header is good and the file has its length: more can be added.
    whole: bool,
}

/// Looks at all segments in the folder. `exact` says that `acknowledged` is not older than what was released.
pub(super) fn recover(
    folder: &Path,
    acknowledged: u64,
    exact: bool,
    total: &Arc<AtomicU64>,
) -> Result<Found> {
    let mut losses = Losses { acknowledged, count: 0, notes: Vec::new() };
    let numbers = list(folder).map_err(|error| fault(folder, "cannot be listed", &error))?;
    let mut scans: Vec<Scan> = Vec::new();
    for &number in &numbers {
        let path = segment::path(folder, number);
        let too_short = fs::metadata(&path).map(|file| file.len() < HEADER as u64);
        let map = too_short.and_then(|yes| if yes { Ok(None) } else { Map::open(&path, total).map(Some) });
        let map = map.map_err(|error| fault(&path, "cannot be opened", &error))?;
        let before = scans.last().map_or(0, |scan| scan.last);
        match map.map(|map| scan(map, number, before, &mut losses)).transpose()?.flatten() {
            Some(scan) => scans.push(scan),
            // Made ahead and not used.
            None => drop(fs::remove_file(&path)),
        }
    }

    let mut found = Found {
        segments: VecDeque::new(),
        tail: None,
        last: 0,
        next: acknowledged + 1,
        next_file: numbers.last().map_or(1, |number| number + 1),
        losses,
    };
    let count = scans.len();
    for (at, scan) in scans.into_iter().enumerate() {
        found.check_gap(&scan, exact);
        found.add(scan, at + 1 == count);
    }
    found.last = found.last.max(acknowledged);
    Ok(found)
}

/// The numbers of the segments, in order.
fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        numbers.extend(entry?.file_name().to_str().and_then(segment::number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads a file from start to end; `before` is the last sequence number of the one before it. None if it is
/// not in use yet, or nothing of it can be read.
fn scan(map: Map, number: u64, before: u64, losses: &mut Losses) -> Result<Option<Scan>> {
    let (header, first, previous, whole) = match Header::read(&map) {
        Header::Good { whole, first, previous } => (true, first, previous, whole),
        Header::None => (false, before + 1, before, false),
        Header::Foreign => {
            return Err(Error::new(
                MT5REDIS_ERR_JOURNAL,
                format!(
                    "{} was written by another version of mt5-redis: let that version send what is in it, or \
                     set journal.folder to another folder",
                    map.path().display()
                ),
            ));
        }
    };
    let mut scan = Scan { map, number, first, previous, last: previous, end: HEADER, whole };
    // Nothing is as long as it has records, so this is beyond the last one that can be in it.
    let length = scan.map.length();
    let ceiling = if header { first.saturating_add(length as u64) } else { u64::MAX };
    let mut expected = first;
    let mut payload = Vec::new();
    while let Some(record) = record::find(&scan.map, scan.end..length, expected..ceiling, &mut payload) {
        if !header && scan.end == HEADER {
            scan.first = record.sequence;
        } else if record.sequence > expected {
            losses.add(expected, record.sequence - 1, "are damaged", scan.map.path());
        }
        (scan.last, scan.end) = (record.sequence, record.end);
        expected = record.sequence + 1;
    }
    if !header {
        if scan.end == HEADER {
            return Ok(None);
        }
        let path = scan.map.path().display();
        losses.notes.push(format!("{path} has lost its header; its records are kept"));
    }
    Ok(Some(scan))
}

impl Found {
    /// Compares a segment's start with the end of the one before it.
    fn check_gap(&mut self, scan: &Scan, exact: bool) {
        let last = if self.segments.is_empty() { self.losses.acknowledged } else { self.last };
        if scan.previous <= last || self.segments.is_empty() && !exact {
            return;
        }
        if scan.previous <= self.losses.acknowledged {
            // Left from a release that could not delete every file: nobody needs them.
            self.segments.drain(..).for_each(|segment| segment.map.condemn());
        }
        self.losses.add(last + 1, scan.previous, "are missing before", scan.map.path());
    }

    fn add(&mut self, scan: Scan, is_last: bool) {
        let Scan { map, number, first, previous, last, end, whole } = scan;
        let after = if end == HEADER { first } else { last + 1 };
        self.next = self.next.max(after);
        self.last = self.last.max(last);
        // An empty one at the end is kept: its header may be all that tells which numbers were given up.
        if end == HEADER && !is_last {
            return map.condemn();
        }
        let map = if is_last && whole && after == self.next {
            let tail = map.into_tail(end);
            let map = tail.map().clone();
            self.tail = Some(tail);
            map
        } else {
            map.seal(end)
        };
        self.segments.push_back(Segment { map, number, first, previous });
    }
}

impl Losses {
    fn add(&mut self, from: u64, to: u64, how: &str, path: &Path) {
        let from = from.max(self.acknowledged + 1);
        if from <= to {
            self.count += to - from + 1;
            self.notes.push(format!("records {from} to {to} {how} {}: lost", path.display()));
        }
    }
}
