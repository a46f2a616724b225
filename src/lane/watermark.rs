//! What Redis has and what it lacks: asked at every new connection, answered by the watermarks.
//!
//! A watermark is written in one transaction with its records, and replication is a prefix of a master's history. So
//! the watermark alone says what a server has: after a broken connection, after a restart of this process, and on a
//! new master that lacks what the old one had acknowledged.
//!
//! The rule: the lane resumes at the lowest record that is uncommitted or missing. A record is uncommitted if it is
//! in the batch or in no batch yet. It is missing if it was committed and its server no longer has it. Neither bounds
//! the other, because each tag has its own watermark, and in a Cluster its own server: one tag's records
//! from 5 on may be pending while the server of another lacks only what came after 30. From there on each record is
//! looked at again, and skipped if its own watermark covers it.
//!
//! A watermark may be missing although the records are there: a server can evict it, and it expires when a terminal
//! rests for 35 days. Then the records themselves tell, where their kind can. Otherwise this process knows: the run
//! of a server that has acknowledged a record has it. Sending it again would make a second copy, and counting it as
//! lost would be a false loss. A server that was restarted has lost what it does not show.

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
use crate::model::Tag;
use crate::model::key::Key;

/// What is known to be committed, for each tag.
#[derive(Default)]
pub(super) struct Watermarks {
    committed: HashMap<Tag, u64>,
    /// Instances in the journal whose records may or may not be committed.
    unknown: Vec<Tag>,
    /// The servers' histories at the last connection, by this process or the one before; none before the first.
    history: Option<String>,
    /// The journal does not name them yet.
    unnoted: bool,
    /// Watermarks that claim too much or too little, and the numbers to set before anything else is sent.
    owed: HashMap<Tag, u64>,
}

/// How the lane resumes.
pub(super) struct Resumed {
    /// The servers' histories.
    pub(super) history: String,
    /// How many of the batch's records are in Redis.
    pub(super) found: usize,
    /// How many acknowledged records a server lacks and gets again.
    pub(super) replayed: u64,
    /// How many acknowledged records a server lacks and the journal no longer has.
    pub(super) lost: u64,
    /// Missing watermarks whose number is known, and the number.
    pub(super) vanished: Vec<(Key, u64)>,
}

impl Watermarks {
    /// Reads from the journal which tags there are, and which record of each was acknowledged last. No server has
    /// `dead` ones.
    pub(super) fn survey<P: Policy>(journal: &Arc<Journal>, dead: impl Fn(u64) -> bool) -> Self {
        let mut watermarks = Self { history: journal.history(), ..Self::default() };
        let mut reader = journal.reader(journal.first());
        let mut bytes = Vec::new();
        while let Some(sequence) = reader.next(&mut bytes) {
            let Some(record) = P::load(sequence, &bytes).filter(|_| !dead(sequence)) else { continue };
            let tag = *P::tag(&record);
            if sequence <= journal.acknowledged() {
                watermarks.committed.insert(tag, sequence);
            } else if !watermarks.committed.contains_key(&tag) && !watermarks.unknown.contains(&tag) {
                watermarks.unknown.push(tag);
            }
        }
        let tags = watermarks.committed.keys().chain(&watermarks.unknown);
        let siblings: Vec<_> = tags.filter_map(P::sibling).collect();
        watermarks.unknown.extend(siblings);
        watermarks
    }

    /// What is known to be committed, for each tag.
    pub(super) fn known(&self) -> &HashMap<Tag, u64> {
        &self.committed
    }

    /// Notes what a transaction committed.
    pub(super) fn commit(&mut self, tag: Tag, sequence: u64) {
        self.committed.insert(tag, sequence);
    }

    /// Notes that a watermark must be set to this number before anything else is sent.
    pub(super) fn owe(&mut self, tag: Tag, sequence: u64) {
        self.owed.insert(tag, sequence);
    }

    /// Sets the watermarks that are owed. What fails stays owed.
    pub(super) fn settle<P: Policy>(
        &mut self,
        policy: &P,
        link: &mut Link,
        batch: &Batch<P>,
    ) -> Result<(), Failure> {
        if self.owed.is_empty() {
            return Ok(());
        }
        let key = |tag: &Tag| policy.watermark(tag, policy.producer().as_str());
        let watched: Vec<_> = batch.guarded().map(key).collect();
        while let Some((&tag, &sequence)) = self.owed.iter().next() {
            command::correct(link, &key(&tag), sequence, &watched)?;
            self.owed.remove(&tag);
        }
        Ok(())
    }

