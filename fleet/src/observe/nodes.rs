//! The masters of a lane: its one server, the master that Sentinels name, or the masters of a Cluster. Connects on
//! demand, sends each command to the node that owns its key, and follows MOVED.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::RangeInclusive;

use anyhow::{Context, Result, anyhow, bail, ensure};
use mt5_redis::config::{Address, Config, Endpoint, Site};
use mt5_redis::model::key;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value};

use super::connect::{self, Connection};
use crate::errors;

/// Commands in one pipeline. Whoever asks about more keys keeps what it needs of these answers before it goes on.
pub(super) const PIPELINE: usize = 500;

/// The most that is kept of what servers list, bytes: a list may go on without end.
pub(super) const KEPT: usize = 64 << 20;
/// The memory of a listed name besides its text, bytes.
pub(super) const NAME: usize = 64;

/// A lane's masters. A connection is opened when it is first needed, and again after an error.
pub struct Nodes {
    pub lane: &'static str,
    endpoint: Endpoint,
    masters: Vec<Address>,
    /// Which node owns which slots; empty outside a Cluster.
    slots: Vec<(RangeInclusive<u16>, Address)>,
    connections: HashMap<Address, Connection>,
}

impl Nodes {
    /// The lanes of a configuration: ris, rts, rtss.
    pub fn lanes(config: &Config) -> [Self; 3] {
        [("ris", &config.ris), ("rts", &config.rts), ("rtss", &config.rtss)]
            .map(|(lane, config)| Self::new(lane, &config.endpoint))
    }

    pub fn new(lane: &'static str, endpoint: &Endpoint) -> Self {
        Self {
            lane,
            endpoint: endpoint.clone(),
            masters: Vec::new(),
            slots: Vec::new(),
            connections: HashMap::new(),
        }
    }

    /// An error at one of them in words, with what to change.
    pub fn describe(&self, error: &anyhow::Error) -> String {
        errors::with_advice(error, &self.endpoint)
    }

    /// Finds the masters anew.
    pub fn refresh(&mut self) -> Result<Vec<Address>> {
        (self.masters, self.slots) = masters(&self.endpoint)?;
        Ok(self.masters.clone())
    }

    /// Sends a command to one node.
    pub fn ask<T: FromRedisValue>(&mut self, address: &Address, command: &Cmd) -> Result<T> {
        let connection = self.connection(address)?;
        let answer = command.query::<T>(connection);
        if answer.as_ref().is_err_and(|error| error.is_io_error() || error.is_connection_dropped()) {
            self.connections.remove(address);
        }
        answer.map_err(Into::into)
    }

    /// The connection to one node.
    pub fn connection(&mut self, address: &Address) -> Result<&mut Connection> {
        if !self.connections.contains_key(address) {
            let connection = connect::server(address, &self.endpoint)?;
            self.connections.insert(address.clone(), connection);
        }
        Ok(self.connections.get_mut(address).expect("it was just inserted"))
    }

    /// Executes one command in a transaction at a node; none if a key that is watched there has changed. The client
    /// library's own transaction panics at a server that refuses MULTI.
    pub fn transact<T: FromRedisValue>(&mut self, address: &Address, command: &Cmd) -> Result<Option<T>> {
        let connection = self.connection(address)?;
        let queued = redis::cmd("MULTI").exec(connection).and_then(|()| command.exec(connection));
        let executed = queued.map_err(Into::into).and_then(|()| {
            let executed = redis::cmd("EXEC").query::<Option<(T,)>>(connection);
            executed.map_err(|error| match error.code() {
                // The server's reply does not begin with the command that it refuses.
                Some("EXECABORT") => anyhow::Error::from(error).context("EXEC is refused"),
                _ => error.into(),
            })
        });
        if executed.is_err() {
            // The connection may still be in the transaction.
            self.connections.remove(address);
        }
        Ok(executed?.map(|(answer,)| answer))
    }

    /// Sends a command to the node that owns its key.
    pub fn ask_owner<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T> {
        match self.ask_any(command) {
            Err(error) => match moved_to(&error) {
                Some(address) => self.ask(&address, command),
                None => Err(error),
            },
            Ok((_, answer)) => Ok(answer),
        }
    }

