//! States that pressure holds back: the latest of each subject, until it may be written, or until a record
//! comes that says more. Nothing is in here at level 0. A held record stays in here until it is in Redis.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Policy;
use super::source::Tag;
use crate::pressure::level;

/// Whose state it is: instance and position.
type Key = (Tag, i64);

pub(super) struct Deferred<P: Policy> {
    held: HashMap<Key, P::Record>,
    /// When what was held was written last.
    released: Option<Instant>,
    /// When something was held though nothing was before, and how much of its time it waits if it is the
    /// first for long: terminals that hear of a pressure at once must not all write in the same moment.
    began: Option<Instant>,
    phase: f64,
}

impl<P: Policy> Deferred<P> {
    pub(super) fn new() -> Self {
        Self { held: HashMap::new(), released: None, began: None, phase: 0.0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// The lowest sequence number held.
    pub(super) fn first(&self) -> Option<u64> {
        self.held.values().map(P::sequence).min()
    }

    /// The highest sequence number held.
    pub(super) fn last(&self) -> Option<u64> {
        self.held.values().map(P::sequence).max()
    }

    /// Holds a record back. Returns whether another one became superfluous by that; after a failover old
    /// records come again, and then it may be this one.
    pub(super) fn hold(&mut self, record: P::Record, now: Instant) -> bool {
        if self.held.is_empty() {
            (self.began, self.phase) = (Some(now), fastrand::f64());
        }
        let Some(key) = key::<P>(&record) else { return false };
        match self.held.get(&key) {
            Some(held) if P::sequence(held) == P::sequence(&record) => false,
            Some(held) if P::sequence(held) > P::sequence(&record) => true,
            _ => self.held.insert(key, record).is_some(),
        }
    }

    /// A record goes its way at once: what is held of the same subject need not be written. Returns whether
    /// there was something.
    pub(super) fn pass(&mut self, record: &P::Record) -> bool {
        let Some(key) = key::<P>(record) else { return false };
        let older = self.held.get(&key).is_some_and(|held| P::sequence(held) < P::sequence(record));
        older && self.held.remove(&key).is_some()
    }

    /// A watermark says that a record is in Redis. It passes what pressure holds back, and so that may be missing:
    /// another process held it, or another server got it.
    pub(super) fn known(&mut self, policy: &P, record: P::Record, now: Instant) {
        match policy.hold(&record, level::HEAVY) {
            Some(_) => drop(self.hold(record, now)),
            None => self.settle(&record),
        }
    }

    /// A record is in Redis: so is what was held and had to precede it.
    fn settle(&mut self, record: &P::Record) {
        self.pass(record);
        self.held.retain(|_, held| P::sequence(held) > P::sequence(record) || !P::must_precede(held, record));
    }

    /// Whether something that is held must be written before this record is.
    pub(super) fn must_precede(&self, record: &P::Record) -> bool {
        let earlier = |held| P::sequence(held) < P::sequence(record);
        self.held.values().any(|held| earlier(held) && P::must_precede(held, record))
    }

    /// When what is held may be written, if there is anything and that time can be told.
    pub(super) fn due(
        &self,
        every: impl Fn(&P::Record) -> Option<Duration>,
        now: Instant,
    ) -> Option<Instant> {
        // The records of a lane wait equally long.
        let any = self.held.values().next()?;
        let Some(every) = every(any) else { return Some(now) };
        let next = self.released.and_then(|released| released.checked_add(every));
        match (next, self.began) {
            // In a row of writes.
            (Some(next), Some(began)) if next >= began => Some(next),
            (_, Some(began)) if every < Duration::MAX => began.checked_add(every.mul_f64(self.phase)),
            _ => None,
        }
    }

    /// Copies of what is held before this sequence number.
    pub(super) fn copies(&self, before: u64) -> Vec<P::Record> {
        self.held.values().filter(|held| P::sequence(held) < before).cloned().collect()
    }

    /// What was held before this sequence number has been written, but for what is still on its way.
    pub(super) fn written(&mut self, before: u64, on_its_way: &[P::Record], now: Instant) {
        self.released = Some(now);
        self.held.retain(|_, held| {
            P::sequence(held) >= before
                || on_its_way.iter().any(|record| P::sequence(record) == P::sequence(held))
        });
    }
}

fn key<P: Policy>(record: &P::Record) -> Option<Key> {
    let subject = P::subject(record)?;
    Some((Tag::from(subject.instance).ok()?, subject.position))
}
