//! The journal of one lane: its reading end, and what both ends share. It opens, counts, acknowledges, releases and
//! syncs.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::acknowledged::Acknowledged;
use super::appender::Appender;
use super::folder::{Folder, fault};
use super::limits::Limits;
use super::names::{Earlier, Names};
use super::reader::Reader;
use super::recovery::{self, Before, Losses};
use super::refused::Refused;
use super::segment::{HEADER, Segment, Spare};
use super::{record, room};
use crate::config::JournalSync;
use crate::error::Result;
use crate::lane::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// How many sequence numbers are given up when some may have been used that nothing tells of.
pub(super) const LEAP: u64 = 1_000_000_000;

/// A journal that was opened.
pub(crate) struct Opened {
    pub(crate) journal: Arc<Journal>,
    pub(crate) appender: Appender,
    /// Records of the last segment in use that were not acknowledged and cannot be read any more.
    pub(crate) lost: u64,
    /// What an operator should know about what was found.
    pub(crate) notes: Vec<String>,
    /// What an operator should know about the disk.
    pub(crate) warning: Option<String>,
}

/// The reading end, and what both ends share.
pub(crate) struct Journal {
    pub(super) segments: Mutex<VecDeque<Segment>>,
    /// Those before, until the lane's thread has [looked at](Self::look_back) them.
    pub(super) before: Mutex<Option<Arc<Before>>>,
    /// The next segments, made ahead, the first one first. Never locked for longer than a look.
    pub(super) spares: Mutex<VecDeque<Spare>>,
    /// Locked while a segment is made, so that nobody makes another.
    pub(super) making: Mutex<()>,
    /// How many segments are made ahead: one more after each time that an appender found none.
    pub(super) reserve: AtomicUsize,
    /// Why the last attempt to make one failed.
    pub(super) trouble: Mutex<Option<Refused>>,
    pub(super) limits: Limits,
    pub(super) names: Names,
    /// The last sequence number that was given, or given up, before this journal was opened.
    pub(super) given: u64,
    pub(super) last: AtomicU64,
    pub(super) next_file: AtomicU64,
    pub(super) acknowledged: Acknowledged,
    pub(super) bytes: Arc<AtomicU64>,
    /// Up to where all is on the disk: a file's number and an offset.
    pub(super) synced: Mutex<(u64, usize)>,
    /// Held by whoever changes something in the folder, but for appending.
    pub(super) charge: Mutex<Charge>,
    // Last: the lock goes when nothing is mapped any more.
    pub(super) folder: Folder,
}

/// Whose the folder is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Charge {
    /// This journal's.
    Ours,
    /// This journal's, with everything on the disk and noted to be.
    AtRest,
    /// Another journal's, which was opened after this one: nothing is changed there any more.
    HandedOver,
}

impl Journal {
    /// Opens the journal in a folder, which is made if need be and belongs to this journal alone.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Opened> {
        let limits = limits.rounded();
        let folder = Folder::lock(path)?;
        let file = path.join("acknowledged");
        let (acknowledged, known) =
            Acknowledged::open(&file).map_err(|error| fault(&file, "cannot be opened", &error))?;
        let bytes = Arc::new(AtomicU64::new(0));
        let unsure = folder.may_lack_the_last();
        let found = recovery::recover(path, acknowledged.get(), known.is_some() && !unsure, &bytes)?;
        let (Losses { count: lost, mut notes, .. }, last) = (found.losses, found.last);
        let used = known.is_some() || found.segment.is_some();
        let given = found.next - 1;
        let first = found.segment.as_ref().map_or(found.next, |segment| segment.first);
        let first = found.before.as_ref().map_or(first, |before| before.first);
        let (names, note) = Names::open(path, first, used.then_some(given))?;
        notes.extend(note);
        let leap = used && (unsure || found.segment.is_none());
        if leap {
            notes.push(format!(
                "{}: the journal was not closed before the machine stopped, or files were removed, so the \
                 newest records may be gone; sequence numbers go on a billion further up",
                path.display()
            ));
        }

