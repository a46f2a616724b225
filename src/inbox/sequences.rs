//! Which sequence numbers of a source's signals were seen, by producer. They tell a gap, a second copy, and a number
//! that no journal gives.
//!
//! Whoever may write the stream writes the numbers, so they may be wrong. A CLOSE is passed over only if exactly its number
//! was seen.

mod ranges;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::model::received::Received;
use crate::model::signal::MT5REDIS_ACTION_CLOSE;
use ranges::Ranges;

/// How far a number may be ahead of the one before it. A journal skips 1,000,000,000 numbers after a loss of power; this
/// allows for a thousand of them.
const LARGEST_STEP: u64 = 1_000_000_000_000;
/// How many producers of a source are remembered.
const PRODUCERS: usize = 16;
/// How many ranges are remembered for a producer. Instances that share a journal leave holes in each other's numbers.
const RANGES: usize = 1024;
/// How many of them are stored.
const STORED: usize = 16;

/// Numbers that are missing: above the first, up to the second.
pub type Missing = (u64, u64);

/// What a signal's numbers say.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new, and so many are missing before it.
    New {
        /// What is missing.
        gap: Option<Missing>,
    },
    /// It was seen.
    Again,
    /// No journal gives this number here.
    Strange(String),
}

/// What is known about the time of a signal.
#[derive(Clone, Copy, Default)]
pub struct Context {
    /// An earlier life may have seen it without storing its number.
    pub may_repeat: bool,
    /// Nobody had read the source for longer than signals are kept.
    pub was_away: bool,
}

/// The numbers that were seen of a source, by producer; the producer that was heard last comes last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenSequences(Vec<(String, ProducerSequences)>);

impl SeenSequences {
    /// What the numbers of a signal say.
    pub fn judge(&self, signal: &Received, context: Context) -> Verdict {
        let Received { sequence, predecessor, .. } = *signal;
        let known = self.of(&signal.producer);
        if signal.retried {
            let seen = known.is_some_and(|numbers| numbers.seen.holds(sequence));
            return if seen { Verdict::Again } else { Verdict::New { gap: None } };
        }
        if predecessor >= sequence {
            return Verdict::Strange(format!("it claims that its number {sequence} follows {predecessor}"));
        }
        let before = known.map_or(predecessor, ProducerSequences::top);
        if sequence.saturating_sub(before) > LARGEST_STEP {
            return Verdict::Strange(format!(
                "its number {sequence} follows {before}: no journal skips so many"
            ));
        }
        let Some(numbers) = known else {
            // A journal that got another producer name continues its numbers.
            let renamed = || self.0.iter().any(|(_, numbers)| numbers.seen.holds(predecessor));
            let missing = context.was_away && predecessor > 0 && !renamed();
            return Verdict::New { gap: missing.then_some((0, predecessor)) };
        };
        if numbers.seen.holds(sequence) {
            return Verdict::Again;
        }
        if sequence <= numbers.floor {
            // Probably it was seen, but nobody knows: closing twice does less harm than not closing.
            let close = signal.signal.action == MT5REDIS_ACTION_CLOSE;
            return if close { Verdict::New { gap: None } } else { Verdict::Again };
        }
        let behind = sequence < numbers.top() && !context.may_repeat;
        if behind && predecessor != numbers.seen_before(sequence) && !numbers.reported.holds(predecessor) {
            return Verdict::Strange(format!("its number {sequence} is lower than {}", numbers.top()));
        }
        Verdict::New { gap: self.missing_before(signal) }
    }

    /// The numbers that are missing before a signal, if it shows a gap.
    pub fn missing_before(&self, signal: &Received) -> Option<Missing> {
        let Received { predecessor, .. } = *signal;
        let numbers = self.of(&signal.producer).filter(|_| predecessor > 0 && !signal.retried)?;
        (!numbers.accounts_for(predecessor)).then(|| (numbers.last_before(predecessor), predecessor))
    }

    /// For a reader that shares the source with others: the gap that the signal seems to show, and whether the others must
    /// be asked if they were given what is missing, or this signal. `first` says that nobody has read the source before.
    pub fn judge_shared(&self, signal: &Received, first: bool) -> (Option<Missing>, bool) {
        let Received { sequence, predecessor, .. } = *signal;
        match self.of(&signal.producer) {
            _ if signal.retried => (None, false),
            None if first => (None, false),
            None => ((predecessor > 0).then_some((0, predecessor)), predecessor > 0),
            Some(numbers) => {
                let gap = self.missing_before(signal);
                (gap, gap.is_some() || numbers.seen.holds(sequence) || numbers.top() > sequence)
            }
        }
    }

