//! `mt5fleet top`: one look beside what the real library wrote, in both encodings, and its screen in a terminal.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use mt5_redis::model::instance::MT5REDIS_FLAG_CONNECTED;
use mt5_redis::model::signal::MT5REDIS_ACTION_BUY;
use mt5_redis::model::{InstanceState, Signal};
use mt5fleet::library::{self, Account, Bridge, Text};
use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use support::{eventually, servers};

const PATIENCE: Duration = Duration::from_secs(60);

/// Lists an instance that has no heartbeat.
fn list(servers: &Servers, time_ms: u64, instance: &str) {
    let mut ris = connect(servers.ports()[0]).unwrap();
    redis::cmd("ZADD").arg("il").arg(time_ms).arg(instance).exec(&mut ris).unwrap();
}

/// What it prints, and its exit code.
fn top(arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_mt5fleet"))
        .args(["top", "--once"])
        .args(arguments)
        .output()
        .unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.code())
}

/// `mt5fleet top` in a terminal of 24 lines that a program can type into. It closes with the test, however that ends.
struct Window(Child);

impl Window {
    /// Opens one. Its first line of output is `process` and the program's number.
    fn open(servers: &Servers) -> Self {
        let line = format!(
            "stty rows 24 cols 80; echo process $$.; exec {} top --every 200ms --config {}",
            env!("CARGO_BIN_EXE_mt5fleet"),
            servers.config_file().display()
        );
        Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map(Self)
            .unwrap()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a window has drawn so far.
struct Screen {
    drawn: Receiver<Vec<u8>>,
    terminal: vt100::Parser,
}

impl Screen {
    fn of(window: &mut Window) -> Self {
        let mut output = window.0.stdout.take().unwrap();
        let (sender, drawn) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let _ = sender.send(bytes[..count].to_vec());
            }
        });
        Self { drawn, terminal: vt100::Parser::default() }
    }

    /// Waits until this is on it.
    fn shows(&mut self, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.terminal.screen().contents().contains(what) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.drawn.recv_timeout(left) {
                Ok(bytes) => self.terminal.process(&bytes),
                Err(_) => panic!("{what} is not on the screen:\n{}", self.terminal.screen().contents()),
            }
        }
    }
}

#[test]
fn the_screen_obeys_its_keys() {
    let servers = servers();
    list(&servers, 1, "7.Gone");
    let mut window = Window::open(&servers);
    let mut keys = window.0.stdin.take().unwrap();
    let mut screen = Screen::of(&mut window);
    screen.shows("7.Gone");

    keys.write_all(b"s").unwrap();
    screen.shows("sort by age");

    keys.write_all(b"/8\r").unwrap();
    screen.shows("0 of 0 alive");

    keys.write_all(b"q").unwrap();
    assert!(window.0.wait().unwrap().success());
}

#[test]
fn it_ends_with_its_terminal() {
    let servers = servers();
    let mut window = Window::open(&servers);
    let mut output = BufReader::new(window.0.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    let process = first.split(['.', ' ']).nth(1).unwrap();
    let stat = Path::new("/proc").join(process).join("stat");
    let runs = || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains("(mt5fleet) "));
    eventually("it starts", runs);
    // It has drawn something.
    output.read_until(b'\x1b', &mut Vec::new()).unwrap();

    drop(window);
    eventually("it ends", || !runs());
}

/// Live instances in both encodings, a dead one, a replica, and a dead server.
#[test]
fn instances_and_nodes_are_on_one_screen() {
    let mut servers = servers();
    let folder = tempfile::tempdir().unwrap();
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let [server, company, currency, agent] = ["Demo", "Broker", "EUR", "test"].map(Text::new);
    let account = Account { server, company, currency, agent };
    let [ris, rts, rtss] = servers.urls();
    let file = |name: &str, encoding: &str| {
        let path = folder.path().join(name);
        let text = format!(
            "[ris]\nurl = \"{ris}\"\nencoding = \"{encoding}\"\n[rts]\nurl = \"{rts}\"\n[rtss]\nurl = \"{rtss}\"\n"
        );
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // Two instances are alive; the first has committed a signal, and its heartbeat says how long that took.
    for (instance, encoding, equity) in [("1.Demo", "fields", 1000.5), ("2.Demo", "packed", 2000.25)] {
        let data = folder.path().join(instance);
        let session = bridge.open(&file("one.toml", encoding), instance, &data).unwrap();
        let state = InstanceState {
            time_ms: 1_763_800_000_000,
            login: 5_012_345,
            balance: 1000.0,
            equity,
            positions: 3,
            flags: MT5REDIS_FLAG_CONNECTED,
            ..InstanceState::default()
        };
        bridge.expect(session.instance_state(&state, &account)).unwrap();
        if encoding == "fields" {
            let signal = Signal { action: MT5REDIS_ACTION_BUY, volume: 1.0, ..Signal::default() };
            bridge.expect(session.signal(&signal, &Text::new("EURUSD"), &Text::new(""))).unwrap();
            let mut redis = connect(servers.ports()[0]).unwrap();
            eventually("a heartbeat says how long a commit takes", || {
                bridge.expect(session.instance_state(&state, &account)).unwrap();
                session.flush(Duration::from_secs(20)).unwrap();
                let known: Option<u64> =
                    redis::cmd("HGET").arg("is:{1.Demo}").arg("sl").query(&mut redis).unwrap();
                known.is_some_and(|us| us > 0)
            });
        }
        session.close(Duration::from_secs(20)).unwrap();
    }
    // The third is gone.
    list(&servers, 1000, "0.Gone");

    // Both live instances by equity, then the dead one.
    let config = file("all.toml", "fields");
    let (text, code) = top(&["--config", &config, "--sort", "equity"]);
    assert_eq!(code, Some(0), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    for (line, lane) in lines[1..4].iter().zip(["ris", "rts", "rtss"]) {
        assert!(line.starts_with(lane), "{text}");
    }
    assert!(lines[5].starts_with("2 of 3 alive"), "{text}");
    let shown = |words: &[&str]| words[3..].join(" ");
    let words = |at: usize| lines[at].split_whitespace().collect::<Vec<_>>();
    let [second, first] = [words(6), words(7)];
    // Only the first has committed a signal, and knows how long that took.
    assert_eq!((second[0], shown(&second)), ("2.Demo", "5012345 2000 3 0 0 - 0".to_owned()), "{text}");
    assert_eq!(first[0], "1.Demo", "{text}");
    assert!(shown(&first).starts_with("5012345 1000 3 0 0 ") && shown(&first).ends_with("s 0"), "{text}");
    assert!(lines[8].starts_with("0.Gone") && lines[8].ends_with(" d gone"), "{text}");

    // A filter leaves one.
    let (text, _) = top(&["--config", &config, "--filter", "2."]);
    assert!(text.contains("1 of 1 alive"), "{text}");

    // A replica has a row of its own.
    let mut follower = connect(servers.ports()[1]).unwrap();
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(servers.ports()[0]).exec(&mut follower).unwrap();
    let mut replica = String::new();
    eventually("the replica is shown", || {
        let (text, _) = top(&["--config", &config]);
        let line = text.lines().find(|line| line.starts_with("ris  replica "));
        replica = line.unwrap_or_default().to_owned();
        line.is_some()
    });
    assert!(replica.contains(&servers.ports()[1].to_string()) && replica.chars().count() <= 80, "{replica}");

    // A dead server is shown, and the exit code says so.
    servers.kill(servers.ports()[0]).unwrap();
    let (text, code) = top(&["--config", &config]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("refused"), "{text}");
}
