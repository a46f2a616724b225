//! The instances as their heartbeats show them: who lives, who sends most, who is dead for so long that the
//! list may forget it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use mt5_redis::model::key;
use redis::{FromRedisValue, Value};

use super::directives::for_one;
use super::names;
use super::nodes::Nodes;

pub const LIST: &str = key::INSTANCE_LIST;
/// Places of iv, th, ta and sa in a packed heartbeat.
const PACKED: [usize; 4] = [29, 34, 35, 36];
const NAMES: [&str; 4] = ["iv", "th", "ta", "sa"];
/// Directives for the noisiest first: this part of the instances.
const NOISIEST: usize = 5;
/// How many instances without a heartbeat the list keeps.
const DEAD: usize = 10_000;
/// A clock may be so far ahead.
const FUTURE: Duration = Duration::from_secs(86_400);
/// Names that are removed together.
const TOGETHER: usize = 500;

/// What a heartbeat says that matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heartbeat {
    pub interval_ms: u64,
    pub level: u64,
    pub trades: u64,
    pub signals: u64,
}

/// All instances, as of the last look.
#[derive(Default)]
pub struct Fleet {
    pub alive: HashMap<String, Heartbeat>,
    /// Those without a heartbeat, by the time of their last one, ms; the latest first.
    pub dead: Vec<(String, u64)>,
    /// Some of the names that no instance can have, and how many there are.
    pub strange: Vec<Vec<u8>>,
    pub strangers: usize,
    /// State records a second.
    pub noise: HashMap<String, f64>,
    looked: Option<Instant>,
}

impl Fleet {
    /// Reads the list and every heartbeat.
    pub fn look(&mut self, nodes: &mut Nodes) -> Result<()> {
        let names = names::read(nodes, LIST)?;
        (self.strange, self.strangers) = (names.strange, names.strangers);
        let listed: Vec<(String, f64)> = names.instances.into_iter().collect();
        let now = Instant::now();
        let time = self.looked.replace(now).map(|before| (now - before).as_secs_f64().max(0.001));
        let before = std::mem::take(&mut self.alive);
        self.dead.clear();
        self.noise.clear();
        let keys: Vec<_> = listed.iter().map(|(instance, _)| key::instance(instance)).collect();
        let ask = |key| redis::cmd("HMGET").arg(key).arg("d").arg(&NAMES).clone();
        let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), ask(key.as_str()))).collect();
        for ((instance, last_ms), reply) in listed.into_iter().zip(nodes.ask_all(&commands)?) {
            let reply = reply.ok().and_then(|value| Vec::<Value>::from_redis_value(value).ok());
            let Some(heartbeat) = reply.as_deref().and_then(read) else {
                self.dead.push((instance, last_ms.max(0.0) as u64));
                continue;
            };
            if let (Some(time), Some(before)) = (time, before.get(&instance)) {
                let trades = heartbeat.trades.saturating_sub(before.trades) as f64 / time;
                let heartbeats = 1000.0 / heartbeat.interval_ms.max(1) as f64;
                self.noise.insert(instance.clone(), trades + heartbeats);
            }
            self.alive.insert(instance, heartbeat);
        }
        // Who was seen last stays longest; a time that is yet to come was invented, or is of a clock gone wrong.
        self.dead.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        Ok(())
    }

    /// The fifth of the instances that sends most, and at least one.
    pub fn noisiest(&self) -> Vec<String> {
        let mut noise: Vec<_> = self.noise.iter().collect();
        noise.sort_by(|one, other| other.1.total_cmp(one.1).then(one.0.cmp(other.0)));
        noise
            .iter()
            .take(self.alive.len().div_ceil(NOISIEST))
            .map(|(instance, _)| (*instance).clone())
            .collect()
    }

    /// Instances that the list may forget: those dead for long, those whose last heartbeat is far in the future, and
    /// of the rest all but the ten thousand that lived last. The list is anybody's to add to.
    pub fn forgettable(&self, now_ms: u64, after: Duration) -> Vec<&str> {
        let before = now_ms.saturating_sub(after.as_millis() as u64);
        let until = now_ms + FUTURE.as_millis() as u64;
        let (kept, future): (Vec<_>, Vec<_>) = self.dead.iter().partition(|(_, last)| *last <= until);
        let old = kept.iter().enumerate().filter(|(at, (_, last))| *at >= DEAD || *last < before);
        future.iter().chain(old.map(|(_, dead)| dead)).map(|(instance, _)| instance.as_str()).collect()
    }
}

