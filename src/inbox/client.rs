//! A reading thread's link: commands about one key in one exchange, and when to try again after one that failed.
//!
//! While a slot of a Cluster is halfway, its owner sends whoever asks for a key that has moved to the other node, for
//! that one time. A transaction that stands under a watch goes nowhere else than to the node that watches.

use std::thread;
use std::time::{Duration, Instant};

use redis::Value;

use super::item::Report;
pub(super) use crate::clock::server_ms;
use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::{Class, Failure, Refusal};

/// The longest wait between two attempts to reach a server.
const PATIENCE: Duration = Duration::from_secs(5);
/// A wait is looked at so often whether it is over.
const GLANCE: Duration = Duration::from_millis(20);

/// A connection, and what it said last.
pub(super) struct Client {
    link: Link,
    generation: u64,
    /// What the connection is for, in what is told.
    what: String,
    report: Report,
    /// What was told last about a failure: the same is not told again until something succeeds.
    told: String,
    wait: Duration,
    /// When the next attempt is due, after one that failed.
    due: Option<Instant>,
}

impl Client {
    pub(super) fn new(link: Link, what: String, report: Report) -> Self {
        Self { link, generation: 0, what, report, told: String::new(), wait: Duration::ZERO, due: None }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.is_connected()
    }

    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        self.generation += 1;
        self.link.connect()
    }

    /// Another number after each attempt to connect: what was watched before may be watched no more.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the server is still the one to ask, where another one may take over.
    pub(super) fn check_whether_moved(&mut self) -> Result<(), Failure> {
        if self.link.may_move() { self.link.check() } else { Ok(()) }
    }

    /// Whether keys have slots, which move from node to node.
    pub(super) fn has_slots(&self) -> bool {
        self.link.has_slots()
    }

    /// Whom it reaches.
    pub(super) fn address(&self) -> String {
        self.link.address()
    }

    pub(super) fn report(&self, line: impl std::fmt::Display) {
        (self.report)(format!("{}: {line}", self.what));
    }

    /// Sends commands about this key's slot in one go and reads their replies. Error replies are replies, but for
    /// those that say that the server cannot answer here or now: nobody may take these for an answer.
    pub(super) fn exchange(&mut self, key: &str, commands: &[Vec<Vec<u8>>]) -> Result<Vec<Value>, Failure> {
        self.exchange_where(key, commands).map(|(replies, _)| replies)
    }

    /// The same, and which node answered the first command.
    pub(super) fn exchange_where(
        &mut self,
        key: &str,
        commands: &[Vec<Vec<u8>>],
    ) -> Result<(Vec<Value>, Node), Failure> {
        let mut node = Node { server: self.link.route(key)?, asking: false };
        let mut replies = self.send(node, commands)?;
        let asks = |at: &usize| no_answer(&replies[*at]).is_some_and(|failure| failure.class == Class::Ask);
        let sent_on: Vec<usize> = (0..replies.len()).filter(asks).collect();
        if let Some(first) = sent_on.first() {
            let ask = no_answer(&replies[*first]).expect("as above");
            let other = Node { server: self.link.redirect(&ask)?, asking: true };
            let again: Vec<_> = sent_on.iter().map(|at| commands[*at].clone()).collect();
            for (at, reply) in sent_on.iter().zip(self.send(other, &again)?) {
                replies[*at] = reply;
            }
            if *first == 0 {
                node = other;
            }
        }
        match replies.iter().find_map(no_answer) {
            Some(failure) => Err(failure),
            None => Ok((replies, node)),
        }
    }

    /// Likewise with one of the servers, by its index, about no key.
    pub(super) fn exchange_at(
        &mut self,
        server: usize,
        commands: &[Vec<Vec<u8>>],
    ) -> Result<Vec<Value>, Failure> {
        self.send(Node { server, asking: false }, commands)
    }

    /// Sends commands to this node and nowhere else, and reads their replies, whatever they are.
    pub(super) fn send(&mut self, node: Node, commands: &[Vec<Vec<u8>>]) -> Result<Vec<Value>, Failure> {
        let mut bytes = Commands::new();
        // It holds for one command, and for a transaction as a whole.
        let mut announced = Vec::new();
        let mut within = false;
        for command in commands {
            announced.push(node.asking && !within);
            if node.asking && !within {
                bytes.command([b"ASKING".as_slice()]);
            }
            bytes.command(command.iter().map(Vec::as_slice));
            match command[0].as_slice() {
                b"MULTI" => within = true,
                b"EXEC" => within = false,
                _ => {}
            }
        }
        self.link.send(node.server, &mut bytes)?;
        let reply = |announced| {
            if announced {
                self.link.receive(node.server)?;
            }
            self.link.receive(node.server)
        };
        announced.into_iter().map(reply).collect()
    }

    /// One command, whose error reply is a failure.
    pub(super) fn ask(&mut self, key: &str, command: Vec<Vec<u8>>) -> Result<Value, Failure> {
        let reply = self.exchange(key, &[command])?.remove(0);
        good(reply)
    }

    /// Makes one transaction of these commands, under no watch. An error reply to any of them is a failure; nothing of
    /// the transaction was done then but what the server could not know before.
    pub(super) fn transact(&mut self, key: &str, commands: Vec<Vec<Vec<u8>>>) -> Result<(), Failure> {
        let owner = Node { server: self.link.route(key)?, asking: false };
        match self.transact_at(owner, commands.clone()) {
            Err(ask) if ask.class == Class::Ask => {
                let other = Node { server: self.link.redirect(&ask)?, asking: true };
                self.transact_at(other, commands).map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    /// The same at the node that watches, with the replies. Returns none where a watched key was changed.
    pub(super) fn transact_at(
        &mut self,
        node: Node,
        commands: Vec<Vec<Vec<u8>>>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        let mut all = vec![command(["MULTI"])];
        all.extend(commands);
        all.push(command(["EXEC"]));
        executed(self.send(node, &all)?)
    }

    /// Every master, by its index.
    pub(super) fn masters(&mut self) -> Result<Vec<usize>, Failure> {
        self.link.masters()
    }

    /// A failure as people are told of it.
    pub(super) fn told(&self, failure: &Failure) -> String {
        self.link.told(failure)
    }

    pub(super) fn succeeded(&mut self) {
        (self.wait, self.due) = (Duration::ZERO, None);
        if !self.told.is_empty() {
            self.told.clear();
            self.report(format_args!("{} answers again", self.address()));
        }
    }

    /// Says what failed, once, and when to try again, later each time.
    pub(super) fn failed(&mut self, failure: &Failure) {
        let cause = failure.cause();
        if self.told != cause {
            self.told = cause;
            self.report(format_args!("{}; trying again", self.link.told(failure)));
        }
        if matches!(failure.class, Class::Reconnect | Class::Refresh) {
            self.link.doubt();
        }
        self.wait = (self.wait * 2).clamp(Duration::from_millis(50), PATIENCE);
        self.due = Some(Instant::now() + self.wait);
    }

    /// Says what failed beside what succeeded: that goes on at its pace.
    pub(super) fn suffered(&mut self, failure: &Failure) {
        self.failed(failure);
        (self.wait, self.due) = (Duration::ZERO, None);
    }

    /// Waits until the next attempt is due, this long at most, and no longer than `go_on` says. Returns whether it
    /// is due.
    pub(super) fn rested(&self, most: Duration, go_on: impl Fn() -> bool) -> bool {
        let Some(due) = self.due else { return true };
        let until = Instant::now().checked_add(most).map_or(due, |end| end.min(due));
        while Instant::now() < until && go_on() {
            thread::sleep(GLANCE.min(until.saturating_duration_since(Instant::now())));
        }
        Instant::now() >= due
    }
}

/// A node that answers, by its server's index, and whether another one sent us there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    server: usize,
    asking: bool,
}

/// What EXEC made of a transaction, from the replies to all of its commands, MULTI and EXEC too.
pub(super) fn executed(mut replies: Vec<Value>) -> Result<Option<Vec<Value>>, Failure> {
    let executed = replies.pop().expect("one a command");
    let count = replies.len() - 1;
    for reply in replies {
        good(reply)?;
    }
    match executed {
        Value::Nil => Ok(None),
        Value::Array(replies) if replies.len() == count => {
            replies.into_iter().map(good).collect::<Result<_, _>>().map(Some)
        }
        other => good(other).and_then(|_| Err(Failure::lost("EXEC was answered by something else"))),
    }
}

/// Why this is no answer, if a server says that it cannot answer here or now.
fn no_answer(reply: &Value) -> Option<Failure> {
    let Value::ServerError(error) = reply else { return None };
    let failure = Failure::of_reply(error);
    (!failure.is_an_answer()).then_some(failure)
}

/// The reply, or the failure that it says.
pub(super) fn good(reply: Value) -> Result<Value, Failure> {
    match reply {
        Value::ServerError(error) => Err(Failure::of_reply(&error)),
        reply => Ok(reply),
    }
}

/// Which refusal a reply is, if it is one that is answered.
pub(super) fn refusal(reply: &Value) -> Option<Refusal> {
    let Value::ServerError(error) = reply else { return None };
    Failure::of_reply(error).refusal
}

/// A command of these words.
pub(super) fn command<const N: usize>(words: [&str; N]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;
    use crate::config::Endpoint;

    #[test]
    fn a_cause_that_only_counts_on_is_told_once() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let lines = told.clone();
        let link = Link::new(Endpoint::parse("redis://127.0.0.1:1").expect("an address"), "test".into());
        let mut client =
            Client::new(link, "acknowledging".into(), Arc::new(move |line| lines.lock().push(line)));
        for line in [
            "ERR unknown command, with args beginning with: '1764291600001'",
            "ERR unknown command, with args beginning with: '1764291600987'",
            "LOADING Redis is loading the dataset in memory",
        ] {
            client.failed(&Failure::held(line));
        }
        let told = told.lock();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].contains("LOADING"), "{told:?}");
    }
}
