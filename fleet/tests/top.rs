//! `mt5fleet top`: one look beside what the real library wrote, in both encodings, and its screen in a terminal.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use mt5_redis::model::instance::MT5REDIS_FLAG_CONNECTED;
use mt5_redis::model::signal::MT5REDIS_ACTION_BUY;
use mt5_redis::model::{InstanceState, Signal};
use mt5fleet::library::{self, Account, Bridge, Text};
use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;

/// What it prints, and its exit code.
fn top(arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_mt5fleet"))
        .args(["top", "--once"])
        .args(arguments)
        .output()
        .unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.code())
}

/// A terminal that closes with the test, however that ends.
struct Window(Child);

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In a real terminal: sorts, filters and quits by keys, and ends with its terminal.
#[test]
fn the_screen_is_drawn_obeys_its_keys_and_goes() {
    let servers = Servers::start_temporary(None).unwrap();
    redis::cmd("ZADD")
        .arg("il")
        .arg(1)
        .arg("7.Gone")
        .exec(&mut connect(servers.ports()[0]).unwrap())
        .unwrap();
    let program = env!("CARGO_BIN_EXE_mt5fleet");
    let config = servers.config_file();
    // A terminal of 24 lines that a program can type into.
    let line = format!(
        "stty rows 24 cols 80; echo process $$.; exec {program} top --every 200ms --config {}",
        config.display()
    );
    let open = || {
        Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map(Window)
            .unwrap()
    };
    let mut terminal = open();
    let (mut keys, mut output) = (terminal.0.stdin.take().unwrap(), terminal.0.stdout.take().unwrap());
    let (sender, drawn) = channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            let _ = sender.send(bytes[..count].to_vec());
        }
    });
    let mut screen = vt100::Parser::default();
    let mut shows = |what: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !screen.screen().contents().contains(what) {
            let left = deadline.saturating_duration_since(Instant::now());
            match drawn.recv_timeout(left) {
                Ok(bytes) => screen.process(&bytes),
                Err(_) => panic!("{what} is not on the screen:\n{}", screen.screen().contents()),
            }
        }
    };
    shows("7.Gone");
    keys.write_all(b"s").unwrap();
    shows("sort by age");
    keys.write_all(b"/8\r").unwrap();
    shows("0 of 0 alive");
    keys.write_all(b"q").unwrap();
    assert!(terminal.0.wait().unwrap().success());

    // It ends with its terminal, too.
    let mut terminal = open();
    let mut output = BufReader::new(terminal.0.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    let process = first.split(['.', ' ']).nth(1).unwrap();
    let stat = Path::new("/proc").join(process).join("stat");
    let runs = || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains("(mt5fleet) "));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !runs() {
        assert!(Instant::now() < deadline, "{first} does not start");
        thread::sleep(Duration::from_millis(10));
    }
    // Wait until it has drawn.
    output.read_until(b'\x1b', &mut Vec::new()).unwrap();
    drop(terminal);
    while runs() {
        assert!(Instant::now() < deadline, "process {process} outlives its terminal");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Live instances in both encodings, a dead one, a replica, and a dead server.
#[test]
fn instances_and_nodes_are_on_one_screen() {
    let mut servers = Servers::start_temporary(None).unwrap();
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
            let deadline = Instant::now() + Duration::from_secs(20);
            let mut redis = connect(servers.ports()[0]).unwrap();
            let mut known =
                || redis::cmd("HGET").arg("is:{1.Demo}").arg("sl").query::<Option<u64>>(&mut redis).unwrap();
            while known().is_none_or(|us| us == 0) {
                assert!(Instant::now() < deadline, "no heartbeat says how long a commit takes");
                bridge.expect(session.instance_state(&state, &account)).unwrap();
                session.flush(Duration::from_secs(20)).unwrap();
            }
        }
        session.close(Duration::from_secs(20)).unwrap();
    }
    redis::cmd("ZADD")
        .arg("il")
        .arg(1000)
        .arg("0.Gone")
        .exec(&mut connect(servers.ports()[0]).unwrap())
        .unwrap();

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
    let (text, _) = top(&["--config", &config, "--filter", "2."]);
    assert!(text.contains("1 of 1 alive"), "{text}");

    // A replica has a row of its own.
    let mut follower = connect(servers.ports()[1]).unwrap();
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(servers.ports()[0]).exec(&mut follower).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let replica = loop {
        let (text, _) = top(&["--config", &config]);
        if let Some(line) = text.lines().find(|line| line.starts_with("ris  replica ")) {
            break line.to_owned();
        }
        assert!(Instant::now() < deadline, "the replica is not shown: {text}");
    };
    assert!(replica.contains(&servers.ports()[1].to_string()) && replica.chars().count() <= 80, "{replica}");

    // A dead server is shown, and the exit code says so.
    servers.kill(servers.ports()[0]).unwrap();
    let (text, code) = top(&["--config", &config]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("refused"), "{text}");
}
