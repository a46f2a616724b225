//! An exchange: a batch is written to its servers in transactions, and every reply is read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;
use std::time::Instant;

use redis::Value;

use super::{Batch, refusals};
use crate::lane::policy::Policy;
use crate::lane::transaction::{Answer, Transaction, live, written};
use crate::lane::watermark::command;
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::link::resp::Commands;
use crate::model::InstanceId;

/// How much is encoded before it is sent; at first less, so that the server is not left waiting.
const PIECE: usize = 16 * 1024;
const FIRST_PIECE: usize = 4 * 1024;

/// What became of a batch that was sent.
pub(in crate::lane) struct Outcome<R> {
    /// Up to which sequence number each instance's records are in Redis now.
    pub(in crate::lane) committed: Vec<(InstanceId, u64)>,
    /// Watermarks that claim too much, or too little, and what they must be set to before anything else is sent.
    pub(in crate::lane) owed: Vec<(InstanceId, u64)>,
    /// Records that the server will never take, with its reason.
    pub(in crate::lane) rejected: Vec<(R, String)>,
    /// What watermarks are set to when the letters of these are on the disk.
    pub(in crate::lane) after_letters: Vec<(InstanceId, u64)>,
    /// What was sent.
    pub(in crate::lane) bytes: usize,
    /// Records that a later one made superfluous.
    pub(in crate::lane) superseded: u64,
    /// Why some records are still in the batch.
    pub(in crate::lane) failure: Option<Failure>,
    /// What a person has to do about that, if the policy knows.
    pub(in crate::lane) advice: Option<String>,
    /// Why something was refused that no record depends on.
    pub(in crate::lane) aside: Option<Failure>,
}

impl<P: Policy> Batch<P> {
    /// Writes the batch to its servers and reads every reply. Records that are in Redis now, or that it will
    /// never take, leave the batch. `committed` says what each instance had before, `meanwhile` is done while the servers
    /// work.
    pub(in crate::lane) fn exchange(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        committed: &HashMap<InstanceId, u64>,
        meanwhile: impl FnOnce(),
    ) -> Outcome<P::Record> {
        let mut outcome = Outcome::new();
        self.send(policy, link, committed, &mut outcome);
        meanwhile();
        self.receive(policy, link, &mut outcome);
        outcome
    }

    fn send(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        committed: &HashMap<InstanceId, u64>,
        outcome: &mut Outcome<P::Record>,
    ) {
        self.live = live::<P>(&self.records);
        self.transactions = Transaction::by_instance::<P>(&self.records);
        if P::COMMITTED
            && let Err(failure) = self.guard_new(policy, link)
        {
            self.transactions.clear();
            outcome.fail(failure);
        }
        self.route(policy, link, outcome);
        self.commands.clear();
        self.server = 0;
        self.write_transactions(policy, link, committed, outcome);
        self.watch_again(policy, link, outcome);
        self.write_asides(policy, link, outcome);
        outcome.sent(self.commands.send(link, self.server));
    }

    /// What is written from now on is for this server; sends what was written for another one.
    fn turn_to(&mut self, server: usize, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        if server != self.server {
            outcome.sent(self.commands.send(link, self.server));
            self.server = server;
        }
    }

    /// Writes the transactions and sends them piece by piece: the server works on the first while the last is not yet
    /// encoded. Should the last never come, the server discards the transaction that lacks its EXEC.
    fn write_transactions(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        committed: &HashMap<InstanceId, u64>,
        outcome: &mut Outcome<P::Record>,
    ) {
        let mut piece = FIRST_PIECE;
        let mut transactions = mem::take(&mut self.transactions);
        for transaction in &mut transactions {
            self.turn_to(transaction.server, link, outcome);
            let commands = &mut self.commands;
            if transaction.asking {
                commands.command([b"ASKING".as_slice()]);
            }
            commands.command([b"MULTI".as_slice()]);
            let start = commands.count();
            let Transaction { records, parts, owners, .. } = transaction;
            for part in &*parts {
                policy.begin(&part.instance, committed.get(&part.instance).copied().unwrap_or(0));
            }
            for &at in records.iter().filter(|&&at| self.live[at]) {
                let record = &self.records[at];
                if let Some(&missing) = self.after.get(&P::sequence(record)) {
                    policy.follow(record, missing);
                }
                policy.write(record, commands);
                owners.resize(commands.count() - start, Some(at));
                if commands.bytes().len() >= piece {
                    piece = PIECE;
                    outcome.sent(commands.send(link, self.server));
                }
            }
            for part in parts {
                policy.finish(&part.instance, commands);
                if P::COMMITTED {
                    part.place = commands.count() - start;
                    let key = policy.watermark(&part.instance, policy.producer().as_str());
                    command::set(&key, part.last, commands);
                }
            }
            owners.resize(commands.count() - start, None);
            commands.command([b"EXEC".as_slice()]);
        }
        self.transactions = transactions;
    }

