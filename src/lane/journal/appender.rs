//! The appending end of a journal: each record gets the next number, in the current segment or the next one.

use std::fmt;
use std::result::Result;
use std::sync::Arc;

use super::map::Tail;
use super::segment::HEADER;
use super::{Journal, record};
use crate::lane::sync::Ordering;

/// The only appender of a journal.
pub(crate) struct Appender {
    pub(super) tail: Tail,
    pub(super) next: u64,
    pub(super) handed_over: bool,
    pub(super) journal: Arc<Journal>,
}

/// Why a record was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The journal has its largest size, in bytes.
    Full(u64),
    /// The disk gives no space, for this reason. [`Journal::prepare`] tries again.
    Disk(String),
    /// The payload's length, and the longest that fits into a segment.
    TooLong(usize, usize),
    /// The session was closed, and another has the folder now.
    HandedOver,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(bytes) => write!(
                f,
                "the journal is at its limit of {bytes} bytes; it accepts records again when Redis has taken some, or \
                 raise journal.max_bytes"
            ),
            Self::Disk(text) => f.write_str(text),
            Self::HandedOver => {
                f.write_str("this session was closed, and another one took over its journal: open it again")
            }
            Self::TooLong(length, limit) => {
                write!(f, "the record has {length} bytes, and a segment holds {limit}")
            }
        }
    }
}

impl Appender {
    /// The sequence number of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Accepts a record and returns its sequence number, or refuses it. Waits only if no segment was made ahead.
    #[inline]
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<u64, Refused> {
        if !record::fits(&self.tail, payload) {
            self.roll_over(payload)?;
        }
        let sequence = self.next;
        record::push(&mut self.tail, sequence, payload);
        self.next = sequence + 1;
        self.journal.last.store(sequence, Ordering::Release);
        Ok(sequence)
    }

    /// Hands the folder over to another journal. This one accepts no more records.
    pub(crate) fn hand_over(&mut self) {
        self.handed_over = true;
        // Sends every later call to `roll_over`, which refuses it.
        self.tail.exhaust();
        self.journal.hand_over();
    }

    #[cold]
    fn roll_over(&mut self, payload: &[u8]) -> Result<(), Refused> {
        if self.handed_over {
            return Err(Refused::HandedOver);
        }
        let limit = self.journal.limits.segment_bytes as usize - HEADER - record::OVERHEAD;
        if payload.len() > limit {
            return Err(Refused::TooLong(payload.len(), limit));
        }
        let (segment, tail) = self.journal.take_spare()?.begin(self.next, self.journal.last());
        // In this order the journal still uses the old segment, so this thread does not unmap it.
        self.tail = tail;
        self.journal.segments.lock().push_back(segment);
        Ok(())
    }
}
