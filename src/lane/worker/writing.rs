//! How a lane's thread writes a batch and acts on the answer.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Worker;
use super::backoff::REMIND;
use crate::lane::Policy;
use crate::lane::dead_letters::Letter;
use crate::lane::journal::Journal;
use crate::link::failure::Failure;
use crate::pressure::level;

impl<P: Policy> Worker<P> {
    pub(super) fn write(&mut self) {
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
        let Self { policy, link, journal, intake, batch, watermarks, synced, .. } = self;
        // Done while the server works: a new segment or a sync takes as long as a hundred records. A failure here
        // happens again where it matters.
        let meanwhile = || {
            journal.iter().for_each(|journal| drop(journal.prepare()));
            intake.take_ahead(self.batch_records);
            if intake.taken() > *synced
                && let Some(journal) = journal
            {
                *synced = Self::sync(journal).unwrap_or(*synced);
            }
        };
        let outcome = batch.exchange(policy, link, watermarks.known(), meanwhile);
        self.heard = Instant::now();
        self.shared.gauge.lock().ended(self.heard);
        let rejected = outcome.rejected.len();
        self.shared.counters.batch(outcome.bytes, self.heard - started, outcome.superseded, rejected);
        self.rate
            .sent((records - self.batch.len()).saturating_sub(outcome.superseded as usize), outcome.bytes);
        self.rejected.extend(outcome.rejected);
        self.after_letters.extend(outcome.after_letters);
        outcome.committed.into_iter().for_each(|(tag, sequence)| self.watermarks.commit(tag, sequence));
        outcome.owed.into_iter().for_each(|(tag, sequence)| self.watermarks.owe(tag, sequence));
        outcome.aside.into_iter().for_each(|failure| self.tell_aside(failure));
        let settled = self.settle();
        self.committed();
        if self.link.is_connected() {
            self.shared.unanswered.store(0, Ordering::Release);
        }
        // The most severe one counts.
        let failures = [settled.err(), outcome.failure];
        let failure = failures.into_iter().flatten().min_by_key(|failure| failure.class);
        match failure.map_or(Ok(()), Err) {
            Ok(()) if self.batch.is_empty() => self.succeeded(),
            // Some are sent again at once: after an ASK, or without a rejected one.
            Ok(()) => {}
            Err(failure) => self.failed_for(failure, outcome.advice),
        }
    }

    /// Corrects watermarks and writes dead letters, before anything else is sent.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        self.note_history()?;
        let Self { policy, link, batch, watermarks, .. } = self;
        let set = watermarks.settle(policy, link, batch);
        self.put_aside()?;
        set?;
        if self.after_letters.is_empty() {
            return Ok(());
        }
        for (tag, sequence) in self.after_letters.drain(..) {
            self.watermarks.owe(tag, sequence);
            self.watermarks.commit(tag, sequence);
        }
        let Self { policy, link, batch, watermarks, .. } = self;
        watermarks.settle(policy, link, batch)
    }

    /// Notes which servers have the acknowledged records, if they have all of them by now.
    pub(super) fn note_history(&mut self) -> Result<(), Failure> {
        let done = self.done();
        self.watermarks.note_history(self.journal.as_ref(), done)
    }

    /// Reports a refusal that no record depends on, now and then.
    fn tell_aside(&mut self, failure: Failure) {
        let news = |(text, told): &(String, Instant)| *text != failure.text || told.elapsed() >= REMIND;
        if self.aside.as_ref().is_none_or(news) {
            self.tell(format_args!(
                "{} accepts the records but refuses what accompanies them: {}",
                self.link.address(),
                failure.text
            ));
            self.aside = Some((failure.text, Instant::now()));
        }
    }

    /// Makes dead letters of what the server will never accept, so that the lane can continue.
    fn put_aside(&mut self) -> Result<(), Failure> {
        let Some((first, reason)) = self.rejected.first() else { return Ok(()) };
        let address = self.link.address();
        let mut place = String::new();
        if P::COMMITTED {
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
            let dead = &self.shared.dead;
            let path = dead.path().map(|path| path.display().to_string());
            dead.add(&letters).map_err(|error| {
                Failure::held(format!(
                    "{} records were rejected and cannot be put aside in {}: {error}",
                    letters.len(),
                    path.as_deref().unwrap_or_default()
                ))
            })?;
            place = path.map_or(String::new(), |path| format!("; put aside in {path}"));
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

    /// Makes sure that everything up to this sequence number is on the disk.
    fn be_on_disk(&mut self, sequence: u64) -> Result<(), Failure> {
        if let Some(journal) = &self.journal
            && sequence > self.synced
        {
            self.synced = Self::sync(journal)?;
        }
        Ok(())
    }

    /// Syncs the journal to the disk, if `journal.sync` asks for it. Returns the last number that is there.
    fn sync(journal: &Journal) -> Result<u64, Failure> {
        let last = journal.last();
        journal
            .sync()
            .map(|()| last)
            .map_err(|error| Failure::held(format!("the journal cannot be written to disk: {error}")))
    }

    /// Everything up to this sequence number is in Redis or a dead letter: it is before the rest of the batch, before
    /// refused records, and before what comes next. It goes back when a server lacks what was committed.
    pub(super) fn done(&self) -> u64 {
        let next = self.batch.first().unwrap_or(u64::MAX).min(self.intake.next());
        let rejected = self.rejected.iter().map(|(record, _)| P::sequence(record)).min();
        next.min(rejected.unwrap_or(next)) - 1
    }

    /// Publishes how far commits have come.
    pub(super) fn committed(&mut self) {
        self.shared.commit(self.done());
        if let Some(journal) = &self.journal {
            journal.acknowledge(self.shared.committed());
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.backoff = None;
        self.shared.set_blocked(false);
        self.shared.gauge.lock().replied(level::NORMAL);
        let released = self.retention.succeeded(Instant::now(), self.shared.committed());
        if let (Some(journal), Some(sequence)) = (&self.journal, released) {
            // Records that are sent again are still needed.
            journal.release(sequence.min(self.done()));
        }
    }
}
