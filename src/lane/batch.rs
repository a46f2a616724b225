//! A batch: the records that were taken and are not known to be in Redis yet, in the order of their numbers. `exchange`
//! writes it and settles what became of it.

mod exchange;
mod refusals;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::policy::Policy;
use super::transaction::Transaction;
use crate::link::commands::Commands;
use crate::link::failure::Failure;
use crate::model::Tag;
pub(super) use exchange::Outcome;

/// Records taken from the queue and not yet known to be in Redis.
pub(super) struct Batch<P: Policy> {
    records: Vec<P::Record>,
    /// Which records must be written: those that no later one supersedes.
    live: Vec<bool>,
    transactions: Vec<Transaction>,
    commands: Commands,
    /// The server that these are for.
    server: usize,
    /// The server of each WATCH after the transactions.
    guards: Vec<usize>,
    /// The server of each trailer after these; none: it has no server.
    trailers: Vec<Option<usize>>,
    /// The server of each question after the trailers.
    questions: Vec<Option<usize>>,
    /// When the questions were written.
    asked: Instant,
    /// The tags whose watermark is watched.
    guarded: HashSet<Tag>,
    /// The tags that an ASK sends to another server once.
    asks: HashMap<Tag, Failure>,
    /// Records with missing ones before them, and the number of the last missing one.
    after: HashMap<u64, u64>,
}

impl<P: Policy> Batch<P> {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            live: Vec::new(),
            transactions: Vec::new(),
            commands: Commands::new(),
            server: 0,
            guards: Vec::new(),
            trailers: Vec::new(),
            questions: Vec::new(),
            asked: Instant::now(),
            guarded: HashSet::new(),
            asks: HashMap::new(),
            after: HashMap::new(),
        }
    }

    /// Adds records at the end.
    pub(super) fn extend(&mut self, records: impl IntoIterator<Item = P::Record>) {
        self.records.extend(records);
    }

    /// Notes that `missing` is the last of the missing records before this one.
    pub(super) fn note_missing(&mut self, missing: u64, sequence: u64) {
        self.after.insert(sequence, missing);
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
        self.asks.clear();
        self.after.clear();
    }

    /// Keeps the chosen records.
    pub(super) fn retain(&mut self, chosen: impl Fn(&P::Record) -> bool) {
        self.records.retain(chosen);
    }

    /// Notes the tags whose watermark is watched on the new connections.
    pub(super) fn guard(&mut self, tags: impl Iterator<Item = Tag>) {
        self.guarded.clear();
        self.guarded.extend(tags);
    }

    /// The tags whose watermark is watched.
    pub(super) fn guarded(&self) -> impl Iterator<Item = &Tag> {
        self.guarded.iter()
    }
}
