//! The thread of a lane. It takes pending records, writes them, reads the replies and commits. It reconnects when a
//! connection breaks, waits while the server accepts nothing, and keeps every record until it is committed.

mod backoff;
mod connecting;
mod writing;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::intake::{Intake, Taken};
use super::journal::Journal;
use super::policy::Policy;
use super::rate::Rate;
use super::retention::Retention;
use super::shared::Shared;
use super::watermark::Watermarks;
use crate::config::LaneConfig;
use crate::link::Link;
use crate::link::failure::Failure;
use crate::model::Tag;
use crate::panic_text;
use crate::pressure::level;
use backoff::Backoff;

/// An idle connection is checked this often, so that no record has to find out that it is dead.
const IDLE_CHECK: Duration = Duration::from_secs(10);
/// An idle lane reconnects this often, which renews the watermarks.
const RENEW: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a busy lane reports to the pressure.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often an idle lane checks whether pressure has ended.
const PRESSURE_CHECK: Duration = Duration::from_secs(1);

pub(super) struct Worker<P: Policy> {
    policy: P,
    link: Link,
    journal: Option<Arc<Journal>>,
    shared: Arc<Shared<P>>,
    intake: Intake<P>,
    batch: Batch<P>,
    batch_records: usize,
    batch_bytes: usize,
    rate: Rate,
    next_look: Instant,
    /// When to check next whether somebody has dealt with the dead letters.
    next_letters: Instant,
    /// When the server last answered.
    heard: Instant,
    /// When the watermarks were last renewed.
    renewed: Instant,
    /// What the server will never accept, and why, until it is a dead letter.
    rejected: Vec<(P::Record, String)>,
    /// The watermarks to set once these letters are written.
    after_letters: Vec<(Tag, u64)>,
    /// The last refusal that no record depends on, and when it was reported.
    aside: Option<(String, Instant)>,
    watermarks: Watermarks,
    /// The journal has been read for what earlier runs left.
    looked_back: bool,
    retention: Retention,
    backoff: Option<Backoff>,
    /// When the lane last checked that it writes to the right servers.
    checked: Instant,
    /// Everything up to this sequence number is on the disk, if `journal.sync` asks for it.
    synced: u64,
}

impl<P: Policy> Worker<P> {
    pub(super) fn new(
        policy: P,
        config: &LaneConfig,
        retain_acked: Duration,
        client_name: &str,
        journal: Option<Arc<Journal>>,
        shared: Arc<Shared<P>>,
    ) -> Self {
        Self {
            policy,
            link: Link::new(config.endpoint.clone(), client_name.to_owned()).for_transactions(),
            intake: Intake::new(shared.clone(), journal.clone(), shared.committed() + 1),
            journal,
            shared,
            batch: Batch::new(),
            batch_records: config.batch_records,
            batch_bytes: config.batch_bytes,
            rate: Rate::new(config.rate, Instant::now()),
            next_look: Instant::now(),
            next_letters: Instant::now(),
            heard: Instant::now(),
            renewed: Instant::now(),
            rejected: Vec::new(),
            after_letters: Vec::new(),
            aside: None,
            watermarks: Watermarks::default(),
            looked_back: false,
            retention: Retention::new(retain_acked),
            backoff: None,
            checked: Instant::now(),
            synced: 0,
        }
    }

    pub(super) fn run(mut self) {
        self.shared.bell.belongs_to_this_thread();
        loop {
            // A bug must not cost records: the batch stays, the connection goes.
            match catch_unwind(AssertUnwindSafe(|| self.step())) {
                Ok(true) => {}
                Ok(false) => break,
                Err(panic) => {
                    self.link.disconnect();
                    self.failed(Failure::lost(format!("a bug, please report it: {}", panic_text(&*panic))));
                }
            }
        }
        self.journal.iter().for_each(|journal| journal.rest());
        // The journal is dropped here, so that it is free before anybody hears that this thread has ended.
    }

