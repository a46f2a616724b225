//! The journal of one lane, which its two ends share: its segments, and what is known of their records.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::acknowledged::Acknowledged;
use super::appender::Refused;
use super::folder::Folder;
use super::limits::Limits;
use super::producer::{Earlier, Names};
use super::reader::Reader;
use super::record;
use super::recovery::{Losses, Older};
use super::segment::{Segment, Spare};
use crate::config::JournalSync;
use crate::error::Result;
use crate::lane::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// The reading end, and what both ends share.
pub(crate) struct Journal {
    pub(super) segments: Mutex<VecDeque<Segment>>,
    /// The segments before these, until [`look_back`](Self::look_back) has read them.
    pub(super) older: Mutex<Option<Arc<Older>>>,
    /// The next segments, made ahead, in order.
    pub(super) spares: Mutex<VecDeque<Spare>>,
    /// Locked while a segment is made, so that two threads do not make one each.
    pub(super) making: Mutex<()>,
    /// How many segments are made ahead. It grows whenever the appender finds none.
    pub(super) reserve: AtomicUsize,
    /// Why the last attempt to make a segment failed.
    pub(super) disk_error: Mutex<Option<Refused>>,
    pub(super) limits: Limits,
    pub(super) names: Names,
    /// The last sequence number that was given or given up before this journal was opened.
    pub(super) given: u64,
    pub(super) last: AtomicU64,
    pub(super) next_file: AtomicU64,
    pub(super) acknowledged: Acknowledged,
    /// The size of all segments.
    pub(super) bytes: Arc<AtomicU64>,
    /// Everything before this file number and offset is on the disk.
    pub(super) synced: Mutex<(u64, usize)>,
    pub(super) access: Mutex<Access>,
    // Last: the folder is unlocked when nothing is mapped any more.
    pub(super) folder: Folder,
}

/// Whether this journal may change the folder. Appending does not need to ask.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Access {
    Open,
    /// Everything is on the disk, and `opened` says so.
    AtRest,
    /// Another journal opened the folder after this one. This one changes nothing any more.
    HandedOver,
}

impl Journal {
    /// The name that the sequence numbers belong to, 16 hex digits.
    pub(crate) fn producer(&self) -> &str {
        &self.names.name
    }

    /// The names that some of the numbers had earlier, the oldest first.
    pub(crate) fn earlier(&self) -> &[Earlier] {
        &self.names.earlier
    }

    /// The last sequence number that this journal can have given.
    pub(crate) fn given(&self) -> u64 {
        self.last().max(self.given)
    }

    /// Notes that another journal uses the same name. At the next open this one takes a new name.
    pub(crate) fn contest(&self) -> io::Result<()> {
        // Up to here the numbers are the same in both, or were acknowledged to this one.
        self.names.contest(self.folder.path(), self.given.max(self.acknowledged()))
    }

    /// The [history](crate::link::Link::history) of the servers that have the acknowledged records, if one was noted.
    pub(crate) fn history(&self) -> Option<String> {
        self.folder.history()
    }

    /// Notes that history, also for the next process.
    pub(crate) fn note_history(&self, history: &str) -> io::Result<()> {
        match *self.access.lock() {
            Access::HandedOver => Ok(()),
            Access::Open | Access::AtRest => self.folder.note_history(history),
        }
    }

    /// The journal's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The last sequence number appended or acknowledged. 0: none.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// The first sequence number kept. `last() + 1`: none is.
    pub(crate) fn first(&self) -> u64 {
        let older = self.older.lock().as_ref().map(|older| older.first);
        let in_use = || self.segments.lock().front().map_or(u64::MAX, |segment| segment.first);
        older.unwrap_or_else(in_use).min(self.last() + 1)
    }

    /// Reads the segments that opening left alone, and returns what was lost before the journal was opened. It comes
    /// before any reader, and before it nothing is released. It asks `go_on` before each segment. None: it was told to
    /// stop. After that, and after an error, it may be called again.
    pub(crate) fn look_back(&self, go_on: impl FnMut() -> bool) -> Result<Option<Losses>> {
        let Some(older) = self.older.lock().clone() else { return Ok(Some(Losses::default())) };
        let Some((found, losses)) = older.look(self.folder.path(), &self.bytes, go_on)? else {
            return Ok(None);
        };
        let mut segments = self.segments.lock();
        found.into_iter().rev().for_each(|segment| segments.push_front(segment));
        drop(segments);
        *self.older.lock() = None;
        Ok(Some(losses))
    }

