//! Terminals that publish everything there is to export, and what Redis has of it, asked by a plain client.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::SystemTime;

use mt5_redis::model::report::MT5REDIS_OUTCOME_DONE;
use mt5_redis::model::{ExecutionReport, InstanceState, Signal, TradeState};
use mt5fleet::library::{self, Account, Bridge, Session, Text};
use mt5fleet::up::Servers;
use redis::{Connection, Value};

use crate::support::PATIENCE;

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Runs `mt5fleet export` with the servers' configuration.
pub fn export(servers: &Servers, arguments: &[&str]) -> Output {
    command(servers, arguments).output().unwrap()
}

pub fn command(servers: &Servers, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    command.args(["export", "--config"]).arg(servers.config_file()).args(arguments);
    command
}

/// The same, which succeeds; its standard output and standard error.
pub fn exported(servers: &Servers, arguments: &[&str]) -> (String, String) {
    let output = export(servers, arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, errors) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{errors}");
    (out, errors)
}

/// Publishes a heartbeat, four positions, signals and reports of one instance, until all is in Redis.
pub fn publish(servers: &Servers, instance: &str, signals: u64, reports: i64) {
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = servers.config_file();
    let session = bridge.open(config.to_str().unwrap(), instance, folder.path()).unwrap();
    heartbeat(&bridge, &session);
    for (position, event) in [(1, 1), (1, 2), (2, 1), (2, 4), (3, 1), (4, 1), (1, 3)] {
        trade(&bridge, &session, position, event);
        // One by one, so that none replaces another.
        session.flush(PATIENCE).unwrap();
    }
    // The third one is missed.
    bridge.expect(session.open_positions(now_ms(), &[1, 4])).unwrap();
    (0..signals).for_each(|number| signal(&bridge, &session, number));
    (1..=reports).for_each(|number| report(&bridge, &session, number));
    session.flush(PATIENCE).unwrap();
    session.close(PATIENCE).unwrap();
}

pub fn heartbeat(bridge: &Bridge, session: &Session) {
    let [server, company, currency, agent] = ["Demo", "Broker", "EUR", "test"].map(Text::new);
    let state =
        InstanceState { time_ms: now_ms(), login: 1, balance: 1000.5, equity: 990.25, ..Default::default() };
    bridge.expect(session.instance_state(&state, &Account { server, company, currency, agent })).unwrap();
}

pub fn trade(bridge: &Bridge, session: &Session, position: i64, event: i32) {
    let state = TradeState {
        time_ms: now_ms(),
        position,
        ticket: position,
        magic: -3,
        open_time_ms: now_ms() - 1000,
        close_time_ms: if event == 4 { now_ms() } else { 0 },
        volume: if event == 4 { 0.0 } else { 0.1 },
        price_open: 1.10345,
        price_current: 1.25,
        profit: -1.75,
        event,
        side: 2,
        digits: 5,
        ..TradeState::default()
    };
    bridge.expect(session.trade_state(&state, &Text::new("EURUSD"), &Text::new("größer"))).unwrap();
}

pub fn signal(bridge: &Bridge, session: &Session, number: u64) {
    let told = number % 2 == 1;
    let signal = Signal {
        time_ms: now_ms(),
        action: 1,
        volume: 0.1,
        price: 1.10345,
        magic: number as i64,
        position: i64::from(told),
        event: i32::from(told),
        side: i32::from(told),
        volume_after: if told { 0.1 } else { 0.0 },
        entry_price: if told { 1.1 } else { 0.0 },
        ..Signal::default()
    };
    bridge.expect(session.signal(&signal, &Text::new("EURUSD"), &Text::new("cross"))).unwrap();
}

pub fn report(bridge: &Bridge, session: &Session, sequence: i64) {
    let report = ExecutionReport {
        time_ms: now_ms(),
        signal_time_ms: now_ms() - 83,
        producer: 255,
        sequence,
        volume_wanted: 0.1,
        volume_done: 0.1,
        price_filled: 1.5,
        outcome: MT5REDIS_OUTCOME_DONE,
        action: 2,
        ..ExecutionReport::default()
    };
    let [source, symbol, reason] = ["9.Source", "EURUSD", ""].map(Text::new);
    bridge.expect(session.report(&report, &source, &symbol, &reason)).unwrap();
}

/// What Redis has of a table: each record's key, as `<instance> <producer> <sequence>`, with the position of an event, or
/// `<instance> <position>`.
pub fn stored(servers: &Servers, table: &str) -> Vec<String> {
    let (prefix, lane) = match table {
        "trades" => ("ts:", 1),
        "events" => ("te:", 1),
        "signals" => ("ss:", 2),
        _ => ("sr:", 2),
    };
    let url = servers.urls()[lane].clone();
    let mut redis = redis::Client::open(url).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}*")).query(&mut redis).unwrap();
    let mut found = Vec::new();
    for key in keys {
        if table == "trades" {
            let (instance, position) = key.rsplit_once(':').unwrap();
            found.push(format!("{} {position}", &instance[4..instance.len() - 1]));
            continue;
        }
        let instance = match table {
            "events" => key[4..].trim_end_matches('}'),
            _ => key.split_once("}:").unwrap().1,
        };
        for entry in entries(&mut redis, &key) {
            let position = if table == "events" { format!(" {}", entry[2]) } else { String::new() };
            found.push(format!("{instance} {} {}{position}", entry[0], entry[1]));
        }
    }
    found
}

/// Producer, sequence and position of each entry; of an entry that is no record nothing.
fn entries(redis: &mut Connection, key: &str) -> Vec<[String; 3]> {
    type Entry = (String, Vec<(String, Value)>);
    let found: Vec<Entry> = redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(redis).unwrap();
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    let mut all = Vec::new();
    for (_, fields) in found {
        let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| text(value));
        let plain = |name: &str| String::from_utf8(field(name).unwrap_or_default()).unwrap();
        if let Some(packed) = field("d") {
            let Ok(rmpv::Value::Array(values)) = rmpv::decode::read_value(&mut packed.as_slice()) else {
                continue;
            };
            all.push([values[1].as_str().unwrap().to_owned(), values[2].to_string(), String::new()]);
        } else {
            all.push([plain("p"), plain("q"), plain("id")]);
        }
    }
    all
}

/// That these are the same, and each is there once.
pub fn expect_same(table: &str, exported: Vec<String>, stored: Vec<String>) {
    let [one, other]: [BTreeSet<&String>; 2] = [&exported, &stored].map(|all| all.iter().collect());
    let missing: Vec<_> = other.difference(&one).take(5).collect();
    let surplus: Vec<_> = one.difference(&other).take(5).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "{table}: missing {missing:?}, surplus {surplus:?}");
    assert_eq!(exported.len(), stored.len(), "{table} has something twice");
}

/// Appends a signal of the instance 9.Hand with this id and number.
pub fn append(redis: &mut redis::Connection, id: &str, sequence: u64) {
    let mut add = redis::cmd("XADD");
    add.arg("ss:{0}:9.Hand").arg(id).arg(&["v", "2", "p", "00000000000000aa", "q"]).arg(sequence);
    add.arg("t").arg(now_ms()).arg(&["o", "0", "i", "9.Hand", "a", "b", "sy", "X", "vo", "1", "pr", "0"]);
    add.arg(&["sl", "0", "tp", "0", "mg", "0", "po", "0", "ex", "0", "co", "", "pq"]).arg(sequence - 1);
    add.exec(redis).unwrap();
}
