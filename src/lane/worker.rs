//! The thread of a lane: take all that waits, write it, read the replies, commit; connect again when the
//! connection breaks, wait when the server cannot take more, and never let go of what is not committed.

mod holding;
mod trouble;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::dead::Letter;
use super::deferred::Deferred;
use super::journal::Journal;
use super::rate::Rate;
use super::resume::{Ledger, Resumed};
use super::retention::Retention;
use super::source::Source;
use super::{Policy, Shared};
use crate::config::LaneConfig;
use crate::link::Link;
use crate::link::failure::Failure;
use crate::panic_text;
use crate::pressure::level;
use trouble::Trouble;

/// An idle connection is asked whether it still lives, so that the next record does not find out.
const IDLE_CHECK: Duration = Duration::from_secs(10);
/// An idle lane connects anew so often, by which the watermarks live on.
const RENEW: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the pressure is worth a look while all goes well.
const LOOK_EVERY: Duration = Duration::from_millis(50);
pub(super) struct Worker<P: Policy> {
    policy: P,
    link: Link,
    journal: Option<Arc<Journal>>,
    shared: Arc<Shared<P>>,
    source: Source<P>,
    batch: Batch<P>,
    batch_records: usize,
    batch_bytes: usize,
    rate: Rate,
    /// What pressure holds back.
    deferred: Deferred<P>,
    /// The batch has copies of what was held back.
    releasing: bool,
    /// The first sequence number that is held back; `u64::MAX`: none.
    held_from: u64,
    next_look: Instant,
    /// When the server was last heard of.
    heard: Instant,
    /// When the watermarks were last renewed.
    renewed: Instant,
    /// What the server will never take, and why, until it is put aside.
    rejected: Vec<(P::Record, String)>,
    ledger: Ledger,
    /// The ledger knows what the journal holds.
    looked_back: bool,
    retention: Retention,
    trouble: Option<Trouble>,
    /// When the servers were last asked whether they are still the right ones.
    checked: Instant,
    /// All up to this sequence number is on the disk, if the user asked for that.
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
            source: Source::new(shared.clone(), journal.clone(), shared.committed() + 1),
            journal,
            shared,
            batch: Batch::new(),
            batch_records: config.batch_records,
            batch_bytes: config.batch_bytes,
            rate: Rate::new(config.rate, Instant::now()),
            deferred: Deferred::new(),
            releasing: false,
            held_from: u64::MAX,
            next_look: Instant::now(),
            heard: Instant::now(),
            renewed: Instant::now(),
            rejected: Vec::new(),
            ledger: Ledger::default(),
            looked_back: false,
            retention: Retention::new(retain_acked),
            trouble: None,
            checked: Instant::now(),
            synced: 0,
        }
    }

    pub(super) fn run(mut self) {
        self.shared.bell.belongs_to_this_thread();
        loop {
            // A defect must not take the records with it: the batch stays, the connection goes.
            match catch_unwind(AssertUnwindSafe(|| self.step())) {
                Ok(true) => {}
                Ok(false) => break,
                Err(panic) => {
                    self.link.disconnect();
                    self.failed(Failure::lost(format!(
                        "a defect, please report it: {}",
                        panic_text(&*panic)
                    )));
                }
            }
        }
        self.journal.iter().for_each(|journal| journal.rest());
        // The journal must be free for another before anybody hears that this thread has ended: it goes here.
    }

    /// One round. Returns whether there is to be another.
    fn step(&mut self) -> bool {
        if let Some(journal) = &self.journal {
            if !journal.has_room() {
                // Better to keep committed records for a shorter time than to refuse new ones, and what is held
                // back in memory only.
                journal.acknowledge(self.passed());
                journal.release(self.passed());
            }
            // What fails here fails again where a record needs it, and is told there.
            let _ = journal.prepare();
        }
        if self.shared.leave(self.is_idle()) {
            return false;
        }
        if let Some(trouble) = &self.trouble
            && Instant::now() < trouble.next_attempt
        {
            self.shared.pause(trouble.next_attempt);
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
        if let Err(failure) = self.put_aside().and_then(|()| self.be_connected()) {
            self.failed(failure);
            return true;
        }
        let now = Instant::now();
        if now >= self.next_look || self.shared.pressure.is_on_trial() {
            self.next_look = now + LOOK_EVERY;
            self.shared.look(now);
        }
        if let Some(until) = self.rate.closed_until(now) {
            self.shared.pause(until);
            return true;
        }
        if self.batch.has_nothing_to_write() && !self.release(now) {
            self.take(now);
        }
        if !self.batch.has_nothing_to_write() {
            self.write();
        }
        true
    }

    /// Looks, once, at what the journal holds of an earlier life. Returns whether it has been looked at: whoever
    /// abandons the lane need not wait for that.
    fn look_back(&mut self) -> Result<bool, Failure> {
        let Some(journal) = self.journal.clone().filter(|_| !self.looked_back) else { return Ok(true) };
        let shared = self.shared.clone();
        // Callers need room meanwhile.
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
            self.tell(format_args!("{waiting} records of an earlier life are not known to be in Redis"));
        }
        let dead = |sequence| shared.dead.as_ref().is_some_and(|dead| dead.contains(sequence));
        self.ledger = Ledger::survey(&self.policy, &journal, dead);
        self.looked_back = true;
        Ok(true)
    }

    /// Sees to it that there is a connection and, where another server may take over, that it leads to the
    /// right one: one that takes nothing may not be it any more, and nor may a busy one.
    fn be_connected(&mut self) -> Result<(), Failure> {
        if !self.link.is_connected() {
            self.connect()
        } else if self.link.may_move() && (self.trouble.is_some() || self.checked.elapsed() >= IDLE_CHECK) {
            self.check()
        } else {
            Ok(())
        }
    }

    /// Connects and finds out what this server has.
    fn connect(&mut self) -> Result<(), Failure> {
        self.checked = Instant::now();
        self.link.connect()?;
        self.renewed = self.checked;
        self.policy.forget();
        // What of it this connection's server lacks is held still.
        self.releasing = false;
        let connected = self
            .resume()
            .and_then(|()| self.policy.prepare(&[], &mut self.link))
            .and_then(|()| self.warn_of_eviction());
        if let Err(failure) = connected {
            self.link.disconnect();
            return Err(failure);
        }
        let after = match &self.trouble {
            Some(trouble) => format!(" after {:.1} s", trouble.since.elapsed().as_secs_f64()),
            None => String::new(),
        };
        self.shared.unanswered.store(0, Ordering::Release);
        self.tell(format_args!("connected to {}{after}", self.link.address()));
        self.shared.counters.connects.fetch_add(1, Ordering::Relaxed);
        self.shared.counters.connected.store(true, Ordering::Relaxed);
        self.shared.trouble(false);
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Failure> {
        if !P::COMMITTED {
            return Ok(());
        }
        let in_doubt = self.batch.len();
        let journal = self.journal.as_ref();
        let Resumed { history, found, known, replayed, lost, vanished } =
            self.ledger.resume(&self.policy, &mut self.link, journal, &mut self.source, &mut self.batch)?;
        self.retention.connected(history);
        let now = Instant::now();
        known.into_iter().for_each(|record| self.deferred.known(&self.policy, record, now));
        // What precedes a record that is still in the batch was perhaps taken out of it.
        self.hold_back(0);
        self.shared.counters.lost.fetch_add(lost, Ordering::Relaxed);
        let address = self.link.address();
        for (watermark, known) in vanished {
            self.tell(format_args!(
                "{watermark} is gone from {address}, and nothing is sent again: it was {known}. Deleted, expired, or \
                 evicted: see maxmemory-policy"
            ));
        }
        if replayed > 0 {
            self.tell(format_args!(
                "{address} lacks {replayed} records that were committed; they are sent again"
            ));
        } else if in_doubt > 0 {
            self.tell(format_args!("of {in_doubt} records in doubt {address} has {found}"));
        }
        if lost > 0 {
            self.tell(format_args!(
                "{address} lacks {lost} more records, which are lost: they are kept no longer, see journal.retain_acked"
            ));
        }
        self.committed();
        Ok(())
    }

    /// Tells of servers that may throw away what this lane writes.
    fn warn_of_eviction(&mut self) -> Result<(), Failure> {
        self.link.evictions(P::COMMITTED)?.iter().for_each(|warning| self.tell(warning));
        Ok(())
    }

    /// Asks whether the connections live and lead to the right servers.
    fn check(&mut self) -> Result<(), Failure> {
        self.checked = Instant::now();
        self.link.check()
    }

    fn write(&mut self) {
        let started = Instant::now();
        let last = self.batch.records().last().map_or(0, P::sequence);
        let prepared =
            self.be_on_disk(last).and_then(|()| self.policy.prepare(self.batch.records(), &mut self.link));
        if let Err(failure) = prepared {
            return self.failed(failure);
        }
        self.shared.unanswered.store(last, Ordering::Release);
        self.shared.gauge.lock().began(started);
        let records = self.batch.len();
        let Self { policy, link, journal, source, batch, ledger, synced, .. } = self;
        // What the lane would do next, while the server works: a new segment takes as long as a hundred records,
        // and so does the disk. What fails here fails again where it is needed.
        let meanwhile = || {
            journal.iter().for_each(|journal| drop(journal.prepare()));
            source.take_ahead(self.batch_records);
            if source.taken() > *synced
                && let Some(journal) = journal
            {
                *synced = Self::sync(journal).unwrap_or(*synced);
            }
        };
        let outcome = batch.exchange(policy, link, ledger.known(), meanwhile);
        self.heard = Instant::now();
        self.shared.gauge.lock().ended(self.heard);
        let rejected = outcome.rejected.len();
        self.shared.counters.batch(outcome.bytes, self.heard - started, outcome.superseded, rejected);
        self.rate
            .sent((records - self.batch.len()).saturating_sub(outcome.superseded as usize), outcome.bytes);
        if self.releasing {
            self.deferred.written(self.source.next(), self.batch.records(), self.heard);
            self.releasing = !self.batch.is_empty();
        }
        self.rejected.extend(outcome.rejected);
        for (tag, sequence) in outcome.committed {
            self.ledger.commit(tag, sequence);
        }
        let aside = self.put_aside();
        self.committed();
        if self.link.is_connected() {
            self.shared.unanswered.store(0, Ordering::Release);
        }
        match outcome.failure.map_or(aside, Err) {
            Ok(()) if self.batch.is_empty() => self.succeeded(),
            // Some are sent again at once: to the server that has them for the moment, or without one that was
            // rejected.
            Ok(()) => {}
            Err(failure) => self.failed(failure),
        }
    }

    /// Writes down what the server will never take, so that the lane can go on without it.
    fn put_aside(&mut self) -> Result<(), Failure> {
        let Some((first, reason)) = self.rejected.first() else { return Ok(()) };
        let address = self.link.address();
        let mut place = String::new();
        if let Some(dead) = &self.shared.dead {
            let letters: Vec<Letter> = self
                .rejected
                .iter()
                .map(|(record, error)| Letter {
                    lane: P::LANE.to_string(),
                    server: &address,
                    sequence: P::sequence(record),
                    error,
                    record: self.policy.describe(record),
                })
                .collect();
            dead.add(&letters).map_err(|error| {
                Failure::held(format!(
                    "{} records were rejected and cannot be put aside in {}: {error}",
                    letters.len(),
                    dead.path().display()
                ))
            })?;
            place = format!("; put aside in {}", dead.path().display());
        }
        let more = match self.rejected.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        self.tell(format_args!(
            "record {}{more} was rejected by {address}: {reason}{place}",
            P::sequence(first)
        ));
        self.rejected.clear();
        self.committed();
        Ok(())
    }

    /// Whether nothing waits.
    fn is_idle(&self) -> bool {
        self.batch.is_empty()
            && self.deferred.is_empty()
            && self.rejected.is_empty()
            && !self.source.is_behind()
    }

    /// Sees to it that all up to this sequence number is on the disk.
    fn be_on_disk(&mut self, sequence: u64) -> Result<(), Failure> {
        if let Some(journal) = &self.journal
            && sequence > self.synced
        {
            self.synced = Self::sync(journal)?;
        }
        Ok(())
    }

    /// Puts what was accepted on the disk before it is sent, if the user asked for that. Returns up to where.
    fn sync(journal: &Journal) -> Result<u64, Failure> {
        let last = journal.last();
        journal
            .sync()
            .map(|()| last)
            .map_err(|error| Failure::held(format!("the journal cannot be written to disk: {error}")))
    }

    /// Up to where everything is in Redis, or held back: before what is left of the batch, before what is still
    /// to be put aside, and before what comes next. It goes back when a server lacks what was committed.
    fn passed(&self) -> u64 {
        let next = self.batch.first().unwrap_or(u64::MAX).min(self.source.next());
        let rejected = self.rejected.iter().map(|(record, _)| P::sequence(record)).min();
        next.min(rejected.unwrap_or(next)) - 1
    }

    /// Notes how far it is.
    fn committed(&mut self) {
        let passed = self.passed();
        // What a record of the batch says more of is in Redis when the batch is.
        let held = self.deferred.first().unwrap_or(u64::MAX);
        self.held_from = if self.batch.has_nothing_to_write() { held } else { held.min(self.held_from) };
        self.shared.counters.deferred.store(self.deferred.len() as u64, Ordering::Relaxed);
        self.shared.commit(passed, passed.min(self.held_from - 1));
        if let Some(journal) = &self.journal {
            // What is held back is sent by the next process, should this one end.
            journal.acknowledge(self.shared.committed());
        }
    }

    fn succeeded(&mut self) {
        self.trouble = None;
        self.shared.trouble(false);
        self.shared.gauge.lock().replied(level::NORMAL);
        let released = self.retention.succeeded(Instant::now(), self.shared.passed());
        if let (Some(journal), Some(sequence)) = (&self.journal, released) {
            // What is sent again, or was held back once more, is still needed.
            let needed = self.held_from.min(self.passed() + 1);
            journal.release(sequence.min(needed - 1));
        }
    }

    fn tell(&self, what: impl Display) {
        self.shared.tell(what);
    }
}