    /// Sends many commands, each to the node that owns its key, and returns their answers in the same order. One
    /// command may fail without the others.
    pub fn ask_all(&mut self, commands: &[(&str, Cmd)]) -> Result<Vec<RedisResult<Value>>> {
        let mut by_node: BTreeMap<String, (Address, Vec<usize>)> = BTreeMap::new();
        for (at, (key, _)) in commands.iter().enumerate() {
            let slot = key::slot(key);
            let found = self.slots.iter().find(|(slots, _)| slots.contains(&slot)).map(|(_, node)| node);
            let node = found.or(self.masters.first()).context("no master is known")?;
            by_node.entry(node.to_string()).or_insert((node.clone(), Vec::new())).1.push(at);
        }
        let mut answers: Vec<Option<RedisResult<Value>>> = commands.iter().map(|_| None).collect();
        for (node, places) in by_node.into_values() {
            for places in places.chunks(PIPELINE) {
                let mut pipe = redis::pipe();
                for &at in places {
                    pipe.add_command(commands[at].1.clone());
                }
                let connection = self.connection(&node)?;
                let found = pipe.ignore_errors().query::<Vec<RedisResult<Value>>>(connection);
                let is_too_large = connection.is_too_large();
                if found.as_ref().is_err_and(|error| error.is_io_error() || error.is_connection_dropped()) {
                    self.connections.remove(&node);
                }
                let found = match found {
                    Err(_) if is_too_large => {
                        self.ask_one_by_one(&node, places.iter().map(|&at| &commands[at].1))?
                    }
                    found => found?,
                };
                for (&at, answer) in places.iter().zip(found) {
                    let moved = answer.as_ref().is_err_and(|error| redirection(error).is_some());
                    // The slot has moved: ask its new owner.
                    answers[at] = Some(if moved { Ok(self.ask_owner(&commands[at].1)?) } else { answer });
                }
            }
        }
        answers
            .into_iter()
            .map(|answer| answer.context("a node sent fewer answers than it got commands"))
            .collect()
    }

