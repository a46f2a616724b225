//! Which numbers of a source's producers were seen: what tells a gap, a second copy and a number that cannot be.
//!
//! ProducerSequences come from whoever may write the stream, so they may be wrong. They decide what is a second copy, and
//! nothing else about a signal to close.

mod ranges;

use std::fmt;

use crate::model::received::Received;
use crate::model::signal::MT5REDIS_ACTION_CLOSE;
use ranges::Ranges;

/// How far a number may be ahead of the one before it. A journal leaps by 1,000,000,000 after a loss of power; this
/// is a thousand of these.
const FARTHEST: u64 = 1_000_000_000_000;
/// How many producers of a source are remembered.
const PRODUCERS: usize = 16;
/// How many ranges are remembered of a producer. Instances that share a journal leave holes in each other's
/// numbers.
const RANGES: usize = 1024;
/// How many of them are written down.
const WRITTEN: usize = 16;

/// What a signal's numbers say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new. The numbers of the signals that are missing before it: above the first, up to the second.
    New { gap: Option<(u64, u64)> },
    /// It was seen.
    Again,
    /// No journal gives this number here.
    Strange(String),
}

/// What is known of when a signal was written.
#[derive(Clone, Copy, Default)]
pub(super) struct Context {
    /// It may have been seen in an earlier life, which did not write down that much.
    pub(super) may_repeat: bool,
    /// Nobody read the source for longer than signals are kept.
    pub(super) was_away: bool,
}

/// What was seen of a source, by producer; the one that was heard last comes last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SeenSequences(Vec<(String, ProducerSequences)>);

impl SeenSequences {
    /// Judges a signal.
    pub(super) fn judge(&self, signal: &Received, circumstance: Context) -> Verdict {
        let Received { sequence, predecessor, .. } = *signal;
        let known = self.of(&signal.producer);
        if signal.retried {
            let seen = known.is_some_and(|numbers| numbers.seen.holds(sequence));
            return if seen { Verdict::Again } else { Verdict::New { gap: None } };
        }
        if predecessor >= sequence {
            return Verdict::Strange(format!("its number {sequence} follows {predecessor}, it says"));
        }
        let before = known.map_or(predecessor, ProducerSequences::top);
        if sequence.saturating_sub(before) > FARTHEST {
            return Verdict::Strange(format!(
                "its number {sequence} follows {before}: no journal leaps so far"
            ));
        }
        let Some(numbers) = known else {
            // A journal that got another name goes on with its numbers.
            let renamed = || self.0.iter().any(|(_, numbers)| numbers.seen.holds(predecessor));
            let missing = circumstance.was_away && predecessor > 0 && !renamed();
            return Verdict::New { gap: missing.then_some((0, predecessor)) };
        };
        if numbers.seen.holds(sequence) {
            return Verdict::Again;
        }
        if sequence <= numbers.floor {
            // Most likely it was seen: but nobody knows, and a close too many does less harm than one too few.
            let close = signal.signal.action == MT5REDIS_ACTION_CLOSE;
            return if close { Verdict::New { gap: None } } else { Verdict::Again };
        }
        let behind = sequence < numbers.top() && !circumstance.may_repeat;
        if behind && predecessor != numbers.seen_before(sequence) && !numbers.told.holds(predecessor) {
            return Verdict::Strange(format!("its number {sequence} falls behind {}", numbers.top()));
        }
        Verdict::New { gap: self.missing_before(signal) }
    }

    /// The numbers that are missing before a signal, above the first and up to the second, if it shows a gap.
    pub(super) fn missing_before(&self, signal: &Received) -> Option<(u64, u64)> {
        let Received { predecessor, .. } = *signal;
        let numbers = self.of(&signal.producer).filter(|_| predecessor > 0 && !signal.retried)?;
        (!numbers.accounts_for(predecessor)).then(|| (numbers.last_before(predecessor), predecessor))
    }

    /// Whether a signal with this number was seen for certain.
    pub(super) fn has(&self, signal: &Received) -> bool {
        self.of(&signal.producer).is_some_and(|numbers| numbers.seen.holds(signal.sequence))
    }

