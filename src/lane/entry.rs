//! The callers' end of a lane: it gives a record its number, puts it into the journal and the queue, and returns. It
//! starts and ends the lane's thread. It never waits for the network.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::bell::Bell;
use super::dead_letters::DeadLetters;
use super::journal::{Appender, Journal, Opened, Refused};
use super::policy::Policy;
use super::shared::{Life, Shared};
use super::sync::{Sender, bounded, fence};
use super::worker::Worker;
use crate::background;
use crate::codes::{MT5REDIS_ERR_JOURNAL_FULL, MT5REDIS_ERR_QUEUE_FULL, MT5REDIS_ERR_THREAD};
use crate::config::LaneConfig;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::pressure::Pressure;
use crate::stats::Counters;

/// The capacity of a queue beside a journal: enough for the lane to take every record from the queue while it keeps up.
/// In a burst, a record that goes into the journal alone costs its caller a sixth less than one that goes into both.
const IN_HAND: usize = 64;

/// The callers' end of a lane.
pub(crate) struct Lane<P: Policy> {
    pub(super) policy: P,
    pub(super) config: LaneConfig,
    /// The connection's name at the server.
    client_name: String,
    /// How long acknowledged records stay in the journal.
    retain_acked: Duration,
    door: Mutex<Door>,
    records: Sender<P::Record>,
    pub(super) journal: Option<Arc<Journal>>,
    pub(super) shared: Arc<Shared<P>>,
}

/// A caller holds this lock while its record goes in, so that journal and queue follow the order of the numbers.
struct Door {
    /// The next sequence number.
    next: u64,
    journal: Option<Appender>,
    /// The record in the journal's encoding.
    bytes: Vec<u8>,
    /// The journal refused the last record.
    refusing: bool,
}

impl<P: Policy> Lane<P> {
    /// A lane that continues where its journal ends. Without a journal, its records live as long as the process.
    pub(crate) fn new(
        policy: P,
        config: LaneConfig,
        client: &str,
        events: Arc<Events>,
        pressure: Arc<Pressure>,
        journal: Option<Opened>,
        retain_acked: Duration,
    ) -> Result<Self> {
        let slots = if journal.is_some() { config.queue.min(IN_HAND) } else { config.queue };
        let (sender, receiver) = bounded(slots);
        let counters = Counters::new();
        let mut door = Door { next: 1, journal: None, bytes: Vec::new(), refusing: false };
        let mut committed = 0;
        let mut notes = Vec::new();
        let dead = match &journal {
            Some(opened) => DeadLetters::open(&opened.journal)?,
            None => DeadLetters::without_file(),
        };
        let journal = journal.map(|opened| {
            door.next = opened.appender.next();
            door.journal = Some(opened.appender);
            let mut accepted = opened.journal.last();
            committed = opened.journal.acknowledged();
            if accepted == committed {
                // Nothing is pending. Numbers that were given up are not pending either.
                (accepted, committed) = (door.next - 1, door.next - 1);
            }
            counters.accepted.store(accepted, Ordering::Relaxed);
            notes = opened.notes;
            notes.extend(opened.warning);
            opened.journal
        });
        let lane = Self {
            policy,
            client_name: format!("mt5redis:{client}:{}", P::LANE),
            retain_acked,
            door: Mutex::new(door),
            records: sender,
            journal: journal.clone(),
            shared: Arc::new(Shared {
                records: receiver,
                bell: Bell::new(),
                counters,
                events,
                pressure,
                gauge: Mutex::default(),
                committed: AtomicU64::new(committed),
                claimed: AtomicU64::new(0),
                blocked: AtomicBool::new(false),
                queue_limit: journal.is_none().then_some(config.queue),
                journal: journal.as_ref().map(Arc::downgrade).unwrap_or_default(),
                unanswered: AtomicU64::new(0),
                dead,
                life: Mutex::new(Life::default()),
                changed: Condvar::new(),
            }),
            config,
        };
        notes.iter().for_each(|note| lane.shared.tell(note));
        Ok(lane)
    }