    /// One round. Returns whether there is to be another.
    fn step(&mut self) -> bool {
        if let Some(journal) = &self.journal {
            if !journal.has_room() {
                // Rather keep committed records for a shorter time than refuse new ones.
                journal.release(self.done());
            }
            // A failure here happens again when a record needs the room, and is reported then.
            let _ = journal.prepare();
        }
        if self.shared.leave(self.is_idle()) {
            return false;
        }
        if let Some(backoff) = &self.backoff
            && Instant::now() < backoff.next_attempt
        {
            // A server that refuses writes answers questions.
            let until = backoff.next_attempt;
            if !self.link.is_connected() {
                self.shared.pause(until);
            } else if !self.ask() {
                self.pause(until);
            }
            return true;
        }
        match self.look_back() {
            Ok(true) => {}
            Ok(false) => return true,
            Err(failure) => {
                self.failed(failure);
                return true;
            }
        }
        if let Err(failure) = self.be_connected().and_then(|()| self.settle()) {
            self.failed(failure);
            return true;
        }
        let now = Instant::now();
        if now >= self.next_letters {
            self.next_letters = now + IDLE_CHECK;
            self.shared.dead.look();
        }
        if now >= self.next_look {
            self.next_look = now + LOOK_EVERY;
            self.shared.look(now);
        }
        if self.ask() {
            return true;
        }
        if let Some(until) = self.rate.closed_until(now) {
            self.pause(until);
            return true;
        }
        if self.batch.is_empty() {
            self.take();
        }
        if !self.batch.is_empty() {
            self.write();
        }
        true
    }

    /// Asks the policy's questions without a record, if they are due. Returns whether they were.
    fn ask(&mut self) -> bool {
        let Self { policy, link, batch, .. } = self;
        if policy.questions_due_in() != Some(Duration::ZERO) {
            return false;
        }
        if let Err(failure) = batch.ask(policy, link) {
            self.failed(failure);
        }
        true
    }

    /// Sleeps until `deadline`, until questions are due, or until the thread is told to end.
    fn pause(&self, deadline: Instant) {
        let due = self.policy.questions_due_in().map(|due| Instant::now() + due);
        self.shared.pause(due.map_or(deadline, |due| due.min(deadline)));
    }

    /// Takes pending records into the batch.
    fn take(&mut self) {
        let calm = self.shared.pressure.level() == level::NORMAL;
        let patience = self.link.rest(if calm { IDLE_CHECK } else { PRESSURE_CHECK });
        let patience = self.policy.questions_due_in().map_or(patience, |due| due.min(patience));
        let (records, bytes) = self.rate.batch(self.batch_records, self.batch_bytes);
        match self.intake.fill(&mut self.batch, records, bytes, patience) {
            Taken::Records => {}
            // After a restart, what came may be in Redis already.
            Taken::Nothing => {
                self.committed();
                if self.backoff.is_some() && self.is_idle() {
                    // It was, so nothing is in doubt any more.
                    self.succeeded();
                }
            }
            Taken::Idle if P::COMMITTED && self.renewed.elapsed() >= RENEW => self.link.disconnect(),
            Taken::Idle if self.heard.elapsed() >= IDLE_CHECK => match self.check() {
                Ok(()) => {
                    self.heard = Instant::now();
                    self.succeeded();
                }
                Err(failure) => self.failed(failure),
            },
            Taken::Idle => {}
        }
    }

    /// Reads, once, what earlier runs left in the journal. Returns whether that is done: abandoning the lane interrupts
    /// it.
    fn look_back(&mut self) -> Result<bool, Failure> {
        let Some(journal) = self.journal.clone().filter(|_| !self.looked_back) else { return Ok(true) };
        let shared = self.shared.clone();
        // Meanwhile callers need room.
        let go_on = || {
            let _ = journal.prepare();
            !shared.is_abandoned()
        };
        let Some(losses) = journal.look_back(go_on).map_err(|error| Failure::held(error.to_string()))? else {
            return Ok(false);
        };
        self.shared.counters.lost.fetch_add(losses.count, Ordering::Relaxed);
        losses.notes.iter().for_each(|note| self.tell(note));
        let waiting = journal.inherited();
        if waiting > 0 {
            self.tell(format_args!("{waiting} records from an earlier run may not be in Redis yet"));
        }
        self.watermarks = Watermarks::survey::<P>(&journal, |sequence| shared.dead.contains(sequence));
        self.looked_back = true;
        Ok(true)
    }

    /// Whether nothing is pending.
    fn is_idle(&self) -> bool {
        self.batch.is_empty() && self.rejected.is_empty() && !self.intake.is_behind()
    }

    fn tell(&self, what: impl Display) {
        self.shared.tell(what);
    }
}
