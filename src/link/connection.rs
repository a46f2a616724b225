//! One connection to one server: connect, encrypt, log in, select, give the connection a name, keep it
//! alive. Every step has a deadline.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use redis::Value;

use super::commands::Commands;
use super::failure::{Class, Failure, Refusal, plain};
use super::reply::{Replies, Sparse};
use super::resolve;
use super::stream::Stream;
use crate::config::{Address, Endpoint, Identity};

/// After such a rest it is asked whether the server still listens, before anything is sent.
const REST: Duration = Duration::from_millis(100);

/// A connection, with which nothing can be done any more after the first failure of class `Reconnect`.
pub(super) struct Connection {
    stream: Stream,
    replies: Replies,
    /// All that was asked is answered, and something was.
    answered: bool,
}

impl Connection {
    /// Connects to a Redis server.
    pub(super) fn open(address: &Address, endpoint: &Endpoint, name: &str) -> Result<Self, Failure> {
        let mut connection = Self::connect(address, endpoint, None)?;
        connection.log_in(&endpoint.identity)?;
        if endpoint.database != 0 {
            connection.ask(&["SELECT", &endpoint.database.to_string()])?;
        }
        match connection.ask(&["CLIENT", "SETNAME", name]) {
            Err(failure) if failure.class == Class::Reconnect => return Err(failure),
            // A name is a courtesy. A server that refuses it but answers a PING takes what matters.
            Err(refused) if refused.refusal != Some(Refusal::NoPermission) => {
                connection.ask(&["PING"]).map_err(|_| refused)?;
            }
            _ => {}
        }
        connection.stream.limit(endpoint.reply_timeout);
        Ok(connection)
    }

    /// Connects to a sentinel, which is asked one question and so gets neither a name nor a database. All that is
    /// done with it ends at `end`.
    pub(super) fn open_sentinel(
        address: &Address,
        endpoint: &Endpoint,
        identity: &Identity,
        end: Option<Instant>,
    ) -> Result<Self, Failure> {
        let mut connection = Self::connect(address, endpoint, end)?;
        connection.log_in(identity)?;
        Ok(connection)
    }

    /// A connection with the time-outs of a handshake: one to reach the server, its name's resolution included, one
    /// for TLS, and one for each reply.
    fn connect(address: &Address, endpoint: &Endpoint, end: Option<Instant>) -> Result<Self, Failure> {
        let timeout = endpoint.connect_timeout;
        let deadline = Instant::now() + timeout;
        let deadline = end.map_or(deadline, |end| end.min(deadline));
        let tls = endpoint.tls.as_ref().map(|tls| tls.client()).transpose();
        let tls = tls.map_err(|text| Failure::new(Class::Alarm, text))?;
        let stream = resolve::addresses(address, deadline)
            .and_then(|addresses| Stream::connect(&addresses, deadline, timeout, end))
            .and_then(|stream| match tls {
                Some(config) => stream.encrypt(address, config),
                None => Ok(stream),
            })
            .map_err(|error| Failure::of_io(&error))?;
        Ok(Self { stream, replies: Replies::new(endpoint.reply_bytes), answered: false })
    }

    fn log_in(&mut self, identity: &Identity) -> Result<(), Failure> {
        let Some(password) = &identity.password else { return Ok(()) };
        let command = ["AUTH"].into_iter().chain(identity.username.as_deref()).chain([password.expose()]);
        // A server that does not know the command repeats what it was given, or the beginning of it.
        let hide = |failure: Failure| {
            let said = failure.text.split(", with args beginning with").next().unwrap_or_default();
            let text = said.replace(password.expose(), "***").replace(&plain(password.expose()), "***");
            Failure { text, ..failure }
        };
        self.ask(&command.collect::<Vec<_>>()).map(drop).map_err(hide)
    }

    /// Whether it carries transactions, tried with an empty one; that ends all watching, too.
    pub(super) fn can_transact(&mut self) -> Result<(), Failure> {
        for command in ["MULTI", "EXEC"] {
            self.ask(&[command]).map_err(|failure| failure.without(command))?;
        }
        Ok(())
    }

    /// Writes commands already in RESP.
    pub(super) fn send(&mut self, commands: &[u8]) -> Result<(), Failure> {
        let sent = self.expect_silence().and_then(|()| {
            self.answered = false;
            self.stream.begins_to_send();
            self.stream.write_all(commands)?;
            self.stream.flush()
        });
        sent.map_err(|error| Failure::of_io(&error))
    }

    /// Whether nothing has come that nobody asked for: what comes next would be taken for the reply to something
    /// else. After a rest the server may have closed, too, and what is sent then would be in doubt.
    fn expect_silence(&mut self) -> io::Result<()> {
        let spoke = self.answered
            && (!self.replies.is_empty() || self.stream.rested() >= REST && self.stream.has_spoken()?);
        if spoke {
            return Err(io::Error::other("the server says what nobody asked for"));
        }
        Ok(())
    }

    /// Reads one reply; an error reply of the server is a reply too.
    pub(super) fn receive(&mut self) -> Result<Value, Failure> {
        self.answered = true;
        self.stream.begins_a_reply();
        self.replies.next(&mut self.stream).map_err(|error| Failure::of_io(&error))
    }

    /// Reads one reply, of an array only the errors and what is wanted.
    pub(super) fn receive_sparse(&mut self, wanted: impl Fn(usize) -> bool) -> Result<Sparse, Failure> {
        self.answered = true;
        self.stream.begins_a_reply();
        self.replies.next_sparse(&mut self.stream, wanted).map_err(|error| Failure::of_io(&error))
    }

    /// Passes over a reply if it is this one and need not be waited for.
    pub(super) fn skip(&mut self, reply: &[u8]) -> bool {
        self.replies.skip(reply)
    }

    /// Sends one command and reads its reply; an error reply is a failure.
    pub(super) fn ask(&mut self, command: &[&str]) -> Result<Value, Failure> {
        let mut commands = Commands::new();
        commands.command(command.iter().map(|part| part.as_bytes()));
        self.send(commands.bytes())?;
        match self.receive()? {
            Value::ServerError(error) => Err(Failure::of_reply(&error)),
            reply => Ok(reply),
        }
    }
}
