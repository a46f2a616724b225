//! `mt5fleet govern` against real servers, and sessions of the real library: its directives reach them and expire, the
//! lease has one holder, streams and lists stay short, and the metrics match the dashboard.
#![cfg(target_os = "linux")]

mod metrics;
mod removal;
#[path = "../support/mod.rs"]
mod support;
mod trouble;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use mt5_redis::model::InstanceState;
use mt5fleet::library::{self, Account, Bridge, Session, Text};
use mt5fleet::up::server::{self, Server};
use mt5fleet::up::{Servers, Topology, files, version};
use rcgen::{CertificateParams, KeyPair};
use redis::FromRedisValue;
use serde_json::Value;
use support::port::{free_port, free_ports};
use support::{eventually, servers};

const PATIENCE: Duration = Duration::from_secs(60);

/// Servers with the bundled configurations.
struct World(Servers);

impl World {
    fn start() -> Self {
        Self(servers())
    }

    fn config(&self) -> String {
        self.0.config_file().to_str().unwrap().to_owned()
    }

    /// Sends a command to the server of a lane (0: ris, 1: rts, 2: rtss).
    fn ask<T: FromRedisValue>(&self, lane: usize, command: &str) -> T {
        let client = redis::Client::open(self.0.urls()[lane].as_str()).unwrap();
        let mut words = command.split_whitespace();
        let mut ask = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            ask.arg(word);
        });
        ask.query(&mut client.get_connection().unwrap()).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    fn now_ms(&self) -> u64 {
        let (seconds, micros): (u64, u64) = self.ask(0, "TIME");
        seconds * 1000 + micros / 1000
    }

    /// Lists a source of signals.
    fn source(&self) {
        self.ask::<()>(2, "ZADD sl:{0} 1 1.Demo");
    }

    /// Fills 95 % of the memory of rts: of so much that the buffers of some connections make no difference.
    fn squeeze(&self) {
        self.ask::<i64>(1, "SETRANGE filler 30000000 x");
        let info: redis::InfoDict = self.ask(1, "INFO memory");
        let used: u64 = info.get("used_memory").unwrap();
        self.ask::<()>(1, &format!("CONFIG SET maxmemory {}", used * 21 / 20));
    }
}

/// A running governor and the lines it writes.
struct Governor {
    process: Child,
    lines: Receiver<Value>,
}

fn command(config: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    command.arg("govern").arg("--config").arg(config).args(arguments).stdin(Stdio::null());
    command
}

impl Governor {
    fn start(world: &World, arguments: &[&str]) -> Self {
        let usual = ["--every", "100ms", "--quiet", "500ms", "--hold", "2s"];
        let mut process = command(&world.config(), &usual)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let (sender, lines) = channel();
        let out: ChildStdout = process.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
                let _ = sender.send(line);
            }
        });
        Self { process, lines }
    }

    /// Waits for a line of the log.
    fn line(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("never said: {what}"));
            if fits(&line) {
                return line;
            }
        }
    }

    fn leads(&self) {
        self.line("it leads", |line| line["event"] == "lease" && line["leads"] == true);
    }
}

impl Drop for Governor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a governor to its end; returns its log and whether its exit code was 0.
fn run(config: &str, arguments: &[&str]) -> (Vec<Value>, bool) {
    let output = command(config, &["--every", "100ms"]).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.is_empty(), "{complaint}");
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), output.status.success())
}

fn events<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn bridge() -> Bridge {
    Bridge::load(&library::default_path().unwrap()).unwrap()
}

/// Sessions with separate journals, as of separate terminals.
fn terminals<'a>(bridge: &'a Bridge, world: &World, folder: &Path, count: usize) -> Vec<Session<'a>> {
    (0..count)
        .map(|at| bridge.open(&world.config(), &format!("{at}.Demo"), &folder.join(at.to_string())).unwrap())
        .collect()
}

fn beat(session: &Session) {
    let text = |text| Text::new(text);
    let account =
        Account { server: text("S"), company: text("C"), currency: text("EUR"), agent: text("test") };
    let state = InstanceState { interval_ms: 1000, leverage: 100, ..Default::default() };
    // 0 under pressure, when none is due.
    assert!(session.instance_state(&state, &account) >= 0);
    session.flush(PATIENCE).unwrap();
}

