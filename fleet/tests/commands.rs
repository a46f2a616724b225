//! The command line: servers start, stay and stop, and never outlive `up`; a small demo from end to end.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::eventually;
use support::port::listen;
use tempfile::TempDir;

/// The program, with its temporary folders in one place.
fn program(temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    command.env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// The ports in a text with three URLs.
fn ports(text: &str) -> Vec<u16> {
    let url = |line: &str| line.split("redis://127.0.0.1:").nth(1)?.trim_matches('"').parse().ok();
    text.lines().filter_map(url).take(3).collect()
}

/// A running `mt5fleet up`.
struct Up {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    ports: Vec<u16>,
}

impl Up {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut told = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            told += &format!("{line}\n");
            if line == "Press Ctrl-C to stop." {
                break;
            }
        }
        let ports = ports(&told);
        assert!(ports.len() == 3 && ports.iter().all(|&port| is_open(port)), "{told}");
        Self { process, lines, ports }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn expect_nothing_left(mut self, temporary: &Path) {
        self.process.wait().unwrap();
        eventually("the servers have stopped", || !self.ports.iter().any(|&port| is_open(port)));
        assert_eq!(left(temporary), Vec::<PathBuf>::new());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn left(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Each signal ends `up`, its servers and its temporary folder.
#[test]
fn servers_stop_when_they_are_asked_to() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let temporary = TempDir::new().unwrap();
        let mut up = Up::start(program(temporary.path()).arg("up"));
        up.signal(signal);
        assert_eq!(up.lines.next().unwrap().unwrap(), "Stopped.");
        assert!(up.process.wait().unwrap().success());
        up.expect_nothing_left(temporary.path());
    }
}

/// Servers do not outlive a killed `up`.
#[test]
fn servers_die_with_a_program_that_is_killed() {
    let temporary = TempDir::new().unwrap();
    let mut up = Up::start(program(temporary.path()).arg("up"));
    up.signal(Signal::KILL);
    up.process.wait().unwrap();
    eventually("the servers have stopped", || !up.ports.iter().any(|&port| is_open(port)));
}

/// A shut-down server ends `up` well, a crashed one with an error; both end all servers.
#[test]
fn a_server_that_dies_ends_the_others() {
    let temporary = TempDir::new().unwrap();
    let up = Up::start(program(temporary.path()).arg("up"));
    mt5fleet::up::server::shut_down(up.ports[1]);
    up.expect_nothing_left(temporary.path());

    let mut up = Up::start(program(temporary.path()).arg("up"));
    let mut server = mt5fleet::up::server::connect(up.ports[1]).unwrap();
    let id: String = redis::cmd("INFO").arg("server").query(&mut server).unwrap();
    let id = id.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap();
    kill_process(Pid::from_raw(id.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    assert!(!up.process.wait().unwrap().success(), "a crash is a failure");
    up.expect_nothing_left(temporary.path());
}

/// A configuration file that already exists is neither changed nor deleted.
#[test]
fn a_failed_start_leaves_the_files_of_others_alone() {
    let temporary = TempDir::new().unwrap();
    let data = temporary.path().join("data");
    let file = data.join("ris/redis.conf");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "no-such-setting yes\n").unwrap();
    let (good, told) = run(program(temporary.path()).args(["up", "--data"]).arg(&data));
    assert!(!good && told.contains("cannot start the server"), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "no-such-setting yes\n");
}

/// Start, start again, stop, stop again, and start on the same ports with the data kept.
#[test]
fn detached_servers_stay_with_their_data_until_down() {
    let temporary = TempDir::new().unwrap();
    let data = temporary.path().join("data");
    let detached = || {
        let mut command = program(temporary.path());
        command.args(["up", "--detach", "--data"]).arg(&data);
        command
    };
    let down = || run(program(temporary.path()).args(["down", "--data"]).arg(&data));

    let (good, told) = run(&mut detached());
    assert!(good, "{told}");
    let first = ports(&told);
    assert!(first.iter().all(|&port| is_open(port)), "{told}");
    let toml = fs::read_to_string(data.join("mt5redis.toml")).unwrap();
    assert_eq!(ports(&toml), first);
    assert!(toml.starts_with("[ris]\nurl = ") && told.contains(&toml), "{told}");
    let mut connection = mt5fleet::up::server::connect(first[1]).unwrap();
    redis::cmd("SET").arg("kept").arg("yes").exec(&mut connection).unwrap();

    let (good, told) = run(&mut detached());
    assert!(!good && told.contains("servers are already running in"), "{told}");

    let (good, told) = down();
    assert!(good, "{told}");
    assert!(!first.iter().any(|&port| is_open(port)));
    let (good, told) = down();
    assert!(!good && told.contains("no servers were started in"), "{told}");

    // The same ports, and the data is still there.
    let wanted = first.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let (good, told) = run(detached().args(["--ports", &wanted]));
    assert!(good && ports(&told) == first, "{told}");
    let mut connection = mt5fleet::up::server::connect(first[1]).unwrap();
    assert_eq!(redis::cmd("GET").arg("kept").query::<String>(&mut connection).unwrap(), "yes");
    assert!(down().0);
}

/// A taken port and wrong lists of ports are refused by name.
#[test]
fn a_port_that_is_taken_is_named() {
    let temporary = TempDir::new().unwrap();
    let taken = listen();
    let port = taken.local_addr().unwrap().port();
    let (good, told) = run(program(temporary.path()).args(["up", "--ports", &format!("{port},1,1")]));
    assert!(!good, "{told}");
    assert!(told.contains("cannot start the server ris") && told.contains(&port.to_string()), "{told}");
    assert_eq!(left(temporary.path()), Vec::<PathBuf>::new());

    for (bad, complaint) in [
        ("6390", "--ports lists 1 ports: pass 3, for ris, rts, rtss"),
        ("6390,6391,0", "'0'"),
        ("6390,6391,70000", "'70000'"),
        ("a,b,c", "'a'"),
    ] {
        let (good, told) = run(program(temporary.path()).args(["up", "--ports", bad]));
        assert!(!good && told.contains(complaint), "{told}");
    }
}

/// The value of `name=` in the last line.
fn number(told: &str, name: &str) -> u64 {
    let last = told.lines().last().unwrap();
    let value = last.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {last:?}")).parse().unwrap()
}

/// A whole demo: its last line has the counts, and only the ledgers stay.
#[test]
fn a_small_demo_is_well_and_leaves_nothing_but_its_ledgers() {
    let temporary = TempDir::new().unwrap();
    let ledgers = TempDir::new().unwrap();
    let mut demo = program(temporary.path());
    demo.args(["demo", "--terminals", "3", "--seconds", "3", "--ledgers"]).arg(ledgers.path());
    let (good, told) = run(&mut demo);
    assert!(good && told.lines().last().unwrap().starts_with("demo ok: terminals=3 accepted="), "{told}");
    let accepted = number(&told, "accepted");
    assert!(accepted > 100 && number(&told, "committed") == accepted, "{told}");
    for none in ["lost", "duplicated", "out_of_order"] {
        assert_eq!(number(&told, none), 0, "{told}");
    }
    for some in ["call_p50_ns", "call_p99_ns", "signals_per_s"] {
        assert!(number(&told, some) > 0, "{told}");
    }
    assert_eq!(left(ledgers.path()).iter().filter(|file| file.extension().unwrap() == "jsonl").count(), 3);
    assert_eq!(left(temporary.path()), Vec::<PathBuf>::new());
}

/// Ctrl-C during a demo is reported in its last line, and nothing stays.
#[test]
fn a_demo_that_is_interrupted_says_so_and_leaves_nothing() {
    let temporary = TempDir::new().unwrap();
    let mut demo = program(temporary.path());
    demo.args(["demo", "--terminals", "2", "--seconds", "600"]).stdout(Stdio::piped());
    let mut process = demo.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    // The first line with progress: servers and terminals run.
    lines.by_ref().map_while(Result::ok).find(|line| line.contains("running"));
    kill_process(Pid::from_child(&process), Signal::INT).unwrap();
    let told: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(!process.wait().unwrap().success());
    assert!(told.contains(&"interrupted".to_owned()), "{told:?}");
    assert!(told.last().unwrap().starts_with("demo failed: terminals=2 accepted=0 committed=0"), "{told:?}");
    assert_eq!(left(temporary.path()), Vec::<PathBuf>::new());
}

/// The same seed gives the same signals, another seed others.
#[test]
fn terminals_repeat_themselves_with_the_same_seed() {
    let temporary = TempDir::new().unwrap();
    let mut up = Up::start(program(temporary.path()).arg("up"));
    let config =
        fs::read_dir(temporary.path()).unwrap().next().unwrap().unwrap().path().join("mt5redis.toml");
    let records = |seed: &str| {
        let ledgers = TempDir::new().unwrap();
        let mut simulate = program(temporary.path());
        simulate.args(["simulate", "--terminals", "1", "--seconds", "2", "--seed", seed, "--config"]);
        let (good, told) = run(simulate.arg(&config).arg("--ledgers").arg(ledgers.path()));
        assert!(
            good && told.lines().last().unwrap().starts_with("simulate ok: terminals=1 accepted="),
            "{told}"
        );
        let ledger = mt5fleet::ledger::Ledger::read(&ledgers.path().join("terminal-0.jsonl")).unwrap();
        let signals = ledger
            .signals
            .iter()
            .map(|given| (given.sequence, given.signal.magic, given.signal.price.to_bits()));
        (signals.collect::<Vec<_>>(), ledger.accepted())
    };
    assert_eq!(records("7"), records("7"));
    assert_ne!(records("7"), records("8"));
    up.signal(Signal::TERM);
    up.process.wait().unwrap();
}

/// Fifty terminals report a bad configuration once.
#[test]
fn a_bad_configuration_is_told_once() {
    let temporary = TempDir::new().unwrap();
    let (good, told) = run(program(temporary.path()).args([
        "simulate",
        "--terminals",
        "50",
        "--config",
        "http://127.0.0.1",
    ]));
    assert!(!good && told.lines().count() == 1 && told.contains("error -6"), "{told}");
}

#[test]
fn a_user_that_cannot_be_is_refused_with_what_to_pass() {
    let temporary = TempDir::new().unwrap();
    for (arguments, complaint) in [
        (&["acl"][..], "<--instance"),
        (&["acl", "--instance", "a b"], "\"a b\" is not an instance id"),
        (&["acl", "--worker", "a>b"], "is not a valid user name"),
        (&["acl", "--worker", "--password-file", "/nowhere"], "cannot read /nowhere"),
    ] {
        let (good, told) = run(program(temporary.path()).args(arguments));
        assert!(!good && told.contains(complaint), "{arguments:?}: {told}");
    }
}
