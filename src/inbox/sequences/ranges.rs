//! A set of numbers as ranges, which are few where numbers follow each other; as text, `1-7,9`.

use std::fmt::{self, Write};

/// Ranges of numbers in ascending order, with holes between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ranges(pub(super) Vec<(u64, u64)>);

impl Ranges {
    pub(super) fn top(&self) -> u64 {
        self.0.last().map_or(0, |(_, to)| *to)
    }

    pub(super) fn holds(&self, number: u64) -> bool {
        let at = self.0.partition_point(|(_, to)| *to < number);
        self.0.get(at).is_some_and(|(from, _)| *from <= number)
    }

    pub(super) fn last_before(&self, number: u64) -> u64 {
        let at = self.0.partition_point(|(from, _)| *from < number);
        at.checked_sub(1).map_or(0, |at| self.0[at].1.min(number - 1))
    }

    pub(super) fn insert(&mut self, from: u64, to: u64) {
        // Nearly always the next number.
        if let Some(last) = self.0.last_mut()
            && last.0 <= from
            && last.1 >= from - 1
        {
            last.1 = last.1.max(to);
            return;
        }
        let first = self.0.partition_point(|(_, end)| *end < from - 1);
        let after = first + self.0[first..].partition_point(|(start, _)| *start <= to.saturating_add(1));
        let joined = &self.0[first..after];
        let from = joined.first().map_or(from, |range| range.0.min(from));
        let to = joined.last().map_or(to, |range| range.1.max(to));
        self.0.splice(first..after, [(from, to)]);
    }

    pub(super) fn remove(&mut self, from: u64, to: u64) {
        let parts = |&(start, end): &(u64, u64)| {
            if end < from || start > to {
                return [Some((start, end)), None];
            }
            [(start < from).then(|| (start, from - 1)), (end > to).then(|| (to + 1, end))]
        };
        self.0 = self.0.iter().flat_map(parts).flatten().collect();
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut ranges = Self::default();
        for range in text.split(',').filter(|range| !range.is_empty()) {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            if from == 0 || from > to || from <= ranges.top() && !ranges.0.is_empty() {
                return None;
            }
            ranges.0.push((from, to));
        }
        Some(ranges)
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (from, to)) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_char(',')?;
            }
            write!(f, "{from}")?;
            if to > from {
                write!(f, "-{to}")?;
            }
        }
        Ok(())
    }
}
