//! The chain of a producer's records in a stream. Each names the number of the one before it, so a reader that has not seen
//! that one knows that records were deleted before it came.

use std::collections::HashMap;

use super::rows::Record;

/// The most producers that are remembered; who writes a stream may invent any number of them.
const PRODUCERS: usize = 10_000;

/// The last number of each producer of one stream.
#[derive(Default)]
pub struct Chain(HashMap<String, u64>);

impl Chain {
    /// Takes the next record. Says between which numbers records are missing, if they are.
    pub fn take(&mut self, record: &Record) -> Option<String> {
        let Record { producer, sequence, predecessor, .. } = record;
        let Some(last) = self.0.get_mut(producer) else {
            if self.0.len() < PRODUCERS {
                self.0.insert(producer.clone(), *sequence);
            }
            return None;
        };
        let before = *last;
        *last = before.max(*sequence);
        let gap = *sequence > before && *predecessor > before;
        gap.then(|| format!("after number {before} of {producer}, up to {predecessor}"))
    }

    /// Continues with what was read before.
    pub fn known(&mut self, producer: String, sequence: u64) {
        self.0.insert(producer, sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_predecessor_is_a_gap_once() {
        let mut chain = Chain::default();
        let mut take = |producer: &str, sequence, predecessor| {
            chain.take(&Record { producer: producer.into(), sequence, predecessor, row: Vec::new() })
        };
        // The first of a producer claims nothing, whatever was before it.
        assert_eq!(take("aa", 7, 6), None);
        assert_eq!(take("aa", 8, 7), None);
        assert_eq!(take("bb", 3, 2), None);
        // The numbers between are in another stream, or the terminal's power failed.
        assert_eq!(take("aa", 12, 8), None);
        assert_eq!(take("aa", 14, 13).as_deref(), Some("after number 12 of aa, up to 13"));
        // Read again after a failover.
        assert_eq!(take("aa", 8, 7), None);
        assert_eq!(take("aa", 15, 14), None);
        assert_eq!(take("aa", 16, 0), None);
    }
}
