//! A batch: records in the order of their numbers, what of them is superfluous, the transactions they are
//! written in, and what the server answered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use redis::Value;

use super::policy::Policy;
use super::source::Tag;
use super::transaction::{Answer, Transaction, live, watch, written};
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::link::resp::Commands;

/// A watermark outlives every record it may have to vouch for: 35 days.
pub(super) const WATERMARK_SECONDS: &str = "3024000";

/// How much is encoded before it is sent; at first less, so that the server is not left waiting.
const PIECE: usize = 16 * 1024;
const FIRST_PIECE: usize = 4 * 1024;

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
            guards: Vec::new(),
            trailers: Vec::new(),
            questions: Vec::new(),
            asked: Instant::now(),
            guarded: HashSet::new(),
            asks: HashMap::new(),
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
        self.asks.clear();
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

    /// Writes the batch to its servers and reads every reply. Records that are in Redis now, or that it will
    /// never take, leave the batch. A watermark never falls below `floor`, where records are written that
    /// were passed over before. `meanwhile` is done while the servers work.
    pub(super) fn exchange(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        floor: &HashMap<Tag, u64>,
        meanwhile: impl FnOnce(),
    ) -> Outcome<P::Record> {
        let mut outcome =
            Outcome { committed: Vec::new(), rejected: Vec::new(), bytes: 0, superseded: 0, failure: None };
        self.send(policy, link, floor, &mut outcome);
        meanwhile();
        self.receive(policy, link, &mut outcome);
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
    ) {
        self.live = live::<P>(&self.records, &self.held);
        self.transactions = Transaction::by_tag(policy, &self.records);
        for part in self.transactions.iter_mut().flat_map(|transaction| &mut transaction.parts) {
            part.last = part.last.max(floor.get(&part.tag).copied().unwrap_or(0));
        }
        if P::COMMITTED
            && let Err(failure) = self.guard_new(policy, link)
        {
            self.transactions.clear();
            outcome.fail(failure);
        }
        self.route(policy, link, outcome);
        let commands = &mut self.commands;
        commands.clear();
        // What is encoded and not sent yet is for this server.
        let mut server = 0;
        let mut piece = FIRST_PIECE;
        for transaction in &mut self.transactions {
            if transaction.server != server {
                outcome.sent(commands.send(link, server));
                server = transaction.server;
            }
            if transaction.asking {
                commands.command([b"ASKING".as_slice()]);
            }
            commands.command([b"MULTI".as_slice()]);
            let start = commands.count();
            let Transaction { records, parts, owners, .. } = transaction;
            for part in &*parts {
                policy.begin(&part.tag, floor.get(&part.tag).copied().unwrap_or(0));
            }
            for &at in records.iter().filter(|&&at| self.live[at]) {
                let record = &self.records[at];
                policy.write(record, commands);
                owners.resize(commands.count() - start, Some(at));
                if commands.bytes().len() >= piece {
                    piece = PIECE;
                    outcome.sent(commands.send(link, server));
                }
            }
            for part in parts {
                policy.finish(&part.tag, commands);
                if P::COMMITTED {
                    commands.begin();
                    commands.argument(b"SET");
                    let key = policy.watermark(&part.tag, policy.producer().as_str());
                    commands.argument(key.as_bytes());
                    commands.integer(part.last as i64);
                    commands.argument(b"EX");
                    commands.argument(WATERMARK_SECONDS.as_bytes());
                    commands.end();
                }
            }
            owners.resize(commands.count() - start, None);
            commands.command([b"EXEC".as_slice()]);
        }
        self.guards.clear();
        if P::COMMITTED {
            // EXEC ends what was watched. Watched anew, a watermark that somebody else sets meanwhile, a
            // connection given up whose bytes the server reads late, makes the next transaction void.
            for tag in &self.guarded {
                let key = policy.watermark(tag, policy.producer().as_str());
                let Ok(routed) = link.route(&key) else { continue };
                if !self.transactions.iter().any(|transaction| transaction.server == routed) {
                    continue;
                }
                if routed != server {
                    outcome.sent(commands.send(link, server));
                    server = routed;
                }
                commands.command([b"WATCH".as_slice(), key.as_bytes()]);
                self.guards.push(server);
            }
        }
        let written = written(&self.transactions, &self.live, &self.records);
        self.trailers.clear();
        self.questions.clear();
        let mut aside = |servers: &mut Vec<Option<usize>>, key: &str, write: &dyn Fn(&mut Commands)| {
            let routed = link.route(key).map_err(|failure| outcome.fail(failure)).ok();
            if let Some(routed) = routed {
                if routed != server {
                    outcome.sent(commands.send(link, server));
                    server = routed;
                }
                write(commands);
            }
            servers.push(routed);
        };
        policy.trailer(&written, &mut |key, write| aside(&mut self.trailers, key, write));
        self.asked = Instant::now();
        policy.questions(&written, &mut |key, write| aside(&mut self.questions, key, write));
        outcome.sent(commands.send(link, server));
    }

    /// Watches the watermarks of tags that are new on these connections.
    fn guard_new(&mut self, policy: &P, link: &mut Link) -> Result<(), Failure> {
        for part in self.transactions.iter().flat_map(|transaction| &transaction.parts) {
            if self.guarded.insert(part.tag) {
                watch(link, &policy.watermark(&part.tag, policy.producer().as_str()))?;
            }
        }
        Ok(())
    }

    /// Finds each transaction's server; what has none stays in the batch, and so does what has to wait for its
    /// turn on that server's connection.
    fn route(&mut self, policy: &P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        let mut asks = std::mem::take(&mut self.asks);
        let mut taken = HashSet::new();
        self.transactions.retain_mut(|transaction| {
            let ask = asks.remove(transaction.tag());
            transaction.asking = ask.is_some();
            let server = match &ask {
                Some(ask) => link.redirect(ask),
                None => link.route(&policy.watermark(transaction.tag(), policy.producer().as_str())),
            };
            match server {
                Ok(server) => transaction.server = server,
                Err(failure) => {
                    outcome.fail(failure);
                    return false;
                }
            }
            let waits = P::COMMITTED && link.has_slots() && !taken.insert(transaction.server);
            if waits && let Some(ask) = ask {
                self.asks.insert(*transaction.tag(), ask);
            }
            !waits
        });
        if !link.has_slots() {
            Transaction::join(&mut self.transactions);
        }
        self.transactions.sort_by_key(|transaction| transaction.server);
    }

    fn receive(&mut self, policy: &mut P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        let mut done = vec![false; self.records.len()];
        let mut rejected = BTreeMap::new();
        for transaction in &self.transactions {
            let answer = match transaction.receive(link) {
                Ok(answer) => answer,
                // The other servers' replies are still to be read.
                Err(failure) => {
                    outcome.fail(failure);
                    continue;
                }
            };
            let mut reject = |at: Option<usize>, failure: Failure| match at {
                Some(at) => {
                    done[at] = true;
                    rejected.entry(at).or_insert(failure.text);
                }
                None => outcome.fail(Failure { class: Class::Hold, ..failure }),
            };
            match answer {
                Answer::Executed(replies) => {
                    for (at, reply) in &replies {
                        if let (Value::ServerError(error), Some(&owner)) =
                            (reply, transaction.owners.get(*at))
                        {
                            reject(owner, Failure::of_reply(error));
                        }
                    }
                    transaction.records.iter().for_each(|&at| done[at] = true);
                    outcome.committed.extend(transaction.parts.iter().map(|part| (part.tag, part.last)));
                }
                Answer::Refused(owner, failure) if failure.class == Class::Reject => {
                    // The others of this transaction stay in the batch and are sent again without it.
                    reject(owner, failure);
                    policy.forget();
                }
                // Who was asked, and sends elsewhere in turn, may do so for ever: then it is a failure as others.
                Answer::Refused(_, failure) if failure.class == Class::Ask && !transaction.asking => {
                    self.asks.insert(*transaction.tag(), failure);
                    policy.forget();
                }
                Answer::Refused(_, failure) => outcome.fail(failure),
            }
        }
        for &server in &self.guards {
            match link.receive(server) {
                // What was written is in Redis, but the next transaction would be unguarded. A key that is on its way to
                // another node is watched there.
                Ok(Value::ServerError(error)) => {
                    let failure = Failure::of_reply(&error).without("WATCH");
                    if failure.class == Class::Alarm {
                        outcome.fail(Failure { class: Class::Refresh, ..failure });
                    }
                }
                Ok(_) => {}
                Err(failure) => outcome.fail(failure),
            }
        }
        for server in self.trailers.iter().copied().flatten() {
            match link.receive(server) {
                Ok(Value::ServerError(error)) => outcome.fail(Failure::of_reply(&error)),
                Ok(_) => {}
                Err(failure) => outcome.fail(failure),
            }
        }
        self.hear(policy, link, outcome);
        for (at, record) in self.records.iter().enumerate() {
            let superfluous = done[at] && !self.live[at];
            outcome.superseded += u64::from(superfluous && !self.held.remove(&P::sequence(record)));
        }
        if done.iter().all(|&done| done) && rejected.is_empty() {
            return self.records.clear();
        }
        // From the back, so that the indices before stay what they are.
        for (at, text) in rejected.into_iter().rev() {
            done.remove(at);
            outcome.rejected.insert(0, (self.records.remove(at), text));
        }
        let mut done = done.iter();
        self.records.retain(|_| !done.next().expect("one flag a record"));
    }

    /// Reads the answers to the policy's questions. A refusal is an answer too.
    fn hear(&self, policy: &mut P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        let answers = self.questions.iter().map(|&server| match server.map(|server| link.receive(server)) {
            Some(Ok(answer)) => answer,
            Some(Err(failure)) => {
                outcome.fail(failure);
                Value::Nil
            }
            None => Value::Nil,
        });
        let answers: Vec<_> = answers.collect();
        policy.answered(&written(&self.transactions, &self.live, &self.records), &answers, self.asked);
    }
}

impl<R> Outcome<R> {
    /// Notes a failure. The one that asks for most counts.
    fn fail(&mut self, failure: Failure) {
        if self.failure.as_ref().is_none_or(|other| failure.class < other.class) {
            self.failure = Some(failure);
        }
    }

    fn sent(&mut self, sent: Result<usize, Failure>) {
        match sent {
            Ok(bytes) => self.bytes += bytes,
            Err(failure) => self.fail(failure),
        }
    }
}
