//! Where a lane's records come from: the queue while the lane keeps up, the journal while it does not.
//!
//! Sequence numbers tell which. A record with the next number comes from the queue. A gap means that the queue was full
//! for a while, and the journal has the missing records. Records that are in Redis already are skipped. While the lane
//! waits for a server, the intake takes the records of the next batch ahead of time.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic;
use std::thread;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::journal::{Journal, Reader};
use super::missing::Missing;
use super::policy::Policy;
use super::shared::Shared;
use super::sync::fence;
use crate::model::Tag;

/// After this many sleeps shorter than `SHORT_SLEEP`, more than some 5,000 records a second arrive one by one. Loom has
/// no time.
const SHORT_SLEEPS: u32 = if cfg!(loom) { u32::MAX } else { 2 };
const SHORT_SLEEP: Duration = Duration::from_micros(100);
/// Then the lane naps for this long instead of waiting for the bell, and may be late for a record by as much. The
/// system adds about the same again, Windows half a millisecond, and up to 16 ms before Windows 10 1803.
const NAP: Duration = Duration::from_micros(50);

/// What came of waiting for records.
pub(super) enum Taken {
    Records,
    /// Woken for another reason, or all that came is in Redis already.
    Nothing,
    /// Nothing came for a while.
    Idle,
}

pub(super) struct Intake<P: Policy> {
    shared: Arc<Shared<P>>,
    journal: Option<Arc<Journal>>,
    /// The sequence number of the record that comes next.
    next: u64,
    /// Records from `next` on that were taken ahead of their batch.
    ahead: VecDeque<P::Record>,
    /// The sequence number that comes next from queue or journal, behind `ahead`.
    taken_next: u64,
    /// Reads the journal while the queue lacks records.
    reader: Option<Reader>,
    /// The journal's last record when the reader was made: what the reader does not find up to there is unreadable.
    readable: u64,
    /// What Redis has: up to which sequence number, for each tag.
    present: HashMap<Tag, u64>,
    /// The highest of these. Beyond it no lookup is needed.
    present_until: u64,
    missing: Missing,
    /// Dead letters that the journal had again.
    dead: Vec<P::Record>,
    bytes: Vec<u8>,
    /// How many of the last sleeps were short.
    short_sleeps: u32,
}

impl<P: Policy> Intake<P> {
    pub(super) fn new(shared: Arc<Shared<P>>, journal: Option<Arc<Journal>>, next: u64) -> Self {
        let present = HashMap::new();
        let ahead = VecDeque::new();
        Self {
            shared,
            journal,
            next,
            ahead,
            taken_next: next,
            reader: None,
            readable: 0,
            present,
            present_until: 0,
            missing: Missing::default(),
            dead: Vec::new(),
            bytes: Vec::new(),
            short_sleeps: 0,
        }
    }

    /// The sequence number of the next record. All before it went into a batch or are in Redis.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether records exist that are in no batch yet.
    pub(super) fn is_behind(&self) -> bool {
        !self.ahead.is_empty() || self.journal_has(self.next)
    }

    /// Whether the journal has a record from this one on.
    fn journal_has(&self, sequence: u64) -> bool {
        // The queue was found empty. A caller that found it full before has appended to the journal first; the fence
        // makes its append visible here.
        fence(atomic::Ordering::SeqCst);
        self.journal.as_ref().is_some_and(|journal| journal.last() >= sequence)
    }

    /// Continues at `next`, skipping what is `present` in Redis.
    pub(super) fn resume(&mut self, next: u64, present: HashMap<Tag, u64>) {
        if self.journal.is_some() {
            // The journal still has these records, and some before them may be needed too.
            self.ahead.clear();
            self.taken_next = next;
        }
        self.next = next;
        self.present_until = present.values().copied().max().unwrap_or(0);
        self.present = present;
        self.reader = None;
    }

    /// Notes that the tag's records up to this one will never be in Redis, after its last one that is.
    pub(super) fn note_missing(&mut self, last: u64, tag: Option<Tag>) {
        self.missing.note(last, tag);
    }

    /// Fills the batch with what is there; waits for the first record, at most for `patience`. Skips records that are
    /// in Redis already.
    pub(super) fn fill(
        &mut self,
        batch: &mut Batch<P>,
        records: usize,
        bytes: usize,
        patience: Duration,
    ) -> Taken {
        let start = self.next;
        let shared = self.shared.clone();
        let mut size = 0;
        while batch.len() < records && size < bytes {
            if self.ahead.is_empty() {
                self.take_one();
            }
            for record in self.dead.drain(..) {
                self.missing.note(P::sequence(&record), Some(*P::tag(&record)));
            }
            if let Some(record) = self.ahead.front() {
                self.next = P::sequence(record) + 1;
                size += self.hand_over(batch);
            } else if self.taken_next > start {
                // The last ones may have been skipped.
                self.next = self.taken_next;
                break;
            } else {
                if self.wait(patience) {
                    return Taken::Nothing;
                }
                if shared.records.is_empty() {
                    return Taken::Idle;
                }
            }
        }
        if batch.is_empty() { Taken::Nothing } else { Taken::Records }
    }

