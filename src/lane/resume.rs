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

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::batch::Batch;
use super::journal::{Earlier, Journal};
use super::policy::Evidence;
use super::source::{Source, Tag};
use super::{Policy, watermark};
use crate::link::Link;
use crate::link::failure::Failure;
use crate::model::key::Key;

/// What is known to be committed, by tag.
#[derive(Default)]
pub(super) struct Ledger {
    committed: HashMap<Tag, u64>,
    /// Tags in the journal of whose records nobody knows yet whether they are committed.
    unknown: Vec<Tag>,
    /// The histories of the servers at the last connection, of this process or the one before; none before the first.
    history: Option<String>,
    /// Watermarks that claim too much, or too little, and what they must be set to before anything else is sent.
    owed: HashMap<Tag, u64>,
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

impl Ledger {
    /// Learns from the journal which tags there are, and what of each was acknowledged; what is `dead` no
    /// server has.
    pub(super) fn survey<P: Policy>(policy: &P, journal: &Arc<Journal>, dead: impl Fn(u64) -> bool) -> Self {
        let mut ledger = Self { history: journal.history(), ..Self::default() };
        let mut reader = journal.reader(journal.first());
        let mut bytes = Vec::new();
        while let Some(sequence) = reader.next(&mut bytes) {
            let Some(record) = P::load(sequence, &bytes).filter(|_| !dead(sequence)) else { continue };
            let tag = tag(policy, &record);
            if sequence <= journal.acknowledged() {
                ledger.committed.insert(tag, sequence);
            } else if !ledger.committed.contains_key(&tag) && !ledger.unknown.contains(&tag) {
                ledger.unknown.push(tag);
            }
        }
        ledger
    }

    /// What is known to be committed, by tag.
    pub(super) fn known(&self) -> &HashMap<Tag, u64> {
        &self.committed
    }

    /// Notes what a transaction committed.
    pub(super) fn commit(&mut self, tag: Tag, sequence: u64) {
        self.committed.insert(tag, sequence);
    }

    /// A watermark must be set to this before anything else is sent.
    pub(super) fn owe(&mut self, tag: Tag, sequence: u64) {
        self.owed.insert(tag, sequence);
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
        let key = |tag: &Tag| policy.watermark(tag, policy.producer().as_str());
        let watched: Vec<_> = batch.guarded().map(key).collect();
        while let Some((&tag, &sequence)) = self.owed.iter().next() {
            watermark::correct(link, &key(&tag), sequence, &watched)?;
            self.owed.remove(&tag);
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
        source: &mut Source<P>,
        batch: &mut Batch<P>,
        refused: Option<u64>,
    ) -> Result<Resumed, Failure> {
        let (mut present, mut unvouched) = (HashMap::new(), Vec::new());
        let tags = self.committed.keys().chain(&self.unknown).copied();
        for tag in tags.chain(batch.records().iter().map(|record| tag(policy, record))) {
            if let Entry::Vacant(vacant) = present.entry(tag) {
                let found = look_up(policy, link, journal, &tag)?;
                vacant.insert(found.unwrap_or(0));
                unvouched.extend(found.is_none().then_some(tag));
            }
        }
        let history = link.history()?;
        let vanished = self.substitute(policy, link, journal, unvouched, &history, &mut present)?;
        self.correct(policy, link, &history, &mut present)?;
        let there = |record: &P::Record| P::sequence(record) <= present[policy.tag(record)];
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
                    // Of several instances nobody knows any more whose the last one lost was.
                    let lost = if last < kept_from { last } else { journal.before(kept_from) };
                    if first <= lost && first < kept_from {
                        source.note_missing(lost, Some(tag));
                    }
                }
                let waiting = [batch.first(), refused].into_iter().flatten().min();
                let uncommitted = waiting.unwrap_or(u64::MAX).min(source.next());
                let from = uncommitted.min(first_missing.unwrap_or(u64::MAX)).max(kept_from);
                batch.clear();
                source.resume(from, present.clone());
            }
            None => {
                // Nothing is kept that was committed.
                missing().for_each(|(_, last, tag)| source.note_missing(last, Some(tag)));
                if let Some(first) = first_missing {
                    let missing = first..=last_missing;
                    let waiting = batch.records().iter().map(P::sequence).filter(|it| missing.contains(it));
                    resumed.lost = last_missing + 1 - first - waiting.count() as u64;
                }
                batch.retain(|record| !there(record));
                source.resume(source.next(), present.clone());
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
                // It was in doubt, and the answer that was lost was a refusal.
                *present = last.max(known).min(*present);
            }
            if *present != found {
                watermark::correct(link, &policy.watermark(tag, producer), *present, &watched)?;
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

/// Whether two histories are known to be the same.
fn is_same(one: &str, other: &str) -> bool {
    // A user who may not ask is told nothing.
    !one.is_empty() && one == other
}

fn tag<P: Policy>(policy: &P, record: &P::Record) -> Tag {
    Tag::from(policy.tag(record)).expect("a tag is an instance id")
}

/// What the server has of this tag; none if no watermark says so. Its watermark is watched from now on.
fn look_up<P: Policy>(
    policy: &P,
    link: &mut Link,
    journal: Option<&Arc<Journal>>,
    tag: &Tag,
) -> Result<Option<u64>, Failure> {
    let key = policy.watermark(tag, policy.producer().as_str());
    watermark::renew(link, &key)?;
    watermark::watch(link, &key)?;
    let mut present = watermark::read(link, &key)?;
    undisputed(&key, present.unwrap_or(0), journal)?;
    for Earlier { name, last } in journal.map_or(&[][..], |journal| journal.earlier()) {
        if present.unwrap_or(0) < *last {
            let key = policy.watermark(tag, name);
            watermark::renew(link, &key)?;
            present = present.max(watermark::read(link, &key)?.map(|earlier| earlier.min(*last)));
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
            "{key} is at {present}, and this journal gave no number above {given}: another terminal goes on with a \
             copy of it, or this machine was set back; start this terminal anew, it then has a name of its own"
        )));
    }
    Ok(())
}