/// Memory runs short, every session hears of it, the governor is killed, and its directive expires.
#[test]
fn what_it_asks_for_reaches_every_terminal_within_two_heartbeats_and_ends_when_it_is_killed() {
    let world = World::start();
    let (bridge, folder) = (bridge(), tempfile::tempdir().unwrap());
    let sessions = terminals(&bridge, &world, folder.path(), 8);
    sessions.iter().for_each(beat);
    let mut governor = Governor::start(&world, &[]);
    governor.leads();

    world.squeeze();
    let line = governor.line("a directive because of memory", |line| {
        line["event"] == "directive" && line["why"].as_str().unwrap().contains("memory is at 9")
    });
    assert!(line["why"].as_str().unwrap().starts_with("rts 127.0.0.1:"), "{line}");
    eventually("it is written", || world.ask::<bool>(0, "EXISTS ctl"));
    for session in &sessions {
        beat(session);
        if session.throttle().unwrap() == 0 {
            beat(session);
        }
        assert!(session.throttle().unwrap() >= 2);
    }

    governor.process.kill().unwrap();
    eventually("the directive expires", || {
        sessions.iter().for_each(beat);
        sessions.iter().all(|session| session.throttle().unwrap() == 0)
    });
}

/// The second governor samples but does not act, until the first one is killed.
#[test]
fn of_two_one_acts_and_the_other_takes_over() {
    let world = World::start();
    let mut one = Governor::start(&world, &[]);
    one.leads();
    let other = Governor::start(&world, &["--metrics", "127.0.0.1:0"]);
    let url = other.line("the address of its metrics", |line| line["event"] == "metrics")["url"].clone();
    let url = url.as_str().unwrap().to_owned();
    eventually("it runs without the lease", || fetch(&url).contains("mt5fleet_leader 0"));
    world.squeeze();
    one.line("a directive", |line| line["event"] == "directive" && line["level"] != 0);
    assert!(!other.lines.try_iter().any(|line| line["event"] == "directive" || line["event"] == "lease"));

    one.process.kill().unwrap();
    other.leads();
    other.line("a directive", |line| line["event"] == "directive" && line["level"] != 0);
    let until = || {
        let directive: String = world.ask(0, "GET ctl");
        directive.split_once(':').unwrap().1.parse::<u64>().unwrap()
    };
    eventually("it is written", || world.ask::<bool>(0, "EXISTS ctl"));
    let before = until();
    eventually("it extends its directive", || until() > before);
    world.ask::<()>(1, "CONFIG SET maxmemory 0");
    other.line("the end", |line| line["event"] == "directive" && line["level"] == 0);
}

/// A dry run logs a directive, a trim and a removal; the same run without --dry-run makes them.
#[test]
fn a_dry_run_writes_nothing() {
    let world = World::start();
    world.squeeze();
    // A signal beyond its retention.
    world.source();
    world.ask::<()>(2, "XADD ss:{0}:1.Demo 1000-1 a b");
    world.ask::<()>(0, "ZADD il 1000 dead.Demo");
    let (lines, calm) = run(&world.config(), &["--once", "--dry-run"]);
    assert!(!calm, "the exit code reports the level");
    assert!(events(&lines, "directive")[0]["level"].as_i64() >= Some(2), "{lines:?}");
    assert_eq!(events(&lines, "trim")[0]["entries"], 0);
    assert_eq!(events(&lines, "forget")[0]["instances"][0], "dead.Demo");
    assert_eq!(world.ask::<Vec<String>>(0, "KEYS *"), ["il"]);
    assert_eq!(world.ask::<i64>(0, "ZCARD il") + world.ask::<i64>(2, "XLEN ss:{0}:1.Demo"), 2);

    let (lines, calm) = run(&world.config(), &["--once"]);
    assert!(!calm && world.ask::<bool>(0, "EXISTS ctl"), "{lines:?}");
    assert!(!world.ask::<bool>(0, "EXISTS ctl:lease"), "the lease is given back");
    assert_eq!(world.ask::<i64>(0, "ZCARD il") + world.ask::<i64>(2, "XLEN ss:{0}:1.Demo"), 0);
}

