//! The last heartbeat of every instance in the list `il`.

use anyhow::Result;
use mt5_redis::model::halt::{MT5REDIS_HALT_ENTRIES, MT5REDIS_HALT_NONE};
use mt5_redis::model::instance::MT5REDIS_CLOCK_LIMIT_MS;
use mt5_redis::model::key;
use redis::{FromRedisValue, Value};

use super::names;
use super::nodes::{Nodes, PIPELINE, answer_about_key};
use crate::output;

/// The fields of a heartbeat, in the order of a packed one.
const FIELDS: [&str; 43] = [
    "v", "p", "q", "t", "o", "lg", "sv", "co", "cu", "ac", "ba", "eq", "mg", "mf", "ml", "pr", "cr", "le",
    "cn", "at", "et", "aa", "ae", "hd", "vp", "pi", "po", "or", "bu", "iv", "tw", "sw", "rf", "ag", "th",
    "ta", "sa", "tl", "sl", "fo", "ck", "ha", "jp",
];

/// The longest packed heartbeat, bytes.
const LONGEST: usize = 64 << 10;
/// An instance is silent after this many intervals without a heartbeat.
const SILENT_INTERVALS: u64 = 3;
/// It may always be silent so long, ms.
const SILENT_MIN_MS: u64 = 5_000;
/// Longer texts of a heartbeat are cut, characters.
const TEXT: usize = 96;

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

/// A heartbeat. Money is in the account's currency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heartbeat {
    /// When the list last saw it, ms since 1970 UTC.
    pub time_ms: u64,
    /// The account's number.
    pub login: i64,
    /// The trade server.
    pub server: String,
    /// The broker.
    pub company: String,
    /// The account's currency.
    pub currency: String,
    /// Name and version of the Expert Advisor.
    pub agent: String,
    /// One of `MT5REDIS_ACCOUNT_*`.
    pub account: i32,
    pub balance: f64,
    pub equity: f64,
    pub margin: f64,
    pub margin_free: f64,
    /// The margin level, percent; 0 without positions.
    pub margin_level: f64,
    /// Floating profit.
    pub profit: f64,
    pub leverage: u64,
    /// Whether the terminal is connected to its broker.
    pub connected: bool,
    /// Why nothing can be traded, besides a lost connection; none: it can.
    pub forbidden: Option<&'static str>,
    /// The last ping to the trade server, µs.
    pub ping_us: u64,
    pub positions: u64,
    /// Pending orders.
    pub orders: u64,
    /// The terminal's build.
    pub build: u64,
    pub interval_ms: u64,
    /// Trade states and signals that have not reached Redis yet.
    pub waiting: [u64; 2],
    /// Calls that the library refused because a queue was full, since it started.
    pub refused: u64,
    /// How long commits of trade states and of signals take, µs.
    pub commit_us: [u64; 2],
    /// The throttle level that the bridge applies.
    pub level: u64,
    /// Trade states accepted since the bridge started.
    pub trades: u64,
    /// What its followers do: 0 nothing, 1 they act, 2 one stands by.
    pub follower: u64,
    /// Its machine's clock minus the server's, ms.
    pub clock_ms: i64,
    /// The operator's halt that it obeys, one of `MT5REDIS_HALT_*`; none: its library knows no halt.
    pub halt: Option<i32>,
    /// How much of its fuller journal's limit is pending, percent.
    pub journal_percent: u64,
    /// The broker's clock minus UTC, s.
    pub server_offset_s: i64,
}

impl Heartbeat {
    /// When it was sent, by the server's clock, ms since 1970 UTC.
    pub fn seen_ms(&self) -> u64 {
        self.time_ms.saturating_add_signed(-self.clock_ms)
    }

