//! The signals that a reader was given lately, by producer and sequence: what comes a second time under
//! another id is a duplicate. The same entry again is none: nobody acknowledged it.

use std::collections::{HashMap, VecDeque};

use super::Place;

/// How many signals are remembered.
const KEPT: usize = 32_768;

#[derive(Default)]
pub(super) struct Seen {
    places: HashMap<(String, u64), Place>,
    order: VecDeque<(String, u64)>,
}

impl Seen {
    /// Whether this is the first entry with this signal, or the same one again.
    pub(super) fn first(&mut self, producer: &str, sequence: u64, place: Place) -> bool {
        let signal = (producer.to_owned(), sequence);
        if let Some(before) = self.places.get(&signal) {
            return *before == place;
        }
        if self.order.len() == KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.places.remove(&oldest);
        }
        self.order.push_back(signal.clone());
        self.places.insert(signal, place);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u64) -> Place {
        Place { shard: 0, id: (number, 0) }
    }

    #[test]
    fn another_entry_of_the_same_signal_is_a_duplicate() {
        let mut seen = Seen::default();
        assert!(seen.first("a", 1, place(1)));
        assert!(seen.first("a", 1, place(1)), "the same entry again");
        assert!(!seen.first("a", 1, place(2)));
        assert!(seen.first("b", 1, place(3)), "another producer's");
        (2..=KEPT as u64).for_each(|number| assert!(seen.first("a", number, place(number))));
        assert!(seen.first("a", 1, place(9)), "long ago");
        assert_eq!(seen.places.len(), KEPT);
    }
}