    /// Whether the producer was heard before.
    pub(super) fn knows(&self, producer: &str) -> bool {
        self.of(producer).is_some()
    }

    /// Whether a later signal was seen.
    pub(super) fn is_past(&self, signal: &Received) -> bool {
        self.of(&signal.producer).is_some_and(|numbers| numbers.top() > signal.sequence)
    }

    /// Notes a signal.
    pub(super) fn add(&mut self, signal: &Received) {
        let Received { sequence, predecessor, .. } = *signal;
        let numbers = self.entry(&signal.producer, predecessor.min(sequence - 1));
        numbers.seen.insert(sequence, sequence);
        while numbers.seen.0.len() > RANGES {
            numbers.raise();
        }
    }

    /// Notes that the signals with these numbers are missing, and that this was told.
    pub(super) fn report(&mut self, producer: &str, (above, until): (u64, u64)) {
        let numbers = self.entry(producer, above);
        numbers.told.insert(above + 1, until);
        while numbers.told.0.len() > WRITTEN {
            numbers.told.0.remove(0);
        }
    }

    /// Takes back what [`add`](Self::add) and [`report`](Self::report) noted.
    pub(super) fn take_back(&mut self, producer: &str, (from, to): (u64, u64), told: bool) {
        let Some((_, numbers)) = self.0.iter_mut().find(|(name, _)| name == producer) else { return };
        if from <= numbers.floor {
            if to < numbers.floor {
                numbers.seen.insert(to + 1, numbers.floor);
            }
            numbers.floor = from - 1;
        }
        let ranges = if told { &mut numbers.told } else { &mut numbers.seen };
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
            self.0.push((producer.to_owned(), ProducerSequences { floor, ..ProducerSequences::default() }));
        } else {
            self.0[at..].rotate_left(1);
        }
        &mut self.0.last_mut().expect("one at least").1
    }

    /// Reads what [`Display`](fmt::Display) wrote; what is something else is passed over.
    pub(super) fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let one = |word: &str| {
            let mut parts = word.split(':');
            let (producer, floor) = (parts.next()?, parts.next()?.parse().ok()?);
            let (seen, told) = (Ranges::parse(parts.next()?)?, Ranges::parse(parts.next()?)?);
            Some((producer.to_owned(), ProducerSequences { floor, seen, told, open: None }))
        };
        Self(words.filter_map(one).take(PRODUCERS).collect())
    }
}

/// As it is written down: a word a producer.
impl fmt::Display for SeenSequences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (producer, numbers)) in self.0.iter().enumerate() {
            let mut short = numbers.clone();
            short.shorten();
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{producer}:{}:{}:{}", short.floor, short.seen, short.told)?;
        }
        Ok(())
    }
}

/// The numbers of one producer.
#[derive(Clone, Debug, Default, PartialEq)]
struct ProducerSequences {
    /// What is below or at this was seen, was given before this reader came, or is too long ago.
    floor: u64,
    /// What was seen above.
    seen: Ranges,
    /// What is missing, and was told.
    told: Ranges,
    /// The lowest number that was taken back.
    open: Option<u64>,
}

impl ProducerSequences {
    fn top(&self) -> u64 {
        self.seen.top().max(self.told.top()).max(self.floor)
    }

    fn accounts_for(&self, number: u64) -> bool {
        number <= self.floor || self.seen.holds(number) || self.told.holds(number)
    }

    /// The last number below this one that was seen.
    fn seen_before(&self, number: u64) -> u64 {
        self.seen.last_before(number).max(self.floor)
    }

    /// The last number below this one that is accounted for.
    fn last_before(&self, number: u64) -> u64 {
        self.seen_before(number).max(self.told.last_before(number))
    }

    /// Forgets the details of the lowest range.
    fn raise(&mut self) {
        let (_, to) = self.seen.0.remove(0);
        self.floor = self.floor.max(to);
    }

