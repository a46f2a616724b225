//! The servers behind a configuration: one server, the master that Sentinels name with its replicas, or the nodes of a
//! Cluster. A server that does not answer becomes a finding, not a member.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use mt5_redis::config::{Address, Config, Endpoint, LaneConfig, Site};
use redis::{FromRedisValue, InfoDict, RedisError, RedisResult, Value};

use super::{Finding, shell};
use crate::errors::{describe, is_refusal, server_reply};
use crate::observe::connect::{self, Connection, connect};
use crate::observe::nodes::cluster_masters;

/// One deployment of Redis: a server, a master with its replicas, or a Cluster.
pub struct Place {
    /// The lanes that use it.
    pub lanes: Vec<&'static str>,
    pub endpoint: Endpoint,
    pub members: Vec<Member>,
    pub sentinels: Vec<(Address, Connection)>,
}

impl Place {
    pub fn is_cluster(&self) -> bool {
        matches!(self.endpoint.site, Site::Cluster(_))
    }
}

/// A server that answered.
pub struct Member {
    pub address: Address,
    pub lanes: Vec<&'static str>,
    pub connection: Connection,
    /// `INFO all`; empty if it is refused.
    pub info: InfoDict,
    /// Why INFO was refused, if it was.
    pub no_info: Option<String>,
    /// `CONFIG GET *`; if it is refused, the settings that INFO reports.
    pub settings: HashMap<String, String>,
    /// Why CONFIG was refused, if it was.
    pub no_settings: Option<String>,
    is_managed: bool,
    is_master: bool,
    /// How command lines for this server and for its Cluster begin.
    shell: String,
    cluster_shell: String,
}

