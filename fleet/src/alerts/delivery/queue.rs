//! What waits to be delivered, by sink, and when a sink that failed is tried again. It is stored with the alerts, so that a
//! message reaches a sink that was down, also from another program.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::alerts::message::Message;

/// The most messages that wait.
const MOST: usize = 30;
/// A message that is older is not delivered any more, ms.
const KEPT_MS: u64 = 86_400_000;
/// How long until a sink that failed is tried again, ms: twice as long after each failure.
const FIRST_WAIT_MS: u64 = 2_000;
const LONGEST_WAIT_MS: u64 = 300_000;

/// A message, and the sinks that do not have it yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Waiting {
    message: Message,
    left: Vec<String>,
}

/// A sink that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Why the last delivery failed.
    pub why: String,
    /// Since when none succeeds, ms since 1970 UTC.
    pub since_ms: u64,
    /// How many have failed since.
    pub count: u32,
    /// When the next one is due.
    next_ms: u64,
}

/// What waits, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    waiting: VecDeque<Waiting>,
    failures: BTreeMap<String, Failure>,
}

impl Queue {
    /// Adds a message for these sinks. Returns how many older ones had to go.
    pub fn add(&mut self, message: Message, sinks: &[String]) -> usize {
        self.waiting.push_back(Waiting { message, left: sinks.to_vec() });
        let surplus = self.waiting.len().saturating_sub(MOST);
        self.waiting.drain(..surplus);
        surplus
    }

    /// Drops what is too old. Returns how many messages that were.
    pub fn drop_old(&mut self, now_ms: u64) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.message.time_ms.saturating_add(KEPT_MS) > now_ms);
        before - self.waiting.len()
    }

    /// Forgets sinks that are not there any more.
    pub fn keep_only(&mut self, sinks: &[String]) {
        self.waiting.iter_mut().for_each(|waiting| waiting.left.retain(|sink| sinks.contains(sink)));
        self.waiting.retain(|waiting| !waiting.left.is_empty());
        self.failures.retain(|sink, _| sinks.contains(sink));
    }

    /// Adds what waits in another queue and not in this one.
    pub fn adopt(&mut self, other: Self) {
        let known = |waiting: &Waiting, all: &VecDeque<Waiting>| {
            all.iter().any(|one| one.message.id == waiting.message.id)
        };
        for waiting in other.waiting {
            if !known(&waiting, &self.waiting) {
                self.waiting.push_back(waiting);
            }
        }
    }

    /// The next message for a sink, if one waits and the sink may be tried.
    pub fn next(&self, sink: &str, now_ms: u64) -> Option<&Message> {
        if self.failures.get(sink).is_some_and(|failure| failure.next_ms > now_ms) {
            return None;
        }
        let of_this = |waiting: &&Waiting| waiting.left.iter().any(|left| left == sink);
        self.waiting.iter().find(of_this).map(|waiting| &waiting.message)
    }

    /// A message has been delivered.
    pub fn delivered(&mut self, sink: &str, id: &str) {
        self.failures.remove(sink);
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.message.id == id) {
            waiting.left.retain(|left| left != sink);
        }
        self.waiting.retain(|waiting| !waiting.left.is_empty());
    }

    /// A delivery has failed.
    pub fn failed(&mut self, sink: &str, why: String, now_ms: u64) {
        let first = Failure { why: String::new(), since_ms: now_ms, count: 0, next_ms: 0 };
        let failure = self.failures.entry(sink.to_owned()).or_insert(first);
        let wait_ms = FIRST_WAIT_MS << failure.count.min(10);
        failure.why = why;
        failure.count = failure.count.saturating_add(1);
        failure.next_ms = now_ms.saturating_add(wait_ms.min(LONGEST_WAIT_MS));
    }

    /// How many messages wait for a sink.
    pub fn waiting(&self, sink: &str) -> usize {
        self.waiting.iter().filter(|waiting| waiting.left.iter().any(|left| left == sink)).count()
    }

    /// Why a sink fails, if it does.
    pub fn failure(&self, sink: &str) -> Option<&Failure> {
        self.failures.get(sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["mail", "phone"].map(String::from).into()
    }

    #[test]
    fn a_sink_that_fails_gets_it_later_and_the_others_do_not_wait() {
        let mut queue = Queue::default();
        let (one, two) = (Message::test(1), Message::test(2));
        queue.add(one.clone(), &names());
        queue.add(two.clone(), &names());
        queue.delivered("phone", &one.id);
        assert_eq!((queue.next("phone", 0), queue.next("mail", 0)), (Some(&two), Some(&one)));
        queue.failed("mail", "down".into(), 1_000);
        assert_eq!((queue.next("mail", 2_999), queue.next("mail", 3_000)), (None, Some(&one)));
        queue.failed("mail", "still down".into(), 3_000);
        assert_eq!((queue.next("mail", 6_999), queue.next("mail", 7_000)), (None, Some(&one)));
        assert_eq!((queue.waiting("mail"), queue.failure("mail").unwrap().since_ms), (2, 1_000));
        (0..100).for_each(|at| queue.failed("mail", "down".into(), at));
        assert_eq!(queue.next("mail", 99 + LONGEST_WAIT_MS), Some(&one));
        queue.delivered("mail", &one.id);
        assert_eq!((queue.next("mail", 0), queue.failure("mail")), (Some(&two), None));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut queue = Queue::default();
        let dropped: usize = (0..100).map(|at| queue.add(Message::test(at), &names())).sum();
        assert_eq!((dropped, queue.waiting("mail")), (100 - MOST, MOST));
        assert_eq!(queue.drop_old(KEPT_MS + 99), MOST);
        queue.add(Message::test(KEPT_MS), &names());
        queue.keep_only(&["phone".into()]);
        assert_eq!((queue.waiting("mail"), queue.waiting("phone")), (0, 1));
        queue.keep_only(&[]);
        assert_eq!(queue, Queue::default());
    }
}
