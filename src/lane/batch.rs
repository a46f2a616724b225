//! A batch: records in the order of their numbers that were taken and are not yet known to be in Redis, and what of
//! them pressure holds back. How it is written, and what becomes of it, is in `exchange`.

mod exchange;
mod refusals;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::policy::Policy;
use super::source::Tag;
use super::transaction::Transaction;
use crate::link::failure::Failure;
use crate::link::resp::Commands;
pub(super) use exchange::Outcome;

/// Records taken from the queue and not yet known to be in Redis.
pub(super) struct Batch<P: Policy> {
    records: Vec<P::Record>,
    /// Which records are to be written: not made superfluous by a later one, and not held back.
    live: Vec<bool>,
    /// Records that pressure holds back: they are passed over, and written at another time.
    held: HashSet<u64>,
    transactions: Vec<Transaction>,
    commands: Commands,
    /// The server of each command that watches a watermark, after the transactions.
    guards: Vec<usize>,
    /// The server of each command after these, if it has one.
    trailers: Vec<Option<usize>>,
    /// The server of each question after those.
    questions: Vec<Option<usize>>,
    /// When they were written.
    asked: Instant,
    /// The tags whose watermark is watched from before their next transaction on.
    guarded: HashSet<Tag>,
    /// Which tags another server has for this one time, and what said so.
    asks: HashMap<Tag, Failure>,
    /// Records before which some are missing for ever, and the number of the last of those.
    after: HashMap<u64, u64>,
}

impl<P: Policy> Batch<P> {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            live: Vec::new(),
            held: HashSet::new(),
            transactions: Vec::new(),
            commands: Commands::new(),
            guards: Vec::new(),
            trailers: Vec::new(),
            questions: Vec::new(),
            asked: Instant::now(),
            guarded: HashSet::new(),
            asks: HashMap::new(),
            after: HashMap::new(),
        }
    }

    pub(super) fn push(&mut self, record: P::Record) {
        self.records.push(record);
    }

    /// Adds a record before which some are missing for ever, up to `missing`.
    pub(super) fn push_after(&mut self, missing: u64, record: P::Record) {
        self.after.insert(P::sequence(&record), missing);
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
        self.asks.clear();
        self.after.clear();
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
    /// the batch.
    pub(super) fn release(&mut self, copies: Vec<P::Record>) {
        self.held.clear();
        let there: HashSet<u64> = self.records.iter().map(P::sequence).collect();
        self.records.extend(copies.into_iter().filter(|copy| !there.contains(&P::sequence(copy))));
        self.records.sort_by_key(P::sequence);
    }

    /// Takes out the records that are chosen.
    pub(super) fn take(&mut self, chosen: impl Fn(&P::Record) -> bool) -> Vec<P::Record> {
        let (taken, kept) = std::mem::take(&mut self.records).into_iter().partition(chosen);
        self.records = kept;
        let records = &self.records;
        self.held.retain(|held| records.iter().any(|record| P::sequence(record) == *held));
        taken
    }

    /// Notes for which tags the watermark is watched, on connections made just now.
    pub(super) fn guard(&mut self, tags: impl Iterator<Item = Tag>) {
        self.guarded.clear();
        self.guarded.extend(tags);
    }

    /// The tags whose watermark is watched.
    pub(super) fn guarded(&self) -> impl Iterator<Item = &Tag> {
        self.guarded.iter()
    }
}
