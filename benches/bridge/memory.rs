//! What Redis needs for a position, an instance and a million signals, in both encodings, beside JSON texts
//! under long key names, which is what one would write first.

use mt5_redis::model::trade::MT5REDIS_EVENT_OPEN;
use serde_json::json;

use crate::report::{Report, thousands};
use crate::support::bridge::{Bridge, account, buy, trade};
use crate::support::configuration;
use crate::support::server::Server;

/// Positions of each instance: as many as a broker allows, hardly ever more.
const POSITIONS: i64 = 500;

pub fn measure(report: &mut Report) {
    let instances = report.rounds(20);
    let signals = report.rounds(200_000) as i64;
    let mut rows = Vec::new();
    let mut of_json = [0.0; 3];
    let shapes = include_str!("../../deploy/shapes.conf").lines().filter(|line| !line.starts_with('#'));
    let shapes: Vec<String> = shapes
        .filter_map(|line| line.split_once(' '))
        .flat_map(|(name, value)| [format!("--{name}"), value.into()])
        .collect();
    let arguments: Vec<&str> = ["--save", ""].into_iter().chain(shapes.iter().map(String::as_str)).collect();
    for way in ["JSON, long names", "fields", "packed", "packed, nothing but the keys"] {
        let server = Server::with(&arguments);
        let mut event = String::new();
        let figures = if way.starts_with("JSON") {
            json_under_long_names(&server, instances, signals)
        } else if way.ends_with("keys") {
            [keys_alone(&server, instances), 0.0, 0.0]
        } else {
            let text = format!("url = \"{}\"\n", server.url());
            let lanes =
                ["ris", "rts", "rtss"].map(|lane| format!("[{lane}]\nencoding = \"{way}\"\n")).concat();
            let (folder, config) = configuration(&(text + &lanes));
            let open = |at| Bridge::open(&config, &instance(at), &folder.path().join(instance(at)));
            let bridges: Vec<Bridge> = (0..instances).map(open).collect();
            let bridge = &bridges[0];
            bridge.heartbeat(&account());
            bridges.iter().for_each(Bridge::settle);
            let heartbeat = server.ask::<f64>(&format!("MEMORY USAGE is:{{{}}}", instance(0)));
            let before = used(&server);
            for bridge in &bridges {
                (1..=POSITIONS)
                    .for_each(|id| assert!(bridge.trade(&trade(position(id), MT5REDIS_EVENT_OPEN)) > 0));
                bridge.settle();
            }
            // The opening of each is an event.
            let events: f64 = (0..instances)
                .map(|at| server.ask::<f64>(&format!("MEMORY USAGE te:{{{}}} SAMPLES 0", instance(at))))
                .sum();
            let each = (instances as i64 * POSITIONS) as f64;
            event = thousands(events / each);
            let position = (used(&server) - before - events) / each;
            (1..=signals).for_each(|id| assert!(bridge.signal(&buy(id)) > 0));
            bridge.settle();
            let stream = server.ask::<f64>(&format!("MEMORY USAGE ss:{{0}}:{} SAMPLES 0", instance(0)));
            [position, heartbeat, stream / signals as f64 * 1e6]
        };
        if way.starts_with("JSON") {
            of_json = figures;
        }
        let cell = |at: usize, unit: f64, name: &str| match figures[at] {
            0.0 => String::new(),
            bytes => format!("{}{name} ({:.2})", thousands(bytes / unit), bytes / of_json[at]),
        };
        rows.push(vec![
            way.to_owned(),
            cell(0, 1.0, ""),
            cell(1, 1.0, ""),
            cell(2, 1048576.0, " MiB"),
            event,
        ]);
    }
    let header = [
        "how",
        "a position, bytes (of JSON)",
        "an instance, bytes",
        "a million signals",
        "a trade event, bytes",
    ];
    report.table("memory", &header, &rows);
}

fn instance(at: usize) -> String {
    format!("{}.MetaQuotes-Demo", 10_012_345 + at)
}

/// Identifiers as brokers give them.
fn position(id: i64) -> i64 {
    1_234_560_000 + id
}

