//! The instances as their heartbeats show them, alive or not.

use std::collections::HashMap;

use anyhow::Result;
use clap::ValueEnum;
use mt5_redis::model::instance::MT5REDIS_CLOCK_LIMIT_MS;
use mt5_redis::model::key;
use redis::{FromRedisValue, Value};

use crate::govern::nodes::Nodes;
use crate::govern::{fleet_view, names};

/// So many instances without a heartbeat are shown.
const GONE: usize = 200;

/// The fields of a heartbeat that are shown, and their places in a packed one.
const FIELDS: [(&str, usize); 10] = [
    ("lg", 5),
    ("eq", 11),
    ("cn", 18),
    ("po", 26),
    ("tw", 30),
    ("sw", 31),
    ("th", 34),
    ("tl", 37),
    ("sl", 38),
    ("ck", 40),
];

/// An instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    pub name: String,
    /// Since its last heartbeat, ms.
    pub age_ms: u64,
    /// What that heartbeat said; none when it has expired.
    pub heartbeat: Option<Heartbeat>,
}

/// What a heartbeat says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heartbeat {
    pub login: i64,
    pub equity: f64,
    /// Whether the terminal is connected to its broker.
    pub connected: bool,
    pub positions: u64,
    /// Trade states and signals that are not in Redis yet, in the queue or in the journal.
    pub waiting: [u64; 2],
    /// How long commits take, trade states and signals, µs.
    pub commit_us: [u64; 2],
    /// The throttle level it keeps.
    pub level: u64,
    /// Its machine's clock minus the server's, ms.
    pub clock_ms: i64,
}

impl Heartbeat {
    /// How far its clock is off, where that is too far, as people say it.
    pub fn clock_is(&self) -> Option<String> {
        let way = if self.clock_ms > 0 { "ahead" } else { "behind" };
        let off = self.clock_ms.unsigned_abs() as f64 / 1000.0;
        (self.clock_ms.abs() > MT5REDIS_CLOCK_LIMIT_MS).then(|| format!("{off:.1} s {way}"))
    }

    /// How long the slower lane's commits take, µs.
    pub fn slowest_us(&self) -> u64 {
        self.commit_us[0].max(self.commit_us[1])
    }
}

/// By what instances are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By their names
    #[default]
    Instance,
    /// Those without a heartbeat for longest first
    Age,
    /// The highest equity first
    Equity,
    /// The most positions first
    Positions,
    /// The most records that wait first
    Waiting,
    /// The slowest commits first
    Commit,
    /// The highest throttle level first
    Level,
}

impl Sort {
    /// The next one.
    pub fn next(self) -> Self {
        let all = Self::value_variants();
        all[(self as usize + 1) % all.len()]
    }

    /// Sorts; what is equal by name.
    pub fn sort(self, instances: &mut [Instance]) {
        let of = |instance: &Instance| {
            let heartbeat = instance.heartbeat.clone().unwrap_or_default();
            match self {
                Self::Instance => 0.0,
                Self::Age => instance.age_ms as f64,
                Self::Equity => heartbeat.equity,
                Self::Positions => heartbeat.positions as f64,
                Self::Waiting => heartbeat.waiting.iter().sum::<u64>() as f64,
                Self::Commit => heartbeat.slowest_us() as f64,
                Self::Level => heartbeat.level as f64,
            }
        };
        instances.sort_by(|one, other| of(other).total_cmp(&of(one)).then(one.name.cmp(&other.name)));
    }
}

