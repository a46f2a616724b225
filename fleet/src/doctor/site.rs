//! The servers that a configuration names, found as the bridge finds them: one, a master by its Sentinels
//! with its replicas, or the nodes of a Cluster. A server that does not answer is a finding and no member.

use std::collections::{HashMap, HashSet};
use std::fs;

use anyhow::{Context, Result};
use mt5_redis::config::{Address, Config, Endpoint, Identity, LaneConfig, Site};
use redis::{
    Client, ClientTlsConfig, Connection, ConnectionAddr, ErrorKind, FromRedisValue, InfoDict,
    IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, Value,
};

use super::{Finding, shell};
use crate::errors::{CONNECTING, describe, server_reply};

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
    /// `INFO all`; empty where that is refused.
    pub info: InfoDict,
    /// Why INFO is refused.
    pub no_info: Option<String>,
    /// `CONFIG GET *`; where that is refused, what INFO says of it.
    pub settings: HashMap<String, String>,
    /// Why CONFIG is refused.
    pub no_settings: Option<String>,
    is_managed: bool,
    is_master: bool,
    /// The beginnings of command lines: for it, and for its Cluster.
    shell: String,
    cluster_shell: String,
}

impl Member {
    fn meet(address: &Address, place: (&Endpoint, &[&'static str])) -> Result<Self> {
        let (endpoint, lanes) = place;
        let mut connection = connect_server(address, endpoint)?;
        let (info, no_info) = allowed(redis::cmd("INFO").arg("all").query(&mut connection))?;
        let info: InfoDict = info.unwrap_or_else(|| InfoDict::new(""));
        let settings = redis::cmd("CONFIG").arg("GET").arg("*").query(&mut connection);
        // A user may lack the permission. Where nobody has it, somebody else looks after the server.
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

    /// Whether nobody may change its settings while it runs, as where somebody else looks after it.
    pub fn is_managed(&self) -> bool {
        self.is_managed
    }

    /// A line for a shell with a command for this server.
    pub fn command(&self, words: &[&str]) -> String {
        shell::line(&self.shell, words)
    }

    /// A line for a shell with a command for its Cluster.
    pub fn cluster_command(&self, words: &[&str]) -> String {
        shell::line(&self.cluster_shell, words)
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
        self.known(name).unwrap_or(0)
    }

    /// A number of INFO, if it is there.
    pub fn known(&self, name: &str) -> Option<u64> {
        self.info.get(name)
    }

    /// What one would type into redis-cli.
    pub fn ask<T: FromRedisValue>(&mut self, command: &[&str]) -> RedisResult<T> {
        let mut ask = redis::cmd(command[0]);
        ask.arg(&command[1..]).query(&mut self.connection)
    }
}

/// What was answered, or else in which words it was refused; an error if it is neither.
pub fn allowed<T>(answer: RedisResult<T>) -> Result<(Option<T>, Option<String>)> {
    match answer {
        Ok(answer) => Ok((Some(answer), None)),
        Err(error) if matches!(error.code(), Some("ERR" | "NOPERM")) => {
            Ok((None, Some(server_reply(&error))))
        }
        Err(error) => Err(error.into()),
    }
}

/// The settings that INFO tells as well.
fn settings_in(info: &InfoDict) -> HashMap<String, String> {
    let policy = info.get::<String>("maxmemory_policy").map(|policy| ("maxmemory-policy", policy));
    let log =
        info.get::<u8>("aof_enabled").map(|on| ("appendonly", if on == 1 { "yes" } else { "no" }.to_owned()));
    policy.into_iter().chain(log).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether it says that it is a replica; one that does not say is taken for a master.
fn is_replica(connection: &mut Connection) -> Result<bool> {
    let (role, _) = allowed(redis::cmd("ROLE").query::<Vec<Value>>(connection))?;
    let name = role.and_then(|role| String::from_redis_value(role.into_iter().next()?).ok());
    Ok(name.is_some_and(|name| name != "master"))
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
        let refused = error.downcast_ref::<RedisError>().is_some_and(|error| error.code().is_some());
        let words = describe(&error);
        let text = format!("{}: {words}", if refused { "refuses us" } else { "does not answer" });
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

/// A connection to one server of a site, in its database.
pub fn connect_server(address: &Address, endpoint: &Endpoint) -> Result<Connection> {
    let mut connection = connect(address, endpoint, &endpoint.identity)?;
    if endpoint.database != 0 {
        redis::cmd("SELECT").arg(endpoint.database).exec(&mut connection)?;
    }
    Ok(connection)
}

/// A connection to one server or Sentinel of a site.
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

/// Says who we are, or hears whether anybody may come. The client library would hide the server's words.
fn log_in(connection: &mut Connection, identity: &Identity) -> RedisResult<()> {
    let Some(password) = &identity.password else {
        return match redis::cmd("PING").exec(connection) {
            // Whoever may not even ask that may do other things.
            Err(error) if error.code() == Some("NOPERM") => Ok(()),
            answer => answer,
        };
    };
    let password = password.expose();
    let answer = redis::cmd("AUTH").arg(identity.username.as_deref()).arg(password).exec(connection);
    // A server that does not know the command repeats what it was given.
    answer.map_err(|error| match server_reply(&error).contains(password) {
        true => RedisError::from((ErrorKind::AuthenticationFailed, "the server knows no AUTH")),
        false => error,
    })
}
