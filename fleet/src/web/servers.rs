//! The servers: what each node shows now and showed in the last hours, the streams with their readers, and what the doctor
//! finds. A thread samples the nodes, whoever asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use axum::extract::State;
use axum::{Extension, Json};
use mt5_redis::config::Config;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Caller;
use super::problem::Problem;
use super::serve::Room;
use crate::doctor;
use crate::observe::lane::{self, Lane, Node as Seen};
use crate::observe::nodes::Nodes;
use crate::observe::streams;
use crate::output;

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(5);
/// How many samples are kept of each node: three hours.
const KEPT: usize = 2_160;
/// The most nodes whose past is kept.
const NODES: usize = 64;
/// How long the streams and the doctor's findings are given again: reading them takes long.
const AGAIN: Duration = Duration::from_secs(30);
/// The most streams in one answer, those that wait for most first.
const STREAMS: usize = 200;

/// The servers.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Servers {
    /// When the nodes were looked at, by this machine's clock, ms since 1970 UTC; 0: never
    pub time_ms: u64,
    pub nodes: Vec<Node>,
    /// The nodes' last hours, by address
    pub past: BTreeMap<String, Past>,
}

/// A Redis node.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Node {
    /// The first lane that uses it
    pub lane: &'static str,
    /// Empty: the lane's servers could not be found
    pub address: String,
    pub replica: bool,
    /// Why it does not answer
    pub trouble: Option<String>,
    pub used_memory: u64,
    /// 0: no limit
    pub max_memory: u64,
    pub ops_per_second: u64,
    /// The use of the serving thread, 1.0 is a whole core
    pub cpu: f64,
    pub ping_us: u64,
    pub clients: u64,
    pub blocked_clients: u64,
    pub oom_errors: u64,
    pub evicted_keys: u64,
    pub rejected_connections: u64,
    /// How far behind its master a replica is
    pub lag_s: Option<u64>,
    pub lag_bytes: Option<u64>,
}

/// The past of a node: values of the same place are of the same moment.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Past {
    /// ms since 1970 UTC
    pub time_ms: Vec<u64>,
    pub used_memory: Vec<u64>,
    pub ops_per_second: Vec<u64>,
    pub cpu: Vec<f64>,
    pub ping_us: Vec<u64>,
}

impl Past {
    fn add(&mut self, time_ms: u64, node: &Node) {
        if self.time_ms.len() >= KEPT {
            self.time_ms.remove(0);
            self.used_memory.remove(0);
            self.ops_per_second.remove(0);
            self.cpu.remove(0);
            self.ping_us.remove(0);
        }
        self.time_ms.push(time_ms);
        self.used_memory.push(node.used_memory);
        self.ops_per_second.push(node.ops_per_second);
        self.cpu.push(node.cpu);
        self.ping_us.push(node.ping_us);
    }
}

/// The stream of a source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Stream {
    pub source: String,
    pub shard: u16,
    pub length: u64,
    /// When its last signal came, by the server's clock, ms since 1970 UTC
    pub last_ms: u64,
    pub groups: Vec<Group>,
}

/// A group of workers at a stream.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Group {
    pub name: String,
    pub consumers: u64,
    /// Delivered and not acknowledged
    pub pending: u64,
    /// Not delivered yet; null: the server does not know
    pub lag: Option<u64>,
}

/// The streams of signals.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Streams {
    /// How many there are
    pub count: usize,
    /// Those that wait for most
    pub streams: Vec<Stream>,
}

/// What the doctor found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Finding {
    /// green, yellow or red
    pub light: &'static str,
    pub check: &'static str,
    /// Empty: it concerns all
    pub server: String,
    pub text: String,
    /// Shell lines that fix it, or begin to
    pub commands: Vec<String>,
    /// What else to do
    pub cure: Option<String>,
}

/// What is kept between requests.
#[derive(Default)]
pub struct Known {
    servers: Mutex<Servers>,
    streams: Mutex<Option<(Instant, Streams)>>,
    findings: Mutex<Option<(Instant, Vec<Finding>)>>,
}

impl Known {
    /// Starts the thread that samples the nodes. It ends when what it returns is dropped.
    pub fn start(config: &Config) -> Arc<Self> {
        let known = Arc::new(Self::default());
        let (mut lanes, kept) = (Nodes::lanes(config).map(Lane::new), Arc::downgrade(&known));
        thread::spawn(move || {
            loop {
                let nodes = lane::look(&mut lanes);
                let Some(known) = kept.upgrade() else { return };
                known.servers.lock().unwrap_or_else(PoisonError::into_inner).add(&nodes);
                drop(known);
                // Not parked: the threads that looked leave a token behind, which would end the wait at once.
                thread::sleep(EVERY);
            }
        });
        known
    }
}

impl Servers {
    fn add(&mut self, seen: &[Seen]) {
        self.time_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64);
        self.nodes = seen.iter().map(node).collect();
        for node in self.nodes.iter().filter(|node| node.trouble.is_none()) {
            if self.past.contains_key(&node.address) || self.past.len() < NODES {
                self.past.entry(node.address.clone()).or_default().add(self.time_ms, node);
            }
        }
        // A node that has left is forgotten once its last sample is older than what is kept of others.
        let oldest = self.time_ms.saturating_sub(EVERY.as_millis() as u64 * KEPT as u64);
        self.past.retain(|_, past| past.time_ms.last().is_some_and(|last| *last >= oldest));
    }
}

