//! The last heartbeat of every instance in the list `il`.

use std::collections::HashMap;

use anyhow::Result;
use mt5_redis::model::halt::{MT5REDIS_HALT_ENTRIES, MT5REDIS_HALT_NONE};
use mt5_redis::model::instance::MT5REDIS_CLOCK_LIMIT_MS;
use mt5_redis::model::key;
use redis::{FromRedisValue, Value};

use super::names;
use super::nodes::{Nodes, PIPELINE, answer_about_key};

/// The fields that are read, and their positions in a packed heartbeat.
const FIELDS: [(&str, usize); 13] = [
    ("lg", 5),
    ("eq", 11),
    ("cn", 18),
    ("po", 26),
    ("iv", 29),
    ("tw", 30),
    ("sw", 31),
    ("th", 34),
    ("ta", 35),
    ("tl", 37),
    ("sl", 38),
    ("ck", 40),
    ("ha", 41),
];

/// The longest packed heartbeat, bytes.
const LONGEST: usize = 64 << 10;

/// What the list and the heartbeats show.
#[derive(Default)]
pub struct Instances {
    pub alive: Vec<(String, Heartbeat)>,
    /// Names without a heartbeat and their last one's time, ms since 1970 UTC; the latest first.
    pub dead: Vec<(String, u64)>,
    /// Some of the names that no instance can have.
    pub invalid: Vec<Vec<u8>>,
    /// How many of those there are.
    pub invalid_count: usize,
}

/// A heartbeat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heartbeat {
    /// When the list last saw it, ms since 1970 UTC.
    pub time_ms: u64,
    pub login: i64,
    pub equity: f64,
    /// Whether the terminal is connected to its broker.
    pub connected: bool,
    pub positions: u64,
    pub interval_ms: u64,
    /// Trade states and signals that have not reached Redis yet.
    pub waiting: [u64; 2],
    /// How long commits of trade states and of signals take, µs.
    pub commit_us: [u64; 2],
    /// The throttle level that the bridge applies.
    pub level: u64,
    /// Trade states accepted since the bridge started.
    pub trades: u64,
    /// Its machine's clock minus the server's, ms.
    pub clock_ms: i64,
    /// The operator's halt that it obeys, one of `MT5REDIS_HALT_*`; none: its library knows no halt.
    pub halt: Option<i32>,
}

impl Heartbeat {
    /// How far its clock is off, as in "2.5 s behind the server's"; none within the limit.
    pub fn clock_error(&self) -> Option<String> {
        let direction = if self.clock_ms > 0 { "ahead of" } else { "behind" };
        let seconds = self.clock_ms.unsigned_abs() as f64 / 1000.0;
        (self.clock_ms.abs() > MT5REDIS_CLOCK_LIMIT_MS)
            .then(|| format!("{seconds:.1} s {direction} the server's"))
    }

    /// What it does about an operator's halt; none without one.
    pub fn halted(&self) -> Option<&'static str> {
        match self.halt? {
            MT5REDIS_HALT_NONE => None,
            MT5REDIS_HALT_ENTRIES => Some("halted: it opens no positions"),
            _ => Some("halted: it opens no positions and closes its copies"),
        }
    }

    /// How long the slower lane's commits take, µs.
    pub fn slowest_us(&self) -> u64 {
        self.commit_us[0].max(self.commit_us[1])
    }
}

/// Reads the list and every heartbeat.
pub fn read(nodes: &mut Nodes) -> Result<Instances> {
    let names = names::read(nodes, key::INSTANCE_LIST)?;
    let mut found =
        Instances { invalid: names.invalid, invalid_count: names.invalid_count, ..Instances::default() };
    let listed: Vec<(String, f64)> = names.instances.into_iter().collect();
    let fields = FIELDS.map(|(field, _)| field);
    let ask = |key: &str| redis::cmd("HMGET").arg(key).arg("d").arg(&fields).clone();
    for listed in listed.chunks(PIPELINE) {
        let keys: Vec<_> = listed.iter().map(|(name, _)| key::instance(name)).collect();
        let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), ask(key))).collect();
        for ((name, score), reply) in listed.iter().zip(nodes.ask_all(&commands)?) {
            let reply = answer_about_key(reply)?.and_then(|value| Vec::<Value>::from_redis_value(value).ok());
            let (name, time_ms) = (name.clone(), score.max(0.0) as u64);
            match reply.as_deref().and_then(parse) {
                Some(heartbeat) => found.alive.push((name, Heartbeat { time_ms, ..heartbeat })),
                None => found.dead.push((name, time_ms)),
            }
        }
    }
    found.dead.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
    Ok(found)
}

