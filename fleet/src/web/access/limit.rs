//! How often something may be done: a few times at once, and then at a steady pace. What is remembered is bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Instant;

/// The most names that are remembered.
const NAMES: usize = 10_000;

/// Limits by name, such as an address.
pub struct Limits<N> {
    /// How often at once.
    burst: f64,
    /// How often a second afterwards.
    pace: f64,
    used: Mutex<HashMap<N, (f64, Instant)>>,
}

impl<N: Clone + Eq + Hash> Limits<N> {
    /// `burst` times at once; all of them are there again after `seconds`.
    pub fn new(burst: u32, seconds: f64) -> Self {
        let burst = f64::from(burst);
        Self { burst, pace: burst / seconds, used: Mutex::default() }
    }

    /// Counts one use. Returns whether it was within the limit.
    pub fn take(&self, name: &N) -> bool {
        self.take_at(name, Instant::now())
    }

    /// Whether the next use would be beyond the limit.
    pub fn is_exhausted(&self, name: &N) -> bool {
        let used = self.used.lock().unwrap();
        used.get(name).is_some_and(|use_| self.left(*use_, Instant::now()) > self.burst - 1.0)
    }

    fn take_at(&self, name: &N, now: Instant) -> bool {
        let mut used = self.used.lock().unwrap();
        if used.len() >= NAMES && !used.contains_key(name) {
            used.retain(|_, use_| self.left(*use_, now) > 0.0);
            if used.len() >= NAMES {
                // So many at the limit at once are an attack: nobody new until it ends.
                return false;
            }
        }
        let before = used.get(name).map_or(0.0, |use_| self.left(*use_, now));
        if before > self.burst - 1.0 {
            return false;
        }
        used.insert(name.clone(), (before + 1.0, now));
        true
    }

    /// What is left of the uses until now.
    fn left(&self, (used, at): (f64, Instant), now: Instant) -> f64 {
        (used - now.saturating_duration_since(at).as_secs_f64() * self.pace).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_a_pace_for_each_name() {
        let limits = Limits::new(3, 30.0);
        let start = Instant::now();
        let at = |name: &str, seconds| limits.take_at(&name.to_owned(), start + Duration::from_secs(seconds));
        assert_eq!([at("a", 0), at("a", 0), at("a", 0), at("a", 0)], [true, true, true, false]);
        assert!(at("b", 0), "another name has its own limit");
        assert_eq!([at("a", 9), at("a", 10), at("a", 10)], [false, true, false]);
        assert_eq!(
            (0..9).filter(|_| at("a", 1000)).count(),
            3,
            "no more than a burst, however long it waits"
        );
    }

    #[test]
    fn names_without_end_are_refused_until_old_ones_have_recovered() {
        let limits = Limits::new(1, 10.0);
        let start = Instant::now();
        for name in 0..NAMES {
            assert!(limits.take_at(&name, start));
        }
        assert!(!limits.take_at(&NAMES, start));
        assert!(limits.take_at(&NAMES, start + Duration::from_secs(10)));
        assert_eq!(limits.used.lock().unwrap().len(), 1);
    }
}