    /// Notes a signal.
    pub fn add(&mut self, signal: &Received) {
        let Received { sequence, predecessor, .. } = *signal;
        let numbers = self.entry(&signal.producer, predecessor.min(sequence - 1));
        numbers.seen.insert(sequence, sequence);
        while numbers.seen.0.len() > RANGES {
            numbers.raise_floor();
        }
    }

    /// Notes a gap that is reported.
    pub fn add_gap(&mut self, producer: &str, (above, until): Missing) {
        let numbers = self.entry(producer, above);
        numbers.reported.insert(above + 1, until);
        while numbers.reported.0.len() > STORED {
            numbers.reported.0.remove(0);
        }
    }

    /// Reverts [`add`](Self::add), or [`add_gap`](Self::add_gap), for the numbers `from` to `to`.
    pub fn take_back(&mut self, producer: &str, (from, to): (u64, u64), is_gap: bool) {
        let Some((_, numbers)) = self.0.iter_mut().find(|(name, _)| name == producer) else { return };
        if from <= numbers.floor {
            if to < numbers.floor {
                numbers.seen.insert(to + 1, numbers.floor);
            }
            numbers.floor = from - 1;
        }
        let ranges = if is_gap { &mut numbers.reported } else { &mut numbers.seen };
        ranges.remove(from, to);
        numbers.open = Some(numbers.open.map_or(from, |open| open.min(from)));
    }

    fn of(&self, producer: &str) -> Option<&ProducerSequences> {
        self.0.iter().find(|(name, _)| name == producer).map(|(_, numbers)| numbers)
    }

    fn entry(&mut self, producer: &str, floor: u64) -> &mut ProducerSequences {
        let last = self.0.len();
        let at = self.0.iter().position(|(name, _)| name == producer).unwrap_or(last);
        if at == last {
            if last == PRODUCERS {
                self.0.remove(0);
            }
            self.0.push((producer.to_owned(), ProducerSequences { floor, ..Default::default() }));
        } else {
            self.0[at..].rotate_left(1);
        }
        &mut self.0.last_mut().expect("one at least").1
    }

    /// Reads what [`Display`](fmt::Display) wrote and ignores everything else.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let one = |word: &str| {
            let mut parts = word.split(':');
            let (producer, floor) = (parts.next()?, parts.next()?.parse().ok()?);
            let (seen, reported) = (Ranges::parse(parts.next()?)?, Ranges::parse(parts.next()?)?);
            Some((producer.to_owned(), ProducerSequences { floor, seen, reported, open: None }))
        };
        Self(words.filter_map(one).take(PRODUCERS).collect())
    }
}

/// As it is stored: one word for each producer.
impl fmt::Display for SeenSequences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (producer, numbers)) in self.0.iter().enumerate() {
            let mut short = numbers.clone();
            short.shorten();
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{producer}:{}:{}:{}", short.floor, short.seen, short.reported)?;
        }
        Ok(())
    }
}

/// The numbers of one producer.
#[derive(Clone, Debug, Default, PartialEq)]
struct ProducerSequences {
    /// Numbers up to here were seen, are older than this reader, or were forgotten.
    floor: u64,
    /// Numbers above that were seen.
    seen: Ranges,
    /// Numbers that are missing and were reported.
    reported: Ranges,
    /// The lowest number that was taken back.
    open: Option<u64>,
}

impl ProducerSequences {
    fn top(&self) -> u64 {
        self.seen.top().max(self.reported.top()).max(self.floor)
    }

    fn accounts_for(&self, number: u64) -> bool {
        number <= self.floor || self.seen.holds(number) || self.reported.holds(number)
    }

    /// The last number below this one that was seen.
    fn seen_before(&self, number: u64) -> u64 {
        self.seen.last_before(number).max(self.floor)
    }

    /// The last number below this one that was seen or reported.
    fn last_before(&self, number: u64) -> u64 {
        self.seen_before(number).max(self.reported.last_before(number))
    }

    /// Forgets the holes below and in the lowest range.
    fn raise_floor(&mut self) {
        let (_, to) = self.seen.0.remove(0);
        self.floor = self.floor.max(to);
    }

    /// Keeps few ranges, since they are stored often. The floor stays below what is not acknowledged; what is
    /// forgotten at the top comes once more.
    fn shorten(&mut self) {
        let open = self.open.unwrap_or(u64::MAX);
        while self.seen.0.len() > STORED && self.seen.0[0].1 < open {
            self.raise_floor();
        }
        self.seen.0.truncate(4 * STORED);
        self.reported.0.retain(|(_, to)| *to > self.floor);
    }
}
