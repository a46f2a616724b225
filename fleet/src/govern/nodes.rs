//! The masters of a lane: its server, the one that Sentinels name, or those of a Cluster. It connects, asks,
//! and follows MOVED; it knows nothing of what is asked, and reads the configuration with the bridge's code.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use mt5_redis::config::{Address, Endpoint, Site};
use redis::{Cmd, Connection, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value};

use crate::doctor;

/// A lane with its connections, made when needed and made again after an error.
pub struct Nodes {
    pub lane: &'static str,
    endpoint: Endpoint,
    masters: Vec<Address>,
    connections: HashMap<Address, Connection>,
}

impl Nodes {
    pub fn new(lane: &'static str, endpoint: &Endpoint) -> Self {
        Self { lane, endpoint: endpoint.clone(), masters: Vec::new(), connections: HashMap::new() }
    }

    /// Finds out who is the master, or are the masters, now.
    pub fn refresh(&mut self) -> Result<Vec<Address>> {
        self.masters = masters(&self.endpoint)?;
        Ok(self.masters.clone())
    }

    /// Asks one node.
    pub fn ask<T: FromRedisValue>(&mut self, address: &Address, command: &Cmd) -> Result<T> {
        let connection = self.connection(address)?;
        let answer = command.query::<T>(connection);
        if answer.as_ref().is_err_and(|error| error.is_io_error() || error.is_connection_dropped()) {
            self.connections.remove(address);
        }
        answer.map_err(Into::into)
    }

    /// A connection to one node.
    pub fn connection(&mut self, address: &Address) -> Result<&mut Connection> {
        if !self.connections.contains_key(address) {
            let mut connection = doctor::connect(address, &self.endpoint, &self.endpoint.identity)?;
            if self.endpoint.database != 0 {
                redis::cmd("SELECT").arg(self.endpoint.database).exec(&mut connection)?;
            }
            self.connections.insert(address.clone(), connection);
        }
        Ok(self.connections.get_mut(address).expect("it was just inserted"))
    }

    /// Asks the node that has the command's key.
    pub fn ask_owner<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T> {
        match self.ask_any(command) {
            Err(error) => match moved_to(&error) {
                Some(address) => self.ask(&address, command),
                None => Err(error),
            },
            Ok((_, answer)) => Ok(answer),
        }
    }

    /// The address of the node that has a key.
    pub fn owner(&mut self, key: &str) -> Result<Address> {
        match self.ask_any::<Value>(redis::cmd("EXISTS").arg(key)) {
            Err(error) => moved_to(&error).ok_or(error),
            Ok((address, _)) => Ok(address),
        }
    }

    /// Asks the first master that can be reached: each knows where every key is.
    fn ask_any<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<(Address, T)> {
        let mut failure = None;
        for address in self.masters.clone() {
            match self.ask(&address, command) {
                Ok(answer) => return Ok((address, answer)),
                Err(error) if moved_to(&error).is_none() && is_of_the_line(&error) => {
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(failure.unwrap_or_else(|| anyhow!("no node is known")))
    }
}

/// Whether the node could not be reached, or was lost.
fn is_of_the_line(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<RedisError>();
    error.is_some_and(|error| error.is_io_error() || error.is_connection_dropped())
}

fn moved_to(error: &anyhow::Error) -> Option<Address> {
    let error = error.downcast_ref::<RedisError>()?;
    if !matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved)) {
        return None;
    }
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

/// The addresses of the masters now.
fn masters(endpoint: &Endpoint) -> Result<Vec<Address>> {
    let mut why = anyhow!("nobody is named");
    let found = match &endpoint.site {
        Site::Server(address) => return Ok(vec![address.clone()]),
        Site::Sentinel { sentinels, master, identity, .. } => sentinels.iter().find_map(|sentinel| {
            let named = doctor::connect(sentinel, endpoint, identity)
                .and_then(|connection| named_master(connection, master));
            named.map(|address| vec![address]).map_err(|error| why = error.context(sentinel.to_string())).ok()
        }),
        Site::Cluster(nodes) => nodes.iter().find_map(|node| {
            let listed = doctor::connect(node, endpoint, &endpoint.identity)
                .and_then(|connection| cluster_masters(connection, node));
            listed.map_err(|error| why = error.context(node.to_string())).ok()
        }),
    };
    found.ok_or(why)
}

fn named_master(mut sentinel: Connection, master: &str) -> Result<Address> {
    let address: Option<(String, u16)> =
        redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master).query(&mut sentinel)?;
    let (host, port) = address.with_context(|| format!("does not know the master {master}"))?;
    Ok(Address { host, port })
}

fn cluster_masters(mut node: Connection, asked: &Address) -> Result<Vec<Address>> {
    let ranges: Vec<Value> = redis::cmd("CLUSTER").arg("SLOTS").query(&mut node)?;
    let mut masters = Vec::new();
    for range in ranges {
        let Value::Array(parts) = range else { bail!("CLUSTER SLOTS is not what it should be") };
        let Some(Value::Array(master)) = parts.get(2) else { bail!("a range of slots has no master") };
        let [host, port, ..] = master.as_slice() else { bail!("a master has no address") };
        let host = Option::<String>::from_redis_value(host.clone())?;
        // A node that does not know its own name is where we asked.
        let host = host.filter(|host| !["", "?"].contains(&host.as_str()));
        let host = host.unwrap_or_else(|| asked.host.clone());
        let found = Address { host, port: u16::from_redis_value(port.clone())? };
        if !masters.contains(&found) {
            masters.push(found);
        }
    }
    ensure!(!masters.is_empty(), "it serves no slots: is it a Cluster?");
    Ok(masters)
}
