//! Two terminals of one account: one acts, the other stands by, and takes over without handing out again what was
//! acknowledged.

mod support;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use mt5_redis::abi::*;
use mt5_redis::inbox::*;
use support::bridge::{Bridge, account, buy};
use support::eventually;
use support::follower::{Wants, next, reads, subscribe, wait};
use support::port::free_port;
use support::server::Server;

const STREAM: &str = "ss:{0}:1.Demo";
const WANTS: Wants<'static> = Wants {
    follower: "f",
    instances: "1.Demo",
    symbols: "",
    magic: 0,
    max_age_ms: 0,
    start: MT5REDIS_START_RESUME,
};

/// Another terminal has the lease, for so many ms.
fn another_acts(server: &Server, ms: u32) {
    let taken = ["SET", "fl:{f}", "0123 2.Demo on elsewhere", "PX", &ms.to_string()];
    redis::cmd(taken[0]).arg(&taken[1..]).exec(&mut server.client()).expect("a key");
}

fn role(bridge: &Bridge) -> i32 {
    mt5redis_role(bridge.handle)
}

fn take(bridge: &Bridge) -> i64 {
    let got = wait(bridge).signal;
    assert_eq!(mt5redis_acknowledge(bridge.handle, got.number), 0);
    got.magic
}

fn position(server: &Server) -> String {
    server.ask::<Option<String>>("HGET fp:{f} 1.Demo").unwrap_or_default()
}

#[test]
fn whoever_comes_second_stands_by_says_so_and_takes_over() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    another_acts(&server, 2_000);
    server.ask::<()>("HSET fp:{f} @ 0123:5 1.Demo 0-0");
    bridge.signal(&buy(1));
    bridge.settle();
    assert_eq!(subscribe(&bridge, &WANTS), 0);
    eventually("it stands by", || role(&bridge) == MT5REDIS_ROLE_STANDBY);
    assert!(next(&bridge).expect("no gap").is_none());
    assert_eq!(bridge.stats()["inbox"]["role"], "standby");
    let events = bridge.events().join("\n");
    let told = "signals of follower f: 2.Demo on elsewhere acts under this name; this terminal stands by";
    assert!(events.contains(told), "{events}");
    bridge.heartbeat(&account());
    bridge.settle();
    assert_eq!(server.ask::<i64>("HGET is:{1.Demo} fo"), 2);

    // The other is silent for longer than its lease.
    assert_eq!(take(&bridge), 1);
    assert_eq!(role(&bridge), MT5REDIS_ROLE_ACTING);
    let events = bridge.events().join("\n");
    assert!(events.contains("this terminal takes over and acts now"), "{events}");
    assert_eq!(mt5redis_takeovers(bridge.handle), 1);
    bridge.heartbeat(&account());
    bridge.settle();
    assert_eq!(server.ask::<i64>("HGET is:{1.Demo} fo"), 1);
}

#[test]
fn whoever_lost_the_lease_hands_out_nothing_and_writes_nothing() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &WANTS), 0);
    reads(&bridge);
    (1..=3).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    assert_eq!(take(&bridge), 1);
    let got = wait(&bridge).signal;
    assert_eq!(got.magic, 2);
    eventually("the first is written", || position(&server).contains(":0:1:"));

    // The other acts on 2 and 3.
    let entries: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XRANGE {STREAM} - +"));
    let producer = bridge.stats()["rtss"]["producer"].as_str().expect("a name").to_owned();
    let theirs = format!("{} {producer}:0:1-3:", entries[2].0);
    another_acts(&server, 3_000);
    redis::cmd("HSET")
        .arg(&["fp:{f}", "1.Demo", &theirs, "@", "0123 5"])
        .exec(&mut server.client())
        .expect("a hash");
    // What is acknowledged now, this terminal may not write.
    assert_eq!(mt5redis_acknowledge(bridge.handle, got.number), 0);
    eventually("it stands by", || role(&bridge) == MT5REDIS_ROLE_STANDBY);
    assert!(next(&bridge).expect("no gap").is_none());
    assert_eq!(position(&server), theirs);

    // Back in place, it goes on where the other was.
    bridge.signal(&buy(4));
    assert_eq!(take(&bridge), 4);
    assert_eq!(bridge.stats()["inbox"]["missed"], 0);
}

