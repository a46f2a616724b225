//! A reading thread's client: sends commands about one key in one exchange, and says when to try again after a failure.
//!
//! While a slot of a Cluster moves, its owner answers a command about a key that has moved with ASK, which redirects that
//! one command to the other node. A transaction under a WATCH is never redirected: only the node that watches guards it.

use std::thread;
use std::time::{Duration, Instant};

use redis::Value;

use super::item::Report;
pub use crate::clock::server_ms;
use crate::config::Endpoint;
use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::{Class, Failure, Refusal};
use crate::model::{InstanceId, key};

/// The longest wait between two attempts to reach a server.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a wait checks whether it should end early.
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// A command: its name and arguments.
pub type Command = Vec<Vec<u8>>;

/// A node of the site, by its index in the link, and whether another node redirected us there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    server: usize,
    asking: bool,
}

/// A connection that reports its failures.
pub struct Client {
    link: Link,
    generation: u64,
    /// What the connection is for: the first words of its reports.
    purpose: String,
    report: Report,
    /// The failure that was reported last. It is not reported again until something succeeds.
    reported: String,
    wait: Duration,
    /// When the next attempt is due, after one that failed.
    due: Option<Instant>,
}

impl Client {
    /// A client of these servers that is not connected yet. `name` is its connections' name in `CLIENT LIST`.
    pub fn new(endpoint: &Endpoint, name: String, purpose: String, report: Report) -> Self {
        let link = Link::new(endpoint.clone(), name);
        let (generation, reported, wait, due) = (0, String::new(), Duration::ZERO, None);
        Self { link, generation, purpose, report, reported, wait, due }
    }

    /// A client whose connections carry transactions. Connecting fails if the server or the user does not allow them.
    pub fn for_transactions(self) -> Self {
        Self { link: self.link.for_transactions(), ..self }
    }

    /// Connects unless there is a connection. Returns whether it is a new one.
    pub fn ensure_connected(&mut self) -> Result<bool, Failure> {
        let is_new = !self.link.is_connected();
        if is_new {
            self.reconnect()?;
        }
        Ok(is_new)
    }

    /// Finds the servers again, and connects.
    pub fn reconnect(&mut self) -> Result<(), Failure> {
        self.generation += 1;
        self.link.connect()
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.link.is_connected()
    }

    /// Grows with each attempt to connect, after which keys that were watched may no longer be.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Fails if another server has taken over, or should.
    pub fn check_whether_moved(&mut self) -> Result<(), Failure> {
        if self.link.may_move() { self.link.check() } else { Ok(()) }
    }

    /// Reports a line, which begins with the client's purpose.
    pub fn report(&self, line: impl std::fmt::Display) {
        (self.report)(format!("{}: {line}", self.purpose));
    }

    /// Sends commands about this key's slot in one go and reads their replies. Replies may be errors, except those
    /// that only say that the server cannot answer here or now: these fail the whole exchange.
    pub fn exchange(&mut self, key: &str, commands: &[Command]) -> Result<Vec<Value>, Failure> {
        self.exchange_where(key, commands).map(|(replies, _)| replies)
    }

