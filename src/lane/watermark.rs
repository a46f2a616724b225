//! What Redis has, and what it lacks: asked at every new connection, answered by the watermarks.
//!
//! A watermark is written with the records it stands for, in one transaction, and replication is a prefix of
//! a master's history. So the watermark alone says what a server has: after a broken connection, after a
//! restart of this process, and on a new master that lacks what the old one had acknowledged.
//!
//! The rule: the lane goes on at the lowest record that is uncommitted or missing. Uncommitted is what waits in the
//! batch and all that no batch got yet; missing is what was committed and its server has no more. Neither bounds
//! the other, because each instance has a watermark of its own, and in a Cluster a server of its own: of one the
//! records from 5 on may wait to be sent once more while the server of another lacks only what came after 30.
//! From there on each record is looked at again, and passed over if its own watermark says that it is there.
//!
//! A watermark may be missing though the records are there: a server's policy can evict it, and it expires when a
//! terminal rests for 35 days. Then the records speak for themselves, where their kind can, and else what this
//! terminal knows: a run of a server that has acknowledged a record has it. To send it again would be a second
//! copy, and to count it as lost a false loss. A server that runs anew has forgotten what it does not show.

pub(super) mod command;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::Policy;
use super::batch::Batch;
use super::intake::Intake;
use super::journal::{Earlier, Journal};
use super::policy::Evidence;
use crate::link::Link;
use crate::link::failure::Failure;
use crate::model::InstanceId;
use crate::model::key::Key;

/// What is known to be committed, by instance.
#[derive(Default)]
pub(super) struct Watermarks {
    committed: HashMap<InstanceId, u64>,
    /// Instances in the journal of whose records nobody knows yet whether they are committed.
    unknown: Vec<InstanceId>,
    /// The histories of the servers at the last connection, of this process or the one before; none before the first.
    history: Option<String>,
    /// Watermarks that claim too much, or too little, and what they must be set to before anything else is sent.
    owed: HashMap<InstanceId, u64>,
}

/// How the lane goes on.
pub(super) struct Resumed {
    /// The histories of the servers that have the records.
    pub(super) history: String,
    /// How many of the batch's records the servers have.
    pub(super) found: usize,
    /// Records that had been acknowledged and that a server lacks; they are sent again.
    pub(super) replayed: u64,
    /// Records that one lacks and that are kept no longer.
    pub(super) lost: u64,
    /// Watermarks that are missing though more is known, and what they were.
    pub(super) vanished: Vec<(Key, u64)>,
}

impl Watermarks {
    /// Learns from the journal which instances there are, and what of each was acknowledged; what is `dead` no
    /// server has.
    pub(super) fn survey<P: Policy>(journal: &Arc<Journal>, dead: impl Fn(u64) -> bool) -> Self {
        let mut watermarks = Self { history: journal.history(), ..Self::default() };
        let mut reader = journal.reader(journal.first());
        let mut bytes = Vec::new();
        while let Some(sequence) = reader.next(&mut bytes) {
            let Some(record) = P::load(sequence, &bytes).filter(|_| !dead(sequence)) else { continue };
            let instance = *P::instance(&record);
            if sequence <= journal.acknowledged() {
                watermarks.committed.insert(instance, sequence);
            } else if !watermarks.committed.contains_key(&instance) && !watermarks.unknown.contains(&instance)
            {
                watermarks.unknown.push(instance);
            }
        }
        watermarks
    }

    /// What is known to be committed, by instance.
    pub(super) fn known(&self) -> &HashMap<InstanceId, u64> {
        &self.committed
    }

    /// Notes what a transaction committed.
    pub(super) fn commit(&mut self, instance: InstanceId, sequence: u64) {
        self.committed.insert(instance, sequence);
    }

    /// A watermark must be set to this before anything else is sent.
    pub(super) fn owe(&mut self, instance: InstanceId, sequence: u64) {
        self.owed.insert(instance, sequence);
    }

