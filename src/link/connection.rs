//! One connection to one server: connect, encrypt, log in, select, give the connection a name, keep it
//! alive. Every step has a deadline.

use std::sync::Once;
use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisResult};

use super::failure::{Class, Failure};
use crate::config::{Address, Endpoint, Identity};

/// A peer that vanished without a word is noticed after about a minute, even on an idle lane.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Connects to a Redis server.
pub(super) fn open(address: &Address, endpoint: &Endpoint, name: &str) -> Result<redis::Connection, Failure> {
    let mut connection = connect(address, endpoint)?;
    prepare(&mut connection, endpoint, name).map_err(|error| Failure::of_connection(&error))?;
    Ok(connection)
}

/// Connects to a sentinel, which is asked one question and so gets neither a name nor a database.
pub(super) fn open_sentinel(
    address: &Address,
    endpoint: &Endpoint,
    identity: &Identity,
) -> Result<redis::Connection, Failure> {
    let mut connection = connect(address, endpoint)?;
    log_in(&mut connection, identity).map_err(|error| Failure::of_connection(&error))?;
    Ok(connection)
}

/// A connection with the time-outs of a handshake, which it bounds step by step.
fn connect(address: &Address, endpoint: &Endpoint) -> Result<redis::Connection, Failure> {
    let timeout = endpoint.connect_timeout;
    let connected = client(address, endpoint)?.get_connection_with_timeout(timeout).and_then(|connection| {
        connection.set_read_timeout(Some(timeout))?;
        connection.set_write_timeout(Some(timeout))?;
        Ok(connection)
    });
    connected.map_err(|error| Failure::of_connection(&error))
}

fn client(address: &Address, endpoint: &Endpoint) -> Result<Client, Failure> {
    let Address { host, port } = address.clone();
    let server = match endpoint.tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
    };
    let tcp = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3));
    // redis-rs' own handshake would cost a time-out a reply on a silent server, and hide the server's
    // error codes: so it gets nothing to do.
    let info = server.into_connection_info().map(|info| {
        info.set_redis_settings(RedisConnectionInfo::default().set_skip_set_lib_name()).set_tcp_settings(tcp)
    });
    let client = match &endpoint.tls {
        None => info.and_then(Client::open),
        Some(tls) => {
            static PROVIDER: Once = Once::new();
            // An error means that there is one already, which will do.
            PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
            let certificates = tls.certificates().map_err(|text| Failure { class: Class::Alarm, text })?;
            info.and_then(|info| Client::build_with_tls(info, certificates))
        }
    };
    client.map_err(|error| Failure::of_connection(&error))
}

fn prepare(connection: &mut redis::Connection, endpoint: &Endpoint, name: &str) -> RedisResult<()> {
    log_in(connection, &endpoint.identity)?;
    if endpoint.database != 0 {
        redis::cmd("SELECT").arg(endpoint.database).exec(connection)?;
    }
    match redis::cmd("CLIENT").arg("SETNAME").arg(name).exec(connection) {
        // A name is a courtesy: a user that may not set one may still write.
        Err(error) if error.code() != Some("NOPERM") => return Err(error),
        _ => {}
    }
    connection.set_read_timeout(Some(endpoint.reply_timeout))?;
    connection.set_write_timeout(Some(endpoint.reply_timeout))
}

fn log_in(connection: &mut redis::Connection, identity: &Identity) -> RedisResult<()> {
    let Some(password) = &identity.password else { return Ok(()) };
    redis::cmd("AUTH").arg(&identity.username).arg(password.expose()).exec(connection)
}
