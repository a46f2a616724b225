//! Numbers that were given, accepted, and will never be in Redis: lost, unreadable, or put aside. The next signal of
//! the same source names the last of them as the one before it, so that every reader is told of the gap.
//!
//! Of what was lost nobody knows any more which instance it was of, where several share a lane. It counts as
//! everybody's then: a gap that is told in vain does less harm than one that is not.

use std::collections::BTreeMap;

use super::source::Tag;

/// How many are remembered, the latest.
const MOST: usize = 1024;

/// The last number of each run that is missing, and whose it was, if that is known.
#[derive(Default)]
pub(super) struct Missing(BTreeMap<u64, Option<Tag>>);

impl Missing {
    pub(super) fn note(&mut self, last: u64, tag: Option<Tag>) {
        self.0.insert(last, tag);
        if self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// The last of a tag that is missing before a number.
    pub(super) fn before(&self, tag: &str, sequence: u64) -> Option<u64> {
        let mut earlier = self.0.range(..sequence).rev();
        earlier.find(|(_, whose)| whose.is_none_or(|whose| whose.as_str() == tag)).map(|(&last, _)| last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_follows_what_is_missing_of_its_own_or_of_nobody_knows_whom() {
        let mut missing = Missing::default();
        missing.note(10, None);
        missing.note(20, Some(Tag::from("a").unwrap()));
        let before = |tag, sequence| missing.before(tag, sequence);
        assert_eq!([before("a", 10), before("a", 11), before("a", 21)], [None, Some(10), Some(20)]);
        assert_eq!([before("b", 10), before("b", 21)], [None, Some(10)]);
    }

    #[test]
    fn the_latest_are_remembered() {
        let mut missing = Missing::default();
        (1..=5000).for_each(|number| missing.note(number, None));
        assert_eq!(missing.before("a", 5001), Some(5000));
        assert_eq!(missing.0.len(), MOST);
    }
}