        let next = if leap { found.next + LEAP } else { found.next };
        let journal = Self {
            segments: Mutex::new(found.segment.into_iter().collect()),
            before: Mutex::new(found.before.map(Arc::new)),
            spares: Mutex::new(VecDeque::new()),
            making: Mutex::new(()),
            reserve: AtomicUsize::new(1),
            trouble: Mutex::new(None),
            limits,
            names,
            given: next - 1,
            last: AtomicU64::new(last),
            next_file: AtomicU64::new(found.next_file),
            acknowledged,
            bytes,
            synced: Mutex::new((0, 0)),
            charge: Mutex::new(Charge::Ours),
            folder,
        };
        let tail = match found.tail {
            Some(tail) if !leap => tail,
            _ => {
                let spare = journal.make().map_err(|error| fault(path, "cannot take a segment", &error))?;
                let (segment, tail) = spare.begin(next, journal.last());
                journal.segments.lock().push_back(segment);
                tail
            }
        };
        // Before the note that this run of the machine is known, the leap must be on the disk.
        tail.map().flush(0, HEADER).map_err(|error| fault(path, "cannot be written", &error))?;
        journal.folder.note_opened()?;
        let warning = room::warning(tail.map().path());
        let journal = Arc::new(journal);
        Ok(Opened {
            appender: Appender { tail, next, handed_over: false, journal: journal.clone() },
            journal,
            lost,
            notes,
            warning,
        })
    }

    /// The name that goes with the sequence numbers, 16 hex digits.
    pub(crate) fn producer(&self) -> &str {
        &self.names.name
    }

    /// The names that some of them had before, the oldest first.
    pub(crate) fn earlier(&self) -> &[Earlier] {
        &self.names.earlier
    }

    /// The last sequence number that anybody can have from this journal.
    pub(crate) fn given(&self) -> u64 {
        self.last().max(self.given)
    }

    /// Notes that another journal goes on under the same name: opened again, this one takes a new name.
    pub(crate) fn contest(&self) -> io::Result<()> {
        // Up to there the numbers are the same, or were acknowledged to this one.
        self.names.contest(self.folder.path(), self.given.max(self.acknowledged()))
    }

    /// The history of the servers, [`Link::history`](crate::link::Link::history), that has what was acknowledged; none
    /// if nobody noted one.
    pub(crate) fn history(&self) -> Option<String> {
        self.folder.history()
    }

    /// Notes that history, for the next process.
    pub(crate) fn note_history(&self, history: &str) -> io::Result<()> {
        let charge = self.charge.lock();
        if *charge == Charge::HandedOver {
            return Ok(());
        }
        self.folder.note_history(history)
    }

    /// The folder that is this journal's alone.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The last sequence number appended, or acknowledged if that is higher; 0: none.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// The first sequence number kept; `last() + 1` if none is.
    pub(crate) fn first(&self) -> u64 {
        let before = self.before.lock().as_ref().map(|before| before.first);
        let in_use = || self.segments.lock().front().map_or(u64::MAX, |segment| segment.first);
        before.unwrap_or_else(in_use).min(self.last() + 1)
    }

    /// Looks at the segments that opening left alone, which takes the time of reading them all; before that nobody
    /// may read, and nothing is released. `go_on` is asked now and then. Returns what is lost in them; none if it
    /// was told to stop, and an error if one cannot be read, after which it may be called again.
    pub(crate) fn look_back(&self, go_on: impl FnMut() -> bool) -> Result<Option<Losses>> {
        let Some(before) = self.before.lock().clone() else { return Ok(Some(Losses::default())) };
        let Some((found, losses)) = before.look(self.folder.path(), &self.bytes, go_on)? else {
            return Ok(None);
        };
        let mut segments = self.segments.lock();
        found.into_iter().rev().for_each(|segment| segments.push_front(segment));
        drop(segments);
        *self.before.lock() = None;
        Ok(Some(losses))
    }

    /// The last sequence number acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.get()
    }

    /// Notes, for the next process too, that all up to `sequence` needs no sending any more.
    pub(crate) fn acknowledge(&self, sequence: u64) {
        let charge = self.charge.lock();
        if *charge != Charge::HandedOver {
            self.acknowledged.set(sequence);
        }
    }

    /// A reader that starts at the first record from `sequence` on.
    pub(crate) fn reader(self: &Arc<Self>, sequence: u64) -> Reader {
        Reader::new(self.clone(), sequence)
    }

    /// Deletes the segments in which no record is beyond `sequence`, nor beyond what is acknowledged.
    pub(crate) fn release(&self, sequence: u64) {
        let charge = self.charge.lock();
        if *charge == Charge::HandedOver || self.before.lock().is_some() {
            return;
        }
        let sequence = sequence.min(self.acknowledged());
        let mut released = Vec::new();
        let mut segments = self.segments.lock();
        while segments.get(1).is_some_and(|second| second.previous <= sequence) {
            released.extend(segments.pop_front());
        }
        drop(segments);
        // Files are deleted when the last user lets go, which must not happen with the lock held.
        released.iter().for_each(|segment| segment.map.condemn());
    }

    /// With `JournalSync::Disk`: waits until what was appended is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.limits.sync == JournalSync::Disk { self.flush() } else { Ok(()) }
    }

    /// How many records there are, or were, from one sequence number to another: numbers that were given up
    /// do not count, as far as the segments that are kept tell of them.
    pub(crate) fn count(&self, from: u64, to: u64) -> u64 {
        let segments = self.segments.lock();
        let given_up = segments.iter().map(|segment| (segment.previous + 1, segment.first - 1));
        let given_up = given_up.map(|(start, end)| (end.min(to) + 1).saturating_sub(start.max(from))).sum();
        let count = (to + 1).saturating_sub(from).saturating_sub(given_up);
        drop(segments);
        match &*self.before.lock() {
            // They may tell of more numbers that were given up.
            Some(_) => count.min(self.bytes() / record::OVERHEAD as u64),
            None => count,
        }
    }

    /// The last number before this one that was given to a record.
    pub(crate) fn before(&self, sequence: u64) -> u64 {
        let segments = self.segments.lock();
        let first = segments.iter().find(|segment| segment.first == sequence);
        first.map_or(sequence.saturating_sub(1), |segment| segment.previous)
    }

    /// How many records were there when it was opened and are not acknowledged.
    pub(crate) fn inherited(&self) -> u64 {
        self.count(self.acknowledged() + 1, self.given)
    }

    /// Which part of the journal's limit so many records take, by what the kept ones take.
    pub(crate) fn share(&self, records: u64) -> f64 {
        let kept = (self.last() + 1).saturating_sub(self.first()).max(1);
        // The segment in use and the next ones are there in any case.
        let ahead = self.spares.lock().len().max(1) as u64;
        let bytes = self.bytes().saturating_sub((1 + ahead) * self.limits.segment_bytes);
        records as f64 / kept as f64 * bytes as f64 / self.limits.max_bytes as f64
    }

    /// The size of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Puts everything on the disk and notes that, since nobody appends until it is woken: a process may end
    /// without dropping it.
    pub(crate) fn rest(&self) {
        let mut charge = self.charge.lock();
        // Without the note the next open assumes that something may be missing, and nothing is lost by that.
        if *charge == Charge::Ours
            && self.flush().is_ok()
            && self.acknowledged.flush().is_ok()
            && self.folder.note_closed().is_ok()
        {
            *charge = Charge::AtRest;
        }
    }

    /// Somebody will append again.
    pub(crate) fn wake(&self) -> Result<()> {
        let mut charge = self.charge.lock();
        if *charge == Charge::AtRest {
            self.folder.note_opened()?;
            *charge = Charge::Ours;
        }
        Ok(())
    }

    /// Lets another journal have the folder, for good.
    pub(super) fn hand_over(&self) {
        let mut charge = self.charge.lock();
        self.spares.lock().drain(..).for_each(Spare::discard);
        *charge = Charge::HandedOver;
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
