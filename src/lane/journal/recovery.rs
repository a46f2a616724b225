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
    /// Its end, if the next record can be added there.
    pub(super) tail: Option<Tail>,
    /// The last sequence number of a record, or what was acknowledged.
    pub(super) last: u64,
    /// The next sequence number.
    pub(super) next: u64,
    /// The next number of a file.
    pub(super) next_file: u64,
    pub(super) losses: Losses,
    /// What nobody looked at yet.
    pub(super) before: Option<Before>,
}

/// The segments before the last one in use.
pub(super) struct Before {
    /// Their numbers and lengths, in order.
    files: Vec<(u64, u64)>,
    /// The first sequence number in them; 1 if that cannot be read.
    pub(super) first: u64,
    /// The last sequence number before the segment that follows them, and where that is.
    previous: u64,
    acknowledged: u64,
    /// What was acknowledged is not older than what was released.
    exact: bool,
}

/// Records that were not acknowledged and cannot be read.
#[derive(Default)]
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

/// Looks for the last segment in use. `exact` says that `acknowledged` is not older than what was released.
pub(super) fn recover(
    folder: &Path,
    acknowledged: u64,
    exact: bool,
    total: &Arc<AtomicU64>,
) -> Result<Found> {
    let mut files = list(folder).map_err(|error| fault(folder, "cannot be listed", &error))?;
    let next_file = files.last().map_or(1, |(number, _)| number + 1);
    let mut losses = Losses::new(acknowledged);
    let mut scan = None;
    while scan.is_none()
        && let Some((number, _)) = files.pop()
    {
        scan = look_at(folder, number, None, total, &mut losses)?;
    }
    let mut found = Found {
        segment: None,
        tail: None,
        last: acknowledged,
        next: acknowledged + 1,
        next_file,
        losses,
        before: None,
    };
    let Some(scan) = scan else { return Ok(found) };
    if files.is_empty() {
        let mut chain = Chain::new(exact, found.losses);
        chain.check_gap(scan.previous, scan.map.path());
        found.losses = chain.losses;
    } else {
        total.fetch_add(files.iter().map(|(_, bytes)| bytes).sum(), Ordering::Relaxed);
        let first = first_of(&segment::path(folder, files[0].0)).unwrap_or(1);
        found.before = Some(Before { files, first, previous: scan.previous, acknowledged, exact });
    }
    let after = scan.after();
    found.next = found.next.max(after);
    found.last = found.last.max(scan.last);
    let Scan { map, number, first, previous, end, whole, .. } = scan;
    // Also an empty one is kept: its header may be all that tells which numbers were given up.
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

impl Before {
    /// Looks at these segments, which are [counted](Found::before) in `total` already: what they hold, and what is
    /// lost. `go_on` is asked before each; nothing was found if it says no.
    pub(super) fn look(
        &self,
        folder: &Path,
        total: &Arc<AtomicU64>,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Option<(VecDeque<Segment>, Losses)>> {
        let mut chain = Chain::new(self.exact, Losses::new(self.acknowledged));
        let mut counted_again = 0;
        let mut all = || {
            for &(number, bytes) in &self.files {
                if !go_on() {
                    return Ok(false);
                }
                // Its map counts it from now on.
                total.fetch_sub(bytes, Ordering::Relaxed);
                counted_again += bytes;
                let last = Some(chain.last);
                if let Some(scan) = look_at(folder, number, last, total, &mut chain.losses)? {
                    chain.check_gap(scan.previous, scan.map.path());
                    chain.add(scan);
                }
            }
            Ok(true)
        };
        let outcome = all();
        if matches!(outcome, Ok(true)) {
            chain.check_gap(self.previous, folder);
            return Ok(Some((chain.segments, chain.losses)));
        }
        total.fetch_add(counted_again, Ordering::Relaxed);
        outcome.map(|_| None)
    }
}

/// The numbers and lengths of the segments, in order.
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

/// The first sequence number of a segment, if its header tells.
fn first_of(path: &Path) -> Option<u64> {
    match Header::read(&Map::open(path, &Arc::default()).ok()?) {
        Header::Good { first, .. } => Some(first),
        _ => None,
    }
}

/// Reads a file, and deletes one that was made ahead and not used; `before` is the last sequence number of the one
/// before it, where that is known.
fn look_at(
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
            // It holds nothing, and could not be mapped.
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

/// Reads a file from start to end. None if it is not in use yet, or nothing of it can be read.
fn scan(map: Map, number: u64, before: Option<u64>, losses: &mut Losses) -> Result<Option<Scan>> {
    let (header, first, previous, whole) = match Header::read(&map) {
        Header::Good { whole, first, previous } => (true, first, previous, whole),
        Header::None => (false, before.unwrap_or(0) + 1, before.unwrap_or(0), false),
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
            scan.previous = before.unwrap_or(record.sequence - 1);
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

impl Scan {
    /// The sequence number that comes after it.
    fn after(&self) -> u64 {
        if self.end == HEADER { self.first } else { self.last + 1 }
    }
}

impl Chain {
    fn new(exact: bool, losses: Losses) -> Self {
        Self { segments: VecDeque::new(), last: 0, exact, losses }
    }

    /// Compares what a segment says of the one before it, `previous`, with that one's end.
    fn check_gap(&mut self, previous: u64, path: &Path) {
        let last = if self.segments.is_empty() { self.losses.acknowledged } else { self.last };
        if previous <= last || self.segments.is_empty() && !self.exact {
            return;
        }
        if previous <= self.losses.acknowledged {
            // Left from a release that could not delete every file: nobody needs them.
            self.segments.drain(..).for_each(|segment| segment.map.condemn());
        }
        self.losses.add(last + 1, previous, "are missing before", path);
    }

    fn add(&mut self, scan: Scan) {
        let Scan { map, number, first, previous, last, end, .. } = scan;
        self.last = self.last.max(last);
        if end == HEADER {
            return map.condemn();
        }
        self.segments.push_back(Segment { map: map.seal(end), number, first, previous });
    }
}

impl Losses {
    fn new(acknowledged: u64) -> Self {
        Self { acknowledged, count: 0, notes: Vec::new() }
    }

    fn add(&mut self, from: u64, to: u64, how: &str, path: &Path) {
        let from = from.max(self.acknowledged + 1);
        if from <= to {
            self.count += to - from + 1;
            self.notes.push(format!("records {from} to {to} {how} {}: lost", path.display()));
        }
    }
}