    /// Sends commands to one node, one by one, because their answers together are too large. An answer beyond the limit is
    /// an I/O error.
    fn ask_one_by_one<'a>(
        &mut self,
        node: &Address,
        commands: impl Iterator<Item = &'a Cmd>,
    ) -> Result<Vec<RedisResult<Value>>> {
        let mut size = 0;
        let mut answers = Vec::new();
        for command in commands {
            let connection = self.connection(node)?;
            let mut answer = command.query::<Value>(connection);
            let (limit, is_too_large) = (connection.limit(), connection.is_too_large());
            match &answer {
                Ok(_) if size + connection.size() > limit => {
                    let text = format!("the answers together have more than {limit} bytes, see reply_bytes");
                    answer = Err(io::Error::other(text).into());
                }
                Ok(_) => size += connection.size(),
                Err(error) if error.is_io_error() => {
                    self.connections.remove(node);
                    if !is_too_large {
                        answer?;
                        continue;
                    }
                }
                Err(_) => {}
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// The keys of all nodes that match a pattern. More than [`KEPT`] bytes of them are an error.
    pub fn scan(&mut self, pattern: &str) -> Result<Vec<String>> {
        let (mut keys, mut size) = (Vec::new(), 0);
        for node in self.masters.clone() {
            let mut cursor = "0".to_owned();
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000);
                let (next, page): (String, Vec<Vec<u8>>) = self.ask(&node, &scan)?;
                size += page.iter().map(|key| NAME + key.len()).sum::<usize>();
                ensure!(size <= KEPT, "the keys that match {pattern} are more than {KEPT} bytes");
                keys.extend(page.into_iter().filter_map(|key| String::from_utf8(key).ok()));
                cursor = next;
                if cursor == "0" {
                    break;
                }
            }
        }
        Ok(keys)
    }

    /// The server's clock, ms since 1970 UTC.
    pub fn now_ms(&mut self) -> Result<u64> {
        let (seconds, micros): (u64, u64) = self.ask_owner(&redis::cmd("TIME"))?;
        Ok(seconds * 1000 + micros / 1000)
    }

    /// The address of the node that owns a key.
    pub fn owner(&mut self, key: &str) -> Result<Address> {
        match self.ask_any::<Value>(redis::cmd("EXISTS").arg(key)) {
            Err(error) => moved_to(&error).ok_or(error),
            Ok((address, _)) => Ok(address),
        }
    }

    /// Asks the first master that can be reached; any of them can redirect us.
    fn ask_any<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<(Address, T)> {
        let mut failure = None;
        for address in self.masters.clone() {
            match self.ask(&address, command) {
                Ok(answer) => return Ok((address, answer)),
                Err(error) if moved_to(&error).is_none() && is_unreachable(&error) => {
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(failure.unwrap_or_else(|| anyhow!("no master is known")))
    }
}

/// The answer about a key; none if the key is absent or of another type. Any other error does not say that there is
/// nothing.
pub fn answer_about_key(answer: RedisResult<Value>) -> Result<Option<Value>> {
    let says_nothing = |error: &RedisError| {
        matches!(error.code(), Some("WRONGTYPE" | "NOGROUP"))
            || error.detail().is_some_and(|detail| detail.starts_with("no such key"))
    };
    match answer {
        Err(error) if says_nothing(&error) => Ok(None),
        answer => Ok(Some(answer?)),
    }
}

/// Whether the node could not be reached or the connection was lost.
fn is_unreachable(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<RedisError>();
    error.is_some_and(|error| error.is_io_error() || error.is_connection_dropped())
}

fn moved_to(error: &anyhow::Error) -> Option<Address> {
    redirection(error.downcast_ref::<RedisError>()?)
}

/// The address in a MOVED reply.
fn redirection(error: &RedisError) -> Option<Address> {
    if !matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved)) {
        return None;
    }
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

/// The masters and their slots.
pub(crate) type Masters = (Vec<Address>, Vec<(RangeInclusive<u16>, Address)>);

fn masters(endpoint: &Endpoint) -> Result<Masters> {
    let mut why = anyhow!("the configuration names no server");
    let found = match &endpoint.site {
        Site::Server(address) => return Ok((vec![address.clone()], Vec::new())),
        Site::Sentinel { sentinels, master, identity, .. } => sentinels.iter().find_map(|sentinel| {
            let named = connect::connect(sentinel, endpoint, identity)
                .and_then(|mut connection| connect::master_named(&mut connection, master));
            named
                .map(|address| (vec![address], Vec::new()))
                .map_err(|error| why = error.context(sentinel.to_string()))
                .ok()
        }),
        Site::Cluster(nodes) => nodes.iter().find_map(|node| {
            let listed = connect::connect(node, endpoint, &endpoint.identity)
                .and_then(|connection| cluster_masters(connection, node));
            listed.map_err(|error| why = error.context(node.to_string())).ok()
        }),
    };
    found.ok_or(why)
}

pub(crate) fn cluster_masters(mut node: Connection, asked: &Address) -> Result<Masters> {
    let ranges: Vec<Value> = redis::cmd("CLUSTER").arg("SLOTS").query(&mut node)?;
    let (mut masters, mut slots) = (Vec::new(), Vec::new());
    for range in ranges {
        let Value::Array(parts) = range else { bail!("CLUSTER SLOTS has an unexpected form") };
        let Some(Value::Array(master)) = parts.get(2) else { bail!("a range of slots has no master") };
        let [host, port, ..] = master.as_slice() else { bail!("a master has no address") };
        let host = Option::<String>::from_redis_value(host.clone())?;
        // A node that does not know its own host is the one we asked.
        let host = host.filter(|host| !["", "?"].contains(&host.as_str()));
        let host = host.unwrap_or_else(|| asked.host.clone());
        let found = Address { host, port: u16::from_redis_value(port.clone())? };
        let end = |at: usize| u16::from_redis_value(parts[at].clone());
        slots.push((end(0)?..=end(1)?, found.clone()));
        if !masters.contains(&found) {
            masters.push(found);
        }
    }
    ensure!(!masters.is_empty(), "it serves no slots: is it a node of a Cluster?");
    Ok((masters, slots))
}
