//! Which heartbeats and prices one Expert Advisor may send under pressure. One that is not due is not accepted: the
//! call returns 0, and the next one carries newer figures anyway. Opens, changes, closes and signals never pass here,
//! and nothing that was accepted is ever held back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Positions that are remembered before those whose next price is due are forgotten.
const POSITIONS: usize = 1024;

/// What was accepted last. Without pressure a call only notes the halt: it takes neither the time nor a lock.
#[derive(Default)]
pub(crate) struct Thinning {
    /// The halt that the last heartbeat told of.
    halt: AtomicI32,
    /// When the last heartbeat under pressure was accepted.
    heartbeat: Mutex<Option<Instant>>,
    /// When each position's last price under pressure was accepted.
    prices: Mutex<HashMap<i64, Instant>>,
}

impl Thinning {
    /// A heartbeat that tells of another halt than the last one is due at once: an operator waits for it.
    pub(crate) fn is_heartbeat_due(&self, halt: i32, every: Duration, now: Instant) -> bool {
        halt != self.halt.load(Relaxed) || is_due(*self.heartbeat.lock(), every, now)
    }

    /// Notes an accepted heartbeat, and when it was accepted if that was under pressure.
    pub(crate) fn heartbeat_accepted(&self, halt: i32, under_pressure: Option<Instant>) {
        self.halt.store(halt, Relaxed);
        if let Some(now) = under_pressure {
            *self.heartbeat.lock() = Some(now);
        }
    }

    pub(crate) fn is_price_due(&self, position: i64, every: Duration, now: Instant) -> bool {
        every < Duration::MAX && is_due(self.prices.lock().get(&position).copied(), every, now)
    }

    pub(crate) fn price_accepted(&self, position: i64, every: Duration, now: Instant) {
        let mut prices = self.prices.lock();
        if prices.len() >= POSITIONS {
            prices.retain(|_, &mut last| !is_due(Some(last), every, now));
        }
        prices.insert(position, now);
    }
}

/// A tenth early is in time: a caller's timer jitters, and one that keeps to the interval must not lose every other
/// record by a millisecond.
fn is_due(last: Option<Instant>, every: Duration, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= every - every / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_heartbeat_is_due_when_its_interval_has_passed_give_or_take_a_tenth() {
        let (start, thinning) = (Instant::now(), Thinning::default());
        assert!(thinning.is_heartbeat_due(0, ms(2000), start), "the first");
        thinning.heartbeat_accepted(0, Some(start));
        assert!(!thinning.is_heartbeat_due(0, ms(2000), start + ms(1700)));
        assert!(thinning.is_heartbeat_due(0, ms(2000), start + ms(1990)));
    }

    #[test]
    fn a_heartbeat_that_tells_of_another_halt_is_due_at_once() {
        let (start, thinning) = (Instant::now(), Thinning::default());
        thinning.heartbeat_accepted(0, Some(start));
        assert!(thinning.is_heartbeat_due(1, ms(2000), start + ms(1)));
        thinning.heartbeat_accepted(1, Some(start + ms(1)));
        assert!(!thinning.is_heartbeat_due(1, ms(2000), start + ms(2)));
        assert!(thinning.is_heartbeat_due(0, ms(2000), start + ms(2)), "it is lifted");
        // The pressure ends, the next heartbeat tells that the halt is lifted, and both come again.
        thinning.heartbeat_accepted(0, None);
        assert!(!thinning.is_heartbeat_due(0, ms(2000), start + ms(3)));
        assert!(thinning.is_heartbeat_due(1, ms(2000), start + ms(3)));
    }

    #[test]
    fn each_position_has_a_price_a_second_and_none_at_a_level_that_wants_none() {
        let (start, thinning) = (Instant::now(), Thinning::default());
        for position in [1, 2] {
            assert!(thinning.is_price_due(position, ms(1000), start));
            thinning.price_accepted(position, ms(1000), start);
        }
        assert!(!thinning.is_price_due(1, ms(1000), start + ms(500)));
        assert!(thinning.is_price_due(2, ms(1000), start + ms(1000)));
        assert!(!thinning.is_price_due(3, Duration::MAX, start));
    }

    #[test]
    fn positions_whose_price_is_due_are_forgotten() {
        let (start, thinning) = (Instant::now(), Thinning::default());
        for position in 0..100_000_u64 {
            thinning.price_accepted(position as i64, ms(1000), start + ms(position));
        }
        let remembered = thinning.prices.lock().len();
        assert!(remembered <= 2 * POSITIONS, "{remembered}");
    }
}
