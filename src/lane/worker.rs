//! The thread of a lane: take all that waits, write it, read the replies, commit; connect again when the
//! connection breaks, wait when the server cannot take more, and never let go of what is not committed.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::select;

use super::batch::Batch;
use super::{Policy, Shared};
use crate::config::LaneConfig;
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::panic_text;

/// An idle connection is asked whether it still lives, so that the next record does not find out.
const IDLE_CHECK: Duration = Duration::from_secs(10);
/// Delays between attempts, doubled from the first to the second, each with jitter.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// How often a trouble that lasts is told again.
const REMIND: Duration = Duration::from_secs(60);

pub(super) struct Worker<P: Policy> {
    policy: P,
    link: Link,
    shared: Arc<Shared<P>>,
    batch: Batch<P>,
    batch_records: usize,
    batch_bytes: usize,
    /// The batch was sent and its outcome is unknown.
    in_doubt: bool,
    trouble: Option<Trouble>,
}

/// What keeps the lane from committing.
struct Trouble {
    since: Instant,
    attempts: u32,
    next_attempt: Instant,
    told: Instant,
}

/// What came of waiting for a record.
enum Taken {
    Records,
    /// Woken for another reason.
    Nothing,
    /// Nobody had anything to say for a while.
    Idle,
}

impl<P: Policy> Worker<P> {
    pub(super) fn new(policy: P, config: &LaneConfig, client_name: &str, shared: Arc<Shared<P>>) -> Self {
        Self {
            policy,
            link: Link::new(config.endpoint.clone(), client_name.to_owned()),
            shared,
            batch: Batch::new(),
            batch_records: config.batch_records,
            batch_bytes: config.batch_bytes,
            in_doubt: false,
            trouble: None,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            // A defect must not take the records with it: the batch stays, the connection goes.
            match catch_unwind(AssertUnwindSafe(|| self.step())) {
                Ok(true) => {}
                Ok(false) => return,
                Err(panic) => {
                    self.link.disconnect();
                    self.failed(Failure::lost(format!(
                        "a defect, please report it: {}",
                        panic_text(&*panic)
                    )));
                }
            }
        }
    }

    /// One round. Returns whether there is to be another.
    fn step(&mut self) -> bool {
        if self.batch.is_empty() && self.shared.leave() {
            return false;
        }
        if let Some(trouble) = &self.trouble
            && Instant::now() < trouble.next_attempt
        {
            self.shared.pause(trouble.next_attempt);
            return true;
        }
        if let Err(failure) = self.connect().and_then(|()| self.settle()) {
            self.failed(failure);
            return true;
        }
        if self.batch.is_empty() {
            match self.take() {
                Taken::Records => {}
                Taken::Nothing => return true,
                Taken::Idle => {
                    self.check_idle();
                    return true;
                }
            }
        }
        self.write();
        true
    }

    fn connect(&mut self) -> Result<(), Failure> {
        if self.link.connect()? {
            self.policy.forget();
            self.shared.counters.connects.fetch_add(1, Ordering::Relaxed);
            let after = match &self.trouble {
                Some(trouble) => format!(" after {:.1} s", trouble.since.elapsed().as_secs_f64()),
                None => String::new(),
            };
            self.tell(format_args!("connected to {}{after}", self.link.address()));
            self.shared.counters.connected.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Finds out what became of a batch whose replies never came.
    fn settle(&mut self) -> Result<(), Failure> {
        if self.in_doubt {
            let before = self.batch.len();
            let last = self.batch.range().map(|(_, last)| last);
            self.batch.resolve_doubt(&self.policy, &mut self.link)?;
            self.in_doubt = false;
            self.tell(format_args!(
                "of {before} records in doubt Redis has {}, the others are sent again",
                before - self.batch.len()
            ));
            self.committed_before(last);
        }
        Ok(())
    }

    /// Takes what waits, up to a batch; waits for the first record, for a while.
    fn take(&mut self) -> Taken {
        let shared = self.shared.clone();
        let first = match shared.records.try_recv() {
            Ok(record) => record,
            Err(_) => select! {
                recv(shared.records) -> record => match record {
                    Ok(record) => record,
                    Err(_) => return Taken::Nothing,
                },
                recv(shared.wake.1) -> _ => return Taken::Nothing,
                default(IDLE_CHECK) => return Taken::Idle,
            },
        };
        let mut bytes = P::size(&first);
        self.batch.push(first);
        while self.batch.len() < self.batch_records && bytes < self.batch_bytes {
            let Ok(record) = shared.records.try_recv() else { break };
            bytes += P::size(&record);
            self.batch.push(record);
        }
        Taken::Records
    }

    /// Any answer will do, a refusal too: the connection lives.
    fn check_idle(&mut self) {
        match self.link.ask(&["PING"]) {
            Err(failure) if failure.class == Class::Reconnect => self.failed(failure),
            _ => self.trouble = None,
        }
    }

    fn write(&mut self) {
        let last = self.batch.range().map(|(_, last)| last);
        let started = Instant::now();
        if let Err(failure) = self.policy.prepare(self.batch.records(), &mut self.link) {
            return self.failed(failure);
        }
        self.in_doubt = true;
        let outcome = self.batch.exchange(&mut self.policy, &mut self.link);
        // As long as the connection stands every reply was read, whatever they said.
        self.in_doubt = !self.link.is_connected();

        self.shared.counters.batch(
            outcome.bytes,
            started.elapsed(),
            outcome.superseded,
            outcome.rejected.len(),
        );
        for (sequence, reason) in &outcome.rejected {
            self.tell(format_args!("record {sequence} was rejected by {}: {reason}", self.link.address()));
        }
        self.committed_before(last);
        match outcome.failure {
            None => self.trouble = None,
            Some(failure) => self.failed(failure),
        }
    }

    /// Everything before what is left of the batch is in Redis; all up to `last` if nothing is left.
    fn committed_before(&self, last: Option<u64>) {
        if let Some(sequence) = self.batch.range().map(|(first, _)| first - 1).or(last) {
            self.shared.commit(sequence);
        }
    }

    fn failed(&mut self, failure: Failure) {
        self.policy.forget();
        if failure.class == Class::Reconnect {
            self.link.disconnect();
        }
        self.shared.counters.connected.store(self.link.is_connected(), Ordering::Relaxed);
        let now = Instant::now();
        let first = self.trouble.is_none();
        let trouble =
            self.trouble.get_or_insert(Trouble { since: now, attempts: 0, next_attempt: now, told: now });
        let delay = FIRST_DELAY.saturating_mul(1 << trouble.attempts.min(10)).min(LAST_DELAY);
        trouble.attempts += 1;
        trouble.next_attempt = now + delay.mul_f64(0.5 + fastrand::f64() / 2.0);
        if first || now - trouble.told >= REMIND {
            trouble.told = now;
            let advice = match failure.class {
                Class::Reconnect => "connecting again",
                Class::Hold => "holding until it can",
                Class::Alarm => "check username, password and permissions; holding",
                Class::Reject => "holding; please report it",
            };
            let waiting = self.batch.len() + self.shared.records.len();
            let address = self.link.address();
            self.tell(format_args!(
                "{address} takes nothing: {} ({advice}; {waiting} records wait)",
                failure.text
            ));
        }
    }

    fn tell(&self, what: impl Display) {
        self.shared.events.tell(format!("{}: {what}", P::LANE));
    }
}
