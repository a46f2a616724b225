//! One connection to a server or a Sentinel, with the credentials, TLS files and time-outs of the configuration.

use std::fs;

use anyhow::{Context, Result};
use mt5_redis::config::{Address, Endpoint, Identity};
use redis::{
    Client, ClientTlsConfig, Connection, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, RedisResult, TlsCertificates,
};

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
    let Address { host, port } = address.clone();
    let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    let client = match &endpoint.tls {
        None => Client::open(
            ConnectionAddr::Tcp(host, port).into_connection_info()?.set_redis_settings(settings),
        )?,
        Some(tls) => {
            let read = |path: &std::path::PathBuf| {
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))
            };
            let certificates = TlsCertificates {
                client_tls: match &tls.client {
                    Some((certificate, key)) => {
                        Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
                    }
                    None => None,
                },
                root_cert: tls.ca.as_ref().map(read).transpose()?,
            };
            let address = ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None };
            let info = address.into_connection_info()?.set_redis_settings(settings);
            Client::build_with_tls(info, certificates)?
        }
    };
    let mut connection = client.get_connection_with_timeout(endpoint.connect_timeout).context(CONNECTING)?;
    connection.set_read_timeout(Some(endpoint.reply_timeout))?;
    connection.set_write_timeout(Some(endpoint.reply_timeout))?;
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
