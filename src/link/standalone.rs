//! One server at one address: connect, authenticate, select, give the connection a name, keep it alive.

use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};

use super::failure::Failure;
use crate::config::Endpoint;

/// A peer that vanished without a word is noticed after about a minute, even on an idle lane.
const KEEPALIVE: Duration = Duration::from_secs(30);

pub(super) fn connect(endpoint: &Endpoint, name: &str) -> Result<redis::Connection, Failure> {
    open(endpoint, name).map_err(|error| Failure::of_connection(&error))
}

fn open(endpoint: &Endpoint, name: &str) -> redis::RedisResult<redis::Connection> {
    let tcp = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3));
    // redis-rs' own handshake would cost a time-out a reply on a silent server, and hide the server's
    // error codes: so it gets nothing to do.
    let info = {
        let crate::config::Site::Server(a) = &endpoint.site else { unreachable!() };
        ConnectionAddr::Tcp(a.host.clone(), a.port)
    }
    .into_connection_info()?
    .set_redis_settings(RedisConnectionInfo::default().set_skip_set_lib_name())
    .set_tcp_settings(tcp);
    let mut connection = redis::Client::open(info)?.get_connection_with_timeout(endpoint.connect_timeout)?;
    connection.set_read_timeout(Some(endpoint.connect_timeout))?;
    connection.set_write_timeout(Some(endpoint.reply_timeout))?;

    if let Some(password) = &endpoint.identity.password {
        redis::cmd("AUTH").arg(&endpoint.identity.username).arg(password.expose()).exec(&mut connection)?;
    }
    if endpoint.database != 0 {
        redis::cmd("SELECT").arg(endpoint.database).exec(&mut connection)?;
    }
    match redis::cmd("CLIENT").arg("SETNAME").arg(name).exec(&mut connection) {
        // A name is a courtesy: a user that may not set one may still write.
        Err(error) if error.code() != Some("NOPERM") => return Err(error),
        _ => {}
    }
    connection.set_read_timeout(Some(endpoint.reply_timeout))?;
    Ok(connection)
}
