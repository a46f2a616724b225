//! How far a follower is in one source: what it read, what of that is not acknowledged, and the text that is stored in
//! Redis.
//!
//! Only acknowledgements are stored. The next life reads again everything after the first signal that is not acknowledged, and
//! passes over those whose numbers were.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::inbox::item::{Delivery, EntryId, Gap, LARGEST_ENTRY, Place};
use crate::inbox::sequences::{Context, Missing, SeenSequences, Verdict};
use crate::model::received::Received;
use crate::model::signal::MT5REDIS_ACTION_CLOSE;

/// A follower's position in one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    /// Everything up to here was read.
    read: EntryId,
    seen: SeenSequences,
    /// What was read and not acknowledged.
    open: BTreeMap<(EntryId, Part), Open>,
    /// Entries up to this time, ms of the server's clock, may have been handed out in an earlier life.
    repeats_until: u64,
    /// Until a read reaches the end of the stream: when an earlier life last read it, ms.
    away_since: Option<u64>,
}

/// A gap comes before the entry that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Gap,
    Entry,
}

/// What waits for an acknowledgement.
#[derive(Clone, Debug)]
struct Open {
    producer: String,
    /// The first and the last number.
    numbers: (u64, u64),
}

/// What becomes of an entry.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    /// It is handed out, after the gap.
    Signal(Option<Gap>, Box<Delivery>),
    /// It came before.
    Duplicate(Option<Gap>),
    /// It is not a signal.
    Unreadable(String),
    /// It is a signal that this source cannot have given.
    Rejected(String),
}

impl Position {
    /// After this entry. All that is known of what came before is `last`, the entry's signal.
    pub(super) fn after(read: EntryId, last: Option<&Received>) -> Self {
        let mut position = Self { read, ..Self::default() };
        last.into_iter().for_each(|signal| position.seen.add(signal));
        position
    }

    /// As an earlier life stored it, whose last sign of life came at `alive`, ms, or up to `slack` later.
    pub(super) fn resume(text: &str, alive: u64, slack: Duration) -> Option<Self> {
        let mut words = text.split(' ');
        Some(Self {
            read: EntryId::parse(words.next()?)?,
            seen: SeenSequences::parse(words),
            repeats_until: alive.saturating_add(slack.as_millis() as u64),
            away_since: Some(alive),
            ..Self::default()
        })
    }

    /// Up to where it was read.
    pub(super) fn read(&self) -> EntryId {
        self.read
    }

    /// Continues after this entry, unless it is there already.
    pub(super) fn skip_to(&mut self, id: EntryId) {
        self.read = self.read.max(id);
    }

    /// Starts again at the beginning of the stream, which a server with a slow clock made again.
    pub(super) fn rewind(&mut self) {
        self.read = EntryId::default();
    }

    /// A read found nothing more.
    pub(super) fn reached_the_end(&mut self) {
        self.away_since = None;
    }

    /// Takes in the next entry. `retention` is how long signals are kept.
    pub(super) fn take(&mut self, place: Place, fields: &[Vec<u8>], retention: Duration) -> Taken {
        self.read = place.id;
        let size = fields.iter().map(Vec::len).sum::<usize>();
        if size > LARGEST_ENTRY {
            return Taken::Unreadable(format!("it has {size} bytes, more than {LARGEST_ENTRY}"));
        }
        let signal = match Received::decode(fields) {
            Ok(signal) => signal,
            Err(reason) => return Taken::Unreadable(reason),
        };
        if signal.instance != place.source.as_str() {
            return Taken::Rejected(format!("it names {} as its source", signal.instance));
        }
        let may_repeat = place.id.ms <= self.repeats_until;
        let retention = retention.as_millis() as u64;
        let was_away = self.away_since.is_some_and(|since| since.saturating_add(retention) < place.id.ms);
        let deliveries = 1 + u64::from(may_repeat || signal.retried);
        match self.seen.judge(&signal, Context { may_repeat, was_away }) {
            Verdict::New { gap } => {
                let gap = gap.map(|missing| self.add_gap(place, &signal.producer, missing));
                self.seen.add(&signal);
                Taken::Signal(gap, self.open(place, deliveries, signal))
            }
            // If it was acknowledged before its predecessors, it may show that they were trimmed.
            Verdict::Again => {
                let missing = self.seen.missing_before(&signal);
                Taken::Duplicate(missing.map(|missing| self.add_gap(place, &signal.producer, missing)))
            }
            // Its number is not noted, so that what comes next is judged as if it were not there.
            Verdict::Strange(_) if signal.signal.action == MT5REDIS_ACTION_CLOSE => {
                Taken::Signal(None, self.open(place, deliveries, signal))
            }
            Verdict::Strange(reason) => Taken::Rejected(reason),
        }
    }

