//! What a command does: it reaches terminals that use the real library, it is recorded, and it does nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use mt5_redis::model::InstanceState;
use mt5fleet::library::{self, Account, Bridge, Text};
use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use serde_json::{Value, json};

use super::client::{Web, eventually, heartbeat, server_ms};
use super::support::servers;

/// Runs `act` while these instances send heartbeats.
fn with_terminals(servers: &Servers, instances: &[&str], act: impl FnOnce()) {
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        for instance in instances {
            let (bridge, over, data) = (&bridge, &over, folder.path().join(instance));
            threads.spawn(move || {
                let session = bridge.open(config, instance, &data).unwrap();
                let [server, company, currency, agent] = ["Demo", "Broker", "EUR", "test"].map(Text::new);
                let account = Account { server, company, currency, agent };
                while !over.load(Relaxed) {
                    let state =
                        InstanceState { login: 7, interval_ms: 100, flags: 63, ..InstanceState::default() };
                    session.instance_state(&state, &account);
                    thread::park_timeout(Duration::from_millis(50));
                }
                session.close(Duration::from_secs(20)).unwrap();
            });
        }
        // However it ends, the terminals end too.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
            }
        }
        let _over = Over(&over);
        act();
    });
}

fn get(servers: &Servers, key: &str) -> Option<String> {
    redis::cmd("GET").arg(key).query(&mut connect(servers.ports()[0]).unwrap()).unwrap()
}

#[test]
fn commands_reach_terminals_and_their_end_does_too() {
    let servers = servers();
    let (web, tokens) =
        Web::start(servers.config_file().to_str().unwrap(), &["--operate"], &[("olga", "operate")]);
    let olga = &tokens[0];
    let order = |body: Value| web.with(olga, "POST", "/api/v1/commands", Some(&body));
    let halted =
        |instance: &str, level: &str| web.row(Some(olga), instance, |row| row["beat"]["halted"] == level);
    with_terminals(&servers, &["1.Demo", "2.Demo"], || {
        halted("1.Demo", "none");
        halted("2.Demo", "none");
        let (status, preview) = web.with(
            olga,
            "POST",
            "/api/v1/commands/preview",
            Some(&json!({ "what": "halt-and-close", "all": true })),
        );
        assert_eq!(status, 200, "{preview}");
        assert_eq!(
            (&preview["alive"], &preview["away"], &preview["replaces"]),
            (&json!(2), &json!(0), &json!([]))
        );
        assert!(preview["effects"][0].as_str().unwrap().contains("no new positions"), "{preview}");
        assert!(preview["effects"][1].as_str().unwrap().contains("close all their copies"), "{preview}");
        assert_eq!(get(&servers, "halt"), None, "a preview does nothing");

        let (status, done) = order(json!({ "what": "halt-entries", "all": true, "why": "news: 14:30" }));
        assert_eq!((status, &done["written"], &done["failed"]), (200, &json!(1), &json!([])), "{done}");
        assert_eq!(get(&servers, "halt").as_deref(), Some("entries:olga:news: 14:30"));
        let row = halted("1.Demo", "entries");
        halted("2.Demo", "entries");
        assert_eq!(row["trouble"], json!(["halted"]));
        let (_, fleet) = web.with(olga, "GET", "/api/v1/fleet", None);
        assert_eq!(fleet["halt"], json!({ "level": "entries", "who": "olga", "why": "news: 14:30" }));

        // One of them is halted harder, and stays halted after the end of the halt for all.
        let own = json!({ "what": "halt-and-close", "instances": ["2.Demo"], "why": "trouble" });
        assert_eq!(order(own).0, 200);
        halted("2.Demo", "all");
        assert_eq!(order(json!({ "what": "resume", "all": true, "why": "over" })).0, 200);
        halted("1.Demo", "none");
        let row = halted("2.Demo", "all");
        assert_eq!(row["halt"], json!({ "level": "all", "who": "olga", "why": "trouble" }));
        assert_eq!(order(json!({ "what": "resume", "instances": ["2.Demo"], "why": "over" })).0, 200);
        halted("2.Demo", "none");

        let throttle =
            json!({ "what": "throttle", "instances": ["1.Demo"], "why": "slow", "level": 2, "minutes": 5 });
        assert_eq!(order(throttle).0, 200);
        let row = web.row(Some(olga), "1.Demo", |row| row["beat"]["throttle"] == 2);
        let now = server_ms(&mut connect(servers.ports()[0]).unwrap());
        let until = row["directive"]["until_ms"].as_u64().unwrap();
        assert!(until > now && until <= now + 300_000, "{row}");
        assert_eq!(order(json!({ "what": "end-throttle", "instances": ["1.Demo"], "why": "fine" })).0, 200);
        assert_eq!(get(&servers, "ctl:{1.Demo}"), None);
    });
    let (_, audit) = web.with(olga, "GET", "/api/v1/audit", None);
    let told: Vec<_> = audit
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            assert_eq!(
                (text("who"), text("from"), text("failed")),
                ("olga".into(), "127.0.0.1".into(), String::new())
            );
            format!("{} {}: {}", text("what"), text("on"), text("why"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "halt-entries all: news: 14:30",
            "halt-and-close 2.Demo: trouble",
            "resume all: over",
            "resume 2.Demo: over",
            "throttle level 2 for 5 minutes 1.Demo: slow",
            "end-throttle 1.Demo: fine"
        ]
    );
    let second = audit[1]["id"].as_str().unwrap();
    let (_, older) = web.with(olga, "GET", &format!("/api/v1/audit?before={second}&count=2"), None);
    let ids: Vec<&Value> = older.as_array().unwrap().iter().map(|entry| &entry["id"]).collect();
    assert_eq!(ids, [&audit[2]["id"], &audit[3]["id"]]);
}

