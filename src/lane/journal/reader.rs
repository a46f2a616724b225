//! Reads a journal from a sequence number on, while it grows. A reader keeps its current segment, even after a release.

use std::sync::Arc;

use super::Journal;
use super::record;
use super::segment::{HEADER, Segment};

/// A place in the journal.
pub(crate) struct Reader {
    /// None until there is a segment with a wanted record.
    segment: Option<Segment>,
    at: usize,
    /// Records below this sequence number are passed over.
    wanted: u64,
    journal: Arc<Journal>,
}

impl Reader {
    pub(super) fn new(journal: Arc<Journal>, sequence: u64) -> Self {
        Self { segment: None, at: HEADER, wanted: sequence, journal }
    }

    /// The next record, whose payload replaces the contents of `payload`. None: there is none yet.
    pub(crate) fn next(&mut self, payload: &mut Vec<u8>) -> Option<u64> {
        loop {
            if let Some(sequence) = self.next_here(payload) {
                return Some(sequence);
            }
            let next = self.next_segment()?;
            // Nothing is added to a segment that another one follows, so now this look is the last.
            if let Some(sequence) = self.next_here(payload) {
                return Some(sequence);
            }
            self.wanted = self.wanted.max(next.first);
            (self.segment, self.at) = (Some(next), HEADER);
        }
    }

    /// The next wanted record of the current segment.
    fn next_here(&mut self, payload: &mut Vec<u8>) -> Option<u64> {
        let segment = self.segment.as_ref()?;
        let end = segment.map.committed();
        while self.at < end {
            let found = record::find(&segment.map, self.at..end, segment.first..u64::MAX, payload);
            self.at = found.map_or(end, |record| record.end);
            if let Some(record) = found.filter(|record| record.sequence >= self.wanted) {
                self.wanted = record.sequence + 1;
                return Some(record.sequence);
            }
        }
        None
    }

    /// The segment after the current one. At the start, the one with the first wanted record.
    fn next_segment(&self) -> Option<Segment> {
        let segments = self.journal.segments.lock();
        match &self.segment {
            Some(this) => segments.iter().find(|segment| segment.number > this.number).cloned(),
            None => {
                let at = segments.partition_point(|segment| segment.first <= self.wanted);
                segments.get(at.saturating_sub(1)).cloned()
            }
        }
    }
}
