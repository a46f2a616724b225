//! What callers and the lane's thread share: the queue, how far commits have come, what the thread sees of the
//! pressure, and how one side tells the other to continue or to end.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::bell::Bell;
use super::dead_letters::DeadLetters;
use super::journal::Journal;
use super::policy::Policy;
use super::sync::Receiver;
use crate::events::Events;
use crate::pressure::Pressure;
use crate::pressure::gauge::{Gauge, Seen};
use crate::stats::Counters;

/// What callers and the lane's thread share.
pub(super) struct Shared<P: Policy> {
    pub(super) records: Receiver<P::Record>,
    /// Wakes the thread.
    pub(super) bell: Bell,
    pub(super) counters: Counters,
    pub(super) events: Arc<Events>,
    pub(super) pressure: Arc<Pressure>,
    pub(super) gauge: Mutex<Gauge>,
    /// Everything up to this sequence number is in Redis or a dead letter.
    pub(super) committed: AtomicU64,
    /// The highest sequence number that callers have been given as committed.
    pub(super) claimed: AtomicU64,
    /// Something keeps the lane from committing.
    pub(super) blocked: AtomicBool,
    /// The queue's capacity, if a full queue refuses calls.
    pub(super) queue_limit: Option<usize>,
    /// Weak, so that a thread that has ended does not keep the journal from its next user.
    pub(super) journal: Weak<Journal>,
    /// The last sequence number that was sent and not answered yet; 0: none is.
    pub(super) unanswered: AtomicU64,
    /// What the server will never accept.
    pub(super) dead: DeadLetters,
    pub(super) life: Mutex<Life>,
    /// A commit, a start or an end.
    pub(super) changed: Condvar,
}

/// The life of a lane's thread.
#[derive(Default)]
pub(super) struct Life {
    pub(super) running: bool,
    /// The thread has decided to end and only tidies up.
    pub(super) leaving: bool,
    /// The thread ends as soon as nothing is pending.
    pub(super) retiring: bool,
    /// The thread ends at once: pending records are in the journal.
    pub(super) abandoned: bool,
    /// The lowest sequence number that a call waits for; 0: none waits.
    pub(super) wanted: u64,
}

impl<P: Policy> Shared<P> {
    /// Everything up to this sequence number is or was in Redis, or is a dead letter.
    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Everything up to this sequence number is or was in Redis. It stays before the first dead letter and never goes
    /// back.
    pub(super) fn claim(&self) -> u64 {
        // In this order: a dead letter is known before its number counts as done.
        let committed = self.committed();
        let claim = committed.min(self.dead.first().saturating_sub(1));
        self.claimed.fetch_max(claim, Ordering::AcqRel).max(claim)
    }

    /// How many accepted records are neither in Redis nor dead letters.
    pub(super) fn waiting(&self) -> u64 {
        let (committed, accepted) = (self.committed(), self.counters.accepted.load(Ordering::Relaxed));
        match self.journal.upgrade() {
            // Numbers that were given up are not pending.
            Some(journal) if accepted > committed => journal.count(committed + 1, accepted),
            _ => accepted.saturating_sub(committed),
        }
    }

    /// Reports to the pressure what this lane sees.
    pub(super) fn look(&self, now: Instant) {
        let accepted = self.counters.accepted.load(Ordering::Relaxed);
        let committed = self.committed();
        let waiting = self.waiting();
        let journal = self.journal.upgrade().map_or(0.0, |journal| journal.share(waiting));
        let queue = self.queue_limit.map_or(0.0, |limit| self.records.len() as f64 / limit as f64);
        let readings = self.gauge.lock().look(now, &Seen { accepted, committed, queue, journal });
        self.pressure.seen(P::LANE, readings, now);
    }

    /// Notes that everything up to `committed` is in Redis or a dead letter. A committed record stays committed, even
    /// while it is sent again to a server that lacks it.
    pub(super) fn commit(&self, committed: u64) {
        self.committed.fetch_max(committed, Ordering::AcqRel);
        let mut life = self.life.lock();
        // Only when it is reached: waking a thread costs as much as twenty records.
        if life.wanted > 0 && self.committed() >= life.wanted {
            life.wanted = 0;
            self.changed.notify_all();
        }
    }

    pub(super) fn tell(&self, what: impl Display) {
        self.events.tell(format!("{}: {what}", P::LANE));
    }

    /// Notes whether something keeps the lane from committing.
    pub(super) fn set_blocked(&self, blocked: bool) {
        if self.blocked.load(Ordering::Relaxed) != blocked {
            let _life = self.life.lock();
            self.blocked.store(blocked, Ordering::Relaxed);
            self.changed.notify_all();
        }
    }

    /// Whether pending records cannot be written for now and need not be.
    pub(super) fn is_hopeless(&self) -> bool {
        !P::COMMITTED && self.blocked.load(Ordering::Relaxed)
    }

    /// Whether the thread must end now: nobody needs it, and nothing is pending, or pending records are kept or need
    /// not be written.
    pub(super) fn leave(&self, idle: bool) -> bool {
        let mut life = self.life.lock();
        let nothing_waits = idle && self.records.is_empty();
        life.leaving = life.retiring && (nothing_waits || life.abandoned || self.is_hopeless());
        life.leaving
    }

    /// Whether the thread must end although records are pending.
    pub(super) fn is_abandoned(&self) -> bool {
        self.life.lock().abandoned
    }

    /// The thread has released everything.
    pub(super) fn left(&self) {
        let mut life = self.life.lock();
        (life.running, life.leaving) = (false, false);
        self.counters.connected.store(false, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Sleeps until `deadline`, or until the thread is told to end.
    pub(super) fn pause(&self, deadline: Instant) {
        let mut life = self.life.lock();
        let before = (life.retiring, life.abandoned);
        while (life.retiring, life.abandoned) == before {
            if self.changed.wait_until(&mut life, deadline).timed_out() {
                break;
            }
        }
    }
}
