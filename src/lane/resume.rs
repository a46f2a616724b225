//! What Redis has, and what it lacks: asked at every new connection, answered by the watermarks.
//!
//! A watermark is written with the records it stands for, in one transaction, and replication is a prefix of
//! a master's history. So the watermark alone says what a server has: after a broken connection, after a
//! restart of this process, and on a new master that lacks what the old one had acknowledged.
//!
//! A watermark may be missing though the records are there: a server's policy can evict it, and it expires when a
//! terminal rests for 35 days. Then the records speak for themselves, where their kind can, and else what this
//! terminal knows: a run of a server that has acknowledged a record has it. To send it again would be a second
//! copy, and to count it as lost a false loss. A server that runs anew has forgotten what it does not show.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use redis::Value;

use super::Policy;
use super::batch::{Batch, WATERMARK_SECONDS};
use super::journal::{Earlier, Journal};
use super::source::{Source, Tag};
use super::transaction::{accept_refusal, watch};
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::model::key::Key;

/// What is known to be committed, by tag.
#[derive(Default)]
pub(super) struct Ledger {
    committed: HashMap<Tag, u64>,
    /// Tags in the journal of whose records nobody knows yet whether they are committed.
    unknown: Vec<Tag>,
    /// The histories of the servers at the last connection; none before the first.
    history: Option<String>,
}

/// How the lane goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resumed {
    /// The histories of the servers that have the records.
    pub(super) history: String,
    /// Records that had been acknowledged and that this server lacks; they are sent again.
    pub(super) replayed: u64,
    /// Records that it lacks and that are kept no longer.
    pub(super) lost: u64,
    /// Watermarks that are missing though more is known, and what they were.
    pub(super) vanished: Vec<(Key, u64)>,
}

impl Ledger {
    /// Learns from the journal which tags there are, and what of each was acknowledged; what is `dead` no
    /// server has.
    pub(super) fn survey<P: Policy>(policy: &P, journal: &Arc<Journal>, dead: impl Fn(u64) -> bool) -> Self {
        let mut ledger = Self::default();
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

    /// Asks the server what it has. The source goes on with the first record it lacks; what was in the batch
    /// and is there leaves it.
    pub(super) fn resume<P: Policy>(
        &mut self,
        policy: &P,
        link: &mut Link,
        journal: Option<&Arc<Journal>>,
        source: &mut Source<P>,
        batch: &mut Batch<P>,
    ) -> Result<Resumed, Failure> {
        let (mut present, mut missing) = (HashMap::new(), Vec::new());
        let tags = self.committed.keys().chain(&self.unknown).copied();
        for tag in tags.chain(batch.records().iter().map(|record| tag(policy, record))) {
            if let Entry::Vacant(vacant) = present.entry(tag) {
                let found = look_up(policy, link, journal, &tag)?;
                vacant.insert(found.unwrap_or(0));
                missing.extend(found.is_none().then_some(tag));
            }
        }
        let history = link.history()?;
        let vanished = self.substitute(policy, link, journal, missing, &history, &mut present)?;
        let first_lacking = self
            .committed
            .iter()
            .filter(|(tag, committed)| present[*tag] < **committed)
            .map(|(tag, _)| present[tag] + 1)
            .min();
        let mut resumed = Resumed { history, vanished, ..Resumed::default() };
        match (first_lacking, journal) {
            (Some(lacking), Some(journal)) => {
                let from = lacking.max(journal.first());
                resumed.lost = journal.count(lacking, from - 1);
                resumed.replayed = journal.count(from, journal.acknowledged());
                batch.clear();
                source.resume(from, present.clone());
            }
            (lacking, _) => {
                // Without a journal nothing is kept that was committed.
                let kept = batch.first().unwrap_or(source.next());
                resumed.lost = lacking.map_or(0, |lacking| kept.saturating_sub(lacking));
                batch.retain(|record| P::sequence(record) > present[policy.tag(record)]);
                source.resume(source.next(), present.clone());
            }
        }
        self.history = Some(resumed.history.clone());
        batch.guard(present.keys().copied());
        self.unknown.clear();
        self.committed = present;
        Ok(resumed)
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
        // A user who may not ask for the run is told nothing: that is no proof of the same one.
        let same = |before: &String| !before.is_empty() && before == history;
        let trusted = self.history.as_ref().is_none_or(same);
        let mut vanished = Vec::new();
        for tag in missing {
            let producer = policy.producer().as_str();
            let mut known = policy.last_written(&tag, producer, link)?.unwrap_or(0);
            for Earlier { name, last } in journal.map_or(&[][..], |journal| journal.earlier()) {
                known = known.max(policy.last_written(&tag, name, link)?.unwrap_or(0).min(*last));
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
    renew(link, &key)?;
    watch(link, &key)?;
    let mut present = watermark(link, &key)?;
    undisputed(&key, present.unwrap_or(0), journal)?;
    for Earlier { name, last } in journal.map_or(&[][..], |journal| journal.earlier()) {
        if present.unwrap_or(0) < *last {
            let key = policy.watermark(tag, name);
            renew(link, &key)?;
            present = present.max(watermark(link, &key)?.map(|earlier| earlier.min(*last)));
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

/// Lets a watermark live for its full time again, though nothing may be written for long.
fn renew(link: &mut Link, key: &str) -> Result<(), Failure> {
    accept_refusal(link.ask(&["PEXPIRE", key, &format!("{WATERMARK_SECONDS}000")]))
}

fn watermark(link: &mut Link, key: &str) -> Result<Option<u64>, Failure> {
    match link.ask(&["GET", key]) {
        Ok(Value::BulkString(text)) => {
            Ok(Some(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)))
        }
        Ok(_) => Ok(None),
        // Somebody's list or hash: the next SET replaces it.
        Err(failure) if failure.class == Class::Reject => Ok(Some(0)),
        Err(failure) => Err(failure),
    }
}