    /// Keeps few enough ranges to write them down often. What is not acknowledged must not sink below the floor;
    /// what is forgotten above comes once more.
    fn shorten(&mut self) {
        let open = self.open.unwrap_or(u64::MAX);
        while self.seen.0.len() > WRITTEN && self.seen.0[0].1 < open {
            self.raise();
        }
        self.seen.0.truncate(4 * WRITTEN);
        self.told.0.retain(|(_, to)| *to > self.floor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Signal;

    const HERE: Context = Context { may_repeat: false, was_away: false };

    fn signal(producer: &str, sequence: u64, predecessor: u64) -> Received {
        Received {
            producer: producer.into(),
            sequence,
            predecessor,
            instance: "1.Demo".into(),
            symbol: "EURUSD".into(),
            comment: String::new(),
            retried: false,
            signal: Signal { action: 1, volume: 0.1, ..Default::default() },
        }
    }

    fn close(producer: &str, sequence: u64, predecessor: u64) -> Received {
        let signal = signal(producer, sequence, predecessor);
        Received { signal: Signal { action: MT5REDIS_ACTION_CLOSE, ..signal.signal }, ..signal }
    }

    fn new(gap: Option<(u64, u64)>) -> Verdict {
        Verdict::New { gap }
    }

    /// Judges and notes, as a reader does.
    fn read(seen: &mut SeenSequences, signal: &Received) -> Verdict {
        let verdict = seen.judge(signal, HERE);
        if let Verdict::New { gap } = verdict {
            if let Some(gap) = gap {
                seen.report(&signal.producer, gap);
            }
            seen.add(signal);
        }
        verdict
    }

    #[test]
    fn a_chain_has_no_gaps_and_copies_are_found() {
        let mut seen = SeenSequences::default();
        // An instance that shares its journal: its numbers have holes.
        for (number, before) in [(7, 5), (8, 7), (12, 8), (13, 12)] {
            assert_eq!(read(&mut seen, &signal("a", number, before)), new(None));
        }
        for (number, before) in [(8, 7), (13, 12), (7, 5)] {
            assert_eq!(read(&mut seen, &signal("a", number, before)), Verdict::Again);
        }
        assert_eq!(read(&mut seen, &signal("b", 1, 0)), new(None), "another producer's");
    }

    #[test]
    fn a_gap_is_found_once_and_before_what_is_behind_it() {
        let mut seen = SeenSequences::default();
        read(&mut seen, &signal("a", 1, 0));
        assert_eq!(read(&mut seen, &signal("a", 9, 8)), new(Some((1, 8))));
        assert_eq!(read(&mut seen, &signal("a", 10, 9)), new(None));
        // A master that takes over lacks the last ones: they are sent again.
        assert_eq!(read(&mut seen, &signal("a", 9, 8)), Verdict::Again);
        // And what was missing comes after all.
        assert_eq!(read(&mut seen, &signal("a", 5, 1)), new(None));
        assert_eq!(read(&mut seen, &signal("a", 5, 1)), Verdict::Again);
    }

    #[test]
    fn a_number_that_cannot_be_changes_nothing() {
        let mut seen = SeenSequences::default();
        read(&mut seen, &signal("a", 100, 99));
        read(&mut seen, &signal("a", 110, 100));
        for (number, before) in [(u64::MAX >> 1, 110), (105, 50), (105, 0), (120, 120), (111, 500)] {
            let verdict = read(&mut seen, &signal("a", number, before));
            assert!(matches!(verdict, Verdict::Strange(_)), "{number} after {before}: {verdict:?}");
        }
        assert!(matches!(read(&mut seen, &signal("z", u64::MAX >> 1, 0)), Verdict::Strange(_)));
        assert_eq!(read(&mut seen, &signal("a", 111, 110)), new(None));
    }

    /// Whoever has a source's password may write a number far ahead; it must not silence what comes then.
    #[test]
    fn a_number_far_ahead_silences_nobody() {
        let mut seen = SeenSequences::default();
        read(&mut seen, &signal("a", 1, 0));
        assert_eq!(read(&mut seen, &signal("a", 1_000_000, 1)), new(None));
        assert_eq!(read(&mut seen, &signal("a", 2, 1)), new(None));
        assert_eq!(read(&mut seen, &close("a", 3, 2)), new(None));
    }

    #[test]
    fn a_close_is_passed_over_only_if_it_was_seen() {
        let mut seen = SeenSequences::default();
        read(&mut seen, &signal("a", 100, 99));
        assert_eq!(read(&mut seen, &signal("a", 50, 49)), Verdict::Again, "given before this reader came");
        assert_eq!(read(&mut seen, &close("a", 50, 49)), new(None));
        assert_eq!(read(&mut seen, &close("a", 50, 49)), Verdict::Again);
    }

    #[test]
    fn a_producer_that_was_not_heard_is_a_gap_only_after_an_absence() {
        let mut seen = SeenSequences::default();
        assert_eq!(read(&mut seen, &signal("a", 41, 40)), new(None));
        let away = Context { was_away: true, may_repeat: false };
        assert_eq!(seen.judge(&signal("b", 9, 8), away), new(Some((0, 8))));
        assert_eq!(seen.judge(&signal("b", 1, 0), away), new(None));
        assert_eq!(seen.judge(&signal("b", 42, 41), away), new(None), "the same journal by another name");
    }

    #[test]
    fn what_an_operator_puts_back_comes_once() {
        let mut seen = SeenSequences::default();
        read(&mut seen, &signal("a", 1, 0));
        read(&mut seen, &signal("a", 5, 4));
        let back = |number| Received { retried: true, ..signal("a", number, number - 1) };
        assert_eq!(read(&mut seen, &back(5)), Verdict::Again);
        assert_eq!(read(&mut seen, &back(3)), new(None));
        assert_eq!(read(&mut seen, &back(3)), Verdict::Again);
    }

    #[test]
    fn what_is_written_down_comes_back_and_what_is_open_comes_again() {
        let mut seen = SeenSequences::default();
        (1..=9).for_each(|number| {
            read(&mut seen, &signal("a", number, number - 1));
        });
        read(&mut seen, &signal("b", 30, 20));
        read(&mut seen, &signal("a", 20, 15));
        let mut written = seen.clone();
        // 3 and 4 are not acknowledged, and the gap was not told yet.
        written.take_back("a", (3, 3), false);
        written.take_back("a", (4, 4), false);
        written.take_back("a", (10, 15), true);
        let text = written.to_string();
        assert_eq!(text, "b:20:30: a:0:1-2,5-9,20:");
        let read_again = SeenSequences::parse(text.split(' '));
        assert_eq!(read_again.to_string(), text);
        let again = Context { may_repeat: true, was_away: false };
        assert_eq!(read_again.judge(&signal("a", 2, 1), again), Verdict::Again);
        assert_eq!(read_again.judge(&signal("a", 3, 2), again), new(None));
        assert_eq!(read_again.judge(&signal("a", 4, 3), again), new(Some((2, 3))), "3 was trimmed meanwhile");
        assert_eq!(read_again.judge(&signal("a", 21, 20), again), new(None));
        assert_eq!(read_again.judge(&signal("a", 20, 15), again), Verdict::Again);
    }

    #[test]
    fn what_is_written_down_stays_short_and_forgets_nothing_that_is_open() {
        let mut seen = SeenSequences::default();
        (1..=5_000).for_each(|number| {
            read(&mut seen, &signal("a", 2 * number, 2 * number - 2));
        });
        assert!(seen.to_string().len() < 300, "{seen}");
        // The third was never acknowledged.
        seen.take_back("a", (6, 6), false);
        let text = seen.to_string();
        assert!(text.len() < 800, "{text}");
        let again = Context { may_repeat: true, was_away: false };
        assert_eq!(SeenSequences::parse(text.split(' ')).judge(&signal("a", 6, 4), again), new(None));
    }

    #[test]
    fn nonsense_is_no_position() {
        for text in ["", "a", "a:1", "a:1:2", "a:x:1:", "a:1:5-3:", "a:1:0:", "a:1:3,2:", "a:1:1-x:", ":::"] {
            assert_eq!(SeenSequences::parse(text.split(' ')), SeenSequences::default(), "{text}");
        }
    }
}
