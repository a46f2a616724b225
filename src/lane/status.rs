//! What callers can learn about a lane: where a record is, how far commits have come, and when all are done.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Lane;
use super::policy::Policy;
use crate::stats::LaneStats;

/// The state of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Accepted and not sent yet, or certainly not applied.
    Queued,
    /// Sent and not answered: the next connection finds out whether it is in Redis.
    InDoubt,
    /// In Redis with all records before it, or superseded by a later record that is.
    Committed,
    /// A dead letter: the server will never accept it.
    Dead,
}

impl<P: Policy> Lane<P> {
    /// The last sequence number handed out.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.counters.accepted.load(Ordering::Relaxed)
    }

    /// Everything up to this sequence number is in Redis. It stays before the first dead letter.
    pub(crate) fn committed(&self) -> u64 {
        self.shared.claim()
    }

    /// How many dead letters there were since the lane was opened.
    pub(crate) fn put_aside(&self) -> u64 {
        self.shared.dead.count()
    }

    /// The state of a record; none if no record has this number.
    pub(crate) fn status(&self, sequence: u64) -> Option<Status> {
        let shared = &self.shared;
        if sequence == 0 || sequence > self.accepted() {
            return None;
        }
        // In this order: a record that is answered in between is committed or no longer in doubt.
        let unanswered = shared.unanswered.load(Ordering::Acquire);
        let committed = shared.committed();
        Some(if shared.dead.contains(sequence) {
            Status::Dead
        } else if sequence <= committed {
            Status::Committed
        } else if sequence <= unanswered {
            Status::InDoubt
        } else {
            Status::Queued
        })
    }

    /// How many accepted records are neither in Redis nor dead letters.
    pub(crate) fn waiting(&self) -> u64 {
        self.shared.waiting()
    }

    /// Waits until every record up to `sequence` is in Redis or a dead letter, but not for heartbeats that cannot be
    /// written. Returns how many records are still pending.
    pub(crate) fn flush(&self, sequence: u64, deadline: Instant) -> u64 {
        if self.shared.committed() < sequence {
            let mut life = self.shared.life.lock();
            while self.shared.committed() < sequence && !self.shared.is_hopeless() {
                life.wanted = if life.wanted == 0 { sequence } else { life.wanted.min(sequence) };
                if self.shared.changed.wait_until(&mut life, deadline).timed_out() {
                    break;
                }
            }
        }
        sequence.saturating_sub(self.shared.committed())
    }

    /// Reports to the pressure what this lane sees.
    pub(crate) fn look(&self, now: Instant) {
        self.shared.look(now);
    }

    /// Counts a record that pressure kept from being accepted.
    pub(crate) fn thinned(&self) {
        self.shared.counters.thinned.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls refused because the queue was full.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.counters.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self) -> LaneStats {
        self.shared.counters.snapshot(
            self.config.endpoint.name(),
            self.policy.producer().as_str(),
            self.committed(),
            self.waiting(),
        )
    }
}
