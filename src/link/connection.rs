//! One connection to one server: connect, TLS, AUTH, SELECT, CLIENT SETNAME. Every step has a deadline.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;
use rustls::ClientConfig;

use super::commands::Commands;
use super::failure::{Class, Failure, Refusal, plain};
use super::reply::{self, Replies, Sparse};
use super::resolve;
use super::stream::Stream;
use crate::config::{Address, Endpoint, Identity};

/// After this much rest, the connection is checked before anything is sent.
const REST: Duration = Duration::from_millis(100);

/// A connection. It is of no use after the first failure of class `Reconnect`.
pub(super) struct Connection {
    stream: Stream,
    replies: Replies,
    /// At least one reply was read since the last command was sent.
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
            // The name is optional: a server that refuses it but answers a PING is good enough.
            Err(refused) if refused.refusal != Some(Refusal::NoPermission) => {
                connection.ask(&["PING"]).map_err(|_| refused)?;
            }
            _ => {}
        }
        connection.stream.limit(endpoint.reply_timeout);
        Ok(connection)
    }

    /// Connects to a sentinel. It is asked one question, so the connection needs neither a name nor a database.
    /// Everything ends at `end`.
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

    /// A connection with the handshake's time-outs: one to reach the server, including its name's resolution, one for
    /// TLS, and one for each reply.
    fn connect(address: &Address, endpoint: &Endpoint, end: Option<Instant>) -> Result<Self, Failure> {
        let tls = endpoint.tls.as_ref().map(|tls| tls.client()).transpose();
        let tls = tls.map_err(|text| Failure::new(Class::Alarm, text))?;
        Self::reach(address, endpoint, tls, end).map_err(|error| Failure::of_io(&error))
    }

    fn reach(
        address: &Address,
        endpoint: &Endpoint,
        tls: Option<Arc<ClientConfig>>,
        end: Option<Instant>,
    ) -> io::Result<Self> {
        let timeout = endpoint.connect_timeout;
        let deadline = Instant::now() + timeout;
        let deadline = end.map_or(deadline, |end| end.min(deadline));
        let addresses = resolve::addresses(address, deadline)?;
        let stream = Stream::connect(&addresses, deadline, timeout, end)?;
        let stream = match tls {
            Some(config) => stream.encrypt(address, config)?,
            None => stream,
        };
        Ok(Self { stream, replies: Replies::new(endpoint.reply_bytes), answered: false })
    }

    fn log_in(&mut self, identity: &Identity) -> Result<(), Failure> {
        let Some(password) = &identity.password else { return Ok(()) };
        let command = ["AUTH"].into_iter().chain(identity.username.as_deref()).chain([password.expose()]);
        // A server that does not know the command quotes it, or its beginning.
        let hide = |failure: Failure| {
            let said = failure.text.split(", with args beginning with").next().unwrap_or_default();
            let text = said.replace(password.expose(), "***").replace(&plain(password.expose()), "***");
            Failure { text, ..failure }
        };
        self.ask(&command.collect::<Vec<_>>()).map(drop).map_err(hide)
    }

    /// Tries an empty transaction, to see whether transactions are allowed. It also ends all watching.
    pub(super) fn can_transact(&mut self) -> Result<(), Failure> {
        for command in ["MULTI", "EXEC"] {
            self.ask(&[command]).map_err(|failure| failure.without(command))?;
        }
        Ok(())
    }

    /// Sends commands in RESP.
    pub(super) fn send(&mut self, commands: &[u8]) -> Result<(), Failure> {
        self.write(commands).map_err(|error| Failure::of_io(&error))
    }

    fn write(&mut self, commands: &[u8]) -> io::Result<()> {
        self.expect_silence()?;
        self.answered = false;
        self.stream.begins_to_send();
        self.stream.write_all(commands)?;
        self.stream.flush()
    }

    /// Checks that no unexpected bytes have arrived: they would be taken for the reply to the next command. After a
    /// rest it also checks whether the server has closed the connection, so that the next commands are not in doubt.
    fn expect_silence(&mut self) -> io::Result<()> {
        let spoke = self.answered
            && (!self.replies.is_empty() || self.stream.rested() >= REST && self.stream.has_spoken()?);
        if spoke {
            return Err(io::Error::other("the server sent what nobody asked for"));
        }
        Ok(())
    }

    /// Reads one reply. An error reply is a reply too.
    pub(super) fn receive(&mut self) -> Result<Value, Failure> {
        self.read().map_err(|error| Failure::of_io(&error))
    }

    fn read(&mut self) -> io::Result<Value> {
        self.answered = true;
        self.stream.begins_a_reply();
        self.replies.next(&mut self.stream)
    }

    /// Reads one reply. Of an array it keeps only errors and wanted elements.
    pub(super) fn receive_sparse(&mut self, wanted: impl Fn(usize) -> bool) -> Result<Sparse, Failure> {
        self.answered = true;
        self.stream.begins_a_reply();
        self.replies.next_sparse(&mut self.stream, wanted).map_err(|error| Failure::of_io(&error))
    }

    /// Skips the next reply if it equals `reply` and has arrived.
    pub(super) fn skip(&mut self, reply: &[u8]) -> bool {
        self.replies.skip(reply)
    }

    /// Sends one command and reads its reply. An error reply is a failure.
    pub(super) fn ask(&mut self, command: &[&str]) -> Result<Value, Failure> {
        let mut commands = Commands::new();
        commands.command(command.iter().map(|part| part.as_bytes()));
        self.send(commands.bytes())?;
        match self.receive()? {
            Value::ServerError(error) => Err(Failure::of_reply(&error)),
            reply => Ok(reply),
        }
    }

    /// Connects to a server or a sentinel, without logging in. An error of the kind `InvalidInput` is about the TLS files.
    pub(super) fn open_bare(address: &Address, endpoint: &Endpoint) -> io::Result<Self> {
        let tls = endpoint.tls.as_ref().map(|tls| tls.client()).transpose();
        let tls = tls.map_err(|text| io::Error::new(io::ErrorKind::InvalidInput, text))?;
        let mut connection = Self::reach(address, endpoint, tls, None)?;
        connection.stream.limit(endpoint.reply_timeout);
        Ok(connection)
    }

    /// Sends commands and reads so many replies, which together have at most `limit` bytes. Returns also their size.
    pub(super) fn exchange(
        &mut self,
        commands: &[u8],
        count: usize,
        limit: usize,
    ) -> io::Result<(Vec<Value>, usize)> {
        self.write(commands)?;
        let (mut replies, mut size) = (Vec::new(), 0);
        for _ in 0..count {
            replies.push(self.read()?);
            size += self.replies.size();
            if size > limit {
                return Err(reply::too_large(limit));
            }
        }
        Ok((replies, size))
    }
}
