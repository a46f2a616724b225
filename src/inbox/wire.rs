//! A reading thread's link: commands about one key in one exchange, and what to do when that fails.

use std::thread;
use std::time::{Duration, Instant};

use redis::Value;

use super::Shared;
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::link::resp::Commands;

/// The longest wait between two attempts to reach a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection with the manners of a reader.
pub(super) struct Wire {
    link: Link,
    /// What was said last about a failure: the same is not said again until something succeeds.
    said: String,
    wait: Duration,
    /// When the next attempt is due, after one that failed.
    due: Option<Instant>,
}

impl Wire {
    pub(super) fn new(link: Link) -> Self {
        Self { link, said: String::new(), wait: Duration::ZERO, due: None }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.is_connected()
    }

    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        self.link.connect()
    }

    /// The server's id of its run.
    pub(super) fn history(&mut self) -> Result<String, Failure> {
        self.link.history()
    }

    /// Whether the server is still the one to ask.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        self.link.check()
    }

    /// Sends commands about this key in one go and reads their replies. Error replies are replies.
    pub(super) fn exchange(&mut self, key: &str, commands: &[Vec<Vec<u8>>]) -> Result<Vec<Value>, Failure> {
        let server = self.link.route(key)?;
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

    /// A failure as people are told of it.
    pub(super) fn told(&self, failure: &Failure) -> String {
        self.link.told(failure)
    }

    pub(super) fn succeeded(&mut self, shared: &Shared, what: &str) {
        (self.wait, self.due) = (Duration::ZERO, None);
        if !self.said.is_empty() {
            self.said.clear();
            (shared.tell)(format!("{what}: reads again from {}", self.link.address()));
        }
    }

    /// Says what failed, once, and when to try again, later each time.
    pub(super) fn failed(&mut self, shared: &Shared, what: &str, failure: &Failure) {
        if self.said != failure.text {
            self.said.clone_from(&failure.text);
            (shared.tell)(format!("{what}: {}; trying again", self.link.told(failure)));
        }
        if failure.class == Class::Reconnect || failure.class == Class::Refresh {
            self.link.doubt();
        }
        self.wait = (self.wait * 2).clamp(Duration::from_millis(50), PATIENCE);
        self.due = Some(Instant::now() + self.wait);
    }

    /// Waits until the next attempt is due, this long at most. Says whether it is.
    pub(super) fn rested(&self, shared: &Shared, most: Duration) -> bool {
        let Some(due) = self.due else { return true };
        let until = Instant::now().checked_add(most).map_or(due, |end| end.min(due));
        while !shared.ended() && Instant::now() < until {
            thread::sleep(Duration::from_millis(20).min(until.saturating_duration_since(Instant::now())));
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

/// A command of these words.
pub(super) fn command<const N: usize>(words: [&str; N]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}