fn read(reply: &[Value]) -> Option<Heartbeat> {
    let number = |value: &Value| match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse::<u64>().ok(),
        _ => None,
    };
    let [packed, fields @ ..] = reply else { return None };
    let found: Vec<Option<u64>> = match packed {
        Value::BulkString(bytes) => {
            let value = rmpv::decode::read_value(&mut bytes.as_slice()).ok()?;
            let values = value.as_array()?;
            PACKED.iter().map(|&at| values.get(at).and_then(rmpv::Value::as_u64)).collect()
        }
        _ if fields.iter().all(|field| *field == Value::Nil) => return None,
        _ => fields.iter().map(number).collect(),
    };
    let [interval_ms, level, trades, signals] = found.try_into().ok()?;
    Some(Heartbeat {
        interval_ms: interval_ms.filter(|&interval| interval > 0).unwrap_or(1000),
        level: level.unwrap_or(0),
        trades: trades.unwrap_or(0),
        signals: signals.unwrap_or(0),
    })
}

/// Removes instances from the list, unless they have come back since they were looked at. Returns how many went.
pub fn forget(nodes: &mut Nodes, instances: &[String]) -> Result<u64> {
    let mut removed = 0;
    for instances in instances.chunks(TOGETHER) {
        let keys: Vec<String> =
            instances.iter().map(|instance| key::instance(instance).to_string()).collect();
        let there = names::existing(nodes, &keys)?;
        let gone: Vec<&String> = instances
            .iter()
            .zip(&keys)
            .filter(|(_, key)| !there.contains(key.as_str()))
            .map(|(instance, _)| instance)
            .collect();
        let directives: Vec<String> = gone.iter().map(|instance| for_one(instance)).collect();
        let delete = |key: &String| redis::cmd("DEL").arg(key).clone();
        nodes.ask_all(&directives.iter().map(|key| (key.as_str(), delete(key))).collect::<Vec<_>>())?;
        let names: Vec<Vec<u8>> = gone.iter().map(|instance| instance.as_bytes().to_vec()).collect();
        removed += names::remove(nodes, LIST, &names)?;
    }
    Ok(removed)
}

/// The server's clock, ms.
pub fn now_ms(nodes: &mut Nodes) -> Result<u64> {
    let (seconds, micros): (u64, u64) = nodes.ask_owner(&redis::cmd("TIME"))?;
    Ok(seconds * 1000 + micros / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_read_in_both_encodings() {
        let text = |text: &str| Value::BulkString(text.into());
        let fields = [Value::Nil, text("2000"), text("1"), text("500"), text("70")];
        let expected = Heartbeat { interval_ms: 2000, level: 1, trades: 500, signals: 70 };
        assert_eq!(read(&fields), Some(expected));
        // One of a bridge that knew no pressure yet.
        let old = [Value::Nil, text("0"), Value::Nil, Value::Nil, Value::Nil];
        assert_eq!(read(&old), Some(Heartbeat { interval_ms: 1000, ..Default::default() }));
        let mut values = vec![rmpv::Value::from(0); 37];
        for (at, number) in PACKED.into_iter().zip([2000, 1, 500, 70]) {
            values[at] = number.into();
        }
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &rmpv::Value::Array(values)).unwrap();
        let packed = [Value::BulkString(bytes), Value::Nil, Value::Nil, Value::Nil, Value::Nil];
        assert_eq!(read(&packed), Some(expected));
        assert_eq!(read(&[const { Value::Nil }; 5]), None);
    }

    #[test]
    fn of_the_dead_the_latest_stay_and_nobody_from_the_future() {
        let now = 100 * 86_400_000;
        let dead = |name: &str, last| (name.to_owned(), last);
        let mut fleet = Fleet {
            dead: vec![dead("future", u64::MAX), dead("fast", now + 3_600_000)],
            ..Default::default()
        };
        fleet.dead.extend((0..DEAD as u64).map(|at| dead(&format!("{at}.Demo"), now - at)));
        fleet.dead.push(dead("old", 1000));
        let forgettable = fleet.forgettable(now, Duration::from_secs(86_400));
        assert_eq!(forgettable, ["future".to_owned(), format!("{}.Demo", DEAD - 1), "old".to_owned()]);
    }

    #[test]
    fn the_noisiest_come_first() {
        let mut fleet = Fleet::default();
        for (instance, noise) in [("a", 1.0), ("b", 9.0), ("c", 5.0), ("d", 2.0), ("e", 2.0), ("f", 2.0)] {
            fleet.alive.insert(instance.into(), Heartbeat::default());
            fleet.noise.insert(instance.into(), noise);
        }
        assert_eq!(fleet.noisiest(), ["b", "c"]);
    }
}