fn node(seen: &Seen) -> Node {
    let Seen { lane, address, replica, seen } = seen;
    let place = Node {
        lane,
        address: address.clone(),
        replica: replica.is_some(),
        lag_s: replica.as_ref().map(|replica| replica.lag_s),
        lag_bytes: replica.as_ref().map(|replica| replica.lag_bytes),
        ..Node::default()
    };
    match seen {
        Err(why) => Node { trouble: Some(output::sanitized(why)), ..place },
        Ok(seen) => Node {
            used_memory: seen.now.used_memory,
            max_memory: seen.now.max_memory,
            ops_per_second: seen.now.ops_per_second,
            cpu: seen.cpu,
            ping_us: seen.now.ping.as_micros() as u64,
            clients: seen.now.clients,
            blocked_clients: seen.now.blocked_clients,
            oom_errors: seen.now.oom_errors,
            evicted_keys: seen.now.evicted_keys,
            rejected_connections: seen.now.rejected_connections,
            ..place
        },
    }
}

/// The Redis nodes, now and in the last three hours
#[utoipa::path(get, path = "/servers", tag = "servers", responses(
    (status = 200, description = "the nodes, as of the last sample; samples are five seconds apart", body = Servers),
))]
pub async fn servers(State(room): State<Arc<Room>>, Extension(_caller): Extension<Caller>) -> Json<Servers> {
    Json(room.servers.servers.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// The streams of signals, and how far behind their groups are
#[utoipa::path(get, path = "/streams", tag = "servers", responses(
    (status = 200, description = "the streams, at most 30 seconds old", body = Streams),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn streams(
    State(room): State<Arc<Room>>,
    Extension(_caller): Extension<Caller>,
) -> Result<Json<Streams>, Problem> {
    room.work(|room| {
        kept(&room.servers.streams, || {
            let [_, _, mut nodes] = Nodes::lanes(&room.config);
            let look = nodes.refresh().and_then(|_| streams::look(&mut nodes, room.config.rtss_shards, &[]));
            let look = look.map_err(|error| Problem::upstream(&nodes.describe(&error)))?;
            Ok(waiting(look.streams))
        })
    })
    .await
    .map(Json)
}

/// What the doctor finds
#[utoipa::path(get, path = "/doctor", tag = "servers", responses(
    (status = 200, description = "the findings, at most 30 seconds old", body = [Finding]),
    (status = 502, description = "the servers cannot be examined", body = Problem),
))]
pub async fn doctor(
    State(room): State<Arc<Room>>,
    Extension(_caller): Extension<Caller>,
) -> Result<Json<Vec<Finding>>, Problem> {
    room.work(|room| {
        kept(&room.servers.findings, || {
            let options = doctor::Options {
                config: room.source.clone(),
                root: "/".into(),
                ..doctor::Options::default()
            };
            let found =
                doctor::examine(&options).map_err(|error| Problem::upstream(&format!("{error:#}")))?;
            Ok(found.into_iter().map(finding).collect())
        })
    })
    .await
    .map(Json)
}

/// What was found a moment ago, or else what is found now. Who comes meanwhile waits for the same answer.
fn kept<T: Clone>(
    last: &Mutex<Option<(Instant, T)>>,
    look: impl FnOnce() -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, found)) = &*last
        && at.elapsed() < AGAIN
    {
        return Ok(found.clone());
    }
    let found = look()?;
    *last = Some((Instant::now(), found.clone()));
    Ok(found)
}

fn waiting(mut all: Vec<streams::Stream>) -> Streams {
    let waits = |stream: &streams::Stream| {
        stream
            .groups
            .iter()
            .map(|group| group.pending.saturating_add(group.lag.unwrap_or(0)))
            .max()
            .unwrap_or(0)
    };
    all.sort_by_key(|stream| (std::cmp::Reverse(waits(stream)), stream.source.clone()));
    let count = all.len();
    let shown = all.into_iter().take(STREAMS).map(|stream| Stream {
        shard: stream.shard,
        length: stream.length,
        last_ms: stream.last.0,
        source: stream.source,
        groups: stream
            .groups
            .into_iter()
            .map(|group| Group {
                name: output::sanitized(&group.name),
                consumers: group.consumers,
                pending: group.pending,
                lag: group.lag,
            })
            .collect(),
    });
    Streams { count, streams: shown.collect() }
}

fn finding(found: doctor::Finding) -> Finding {
    Finding {
        light: match found.light {
            doctor::Light::Green => "green",
            doctor::Light::Yellow => "yellow",
            doctor::Light::Red => "red",
        },
        check: found.check,
        server: output::sanitized(&found.server),
        text: output::sanitized(&found.text),
        commands: found.commands.iter().map(|command| output::sanitized(command)).collect(),
        cure: found.cure.map(|cure| output::sanitized(&cure)),
    }
}
