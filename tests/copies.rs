//! A journal that is copied, moved or set back: no terminal takes another's records for its own.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use mt5_redis::abi::*;
use support::bridge::{Bridge, buy, magics, sequences};
use support::eventually;
use support::server::Server;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the original").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

fn watermark(bridge: &Bridge) -> String {
    let stats = bridge.stats();
    format!("wm:{{0}}:1.Demo:{}", stats["rtss"]["producer"].as_str().expect("a name"))
}

#[test]
fn a_terminal_and_its_copy_lose_nothing_when_both_go_on() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [original, copied] = ["original", "copy"].map(|name| folder.path().join(name));
    let bridge = Bridge::open(&server.url(), "1.Demo", &original);
    let mut given = Vec::new();
    let mut signal = |bridge: &Bridge, magic| {
        assert!(bridge.signal(&buy(magic)) > 0);
        bridge.settle();
        given.push(magic);
    };
    (1..=10).for_each(|magic| signal(&bridge, magic));
    copy(&original, &copied);
    let second = Bridge::open(&server.url(), "1.Demo", &copied);
    assert!(second.events().join("\n").contains("the journal was copied or moved here"));
    for magic in 1..=20 {
        signal(&bridge, 100 + magic);
        signal(&second, 200 + magic);
    }
    assert_eq!(magics(&server), given);
}

/// Set in a child of this test: `<config> <data folder>`.
const CHILD: &str = "MT5REDIS_TEST_CHILD";

/// Not a test of its own: the body of the process that the next test kills.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (config, folder) = task.split_once(' ').expect("two words");
    let bridge = Bridge::open(config, "1.Demo", Path::new(folder));
    for magic in 1.. {
        assert!(bridge.signal(&buy(magic)) > 0);
        println!("accepted {magic}");
    }
}

#[test]
fn a_journal_that_moves_after_a_kill_doubles_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [before, after] = ["before", "after"].map(|name| folder.path().join(name));
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, format!("{} {}", server.url(), before.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test again");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let enough = "accepted 5000";
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.ends_with(enough)), "the child died");
    // A fast machine accepts them all before the first connection.
    eventually("some are committed under the first name", || server.ask::<i64>("EXISTS ss:{0}:1.Demo") == 1);
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    fs::rename(&before, &after).expect("moved");
    let bridge = Bridge::open(&server.url(), "1.Demo", &after);
    let last = bridge.signal(&buy(0));
    bridge.settle();
    assert_eq!(sequences(&server), (1..=last).collect::<Vec<_>>());
    assert!(last > 5000);
    assert_eq!(server.ask::<Vec<String>>("KEYS wm:{0}:1.Demo:*").len(), 2, "the numbers had two names");
}

#[test]
fn a_name_that_another_uses_is_held_and_then_given_up() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    for magic in 1..=5 {
        assert_eq!(bridge.signal(&buy(magic)), magic);
    }
    bridge.settle();
    // Another machine with the same disk has gone further.
    server.ask::<()>(&format!("SET {} 7", watermark(&bridge)));
    bridge.signal(&buy(6));
    let mut events = String::new();
    eventually("it is told", || {
        events += &bridge.events().join("\n");
        events.contains("Restart this terminal")
    });
    bridge.signal(&buy(7));
    bridge.signal(&buy(8));
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTSS), 5);
    bridge.close(0);

    let config = format!("url = \"{}\"\n[pressure]\nquiet = \"200ms\"\n", server.url());
    let (_folder, config) = support::configuration(&config);
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    bridge.settle();
    assert_eq!(magics(&server), (1..=8).collect::<Vec<_>>());
}

#[test]
fn each_connection_lets_the_watermarks_live_on() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let watermark = watermark(&bridge);
    let ttl = || server.ask::<i64>(&format!("TTL {watermark}"));
    server.ask::<()>(&format!("EXPIRE {watermark} 100"));
    bridge.close(30_000);
    assert!(ttl() <= 100);
    let _again = Bridge::at(&server, "1.Demo");
    eventually("it has its full time", || ttl() > 3_000_000);
}
