//! Reads a journal from a sequence number on, while it grows. A reader keeps its current segment, even after a release.

use std::sync::Arc;

use super::Journal;
use super::record;
use super::segment::{HEADER, Segment};

/// A place in the journal.
pub(crate) struct Reader {
    /// None until there is one with a record that is wanted.
    segment: Option<Segment>,
    at: usize,
    /// The next record to return has this sequence number or a higher one.
    wanted: u64,
    journal: Arc<Journal>,
}

impl Reader {
    pub(super) fn new(journal: Arc<Journal>, sequence: u64) -> Self {
        Self { segment: None, at: HEADER, wanted: sequence, journal }
    }

    /// The next record: its payload replaces what `payload` holds. None at the end, for now.
    pub(crate) fn next(&mut self, payload: &mut Vec<u8>) -> Option<u64> {
        loop {
            if let Some(segment) = &self.segment {
                // Before the committed length is looked at: nothing is added to a segment that has a follower.
                let follower = (self.at >= segment.map.committed()).then(|| self.follower());
                let end = segment.map.committed();
                while self.at < end {
                    let sequences = segment.first..u64::MAX;
                    let Some(record) = record::find(&segment.map, self.at..end, sequences, payload) else {
                        self.at = end;
                        break;
                    };
                    self.at = record.end;
                    if record.sequence >= self.wanted {
                        self.wanted = record.sequence + 1;
                        return Some(record.sequence);
                    }
                }
                match follower {
                    None => continue,
                    Some(None) => return None,
                    Some(Some(next)) => self.enter(next),
                }
            } else {
                let next = self.follower()?;
                self.enter(next);
            }
        }
    }

    /// The first segment behind this one; the first with a wanted record if there is no this one.
    fn follower(&self) -> Option<Segment> {
        let segments = self.journal.segments.lock();
        match &self.segment {
            Some(this) => segments.iter().find(|segment| segment.number > this.number).cloned(),
            None => {
                let at = segments.partition_point(|segment| segment.first <= self.wanted);
                segments.get(at.saturating_sub(1)).cloned()
            }
        }
    }

    fn enter(&mut self, next: Segment) {
        self.wanted = self.wanted.max(next.first);
        self.segment = Some(next);
        self.at = HEADER;
    }
}
