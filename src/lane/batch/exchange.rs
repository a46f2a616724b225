//! An exchange: writes a batch to its servers in transactions and reads every reply.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;
use std::time::Instant;

use redis::Value;

use super::{Batch, refusals};
use crate::lane::policy::Policy;
use crate::lane::transaction::{Answer, Transaction, live, written};
use crate::lane::watermark::command;
use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::{Class, Failure};
use crate::model::Tag;

/// How many bytes are encoded before they are sent. The first piece is smaller, so that the server starts early.
const PIECE: usize = 16 * 1024;
const FIRST_PIECE: usize = 4 * 1024;

/// What became of a batch.
pub(in crate::lane) struct Outcome<R> {
    /// For each tag, the sequence number up to which its records are in Redis now.
    pub(in crate::lane) committed: Vec<(Tag, u64)>,
    /// Watermarks that claim too much or too little, and the numbers to set before anything else is sent.
    pub(in crate::lane) owed: Vec<(Tag, u64)>,
    /// Records that the server will never accept, with its reason.
    pub(in crate::lane) rejected: Vec<(R, String)>,
    /// The watermarks to set once the letters of these are on the disk.
    pub(in crate::lane) after_letters: Vec<(Tag, u64)>,
    /// How many bytes were sent.
    pub(in crate::lane) bytes: usize,
    /// How many records a later one superseded.
    pub(in crate::lane) superseded: u64,
    /// Why some records are still in the batch.
    pub(in crate::lane) failure: Option<Failure>,
    /// What a person must do about that, if the policy knows.
    pub(in crate::lane) advice: Option<String>,
    /// A refusal that no record depends on.
    pub(in crate::lane) aside: Option<Failure>,
}

impl<P: Policy> Batch<P> {
    /// Writes the batch to its servers and reads every reply. Records leave the batch when they are in Redis or refused
    /// for good. `committed` says what each tag had before. `meanwhile` runs while the servers work.
    pub(in crate::lane) fn exchange(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        committed: &HashMap<Tag, u64>,
        meanwhile: impl FnOnce(),
    ) -> Outcome<P::Record> {
        let mut outcome = Outcome::new();
        self.send(policy, link, committed, &mut outcome);
        meanwhile();
        self.receive(policy, link, &mut outcome);
        outcome
    }

    /// Asks the policy's questions and writes nothing.
    pub(in crate::lane) fn ask(&mut self, policy: &mut P, link: &mut Link) -> Result<(), Failure> {
        let mut outcome = Outcome::new();
        self.transactions.clear();
        self.commands.clear();
        self.server = 0;
        self.write_asides(policy, link, &mut outcome);
        outcome.sent(link.send(self.server, &mut self.commands));
        self.hear(policy, link, &mut outcome);
        outcome.failure.map_or(Ok(()), Err)
    }

    fn send(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        committed: &HashMap<Tag, u64>,
        outcome: &mut Outcome<P::Record>,
    ) {
        self.live = live::<P>(&self.records);
        self.transactions = Transaction::by_tag::<P>(&self.records);
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
        outcome.sent(link.send(self.server, &mut self.commands));
    }

    /// Writes for this server from now on. Sends what was written for another one.
    fn turn_to(&mut self, server: usize, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        if server != self.server {
            outcome.sent(link.send(self.server, &mut self.commands));
            self.server = server;
        }
    }

