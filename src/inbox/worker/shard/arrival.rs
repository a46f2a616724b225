//! What becomes of an entry that was read: handed out, settled as a copy, or no signal; and the gap that it shows.

use std::time::Instant;

use super::{COPY, JoinedSource, ShardReader};
use crate::inbox::item::{Delivery, Gap, Item, LARGEST_ENTRY, Place};
use crate::inbox::sequences::{Context, SeenSequences, Verdict};
use crate::inbox::worker::acknowledged::{Answer, Question};
use crate::inbox::worker::acknowledger::Order;
use crate::inbox::worker::in_flight::{InFlight, Open};
use crate::model::received::Received;

/// An entry on its way into the in_flight.
pub(super) struct Arriving {
    /// Its source.
    at: usize,
    place: Place,
    fields: Vec<Vec<u8>>,
    /// None if it is no signal.
    signal: Option<Received>,
    /// What may be missing before it, and which question there is.
    gap: Option<(u64, u64)>,
    pub(super) question: Option<usize>,
}

impl ShardReader {
    /// Looks at an entry that was read for the first time. What this reader cannot report alone is a question.
    pub(super) fn arrive(
        &mut self,
        at: usize,
        place: Place,
        fields: Vec<Vec<u8>>,
        questions: &mut Vec<Question>,
    ) -> Option<Arriving> {
        let Ok(signal) = readable(place, &fields) else {
            return Some(Arriving { at, place, fields, signal: None, gap: None, question: None });
        };
        let JoinedSource { seen, done, new, .. } = &mut self.sources[at];
        // What an operator puts back was acknowledged when it was buried.
        let is_done =
            done.contains(&signal.name()) || self.in_flight.has_acknowledged(&place.source, &signal.name());
        if is_done && !signal.retried {
            seen.add(&signal);
            self.settle(place);
            return None;
        }
        let (mut gap, mut question) = (None, None);
        let Received { sequence, predecessor, .. } = signal;
        let first_heard = *new && !seen.knows(&signal.producer);
        if !signal.retried && !first_heard {
            gap = match seen.knows(&signal.producer) {
                true => seen.missing_before(&signal),
                false => (predecessor > 0).then_some((0, predecessor)),
            };
            if gap.is_some() || seen.has(&signal) || seen.is_past(&signal) {
                question = Some(questions.len());
                questions.push(Question { place, producer: signal.producer.clone(), sequence, predecessor });
            }
        }
        seen.add(&signal);
        Some(Arriving { at, place, fields, signal: Some(signal), gap, question })
    }

    /// A second copy of what the group has acknowledged.
    pub(super) fn settle(&self, place: Place) {
        self.in_flight.lock().duplicates += 1;
        let _ = self.orders.send(Order::Settle(place));
    }

    /// Hands an entry out, unless the group is known to have acknowledged it, and before it the gap that it shows.
    pub(super) fn admit(&mut self, arriving: Arriving, known: Option<Answer>) {
        let Arriving { at, place, fields, signal, gap, .. } = arriving;
        let Some(signal) = signal else { return hand_out(&self.in_flight, place, 1, fields) };
        if known.is_some_and(|known| known.done) {
            return self.settle(place);
        }
        if let Some(gap) = gap.filter(|_| known.is_some_and(|known| !known.follows)) {
            self.sources[at].seen.report(&signal.producer, gap);
            self.in_flight.take(Item::Gap(Gap::of(place.source, &signal.producer, gap)), None);
        }
        let name = signal.name();
        if self.in_flight.has_copy(&name, &place) {
            // A copy of what is in work here: what becomes of that one decides.
            let _ = self.orders.send(Order::Again { place, deliveries: 2, at: Instant::now() + COPY });
            return;
        }
        let delivery = Delivery { place, deliveries: 1 + u64::from(signal.retried), signal };
        self.in_flight.take(Item::Signal(Box::new(delivery)), Some((place, Open { name, fields })));
    }
}

/// The signal in an entry of this place, if it is one.
pub(super) fn readable(place: Place, fields: &[Vec<u8>]) -> Result<Received, String> {
    let size = fields.iter().map(Vec::len).sum::<usize>();
    if size > LARGEST_ENTRY {
        return Err(format!("it has {size} bytes, more than {LARGEST_ENTRY}"));
    }
    let signal = Received::decode(fields)?;
    if signal.instance != place.source.as_str() {
        return Err(format!("it names {} as its source", signal.instance));
    }
    match SeenSequences::default().judge(&signal, Context::default()) {
        Verdict::Strange(reason) => Err(reason),
        _ => Ok(signal),
    }
}

/// Hands out an entry whatever its number.
pub(in crate::inbox::worker) fn hand_out(
    in_flight: &InFlight,
    place: Place,
    deliveries: u64,
    fields: Vec<Vec<u8>>,
) {
    match readable(place, &fields) {
        Ok(signal) => {
            let name = signal.name();
            let delivery = Delivery { place, deliveries, signal };
            in_flight.take(Item::Signal(Box::new(delivery)), Some((place, Open { name, fields })));
        }
        Err(reason) => {
            let fields =
                if fields.iter().map(Vec::len).sum::<usize>() > LARGEST_ENTRY { Vec::new() } else { fields };
            let open = Open { name: place.entry(), fields };
            in_flight.take(Item::Unreadable(place, reason), Some((place, open)));
        }
    }
}
