//! What the API says of the instances is what Redis has.

use mt5fleet::up::server::{self, Server, connect};
use mt5fleet::up::{Topology, files, version};
use serde_json::{Value, json};

use super::client::{Web, eventually, heartbeat, server_ms};
use super::support::port::free_ports;
use super::support::servers;

#[test]
fn each_value_of_a_row_is_that_of_the_heartbeat() {
    let servers = servers();
    let mut redis = connect(servers.ports()[0]).unwrap();
    let fields = [
        ("lg", "5012345"),
        ("sv", "Server <b>"),
        ("co", "Größe & Söhne"),
        ("cu", "USD"),
        ("ac", "2"),
        ("ba", "10000.01"),
        ("eq", "9999.5"),
        ("mg", "120.5"),
        ("mf", "9879"),
        ("ml", "8298.3"),
        ("pr", "-0.51"),
        ("le", "500"),
        ("po", "3"),
        ("or", "4"),
        ("bu", "5100"),
        ("tw", "5"),
        ("sw", "6"),
        ("rf", "7"),
        ("ag", "agent 2.1"),
        ("th", "1"),
        ("tl", "1200"),
        ("sl", "3400"),
        ("fo", "2"),
        ("ck", "-1500"),
        ("ha", "0"),
        ("pi", "21000"),
        ("iv", "60000"),
        ("o", "7200"),
    ];
    heartbeat(&mut redis, "1.Demo", &fields);
    let seen: u64 = redis::cmd("ZSCORE").arg("il").arg("1.Demo").query(&mut redis).unwrap();
    let (web, _) = Web::start(servers.config_file().to_str().unwrap(), &[], &[]);
    let row = web.row(None, "1.Demo", |_| true);
    assert_eq!(
        row["beat"],
        json!({
            "login": 5012345, "server": "Server <b>", "broker": "Größe & Söhne", "currency": "USD", "account": "real",
            "balance": 10000.01, "equity": 9999.5, "margin": 120.5, "margin_free": 9879.0, "margin_level": 8298.3,
            "profit": -0.51, "leverage": 500, "connected": true, "forbidden": null, "ping_us": 21000, "positions": 3,
            "orders": 4, "pending": 11, "refused": 7, "commit_us": 3400, "clock_ms": -1500, "throttle": 1,
            "halted": "none", "follower": 2, "agent": "agent 2.1", "build": 5100, "interval_ms": 60000,
            "server_offset_s": 7200
        })
    );
    assert_eq!((&row["alive"], &row["seen_ms"]), (&json!(true), &json!(seen + 1500)));
    assert_eq!(row["trouble"], json!(["throttled", "refused"]));
}

#[test]
fn changes_come_as_they_happen_and_only_they_do() {
    let servers = servers();
    let mut redis = connect(servers.ports()[0]).unwrap();
    heartbeat(&mut redis, "1.Demo", &[]);
    heartbeat(&mut redis, "2.Demo", &[]);
    let (web, _) = Web::start(servers.config_file().to_str().unwrap(), &[], &[]);
    web.row(None, "2.Demo", |_| true);
    let mut events = web.events(None);
    let (name, fleet) = events.next().unwrap();
    assert_eq!(name, "fleet");
    assert_eq!(fleet["instances"].as_array().unwrap().len(), 2);
    let number = fleet["number"].as_u64().unwrap();

    redis::cmd("HSET").arg("is:{1.Demo}").arg("eq").arg("77.5").exec(&mut redis).unwrap();
    redis::cmd("HSET").arg("is:{3.Demo}").arg("lg").arg("3").exec(&mut redis).unwrap();
    let now = server_ms(&mut redis);
    redis::cmd("ZADD").arg("il").arg(now).arg("3.Demo").exec(&mut redis).unwrap();
    redis::cmd("ZREM").arg("il").arg("2.Demo").exec(&mut redis).unwrap();
    let mut seen = json!({ "changed": {}, "gone": [] });
    for (number, (name, changes)) in (number + 1..).zip(events.take(30)) {
        assert_eq!((name.as_str(), changes["number"].as_u64()), ("changes", Some(number)));
        for (id, row) in changes["changed"].as_object().unwrap() {
            seen["changed"][id] = row.clone();
        }
        seen["gone"].as_array_mut().unwrap().extend(changes["gone"].as_array().unwrap().clone());
        if seen["changed"].as_object().unwrap().len() == 2 && seen["gone"] == json!(["2.Demo"]) {
            break;
        }
    }
    assert_eq!(seen["changed"]["1.Demo"], json!({ "beat": { "equity": 77.5 } }));
    assert_eq!(seen["changed"]["3.Demo"]["beat"]["login"], 3);
    assert_eq!(seen["gone"], json!(["2.Demo"]));
}