    /// Sets the watermarks that must be. What fails stays owed.
    pub(super) fn settle<P: Policy>(
        &mut self,
        policy: &P,
        link: &mut Link,
        batch: &Batch<P>,
    ) -> Result<(), Failure> {
        if self.owed.is_empty() {
            return Ok(());
        }
        let key = |instance: &InstanceId| policy.watermark(instance, policy.producer().as_str());
        let watched: Vec<_> = batch.guarded().map(key).collect();
        while let Some((&instance, &sequence)) = self.owed.iter().next() {
            command::correct(link, &key(&instance), sequence, &watched)?;
            self.owed.remove(&instance);
        }
        Ok(())
    }

    /// Asks the servers what they have, and lets source and batch go on by the rule above. `refused` is the first record
    /// that is to be put aside and could not be so far.
    pub(super) fn resume<P: Policy>(
        &mut self,
        policy: &P,
        link: &mut Link,
        journal: Option<&Arc<Journal>>,
        intake: &mut Intake<P>,
        batch: &mut Batch<P>,
        refused: Option<u64>,
    ) -> Result<Resumed, Failure> {
        let (mut present, mut unvouched) = (HashMap::new(), Vec::new());
        let instances = self.committed.keys().chain(&self.unknown).copied();
        for instance in instances.chain(batch.records().iter().map(|record| *P::instance(record))) {
            if let Entry::Vacant(vacant) = present.entry(instance) {
                let found = look_up(policy, link, journal, &instance)?;
                vacant.insert(found.unwrap_or(0));
                unvouched.extend(found.is_none().then_some(instance));
            }
        }
        let history = link.history()?;
        let vanished = self.substitute(policy, link, journal, unvouched, &history, &mut present)?;
        self.correct(policy, link, &history, &mut present)?;
        let there = |record: &P::Record| P::sequence(record) <= present[P::instance(record)];
        let found = batch.records().iter().filter(|record| there(record)).count();
        let missing = |(instance, &committed): (&InstanceId, &u64)| {
            let present = present[instance];
            (present < committed).then_some((present + 1, committed, *instance))
        };
        let missing = || self.committed.iter().filter_map(missing);
        let first_missing = missing().map(|(first, ..)| first).min();
        let last_missing = missing().map(|(_, last, _)| last).max().unwrap_or(0);
        let mut resumed = Resumed { history, found, replayed: 0, lost: 0, vanished };
        match journal {
            Some(journal) => {
                let kept_from = journal.first();
                if let Some(first) = first_missing {
                    resumed.lost = journal.count(first, kept_from - 1);
                    resumed.replayed = journal.count(first.max(kept_from), last_missing);
                }
                for (first, last, instance) in missing() {
                    // Of several instances nobody knows any more whose the last one lost was.
                    let lost = if last < kept_from { last } else { journal.before(kept_from) };
                    if first <= lost && first < kept_from {
                        intake.note_missing(lost, Some(instance));
                    }
                }
                let waiting = [batch.first(), refused].into_iter().flatten().min();
                let uncommitted = waiting.unwrap_or(u64::MAX).min(intake.next());
                let from = uncommitted.min(first_missing.unwrap_or(u64::MAX)).max(kept_from);
                batch.clear();
                intake.resume(from, present.clone());
            }
            None => {
                // Nothing is kept that was committed.
                missing().for_each(|(_, last, instance)| intake.note_missing(last, Some(instance)));
                if let Some(first) = first_missing {
                    let missing = first..=last_missing;
                    let waiting = batch.records().iter().map(P::sequence).filter(|it| missing.contains(it));
                    resumed.lost = last_missing + 1 - first - waiting.count() as u64;
                }
                batch.retain(|record| !there(record));
                intake.resume(intake.next(), present.clone());
            }
        }
        if self.history.as_ref() != Some(&resumed.history) {
            if let Some(journal) = journal {
                journal
                    .note_history(&resumed.history)
                    .map_err(|error| Failure::held(format!("the journal cannot be written: {error}")))?;
            }
            self.history = Some(resumed.history.clone());
        }
        batch.guard(present.keys().copied());
        self.owed.clear();
        self.unknown.clear();
        self.committed = present;
        Ok(resumed)
    }

