//! The governor's metrics for Prometheus at `/metrics`; `deploy/grafana.json` shows them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use metrics::{counter, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_util::MetricKindMask;
use mt5_redis::config::Address;

use super::serve;
use crate::observe::sample::Seen;
use crate::observe::streams::Look;

/// How long a metric outlives its subject.
const IDLE: Duration = Duration::from_secs(300);
/// The most consumer groups with metrics: anybody may name a group.
const GROUPS: usize = 100;

/// Starts to serve the metrics. Returns the address with the actual port.
pub fn serve(address: SocketAddr) -> Result<SocketAddr> {
    let recorder = PrometheusBuilder::new().idle_timeout(MetricKindMask::GAUGE, Some(IDLE)).build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics are already exported")?;
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    let page = move || {
        handle.run_upkeep();
        handle.render()
    };
    thread::spawn(move || serve::serve(&listener, "/metrics", page));
    Ok(bound)
}

/// A node that answered.
pub fn node(lane: &'static str, address: &Address, seen: &Seen) {
    let labels = [("lane", lane.to_owned()), ("node", address.to_string())];
    let now = &seen.now;
    gauge!("mt5fleet_node_up", &labels).set(1.0);
    gauge!("mt5fleet_node_memory_bytes", &labels).set(now.used_memory as f64);
    gauge!("mt5fleet_node_memory_limit_bytes", &labels).set(now.max_memory as f64);
    gauge!("mt5fleet_node_cpu_ratio", &labels).set(seen.cpu);
    gauge!("mt5fleet_node_ping_seconds", &labels).set(now.ping.as_secs_f64());
    gauge!("mt5fleet_node_clients", &labels).set(now.clients as f64);
    gauge!("mt5fleet_node_blocked_clients", &labels).set(now.blocked_clients as f64);
    gauge!("mt5fleet_node_operations_per_second", &labels).set(now.ops_per_second as f64);
    gauge!("mt5fleet_node_replicas", &labels).set(now.replicas.len() as f64);
    gauge!("mt5fleet_node_replica_lag_seconds", &labels).set(now.replica_lag_s() as f64);
    gauge!("mt5fleet_node_replica_lag_bytes", &labels).set(now.replica_lag_bytes() as f64);
    counter!("mt5fleet_node_oom_errors_total", &labels).absolute(now.oom_errors);
    counter!("mt5fleet_node_evictions_total", &labels).absolute(now.evicted_keys);
    counter!("mt5fleet_node_rejected_connections_total", &labels).absolute(now.rejected_connections);
}

/// A node that did not answer.
pub fn node_is_down(lane: &'static str, address: &Address) {
    gauge!("mt5fleet_node_up", "lane" => lane, "node" => address.to_string()).set(0.0);
}

/// All streams, summed up by shard and by group: one series for each source would be too many.
pub fn streams(look: &Look, now_ms: u64) {
    let mut shards: BTreeMap<u16, (u64, u64, u64)> = BTreeMap::new();
    let mut groups: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for stream in &look.streams {
        let (sources, length, age_ms) = shards.entry(stream.shard).or_default();
        (*sources, *length) = (*sources + 1, *length + stream.length);
        *age_ms = (*age_ms).max(stream.first.map_or(0, |first| now_ms.saturating_sub(first.0)));
        for group in &stream.groups {
            let (lag, pending) = groups.entry(&group.name).or_default();
            (*lag, *pending) = (*lag + group.lag.unwrap_or(0), *pending + group.pending);
        }
    }
    for (shard, (sources, length, age_ms)) in shards {
        let labels = [("shard", shard.to_string())];
        gauge!("mt5fleet_sources", &labels).set(sources as f64);
        gauge!("mt5fleet_stream_length", &labels).set(length as f64);
        gauge!("mt5fleet_stream_age_seconds", &labels).set(age_ms as f64 / 1000.0);
    }
    for (group, (lag, pending)) in groups.into_iter().take(GROUPS) {
        gauge!("mt5fleet_group_lag", "group" => group.to_owned()).set(lag as f64);
        gauge!("mt5fleet_group_pending", "group" => group.to_owned()).set(pending as f64);
    }
    gauge!("mt5fleet_followers").set(look.followers as f64);
}

pub fn trimmed(entries: u64) {
    counter!("mt5fleet_stream_trimmed_total").increment(entries);
}

/// How many instances are alive at each level, and how many are dead.
pub fn instances(at_level: [usize; 4], dead: usize) {
    for (level, count) in at_level.into_iter().enumerate() {
        gauge!("mt5fleet_instances", "level" => level.to_string()).set(count as f64);
    }
    gauge!("mt5fleet_instances_dead").set(dead as f64);
}

pub fn forgotten(instances: u64) {
    counter!("mt5fleet_instances_forgotten_total").increment(instances);
}

/// The fleet's level, and whether this governor holds the lease.
pub fn level(level: u8, leads: bool) {
    gauge!("mt5fleet_level").set(f64::from(level));
    gauge!("mt5fleet_leader").set(f64::from(u8::from(leads)));
}

pub fn directives(count: u64) {
    counter!("mt5fleet_directives_total").increment(count);
}

pub fn warnings(count: u64) {
    counter!("mt5fleet_warnings_total").increment(count);
}