/// A server without memory for the lease still gets a governor.
#[test]
fn a_full_server_takes_no_lease_and_is_trimmed_all_the_same() {
    let world = World::start();
    world.source();
    world.ask::<()>(2, "XADD ss:{0}:1.Demo 1000-1 a b");
    world.ask::<()>(0, "ZADD il 1000 dead.Demo");
    world.ask::<()>(0, "CONFIG SET maxmemory 1");
    let (lines, calm) = run(&world.config(), &["--once"]);
    assert!(!calm, "{lines:?}");
    assert_eq!(events(&lines, "lease")[0]["leads"], true, "{lines:?}");
    assert!(!world.ask::<bool>(0, "EXISTS ctl:lease") && !world.ask::<bool>(0, "EXISTS ctl"));
    assert_eq!(world.ask::<i64>(0, "ZCARD il") + world.ask::<i64>(2, "XLEN ss:{0}:1.Demo"), 0, "{lines:?}");
}

/// The governor connects over TLS with the configured authority, and trims.
#[test]
fn encrypted_servers_are_governed_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(path("server.crt"), certificate.pem()).unwrap();
    fs::write(path("server.key"), key.serialize_pem()).unwrap();
    let deploy = folder.path().join("deploy");
    files::write(&deploy, version::installed().unwrap()).unwrap();
    let ports = free_ports(4);
    let arguments = [
        ("--tls-port", ports[3].to_string()),
        ("--tls-cert-file", path("server.crt")),
        ("--tls-key-file", path("server.key")),
        ("--tls-auth-clients", "no".to_owned()),
    ];
    let arguments = arguments.map(|(name, value)| [name.to_owned(), value]).concat();
    let node = Topology::Single.nodes(&ports[..3]).remove(0);
    let _server = Server::start(&deploy, folder.path(), &node, &arguments, true).unwrap();
    let url = format!("rediss://localhost:{}", ports[3]);
    fs::write(path("fleet.toml"), format!("url = \"{url}\"\ntls_ca = \"{}\"\n", path("server.crt"))).unwrap();
    let mut redis = server::connect(ports[0]).unwrap();
    redis::cmd("ZADD").arg("sl:{0}").arg(1).arg("1.Demo").exec(&mut redis).unwrap();
    redis::cmd("XADD").arg("ss:{0}:1.Demo").arg("1000-1").arg("a").arg("b").exec(&mut redis).unwrap();
    let (lines, calm) = run(&path("fleet.toml"), &["--once"]);
    assert!(calm, "{lines:?}");
    assert_eq!(events(&lines, "trim")[0]["entries"], 1, "{lines:?}");
    assert_eq!(redis::cmd("XLEN").arg("ss:{0}:1.Demo").query::<i64>(&mut redis).unwrap(), 0);
}

/// The governor does not shorten an operator's directive.
#[test]
fn an_operators_longer_directive_is_left_alone() {
    let world = World::start();
    world.squeeze();
    let own = format!("3:{}", world.now_ms() + 3_600_000);
    world.ask::<()>(0, &format!("SET ctl {own}"));
    run(&world.config(), &["--once"]);
    assert_eq!(world.ask::<String>(0, "GET ctl"), own);
}

/// Every metric in the dashboard is exported, and every exported one is in the dashboard.
#[test]
fn the_dashboard_shows_what_is_exported() {
    let world = World::start();
    world.source();
    world.ask::<()>(2, "XGROUP CREATE ss:{0}:1.Demo work $ MKSTREAM");
    let governor = Governor::start(&world, &["--metrics", "127.0.0.1:0"]);
    let url = governor.line("the address of the metrics", |line| line["event"] == "metrics")["url"].clone();
    let url = url.as_str().unwrap();
    eventually("the metrics are there", || fetch(url).contains("mt5fleet_group_lag"));
    let names = |text: &str| -> BTreeSet<String> {
        let words = text.split(|character: char| !(character.is_alphanumeric() || character == '_'));
        words.filter(|word| word.starts_with("mt5fleet_")).map(str::to_owned).collect()
    };
    // A counter appears with its first event, so look into the source.
    let source = include_str!("../../src/govern/export.rs");
    let exported = names(source);
    let dashboard = include_str!("../../../deploy/grafana.json");
    let board: Value = serde_json::from_str(dashboard).expect("JSON");
    assert!(board["panels"].as_array().unwrap().len() >= 8);
    let shown = names(dashboard);
    assert!(shown.len() >= 15, "{shown:?}");
    let found = names(&fetch(url));
    for name in &shown {
        let happens = name.ends_with("_total") && exported.contains(name);
        assert!(found.contains(name) || happens, "{name} is shown but not exported");
    }
    for name in &exported {
        assert!(shown.contains(name), "{name} is exported but not shown");
    }
    assert!(fetch(&url.replace("/metrics", "/")).lines().next().unwrap().contains(" 404 "));
}

fn fetch(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
