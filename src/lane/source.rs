//! Where a lane's records come from: the queue while the lane keeps up, the journal while it does not.
//!
//! Sequence numbers tell which. A record with the next number is taken from the queue; a gap means that the
//! queue was full for a while, and the journal has what is missing. What Redis is known to have already is
//! passed over.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use arrayvec::ArrayString;
use crossbeam_channel::select;

use super::batch::Batch;
use super::journal::{Journal, Reader};
use super::{Policy, Shared};

/// A routing tag: an instance id or a shard.
pub(super) type Tag = ArrayString<40>;

/// What came of waiting for records.
pub(super) enum Taken {
    Records,
    /// Woken for another reason, or all that came is in Redis already.
    Nothing,
    /// Nobody had anything to say for a while.
    Idle,
}

pub(super) struct Source<P: Policy> {
    shared: Arc<Shared<P>>,
    journal: Option<Arc<Journal>>,
    /// The sequence number of the record that comes next.
    next: u64,
    /// Reads what the queue does not have.
    reader: Option<Reader>,
    /// What Redis has: up to this sequence number, a tag each.
    present: HashMap<Tag, u64>,
    /// The highest of these: nothing needs to be looked up beyond.
    present_until: u64,
    bytes: Vec<u8>,
}

impl<P: Policy> Source<P> {
    pub(super) fn new(shared: Arc<Shared<P>>, journal: Option<Arc<Journal>>, next: u64) -> Self {
        let present = HashMap::new();
        Self { shared, journal, next, reader: None, present, present_until: 0, bytes: Vec::new() }
    }

    /// The sequence number of the record that comes next: all before went into a batch or are in Redis.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether the journal has records that were not taken yet.
    pub(super) fn is_behind(&self) -> bool {
        // The queue was found empty; whoever found it full before that has appended first, and this is what
        // makes it seen here.
        fence(Ordering::SeqCst);
        self.journal.as_ref().is_some_and(|journal| journal.last() >= self.next)
    }

    /// Goes on at `next`, but for what is `present` in Redis.
    pub(super) fn resume(&mut self, next: u64, present: HashMap<Tag, u64>) {
        self.next = next;
        self.present_until = present.values().copied().max().unwrap_or(0);
        self.present = present;
        self.reader = None;
    }

    /// Whether records come that Redis is known to have passed.
    pub(super) fn is_replaying(&self) -> bool {
        self.present_until >= self.next && self.is_behind()
    }

    /// Takes all that is there, up to a batch; waits for the first record, at most for `patience`. What Redis
    /// is known to have passed goes to `known` instead.
    pub(super) fn fill(
        &mut self,
        policy: &P,
        batch: &mut Batch<P>,
        records: usize,
        bytes: usize,
        patience: Duration,
        known: &mut dyn FnMut(P::Record),
    ) -> Taken {
        let start = self.next;
        let shared = self.shared.clone();
        let mut size = 0;
        while batch.len() < records && size < bytes {
            if self.reader.is_some() {
                size += self.read(policy, batch, known);
            } else if let Ok(record) = shared.records.try_recv() {
                size += self.receive(policy, record, batch, known);
            } else if self.is_behind() {
                self.catch_up();
            } else if self.next > start {
                break;
            } else {
                select! {
                    recv(shared.records) -> record => match record {
                        Ok(record) => size += self.receive(policy, record, batch, known),
                        Err(_) => return Taken::Nothing,
                    },
                    recv(shared.wake.1) -> _ => return Taken::Nothing,
                    default(patience) => return Taken::Idle,
                }
            }
        }
        if batch.is_empty() { Taken::Nothing } else { Taken::Records }
    }

    /// Takes a record from the queue. Returns its size in the batch.
    fn receive(
        &mut self,
        policy: &P,
        record: P::Record,
        batch: &mut Batch<P>,
        known: &mut dyn FnMut(P::Record),
    ) -> usize {
        let sequence = P::sequence(&record);
        if sequence < self.next {
            // The journal was faster.
            return 0;
        }
        if sequence > self.next && self.journal.is_some() {
            self.catch_up();
            return 0;
        }
        self.next = sequence + 1;
        self.push(policy, record, batch, known)
    }

    fn catch_up(&mut self) {
        self.reader = self.journal.as_ref().map(|journal| journal.reader(self.next));
    }

    /// Takes a record from the journal, or leaves it when there is none. Returns its size in the batch.
    fn read(&mut self, policy: &P, batch: &mut Batch<P>, known: &mut dyn FnMut(P::Record)) -> usize {
        let Some(reader) = &mut self.reader else { return 0 };
        let Some(sequence) = reader.next(&mut self.bytes) else {
            self.reader = None;
            return 0;
        };
        self.next = sequence + 1;
        // Replayed to another server it would surprise whoever deals with the letter.
        if self.shared.dead.as_ref().is_some_and(|dead| dead.contains(sequence)) {
            return 0;
        }
        match P::load(sequence, &self.bytes) {
            Some(record) => self.push(policy, record, batch, known),
            None => {
                self.shared.tell(format_args!(
                    "record {sequence} of the journal is of a later version of this library, or damaged; it is left out"
                ));
                0
            }
        }
    }

    fn push(
        &mut self,
        policy: &P,
        record: P::Record,
        batch: &mut Batch<P>,
        known: &mut dyn FnMut(P::Record),
    ) -> usize {
        let sequence = P::sequence(&record);
        if sequence <= self.present_until
            && self.present.get(policy.tag(&record)).is_some_and(|&present| sequence <= present)
        {
            known(record);
            return 0;
        }
        let size = P::size(&record);
        batch.push(record);
        size
    }
}