/// What no encoding of a position can go below: its key, a hash with an empty value, its place in the set.
fn keys_alone(server: &Server, instances: usize) -> f64 {
    let before = used(server);
    let mut pipeline = redis::pipe();
    for instance in (0..instances).map(instance) {
        for id in (1..=POSITIONS).map(position) {
            pipeline.hset(format!("ts:{{{instance}}}:{id}"), "d", "").ignore();
            pipeline.sadd(format!("to:{{{instance}}}"), id).ignore();
        }
    }
    pipeline.exec(&mut server.client()).expect("a write");
    (used(server) - before) / (instances as i64 * POSITIONS) as f64
}

/// The same values as one would write them without a thought for memory.
fn json_under_long_names(server: &Server, instances: usize, signals: i64) -> [f64; 3] {
    let first = instance(0);
    let mut connection = server.client();
    let state = account();
    let text = json!({
        "instance": first, "time_ms": state.time_ms, "login": state.login, "balance": state.balance,
        "equity": state.equity, "margin": state.margin, "margin_free": state.margin_free,
        "margin_level": state.margin_level, "credit": state.credit, "profit": state.profit,
        "leverage": state.leverage, "positions": state.positions, "orders": state.orders,
        "ping_us": state.ping_us, "build": state.build, "server": "MetaQuotes-Demo",
        "company": "MetaQuotes Ltd.", "currency": "EUR", "agent": "FleetAgent",
    });
    let key = format!("mt5:instance_state:{first}");
    redis::cmd("SET").arg(&key).arg(text.to_string()).exec(&mut connection).expect("a write");
    let heartbeat = redis::cmd("MEMORY").arg("USAGE").arg(&key).query(&mut connection).expect("a number");

    let before = used(server);
    let mut pipeline = redis::pipe();
    let all = (0..instances).flat_map(|at| (1..=POSITIONS).map(move |id| (instance(at), position(id))));
    for (instance, id) in all {
        let state = trade(id, MT5REDIS_EVENT_OPEN);
        let text = json!({
            "instance": instance, "position_id": id, "ticket": state.ticket, "symbol": "EURUSD", "side": "buy",
            "status": "open", "volume": state.volume, "volume_closed": state.volume_closed,
            "price_open": state.price_open, "price_current": state.price_current,
            "price_close": state.price_close, "stop_loss": state.stop_loss, "take_profit": state.take_profit,
            "profit": state.profit, "swap": state.swap, "commission": state.commission, "magic": state.magic,
            "open_time_ms": state.open_time_ms, "close_time_ms": state.close_time_ms, "digits": state.digits,
            "time_ms": state.time_ms, "server_offset_s": state.server_offset_s, "comment": "ma cross",
            "producer": "9f7c1e0b52a4d833", "sequence": id,
        });
        pipeline.set(format!("mt5:trade_state:{instance}:position:{id}"), text.to_string()).ignore();
        pipeline.cmd("SADD").arg(format!("mt5:trade_state:{instance}:open_positions")).arg(id).ignore();
    }
    pipeline.exec(&mut connection).expect("a write");
    let position = (used(server) - before) / (instances as i64 * POSITIONS) as f64;

    let mut pipeline = redis::pipe();
    for id in 1..=signals {
        let signal = buy(id);
        let text = json!({
            "instance": first, "action": "buy", "symbol": "EURUSD", "volume": signal.volume,
            "price": signal.price, "stop_loss": signal.stop_loss, "take_profit": signal.take_profit,
            "magic": signal.magic, "position_id": signal.position, "expiry_ms": signal.expiry_ms,
            "time_ms": signal.time_ms, "server_offset_s": signal.server_offset_s, "comment": "ma cross",
            "producer": "9f7c1e0b52a4d833", "sequence": id,
        });
        pipeline.cmd("XADD").arg("mt5:trade_signals").arg("*").arg("signal").arg(text.to_string()).ignore();
        if id % 1000 == 0 || id == signals {
            pipeline.exec(&mut connection).expect("a write");
            pipeline.clear();
        }
    }
    let stream = server.ask::<f64>("MEMORY USAGE mt5:trade_signals SAMPLES 0");
    [position, heartbeat, stream / signals as f64 * 1e6]
}

fn used(server: &Server) -> f64 {
    let info: String = server.ask("INFO memory");
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("always there");
    line.trim().parse().expect("bytes")
}