impl Member {
    fn meet(address: &Address, place: (&Endpoint, &[&'static str])) -> Result<Self> {
        let (endpoint, lanes) = place;
        let mut connection = connect::server(address, endpoint)?;
        let (info, no_info) = allowed(redis::cmd("INFO").arg("all").query(&mut connection))?;
        let info: InfoDict = info.unwrap_or_else(|| InfoDict::new(""));
        let settings = redis::cmd("CONFIG").arg("GET").arg("*").query(&mut connection);
        // NOPERM concerns this user only; ERR means that the provider allows nobody.
        let is_managed = settings.as_ref().is_err_and(|refused| refused.code() == Some("ERR"));
        let (settings, no_settings) = allowed(settings)?;
        let settings = settings.unwrap_or_else(|| settings_in(&info));
        let is_master = match info.get::<String>("role") {
            Some(role) => role == "master",
            None => !is_replica(&mut connection)?,
        };
        Ok(Self {
            address: address.clone(),
            lanes: lanes.to_vec(),
            connection,
            info,
            no_info,
            settings,
            no_settings,
            is_managed,
            is_master,
            shell: shell::server(address, endpoint),
            cluster_shell: shell::cluster(endpoint),
        })
    }

    pub fn is_master(&self) -> bool {
        self.is_master
    }

    /// Whether a provider runs it and allows no user to change its settings.
    pub fn is_managed(&self) -> bool {
        self.is_managed
    }

    /// A shell line that sends a command to this server.
    pub fn command(&self, words: &[&str]) -> String {
        shell::line(&self.shell, words)
    }

    /// A shell line with a command for its Cluster.
    pub fn cluster_command(&self, words: &[&str]) -> String {
        shell::line(&self.cluster_shell, words)
    }

    pub fn is_local(&self) -> bool {
        self.address.host == "localhost"
            || self.address.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// A text of INFO; empty if it is absent.
    pub fn text(&self, name: &str) -> String {
        self.info.get(name).unwrap_or_default()
    }

    /// A number of INFO; 0 if it is absent.
    pub fn number(&self, name: &str) -> u64 {
        self.known(name).unwrap_or(0)
    }

    /// A number of INFO, if it is present.
    pub fn known(&self, name: &str) -> Option<u64> {
        self.info.get(name)
    }

    /// Sends a command, word by word.
    pub fn ask<T: FromRedisValue>(&mut self, command: &[&str]) -> RedisResult<T> {
        let mut ask = redis::cmd(command[0]);
        ask.arg(&command[1..]).query(&mut self.connection)
    }
}

/// The answer, or why the server refused to give one; any other error stays an error.
pub fn allowed<T>(answer: RedisResult<T>) -> Result<(Option<T>, Option<String>)> {
    match answer {
        Ok(answer) => Ok((Some(answer), None)),
        Err(error) if is_refusal(&error) => Ok((None, Some(server_reply(&error)))),
        Err(error) => Err(error.into()),
    }
}

/// The settings that INFO reports too.
fn settings_in(info: &InfoDict) -> HashMap<String, String> {
    let policy = info.get::<String>("maxmemory_policy").map(|policy| ("maxmemory-policy", policy));
    let log =
        info.get::<u8>("aof_enabled").map(|on| ("appendonly", if on == 1 { "yes" } else { "no" }.to_owned()));
    policy.into_iter().chain(log).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether it reports to be a replica. A server that does not report its role counts as a master.
fn is_replica(connection: &mut Connection) -> Result<bool> {
    let (role, _) = allowed(redis::cmd("ROLE").query::<Vec<Value>>(connection))?;
    let name = role.and_then(|role| String::from_redis_value(role.into_iter().next()?).ok());
    Ok(name.is_some_and(|name| name != "master"))
}

/// The deployments of all lanes; lanes that share one are together.
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
        let refused = error.downcast_ref::<RedisError>().is_some_and(|error| error.code().is_some());
        let words = describe(&error);
        let text = format!("{}: {words}", if refused { "refuses the connection" } else { "does not answer" });
        let mut finding = Finding::red(address, text).of("reach");
        finding.cure = endpoint.advice(&words);
        findings.push(finding);
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
                .find_map(|(_, sentinel)| master_and_replicas(sentinel, master).ok())
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
    // Report a silent server once, also if it is both a seed and a node.
    let mut reported = HashSet::new();
    findings.retain(|finding| finding.check != "reach" || reported.insert(finding.server.clone()));
    Place { lanes, endpoint, members, sentinels }
}

/// The master that a Sentinel names, and its replicas.
fn master_and_replicas(sentinel: &mut Connection, master: &str) -> Result<Vec<Address>> {
    let mut addresses = vec![connect::master_named(sentinel, master)?];
    let replicas: Vec<HashMap<String, String>> =
        redis::cmd("SENTINEL").arg("REPLICAS").arg(master).query(sentinel)?;
    for replica in replicas {
        let host = replica.get("ip").context("a replica without an address")?.clone();
        let port = replica.get("port").context("a replica without a port")?.parse()?;
        addresses.push(Address { host, port });
    }
    Ok(addresses)
}

/// The nodes of a Cluster that have not failed, as one of them sees it; the masters alone where it may not be asked.
fn nodes(mut node: Connection, seed: &Address) -> Result<Vec<Address>> {
    let (text, _) = allowed(redis::cmd("CLUSTER").arg("NODES").query::<String>(&mut node))?;
    let Some(text) = text else { return cluster_masters(node, seed).map(|(masters, _)| masters) };
    let address = |line: &str| {
        let mut words = line.split(' ');
        let address = words.nth(1)?.split(['@', ',']).next()?;
        let flags = words.next()?;
        let (host, port) = address.rsplit_once(':')?;
        // A node that never met another does not know its own address.
        let host = if host.is_empty() { &seed.host } else { host };
        let gone = ["fail", "noaddr", "handshake"].iter().any(|flag| flags.split(',').any(|is| is == *flag));
        (!gone).then_some(Address { host: host.to_owned(), port: port.parse().ok()? })
    };
    Ok(text.lines().filter_map(address).collect())
}
