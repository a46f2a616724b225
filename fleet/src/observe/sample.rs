//! A sample of one node: what INFO says and how long a PING takes, and what changed since the sample before.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use mt5_redis::config::Address;
use redis::RedisError;

use super::nodes::Nodes;
use crate::errors;

/// How many PINGs are timed; the latency is their median.
const PINGS: usize = 3;

/// What a node reports at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    pub run_id: String,
    pub used_memory: u64,
    /// 0: no limit.
    pub max_memory: u64,
    /// CPU time of the thread that serves commands, s.
    pub cpu_s: f64,
    pub oom_errors: u64,
    pub evicted_keys: u64,
    pub rejected_connections: u64,
    pub blocked_clients: u64,
    pub clients: u64,
    pub ops_per_second: u64,
    pub ping: Duration,
    pub replicas: Vec<Replica>,
    /// What INFO does not report, in words.
    pub missing: Vec<&'static str>,
    /// Why INFO was refused, if it was.
    pub no_info: Option<String>,
}

/// A replica, as its master sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    pub address: Address,
    /// Time since its last acknowledgement, s.
    pub lag_s: u64,
    /// Bytes that it had not acknowledged then.
    pub lag_bytes: u64,
}

impl Sample {
    /// The longest lag of a replica, s.
    pub fn replica_lag_s(&self) -> u64 {
        self.replicas.iter().map(|replica| replica.lag_s).max().unwrap_or(0)
    }

    /// The longest lag of a replica, bytes.
    pub fn replica_lag_bytes(&self) -> u64 {
        self.replicas.iter().map(|replica| replica.lag_bytes).max().unwrap_or(0)
    }
}

/// Takes a sample of a node.
pub fn take(nodes: &mut Nodes, address: &Address) -> Result<Sample> {
    // A refused connection is not a refused command.
    nodes.connection(address)?;
    let (info, no_info) = match nodes.ask::<String>(address, redis::cmd("INFO").arg("all")) {
        // A server that refuses INFO is judged by how fast it answers.
        Err(error) if is_refusal(&error) => (String::new(), Some(errors::describe(&error))),
        answer => (answer?, None),
    };
    let mut pings = Vec::new();
    for _ in 0..PINGS {
        let start = Instant::now();
        match nodes.ask::<redis::Value>(address, &redis::cmd("PING")) {
            // A refusal takes as long as an answer.
            Err(error) if is_refusal(&error) => {}
            answer => drop(answer?),
        }
        pings.push(start.elapsed());
    }
    pings.sort();
    Ok(Sample { ping: pings[PINGS / 2], no_info, ..parse(&info) })
}

fn is_refusal(error: &anyhow::Error) -> bool {
    error.downcast_ref::<RedisError>().is_some_and(errors::is_refusal)
}

fn parse(info: &str) -> Sample {
    let fields: HashMap<&str, &str> =
        info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let number = |name: &str| fields.get(name).and_then(|value| value.parse().ok()).unwrap_or(0u64);
    let seconds = |name: &str| fields.get(name).and_then(|value| value.parse::<f64>().ok());
    // Before 7.0 only the whole process is measured.
    let cpu = |part: &str| {
        seconds(&format!("used_cpu_{part}_main_thread")).or(seconds(&format!("used_cpu_{part}")))
    };
    let part = |value: &str, name: &str| {
        let mut parts = value.split(',').filter_map(|part| part.split_once('='));
        parts.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let inner = |value: &str, name: &str| part(value, name).parse::<u64>().unwrap_or(0);
    let offset = number("master_repl_offset");
    let replica = |at| {
        let value = fields.get(format!("slave{at}").as_str())?;
        Some(Replica {
            address: Address { host: part(value, "ip"), port: part(value, "port").parse().ok()? },
            lag_s: inner(value, "lag"),
            lag_bytes: offset.saturating_sub(inner(value, "offset")),
        })
    };
    let has = |name: &str| fields.contains_key(name);
    let wanted = [
        ("the memory limit", number("maxmemory") > 0),
        ("memory", has("used_memory")),
        ("CPU time", has("used_cpu_sys") || has("used_cpu_sys_main_thread")),
        ("evictions", has("evicted_keys")),
        ("connections", has("rejected_connections")),
        ("replicas", has("connected_slaves")),
    ];
    Sample {
        no_info: None,
        missing: wanted.into_iter().filter(|(_, reported)| !reported).map(|(what, _)| what).collect(),
        run_id: fields.get("run_id").copied().unwrap_or_default().to_owned(),
        used_memory: number("used_memory"),
        max_memory: number("maxmemory"),
        cpu_s: cpu("sys").unwrap_or(0.0) + cpu("user").unwrap_or(0.0),
        oom_errors: fields.get("errorstat_OOM").map_or(0, |value| inner(value, "count")),
        evicted_keys: number("evicted_keys"),
        rejected_connections: number("rejected_connections"),
        blocked_clients: number("blocked_clients"),
        clients: number("connected_clients"),
        ops_per_second: number("instantaneous_ops_per_sec"),
        ping: Duration::ZERO,
        replicas: (0..number("connected_slaves")).filter_map(replica).collect(),
    }
}

/// A sample and what happened since the one before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub now: Sample,
    /// CPU use of the serving thread, 1.0 is a whole core.
    pub cpu: f64,
    pub new_oom_errors: u64,
    pub new_evictions: u64,
    pub new_rejections: u64,
}