    /// Waits for a record. Returns whether the bell rang for another reason.
    fn wait(&mut self, patience: Duration) -> bool {
        let come = || !self.shared.records.is_empty();
        if self.short_sleeps >= SHORT_SLEEPS {
            // Nobody has to wake a thread that wakes by itself: at 20,000 signals a second the mean call takes a
            // fifth of the time.
            thread::sleep(NAP);
            if come() {
                return false;
            }
        }
        let start = Instant::now();
        let rung = self.shared.bell.sleep(patience, come);
        // A caller that rings waits for an answer.
        let short = !rung && start.elapsed() < SHORT_SLEEP;
        self.short_sleeps = if short { self.short_sleeps + 1 } else { 0 };
        rung
    }

    /// How many records were taken ahead.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    /// The last sequence number that was taken for a batch or ahead of one.
    pub(super) fn taken(&self) -> u64 {
        self.taken_next - 1
    }

    /// Takes records for the next batch, without waiting.
    pub(super) fn take_ahead(&mut self, records: usize) {
        while self.ahead.len() < records && self.take_one() {}
    }

    /// Takes the next record, if there is one already. Returns whether there was.
    fn take_one(&mut self) -> bool {
        let before = self.ahead.len();
        while self.ahead.len() == before {
            if self.reader.is_some() {
                self.read();
            } else if let Ok(record) = self.shared.records.try_recv() {
                let sequence = P::sequence(&record);
                // Each move of a record is a copy of some hundred bytes, so it goes straight to its place.
                self.ahead.push_back(record);
                self.received(sequence);
            } else if self.journal_has(self.taken_next) {
                self.catch_up();
            } else {
                return false;
            }
        }
        true
    }

    /// The last record came from the queue. Unless it is the next one, the journal has it.
    fn received(&mut self, sequence: u64) {
        match sequence.cmp(&self.taken_next) {
            // It was read from the journal before.
            Ordering::Less => drop(self.ahead.pop_back()),
            Ordering::Greater if self.journal.is_some() => {
                self.ahead.pop_back();
                self.catch_up();
            }
            _ => self.taken_next = sequence + 1,
        }
    }

    fn catch_up(&mut self) {
        let Some(journal) = &self.journal else { return };
        self.readable = journal.last();
        self.reader = Some(journal.reader(self.taken_next));
    }

    /// Takes the next record from the journal, or drops the reader at its end.
    fn read(&mut self) {
        let Some(reader) = &mut self.reader else { return };
        let Some(sequence) = reader.next(&mut self.bytes) else {
            self.reader = None;
            return self.give_up(self.readable);
        };
        let expected = std::mem::replace(&mut self.taken_next, sequence + 1);
        if let Some(journal) = self.journal.as_ref().filter(|_| sequence > expected)
            && journal.count(expected, sequence - 1) > 0
        {
            // Not only given up, but damaged.
            self.missing.note(journal.predecessor(sequence), None);
        }
        let record = P::load(sequence, &self.bytes);
        // Written to another server, it would surprise the person who deals with the letter.
        if self.shared.dead.contains(sequence) {
            return self.dead.extend(record);
        }
        match record {
            Some(record) => self.ahead.push_back(record),
            None => self.shared.tell(format_args!(
                "record {sequence} of the journal was written by a later version of this library, or is damaged; it is skipped"
            )),
        }
    }

    /// Continues behind this record, if the journal ended before it. The reader skips damage between records.
    fn give_up(&mut self, last: u64) {
        let from = self.taken_next;
        if from <= last {
            self.shared.counters.lost.fetch_add(last - from + 1, atomic::Ordering::Relaxed);
            self.shared
                .tell(format_args!("records {from} to {last} of the journal cannot be read; they are lost"));
            self.taken_next = last + 1;
            self.missing.note(last, None);
        }
    }

    /// Hands the next record over to the batch, unless it is in Redis already. Returns its size in the batch.
    fn hand_over(&mut self, batch: &mut Batch<P>) -> usize {
        let Some(record) = self.ahead.front() else { return 0 };
        let (sequence, tag) = (P::sequence(record), P::tag(record));
        if sequence <= self.present_until && self.present.get(tag).is_some_and(|&present| sequence <= present)
        {
            self.ahead.pop_front();
            return 0;
        }
        if let Some(missing) = self.missing.before(tag, sequence) {
            batch.note_missing(missing, sequence);
        }
        let size = P::size(record);
        batch.extend(self.ahead.pop_front());
        size
    }
}
