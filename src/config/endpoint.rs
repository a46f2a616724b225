//! Where a server is and who we are there.

use std::fmt;
use std::time::Duration;

use redis::{ConnectionAddr, IntoConnectionInfo};

/// A server's address, our identity there, and how long we wait for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database number.
    pub database: i64,
    /// ACL user; none: the server's default user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// How long connecting may take, handshake included a time-out a reply.
    pub connect_timeout: Duration,
    /// How long the server may be silent while we wait for a reply.
    pub reply_timeout: Duration,
}

impl Endpoint {
    /// Reads a `redis://[user][:password@]host[:port][/database]` URL. The reason of a refusal holds
    /// nothing of the URL, which may have a password anywhere.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        match url.split_once("://") {
            Some(("redis", _)) => {}
            Some(("rediss", _)) => {
                return Err("asks for TLS, which this version does not speak: use redis://");
            }
            _ => return Err("is no redis:// URL: write redis://host:port"),
        }
        if url.contains(['?', '#']) {
            return Err("has a query or a fragment: percent-encode ? and # in a password, \
                        or use the file's keys username and password");
        }
        let info = redis::parse_redis_url(url)
            .ok_or("is malformed: write redis://user:password@host:port/database and percent-encode the password")?
            .into_connection_info()
            .map_err(|_| "has a bad database number, user or password: write redis://user:password@host:port/0")?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err("is no redis:// URL: write redis://host:port");
        };
        let settings = info.redis_settings();
        if ["", "0.0.0.0", "::"].contains(&host.as_str()) {
            return Err("names no host one can connect to: write redis://host:port");
        }
        if settings.db() < 0 {
            return Err("has a negative database number: write redis://host:port/0");
        }
        Ok(Self {
            host: host.clone(),
            port: *port,
            database: settings.db(),
            username: settings.username().map(str::to_owned),
            password: settings.password().map(|password| Secret(password.to_owned())),
            connect_timeout: Duration::from_secs(1),
            reply_timeout: Duration::from_secs(2),
        })
    }

    /// Host and port, for people.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A text that prints as `***`.
#[derive(Clone, PartialEq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the server's eyes only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