/// Nobody may open a position while another still closes.
#[test]
fn entries_are_blocked_everywhere_before_anything_is_closed() {
    let servers = servers();
    let (web, tokens) =
        Web::start(servers.config_file().to_str().unwrap(), &["--operate"], &[("olga", "operate")]);
    let mut monitor = TcpStream::connect(("127.0.0.1", servers.ports()[0])).unwrap();
    monitor.write_all(b"MONITOR\r\n").unwrap();
    let mut lines = BufReader::new(monitor).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("+OK"));
    let order = json!({ "what": "halt-and-close", "instances": ["1.A", "2.B"], "why": "x" });
    assert_eq!(web.with(&tokens[0], "POST", "/api/v1/commands", Some(&order)).0, 200);
    let mut written = Vec::new();
    while written.len() < 4 {
        let line = lines.next().expect("the server goes on");
        let words: Vec<&str> = line.split('"').collect();
        if let [_, "SET", _, key, _, value, ..] = words[..] {
            written.push(format!("{key} {value}"));
        }
    }
    assert_eq!(
        written,
        [
            "halt:{1.A} entries:olga:x",
            "halt:{2.B} entries:olga:x",
            "halt:{1.A} all:olga:x",
            "halt:{2.B} all:olga:x"
        ]
    );
}

/// The brake must work, and what releases it must be recorded.
#[test]
fn without_an_audit_stream_the_fleet_can_be_halted_but_not_resumed() {
    let servers = servers();
    let mut records = connect(servers.ports()[1]).unwrap();
    redis::cmd("SET").arg("audit").arg("no stream").exec(&mut records).unwrap();
    let (web, tokens) =
        Web::start(servers.config_file().to_str().unwrap(), &["--operate"], &[("olga", "operate")]);
    let order = |what: &str| {
        let body = json!({ "what": what, "all": true, "why": "x" });
        web.with(&tokens[0], "POST", "/api/v1/commands", Some(&body))
    };
    let (status, done) = order("halt-entries");
    assert_eq!((status, &done["audit"]), (200, &Value::Null), "{done}");
    assert!(
        done["note"].as_str().unwrap().contains("the audit stream cannot be written: WRONGTYPE"),
        "{done}"
    );
    assert_eq!(get(&servers, "halt").as_deref(), Some("entries:olga:x"));
    let (status, error) = order("resume");
    assert_eq!(status, 502);
    assert!(
        error["error"].as_str().unwrap().starts_with("nothing was done, because the audit stream"),
        "{error}"
    );
    assert_eq!(get(&servers, "halt").as_deref(), Some("entries:olga:x"));
}

