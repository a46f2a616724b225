//! Finds out what is in a journal's folder: which records there are, which are lost, and where numbers continue.

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
use crate::lane::sync::{AtomicU64, Ordering};

/// What was found.
pub(super) struct Found {
    /// The last segment in use.
    pub(super) segment: Option<Segment>,
    /// Its end, if records can be added there.
    pub(super) tail: Option<Tail>,
    /// The last sequence number of a record, or what was acknowledged if that is higher.
    pub(super) last: u64,
    /// The next sequence number.
    pub(super) next: u64,
    /// The next file number.
    pub(super) next_file: u64,
    /// What precedes that segment, if there is one.
    pub(super) older: Option<Older>,
}

/// The segments before the last one in use, which are not read at the open.
pub(super) struct Older {
    /// Their file numbers and lengths, in order.
    files: Vec<(u64, u64)>,
    /// The first sequence number in them, or in the last segment if there are none. 1: unknown.
    pub(super) first: u64,
    /// The last segment's file number, and the last sequence number before it.
    last: u64,
    previous: u64,
    /// The acknowledged number is at least as new as the last release.
    exact: bool,
    /// What is lost in the last segment.
    losses: Losses,
}

/// Records that were not acknowledged and cannot be read.
#[derive(Clone, Default)]
pub(crate) struct Losses {
    acknowledged: u64,
    pub(crate) count: u64,
    /// What an operator should know.
    pub(crate) notes: Vec<String>,
}

/// Segments in order, and what is missing between them.
struct Chain {
    segments: VecDeque<Segment>,
    /// The last sequence number so far.
    last: u64,
    exact: bool,
    losses: Losses,
}

/// What a file holds.
struct Scan {
    map: Map,
    number: u64,
    first: u64,
    previous: u64,
    /// The last record's number, or `previous`.
    last: u64,
    end: usize,
    /// The header is good and the file has its original length, so records can be added.
    whole: bool,
}

/// Finds and reads the last segment in use. `exact`: `acknowledged` is at least as new as the last release.
pub(super) fn recover(
    folder: &Path,
    acknowledged: u64,
    exact: bool,
    total: &Arc<AtomicU64>,
) -> Result<Found> {
    let mut files = list(folder).map_err(|error| fault(folder, "cannot be listed", &error))?;
    let next_file = files.last().map_or(1, |(number, _)| number + 1);
    let mut losses = Losses { acknowledged, ..Losses::default() };
    let mut found = Found {
        segment: None,
        tail: None,
        last: acknowledged,
        next: acknowledged + 1,
        next_file,
        older: None,
    };
    let scan = loop {
        let Some((number, _)) = files.pop() else { return Ok(found) };
        if let Some(scan) = read_file(folder, number, None, total, &mut losses)? {
            break scan;
        }
    };
    total.fetch_add(files.iter().map(|(_, bytes)| bytes).sum(), Ordering::Relaxed);
    let Scan { map, number, first, previous, last, end, whole } = scan;
    let oldest = files.first().map_or(first, |file| first_of(&segment::path(folder, file.0)).unwrap_or(1));
    found.older = Some(Older { files, first: oldest, last: number, previous, exact, losses });
    let after = if end == HEADER { first } else { last + 1 };
    found.next = found.next.max(after);
    found.last = found.last.max(last);
    // An empty segment is kept too: its header may be the only trace of numbers that were given up.
    let map = if whole && after == found.next {
        let tail = map.into_tail(end);
        let map = tail.map().clone();
        found.tail = Some(tail);
        map
    } else {
        map.seal(end)
    };
    found.segment = Some(Segment { map, number, first, previous });
    Ok(found)
}

