//! A batch: records in the order of their numbers, what of them is superfluous, the transactions they are
//! written in, and what the server answered.

use std::collections::{BTreeMap, HashMap, HashSet};

use redis::Value;

use super::policy::{Policy, Subject};
use super::source::Tag;
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::link::resp::Commands;
use crate::model::key;

/// A watermark outlives every record it may have to vouch for: 35 days.
const WATERMARK_SECONDS: &[u8] = b"3024000";

/// How much is encoded before it is sent.
const PIECE: usize = 16 * 1024;

/// The records of one tag, written as one transaction.
struct Transaction {
    tag: Tag,
    /// Indices of its records, superseded ones included.
    records: Vec<usize>,
    /// Its watermark.
    last: u64,
    /// For each command between MULTI and EXEC, the index of its record.
    owners: Vec<Option<usize>>,
}

/// Records taken from the queue and not yet known to be in Redis.
pub(super) struct Batch<P: Policy> {
    records: Vec<P::Record>,
    /// Which records are to be written: not made superfluous by a later one, and not held back.
    live: Vec<bool>,
    /// Records that pressure holds back: they are passed over, and written at another time.
    held: HashSet<u64>,
    transactions: Vec<Transaction>,
    commands: Commands,
    trailer: usize,
    questions: usize,
}

/// What became of a batch that was sent.
pub(super) struct Outcome<R> {
    /// Up to which sequence number each tag's records are in Redis now.
    pub(super) committed: Vec<(Tag, u64)>,
    /// Records that the server will never take, with its reason.
    pub(super) rejected: Vec<(R, String)>,
    /// What was sent.
    pub(super) bytes: usize,
    /// Records that a later one made superfluous.
    pub(super) superseded: u64,
    /// Why some records are still in the batch.
    pub(super) failure: Option<Failure>,
}

impl<P: Policy> Batch<P> {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            live: Vec::new(),
            held: HashSet::new(),
            transactions: Vec::new(),
            commands: Commands::new(),
            trailer: 0,
            questions: 0,
        }
    }

    pub(super) fn push(&mut self, record: P::Record) {
        self.records.push(record);
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn records(&self) -> &[P::Record] {
        &self.records
    }

    /// The sequence number of the first record.
    pub(super) fn first(&self) -> Option<u64> {
        self.records.first().map(P::sequence)
    }

    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.held.clear();
    }

    /// Passes a record over for now.
    pub(super) fn hold(&mut self, sequence: u64) {
        self.held.insert(sequence);
    }

    /// Whether nothing in it is to be written, though something may be passed over.
    pub(super) fn has_nothing_to_write(&self) -> bool {
        self.records.len() == self.held.len()
    }

    /// Adds records that were passed over before, so that they are written now, with those that still are in
    /// the batch. They are older than all that is in it, or are in it.
    pub(super) fn release(&mut self, copies: Vec<P::Record>) {
        self.held.clear();
        let first = self.first().unwrap_or(u64::MAX);
        self.records.splice(0..0, copies.into_iter().filter(|copy| P::sequence(copy) < first));
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&P::Record) -> bool) {
        self.records.retain(keep);
        let records = &self.records;
        self.held.retain(|held| records.iter().any(|record| P::sequence(record) == *held));
    }

    /// Writes the batch to the server and reads every reply. Records that are in Redis now, or that it will
    /// never take, leave the batch. A watermark never falls below `floor`, where records are written that
    /// were passed over before.
    pub(super) fn exchange(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        floor: &HashMap<Tag, u64>,
    ) -> Outcome<P::Record> {
        let mut outcome =
            Outcome { committed: Vec::new(), rejected: Vec::new(), bytes: 0, superseded: 0, failure: None };
        let exchanged = self
            .send(policy, link, floor, &mut outcome)
            .and_then(|()| self.receive(policy, link, &mut outcome));
        if let Err(failure) = exchanged {
            outcome.failure = Some(failure);
        }
        outcome
    }

    /// Writes the transactions, piece by piece: the server works on the first while the last is not yet
    /// encoded. Should it never come, the server discards the transaction that lacks its EXEC.
    fn send(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        floor: &HashMap<Tag, u64>,
        outcome: &mut Outcome<P::Record>,
    ) -> Result<(), Failure> {
        self.live = live::<P>(&self.records, &self.held);
        self.transactions = transactions::<P>(&self.records);
        for transaction in &mut self.transactions {
            let last = transaction.records.last().map_or(0, |&at| P::sequence(&self.records[at]));
            transaction.last = last.max(floor.get(&transaction.tag).copied().unwrap_or(0));
        }
        let commands = &mut self.commands;
        commands.clear();
        for transaction in &mut self.transactions {
            commands.command([b"MULTI".as_slice()]);
            let start = commands.count();
            for &at in transaction.records.iter().filter(|&&at| self.live[at]) {
                policy.write(&self.records[at], commands);
                transaction.owners.resize(commands.count() - start, Some(at));
                if commands.bytes().len() >= PIECE {
                    outcome.bytes += commands.send(link)?;
                }
            }
            policy.finish(&transaction.tag, commands);
            if P::COMMITTED {
                let key = key::watermark(&transaction.tag, policy.producer().as_str());
                commands.begin();
                commands.argument(b"SET");
                commands.argument(key.as_bytes());
                commands.integer(transaction.last as i64);
                commands.argument(b"EX");
                commands.argument(WATERMARK_SECONDS);
                commands.end();
            }
            transaction.owners.resize(commands.count() - start, None);
            commands.command([b"EXEC".as_slice()]);
        }
        let before = commands.count();
        let written = self.records.iter().zip(&self.live).filter(|(_, live)| **live);
        let written: Vec<_> = written.map(|(record, _)| record).collect();
        policy.trailer(&written, commands);
        self.trailer = commands.count() - before;
        policy.questions(&written, &mut |_, write| write(commands));
        self.questions = commands.count() - before - self.trailer;
        outcome.bytes += commands.send(link)?;
        Ok(())
    }

    fn receive(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        outcome: &mut Outcome<P::Record>,
    ) -> Result<(), Failure> {
        let mut done = vec![false; self.records.len()];
        let mut rejected = BTreeMap::new();
        let mut broken = Ok(());
        for transaction in &self.transactions {
            let answer = match read_transaction(transaction, link) {
                Ok(answer) => answer,
                Err(failure) => {
                    broken = Err(failure);
                    break;
                }
            };
            let mut reject = |at: Option<usize>, failure: Failure| match at {
                Some(at) => {
                    done[at] = true;
                    rejected.entry(at).or_insert(failure.text);
                }
                None => outcome.failure = Some(Failure { class: Class::Hold, ..failure }),
            };
            match answer {
                Answer::Executed(replies) => {
                    for (reply, &owner) in replies.iter().zip(&transaction.owners) {
                        if let Value::ServerError(error) = reply {
                            reject(owner, Failure::of_reply(error));
                        }
                    }
                    transaction.records.iter().for_each(|&at| done[at] = true);
                    outcome.committed.push((transaction.tag, transaction.last));
                    policy.learn(&replies);
                }
                Answer::Refused(owner, failure) if failure.class == Class::Reject => {
                    // The others of this transaction stay in the batch and are sent again without it.
                    reject(owner, failure);
                    policy.forget();
                }
                Answer::Refused(_, failure) => outcome.failure = Some(failure),
            }
        }
        if broken.is_ok() {
            for _ in 0..self.trailer {
                match link.receive() {
                    Ok(Value::ServerError(error)) => outcome.failure = Some(Failure::of_reply(&error)),
                    Ok(_) => {}
                    Err(failure) => broken = Err(failure),
                }
            }
        }
        if broken.is_ok() {
            broken = self.hear(policy, link);
        }
        for (at, record) in self.records.iter().enumerate() {
            let superfluous = done[at] && !self.live[at];
            outcome.superseded += u64::from(superfluous && !self.held.remove(&P::sequence(record)));
        }
        // From the back, so that the indices before stay what they are.
        for (at, text) in rejected.into_iter().rev() {
            done.remove(at);
            outcome.rejected.insert(0, (self.records.remove(at), text));
        }
        let mut done = done.iter();
        self.records.retain(|_| !done.next().expect("one flag a record"));
        broken
    }
}

