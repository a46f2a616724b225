//! Servers that flood or drip, against every command that asks them something: its memory and its time stay within the
//! configured limits, and it says why it stops.
#![cfg(target_os = "linux")]

#[path = "../../tests/support/certificates.rs"]
#[allow(dead_code)]
mod certificates;
#[path = "../../tests/support/fake.rs"]
#[allow(dead_code)]
mod fake;
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fake::{Fake, Reply, say};
use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use support::{port, servers};

/// What each program may reserve, KiB: far less than the server sends.
const MEMORY: usize = 250_000;
/// What each program must end within, although the server would go on for half an hour.
const PATIENCE: Duration = Duration::from_secs(60);
const TOO_LARGE: &str = "the answer has more than 16777216 bytes, see reply_bytes";

/// Runs a program with little memory until it ends; returns what it said.
fn run(arguments: &[&str], config: &str) -> String {
    let limited = format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"");
    let mut program = Command::new("sh");
    // Each arena of the allocator reserves 64 MiB.
    program.args(["-c", &limited, env!("CARGO_BIN_EXE_mt5fleet")]).env("MALLOC_ARENA_MAX", "1");
    program.args(arguments).args(["--config", config]).stdin(Stdio::null());
    let output = tempfile::NamedTempFile::new().unwrap();
    program.stdout(output.reopen().unwrap()).stderr(output.reopen().unwrap());
    let mut child = program.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let said = || String::from_utf8_lossy(&fs::read(output.path()).unwrap()).into_owned();
    // A worker never gives up; it has said why it waits.
    let waits = |said: &str| arguments[0] == "work" && said.contains("trying again");
    while child.try_wait().unwrap().is_none() {
        if waits(&said()) || Instant::now() > deadline {
            let _ = child.kill();
            child.wait().unwrap();
            assert!(waits(&said()), "{arguments:?} does not end: {}", said());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    said()
}

/// The commands that ask servers something.
const PROGRAMS: [&[&str]; 6] = [
    &["doctor"],
    &["top", "--once"],
    &["govern", "--once", "--every", "100ms"],
    &["work"],
    &["deadletters", "list"],
    &["deadletters", "drop", "--all"],
];

/// A server that answers what a client says of itself, and plays this trick with the rest.
fn after_login(trick: fn() -> Reply) -> Fake {
    Fake::start(move |command| match command[0].as_str() {
        "PING" | "AUTH" | "SELECT" | "CLIENT" | "MULTI" => say("+OK\r\n"),
        "EXEC" => say("*0\r\n"),
        _ => trick(),
    })
}

fn forever(first: &str, again: &str) -> Reply {
    Reply::Forever(first.as_bytes().to_vec(), again.as_bytes().to_vec())
}

#[test]
fn a_server_that_floods_a_program_is_left() {
    let floods: [fn() -> Reply; 3] = [
        // The length is believable to who has no limit.
        || forever("$314572000\r\n", "x"),
        || forever("*1000000000\r\n", ":1\r\n"),
        || forever("*1000000000\r\n", "$1\r\nx\r\n"),
    ];
    for flood in floods {
        let fake = after_login(flood);
        for program in PROGRAMS {
            let said = run(program, &format!("redis://127.0.0.1:{}", fake.port));
            assert!(said.contains(TOO_LARGE), "{program:?}: {said}");
        }
    }
    // Before anybody logs in, too.
    let fake = Fake::start(|_| forever("*1000000000\r\n", ":1\r\n"));
    let said = run(&["doctor"], &format!("redis://127.0.0.1:{}", fake.port));
    assert!(said.contains(TOO_LARGE), "{said}");
}

#[test]
fn a_server_that_drips_holds_no_program_for_long() {
    let slowly = || {
        let reply = format!("*50000\r\n{}", ":1\r\n".repeat(50_000));
        Reply::Slowly(reply.into_bytes(), Duration::from_millis(10))
    };
    let fake = after_login(slowly);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("site.toml");
    let lane = |lane: &str| format!("[{lane}]\nreply_timeout = \"200ms\"\n");
    let lanes = ["ris", "rts", "rtss"].map(lane).concat();
    let text = format!("url = \"redis://127.0.0.1:{}\"\n{lanes}", fake.port);
    fs::write(&config, text).unwrap();
    for program in PROGRAMS {
        let said = run(program, config.to_str().unwrap());
        assert!(said.contains("no answer within the time-out"), "{program:?}: {said}");
    }
}

fn write_config(servers: &Servers, folder: &Path) -> String {
    let text = fs::read_to_string(servers.config_file()).unwrap();
    let config = folder.join("site.toml");
    // The lane of signals comes last.
    fs::write(&config, format!("{}\nreply_bytes = 65536\n", text.trim_end())).unwrap();
    config.to_str().unwrap().to_owned()
}

/// The entry hides nothing: neither the other streams, nor its own from trimming.
#[test]
fn an_entry_that_is_larger_than_a_reply_keeps_no_governor_from_trimming() {
    let (servers, folder) = (servers(), tempfile::tempdir().unwrap());
    let config = write_config(&servers, folder.path());
    let mut rtss = connect(servers.ports()[2]).unwrap();
    let mut fill = redis::pipe();
    for number in 1..=3 {
        let (stream, source) = (format!("ss:{{0}}:{number}.Demo"), format!("{number}.Demo"));
        fill.zadd("sl:{0}", source, 1).ignore();
        for id in ["1000-1", "2000-1", "9999999999999-1"] {
            let bytes = if number == 2 { 70_000 } else { 1 };
            fill.cmd("XADD").arg(&stream).arg(id).arg("d").arg("x".repeat(bytes)).ignore();
        }
    }
    fill.exec(&mut rtss).unwrap();
    run(&["govern", "--once", "--every", "100ms"], &config);
    for number in 1..=3 {
        let stream = format!("ss:{{0}}:{number}.Demo");
        let left: u64 = redis::cmd("XLEN").arg(&stream).query(&mut rtss).unwrap();
        assert_eq!(left, 1, "{stream}");
    }
}

/// What many sources answer together may be more than one reply may have.
#[test]
fn many_sources_are_seen_though_each_reply_must_be_small() {
    let (servers, folder) = (servers(), tempfile::tempdir().unwrap());
    let config = write_config(&servers, folder.path());
    let mut fill = redis::pipe();
    for number in 1..=300 {
        fill.zadd("sl:{0}", format!("{number}.Demo"), 1).ignore();
        fill.cmd("XADD").arg(&[&format!("ss:{{0}}:{number}.Demo"), "*", "d", "x"]).ignore();
    }
    fill.exec(&mut connect(servers.ports()[2]).unwrap()).unwrap();
    let said = run(&["doctor"], &config);
    assert!(said.contains("300 sources have 300 signals and 0 followers"), "{said}");
}
