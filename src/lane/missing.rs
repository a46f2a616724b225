//! Numbers of accepted records that will never be in Redis: lost, unreadable, or dead letters. The next signal of the
//! same source names the last of them as its predecessor, so that every reader finds the gap.
//!
//! Where several tags share a lane, nobody knows whose a lost record was. It counts for each of them: reporting a
//! gap too many does less harm than reporting one too few.

use std::collections::BTreeMap;

use crate::model::Tag;

/// How many of the latest are remembered.
const MOST: usize = 1024;

/// The last number of each missing run, and whose it was, if known.
#[derive(Default)]
pub(super) struct Missing(BTreeMap<u64, Option<Tag>>);

impl Missing {
    pub(super) fn note(&mut self, last: u64, tag: Option<Tag>) {
        self.0.insert(last, tag);
        if self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// The tag's last missing number before this one.
    pub(super) fn before(&self, tag: &Tag, sequence: u64) -> Option<u64> {
        if self.0.is_empty() {
            return None;
        }
        let mut earlier = self.0.range(..sequence).rev();
        earlier.find(|(_, whose)| whose.is_none_or(|whose| whose == *tag)).map(|(&last, _)| last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InstanceId;

    #[test]
    fn a_record_follows_what_is_missing_of_its_own_or_of_nobody_knows_whom() {
        let mut missing = Missing::default();
        missing.note(10, None);
        let id = |id| Tag::of(&InstanceId::new(id).unwrap());
        missing.note(20, Some(id("a")));
        let before = |tag, sequence| missing.before(&id(tag), sequence);
        assert_eq!([before("a", 10), before("a", 11), before("a", 21)], [None, Some(10), Some(20)]);
        assert_eq!([before("b", 10), before("b", 21)], [None, Some(10)]);
    }

    #[test]
    fn the_latest_are_remembered() {
        let mut missing = Missing::default();
        (1..=5000).for_each(|number| missing.note(number, None));
        assert_eq!(missing.before(&Tag::of(&InstanceId::new("a").unwrap()), 5001), Some(5000));
        assert_eq!(missing.0.len(), MOST);
    }
}
