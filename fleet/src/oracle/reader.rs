//! Finds the server of a key: the only one, or a master of a Cluster that is not being resharded.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, Result};
use redis::Connection;

/// Longer than any answer takes: a server that hangs must not hang the check.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many shards a Cluster has by default.
const CLUSTER_SHARDS: u16 = 16;

/// A range of CLUSTER SLOTS: first slot, last slot, and the master's host and port.
type Range = (u16, u16, (String, u16));

pub(super) struct Reader {
    masters: Vec<Connection>,
    /// The slots of each master; empty for a single server.
    slots: Vec<(RangeInclusive<u16>, usize)>,
}

impl Reader {
    /// A single server.
    pub(super) fn server(url: &str) -> Result<Self> {
        Ok(Self { masters: vec![connect(url)?], slots: Vec::new() })
    }

    /// The masters of a Cluster; `url` is one of its nodes.
    pub(super) fn cluster(url: &str) -> Result<Self> {
        let ranges: Vec<Vec<redis::Value>> = redis::cmd("CLUSTER").arg("SLOTS").query(&mut connect(url)?)?;
        let (mut urls, mut slots) = (Vec::new(), Vec::new());
        for range in ranges {
            let (first, last, (host, port)) =
                parse(&range).context("CLUSTER SLOTS has an unexpected form")?;
            let url = format!("redis://{host}:{port}");
            let at = urls.iter().position(|known| *known == url).unwrap_or_else(|| {
                urls.push(url);
                urls.len() - 1
            });
            slots.push((first..=last, at));
        }
        Ok(Self { masters: urls.iter().map(|url| connect(url)).collect::<Result<_>>()?, slots })
    }

    /// The server of a key.
    pub(super) fn of(&mut self, key: &str) -> Result<&mut Connection> {
        if self.slots.is_empty() {
            return Ok(&mut self.masters[0]);
        }
        let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut self.masters[0])?;
        let found = self.slots.iter().find(|(slots, _)| slots.contains(&slot));
        let (_, at) = found.with_context(|| format!("no master serves slot {slot} of {key}"))?;
        Ok(&mut self.masters[*at])
    }

    /// The number of shards.
    pub(super) fn shards(&self) -> u16 {
        if self.slots.is_empty() { 1 } else { CLUSTER_SHARDS }
    }

    /// The shard of an instance: its CRC16 modulo the shards. A slot is the CRC16 modulo 16384, a multiple of those.
    pub(super) fn shard(&mut self, instance: &str) -> Result<u16> {
        if self.slots.is_empty() {
            return Ok(0);
        }
        let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(instance).query(&mut self.masters[0])?;
        Ok(slot % CLUSTER_SHARDS)
    }

    /// Every key.
    pub(super) fn keys(&mut self) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        for connection in &mut self.masters {
            let mut cursor = 0u64;
            loop {
                let mut scan = redis::cmd("SCAN");
                let (next, page): (u64, Vec<String>) =
                    scan.arg(cursor).arg("COUNT").arg(1000).query(connection)?;
                keys.extend(page);
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(keys)
    }
}

fn parse(range: &[redis::Value]) -> Option<Range> {
    let [first, last, master, ..] = range else { return None };
    let redis::Value::Array(master) = master else { return None };
    let number = |value: &redis::Value| redis::from_redis_value::<u16>(value.clone()).ok();
    let host = redis::from_redis_value(master.first()?.clone()).ok()?;
    Some((number(first)?, number(last)?, (host, number(master.get(1)?)?)))
}

fn connect(url: &str) -> Result<Connection> {
    let connect = || {
        let connection = redis::Client::open(url)?.get_connection_with_timeout(TIMEOUT)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        redis::RedisResult::Ok(connection)
    };
    connect().with_context(|| format!("the check cannot read {url}"))
}