    /// Likewise. Returns also which node answered the first command.
    pub fn exchange_where(&mut self, key: &str, commands: &[Command]) -> Result<(Vec<Value>, Node), Failure> {
        let mut node = Node { server: self.link.route(key)?, asking: false };
        let mut replies = self.send(node, commands)?;
        let asks = |at: &usize| no_answer(&replies[*at]).is_some_and(|failure| failure.class == Class::Ask);
        let redirected: Vec<usize> = (0..replies.len()).filter(asks).collect();
        if let Some(first) = redirected.first() {
            let ask = no_answer(&replies[*first]).expect("as above");
            let other = Node { server: self.link.redirect(&ask)?, asking: true };
            let again: Vec<_> = redirected.iter().map(|at| commands[*at].clone()).collect();
            for (at, reply) in redirected.iter().zip(self.send(other, &again)?) {
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

    /// Sends commands to this node, redirecting none, and reads their replies, whatever they are.
    pub fn send(&mut self, node: Node, commands: &[Command]) -> Result<Vec<Value>, Failure> {
        let mut bytes = Commands::new();
        // ASKING holds for one command, or for one transaction.
        let (mut announced, mut in_transaction) = (Vec::new(), false);
        for command in commands {
            let asks = node.asking && !in_transaction;
            if asks {
                bytes.command([b"ASKING".as_slice()]);
            }
            announced.push(asks);
            bytes.command(command.iter().map(Vec::as_slice));
            match command[0].as_slice() {
                b"MULTI" => in_transaction = true,
                b"EXEC" => in_transaction = false,
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

    /// Sends one command. An error reply is a failure.
    pub fn ask(&mut self, key: &str, command: Command) -> Result<Value, Failure> {
        good(self.exchange(key, &[command])?.remove(0))
    }

    /// Executes commands as one transaction at the node that watches, and returns their replies, or none if a watched
    /// key has changed. An error reply is a failure.
    pub fn transact_at(
        &mut self,
        node: Node,
        mut commands: Vec<Command>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        commands.insert(0, command(["MULTI"]));
        commands.push(command(["EXEC"]));
        executed(self.send(node, &commands)?)
    }

    /// Notes a success and, after a failure that was reported, reports it.
    pub fn succeeded(&mut self) {
        (self.wait, self.due) = (Duration::ZERO, None);
        if !self.reported.is_empty() {
            self.reported.clear();
            self.report(format_args!("{} answers again", self.link.address()));
        }
    }

    /// Reports a failure unless it was reported last, and delays the next attempt, longer each time.
    pub fn failed(&mut self, failure: &Failure) {
        let cause = failure.cause();
        if self.reported != cause {
            self.reported = cause;
            self.report(format_args!("{}; trying again", self.link.told(failure)));
        }
        if matches!(failure.class, Class::Reconnect | Class::Refresh) {
            self.link.doubt();
        }
        self.wait = (self.wait * 2).clamp(Duration::from_millis(50), LONGEST_WAIT);
        self.due = Some(Instant::now() + self.wait);
    }

    /// Likewise for a failure that delays nothing.
    pub fn failed_without_delay(&mut self, failure: &Failure) {
        self.failed(failure);
        (self.wait, self.due) = (Duration::ZERO, None);
    }

    /// Waits until the next attempt is due, at most this long and while `go_on` holds. Returns whether it is due.
    pub fn wait_until_due(&self, most: Duration, go_on: impl Fn() -> bool) -> bool {
        let Some(due) = self.due else { return true };
        let until = Instant::now().checked_add(most).map_or(due, |end| end.min(due));
        while Instant::now() < until && go_on() {
            thread::sleep(CHECK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
        Instant::now() >= due
    }

    /// Executes commands as one transaction that nothing guards. An error reply is a failure; then none of the commands had
    /// an effect, apart from those that fail only when they are executed.
    pub fn transact(&mut self, key: &str, commands: Vec<Command>) -> Result<(), Failure> {
        let owner = Node { server: self.link.route(key)?, asking: false };
        match self.transact_at(owner, commands.clone()) {
            Err(ask) if ask.class == Class::Ask => {
                let other = Node { server: self.link.redirect(&ask)?, asking: true };
                self.transact_at(other, commands).map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    /// Whether keys have slots, which move from node to node.
    pub fn has_slots(&self) -> bool {
        self.link.has_slots()
    }

    /// Every master.
    pub fn masters(&mut self) -> Result<Vec<Node>, Failure> {
        let masters = self.link.masters()?;
        Ok(masters.into_iter().map(|server| Node { server, asking: false }).collect())
    }

    /// A failure in words, with what to change in the configuration where that may help.
    pub fn in_words(&self, failure: &Failure) -> String {
        self.link.told(failure)
    }
}

/// What EXEC returned, from the replies to MULTI, the commands and EXEC.
pub fn executed(mut replies: Vec<Value>) -> Result<Option<Vec<Value>>, Failure> {
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
        other => {
            good(other).and_then(|_| Err(Failure::lost("the reply to EXEC is not that of a transaction")))
        }
    }
}

/// The failure in a reply by which a server says that it cannot answer here or now.
fn no_answer(reply: &Value) -> Option<Failure> {
    let Value::ServerError(error) = reply else { return None };
    let failure = Failure::of_reply(error);
    (!failure.is_an_answer()).then_some(failure)
}

/// The reply, or the failure that it is.
pub fn good(reply: Value) -> Result<Value, Failure> {
    match reply {
        Value::ServerError(error) => Err(Failure::of_reply(&error)),
        reply => Ok(reply),
    }
}

/// Which refusal a reply is, if it is one that has a name.
pub fn refusal(reply: &Value) -> Option<Refusal> {
    let Value::ServerError(error) = reply else { return None };
    Failure::of_reply(error).refusal
}

/// A command of text.
pub fn command<const N: usize>(words: [&str; N]) -> Command {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// Adds to `XREAD` or `XREADGROUP` what to read: from each source of a shard at most `count` entries after an id.
/// The server holds a read that finds nothing for as long as `block` says.
pub fn read(
    mut command: Command,
    count: usize,
    block: Option<Duration>,
    shard: u16,
    from: &[(InstanceId, String)],
) -> Command {
    command.extend([b"COUNT".to_vec(), count.to_string().into_bytes()]);
    if let Some(block) = block {
        command.extend([b"BLOCK".to_vec(), block.as_millis().max(1).to_string().into_bytes()]);
    }
    command.push(b"STREAMS".to_vec());
    command.extend(from.iter().map(|(source, _)| key::signals(shard, source.as_str()).as_bytes().to_vec()));
    command.extend(from.iter().map(|(_, id)| id.clone().into_bytes()));
    command
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn a_failure_whose_words_differ_only_in_numbers_is_reported_once() {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let lines = reported.clone();
        let endpoint = Endpoint::parse("redis://127.0.0.1:1").expect("an address");
        let report = Arc::new(move |line| lines.lock().push(line));
        let mut client = Client::new(&endpoint, "test".into(), "acknowledging".into(), report);
        for line in [
            "ERR unknown command, with args beginning with: '1764291600001'",
            "ERR unknown command, with args beginning with: '1764291600987'",
            "LOADING Redis is loading the dataset in memory",
        ] {
            client.failed(&Failure::held(line));
        }
        let reported = reported.lock();
        assert_eq!(reported.len(), 2, "{reported:?}");
        assert!(reported[1].contains("LOADING"), "{reported:?}");
    }
}