    /// The last sequence number acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.get()
    }

    /// Notes, also for the next process, that no record up to `sequence` needs sending.
    pub(crate) fn acknowledge(&self, sequence: u64) {
        let access = self.access.lock();
        if *access != Access::HandedOver {
            self.acknowledged.set(sequence);
        }
    }

    /// A reader that starts at the first record from `sequence` on.
    pub(crate) fn reader(self: &Arc<Self>, sequence: u64) -> Reader {
        Reader::new(self.clone(), sequence)
    }

    /// Deletes the segments whose records are all acknowledged and at or below `sequence`.
    pub(crate) fn release(&self, sequence: u64) {
        let access = self.access.lock();
        if *access == Access::HandedOver || self.older.lock().is_some() {
            return;
        }
        let sequence = sequence.min(self.acknowledged());
        let mut released = Vec::new();
        let mut segments = self.segments.lock();
        while segments.get(1).is_some_and(|second| second.previous <= sequence) {
            released.extend(segments.pop_front());
        }
        drop(segments);
        // The last user deletes a file when it is dropped: not while the appender waits for the lock.
        released.iter().for_each(|segment| segment.map.condemn());
    }

    /// With `JournalSync::Disk`, waits until every appended record is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.limits.sync == JournalSync::Disk { self.flush() } else { Ok(()) }
    }

    /// How many records there are or were between two sequence numbers, both included. Numbers that were given up do not
    /// count if a segment that is kept shows it.
    pub(crate) fn count(&self, from: u64, to: u64) -> u64 {
        let segments = self.segments.lock();
        let given_up = segments.iter().map(|segment| (segment.previous + 1, segment.first - 1));
        let given_up = given_up.map(|(start, end)| (end.min(to) + 1).saturating_sub(start.max(from))).sum();
        let count = (to + 1).saturating_sub(from).saturating_sub(given_up);
        drop(segments);
        match &*self.older.lock() {
            // These may show more numbers that were given up.
            Some(_) => count.min(self.bytes() / record::OVERHEAD as u64),
            None => count,
        }
    }

    /// The last number before this one that a record was given.
    pub(crate) fn predecessor(&self, sequence: u64) -> u64 {
        let segments = self.segments.lock();
        let first = segments.iter().find(|segment| segment.first == sequence);
        first.map_or(sequence.saturating_sub(1), |segment| segment.previous)
    }

    /// How many records were there at the open and are not acknowledged.
    pub(crate) fn inherited(&self) -> u64 {
        self.count(self.acknowledged() + 1, self.given)
    }

    /// How much of the journal's limit this many records take, if they are as long as the kept ones.
    pub(crate) fn share(&self, records: u64) -> f64 {
        let kept = (self.last() + 1).saturating_sub(self.first()).max(1);
        // The current segment and the spares take their space in any case.
        let ahead = self.spares.lock().len().max(1) as u64;
        let bytes = self.bytes().saturating_sub((1 + ahead) * self.limits.segment_bytes);
        records as f64 / kept as f64 * bytes as f64 / self.limits.max_bytes as f64
    }

    /// The size of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Puts everything on the disk and notes that. Nobody appends until [`wake`](Self::wake), so the process may end
    /// without dropping the journal.
    pub(crate) fn rest(&self) {
        let mut access = self.access.lock();
        // If this fails, the next open assumes that records may be missing, which costs numbers and no record.
        if *access == Access::Open
            && self.flush().is_ok()
            && self.acknowledged.flush().is_ok()
            && self.folder.note_closed().is_ok()
        {
            *access = Access::AtRest;
        }
    }

    /// Notes that records will be appended again.
    pub(crate) fn wake(&self) -> Result<()> {
        let mut access = self.access.lock();
        if *access == Access::AtRest {
            self.folder.note_opened()?;
            *access = Access::Open;
        }
        Ok(())
    }

    /// Hands the folder over to another journal, for good.
    pub(super) fn hand_over(&self) {
        let mut access = self.access.lock();
        self.spares.lock().drain(..).for_each(Spare::discard);
        *access = Access::HandedOver;
        self.folder.unlock();
    }

    fn flush(&self) -> io::Result<()> {
        let mut synced = self.synced.lock();
        let segments: Vec<Segment> = {
            let segments = self.segments.lock();
            segments.iter().filter(|segment| segment.number >= synced.0).cloned().collect()
        };
        for Segment { map, number, .. } in segments {
            let from = if number == synced.0 { synced.1 } else { 0 };
            let to = map.committed();
            if from < to {
                map.flush(from, to)?;
            }
            *synced = (number, to);
        }
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.spares.get_mut().drain(..).for_each(Spare::discard);
        self.rest();
    }
}
