//! A lane: a bounded queue, a thread and a connection of its own, from a call to a commit in Redis.
//!
//! It promises that a record, once it has its sequence number, reaches Redis in the order of these
//! numbers and once, for as long as this process lives; that accepting never waits; and that one lane
//! never waits for another. What is in a record, and how it is written, is the policy's business.

mod batch;
mod policy;
mod ris;
mod rts;
mod rtss;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::{Condvar, Mutex};

use crate::codes::{MT5REDIS_ERR_QUEUE_FULL, MT5REDIS_ERR_THREAD};
use crate::config::LaneConfig;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::stats::{Counters, LaneStats};
pub(crate) use policy::Policy;
pub(crate) use ris::Ris;
pub(crate) use rts::Rts;
pub(crate) use rtss::Rtss;
use worker::Worker;

/// The callers' end of a lane.
pub(crate) struct Lane<P: Policy> {
    policy: P,
    config: LaneConfig,
    /// The connection's name at the server.
    client_name: String,
    /// The last sequence number handed out. Held while a record is put into the queue, so that the
    /// queue's order is that of the numbers.
    door: Mutex<u64>,
    records: Sender<P::Record>,
    shared: Arc<Shared<P>>,
}

/// What callers and the lane's thread have in common.
pub(crate) struct Shared<P: Policy> {
    records: Receiver<P::Record>,
    wake: (Sender<()>, Receiver<()>),
    pub(crate) counters: Counters,
    pub(crate) events: Arc<Events>,
    /// The last sequence number up to which everything is in Redis.
    committed: AtomicU64,
    life: Mutex<Life>,
    /// A commit, a start or an end.
    changed: Condvar,
}

/// The life of a lane's thread.
#[derive(Default)]
struct Life {
    running: bool,
    /// The thread shall end as soon as nothing waits any more.
    retiring: bool,
    /// Calls waiting for a commit.
    waiters: usize,
}

impl<P: Policy> Lane<P> {
    pub(crate) fn new(policy: P, config: LaneConfig, client: &str, events: Arc<Events>) -> Self {
        let (sender, receiver) = bounded(config.queue);
        Self {
            policy,
            client_name: format!("mt5redis:{client}:{}", P::LANE),
            config,
            door: Mutex::new(0),
            records: sender,
            shared: Arc::new(Shared {
                records: receiver,
                wake: bounded(1),
                counters: Counters::new(),
                events,
                committed: AtomicU64::new(0),
                life: Mutex::new(Life::default()),
                changed: Condvar::new(),
            }),
        }
    }

    /// Accepts the record that `make` builds for its sequence number, or refuses it because the queue is
    /// full. Never waits.
    pub(crate) fn accept(&self, make: impl FnOnce(u64) -> P::Record) -> Result<u64> {
        let mut last = self.door.lock();
        let sequence = *last + 1;
        match self.records.try_send(make(sequence)) {
            Ok(()) => {
                *last = sequence;
                self.shared.counters.accepted.store(sequence, Ordering::Relaxed);
                Ok(sequence)
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                drop(last);
                self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
                Err(Error::new(
                    MT5REDIS_ERR_QUEUE_FULL,
                    format!(
                        "the {} queue is full: {} records wait for {}. This one was not accepted; see the events \
                         for the server's state, or raise {}.queue",
                        P::LANE,
                        self.config.queue,
                        self.config.endpoint.address(),
                        P::LANE
                    ),
                ))
            }
        }
    }

    /// Makes sure that the lane's thread runs and goes on running.
    pub(crate) fn start(&self) -> Result<()> {
        let mut life = self.shared.life.lock();
        life.retiring = false;
        if life.running {
            return Ok(());
        }
        let worker = Worker::new(self.policy.clone(), &self.config, &self.client_name, self.shared.clone());
        thread::Builder::new().name(format!("mt5redis-{}", P::LANE)).spawn(move || worker.run()).map_err(
            |error| Error::new(MT5REDIS_ERR_THREAD, format!("cannot start the {} thread: {error}", P::LANE)),
        )?;
        life.running = true;
        Ok(())
    }

    /// Lets the thread end once nothing waits any more. Until then it goes on, and a new
    /// [`start`](Self::start) keeps it.
    pub(crate) fn retire(&self) {
        self.shared.life.lock().retiring = true;
        self.shared.changed.notify_all();
        // Full means that it is about to wake anyway.
        let _ = self.shared.wake.0.try_send(());
    }

    /// Waits for the end of a thread that was told to retire. Returns whether it has ended.
    pub(crate) fn wait_for_end(&self, deadline: Instant) -> bool {
        let mut life = self.shared.life.lock();
        while life.running && life.retiring {
            if self.shared.changed.wait_until(&mut life, deadline).timed_out() {
                break;
            }
        }
        !life.running
    }

    /// The last sequence number handed out.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.counters.accepted.load(Ordering::Relaxed)
    }

    /// The last sequence number up to which everything is in Redis.
    pub(crate) fn committed(&self) -> u64 {
        self.shared.committed.load(Ordering::Acquire)
    }

    /// Waits until all up to `sequence` is in Redis. Returns whether it is.
    pub(crate) fn wait_for_commit(&self, sequence: u64, deadline: Instant) -> bool {
        if self.committed() >= sequence {
            return true;
        }
        let mut life = self.shared.life.lock();
        life.waiters += 1;
        while self.committed() < sequence {
            if self.shared.changed.wait_until(&mut life, deadline).timed_out() {
                break;
            }
        }
        life.waiters -= 1;
        self.committed() >= sequence
    }

    /// Calls refused because the queue was full.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.counters.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self) -> LaneStats {
        self.shared.counters.snapshot(self.config.endpoint.address(), self.committed())
    }
}

impl<P: Policy> Shared<P> {
    fn commit(&self, sequence: u64) {
        self.committed.store(sequence, Ordering::Release);
        if self.life.lock().waiters > 0 {
            self.changed.notify_all();
        }
    }

    /// Whether the thread shall end now, which its caller then must: nothing waits, and nobody needs it.
    fn leave(&self) -> bool {
        let mut life = self.life.lock();
        if !life.retiring || !self.records.is_empty() {
            return false;
        }
        life.running = false;
        self.counters.connected.store(false, Ordering::Relaxed);
        self.changed.notify_all();
        true
    }

    /// Lets time pass until `deadline`; less when the thread shall retire.
    fn pause(&self, deadline: Instant) {
        let mut life = self.life.lock();
        let retiring = life.retiring;
        while life.retiring == retiring {
            if self.changed.wait_until(&mut life, deadline).timed_out() {
                break;
            }
        }
    }
}
