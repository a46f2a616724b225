//! The instances as their heartbeats show them: who lives, who sends most, who is dead for so long that the
//! list may forget it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use redis::Value;

use super::directives::for_one;
use super::nodes::Nodes;

const LIST: &str = "il";
/// Places of iv, th, ta and sa in a packed heartbeat.
const PACKED: [usize; 4] = [29, 34, 35, 36];
const NAMES: [&str; 4] = ["iv", "th", "ta", "sa"];
/// Directives for the noisiest first: this part of the instances.
const NOISIEST: usize = 5;

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
    /// Those without a heartbeat, by the time of their last one, ms.
    pub dead: Vec<(String, u64)>,
    /// State records a second.
    pub noise: HashMap<String, f64>,
    looked: Option<Instant>,
}

impl Fleet {
    /// Reads the list and every heartbeat.
    pub fn look(&mut self, nodes: &mut Nodes) -> Result<()> {
        let listed: Vec<(String, f64)> =
            nodes.ask_owner(redis::cmd("ZRANGE").arg(LIST).arg(0).arg(-1).arg("WITHSCORES"))?;
        let now = Instant::now();
        let time = self.looked.replace(now).map(|before| (now - before).as_secs_f64().max(0.001));
        let before = std::mem::take(&mut self.alive);
        self.dead.clear();
        self.noise.clear();
        for (instance, last_ms) in listed {
            let key = format!("is:{{{instance}}}");
            let reply: Vec<Value> = nodes.ask_owner(redis::cmd("HMGET").arg(key).arg("d").arg(&NAMES))?;
            let Some(heartbeat) = read(&reply) else {
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

    /// Instances that the list may forget.
    pub fn forgettable(&self, now_ms: u64, after: Duration) -> Vec<&str> {
        let before = now_ms.saturating_sub(after.as_millis() as u64);
        self.dead.iter().filter(|(_, last)| *last < before).map(|(instance, _)| instance.as_str()).collect()
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

/// Removes an instance from the list.
pub fn forget(nodes: &mut Nodes, instance: &str) -> Result<bool> {
    // It may have come back since it was looked at.
    let lives: bool = nodes.ask_owner(redis::cmd("EXISTS").arg(format!("is:{{{instance}}}")))?;
    if lives {
        return Ok(false);
    }
    nodes.ask_owner::<i64>(redis::cmd("DEL").arg(for_one(instance)))?;
    nodes.ask_owner::<i64>(redis::cmd("ZREM").arg(LIST).arg(instance)).map(|removed| removed > 0)
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
    fn the_noisiest_come_first() {
        let mut fleet = Fleet::default();
        for (instance, noise) in [("a", 1.0), ("b", 9.0), ("c", 5.0), ("d", 2.0), ("e", 2.0), ("f", 2.0)] {
            fleet.alive.insert(instance.into(), Heartbeat::default());
            fleet.noise.insert(instance.into(), noise);
        }
        assert_eq!(fleet.noisiest(), ["b", "c"]);
    }
}