/// A heartbeat in either encoding; none if the hash is absent.
fn parse(reply: &[Value]) -> Option<Heartbeat> {
    let [packed, fields @ ..] = reply else { return None };
    let found: HashMap<&str, f64> = match packed {
        // A terminal may write what it likes, and the values take far more memory than their bytes.
        Value::BulkString(bytes) if bytes.len() > LONGEST => return None,
        Value::BulkString(bytes) => {
            let value = rmpv::decode::read_value(&mut bytes.as_slice()).ok()?;
            let values = value.as_array()?;
            let number = |value: &rmpv::Value| value.as_f64().or(value.as_bool().map(f64::from));
            FIELDS.iter().filter_map(|(name, at)| Some((*name, number(values.get(*at)?)?))).collect()
        }
        _ => {
            let number = |value: &Value| String::from_redis_value(value.clone()).ok()?.parse().ok();
            let pairs = FIELDS.iter().zip(fields);
            pairs.filter_map(|((name, _), value)| Some((*name, number(value)?))).collect()
        }
    };
    if found.is_empty() {
        return None;
    }
    let number = |name: &str| found.get(name).copied().unwrap_or(0.0);
    let count = |name: &str| number(name) as u64;
    Some(Heartbeat {
        time_ms: 0,
        login: number("lg") as i64,
        equity: number("eq"),
        connected: number("cn") != 0.0,
        positions: count("po"),
        // A bridge that does not know its interval sends each second.
        interval_ms: if count("iv") > 0 { count("iv") } else { 1000 },
        waiting: [count("tw"), count("sw")],
        commit_us: [count("tl"), count("sl")],
        level: count("th"),
        trades: count("ta"),
        clock_ms: number("ck") as i64,
        halt: found.get("ha").map(|&level| level as i32),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_read_in_both_encodings() {
        let expected = Heartbeat {
            time_ms: 0,
            login: 7,
            equity: 1.5,
            connected: true,
            positions: 3,
            interval_ms: 2000,
            waiting: [4, 5],
            commit_us: [60, 70],
            level: 2,
            trades: 500,
            clock_ms: -3000,
            halt: Some(1),
        };
        let all = [7.0, 1.5, 1.0, 3.0, 2000.0, 4.0, 5.0, 2.0, 500.0, 60.0, 70.0, -3000.0, 1.0];
        let text = all.iter().map(|number: &f64| Value::BulkString(number.to_string().into_bytes()));
        assert_eq!(parse(&[Value::Nil].into_iter().chain(text).collect::<Vec<_>>()), Some(expected.clone()));
        let mut values = vec![rmpv::Value::from(0); 42];
        FIELDS.iter().zip(all).for_each(|((_, at), number)| values[*at] = number.into());
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &rmpv::Value::Array(values)).unwrap();
        assert_eq!(parse(&[Value::BulkString(bytes)]), Some(expected));
        assert_eq!(parse(&[const { Value::Nil }; 14]), None);
    }

    #[test]
    fn a_heartbeat_that_is_far_too_long_is_not_decoded() {
        let mut values = vec![rmpv::Value::from(0); 70_000];
        FIELDS.iter().for_each(|(_, at)| values[*at] = 1.into());
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &rmpv::Value::Array(values)).unwrap();
        assert_eq!(parse(&[Value::BulkString(bytes)]), None);
    }

    #[test]
    fn a_heartbeat_of_an_older_bridge_has_the_usual_interval() {
        let mut reply = vec![Value::Nil; 14];
        reply[5] = Value::BulkString(b"0".to_vec());
        let heartbeat = parse(&reply).unwrap();
        assert_eq!((heartbeat.interval_ms, heartbeat.halt), (1000, None));
    }

    #[test]
    fn a_clock_is_off_beyond_two_seconds() {
        let error = |clock_ms| Heartbeat { clock_ms, ..Heartbeat::default() }.clock_error();
        assert_eq!([0, 2000, -2000].map(error), [None, None, None]);
        assert_eq!(error(2001).as_deref(), Some("2.0 s ahead of the server's"));
        assert_eq!(error(-3_600_000).as_deref(), Some("3600.0 s behind the server's"));
    }
}