    /// Corrects what watermarks say of records that were refused, as far as an answer said so or the records do.
    fn correct<P: Policy>(
        &self,
        policy: &P,
        link: &mut Link,
        history: &str,
        present: &mut HashMap<InstanceId, u64>,
    ) -> Result<(), Failure> {
        let trusted = self.history.as_ref().is_some_and(|before| is_same(before, history));
        let producer = policy.producer().as_str();
        let watched: Vec<_> = present.keys().map(|instance| policy.watermark(instance, producer)).collect();
        for (instance, present) in present {
            let found = *present;
            if let Some(&owed) = self.owed.get(instance)
                && (found > owed || trusted)
            {
                *present = owed;
            }
            let known = self.committed.get(instance).copied().unwrap_or(0);
            if *present > known
                && let Evidence::Only(last) = policy.last_written(instance, producer, link)?
            {
                // It was in doubt, and the answer that was lost was a refusal.
                *present = last.max(known).min(*present);
            }
            if *present != found {
                command::correct(link, &policy.watermark(instance, producer), *present, &watched)?;
            }
        }
        Ok(())
    }

    /// Finds out otherwise what is present where no watermark says so.
    fn substitute<P: Policy>(
        &self,
        policy: &P,
        link: &mut Link,
        journal: Option<&Arc<Journal>>,
        missing: Vec<InstanceId>,
        history: &str,
        present: &mut HashMap<InstanceId, u64>,
    ) -> Result<Vec<(Key, u64)>, Failure> {
        let trusted = self.history.as_ref().is_some_and(|before| is_same(before, history));
        let mut vanished = Vec::new();
        for instance in missing {
            let producer = policy.producer().as_str();
            let mut known = policy.last_written(&instance, producer, link)?.last();
            for Earlier { name, last } in journal.map_or(&[][..], |journal| journal.earlier()) {
                known = known.max(policy.last_written(&instance, name, link)?.last().min(*last));
            }
            if trusted {
                known = known.max(self.committed.get(&instance).copied().unwrap_or(0));
            }
            let key = policy.watermark(&instance, producer);
            undisputed(&key, known, journal)?;
            if known > 0 {
                vanished.push((key, known));
                present.insert(instance, known);
            }
        }
        Ok(vanished)
    }
}

/// Whether two histories are known to be the same.
fn is_same(one: &str, other: &str) -> bool {
    // A user who may not ask is told nothing.
    !one.is_empty() && one == other
}

/// What the server has of this instance; none if no watermark says so. Its watermark is watched from now on.
fn look_up<P: Policy>(
    policy: &P,
    link: &mut Link,
    journal: Option<&Arc<Journal>>,
    instance: &InstanceId,
) -> Result<Option<u64>, Failure> {
    let key = policy.watermark(instance, policy.producer().as_str());
    command::renew(link, &key)?;
    command::watch(link, &key)?;
    let mut present = command::read(link, &key)?;
    undisputed(&key, present.unwrap_or(0), journal)?;
    for Earlier { name, last } in journal.map_or(&[][..], |journal| journal.earlier()) {
        if present.unwrap_or(0) < *last {
            let key = policy.watermark(instance, name);
            command::renew(link, &key)?;
            present = present.max(command::read(link, &key)?.map(|earlier| earlier.min(*last)));
        }
    }
    Ok(present)
}

/// Sees to it that no other journal goes on with these numbers.
fn undisputed(key: &str, present: u64, journal: Option<&Arc<Journal>>) -> Result<(), Failure> {
    let Some(journal) = journal else { return Ok(()) };
    if present > journal.given() {
        // Kept until somebody starts this terminal anew: to go on would lose what either of them accepts.
        let given = journal.given();
        journal
            .contest()
            .map_err(|error| Failure::held(format!("the journal cannot be written: {error}")))?;
        return Err(Failure::held(format!(
            "{key} is at {present}, and this journal gave no number above {given}: another terminal uses a \
             copy of it, or this machine was restored from a backup. Restart this terminal: the journal then gets a name of its own"
        )));
    }
    Ok(())
}