    /// Writes the transactions and sends them piece by piece, so that the server works on the first while the last is
    /// being encoded. If the last piece never arrives, the server discards the transaction, which lacks its EXEC.
    fn write_transactions(
        &mut self,
        policy: &mut P,
        link: &mut Link,
        committed: &HashMap<Tag, u64>,
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
                policy.begin(&part.tag, committed.get(&part.tag).copied().unwrap_or(0));
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
                    outcome.sent(link.send(self.server, commands));
                }
            }
            for part in parts {
                policy.finish(&part.tag, commands);
                if P::COMMITTED {
                    part.place = commands.count() - start;
                    let key = policy.watermark(&part.tag, policy.producer().as_str());
                    command::set(&key, part.last, commands);
                }
            }
            owners.resize(commands.count() - start, None);
            commands.command([b"EXEC".as_slice()]);
        }
        self.transactions = transactions;
    }

    /// Watches the watermarks again, because EXEC ends all watching. Late bytes of a dropped connection could set
    /// one; then the next transaction is void.
    fn watch_again(&mut self, policy: &P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        self.guards.clear();
        let guarded = mem::take(&mut self.guarded);
        for tag in guarded.iter().filter(|_| P::COMMITTED) {
            let key = policy.watermark(tag, policy.producer().as_str());
            let Ok(server) = link.route(&key) else { continue };
            if self.transactions.iter().any(|transaction| transaction.server == server) {
                self.turn_to(server, link, outcome);
                self.commands.command([b"WATCH".as_slice(), key.as_bytes()]);
                self.guards.push(server);
            }
        }
        self.guarded = guarded;
    }

    /// Writes the trailers and questions, which belong to no transaction.
    fn write_asides(&mut self, policy: &mut P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        let Self { commands, server, transactions, live, records, trailers, questions, .. } = self;
        let written = written(transactions, live, records);
        let mut aside = |servers: &mut Vec<Option<usize>>, key: &str, write: &dyn Fn(&mut Commands)| {
            let routed = link.route(key).map_err(|failure| outcome.fail(failure)).ok();
            if let Some(routed) = routed {
                if routed != *server {
                    outcome.sent(link.send(*server, commands));
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

    /// Watches the watermarks of tags that are new on this connection.
    fn guard_new(&mut self, policy: &P, link: &mut Link) -> Result<(), Failure> {
        for part in self.transactions.iter().flat_map(|transaction| &transaction.parts) {
            if self.guarded.insert(part.tag) {
                command::watch(link, &policy.watermark(&part.tag, policy.producer().as_str()))?;
            }
        }
        Ok(())
    }

    /// Finds each transaction's server. A transaction without one stays in the batch, and so does one that must wait
    /// for its turn on the server's connection.
    fn route(&mut self, policy: &P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        let mut asks = mem::take(&mut self.asks);
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
                // The other servers' replies must still be read.
                Err(failure) => {
                    outcome.fail(failure);
                    continue;
                }
            };
            match answer {
                Answer::Executed(replies) if replies.is_empty() => {
                    transaction.records.iter().for_each(|&at| done[at] = true);
                    outcome.committed.extend(transaction.parts.iter().map(|part| (part.tag, part.last)));
                }
                Answer::Executed(replies) => {
                    let settled = refusals::settle(policy, transaction, &self.records, &replies, outcome);
                    settled.done.into_iter().for_each(|at| done[at] = true);
                    rejected.extend(settled.rejected);
                    policy.forget();
                }
                Answer::Refused(Some(at), failure) if failure.class == Class::Reject => {
                    // The other records stay in the batch and are sent again without this one.
                    done[at] = true;
                    rejected.insert(at, failure.text);
                    policy.forget();
                }
                // A server that was asked and redirects again may do so for ever. So only the first ASK is followed.
                Answer::Refused(_, failure) if failure.class == Class::Ask && !transaction.asking => {
                    self.asks.insert(*transaction.tag(), failure);
                    policy.forget();
                }
                // No record caused it.
                Answer::Refused(_, failure) => outcome.hold(failure),
            }
        }
        for &server in &self.guards {
            match link.receive(server) {
                // The records are in Redis, but the next transaction would be unguarded. A key that is being moved to
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
        // From the back, so that the indices in front stay valid.
        for (at, text) in rejected.into_iter().rev() {
            done.remove(at);
            outcome.rejected.insert(0, (self.records.remove(at), text));
        }
        let mut done = done.iter();
        self.records.retain(|_| !done.next().expect("one flag a record"));
    }

    /// Reads the answers to the policy's questions. A refusal is an answer too. A key that has moved is asked for at its new
    /// server from the next time on.
    fn hear(&self, policy: &mut P, link: &mut Link, outcome: &mut Outcome<P::Record>) {
        let answers = self.questions.iter().map(|&server| match link.receive(server?) {
            Ok(answer) => {
                if let Value::ServerError(error) = &answer
                    && error.code() == "MOVED"
                {
                    outcome.fail(Failure::of_reply(error));
                }
                Some(answer)
            }
            Err(failure) => {
                outcome.fail(failure);
                None
            }
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

    /// Notes a refusal for which no record becomes a dead letter, even if it is permanent.
    pub(super) fn hold(&mut self, failure: Failure) {
        let class = if failure.class == Class::Reject { Class::Hold } else { failure.class };
        self.fail(Failure { class, ..failure });
    }

    /// Notes a failure. The most severe one counts.
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
