//! What callers can know of a lane: where a record is, how far all are, and when that is reached.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Lane;
use super::policy::Policy;
use crate::stats::LaneStats;

/// Where a record is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Accepted, and not sent, or certainly not applied.
    Queued,
    /// Sent, and not answered: it may be in Redis or not, which the next connection finds out.
    InDoubt,
    /// In Redis, with all before it; or superseded by a later one that is.
    Committed,
    /// Put aside: the server will never take it.
    Dead,
}

impl<P: Policy> Lane<P> {
    /// The last sequence number handed out.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.counters.accepted.load(Ordering::Relaxed)
    }

    /// The last sequence number up to which everything is in Redis: before the first that was put aside.
    pub(crate) fn committed(&self) -> u64 {
        self.shared.claim()
    }

    /// How many records were put aside since the lane was opened.
    pub(crate) fn put_aside(&self) -> u64 {
        self.shared.dead.count()
    }

    /// Where a record is; none if no record has this number.
    pub(crate) fn status(&self, sequence: u64) -> Option<Status> {
        let shared = &self.shared;
        if sequence == 0 || sequence > self.accepted() {
            return None;
        }
        // In this order: what is answered meanwhile is committed then, or known to be in doubt no more.
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

    /// Records that were accepted and are neither in Redis nor put aside.
    pub(crate) fn waiting(&self) -> u64 {
        self.shared.waiting()
    }

    /// Waits until all up to `sequence` is in Redis, or put aside; not for what need not be written and cannot be.
    /// Returns how many records are neither.
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

    /// Tells the pressure what this lane sees.
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