#[test]
fn what_cannot_be_written_is_told_and_recorded() {
    let servers = servers();
    let mut redis = connect(servers.ports()[0]).unwrap();
    let (web, tokens) =
        Web::start(servers.config_file().to_str().unwrap(), &["--operate"], &[("olga", "operate")]);
    redis::cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg("noeviction").exec(&mut redis).unwrap();
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(1).exec(&mut redis).unwrap();
    let body = json!({ "what": "halt-entries", "all": true, "why": "x" });
    let (status, error) = web.with(&tokens[0], "POST", "/api/v1/commands", Some(&body));
    assert!(
        status == 502 && error["error"].as_str().unwrap().contains("nothing was done: halt: OOM"),
        "{error}"
    );
    let (_, audit) = web.with(&tokens[0], "GET", "/api/v1/audit", None);
    assert_eq!(audit.as_array().unwrap().len(), 2);
    assert!(audit[0]["failed"].as_str().unwrap().contains("OOM"), "{audit}");
}

#[test]
fn dead_letters_are_put_back_and_deleted() {
    let servers = servers();
    heartbeat(&mut connect(servers.ports()[0]).unwrap(), "1.Demo", &[]);
    let mut redis = connect(servers.ports()[2]).unwrap();
    for letter in 1..=3 {
        let mut add = redis::cmd("XADD");
        add.arg("sd:{0}").arg(format!("{letter}-1")).arg("d").arg("<script>");
        add.arg("x-source").arg("1.Demo").arg("x-id").arg("9-9").arg("x-group").arg("copiers");
        add.arg("x-error").arg("<img src=x>").arg("x-deliveries").arg(5).exec(&mut redis).unwrap();
    }
    let (web, tokens) =
        Web::start(servers.config_file().to_str().unwrap(), &["--operate"], &[("olga", "operate")]);
    let list = || web.with(&tokens[0], "GET", "/api/v1/deadletters", None).1;
    let letters = list();
    assert_eq!(letters["count"], 3);
    let first = &letters["letters"][0];
    assert_eq!(
        (&first["id"], &first["source"], &first["group"]),
        (&json!("3-1"), &json!("1.Demo"), &json!("copiers"))
    );
    assert_eq!((&first["error"], &first["deliveries"]), (&json!("<img src=x>"), &json!(5)));
    let settle = |what: &str, ids: &[&str]| {
        let letters: Vec<Value> = ids.iter().map(|id| json!({ "shard": 0, "id": id })).collect();
        web.with(
            &tokens[0],
            "POST",
            "/api/v1/deadletters",
            Some(&json!({ "what": what, "letters": letters, "why": "x" })),
        )
    };
    let (_, settled) = settle("retry", &["1-1"]);
    assert_eq!((&settled["count"], &settled["failed"]), (&json!(1), &json!([])), "{settled}");
    let back: usize = redis::cmd("XLEN").arg("ss:{0}:1.Demo").query(&mut redis).unwrap();
    assert_eq!(back, 1);
    let (_, settled) = settle("drop", &["2-1", "8-8"]);
    assert_eq!(
        (&settled["count"], &settled["failed"][0]),
        (&json!(1), &json!("1 of them were gone")),
        "{settled}"
    );
    assert_eq!(list()["count"], 1);
    let audit = eventually("two actions and a failure", || {
        let (_, audit) = web.with(&tokens[0], "GET", "/api/v1/audit", None);
        (audit.as_array().unwrap().len() == 3).then_some(audit)
    });
    assert_eq!((&audit[2]["what"], &audit[2]["on"]), (&json!("retry dead letters"), &json!("0/1-1")));
}
