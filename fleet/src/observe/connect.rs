//! One connection to a server or a Sentinel, with the credentials, TLS files, time-outs and largest reply of the
//! configuration.

use std::io;

use anyhow::{Context, Result};
use mt5_redis::config::{Address, Endpoint, Identity};
/// The bridge's own connection: no reply is larger than `reply_bytes` or takes longer than `reply_timeout`.
pub use mt5_redis::link::BoundedConnection as Connection;
use redis::{ErrorKind, RedisError, RedisResult};

use crate::errors::{CONNECTING, server_reply};

/// Connects to a server and selects the configured database.
pub fn server(address: &Address, endpoint: &Endpoint) -> Result<Connection> {
    let mut connection = connect(address, endpoint, &endpoint.identity)?;
    if endpoint.database != 0 {
        redis::cmd("SELECT").arg(endpoint.database).exec(&mut connection)?;
    }
    Ok(connection)
}

/// Connects to a server or a Sentinel.
pub fn connect(address: &Address, endpoint: &Endpoint, identity: &Identity) -> Result<Connection> {
    let mut connection = match Connection::open(address, endpoint) {
        Ok(connection) => connection,
        // About the TLS files.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error.into()),
        Err(error) => return Err(RedisError::from(error)).context(CONNECTING),
    };
    match log_in(&mut connection, identity) {
        Err(error) if error.code().is_none() => Err(error).context(CONNECTING),
        refused => refused.map(|()| connection).map_err(Into::into),
    }
}

/// Authenticates, or finds out whether the server wants a password. The client library would hide the server's reply.
fn log_in(connection: &mut Connection, identity: &Identity) -> RedisResult<()> {
    let Some(password) = &identity.password else {
        return match redis::cmd("PING").exec(connection) {
            // Whoever may not PING may still do its work.
            Err(error)
                if error.code() == Some("NOPERM") || server_reply(&error).contains("unknown command") =>
            {
                Ok(())
            }
            answer => answer,
        };
    };
    let password = password.expose();
    let answer = redis::cmd("AUTH").arg(identity.username.as_deref()).arg(password).exec(connection);
    // A server that does not know AUTH repeats its arguments in the error.
    answer.map_err(|error| match server_reply(&error).contains(password) {
        true => RedisError::from((ErrorKind::AuthenticationFailed, "the server knows no AUTH")),
        false => error,
    })
}

/// The address of a master, from a Sentinel.
pub fn master_named(sentinel: &mut Connection, master: &str) -> Result<Address> {
    let address: Option<(String, u16)> =
        redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master).query(sentinel)?;
    let (host, port) = address.with_context(|| format!("does not know the master {master}"))?;
    Ok(Address { host, port })
}