    /// After how long without another one the instance counts as silent, ms. `ttl_ms`: how long its state is kept.
    pub fn silent_after_ms(&self, ttl_ms: u64) -> u64 {
        // Pressure stretches the interval: twice as long, and at the highest level to half of the time to live.
        let interval_ms = match self.level {
            0 => self.interval_ms,
            1 | 2 => self.interval_ms.saturating_mul(2),
            _ => self.interval_ms.max(ttl_ms / 4),
        };
        interval_ms.saturating_mul(SILENT_INTERVALS).max(SILENT_MIN_MS)
    }

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
    let ask = |key: &str| redis::cmd("HMGET").arg(key).arg("d").arg(&FIELDS).clone();
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

/// A value of a heartbeat: a text in `fields`, and a number, a truth or a text in `packed`.
enum Cell {
    Number(f64),
    Text(String),
}

/// A heartbeat in either encoding; none if the hash is absent.
fn parse(reply: &[Value]) -> Option<Heartbeat> {
    let [packed, fields @ ..] = reply else { return None };
    let cells: Vec<Option<Cell>> = match packed {
        // A terminal may write what it likes, and the values take far more memory than their bytes.
        Value::BulkString(bytes) if bytes.len() > LONGEST => return None,
        Value::BulkString(bytes) => {
            let value = rmpv::decode::read_value(&mut bytes.as_slice()).ok()?;
            value.as_array()?.iter().map(cell).collect()
        }
        _ => fields.iter().map(text).map(|text| text.map(Cell::Text)).collect(),
    };
    let known = |name: &str| {
        let at = FIELDS.iter().position(|field| *field == name).expect("a field of the format");
        cells.get(at).and_then(Option::as_ref)
    };
    let number = |name: &str| match known(name)? {
        Cell::Number(number) => Some(*number),
        Cell::Text(text) => text.parse().ok(),
    };
    let text = |name: &str| match known(name) {
        Some(Cell::Text(text)) => output::sanitized(text).chars().take(TEXT).collect(),
        _ => String::new(),
    };
    if FIELDS.iter().all(|field| number(field).is_none()) {
        return None;
    }
    // JSON knows no other numbers.
    let value = |name: &str| number(name).filter(|number| number.is_finite()).unwrap_or(0.0);
    let count = |name: &str| value(name) as u64;
    let permissions = [
        ("at", "the terminal does not allow automated trading"),
        ("et", "the Expert Advisor may not trade"),
        ("aa", "the account may not trade"),
        ("ae", "the account may not trade by Expert Advisors"),
    ];
    Some(Heartbeat {
        time_ms: 0,
        login: value("lg") as i64,
        server: text("sv"),
        company: text("co"),
        currency: text("cu"),
        agent: text("ag"),
        account: value("ac") as i32,
        balance: value("ba"),
        equity: value("eq"),
        margin: value("mg"),
        margin_free: value("mf"),
        margin_level: value("ml"),
        profit: value("pr"),
        leverage: count("le"),
        connected: value("cn") != 0.0,
        forbidden: permissions.into_iter().find(|(name, _)| number(name) == Some(0.0)).map(|(_, why)| why),
        ping_us: count("pi"),
        positions: count("po"),
        orders: count("or"),
        build: count("bu"),
        // A bridge that does not know its interval sends each second.
        interval_ms: if count("iv") > 0 { count("iv") } else { 1000 },
        waiting: [count("tw"), count("sw")],
        refused: count("rf"),
        commit_us: [count("tl"), count("sl")],
        level: count("th"),
        trades: count("ta"),
        follower: count("fo"),
        clock_ms: value("ck") as i64,
        halt: number("ha").map(|level| level as i32),
        journal_percent: count("jp"),
        // No clock is off by more than a day: see the checks of the library.
        server_offset_s: (value("o") as i64).clamp(-86_400, 86_400),
    })
}

fn cell(value: &rmpv::Value) -> Option<Cell> {
    let number = value.as_f64().or(value.as_bool().map(f64::from));
    number.map(Cell::Number).or(value.as_str().map(|text| Cell::Text(text.to_owned())))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Nil => None,
        value => String::from_redis_value(value.clone()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values for all fields, as a terminal may write them.
    fn values() -> Vec<rmpv::Value> {
        let mut values: Vec<rmpv::Value> = (0..43).map(rmpv::Value::from).collect();
        for (name, text) in
            [("p", "0a"), ("sv", "Demo 1"), ("co", "Broker \u{202e}"), ("cu", "EUR"), ("ag", "agent 1.2")]
        {
            values[FIELDS.iter().position(|field| *field == name).unwrap()] = text.into();
        }
        for name in ["cn", "at", "et", "aa", "ae", "hd", "vp"] {
            values[FIELDS.iter().position(|field| *field == name).unwrap()] = (name != "aa").into();
        }
        values
    }

    #[test]
    fn a_heartbeat_is_read_in_both_encodings() {
        let expected = Heartbeat {
            time_ms: 0,
            login: 5,
            server: "Demo 1".into(),
            company: "Broker \\u{202e}".into(),
            currency: "EUR".into(),
            agent: "agent 1.2".into(),
            account: 9,
            balance: 10.0,
            equity: 11.0,
            margin: 12.0,
            margin_free: 13.0,
            margin_level: 14.0,
            profit: 15.0,
            leverage: 17,
            connected: true,
            forbidden: Some("the account may not trade"),
            ping_us: 25,
            positions: 26,
            orders: 27,
            build: 28,
            interval_ms: 29,
            waiting: [30, 31],
            refused: 32,
            commit_us: [37, 38],
            level: 34,
            trades: 35,
            follower: 39,
            clock_ms: 40,
            halt: Some(41),
            journal_percent: 42,
            server_offset_s: 4,
        };
        let text = values().into_iter().map(|value| match value {
            rmpv::Value::Boolean(truth) => Value::BulkString(u8::from(truth).to_string().into_bytes()),
            rmpv::Value::String(text) => Value::BulkString(text.into_bytes()),
            number => Value::BulkString(number.to_string().into_bytes()),
        });
        assert_eq!(parse(&[Value::Nil].into_iter().chain(text).collect::<Vec<_>>()), Some(expected.clone()));
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &rmpv::Value::Array(values())).unwrap();
        assert_eq!(parse(&[Value::BulkString(bytes)]), Some(expected));
        assert_eq!(parse(&[const { Value::Nil }; 44]), None);
    }

    #[test]
    fn numbers_that_are_none_count_as_zero_and_long_texts_are_cut() {
        let mut reply = vec![Value::Nil; 44];
        for (name, value) in [("eq", "inf"), ("ba", "NaN"), ("lg", "7"), ("co", &*"x".repeat(5000))] {
            let at = FIELDS.iter().position(|field| *field == name).unwrap();
            reply[at + 1] = Value::BulkString(value.as_bytes().to_vec());
        }
        let heartbeat = parse(&reply).unwrap();
        assert_eq!((heartbeat.login, heartbeat.equity, heartbeat.balance), (7, 0.0, 0.0));
        assert_eq!(heartbeat.company.len(), TEXT);
        assert_eq!(heartbeat.forbidden, None, "nothing is known about its permissions");
    }

    #[test]
    fn a_heartbeat_that_is_far_too_long_is_not_decoded() {
        let values = vec![rmpv::Value::from(1); 70_000];
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &rmpv::Value::Array(values)).unwrap();
        assert_eq!(parse(&[Value::BulkString(bytes)]), None);
    }

    #[test]
    fn a_heartbeat_of_an_older_bridge_has_the_usual_interval() {
        let mut reply = vec![Value::Nil; 44];
        reply[30] = Value::BulkString(b"0".to_vec());
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