/// What a program remembers is old if another terminal acted after it, however long ago that terminal ended.
#[test]
fn a_terminal_that_never_stood_by_knows_that_another_one_acknowledged_last() {
    let server = Server::start();
    let source = Bridge::at(&server, "1.Demo");
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    // How many takeovers a life of a terminal counts, that takes so many signals.
    let life = |terminal: usize, takes: usize| {
        let bridge = Bridge::open(&server.url(), "9.Demo", folders[terminal].path());
        assert_eq!(subscribe(&bridge, &WANTS), 0);
        reads(&bridge);
        for _ in 0..takes {
            source.signal(&buy(7));
            assert_eq!(take(&bridge), 7);
        }
        let takeovers = mt5redis_takeovers(bridge.handle);
        bridge.close(10_000);
        takeovers
    };
    assert_eq!([life(0, 1), life(0, 0)], [0, 0], "nobody else was there");
    assert_eq!(life(1, 0), 1);
    assert_eq!(life(1, 1), 1, "it had acknowledged nothing");
    assert_eq!(life(1, 0), 0);
    assert_eq!(life(0, 1), 1);
}

#[test]
fn a_lease_that_expired_while_the_server_was_frozen_is_taken_again_without_a_second_copy() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &WANTS), 0);
    reads(&bridge);
    (1..=3).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    bridge.settle();
    assert_eq!(take(&bridge), 1);
    eventually("the others are here", || bridge.stats()["rtss"]["waiting"] == 0);
    server.freeze();
    // Nobody can tell whether another acts by now.
    eventually("it does not act", || role(&bridge) == MT5REDIS_ROLE_CONNECTING);
    assert!(next(&bridge).expect("no gap").is_none());
    server.thaw();
    assert_eq!([take(&bridge), take(&bridge)], [2, 3]);
    bridge.signal(&buy(4));
    assert_eq!(take(&bridge), 4);
}

/// Set in a child of this test: `<url> <data folder>`.
const CHILD: &str = "MT5REDIS_TEST_CHILD";

/// Not a test of its own: the body of the other terminal.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (url, folder) = task.split_once(' ').expect("two words");
    let bridge = Bridge::open(url, "9.Demo", std::path::Path::new(folder));
    assert_eq!(subscribe(&bridge, &WANTS), 0);
    loop {
        if let Some(got) = next(&bridge).expect("no gap") {
            println!("took {} {}", got.signal.magic, got.signal.deliveries);
            mt5redis_acknowledge(bridge.handle, got.signal.number);
        } else {
            thread::park_timeout(std::time::Duration::from_millis(1));
        }
    }
}

struct Terminal {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    _folder: tempfile::TempDir,
}

impl Terminal {
    fn start(server: &Server) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut process = Command::new(std::env::current_exe().expect("this test"))
            .args(["child", "--exact", "--nocapture"])
            .env(CHILD, format!("{} {}", server.url(), folder.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test again");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { process, lines, _folder: folder }
    }

    /// The next signal that it takes, and whether it may have come before.
    fn took(&mut self) -> (i64, i64) {
        loop {
            let line = self.lines.next().expect("it lives").expect("text");
            let Some((_, numbers)) = line.split_once("took ") else { continue };
            let (magic, deliveries) = numbers.split_once(' ').expect("two numbers");
            return (magic.parse().expect("a number"), deliveries.parse().expect("a number"));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn of_two_terminals_that_are_killed_in_turn_each_signal_is_taken_once() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let mut acting = Terminal::start(&server);
    eventually("it acts", || server.ask::<bool>("EXISTS fl:{f}"));
    let mut given = 0;
    for _ in 0..2 {
        let mut standby = Terminal::start(&server);
        for _ in 0..20 {
            given += 1;
            bridge.signal(&buy(given));
            assert_eq!(acting.took().0, given);
        }
        bridge.settle();
        eventually("all is written", || position(&server).contains(&format!(":0:1-{given}:")));
        acting.process.kill().expect("our own child");
        given += 1;
        bridge.signal(&buy(given));
        assert_eq!(standby.took().0, given, "and nothing before it again");
        acting = standby;
    }
}

/// At the end nobody asks a dead server as fast as it can.
#[test]
fn a_follower_that_ends_asks_a_dead_server_now_and_then() {
    let mut server = Server::start();
    let port = server.port;
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &WANTS), 0);
    reads(&bridge);
    bridge.signal(&buy(1));
    let got = wait(&bridge).signal;
    server.kill();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    // Whoever comes is sent away at once.
    thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Relaxed);
        }
    });
    assert_eq!(mt5redis_acknowledge(bridge.handle, got.number), 0);
    bridge.close(10_000);
    let attempts = attempts.load(Relaxed);
    assert!((1..200).contains(&attempts), "{attempts} attempts");
    // So much for the name: nobody has it any more.
    let other = Bridge::open(&format!("redis://127.0.0.1:{}", free_port()), "1.Demo", server.folder());
    assert_eq!(subscribe(&other, &WANTS), 0);
}