    fn open(&mut self, place: Place, deliveries: u64, signal: Received) -> Box<Delivery> {
        let numbers = (signal.sequence, signal.sequence);
        self.open.insert((place.id, Part::Entry), Open { producer: signal.producer.clone(), numbers });
        Box::new(Delivery { place, deliveries, signal })
    }

    fn add_gap(&mut self, place: Place, producer: &str, (above, until): Missing) -> Gap {
        self.seen.add_gap(producer, (above, until));
        let open = Open { producer: producer.to_owned(), numbers: (above + 1, until) };
        self.open.insert((place.id, Part::Gap), open);
        Gap::of(place.source, producer, (above, until))
    }

    /// Acknowledges a signal. Returns whether it was open.
    pub(super) fn acknowledge(&mut self, id: EntryId) -> bool {
        self.open.remove(&(id, Part::Entry)).is_some()
    }

    /// Acknowledges the gap before an entry. Returns whether it was open.
    pub(super) fn settle_gap(&mut self, id: EntryId) -> bool {
        self.open.remove(&(id, Part::Gap)).is_some()
    }
}

/// As it is stored.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = self.open.first_key_value().map_or(self.read, |((id, _), _)| id.before());
        let mut seen = self.seen.clone();
        for ((_, part), Open { producer, numbers }) in &self.open {
            seen.take_back(producer, *numbers, *part == Part::Gap);
        }
        write!(f, "{low} {seen}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InstanceId;

    const HOUR: Duration = Duration::from_secs(3600);

    fn id(ms: u64) -> EntryId {
        EntryId { ms, number: 0 }
    }

    fn place(ms: u64) -> Place {
        Place { source: InstanceId::new("1.Demo").unwrap(), shard: 0, id: id(ms) }
    }

    fn fields(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn entry(action: char, number: u64, before: u64) -> Vec<Vec<u8>> {
        fields(&format!(
            "v 2 p aa q {number} t 1 o 0 i 1.Demo a {action} sy E vo 1 pr 0 sl 0 tp 0 mg 0 po 0 ex 0 co - pq {before}"
        ))
    }

    /// Takes a signal to buy, whose entry has its number for a time. Returns the gap before it.
    fn buy(position: &mut Position, number: u64, before: u64) -> Option<String> {
        match position.take(place(number), &entry('b', number, before), HOUR) {
            Taken::Signal(gap, _) => gap.map(|gap| gap.to_string()),
            other => panic!("{number}: {other:?}"),
        }
    }

    #[test]
    fn signals_that_are_not_acknowledged_are_handed_out_again_and_no_others() {
        let mut position = Position::default();
        (1..=5).for_each(|number| assert_eq!(buy(&mut position, number, number - 1), None));
        assert_eq!(position.to_string(), "0-18446744073709551615 aa:0::");
        [1, 2, 4].iter().for_each(|ms| assert!(position.acknowledge(id(*ms))));
        assert!(!position.acknowledge(id(4)), "twice");
        let text = position.to_string();
        assert_eq!(text, "2-18446744073709551615 aa:0:1-2,4:");

        let mut next = Position::resume(&text, 5, Duration::ZERO).unwrap();
        assert_eq!(next.read().to_string(), "2-18446744073709551615");
        assert_eq!(buy(&mut next, 3, 2), None);
        assert_eq!(next.take(place(4), &entry('b', 4, 3), HOUR), Taken::Duplicate(None));
        assert_eq!(buy(&mut next, 5, 4), None);
        assert_eq!(buy(&mut next, 6, 5), None);
    }

    #[test]
    fn a_gap_is_stored_after_it_was_handed_out() {
        let mut position = Position::default();
        buy(&mut position, 1, 0);
        position.acknowledge(id(1));
        let gap = "up to 2 signals of 1.Demo, 2 to 3, were deleted before they were read";
        assert_eq!(buy(&mut position, 4, 3).as_deref(), Some(gap));
        // The signal was acted on and the gap was not handed out: only the gap comes again.
        position.acknowledge(id(4));
        let mut next = Position::resume(&position.to_string(), 9, Duration::ZERO).unwrap();
        let Taken::Duplicate(Some(again)) = next.take(place(4), &entry('b', 4, 3), HOUR) else { panic!() };
        assert_eq!(again.to_string(), gap);
        assert!(position.settle_gap(id(4)));
        let mut next = Position::resume(&position.to_string(), 9, Duration::ZERO).unwrap();
        assert_eq!(next.read(), id(4));
        assert_eq!(buy(&mut next, 5, 4), None);
    }

    #[test]
    fn after_an_absence_an_unknown_producer_shows_a_gap() {
        let text = "1000-0 aa:0:1-7:";
        let mut soon = Position::resume(text, 2000, Duration::ZERO).unwrap();
        let other = |number: u64| {
            let mut entry = entry('b', number, number - 1);
            entry[3] = b"bb".to_vec();
            entry
        };
        assert!(matches!(soon.take(place(3000), &other(9), HOUR), Taken::Signal(None, _)));
        let hours = 3 * 3_600_000;
        let mut late = Position::resume(text, 2000, Duration::ZERO).unwrap();
        let Taken::Signal(Some(gap), delivery) = late.take(place(hours), &other(9), HOUR) else { panic!() };
        assert_eq!((gap.signals, delivery.deliveries), (8, 1));
        let mut late = Position::resume(text, 2000, Duration::ZERO).unwrap();
        late.reached_the_end();
        assert!(matches!(late.take(place(hours), &other(9), HOUR), Taken::Signal(None, _)));
    }

    #[test]
    fn a_signal_that_may_have_been_handed_out_before_says_so() {
        let mut position = Position::resume("5-0 ", 100, Duration::from_millis(10)).unwrap();
        for (ms, deliveries) in [(110, 2), (111, 1)] {
            let Taken::Signal(None, delivery) = position.take(place(ms), &entry('b', ms, ms - 1), HOUR)
            else {
                panic!()
            };
            assert_eq!(delivery.deliveries, deliveries, "{ms}");
        }
    }

    #[test]
    fn an_entry_that_its_source_cannot_have_given_changes_nothing() {
        let mut position = Position::default();
        buy(&mut position, 1, 0);
        let mut forged = entry('c', 2, 1);
        forged[11] = b"2.Demo".to_vec();
        let Taken::Rejected(reason) = position.take(place(2), &forged, HOUR) else { panic!() };
        assert_eq!(reason, "it names 2.Demo as its source");
        let Taken::Rejected(reason) = position.take(place(3), &entry('b', u64::MAX >> 1, 1), HOUR) else {
            panic!()
        };
        assert!(reason.contains("no journal skips so many"), "{reason}");
        // A close is handed out whatever its number says; what follows is judged as if it were not there.
        assert!(matches!(
            position.take(place(4), &entry('c', u64::MAX >> 1, 1), HOUR),
            Taken::Signal(None, _)
        ));
        assert!(matches!(position.take(place(5), &fields("d nonsense"), HOUR), Taken::Unreadable(_)));
        let large = vec![b"d".to_vec(), vec![0; LARGEST_ENTRY]];
        let Taken::Unreadable(reason) = position.take(place(6), &large, HOUR) else { panic!() };
        assert_eq!(reason, "it has 65537 bytes, more than 65536");
        assert_eq!(buy(&mut position, 7, 1), None);
    }

    #[test]
    fn nonsense_is_not_a_position() {
        for text in ["", "x", "1", "1-x", "-1-2 aa", "1-2-3"] {
            assert!(Position::resume(text, 0, Duration::ZERO).is_none(), "{text}");
        }
    }
}
