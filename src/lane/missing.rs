//! Numbers that were given, accepted, and will never be in Redis: lost, unreadable, or put aside. The next signal of
//! the same source names the last of them as the one before it, so that every reader is told of the gap.
//!
//! Of what was lost nobody knows any more which instance it was of, where several share a lane. It counts as
//! everybody's then: a gap that is told in vain does less harm than one that is not.

use std::collections::BTreeMap;

use crate::model::InstanceId;

/// How many are remembered, the latest.
const MOST: usize = 1024;

/// The last number of each run that is missing, and whose it was, if that is known.
#[derive(Default)]
pub(super) struct Missing(BTreeMap<u64, Option<InstanceId>>);

impl Missing {
    pub(super) fn note(&mut self, last: u64, instance: Option<InstanceId>) {
        self.0.insert(last, instance);
        if self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// The last of an instance that is missing before a number.
    pub(super) fn before(&self, instance: &InstanceId, sequence: u64) -> Option<u64> {
        let mut earlier = self.0.range(..sequence).rev();
        earlier.find(|(_, whose)| whose.is_none_or(|whose| whose == *instance)).map(|(&last, _)| last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_follows_what_is_missing_of_its_own_or_of_nobody_knows_whom() {
        let mut missing = Missing::default();
        missing.note(10, None);
        let id = |id| InstanceId::new(id).unwrap();
        missing.note(20, Some(id("a")));
        let before = |instance, sequence| missing.before(&id(instance), sequence);
        assert_eq!([before("a", 10), before("a", 11), before("a", 21)], [None, Some(10), Some(20)]);
        assert_eq!([before("b", 10), before("b", 21)], [None, Some(10)]);
    }

    #[test]
    fn the_latest_are_remembered() {
        let mut missing = Missing::default();
        (1..=5000).for_each(|number| missing.note(number, None));
        assert_eq!(missing.before(&InstanceId::new("a").unwrap(), 5001), Some(5000));
        assert_eq!(missing.0.len(), MOST);
    }
}
