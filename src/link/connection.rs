//! One connection to one server: connect, encrypt, log in, select, give the connection a name, keep it
//! alive. Every step has a deadline.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Once;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::{SockRef, TcpKeepalive};
use redis::{
    Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, Value,
};

use super::failure::{Class, Failure};
use super::reply::{Replies, Sparse};
use super::resp::Commands;
use crate::config::{Address, Endpoint, Identity, Tls};

/// A peer that vanished without a word is noticed after about a minute, even on an idle lane.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A connection, with which nothing can be done any more after the first failure of class `Reconnect`.
pub(super) enum Connection {
    Plain(TcpStream, Replies),
    Encrypted(Box<redis::Connection>),
}

impl Connection {
    /// Connects to a Redis server.
    pub(super) fn open(address: &Address, endpoint: &Endpoint, name: &str) -> Result<Self, Failure> {
        let mut connection = Self::connect(address, endpoint)?;
        connection.log_in(&endpoint.identity)?;
        if endpoint.database != 0 {
            connection.ask(&["SELECT", &endpoint.database.to_string()])?;
        }
        match connection.ask(&["CLIENT", "SETNAME", name]) {
            Err(failure) if failure.class == Class::Reconnect => return Err(failure),
            // A name is a courtesy. A server that refuses it but answers a PING takes what matters.
            Err(refusal) if !refusal.text.starts_with("NOPERM ") => {
                connection.ask(&["PING"]).map_err(|_| refusal)?;
            }
            _ => {}
        }
        connection.set_timeout(endpoint.reply_timeout).map_err(|error| Failure::of_connection(&error))?;
        Ok(connection)
    }

    /// Connects to a sentinel, which is asked one question and so gets neither a name nor a database.
    pub(super) fn open_sentinel(
        address: &Address,
        endpoint: &Endpoint,
        identity: &Identity,
    ) -> Result<Self, Failure> {
        let mut connection = Self::connect(address, endpoint)?;
        connection.log_in(identity)?;
        Ok(connection)
    }

    /// A connection with the time-outs of a handshake, which it bounds step by step.
    fn connect(address: &Address, endpoint: &Endpoint) -> Result<Self, Failure> {
        let timeout = endpoint.connect_timeout;
        let connected = match &endpoint.tls {
            None => tcp(address, timeout)
                .map(|stream| Self::Plain(stream, Replies::new()))
                .map_err(RedisError::from),
            Some(tls) => client(address, tls)?
                .get_connection_with_timeout(timeout)
                .map(|connection| Self::Encrypted(Box::new(connection))),
        };
        connected
            .and_then(|connection| connection.set_timeout(timeout).map(|()| connection))
            .map_err(|error| Failure::of_connection(&error))
    }

    fn set_timeout(&self, timeout: Duration) -> RedisResult<()> {
        let timeout = Some(timeout);
        match self {
            Self::Plain(stream, _) => {
                stream.set_read_timeout(timeout).and_then(|()| stream.set_write_timeout(timeout))?;
                Ok(())
            }
            Self::Encrypted(connection) => {
                connection.set_read_timeout(timeout).and_then(|()| connection.set_write_timeout(timeout))
            }
        }
    }

    fn log_in(&mut self, identity: &Identity) -> Result<(), Failure> {
        let Some(password) = &identity.password else { return Ok(()) };
        let command = ["AUTH"].into_iter().chain(identity.username.as_deref()).chain([password.expose()]);
        // A server that does not know the command repeats what it was given.
        let hide =
            |failure: Failure| Failure { text: failure.text.replace(password.expose(), "***"), ..failure };
        self.ask(&command.collect::<Vec<_>>()).map(drop).map_err(hide)
    }

    /// Writes commands already in RESP.
    pub(super) fn send(&mut self, commands: &[u8]) -> Result<(), Failure> {
        let sent = match self {
            Self::Plain(stream, _) => stream.write_all(commands).map_err(RedisError::from),
            Self::Encrypted(connection) => connection.send_packed_command(commands),
        };
        sent.map_err(|error| Failure::of_connection(&error))
    }

    /// Reads one reply; an error reply of the server is a reply too.
    pub(super) fn receive(&mut self) -> Result<Value, Failure> {
        let received = match self {
            Self::Plain(stream, replies) => replies.next(stream).map_err(RedisError::from),
            Self::Encrypted(connection) => connection.recv_response(),
        };
        received.map_err(|error| Failure::of_connection(&error))
    }

    /// Reads one reply, of an array only the errors and what is wanted.
    pub(super) fn receive_sparse(&mut self, wanted: impl Fn(usize) -> bool) -> Result<Sparse, Failure> {
        let received = match self {
            Self::Plain(stream, replies) => replies.next_sparse(stream, wanted).map_err(RedisError::from),
            Self::Encrypted(connection) => connection.recv_response().map(|reply| Sparse::of(reply, wanted)),
        };
        received.map_err(|error| Failure::of_connection(&error))
    }

    /// Passes over a reply if it is this one and need not be waited for.
    pub(super) fn skip(&mut self, reply: &[u8]) -> bool {
        match self {
            Self::Plain(_, replies) => replies.skip(reply),
            Self::Encrypted(_) => false,
        }
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

/// Tries the host's addresses one after the other.
fn tcp(address: &Address, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the host has no address");
    for address in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                SockRef::from(&stream).set_tcp_keepalive(&keepalive())?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3)
}

fn client(address: &Address, tls: &Tls) -> Result<Client, Failure> {
    static PROVIDER: Once = Once::new();
    // An error means that there is one already, which will do.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let Address { host, port } = address.clone();
    let server = ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None };
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive());
    let certificates = tls.certificates().map_err(|text| Failure { class: Class::Alarm, text })?;
    // redis-rs' own handshake would cost a time-out a reply on a silent server, and hide the server's
    // error codes: so it gets nothing to do.
    server
        .into_connection_info()
        .map(|info| {
            info.set_redis_settings(RedisConnectionInfo::default().set_skip_set_lib_name())
                .set_tcp_settings(settings)
        })
        .and_then(|info| Client::build_with_tls(info, certificates))
        .map_err(|error| Failure::of_connection(&error))
}
