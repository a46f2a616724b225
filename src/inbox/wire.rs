//! A reading thread's link: commands about one key in one exchange, and when to try again after one that failed.

use std::thread;
use std::time::{Duration, Instant};

use redis::Value;

use super::item::Tell;
pub(super) use crate::clock::server_ms;
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::link::resp::Commands;

/// The longest wait between two attempts to reach a server.
const PATIENCE: Duration = Duration::from_secs(5);
/// A wait is looked at so often whether it is over.
const GLANCE: Duration = Duration::from_millis(20);

/// A connection, and what it said last.
pub(super) struct Wire {
    link: Link,
    /// What the connection is for, in what is told.
    what: String,
    tell: Tell,
    /// What was told last about a failure: the same is not told again until something succeeds.
    told: String,
    wait: Duration,
    /// When the next attempt is due, after one that failed.
    due: Option<Instant>,
}

impl Wire {
    pub(super) fn new(link: Link, what: String, tell: Tell) -> Self {
        Self { link, what, tell, told: String::new(), wait: Duration::ZERO, due: None }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.is_connected()
    }

    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        self.link.connect()
    }

    /// Whether the server is still the one to ask, where another one may take over.
    pub(super) fn check_whether_moved(&mut self) -> Result<(), Failure> {
        if self.link.may_move() { self.link.check() } else { Ok(()) }
    }

    /// Whom it reaches.
    pub(super) fn address(&self) -> String {
        self.link.address()
    }

    pub(super) fn tell(&self, line: impl std::fmt::Display) {
        (self.tell)(format!("{}: {line}", self.what));
    }

    /// Sends commands about this key's slot in one go and reads their replies. Error replies are replies.
    pub(super) fn exchange(&mut self, key: &str, commands: &[Vec<Vec<u8>>]) -> Result<Vec<Value>, Failure> {
        let server = self.link.route(key)?;
        self.exchange_at(server, commands)
    }

    /// The same with one of the servers, by its index.
    pub(super) fn exchange_at(
        &mut self,
        server: usize,
        commands: &[Vec<Vec<u8>>],
    ) -> Result<Vec<Value>, Failure> {
        let mut bytes = Commands::new();
        commands.iter().for_each(|command| bytes.command(command.iter().map(Vec::as_slice)));
        bytes.send(&mut self.link, server)?;
        commands.iter().map(|_| self.link.receive(server)).collect()
    }

    /// One command, whose error reply is a failure.
    pub(super) fn ask(&mut self, key: &str, command: Vec<Vec<u8>>) -> Result<Value, Failure> {
        let reply = self.exchange(key, &[command])?.remove(0);
        good(reply)
    }

    /// Makes one transaction of these commands. Returns their replies, or none where a watched key was changed. An
    /// error reply to any of them is a failure; nothing of the transaction was done then but what the server
    /// could not know before.
    pub(super) fn transact(
        &mut self,
        key: &str,
        commands: Vec<Vec<Vec<u8>>>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        let count = commands.len();
        let mut all = vec![command(["MULTI"])];
        all.extend(commands);
        all.push(command(["EXEC"]));
        let mut replies = self.exchange(key, &all)?;
        let executed = replies.pop().expect("one a command");
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
            self.tell(format_args!("{} answers again", self.address()));
        }
    }

    /// Says what failed, once, and when to try again, later each time.
    pub(super) fn failed(&mut self, failure: &Failure) {
        if self.told != failure.text {
            self.told.clone_from(&failure.text);
            self.tell(format_args!("{}; trying again", self.link.told(failure)));
        }
        if matches!(failure.class, Class::Reconnect | Class::Refresh) {
            self.link.doubt();
        }
        self.wait = (self.wait * 2).clamp(Duration::from_millis(50), PATIENCE);
        self.due = Some(Instant::now() + self.wait);
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

/// The reply, or the failure that it says.
pub(super) fn good(reply: Value) -> Result<Value, Failure> {
    match reply {
        Value::ServerError(error) => Err(Failure::of_reply(&error)),
        reply => Ok(reply),
    }
}

/// Whether a reply is an error with this code.
pub(super) fn is_error(reply: &Value, code: &str) -> bool {
    matches!(reply, Value::ServerError(error) if error.code() == code)
}

/// Whether an exchange failed because a reply was larger than one may be.
pub(super) fn is_too_large(failure: &Failure) -> bool {
    failure.class == Class::Reconnect && failure.text.ends_with("see reply_bytes")
}

/// A command of these words.
pub(super) fn command<const N: usize>(words: [&str; N]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}
