//! What a lane does while it cannot commit: when it tries again, and what the events say. They report a cause in the
//! server's words when it is new, when it returns after another one, and once a minute while it lasts.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Worker;
use crate::lane::Policy;
use crate::link::failure::{Class, Failure};
use crate::pressure::level;

/// The first and the longest delay between attempts. Each delay is twice the last one, with jitter.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// The longest delay where another server may take over at any moment.
const LAST_DELAY_OF_MANY: Duration = Duration::from_secs(1);
/// How often a lasting cause is reported again.
pub(super) const REMIND: Duration = Duration::from_secs(60);
/// How soon a cause that returns after another one is reported again: at first. Each time takes twice as long.
const BACK: Duration = Duration::from_secs(5);
/// How many causes are remembered.
const CAUSES: usize = 16;

/// What keeps the lane from committing.
pub(super) struct Backoff {
    pub(super) since: Instant,
    attempts: u32,
    pub(super) next_attempt: Instant,
    /// The reported causes, the latest last.
    causes: Vec<Cause>,
}

struct Cause {
    words: String,
    told: Instant,
    times: u32,
}

impl Backoff {
    fn new(now: Instant) -> Self {
        Self { since: now, attempts: 0, next_attempt: now, causes: Vec::new() }
    }

    /// Whether the caller must report a cause now.
    fn is_news(&mut self, failure: &Failure, now: Instant) -> bool {
        let words = failure.cause();
        let Some(at) = self.causes.iter().position(|cause| cause.words == words) else {
            if self.causes.len() == CAUSES {
                self.causes.remove(0);
            }
            self.causes.push(Cause { words, told: now, times: 0 });
            return true;
        };
        let lasts = at == self.causes.len() - 1;
        let cause = &self.causes[at];
        let pause = if lasts { REMIND } else { BACK.saturating_mul(1 << cause.times.min(10)).min(REMIND) };
        if now - cause.told < pause {
            return false;
        }
        let times = cause.times + u32::from(!lasts);
        self.causes.remove(at);
        self.causes.push(Cause { words, told: now, times });
        true
    }
}

impl<P: Policy> Worker<P> {
    /// Notes a failure, reports it if it is news, and schedules the next attempt.
    pub(super) fn failed(&mut self, failure: Failure) {
        self.failed_for(failure, None);
    }

    /// The same, with what a person must do about it.
    pub(super) fn failed_for(&mut self, failure: Failure, advice: Option<String>) {
        self.policy.forget();
        self.retention.interrupted();
        if matches!(failure.class, Class::Reconnect | Class::Refresh) {
            self.link.doubt();
        }
        self.shared.counters.connected.store(self.link.is_connected(), Ordering::Relaxed);
        self.shared.set_blocked(true);
        let now = Instant::now();
        let refusal =
            if failure.class == Class::Hold { level::of_refusal(failure.refusal) } else { level::NORMAL };
        self.shared.gauge.lock().replied(refusal);
        self.shared.look(now);
        let backoff = self.backoff.get_or_insert_with(|| Backoff::new(now));
        let last_delay = if self.link.may_move() { LAST_DELAY_OF_MANY } else { LAST_DELAY };
        let delay = FIRST_DELAY.saturating_mul(1 << backoff.attempts.min(10)).min(last_delay);
        backoff.attempts += 1;
        backoff.next_attempt = now + delay.mul_f64(0.5 + fastrand::f64() / 2.0);
        if backoff.is_news(&failure, now) {
            let next = match failure.class {
                Class::Reconnect => "connecting again",
                Class::Refresh => "looking for the server that does",
                Class::Ask | Class::Hold | Class::Unlisted => "holding until it does",
                Class::Alarm | Class::Reject => "holding",
            };
            let waiting = self.batch.len() + self.intake.ahead() + self.shared.records.len();
            let address = self.link.address();
            self.tell(format_args!(
                "{address} accepts no writes: {} ({next}; {waiting} records wait)",
                self.link.told(&failure)
            ));
            advice.iter().for_each(|advice| self.tell(advice));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_when_it_is_new_or_back_and_once_a_minute() {
        let start = Instant::now();
        let mut backoff = Backoff::new(start);
        let mut news =
            |text: &str, second| backoff.is_news(&Failure::held(text), start + Duration::from_secs(second));
        assert!(news("OOM full", 0));
        assert!(!news("OOM full", 30));
        assert!(news("OOM full", 60));
        assert!(news("NOPERM you may not", 61));
        assert!(!news("OOM full", 62));
        assert!(news("OOM full", 65));
        assert!(news("NOPERM you may not", 70));
        assert!(news("slot 1 is at h:7001", 70));
        assert!(!news("slot 2 is at h:7002", 71));
        // Two alternating causes end at one line a minute each.
        let told = (100..1300)
            .filter(|second| news(["OOM full", "NOPERM you may not"][*second as usize % 2], *second));
        assert!(told.count() <= 60);
    }

    #[test]
    fn strange_words_without_end_are_not_all_remembered() {
        let now = Instant::now();
        let mut backoff = Backoff::new(now);
        for word in 0..300 {
            assert!(backoff.is_news(&Failure::held("x".repeat(word)), now));
        }
        assert_eq!(backoff.causes.len(), CAUSES);
    }
}