/// Reads the list and every heartbeat. Of those that have none the latest are returned, and how many more there are:
/// anybody may have added them.
pub fn look(nodes: &mut Nodes) -> Result<(Vec<Instance>, usize)> {
    let names = names::read(nodes, key::INSTANCE_LIST)?;
    let now_ms = fleet_view::now_ms(nodes)?;
    let listed: Vec<(String, f64)> = names.instances.into_iter().collect();
    let keys: Vec<_> = listed.iter().map(|(name, _)| key::instance(name)).collect();
    let ask = |key: &str| {
        let mut ask = redis::cmd("HMGET");
        ask.arg(key).arg("d");
        for (field, _) in FIELDS {
            ask.arg(field);
        }
        ask
    };
    let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), ask(key))).collect();
    let (mut shown, mut gone) = (Vec::new(), Vec::new());
    for ((name, last_ms), reply) in listed.into_iter().zip(nodes.ask_all(&commands)?) {
        let reply = reply.ok().and_then(|value| Vec::<Value>::from_redis_value(value).ok());
        let heartbeat = reply.as_deref().and_then(read);
        let list = if heartbeat.is_some() { &mut shown } else { &mut gone };
        list.push(Instance { name, age_ms: now_ms.saturating_sub(last_ms as u64), heartbeat });
    }
    gone.sort_by(|one, other| one.age_ms.cmp(&other.age_ms).then(one.name.cmp(&other.name)));
    let more = gone.len().saturating_sub(GONE) + names.strangers;
    shown.extend(gone.into_iter().take(GONE));
    Ok((shown, more))
}

/// A heartbeat in either encoding; none if there is none.
fn read(reply: &[Value]) -> Option<Heartbeat> {
    let [packed, fields @ ..] = reply else { return None };
    let text = |value: &Value| match value {
        Value::BulkString(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    };
    let found: HashMap<&str, f64> = match packed {
        Value::BulkString(bytes) => {
            let value = rmpv::decode::read_value(&mut bytes.as_slice()).ok()?;
            let values = value.as_array()?;
            let number = |value: &rmpv::Value| value.as_f64().or(value.as_bool().map(f64::from));
            FIELDS.iter().filter_map(|(name, at)| Some((*name, number(values.get(*at)?)?))).collect()
        }
        _ => {
            let all = FIELDS.iter().zip(fields);
            all.filter_map(|((name, _), value)| Some((*name, text(value)?.parse().ok()?))).collect()
        }
    };
    if found.is_empty() {
        return None;
    }
    let number = |name: &str| found.get(name).copied().unwrap_or(0.0);
    Some(Heartbeat {
        login: number("lg") as i64,
        equity: number("eq"),
        connected: number("cn") != 0.0,
        positions: number("po") as u64,
        waiting: [number("tw") as u64, number("sw") as u64],
        commit_us: [number("tl") as u64, number("sl") as u64],
        level: number("th") as u64,
        clock_ms: number("ck") as i64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_read_in_both_encodings() {
        let expected = Heartbeat {
            login: 7,
            equity: 1.5,
            connected: true,
            positions: 3,
            waiting: [4, 5],
            commit_us: [60, 70],
            level: 2,
            clock_ms: -3000,
        };
        let all = [7.0, 1.5, 1.0, 3.0, 4.0, 5.0, 2.0, 60.0, 70.0, -3000.0];
        let text = all.iter().map(|number: &f64| Value::BulkString(number.to_string().into_bytes()));
        assert_eq!(read(&[Value::Nil].into_iter().chain(text).collect::<Vec<_>>()), Some(expected.clone()));
        let mut values = vec![rmpv::Value::from(0); 41];
        FIELDS.iter().zip(all).for_each(|((_, at), number)| values[*at] = number.into());
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &rmpv::Value::Array(values)).unwrap();
        assert_eq!(read(&[Value::BulkString(bytes)]), Some(expected));
        assert_eq!(read(&[const { Value::Nil }; 11]), None);
    }

    #[test]
    fn a_clock_is_off_beyond_two_seconds() {
        let is = |clock_ms| Heartbeat { clock_ms, ..Heartbeat::default() }.clock_is();
        assert_eq!([0, 2000, -2000].map(is), [None, None, None]);
        assert_eq!(is(2001).as_deref(), Some("2.0 s ahead"));
        assert_eq!(is(-3_600_000).as_deref(), Some("3600.0 s behind"));
    }
}
