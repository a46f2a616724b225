//! The servers that a configuration names, found as the bridge finds them: one, a master by its Sentinels
//! with its replicas, or the nodes of a Cluster. A server that does not answer is a finding and no member.

use std::collections::{HashMap, HashSet};
use std::fs;

use anyhow::{Context, Result};
use mt5_redis::config::{Address, Config, Endpoint, Identity, LaneConfig, Site};
use redis::{
    Client, ClientTlsConfig, Connection, ConnectionAddr, FromRedisValue, InfoDict, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult, TlsCertificates,
};

use super::Finding;

/// One site of Redis: a server, a master with its replicas, or a Cluster.
pub struct Place {
    /// The lanes that use it.
    pub lanes: Vec<&'static str>,
    pub endpoint: Endpoint,
    pub members: Vec<Member>,
    pub sentinels: Vec<(Address, Connection)>,
}

/// A server that answers.
pub struct Member {
    pub address: Address,
    pub lanes: Vec<&'static str>,
    pub connection: Connection,
    /// `INFO all`
    pub info: InfoDict,
    /// `CONFIG GET *`
    pub settings: HashMap<String, String>,
}

impl Member {
    fn meet(address: &Address, place: (&Endpoint, &[&'static str])) -> Result<Self> {
        let (endpoint, lanes) = place;
        let mut connection = connect(address, endpoint, &endpoint.identity)?;
        if endpoint.database != 0 {
            redis::cmd("SELECT").arg(endpoint.database).exec(&mut connection)?;
        }
        let info = redis::cmd("INFO").arg("all").query(&mut connection)?;
        let settings: RedisResult<_> = redis::cmd("CONFIG").arg("GET").arg("*").query(&mut connection);
        let settings = settings.unwrap_or_default();
        Ok(Self { address: address.clone(), lanes: lanes.to_vec(), connection, info, settings })
    }

    pub fn is_master(&self) -> bool {
        self.text("role") == "master"
    }

    pub fn is_local(&self) -> bool {
        self.address.host == "localhost"
            || self.address.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// A line of INFO.
    pub fn text(&self, name: &str) -> String {
        self.info.get(name).unwrap_or_default()
    }

    /// A number of INFO; 0 if it is not there.
    pub fn number(&self, name: &str) -> u64 {
        self.info.get(name).unwrap_or(0)
    }

    /// What one would type into redis-cli.
    pub fn ask<T: FromRedisValue>(&mut self, command: &[&str]) -> RedisResult<T> {
        let mut ask = redis::cmd(command[0]);
        ask.arg(&command[1..]).query(&mut self.connection)
    }
}

/// The sites of all lanes, lanes with one site together.
pub fn places(config: &Config, findings: &mut Vec<Finding>) -> Vec<Place> {
    let mut sites: Vec<(Vec<&'static str>, Endpoint)> = Vec::new();
    for (lane, LaneConfig { endpoint, .. }) in
        [("ris", &config.ris), ("rts", &config.rts), ("rtss", &config.rtss)]
    {
        match sites.iter_mut().find(|(_, known)| known.site == endpoint.site) {
            Some((lanes, _)) => lanes.push(lane),
            None => sites.push((vec![lane], endpoint.clone())),
        }
    }
    sites.into_iter().map(|(lanes, endpoint)| visit(lanes, endpoint, findings)).collect()
}

fn visit(lanes: Vec<&'static str>, endpoint: Endpoint, findings: &mut Vec<Finding>) -> Place {
    let mut unreachable = |address: &Address, error: anyhow::Error| {
        let text = format!("does not answer: {error:#}");
        findings.push(Finding::red(address, text).of("reach"));
    };
    let mut sentinels = Vec::new();
    let mut addresses = Vec::new();
    match &endpoint.site {
        Site::Server(address) => addresses.push(address.clone()),
        Site::Sentinel { sentinels: known, master, identity, .. } => {
            for address in known {
                match connect(address, &endpoint, identity) {
                    Ok(connection) => sentinels.push((address.clone(), connection)),
                    Err(error) => unreachable(address, error),
                }
            }
            addresses = sentinels
                .iter_mut()
                .find_map(|(_, sentinel)| told(sentinel, master).ok())
                .unwrap_or_default();
        }
        Site::Cluster(seeds) => {
            for seed in seeds {
                let found = connect(seed, &endpoint, &endpoint.identity).and_then(|node| nodes(node, seed));
                match found {
                    Ok(found) => addresses.extend(found),
                    Err(error) => unreachable(seed, error),
                }
            }
        }
    }
    let mut seen = HashSet::new();
    addresses.retain(|address| seen.insert(address.clone()));
    let mut members = Vec::new();
    for address in &addresses {
        match Member::meet(address, (&endpoint, &lanes)) {
            Ok(member) => members.push(member),
            Err(error) => unreachable(address, error),
        }
    }
    // A seed that is silent is told once.
    let mut told = HashSet::new();
    findings.retain(|finding| finding.check != "reach" || told.insert(finding.server.clone()));
    Place { lanes, endpoint, members, sentinels }
}

/// The master that a Sentinel names, and its replicas.
fn told(sentinel: &mut Connection, master: &str) -> Result<Vec<Address>> {
    let (host, port): (String, u16) =
        redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master).query(sentinel)?;
    let mut addresses = vec![Address { host, port }];
    let replicas: Vec<HashMap<String, String>> =
        redis::cmd("SENTINEL").arg("REPLICAS").arg(master).query(sentinel)?;
    for replica in replicas {
        let host = replica.get("ip").context("a replica without an address")?.clone();
        let port = replica.get("port").context("a replica without a port")?.parse()?;
        addresses.push(Address { host, port });
    }
    Ok(addresses)
}

/// The nodes that a node of a Cluster knows and that have not failed.
fn nodes(mut node: Connection, seed: &Address) -> Result<Vec<Address>> {
    let text: String = redis::cmd("CLUSTER").arg("NODES").query(&mut node)?;
    let address = |line: &str| {
        let mut words = line.split(' ');
        let address = words.nth(1)?.split(['@', ',']).next()?;
        let flags = words.next()?;
        let (host, port) = address.rsplit_once(':')?;
        // A node that was never met does not know its own address.
        let host = if host.is_empty() { &seed.host } else { host };
        let gone = ["fail", "noaddr", "handshake"].iter().any(|flag| flags.split(',').any(|is| is == *flag));
        (!gone).then_some(Address { host: host.to_owned(), port: port.parse().ok()? })
    };
    Ok(text.lines().filter_map(address).collect())
}

/// A connection to one server of a site.
pub fn connect(address: &Address, endpoint: &Endpoint, identity: &Identity) -> Result<Connection> {
    let Address { host, port } = address.clone();
    let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(password) = &identity.password {
        settings = settings.set_password(password.expose());
    }
    if let Some(username) = &identity.username {
        settings = settings.set_username(username);
    }
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
    let connection = client.get_connection_with_timeout(endpoint.connect_timeout)?;
    connection.set_read_timeout(Some(endpoint.reply_timeout))?;
    connection.set_write_timeout(Some(endpoint.reply_timeout))?;
    Ok(connection)
}
