//! How far a follower is with one source: what it read, what of it was not acknowledged, and what of that stands in
//! Redis.
//!
//! Only what is acknowledged is written down. Everything behind the first signal that is not is read once more
//! by the next life, and passed over if its number says that it was acknowledged.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::inbox::item::{Delivery, Gap, Id, LARGEST_ENTRY, Place, before, entry};
use crate::inbox::sequences::{Context, SeenSequences, Verdict};
use crate::model::received::Received;
use crate::model::signal::MT5REDIS_ACTION_CLOSE;

/// A follower's position in one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    /// All up to here was read.
    read: Id,
    seen: SeenSequences,
    /// What was read and not acknowledged.
    open: BTreeMap<(Id, Part), Open>,
    /// Entries up to here may have been handed out in an earlier life, ms of the server's clock.
    repeats_until: u64,
    /// Until the first read that reaches the stream's end: when an earlier life read it last, ms.
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
    numbers: (u64, u64),
}

/// What became of an entry.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    /// It is to be handed out, and before it the gap.
    Signal(Option<Gap>, Box<Delivery>),
    /// It came before.
    Duplicate(Option<Gap>),
    /// It is no signal.
    Unreadable(String),
    /// It is a signal that this source cannot have given.
    Rejected(String),
}

impl Position {
    /// Behind this entry, of which nothing is known but what `last` says: the signal in it.
    pub(super) fn behind(read: Id, last: Option<&Received>) -> Self {
        let mut position = Self { read, ..Self::default() };
        last.into_iter().for_each(|signal| position.seen.add(signal));
        position
    }

    /// As an earlier life wrote it, whose last sign of life came at `alive`, ms, and may have been so much too early.
    pub(super) fn resume(text: &str, alive: u64, slack: Duration) -> Option<Self> {
        let mut words = text.split(' ');
        let (ms, number) = words.next()?.split_once('-')?;
        let read = (ms.parse().ok()?, number.parse().ok()?);
        let repeats_until = alive.saturating_add(slack.as_millis() as u64);
        Some(Self {
            read,
            seen: SeenSequences::parse(words),
            repeats_until,
            away_since: Some(alive),
            ..Self::default()
        })
    }

    /// Up to where it was read.
    pub(super) fn read(&self) -> Id {
        self.read
    }

    /// Goes on behind this entry, unless it is there already.
    pub(super) fn skip_to(&mut self, id: Id) {
        self.read = self.read.max(id);
    }

    /// The stream was made anew, by a server whose clock is behind: it is read from its beginning.
    pub(super) fn rewind(&mut self) {
        self.read = (0, 0);
    }

    /// A read found nothing more.
    pub(super) fn reached_the_end(&mut self) {
        self.away_since = None;
    }

    /// Takes an entry in, which comes behind all that was read. `retention` is how long signals are kept.
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
        let may_repeat = place.id.0 <= self.repeats_until;
        let was_away =
            self.away_since.is_some_and(|since| since + (retention.as_millis() as u64) < place.id.0);
        let circumstance = Context { may_repeat, was_away };
        let deliveries = 1 + u64::from(may_repeat || signal.retried);
        match self.seen.judge(&signal, circumstance) {
            Verdict::New { gap } => {
                let gap = gap.map(|numbers| self.note_gap(place, &signal.producer, numbers));
                self.seen.add(&signal);
                Taken::Signal(gap, self.open(place, deliveries, signal))
            }
            Verdict::Again => Taken::Duplicate(self.missing_before(place, &signal)),
            // Without notice of its number: what comes then is judged as if it were not there.
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

    fn note_gap(&mut self, place: Place, producer: &str, (above, until): (u64, u64)) -> Gap {
        self.seen.report(producer, (above, until));
        let open = Open { producer: producer.to_owned(), numbers: (above + 1, until) };
        self.open.insert((place.id, Part::Gap), open);
        Gap::of(place.source, producer, (above, until))
    }

    /// One that was acknowledged out of its turn tells of what was trimmed before it.
    fn missing_before(&mut self, place: Place, signal: &Received) -> Option<Gap> {
        let numbers = self.seen.missing_before(signal)?;
        Some(self.note_gap(place, &signal.producer, numbers))
    }

    /// A signal was acted on.
    pub(super) fn acknowledge(&mut self, id: Id) -> bool {
        self.open.remove(&(id, Part::Entry)).is_some()
    }

    /// The gap before this entry was told.
    pub(super) fn told(&mut self, id: Id) -> bool {
        self.open.remove(&(id, Part::Gap)).is_some()
    }
}

/// As it is written down.
impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let low = self.open.first_key_value().map_or(self.read, |((id, _), _)| before(*id));
        let mut seen = self.seen.clone();
        for ((_, part), Open { producer, numbers }) in &self.open {
            seen.take_back(producer, *numbers, *part == Part::Gap);
        }
        write!(f, "{} {seen}", entry(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InstanceId;

    const HOUR: Duration = Duration::from_secs(3600);

    fn place(ms: u64) -> Place {
        Place { source: InstanceId::new("1.Demo").unwrap(), shard: 0, id: (ms, 0) }
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
    fn what_is_not_acknowledged_is_read_again_and_nothing_else_is_handed_out() {
        let mut position = Position::default();
        (1..=5).for_each(|number| assert_eq!(buy(&mut position, number, number - 1), None));
        assert_eq!(position.to_string(), "0-18446744073709551615 aa:0::");
        [1, 2, 4].iter().for_each(|ms| assert!(position.acknowledge((*ms, 0))));
        assert!(!position.acknowledge((4, 0)), "twice");
        let text = position.to_string();
        assert_eq!(text, "2-18446744073709551615 aa:0:1-2,4:");

        let mut next = Position::resume(&text, 5, Duration::ZERO).unwrap();
        assert_eq!(next.read(), (2, u64::MAX));
        assert_eq!(buy(&mut next, 3, 2), None);
        assert_eq!(next.take(place(4), &entry('b', 4, 3), HOUR), Taken::Duplicate(None));
        assert_eq!(buy(&mut next, 5, 4), None);
        assert_eq!(buy(&mut next, 6, 5), None);
    }

    #[test]
    fn a_gap_is_written_down_when_it_was_told() {
        let mut position = Position::default();
        buy(&mut position, 1, 0);
        position.acknowledge((1, 0));
        let gap = "up to 2 signals of 1.Demo, 2 to 3, were deleted before they were read";
        assert_eq!(buy(&mut position, 4, 3).as_deref(), Some(gap));
        // Acted on, though nobody was told of the gap: that comes again, and the signal does not.
        position.acknowledge((4, 0));
        let mut next = Position::resume(&position.to_string(), 9, Duration::ZERO).unwrap();
        let Taken::Duplicate(Some(again)) = next.take(place(4), &entry('b', 4, 3), HOUR) else { panic!() };
        assert_eq!(again.to_string(), gap);
        assert!(position.told((4, 0)));
        let mut next = Position::resume(&position.to_string(), 9, Duration::ZERO).unwrap();
        assert_eq!(next.read(), (4, 0));
        assert_eq!(buy(&mut next, 5, 4), None);
    }

    #[test]
    fn what_came_while_nobody_read_is_a_gap_by_a_producer_that_nobody_heard() {
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
    fn what_may_have_come_before_says_so() {
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
        assert!(reason.contains("no journal leaps so far"), "{reason}");
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
    fn nonsense_is_no_position() {
        for text in ["", "x", "1", "1-x", "-1-2 aa", "1-2-3"] {
            assert!(Position::resume(text, 0, Duration::ZERO).is_none(), "{text}");
        }
    }
}