    /// Accepts the record that `make` builds for its sequence number, or refuses it because the journal is full
    /// (without a journal: the queue). Never waits.
    // Inlined, so that the record is built in its final place. Otherwise each step would copy its 300 bytes.
    #[inline(always)]
    pub(crate) fn accept(&self, make: impl FnOnce(u64) -> P::Record) -> Result<u64> {
        let mut guard = self.door.lock();
        let door = &mut *guard;
        let sequence = door.next;
        let record = make(sequence);
        let accepted = match &mut door.journal {
            Some(journal) => {
                door.bytes.clear();
                P::store(&record, &mut door.bytes);
                match journal.append(&door.bytes) {
                    Ok(_) => {
                        // If the queue is full, the lane's thread finds the record in the journal.
                        if !self.is_full() {
                            let _ = self.records.try_send(record);
                        }
                        Ok(())
                    }
                    Err(refused) => Err(self.journal_full(&mut door.refusing, &refused)),
                }
            }
            None => self.records.try_send(record).map_err(|_| self.queue_full()),
        };
        match accepted {
            Ok(()) => {
                door.next = sequence + 1;
                door.refusing = false;
                self.shared.counters.accepted.store(sequence, Ordering::Relaxed);
                drop(guard);
                self.shared.bell.filled();
                Ok(sequence)
            }
            Err(error) => {
                drop(guard);
                self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Whether the queue is full. Then the lane's thread looks into the journal before it sleeps.
    #[inline]
    fn is_full(&self) -> bool {
        // That thread empties the queue and then looks at the journal's end. So a caller must append first and look at
        // the queue second.
        self.records.is_full() && {
            fence(Ordering::SeqCst);
            self.records.is_full()
        }
    }

    fn queue_full(&self) -> Error {
        let (lane, queue, address) = (P::LANE, self.config.queue, self.config.endpoint.name());
        Error::new(
            MT5REDIS_ERR_QUEUE_FULL,
            format!(
                "the {lane} queue is full: {queue} records wait for {address}. This one was not accepted. See the \
                 events for the server's state, or raise {lane}.queue"
            ),
        )
    }

    /// The error for a refused record. The first refusal of a row is also an event.
    fn journal_full(&self, refusing: &mut bool, refused: &Refused) -> Error {
        let waiting = self.waiting();
        let text = format!(
            "the {} journal is full: {refused}. {waiting} records wait for {}. This one was not accepted",
            P::LANE,
            self.config.endpoint.name()
        );
        if !std::mem::replace(refusing, true) {
            self.shared.events.tell(text.clone());
        }
        Error::new(MT5REDIS_ERR_JOURNAL_FULL, text)
    }

    /// Makes sure that the lane's thread runs and keeps running.
    pub(crate) fn start(&self) -> Result<()> {
        let mut life = self.shared.life.lock();
        while life.leaving {
            self.shared.changed.wait(&mut life);
        }
        life.retiring = false;
        life.abandoned = false;
        if life.running {
            return Ok(());
        }
        self.journal.as_ref().map_or(Ok(()), |journal| journal.wake())?;
        let worker = Worker::new(
            self.policy.clone(),
            &self.config,
            self.retain_acked,
            &self.client_name,
            self.journal.clone(),
            self.shared.clone(),
        );
        let shared = self.shared.clone();
        background::start(
            format!("mt5redis-{}", P::LANE),
            || worker.run(),
            move |end| {
                if let Err(defect) = end {
                    shared.tell(format_args!("the thread died of a bug, please report it: {defect}"));
                }
                shared.left();
            },
        )
        .map_err(|error| {
            Error::new(MT5REDIS_ERR_THREAD, format!("cannot start the {} thread: {error}", P::LANE))
        })?;
        life.running = true;
        Ok(())
    }

    /// Lets the thread end once nothing is pending. A new [`start`](Self::start) before that keeps it running.
    pub(crate) fn retire(&self) {
        self.end(false);
    }

    /// Lets the thread end at once. The journal keeps pending records for its next user.
    pub(crate) fn abandon(&self) {
        self.end(true);
    }

    /// Releases the journal to its next user, although the thread may still wait for a server. The thread no longer
    /// writes to the journal, and the lane accepts no more records. The next user finds out what was sent.
    pub(crate) fn hand_over(&self) {
        if let Some(journal) = &mut self.door.lock().journal {
            journal.hand_over();
        }
    }

    /// Lets the thread look at once whether there are questions to ask.
    pub(crate) fn nudge(&self) {
        self.shared.bell.ring();
    }

    fn end(&self, abandoned: bool) {
        let mut life = self.shared.life.lock();
        life.retiring = true;
        life.abandoned = abandoned;
        drop(life);
        self.shared.changed.notify_all();
        self.shared.bell.ring();
    }

    /// Waits for the end of a thread that was told to retire, except for one whose records need not be written and
    /// cannot be. Returns whether it has ended.
    pub(crate) fn wait_for_end(&self, deadline: Instant) -> bool {
        let mut life = self.shared.life.lock();
        while life.running && life.retiring && !self.shared.is_hopeless() {
            if self.shared.changed.wait_until(&mut life, deadline).timed_out() {
                break;
            }
        }
        !life.running
    }
}
