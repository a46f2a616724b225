//! What becomes of a new entry: it is handed out, settled as a copy, or unreadable; and the gap that it shows.

use std::time::Instant;

use mt5_redis::inbox::item::{Delivery, Gap, Item, Place};
use mt5_redis::inbox::sequences::Missing;
use mt5_redis::model::received::Received;

use super::{COPY, JoinedSource, ShardReader};
use crate::acknowledged::{Answer, Question};
use crate::in_flight::{Open, readable};

/// An entry before it is handed out.
pub(super) struct Arriving {
    /// The index of its source.
    at: usize,
    place: Place,
    fields: Vec<Vec<u8>>,
    /// None if it is not a signal.
    signal: Option<Received>,
    /// What seems to be missing before it.
    gap: Option<Missing>,
    /// The index of the question about it.
    pub(super) question: Option<usize>,
}

impl ShardReader {
    /// Examines a new entry. What this worker cannot tell by itself becomes a question.
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
        let name = signal.name();
        // A signal that an operator put back was acknowledged when it was buried.
        let is_done = done.contains(&name) || self.in_flight.has_acknowledged(&place.source, &name);
        if is_done && !signal.retried {
            seen.add(&signal);
            self.in_flight.settle_copy(place);
            return None;
        }
        let (gap, ask) = seen.judge_shared(&signal, *new);
        let question = ask.then_some(questions.len());
        questions.extend(ask.then(|| Question::about(place, &signal)));
        seen.add(&signal);
        Some(Arriving { at, place, fields, signal: Some(signal), gap, question })
    }

    /// Hands out an entry, unless the group has acknowledged it, and before it the gap that it shows.
    pub(super) fn admit(&mut self, arriving: Arriving, answer: Option<Answer>) {
        let Arriving { at, place, fields, signal, gap, .. } = arriving;
        let Some(signal) = signal else { return self.in_flight.hand_out(place, 1, fields) };
        if answer.is_some_and(|answer| answer.acknowledged) {
            return self.in_flight.settle_copy(place);
        }
        if let Some(gap) = gap.filter(|_| answer.is_some_and(|answer| !answer.predecessor_given)) {
            self.sources[at].seen.add_gap(&signal.producer, gap);
            self.in_flight.add(Item::Gap(Gap::of(place.source, &signal.producer, gap)), None);
        }
        let name = signal.name();
        if self.in_flight.has_copy(&name, &place) {
            // What becomes of the copy that is open decides about this one.
            return self.in_flight.again(place, 2, Instant::now() + COPY);
        }
        let delivery = Delivery { place, deliveries: 1 + u64::from(signal.retried), signal };
        self.in_flight.add(Item::Signal(Box::new(delivery)), Some((place, Open { name, fields })));
    }
}
