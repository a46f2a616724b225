//! The appending end of a journal: each record gets the next number, in the current segment or the next one.

use std::sync::Arc;

use super::map::Tail;
use super::segment::HEADER;
use super::{Journal, Refused, record};
use crate::lane::sync::Ordering;

/// The appending end; there is one.
pub(crate) struct Appender {
    pub(super) tail: Tail,
    pub(super) next: u64,
    pub(super) handed_over: bool,
    pub(super) journal: Arc<Journal>,
}

impl Appender {
    /// The sequence number of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Accepts a record, or refuses it. Returns its sequence number. Waits for nothing, but for a segment
    /// when none was made ahead.
    #[inline]
    pub(crate) fn append(&mut self, payload: &[u8]) -> std::result::Result<u64, Refused> {
        if !record::fits(&self.tail, payload) {
            self.roll_over(payload)?;
        }
        let sequence = self.next;
        record::push(&mut self.tail, sequence, payload);
        self.next = sequence + 1;
        self.journal.last.store(sequence, Ordering::Release);
        Ok(sequence)
    }

    /// Lets another journal have the folder; this one takes no more.
    pub(crate) fn hand_over(&mut self) {
        self.handed_over = true;
        // So that every call comes to where this is looked at.
        self.tail.exhaust();
        self.journal.hand_over();
    }

    #[cold]
    fn roll_over(&mut self, payload: &[u8]) -> std::result::Result<(), Refused> {
        if self.handed_over {
            return Err(Refused::HandedOver);
        }
        let limit = self.journal.limits.segment_bytes as usize - HEADER - record::OVERHEAD;
        if payload.len() > limit {
            return Err(Refused::TooLong(payload.len(), limit));
        }
        let spare = self.journal.take_spare()?;
        let (segment, tail) = spare.begin(self.next, self.journal.last());
        // In this order somebody else still has the old one, and this thread never waits for its end.
        self.tail = tail;
        self.journal.segments.lock().push_back(segment);
        Ok(())
    }
}
