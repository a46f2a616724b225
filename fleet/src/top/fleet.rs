//! The instances as their heartbeats show them, alive or not.

use std::collections::HashMap;

use anyhow::Result;
use clap::ValueEnum;
use redis::Value;

use crate::govern::nodes::Nodes;

/// The fields of a heartbeat that are shown, and their places in a packed one.
const FIELDS: [(&str, usize); 9] = [
    ("lg", 5),
    ("eq", 11),
    ("cn", 18),
    ("po", 26),
    ("tw", 30),
    ("sw", 31),
    ("th", 34),
    ("tl", 37),
    ("sl", 38),
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
}

impl Heartbeat {
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

/// Reads the list and every heartbeat.
pub fn look(nodes: &mut Nodes) -> Result<Vec<Instance>> {
    let listed: Vec<(String, f64)> =
        nodes.ask_owner(redis::cmd("ZRANGE").arg("il").arg(0).arg(-1).arg("WITHSCORES"))?;
    let (seconds, micros): (u64, u64) = nodes.ask_owner(&redis::cmd("TIME"))?;
    let now_ms = seconds * 1000 + micros / 1000;
    listed
        .into_iter()
        .map(|(name, last_ms)| {
            let mut ask = redis::cmd("HMGET");
            ask.arg(format!("is:{{{name}}}")).arg("d");
            FIELDS.iter().for_each(|(field, _)| {
                ask.arg(field);
            });
            let heartbeat = read(&nodes.ask_owner::<Vec<Value>>(&ask)?);
            Ok(Instance { name, age_ms: now_ms.saturating_sub(last_ms as u64), heartbeat })
        })
        .collect()
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
    })
}