#[test]
fn without_redis_it_shows_what_it_knew_until_redis_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let deploy = folder.path().join("deploy");
    files::write(&deploy, version::installed().unwrap()).unwrap();
    let node = Topology::Single.nodes(&free_ports(3)).remove(0);
    let start = || Server::start(&deploy, folder.path(), &node, &[], true).unwrap();
    let first = start();
    heartbeat(&mut connect(first.port()).unwrap(), "1.Demo", &[]);
    let (web, _) = Web::start(&server::url(first.port()), &[], &[]);
    web.row(None, "1.Demo", |_| true);
    server::shut_down(first.port());
    drop(first);
    let fleet = eventually("it says that Redis is away", || {
        let (_, fleet) = web.get("/api/v1/fleet");
        fleet["trouble"].as_str().is_some_and(|why| why.contains("refused")).then_some(fleet)
    });
    assert_eq!(fleet["instances"][0]["id"], "1.Demo", "as it was before");
    assert_eq!(web.get("/api/v1/audit").0, 502);

    let second = start();
    heartbeat(&mut connect(second.port()).unwrap(), "2.Demo", &[]);
    web.row(None, "2.Demo", |_| true);
    assert_eq!(web.get("/api/v1/fleet").1["trouble"], Value::Null);
}

/// Whoever has the password of a terminal may write anything into its heartbeat.
#[test]
fn a_hostile_heartbeat_does_no_harm() {
    let servers = servers();
    let mut redis = connect(servers.ports()[0]).unwrap();
    let long = "x".repeat(100_000);
    let fields = [
        ("co", "<img src=x onerror=alert(1)>\u{202e}\u{1b}[2J"),
        ("ag", long.as_str()),
        ("eq", "inf"),
        ("ba", "nan"),
        ("po", "-5"),
        ("tw", "1e300"),
        ("ck", "-9e18"),
        ("ha", "77"),
        ("th", "1e9"),
        ("iv", "1e19"),
        ("lg", "x"),
    ];
    heartbeat(&mut redis, "1.Demo", &fields);
    for name in ["<b>", "a b", "", "\u{202e}"] {
        redis::cmd("ZADD").arg("il").arg("inf").arg(name).exec(&mut redis).unwrap();
    }
    let (web, _) = Web::start(servers.config_file().to_str().unwrap(), &[], &[]);
    let row = web.row(None, "1.Demo", |_| true);
    let beat = &row["beat"];
    assert_eq!(beat["broker"], "<img src=x onerror=alert(1)>\\u{202e}\\u{1b}[2J");
    assert_eq!(beat["agent"].as_str().unwrap().len(), 96);
    assert_eq!(
        (&beat["equity"], &beat["balance"], &beat["positions"]),
        (&json!(0.0), &json!(0.0), &json!(0))
    );
    assert_eq!(beat["halted"], "all");
    let (_, fleet) = web.get("/api/v1/fleet");
    let ids: Vec<&Value> = fleet["instances"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!((ids, &fleet["hidden"]), (vec![&json!("1.Demo")], &json!(4)));
}
