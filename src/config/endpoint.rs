//! Where a lane's Redis is, and the user and password for it.

use std::fmt;
use std::time::Duration;

use super::tls::Tls;

/// The longest host name in the domain name system, bytes.
const HOST_LIMIT: usize = 253;

/// A site of Redis, our identity there, and the limits for its answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Which servers, and how they work together.
    pub site: Site,
    /// Database number; a Cluster has only 0.
    pub database: i64,
    /// User and password at the Redis servers.
    pub identity: Identity,
    /// How connections are encrypted. None: they are not.
    pub tls: Option<Tls>,
    /// The time to reach a server, including the resolution of its name. It applies again to the TLS handshake, and
    /// to each reply of Redis' handshake and of a sentinel.
    pub connect_timeout: Duration,
    /// The time for a whole reply, counted from when the lane waits for it.
    pub reply_timeout: Duration,
    /// The largest reply, bytes; each value counts with at least the memory it takes.
    pub reply_bytes: usize,
}

/// Which servers, and how they work together.
#[derive(Clone, Debug, PartialEq)]
pub enum Site {
    /// One server at one address.
    Server(Address),
    /// A master with replicas, and sentinels that know which server is the master.
    Sentinel {
        /// The sentinels, in the order in which they are asked first.
        sentinels: Vec<Address>,
        /// The sentinels' name for the master.
        master: String,
        /// Where the master may be; port 0 means any port. Empty: on the sentinels' hosts, or on any host whose
        /// certificate by our own authority proves its name.
        masters: Vec<Address>,
        /// User and password at the sentinels.
        identity: Identity,
    },
    /// A Redis Cluster, found through any of these nodes.
    Cluster(Vec<Address>),
}

/// A user and its password.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// ACL user. None: the server's default user.
    pub username: Option<String>,
    /// Its password. None: there is no login.
    pub password: Option<Secret>,
}

/// Host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// The endpoint of a site, with defaults for everything else.
    pub(super) fn at(site: Site) -> Self {
        Self {
            site,
            database: 0,
            identity: Identity::default(),
            tls: None,
            connect_timeout: Duration::from_secs(1),
            reply_timeout: Duration::from_secs(2),
            reply_bytes: 16 << 20,
        }
    }

    /// The default number of shards: more than one on a Cluster, so that its nodes share the load.
    pub(super) fn default_shards(&self) -> u16 {
        match self.site {
            Site::Cluster(_) => 16,
            _ => 1,
        }
    }

    /// A short name, which stays the same as long as the first server is listed first: `host:port`,
    /// `master@sentinel:port` or `cluster@node:port`.
    pub fn name(&self) -> String {
        match &self.site {
            Site::Server(address) => address.to_string(),
            Site::Sentinel { sentinels, master, .. } => format!("{master}@{}", sentinels[0]),
            Site::Cluster(nodes) => format!("cluster@{}", nodes[0]),
        }
    }
}

impl Address {
    /// An address as a server reports it, if it is valid.
    pub(crate) fn new(host: String, port: u16) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        let valid = !host.is_empty() && host.len() <= HOST_LIMIT && host.chars().all(plain) && port > 0;
        valid.then_some(Self { host, port })
    }

    /// Reads `host`, `host:port`, `[address]` or `[address]:port`.
    pub(super) fn parse(text: &str, default_port: u16) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (host, port, valid) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, port, host.parse::<std::net::Ipv6Addr>().is_ok())
            }
            None => {
                let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                (host, port, host.chars().all(plain))
            }
        };
        let port = match port {
            "" => default_port,
            port => port.strip_prefix(':')?.parse().ok().filter(|&port| port > 0)?,
        };
        let somewhere = valid && !["", "0.0.0.0", "::"].contains(&host);
        somewhere.then(|| Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
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

    /// The text itself, to be sent to the server and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_a_port() {
        for (text, host, port) in [
            ("a.example", "a.example", 26379),
            ("10.0.0.1:7000", "10.0.0.1", 7000),
            ("[::1]", "::1", 26379),
            ("[fe80::1]:7000", "fe80::1", 7000),
        ] {
            assert_eq!(Address::parse(text, 26379), Some(Address { host: host.into(), port }), "{text}");
        }
        for bad in ["", ":1", "a:", "a:0", "a:65536", "a:b", "::1", "[::1", "[::1]7", "[a]", "a b", "0.0.0.0"]
        {
            assert_eq!(Address::parse(bad, 26379), None, "{bad}");
        }
    }
}
