//! What the API says of one instance is what its terminal published and Redis has.

use std::collections::HashMap;
use std::fs;

use mt5_redis::model::deal::{
    MT5REDIS_DEAL_BALANCE, MT5REDIS_DEAL_SELL, MT5REDIS_ENTRY_NONE, MT5REDIS_ENTRY_OUT,
};
use mt5_redis::model::report::{MT5REDIS_OUTCOME_DONE, MT5REDIS_OUTCOME_SKIPPED};
use mt5_redis::model::{Deal, ExecutionReport, InstanceState, Signal, TradeState};
use mt5fleet::library::{self, Account, Bridge, Text};
use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use redis::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Web, server_ms};
use super::document;
use super::support::{PATIENCE, servers};

const ID: &str = "1.Demo";

/// The servers' configuration with all records as fields, which a plain client can read.
fn configuration(servers: &Servers, folder: &TempDir) -> String {
    let text = fs::read_to_string(servers.config_file()).unwrap();
    assert!(text.contains("[rtss]\n"), "{text}");
    let file = folder.path().join("fields.toml");
    fs::write(&file, text.replace("[rtss]\n", "[rtss]\nencoding = \"fields\"\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Publishes a heartbeat, an open position, a closed one and one that is missed, deals, signals and reports.
fn publish(config: &str, now: i64) {
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = bridge.open(config, ID, folder.path()).unwrap();
    let [server, company, currency, agent] = ["Demo", "Broker", "EUR", "test"].map(Text::new);
    let state = InstanceState {
        time_ms: now,
        login: 1,
        balance: 1000.5,
        equity: 990.25,
        profit: -10.25,
        margin: 20.0,
        server_offset_s: 7200,
        ..InstanceState::default()
    };
    bridge.expect(session.instance_state(&state, &Account { server, company, currency, agent })).unwrap();
    let (symbol, comment) = (Text::new("EURUSD"), Text::new("größer <b>"));
    for (position, event) in [(1, 1), (1, 2), (2, 1), (2, 4), (3, 1)] {
        let trade = TradeState {
            time_ms: now,
            position,
            ticket: position + 100,
            magic: -3,
            open_time_ms: now - 1000,
            close_time_ms: if event == 4 { now } else { 0 },
            volume: if event == 4 { 0.0 } else { 0.1 },
            volume_closed: if event == 4 { 0.1 } else { 0.0 },
            price_open: 1.10345,
            price_current: 1.25,
            price_close: if event == 4 { 1.25 } else { 0.0 },
            stop_loss: 1.3,
            take_profit: 1.0,
            profit: -1.75,
            swap: -0.5,
            commission: -0.25,
            event,
            side: 2,
            digits: 5,
            ..TradeState::default()
        };
        bridge.expect(session.trade_state(&trade, &symbol, &comment)).unwrap();
        // One by one, so that none replaces another.
        session.flush(PATIENCE).unwrap();
    }
    bridge.expect(session.open_positions(now, &[1])).unwrap();
    for (deal, kind, entry) in
        [(7, MT5REDIS_DEAL_BALANCE, MT5REDIS_ENTRY_NONE), (8, MT5REDIS_DEAL_SELL, MT5REDIS_ENTRY_OUT)]
    {
        let deal = Deal { time_ms: now, deal, kind, entry, profit: 50.5, digits: 5, ..Deal::default() };
        bridge.expect(session.deal(&deal, &symbol, &comment)).unwrap();
    }
    for number in 0..3 {
        let told = i64::from(number == 1);
        let signal = Signal {
            time_ms: now,
            action: 1,
            volume: 0.1,
            price: 1.10345,
            magic: number,
            position: told,
            event: told as i32,
            side: told as i32,
            volume_after: 0.1 * told as f64,
            entry_price: 1.1 * told as f64,
            ..Signal::default()
        };
        bridge.expect(session.signal(&signal, &symbol, &comment)).unwrap();
    }
    for (sequence, outcome) in [(5, MT5REDIS_OUTCOME_DONE), (6, MT5REDIS_OUTCOME_SKIPPED)] {
        let report = ExecutionReport {
            time_ms: now,
            signal_time_ms: now - 83,
            producer: 255,
            sequence,
            volume_wanted: 0.1,
            volume_done: 0.1,
            price_filled: 1.5,
            latency_ms: 83,
            outcome,
            action: 2,
            ..ExecutionReport::default()
        };
        bridge
            .expect(session.report(&report, &Text::new("9.Source"), &symbol, &Text::new("why <i>")))
            .unwrap();
    }
    session.flush(PATIENCE).unwrap();
    session.close(PATIENCE).unwrap();
}

/// The entries of a stream, the newest first: id and fields.
fn entries(redis: &mut Connection, stream: &str) -> Vec<(String, HashMap<String, String>)> {
    redis::cmd("XREVRANGE").arg(stream).arg("+").arg("-").query(redis).unwrap()
}

/// Whether each of these values of a row is that of a field: as a number, or as a text.
fn equal(row: &Value, fields: &HashMap<String, String>, names: &[(&str, &str)]) {
    for (name, field) in names {
        let (value, stored) = (&row[*name], &fields[*field]);
        let same = match value.as_f64() {
            Some(number) => Some(number) == stored.parse().ok(),
            None => value.as_str() == Some(stored),
        };
        assert!(same, "{name}: {value} is not {stored} of {field}: {row}");
    }
}

const STATE: [(&str, &str); 16] = [
    ("ticket", "ti"),
    ("symbol", "sy"),
    ("volume", "vo"),
    ("volume_closed", "vc"),
    ("price_open", "po"),
    ("price_current", "pc"),
    ("price_close", "px"),
    ("stop_loss", "sl"),
    ("take_profit", "tp"),
    ("profit", "pr"),
    ("swap", "sw"),
    ("commission", "cm"),
    ("magic", "mg"),
    ("opened_ms", "to"),
    ("digits", "dg"),
    ("comment", "co"),
];

#[test]
fn what_a_terminal_published_is_what_the_api_says() {
    let servers = servers();
    let folder = tempfile::tempdir().unwrap();
    let config = &configuration(&servers, &folder);
    let [mut ris, mut rts, mut rtss] = [0, 1, 2].map(|lane| connect(servers.ports()[lane]).unwrap());
    let now = server_ms(&mut ris);
    publish(config, now as i64);
    let (web, tokens) = Web::start(config, &[], &[("vera", "view"), ("max", "view-without-money")]);
    let (_, document) = web.get("/api/v1/openapi.json");
    let ask = |token: usize, what: &str| {
        let (status, answer) =
            web.with(&tokens[token], "GET", &format!("/api/v1/instances/{ID}/{what}"), None);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["unreadable"], Value::Null, "{answer}");
        let route = what.split('?').next().unwrap();
        document::check(&document, "get", &format!("/instances/{{id}}/{route}"), 200, &answer);
        answer
    };
    let rows = |what: &str| ask(0, what)["rows"].as_array().unwrap().clone();

    let open = ask(0, "positions");
    assert_eq!((&open["count"], &open["positions"][0]["position"]), (&json!(1), &json!(1)), "{open}");
    let hash = |redis: &mut Connection, position: i64| -> HashMap<String, String> {
        redis::cmd("HGETALL").arg(format!("ts:{{{ID}}}:{position}")).query(redis).unwrap()
    };
    let row = &open["positions"][0];
    equal(&row["state"], &hash(&mut rts, 1), &STATE);
    assert_eq!((&row["standing"], &row["state"]["side"]), (&json!("open"), &json!("sell")));

    let closed = rows("trades");
    let mut seen: Vec<_> =
        closed.iter().map(|row| (row["position"].as_i64().unwrap(), row["standing"].clone())).collect();
    seen.sort_by_key(|(position, _)| *position);
    assert_eq!(seen, [(2, json!("closed")), (3, json!("gone"))]);
    for row in &closed {
        let hash = hash(&mut rts, row["position"].as_i64().unwrap());
        equal(&row["state"], &hash, &STATE);
        equal(row, &hash, &[("closed_ms", "tc")]);
    }

    let (events, stored) = (rows("events"), entries(&mut rts, &format!("te:{{{ID}}}")));
    assert_eq!(events.len(), stored.len());
    let words = HashMap::from([("o", "open"), ("m", "change"), ("c", "close"), ("g", "gone"), ("d", "deal")]);
    for (row, (id, fields)) in events.iter().zip(&stored) {
        assert_eq!((&row["id"], &row["what"]), (&json!(id), &json!(words[&*fields["e"]])));
        equal(row, fields, &[("time_ms", "t"), ("position", "id")]);
        match &*fields["e"] {
            "d" => equal(
                &row["deal"],
                fields,
                &[("deal", "de"), ("profit", "pr"), ("price", "px"), ("comment", "co")],
            ),
            "g" => assert_eq!((&row["state"], &row["deal"]), (&Value::Null, &Value::Null)),
            _ => equal(&row["state"], fields, &STATE),
        }
    }
    let deals: Vec<_> = events.iter().filter(|row| row["deal"].is_object()).map(|row| &row["deal"]).collect();
    let kinds: Vec<_> = deals.iter().map(|deal| (&deal["kind"], &deal["entry"])).collect();
    assert_eq!(kinds, [(&json!("sell"), &json!("out")), (&json!("balance"), &json!("none"))]);

    let (signals, stored) = (rows("signals"), entries(&mut rtss, &format!("ss:{{0}}:{ID}")));
    assert_eq!((signals.len(), stored.len()), (3, 3));
    for (row, (id, fields)) in signals.iter().zip(&stored) {
        assert_eq!((&row["id"], &row["action"]), (&json!(id), &json!("buy")));
        let names = [
            ("time_ms", "t"),
            ("symbol", "sy"),
            ("volume", "vo"),
            ("price", "pr"),
            ("magic", "mg"),
            ("position", "po"),
        ];
        equal(row, fields, &names);
    }
    assert_eq!((&signals[1]["event"], &signals[1]["volumes"]), (&json!("open"), &json!([0.0, 0.1])));
    assert_eq!((&signals[0]["event"], &signals[0]["volumes"]), (&Value::Null, &Value::Null));

    let (reports, stored) = (rows("reports"), entries(&mut rtss, &format!("sr:{{0}}:{ID}")));
    assert_eq!((reports.len(), stored.len()), (2, 2));
    for (row, (id, fields)) in reports.iter().zip(&stored) {
        assert_eq!(&row["id"], &json!(id));
        let names = [
            ("time_ms", "t"),
            ("source", "so"),
            ("reason", "re"),
            ("symbol", "sy"),
            ("signal_ms", "st"),
            ("volume_done", "vd"),
            ("price_filled", "pf"),
            ("latency_ms", "la"),
        ];
        equal(row, fields, &names);
        assert_eq!(row["signal"], format!("{}-{}", fields["sp"], fields["sq"]));
    }
    assert_eq!((&reports[0]["outcome"], &reports[1]["outcome"]), (&json!("skipped"), &json!("done")));

    for (period, every) in [("minutes", 60_000), ("hours", 3_600_000)] {
        let equity = ask(0, &format!("equity?period={period}"));
        let columns = ["time_ms", "balance", "equity", "margin", "profit"].map(|name| equity[name].clone());
        let sample =
            [json!([now / every * every]), json!([1000.5]), json!([990.25]), json!([20.0]), json!([-10.25])];
        assert_eq!(columns, sample, "{period}");
    }

    // Who may not see money sees all the rest.
    let equity = ask(1, "equity?period=minutes");
    assert_eq!((&equity["time_ms"].as_array().unwrap().len(), &equity["equity"]), (&1, &Value::Null));
    for (what, shown) in
        [("positions", open["positions"].clone()), ("trades", json!(closed)), ("events", json!(events))]
    {
        let hidden = ask(1, what);
        let hidden = if what == "positions" { &hidden["positions"] } else { &hidden["rows"] };
        assert_eq!(*hidden, without_money(shown), "{what}");
    }
}

/// The same rows with their money hidden.
fn without_money(mut rows: Value) -> Value {
    for row in rows.as_array_mut().unwrap() {
        for part in ["state", "deal"] {
            for name in ["profit", "swap", "commission"] {
                if let Some(value) = row.get_mut(part).and_then(|part| part.get_mut(name)) {
                    *value = Value::Null;
                }
            }
        }
    }
    rows
}

#[test]
fn lists_come_in_pages_and_what_is_no_record_spoils_nothing() {
    let servers = servers();
    let folder = tempfile::tempdir().unwrap();
    let config = &configuration(&servers, &folder);
    let [mut ris, mut rts] = [0, 1].map(|lane| connect(servers.ports()[lane]).unwrap());
    publish(config, server_ms(&mut ris) as i64);
    let (web, _) = Web::start(config, &[], &[]);
    let of = |id: &str, what: &str| web.get(&format!("/api/v1/instances/{id}/{what}"));
    let ids = |answer: &Value, name: &str| -> Vec<Value> {
        answer["rows"].as_array().unwrap().iter().map(|row| row[name].clone()).collect()
    };
    for (what, name) in [("events", "id"), ("trades", "position"), ("signals", "id"), ("reports", "id")] {
        let all = ids(&of(ID, what).1, name);
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let (status, page) = of(ID, &format!("{what}?count=2{after}"));
            assert_eq!(status, 200, "{page}");
            assert!(page["rows"].as_array().unwrap().len() <= 2, "{page}");
            found.extend(ids(&page, name));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert!(all.len() >= 2, "{what}: {all:?}");
        assert_eq!(found, all, "{what}");
    }

    redis::cmd("XADD").arg(format!("te:{{{ID}}}")).arg("*").arg("v").arg("2").exec(&mut rts).unwrap();
    redis::cmd("SADD").arg(format!("to:{{{ID}}}")).arg("x").arg("77").exec(&mut rts).unwrap();
    redis::cmd("HSET").arg(format!("ts:{{{ID}}}:77")).arg("st").arg("<b>").exec(&mut rts).unwrap();
    let (_, events) = of(ID, "events");
    assert_eq!(events["rows"].as_array().unwrap().len(), 8, "{events}");
    assert!(events["unreadable"].as_str().unwrap().starts_with("1 unreadable, the first: "), "{events}");
    let (_, open) = of(ID, "positions");
    assert_eq!((&open["count"], open["positions"].as_array().unwrap().len()), (&json!(3), 1), "{open}");
    assert!(open["unreadable"].is_string(), "{open}");
    for key in ["te", "to", "tc"] {
        redis::cmd("SET").arg(format!("{key}:{{{ID}}}")).arg("x").exec(&mut rts).unwrap();
    }
    redis::cmd("SET").arg(format!("ih:{{{ID}}}")).arg("x").exec(&mut ris).unwrap();
    assert!(of(ID, "equity?period=hours").1["unreadable"].as_str().unwrap().contains("1 bytes"));
    for (id, what, status) in [
        (ID, "events", 200),
        (ID, "trades", 200),
        (ID, "positions", 200),
        ("2.Unknown", "events", 200),
        ("2.Unknown", "positions", 200),
        ("2.Unknown", "equity?period=hours", 200),
        ("a%20b", "events", 422),
        ("%7B%7D", "positions", 422),
        (ID, "events?after=x", 422),
        (ID, "trades?after=x", 422),
        (ID, "trades?after=99999999999", 422),
        (ID, "equity?period=days", 400),
        (ID, "nothing", 404),
    ] {
        let (found, answer) = of(id, what);
        assert_eq!(found, status, "{id} {what}: {answer}");
        if let (200, Some(rows)) = (found, answer["rows"].as_array()) {
            assert_eq!(rows.len(), 0, "{id} {what}: {answer}");
        }
    }
}
