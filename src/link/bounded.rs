//! A connection for the commands of redis-rs, with a link's limits: a reply has at most `reply_bytes`, the replies of a
//! pipeline together have that or 16 MiB, and each whole reply has a deadline. `mt5fleet` asks its questions over it. It neither logs in nor
//! selects a database.

use std::io;

use redis::{ConnectionLike, RedisResult, Value};

use super::connection::Connection;
use super::reply;
use crate::config::{Address, Endpoint};

/// What the replies of a pipeline may have together where a single one may have less, bytes.
const TOGETHER: usize = 16 << 20;

/// A connection to a server or a Sentinel. After an I/O error it is of no use.
pub struct BoundedConnection {
    connection: Connection,
    database: i64,
    /// The limit of an exchange, bytes, and the size of the last one.
    limit: usize,
    size: usize,
    is_open: bool,
    is_too_large: bool,
}

impl BoundedConnection {
    /// Connects. An error of the kind `InvalidInput` is about the TLS files.
    pub fn open(address: &Address, endpoint: &Endpoint) -> io::Result<Self> {
        Ok(Self {
            connection: Connection::open_bare(address, endpoint)?,
            database: endpoint.database,
            limit: endpoint.reply_bytes.max(TOGETHER),
            size: 0,
            is_open: true,
            is_too_large: false,
        })
    }

    /// The memory that the replies of the last exchange took, bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The limit of the replies of an exchange together, bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether the last exchange failed because a reply or all together were too large.
    pub fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// Sends commands and reads their replies.
    fn exchange(&mut self, commands: &[u8], count: usize) -> io::Result<Vec<Value>> {
        if !self.is_open {
            return Err(io::ErrorKind::NotConnected.into());
        }
        match self.connection.exchange(commands, count, self.limit) {
            Ok((replies, size)) => {
                self.size = size;
                Ok(replies)
            }
            Err(error) => {
                (self.is_open, self.is_too_large) = (false, reply::is_too_large(&error));
                Err(match error.kind() {
                    io::ErrorKind::UnexpectedEof => {
                        io::Error::new(error.kind(), "the server closed the connection")
                    }
                    _ => error,
                })
            }
        }
    }
}

impl ConnectionLike for BoundedConnection {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        Ok(self.exchange(command, 1)?.remove(0))
    }

    fn req_packed_commands(
        &mut self,
        commands: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let mut replies = self.exchange(commands, offset + count)?;
        let wanted = replies.split_off(offset);
        // Of a transaction: an error before EXEC is its cause.
        replies.into_iter().try_for_each(|reply| reply.extract_error().map(drop))?;
        Ok(wanted)
    }

    fn get_db(&self) -> i64 {
        self.database
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.is_open
    }
}