    /// Asks the servers what they have, and resumes intake and batch by the rule above. `refused` is the first refused
    /// record that is no dead letter yet.
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
        let tags = self.committed.keys().chain(&self.unknown).copied();
        for tag in tags.chain(batch.records().iter().map(|record| *P::tag(record))) {
            if let Entry::Vacant(vacant) = present.entry(tag) {
                let found = look_up(policy, link, journal, &tag)?;
                vacant.insert(found.unwrap_or(0));
                unvouched.extend(found.is_none().then_some(tag));
            }
        }
        let history = link.history()?;
        let vanished = self.substitute(policy, link, journal, unvouched, &history, &mut present)?;
        self.correct(policy, link, &history, &mut present)?;
        let there = |record: &P::Record| P::sequence(record) <= present[P::tag(record)];
        let found = batch.records().iter().filter(|record| there(record)).count();
        let missing = |(tag, &committed): (&Tag, &u64)| {
            let present = present[tag];
            (present < committed).then_some((present + 1, committed, *tag))
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
                for (first, last, tag) in missing() {
                    // With several tags, nobody knows whose the last lost record was.
                    let lost = if last < kept_from { last } else { journal.predecessor(kept_from) };
                    if first <= lost && first < kept_from {
                        intake.note_missing(lost, Some(tag));
                    }
                }
                let waiting = [batch.first(), refused].into_iter().flatten().min();
                let uncommitted = waiting.unwrap_or(u64::MAX).min(intake.next());
                let from = uncommitted.min(first_missing.unwrap_or(u64::MAX)).max(kept_from);
                batch.clear();
                intake.resume(from, present.clone());
            }
            None => {
                // Committed records are not kept.
                missing().for_each(|(_, last, tag)| intake.note_missing(last, Some(tag)));
                if let Some(first) = first_missing {
                    let missing = first..=last_missing;
                    let waiting = batch.records().iter().map(P::sequence).filter(|it| missing.contains(it));
                    resumed.lost = last_missing + 1 - first - waiting.count() as u64;
                }
                batch.retain(|record| !there(record));
                intake.resume(intake.next(), present.clone());
            }
        }
        self.unnoted |= self.history.as_ref() != Some(&resumed.history);
        self.history = Some(resumed.history.clone());
        batch.guard(present.keys().copied());
        self.owed.clear();
        self.unknown.clear();
        self.committed = present;
        Ok(resumed)
    }

    /// Notes in the journal which histories have the acknowledged records, once they have all of them. Until then a
    /// missing watermark was not evicted: if the next process took it for that, it would not send again what is missing.
    pub(super) fn note_history(&mut self, journal: Option<&Arc<Journal>>, done: u64) -> Result<(), Failure> {
        if let Some(journal) = journal.filter(|journal| self.unnoted && done >= journal.acknowledged()) {
            journal
                .note_history(self.history.as_deref().unwrap_or_default())
                .map_err(|error| Failure::held(format!("the journal cannot be written: {error}")))?;
            self.unnoted = false;
        }
        Ok(())
    }

    /// Corrects watermarks that cover refused records, as far as an answer or the records themselves show it.
    fn correct<P: Policy>(
        &self,
        policy: &P,
        link: &mut Link,
        history: &str,
        present: &mut HashMap<Tag, u64>,
    ) -> Result<(), Failure> {
        let trusted = self.history.as_ref().is_some_and(|before| is_same(before, history));
        let producer = policy.producer().as_str();
        let watched: Vec<_> = present.keys().map(|tag| policy.watermark(tag, producer)).collect();
        for (tag, present) in present {
            let found = *present;
            if let Some(&owed) = self.owed.get(tag)
                && (found > owed || trusted)
            {
                *present = owed;
            }
            let known = self.committed.get(tag).copied().unwrap_or(0);
            if *present > known
                && let Evidence::Only(last) = policy.last_written(tag, producer, link)?
            {
                // It was in doubt, and the lost answer was a refusal.
                *present = last.max(known).min(*present);
            }
            if *present != found {
                command::correct(link, &policy.watermark(tag, producer), *present, &watched)?;
            }
        }
        Ok(())
    }

    /// Finds out what is present where a watermark is missing.
    fn substitute<P: Policy>(
        &self,
        policy: &P,
        link: &mut Link,
        journal: Option<&Arc<Journal>>,
        missing: Vec<Tag>,
        history: &str,
        present: &mut HashMap<Tag, u64>,
    ) -> Result<Vec<(Key, u64)>, Failure> {
        let trusted = self.history.as_ref().is_some_and(|before| is_same(before, history));
        let mut vanished = Vec::new();
        for tag in missing {
            let producer = policy.producer().as_str();
            let mut known = policy.last_written(&tag, producer, link)?.last();
            for Earlier { name, last } in journal.map_or(&[][..], |journal| journal.earlier()) {
                known = known.max(policy.last_written(&tag, name, link)?.last().min(*last));
            }
            if trusted {
                known = known.max(self.committed.get(&tag).copied().unwrap_or(0));
            }
            let key = policy.watermark(&tag, producer);
            undisputed(&key, known, journal)?;
            if known > 0 {
                vanished.push((key, known));
                present.insert(tag, known);
            }
        }
        Ok(vanished)
    }
}

/// Whether two histories are certainly the same.
fn is_same(one: &str, other: &str) -> bool {
    // A user without the permission to ask gets an empty one.
    !one.is_empty() && one == other
}

/// What the server has of this tag; none without a watermark. Watches the watermark from now on.
fn look_up<P: Policy>(
    policy: &P,
    link: &mut Link,
    journal: Option<&Arc<Journal>>,
    tag: &Tag,
) -> Result<Option<u64>, Failure> {
    let key = policy.watermark(tag, policy.producer().as_str());
    command::renew(link, &key)?;
    command::watch(link, &key)?;
    let mut present = command::read(link, &key)?;
    undisputed(&key, present.unwrap_or(0), journal)?;
    for Earlier { name, last } in journal.map_or(&[][..], |journal| journal.earlier()) {
        if present.unwrap_or(0) < *last {
            let key = policy.watermark(tag, name);
            command::renew(link, &key)?;
            present = present.max(command::read(link, &key)?.map(|earlier| earlier.min(*last)));
        }
    }
    Ok(present)
}

/// Makes sure that no other journal uses these numbers.
fn undisputed(key: &str, present: u64, journal: Option<&Arc<Journal>>) -> Result<(), Failure> {
    let Some(journal) = journal else { return Ok(()) };
    if present > journal.given() {
        // Noted until this terminal is restarted: continuing would lose what either journal accepts.
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
