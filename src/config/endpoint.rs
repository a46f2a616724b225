//! Where a lane's Redis is and who we are there.

use std::fmt;
use std::time::Duration;

use super::tls::Tls;

/// The longest name that the domain name system has.
const HOST_LIMIT: usize = 253;

/// A site of Redis, our identity there, and how long we wait for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Which servers, and how they work together.
    pub site: Site,
    /// Database number; a Cluster has only 0.
    pub database: i64,
    /// Who we are at the Redis servers.
    pub identity: Identity,
    /// How connections are encrypted; none: they are not.
    pub tls: Option<Tls>,
    /// How long it may take to reach a server, the resolution of its name included; to agree on encryption; and
    /// to get each reply of the handshake and of a sentinel.
    pub connect_timeout: Duration,
    /// How long a whole reply may take, from when we wait for it.
    pub reply_timeout: Duration,
    /// How many bytes a reply may have, of which each value counts at least what it takes in memory.
    pub reply_bytes: usize,
}

/// Which servers, and how they work together.
#[derive(Clone, Debug, PartialEq)]
pub enum Site {
    /// One server at one address.
    Server(Address),
    /// A master with replicas, and sentinels that know which of them is the master.
    Sentinel {
        /// The sentinels, in the order in which they are asked at first.
        sentinels: Vec<Address>,
        /// The name the sentinels have for the master.
        master: String,
        /// Where the master may be; a port of 0 is any. None: on the sentinels' hosts, or wherever a certificate of
        /// our own authority proves its name.
        masters: Vec<Address>,
        /// Who we are at the sentinels.
        identity: Identity,
    },
    /// A Redis Cluster, found by any of these nodes.
    Cluster(Vec<Address>),
}

/// A user and its password.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// ACL user; none: the server's default user.
    pub username: Option<String>,
    /// Its password; none: nobody logs in.
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
    /// An endpoint that nothing was said about but its site.
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

    /// Over how many streams signals are spread when nobody says: a Cluster shall share the load.
    pub(super) fn default_shards(&self) -> u16 {
        match self.site {
            Site::Cluster(_) => 16,
            _ => 1,
        }
    }

    /// The site in a few words, the same for as long as its first server is listed first: `host:port`,
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
    /// What a server says is an address, if it can be one.
    pub(crate) fn new(host: String, port: u16) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        let valid = !host.is_empty() && host.len() <= HOST_LIMIT && host.chars().all(plain) && port > 0;
        valid.then_some(Self { host, port })
    }

    /// Reads `host`, `host:port`, `[address]` or `[address]:port`.
    pub(super) fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !text.starts_with('[') && !host.chars().all(plain) || ["", "0.0.0.0", "::"].contains(&host) {
            return None;
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|&port| port > 0)?,
            None => default_port,
        };
        Some(Self { host: host.to_owned(), port })
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