impl Seen {
    /// Compares two samples taken `time` apart. After a restart there is nothing to compare with.
    pub fn since(before: Option<&Sample>, now: Sample, time: Duration) -> Self {
        let Some(before) = before.filter(|before| before.run_id == now.run_id) else {
            return Self { now, ..Default::default() };
        };
        Self {
            cpu: (now.cpu_s - before.cpu_s).max(0.0) / time.as_secs_f64().max(0.001),
            new_oom_errors: now.oom_errors.saturating_sub(before.oom_errors),
            new_evictions: now.evicted_keys.saturating_sub(before.evicted_keys),
            new_rejections: now.rejected_connections.saturating_sub(before.rejected_connections),
            now,
        }
    }

    /// The share of its memory that is used; none without a limit.
    pub fn memory(&self) -> Option<f64> {
        (self.now.max_memory > 0).then(|| self.now.used_memory as f64 / self.now.max_memory as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nrun_id:abc\r\n# Memory\r\nused_memory:900\r\nmaxmemory:1000\r\n\
        used_cpu_sys:9.0\r\nused_cpu_user:9.0\r\nused_cpu_sys_main_thread:1.5\r\nused_cpu_user_main_thread:2.5\r\n\
        errorstat_OOM:count=7\r\nevicted_keys:3\r\nrejected_connections:2\r\nblocked_clients:4\r\n\
        connected_slaves:2\r\nmaster_repl_offset:1000\r\n\
        slave0:ip=1,port=1,state=online,offset=990,lag=0\r\nslave1:ip=2,port=1,state=online,offset=400,lag=6\r\n";

    #[test]
    fn what_info_says_is_read() {
        let sample = parse(INFO);
        assert_eq!((sample.used_memory, sample.max_memory, sample.cpu_s), (900, 1000, 4.0));
        assert_eq!((sample.oom_errors, sample.evicted_keys, sample.rejected_connections), (7, 3, 2));
        let addresses: Vec<_> = sample.replicas.iter().map(|replica| replica.address.to_string()).collect();
        assert_eq!(addresses, ["1:1", "2:1"]);
        assert_eq!((sample.replica_lag_s(), sample.replica_lag_bytes()), (6, 600));
    }

    #[test]
    fn rates_are_of_one_life_of_the_server() {
        let before = Sample { cpu_s: 3.0, oom_errors: 5, ..parse(INFO) };
        let seen = Seen::since(Some(&before), parse(INFO), Duration::from_secs(2));
        assert_eq!((seen.cpu, seen.new_oom_errors, seen.memory()), (0.5, 2, Some(0.9)));
        let another = Sample { run_id: "other".into(), ..before };
        let seen = Seen::since(Some(&another), parse(INFO), Duration::from_secs(2));
        assert_eq!((seen.cpu, seen.new_oom_errors), (0.0, 0));
    }
}
