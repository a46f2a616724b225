//! What Redis has, and what it lacks: asked at every new connection, answered by the watermarks.
//!
//! A watermark is written with the records it stands for, in one transaction, and replication is a prefix of
//! a master's history. So the watermark alone says what a server has: after a broken connection, after a
//! restart of this process, and on a new master that lacks what the old one had acknowledged.

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
use crate::model::key;

/// What is known to be committed, by tag.
#[derive(Default)]
pub(super) struct Ledger {
    committed: HashMap<Tag, u64>,
    /// Tags in the journal of whose records nobody knows yet whether they are committed.
    unknown: Vec<Tag>,
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
        let mut present = HashMap::new();
        let tags = self.committed.keys().chain(&self.unknown).copied();
        for tag in tags.chain(batch.records().iter().map(|record| tag(policy, record))) {
            if let Entry::Vacant(vacant) = present.entry(tag) {
                vacant.insert(look_up(policy, link, journal, &tag)?);
            }
        }
        let first_lacking = self
            .committed
            .iter()
            .filter(|(tag, committed)| present[*tag] < **committed)
            .map(|(tag, _)| present[tag] + 1)
            .min();
        let mut resumed = Resumed { history: link.history()?, ..Resumed::default() };
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
        batch.guard(present.keys().copied());
        self.unknown.clear();
        self.committed = present;
        Ok(resumed)
    }
}

fn tag<P: Policy>(policy: &P, record: &P::Record) -> Tag {
    Tag::from(policy.tag(record)).expect("a tag is an instance id or a shard")
}

/// What the server has of this tag. Its watermark is watched from now on.
fn look_up<P: Policy>(
    policy: &P,
    link: &mut Link,
    journal: Option<&Arc<Journal>>,
    tag: &Tag,
) -> Result<u64, Failure> {
    let key = key::watermark(tag, policy.producer().as_str());
    renew(link, &key)?;
    watch(link, &key)?;
    let mut present = watermark(link, &key)?;
    let Some(journal) = journal else { return Ok(present) };
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
    for Earlier { name, last } in journal.earlier() {
        if present < *last {
            let key = key::watermark(tag, name);
            renew(link, &key)?;
            present = present.max(watermark(link, &key)?.min(*last));
        }
    }
    Ok(present)
}

/// Lets a watermark live for its full time again, though nothing may be written for long.
fn renew(link: &mut Link, key: &str) -> Result<(), Failure> {
    accept_refusal(link.ask(&["PEXPIRE", key, &format!("{WATERMARK_SECONDS}000")]))
}

fn watermark(link: &mut Link, key: &str) -> Result<u64, Failure> {
    match link.ask(&["GET", key]) {
        Ok(Value::BulkString(text)) => {
            Ok(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(0))
        }
        Ok(_) => Ok(0),
        // Somebody's list or hash: the next SET replaces it.
        Err(failure) if failure.class == Class::Reject => Ok(0),
        Err(failure) => Err(failure),
    }
}
