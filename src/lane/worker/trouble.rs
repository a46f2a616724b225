//! What keeps a lane from committing: when the next attempt is, and who hears of it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Worker;
use crate::lane::Policy;
use crate::link::failure::{Class, Failure};
use crate::pressure::level;

/// Delays between attempts, doubled from the first to the second, each with jitter.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// Where another server may take over at any moment.
const LAST_DELAY_OF_MANY: Duration = Duration::from_secs(1);
/// How often a trouble that lasts is told again.
const REMIND: Duration = Duration::from_secs(60);

/// What keeps the lane from committing.
pub(super) struct Trouble {
    pub(super) since: Instant,
    attempts: u32,
    pub(super) next_attempt: Instant,
    told: Instant,
    /// The kinds of failure it had so far. Each is told once: a refused password is news after a lost connection.
    classes: Vec<Class>,
}

impl<P: Policy> Worker<P> {
    /// Notes a failure, tells of it if it is news, and says when the next attempt is.
    pub(super) fn failed(&mut self, failure: Failure) {
        self.policy.forget();
        self.retention.interrupted();
        if matches!(failure.class, Class::Reconnect | Class::Refresh) {
            self.link.doubt();
        }
        self.shared.counters.connected.store(self.link.is_connected(), Ordering::Relaxed);
        self.shared.trouble(true);
        let now = Instant::now();
        let refusal =
            if failure.class == Class::Hold { level::of_reply(&failure.text) } else { level::NORMAL };
        self.shared.gauge.lock().replied(refusal);
        self.shared.look(now);
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            since: now,
            attempts: 0,
            next_attempt: now,
            told: now,
            classes: Vec::new(),
        });
        let news = !trouble.classes.contains(&failure.class);
        let last_delay = if self.link.may_move() { LAST_DELAY_OF_MANY } else { LAST_DELAY };
        let delay = FIRST_DELAY.saturating_mul(1 << trouble.attempts.min(10)).min(last_delay);
        trouble.attempts += 1;
        trouble.next_attempt = now + delay.mul_f64(0.5 + fastrand::f64() / 2.0);
        if news || now - trouble.told >= REMIND {
            trouble.told = now;
            trouble.classes.extend(news.then_some(failure.class));
            let next = match failure.class {
                Class::Reconnect => "connecting again",
                Class::Refresh => "finding out which server does",
                Class::Ask | Class::Hold => "holding until it can",
                Class::Alarm | Class::Reject => "holding",
            };
            let waiting = self.batch.len() + self.source.ahead() + self.shared.records.len();
            let address = self.link.address();
            self.tell(format_args!(
                "{address} takes nothing: {} ({next}; {waiting} records wait)",
                self.link.told(&failure)
            ));
        }
    }
}