impl Older {
    /// Reads these segments, whose sizes are in `total` already. Returns them, and what was lost up to the open. It asks
    /// `go_on` before each. None: it was told to stop.
    pub(super) fn look(
        &self,
        folder: &Path,
        total: &Arc<AtomicU64>,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Option<(VecDeque<Segment>, Losses)>> {
        let (segments, losses) = (VecDeque::new(), self.losses.clone());
        let mut chain = Chain { segments, last: 0, exact: self.exact, losses };
        let mut counted_again = 0;
        let mut read_all = || {
            for &(number, bytes) in &self.files {
                if !go_on() {
                    return Ok(false);
                }
                // From now on its map counts it.
                total.fetch_sub(bytes, Ordering::Relaxed);
                counted_again += bytes;
                let last = Some(chain.last);
                if let Some(scan) = read_file(folder, number, last, total, &mut chain.losses)? {
                    chain.add(scan);
                }
            }
            Ok(true)
        };
        let outcome = read_all();
        if !matches!(outcome, Ok(true)) {
            total.fetch_add(counted_again, Ordering::Relaxed);
            return outcome.map(|_| None);
        }
        chain.check_gap(self.previous, &segment::path(folder, self.last));
        Ok(Some((chain.segments, chain.losses)))
    }
}

/// The file numbers and lengths of the segments, in order.
fn list(folder: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(segment::number) {
            files.push((number, entry.metadata()?.len()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The first sequence number in a segment's header.
fn first_of(path: &Path) -> Option<u64> {
    match Header::read(&Map::open(path, &Arc::default()).ok()?) {
        Header::Good { first, .. } => Some(first),
        _ => None,
    }
}

/// Reads a file, and deletes it if it holds nothing. `before` is the last sequence number of the file before it, if that
/// is known.
fn read_file(
    folder: &Path,
    number: u64,
    before: Option<u64>,
    total: &Arc<AtomicU64>,
    losses: &mut Losses,
) -> Result<Option<Scan>> {
    let path = segment::path(folder, number);
    let length = fs::symlink_metadata(&path).map(|file| if file.is_file() { file.len() } else { u64::MAX });
    let map = length.and_then(|length| {
        if length < HEADER as u64 {
            // It holds nothing, and an empty file cannot be mapped.
            Ok(None)
        } else if (segment::LONGEST..u64::MAX).contains(&length) {
            Err(io::Error::other("it is too long for a segment: move it away"))
        } else {
            Map::open(&path, total).map(Some)
        }
    });
    let map = map.map_err(|error| fault(&path, "cannot be opened", &error))?;
    let found = map.map(|map| scan(map, number, before, losses)).transpose()?.flatten();
    if found.is_none() {
        let _ = fs::remove_file(&path);
    }
    Ok(found)
}

/// Reads a file from start to end. None: it is not in use yet, or nothing in it can be read.
fn scan(map: Map, number: u64, before: Option<u64>, losses: &mut Losses) -> Result<Option<Scan>> {
    let (header, first, previous, whole) = match Header::read(&map) {
        Header::Good { whole, first, previous } => (true, first, previous, whole),
        Header::None => (false, before.unwrap_or(0) + 1, before.unwrap_or(0), false),
        Header::Foreign => {
            return Err(Error::new(
                MT5REDIS_ERR_JOURNAL,
                format!(
                    "{} was written by another version of mt5-redis: let that version send its records, or set \
                     journal.folder to another folder",
                    map.path().display()
                ),
            ));
        }
    };
    let mut scan = Scan { map, number, first, previous, last: previous, end: HEADER, whole };
    // A segment has fewer records than bytes, so no number in it reaches this.
    let length = scan.map.length();
    let ceiling = if header { first.saturating_add(length as u64) } else { u64::MAX };
    let mut expected = first;
    let mut payload = Vec::new();
    while let Some(record) = record::find(&scan.map, scan.end..length, expected..ceiling, &mut payload) {
        if !header && scan.end == HEADER {
            scan.first = record.sequence;
            scan.previous = before.unwrap_or(record.sequence - 1);
        } else if record.sequence > expected {
            losses.add(expected, record.sequence - 1, "are damaged in", scan.map.path());
        }
        (scan.last, scan.end) = (record.sequence, record.end);
        expected = record.sequence + 1;
    }
    if !header {
        if scan.end == HEADER {
            return Ok(None);
        }
        let path = scan.map.path().display();
        losses.notes.push(format!("{path} lost its header. Its records are kept"));
    }
    Ok(Some(scan))
}

impl Chain {
    /// Adds a segment after the others.
    fn add(&mut self, scan: Scan) {
        let Scan { map, number, first, previous, last, end, .. } = scan;
        self.check_gap(previous, map.path());
        self.last = self.last.max(last);
        if end == HEADER {
            return map.condemn();
        }
        self.segments.push_back(Segment { map: map.seal(end), number, first, previous });
    }

    /// Compares where the segments end with `previous`, where they end according to the next one.
    fn check_gap(&mut self, previous: u64, path: &Path) {
        let last = if self.segments.is_empty() { self.losses.acknowledged } else { self.last };
        if previous <= last || self.segments.is_empty() && !self.exact {
            return;
        }
        if previous <= self.losses.acknowledged {
            // Nobody needs these. A release could not delete every file.
            self.segments.drain(..).for_each(|segment| segment.map.condemn());
        }
        self.losses.add(last + 1, previous, "are missing before", path);
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
