//! What becomes of an entry that was read: handed out, settled as a copy, or no signal; and the gap that it shows.

use std::time::Instant;

use super::{COPY, Joining, ShardReader};
use crate::inbox::group::acknowledger::Order;
use crate::inbox::group::evidence::{Doubt, Known};
use crate::inbox::group::pool::{Open, Pool};
use crate::inbox::item::{Delivery, Gap, Item, LARGEST_ENTRY, Place};
use crate::inbox::numbers::{Circumstance, Seen, Verdict};
use crate::model::received::Received;

/// An entry on its way into the pool.
pub(super) struct Arriving {
    /// Its source.
    at: usize,
    place: Place,
    fields: Vec<Vec<u8>>,
    /// None if it is no signal.
    signal: Option<Received>,
    /// What may be missing before it, and which doubt there is.
    gap: Option<(u64, u64)>,
    pub(super) doubt: Option<usize>,
}

impl ShardReader {
    /// Looks at an entry that was read for the first time. What this reader cannot tell alone is a doubt.
    pub(super) fn arrive(
        &mut self,
        at: usize,
        place: Place,
        fields: Vec<Vec<u8>>,
        doubts: &mut Vec<Doubt>,
    ) -> Option<Arriving> {
        let Ok(signal) = readable(place, &fields) else {
            return Some(Arriving { at, place, fields, signal: None, gap: None, doubt: None });
        };
        let Joining { seen, done, new, .. } = &mut self.sources[at];
        // What an operator puts back was acknowledged when it was buried.
        let is_done =
            done.contains(&signal.name()) || self.pool.has_acknowledged(&place.source, &signal.name());
        if is_done && !signal.retried {
            seen.add(&signal);
            self.settle(place);
            return None;
        }
        let (mut gap, mut doubt) = (None, None);
        let Received { sequence, predecessor, .. } = signal;
        let first_heard = *new && !seen.knows(&signal.producer);
        if !signal.retried && !first_heard {
            gap = match seen.knows(&signal.producer) {
                true => seen.missing_before(&signal),
                false => (predecessor > 0).then_some((0, predecessor)),
            };
            if gap.is_some() || seen.has(&signal) || seen.is_past(&signal) {
                doubt = Some(doubts.len());
                doubts.push(Doubt { place, producer: signal.producer.clone(), sequence, predecessor });
            }
        }
        seen.add(&signal);
        Some(Arriving { at, place, fields, signal: Some(signal), gap, doubt })
    }

    /// A second copy of what the group has acknowledged.
    pub(super) fn settle(&self, place: Place) {
        self.pool.lock().duplicates += 1;
        let _ = self.orders.send(Order::Settle(place));
    }

    /// Hands an entry out, unless the group is known to have acknowledged it, and before it the gap that it shows.
    pub(super) fn admit(&mut self, arriving: Arriving, known: Option<Known>) {
        let Arriving { at, place, fields, signal, gap, .. } = arriving;
        let Some(signal) = signal else { return hand_out(&self.pool, place, 1, fields) };
        if known.is_some_and(|known| known.done) {
            return self.settle(place);
        }
        if let Some(gap) = gap.filter(|_| known.is_some_and(|known| !known.follows)) {
            self.sources[at].seen.tell(&signal.producer, gap);
            self.pool.take(Item::Gap(Gap::of(place.source, &signal.producer, gap)), None);
        }
        let name = signal.name();
        if self.pool.has_copy(&name, &place) {
            // A copy of what is in work here: what becomes of that one decides.
            let _ = self.orders.send(Order::Again { place, deliveries: 2, at: Instant::now() + COPY });
            return;
        }
        let delivery = Delivery { place, deliveries: 1 + u64::from(signal.retried), signal };
        self.pool.take(Item::Signal(Box::new(delivery)), Some((place, Open { name, fields })));
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
    match Seen::default().judge(&signal, Circumstance::default()) {
        Verdict::Strange(reason) => Err(reason),
        _ => Ok(signal),
    }
}

/// Hands out an entry whatever its number.
pub(in crate::inbox::group) fn hand_out(pool: &Pool, place: Place, deliveries: u64, fields: Vec<Vec<u8>>) {
    match readable(place, &fields) {
        Ok(signal) => {
            let name = signal.name();
            let delivery = Delivery { place, deliveries, signal };
            pool.take(Item::Signal(Box::new(delivery)), Some((place, Open { name, fields })));
        }
        Err(reason) => {
            let fields =
                if fields.iter().map(Vec::len).sum::<usize>() > LARGEST_ENTRY { Vec::new() } else { fields };
            let open = Open { name: place.entry(), fields };
            pool.take(Item::Unreadable(place, reason), Some((place, open)));
        }
    }
}