    /// EXEC ends what was watched. Watched again, a watermark that somebody else sets meanwhile makes the next
    /// transaction void: a connection that was given up, whose bytes the server reads late.
    fn watch_again(&mut self, policy: &P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        self.guards.clear();
        let guarded = mem::take(&mut self.guarded);
        for instance in guarded.iter().filter(|_| P::COMMITTED) {
            let key = policy.watermark(instance, policy.producer().as_str());
            let Ok(server) = link.route(&key) else { continue };
            if self.transactions.iter().any(|transaction| transaction.server == server) {
                self.turn_to(server, link, outcome);
                self.commands.command([b"WATCH".as_slice(), key.as_bytes()]);
                self.guards.push(server);
            }
        }
        self.guarded = guarded;
    }

    /// Writes what belongs to no transaction, and what the policy asks.
    fn write_asides(&mut self, policy: &mut P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        let Self { commands, server, transactions, live, records, trailers, questions, .. } = self;
        let written = written(transactions, live, records);
        let mut aside = |servers: &mut Vec<Option<usize>>, key: &str, write: &dyn Fn(&mut Commands)| {
            let routed = link.route(key).map_err(|failure| outcome.fail(failure)).ok();
            if let Some(routed) = routed {
                if routed != *server {
                    outcome.sent(commands.send(link, *server));
                    *server = routed;
                }
                write(commands);
            }
            servers.push(routed);
        };
        trailers.clear();
        questions.clear();
        policy.trailer(&written, &mut |key, write| aside(trailers, key, write));
        self.asked = Instant::now();
        policy.questions(&written, &mut |key, write| aside(questions, key, write));
    }

    /// Watches the watermarks of instances that are new on these connections.
    fn guard_new(&mut self, policy: &P, link: &mut Link) -> Result<(), Failure> {
        for part in self.transactions.iter().flat_map(|transaction| &transaction.parts) {
            if self.guarded.insert(part.instance) {
                command::watch(link, &policy.watermark(&part.instance, policy.producer().as_str()))?;
            }
        }
        Ok(())
    }

    /// Finds each transaction's server; what has none stays in the batch, and so does what has to wait for its
    /// turn on that server's connection.
    fn route(&mut self, policy: &P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        let mut asks = mem::take(&mut self.asks);
        let mut taken = HashSet::new();
        self.transactions.retain_mut(|transaction| {
            let ask = asks.remove(transaction.instance());
            transaction.asking = ask.is_some();
            let server = match &ask {
                Some(ask) => link.redirect(ask),
                None => link.route(&policy.watermark(transaction.instance(), policy.producer().as_str())),
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
                self.asks.insert(*transaction.instance(), ask);
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
            match answer {
                Answer::Executed(replies) if replies.is_empty() => {
                    transaction.records.iter().for_each(|&at| done[at] = true);
                    outcome.committed.extend(transaction.parts.iter().map(|part| (part.instance, part.last)));
                }
                Answer::Executed(replies) => {
                    let settled = refusals::settle(policy, transaction, &self.records, &replies, outcome);
                    settled.done.into_iter().for_each(|at| done[at] = true);
                    rejected.extend(settled.rejected);
                    policy.forget();
                }
                Answer::Refused(Some(at), failure) if failure.class == Class::Reject => {
                    // The others of this transaction stay in the batch and are sent again without it.
                    done[at] = true;
                    rejected.insert(at, failure.text);
                    policy.forget();
                }
                // Who was asked, and sends elsewhere in turn, may do so for ever: then it is a failure as others.
                Answer::Refused(_, failure) if failure.class == Class::Ask && !transaction.asking => {
                    self.asks.insert(*transaction.instance(), failure);
                    policy.forget();
                }
                // Of no record, so none is to blame.
                Answer::Refused(_, failure) => outcome.hold(failure),
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
                Ok(Value::ServerError(error)) => {
                    let failure = Failure::of_reply(&error);
                    match failure.class {
                        Class::Unlisted | Class::Alarm | Class::Reject => outcome.aside = Some(failure),
                        _ => outcome.fail(failure),
                    }
                }
                Ok(_) => {}
                Err(failure) => outcome.fail(failure),
            }
        }
        self.hear(policy, link, outcome);
        outcome.superseded +=
            done.iter().zip(&self.live).filter(|&(&done, &live)| done && !live).count() as u64;
        if done.iter().all(|&done| done) && rejected.is_empty() {
            self.after.clear();
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
    fn new() -> Self {
        Self {
            committed: Vec::new(),
            owed: Vec::new(),
            rejected: Vec::new(),
            after_letters: Vec::new(),
            bytes: 0,
            superseded: 0,
            failure: None,
            advice: None,
            aside: None,
        }
    }

    /// Notes a refusal that no record is put aside for, though it were for good.
    pub(super) fn hold(&mut self, failure: Failure) {
        let class = if failure.class == Class::Reject { Class::Hold } else { failure.class };
        self.fail(Failure { class, ..failure });
    }

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
