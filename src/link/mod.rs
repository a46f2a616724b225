//! How to reach Redis: one connection, its commands as bytes, its errors by what to do about them.
//!
//! A link is used by one lane's thread only. Every wait is bounded by a time-out, and the first I/O error
//! ends the connection: replies that come later would belong to nobody. It does not try again by itself,
//! and it does not know what the bytes mean.

pub(crate) mod failure;
pub(crate) mod resp;
mod standalone;

use redis::Value;

use crate::config::Endpoint;
use failure::{Class, Failure};

/// A lane's way to its Redis server.
pub(crate) struct Link {
    endpoint: Endpoint,
    /// What the server calls us in `CLIENT LIST`.
    name: String,
    connection: Option<redis::Connection>,
}

impl Link {
    pub(crate) fn new(endpoint: Endpoint, name: String) -> Self {
        Self { endpoint, name, connection: None }
    }

    pub(crate) fn address(&self) -> String {
        self.endpoint.name()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    pub(crate) fn connect(&mut self) -> Result<(), Failure> {
        self.connection = Some(standalone::connect(&self.endpoint, &self.name)?);
        Ok(())
    }

    /// The server's id, which changes with each of its lives.
    pub(crate) fn run_id(&mut self) -> Result<String, Failure> {
        let info = match self.ask(&["INFO", "server"]) {
            Ok(Value::BulkString(info)) => info,
            // A user without the permission to ask: one history for all of its servers.
            Err(failure) if failure.class == Class::Reconnect => return Err(failure),
            _ => return Ok(String::new()),
        };
        let info = String::from_utf8_lossy(&info);
        Ok(info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default().to_owned())
    }

    /// Drops the connection, and with it every reply still to come.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Writes commands already in RESP.
    pub(crate) fn send(&mut self, commands: &[u8]) -> Result<(), Failure> {
        let sent = self.connection()?.send_packed_command(commands);
        sent.map_err(|error| self.broken(&error))
    }

    /// Reads one reply; an error reply of the server is a reply too.
    pub(crate) fn receive(&mut self) -> Result<Value, Failure> {
        match self.connection()?.recv_response() {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Sends one command and reads its reply; an error reply is a failure.
    pub(crate) fn ask(&mut self, command: &[&str]) -> Result<Value, Failure> {
        let mut commands = resp::Commands::new();
        commands.command(command.iter().map(|part| part.as_bytes()));
        self.send(commands.bytes())?;
        match self.receive()? {
            Value::ServerError(error) => Err(Failure::of_reply(&error)),
            reply => Ok(reply),
        }
    }

    fn connection(&mut self) -> Result<&mut redis::Connection, Failure> {
        self.connection.as_mut().ok_or_else(|| Failure::lost("not connected"))
    }

    fn broken(&mut self, error: &redis::RedisError) -> Failure {
        self.disconnect();
        Failure::of_connection(error)
    }
}