impl<P: Policy> Batch<P> {
    /// Reads the answers to the policy's questions.
    fn hear(&self, policy: &mut P, link: &mut Link) -> Result<(), Failure> {
        let mut answers = Vec::new();
        for _ in 0..self.questions {
            answers.push(link.receive()?);
        }
        let written = self.records.iter().zip(&self.live).filter(|(_, live)| **live);
        policy.answered(&written.map(|(record, _)| record).collect::<Vec<_>>(), &answers);
        Ok(())
    }
}

enum Answer {
    /// EXEC's replies, one a command.
    Executed(Vec<Value>),
    /// Nothing was applied: the first reason, and whose command it was.
    Refused(Option<usize>, Failure),
}

/// Reads the replies to MULTI, each command, and EXEC.
fn read_transaction(transaction: &Transaction, link: &mut Link) -> Result<Answer, Failure> {
    let mut refused = None;
    let owners = [None].into_iter().chain(transaction.owners.iter().copied());
    for owner in owners {
        if let Value::ServerError(error) = link.receive()? {
            refused.get_or_insert((owner, Failure::of_reply(&error)));
        }
    }
    let answer = match (link.receive()?, refused) {
        (Value::Array(replies), None) => Answer::Executed(replies),
        (Value::ServerError(_), Some((owner, failure))) => Answer::Refused(owner, failure),
        (Value::ServerError(error), None) => Answer::Refused(None, Failure::of_reply(&error)),
        (reply, _) => {
            link.disconnect();
            return Err(Failure::lost(format!("EXEC was answered by {reply:?}")));
        }
    };
    Ok(answer)
}

/// Which records are to be written: neither held back nor made superfluous by a later one that is not.
fn live<P: Policy>(records: &[P::Record], held: &HashSet<u64>) -> Vec<bool> {
    let mut seen: HashSet<Subject> = HashSet::new();
    let mut live = vec![true; records.len()];
    for (at, record) in records.iter().enumerate().rev() {
        if !held.is_empty() && held.contains(&P::sequence(record)) {
            live[at] = false;
        } else if let Some(subject) = P::subject(record) {
            let first = seen.insert(subject);
            live[at] = first || !P::may_be_superseded(record);
        }
    }
    live
}

/// The records by tag, the tags in the order of their first record.
fn transactions<P: Policy>(records: &[P::Record]) -> Vec<Transaction> {
    let mut transactions: Vec<Transaction> = Vec::new();
    let mut last = 0;
    for (at, record) in records.iter().enumerate() {
        let tag = P::tag(record);
        // A terminal has one instance, so the last tag is nearly always the one.
        if transactions.get(last).is_none_or(|transaction| transaction.tag.as_str() != tag) {
            last = transactions.iter().position(|other| other.tag.as_str() == tag).unwrap_or_else(|| {
                let tag = Tag::from(tag).expect("a tag is an instance id or a shard");
                transactions.push(Transaction { tag, records: Vec::new(), last: 0, owners: Vec::new() });
                transactions.len() - 1
            });
        }
        transactions[last].records.push(at);
    }
    transactions
}
