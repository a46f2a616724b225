//! Accounts that copy another through the real library: also with one that is killed, and what the check of the copies
//! finds.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use mt5_redis::config::Config;
use mt5fleet::history::{self, Execution};
use mt5fleet::ledger::Ledger;
use mt5fleet::library;
use mt5fleet::oracle::copies::{self, Copies, Following};
use mt5fleet::simulate::terminal::instance;
use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use support::{eventually, servers};
use tempfile::TempDir;

/// The source's place; the others follow it.
const SOURCE: u32 = 0;

/// Servers, and a folder for the terminals' files.
struct World {
    servers: Servers,
    folder: TempDir,
    config: String,
}

impl World {
    fn start() -> Self {
        let servers = servers();
        let config = servers.config_file().to_str().unwrap().to_owned();
        Self { servers, folder: tempfile::tempdir().unwrap(), config }
    }

    fn file(&self, index: u32, extension: &str) -> PathBuf {
        self.folder.path().join(format!("terminal-{index}.{extension}"))
    }

    /// Starts a terminal, or starts it again.
    fn terminal(&self, index: u32, seconds: u32, rate: u32) -> Terminal {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
        command.args(["terminal", "--seed", "1", "--signal-rate", "20", "--config", &self.config]);
        command.args(["--index", &index.to_string(), "--seconds", &seconds.to_string()]);
        command.args(["--rate", &rate.to_string()]);
        command.arg("--library").arg(library::default_path().unwrap());
        command.arg("--ledger").arg(self.file(index, "jsonl"));
        match index {
            SOURCE => command.arg("--publish"),
            _ => command.args(["--follow", &instance(SOURCE)]),
        };
        Terminal(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn executions(&self, index: u32) -> Vec<Execution> {
        history::read(&self.file(index, "history")).unwrap()
    }

    fn signals(&self) -> usize {
        Ledger::read(&self.file(SOURCE, "jsonl")).unwrap().signals.len()
    }

    fn following(&self, index: u32) -> Following {
        Following { follower: instance(index), source: instance(SOURCE), executions: self.executions(index) }
    }

    fn check(&self, followings: &[Following]) -> Copies {
        let ledger = Ledger::read(&self.file(SOURCE, "jsonl")).unwrap();
        copies::check(&Config::read(&self.config, "").unwrap(), &[ledger], followings).unwrap()
    }

    /// Asks the server of rts what one would type into redis-cli.
    fn ask<T: redis::FromRedisValue>(&self, command: &str) -> T {
        let mut words = command.split(' ');
        let mut ask = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            ask.arg(word);
        });
        ask.query(&mut connect(self.servers.ports()[1]).unwrap()).unwrap()
    }
}

/// A terminal's process.
struct Terminal(Child);

impl Terminal {
    /// Waits until a source ends.
    fn wait(&mut self) {
        assert!(self.0.wait().unwrap().success());
    }

    /// Lets a follower end with this many signals.
    fn end_with(&mut self, signals: usize) {
        writeln!(self.0.stdin.take().unwrap(), "{signals}").unwrap();
        self.wait();
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A follower dies twice while its source trades, once more when all is over, and then has what the other one has.
#[test]
fn a_follower_that_is_killed_reaches_the_same_copies_and_executes_nothing_twice() {
    let mut world = World::start();
    // Its positions are read from either encoding.
    let toml = world.servers.toml().replace("[rts]\n", "[rts]\nencoding = \"packed\"\n");
    world.config = world.folder.path().join("site.toml").to_str().unwrap().to_owned();
    fs::write(&world.config, toml).unwrap();

    let mut steady = world.terminal(1, 1, 1);
    let mut killed = world.terminal(2, 1, 1);
    let mut source = world.terminal(SOURCE, 8, 5);
    for _ in 0..2 {
        let before = world.executions(2).len();
        eventually("it has copied more", || world.executions(2).len() > before + 3);
        killed.kill();
        killed = world.terminal(2, 1, 1);
    }
    source.wait();
    let signals = world.signals();
    eventually("it has copied all", || world.executions(2).len() == signals);
    killed.kill();
    world.terminal(2, 1, 1).end_with(signals);
    steady.end_with(signals);

    let copies = world.check(&[world.following(1), world.following(2)]);
    assert!(copies.is_good(), "{copies:#?}");
    assert_eq!((copies.sources, copies.followers, copies.copied), (1, 2, 2 * signals as u64));
    assert!(copies.open >= 6, "{copies:#?}");
    let orders = |index| {
        let executions = world.executions(index).into_iter();
        executions.map(|it| (it.sequence, it.position, it.volume.to_bits())).collect::<Vec<_>>()
    };
    assert_eq!(orders(1), orders(2));
}

/// Each case plants one fault where all was right.
#[test]
fn a_copy_that_is_not_what_its_position_is_is_found() {
    let world = World::start();
    let mut follower = world.terminal(1, 1, 1);
    world.terminal(SOURCE, 3, 5).wait();
    follower.end_with(world.signals());
    let clean = world.following(1);
    let good = world.check(std::slice::from_ref(&clean));
    assert!(good.is_good(), "{good:#?}");

    let (source, follower) = (instance(SOURCE), instance(1));
    let copy = world.ask::<Vec<i64>>(&format!("SMEMBERS to:{{{follower}}}"))[0];
    let key = format!("ts:{{{follower}}}:{copy}");
    let comment: String = world.ask(&format!("HGET {key} co"));
    let position = comment.strip_prefix(&source).unwrap().trim_start().to_owned();
    let [volume, side, symbol] =
        ["vo", "sd", "sy"].map(|name| world.ask::<String>(&format!("HGET {key} {name}")));
    let other = if side == "b" { "s" } else { "b" };
    let planted = |plant: &str, undo: &str| {
        world.ask::<redis::Value>(plant);
        let found = world.check(std::slice::from_ref(&clean));
        world.ask::<redis::Value>(undo);
        found
    };
    let counts =
        |copies: &Copies| [copies.missing, copies.surplus, copies.wrong, copies.uncopied, copies.repeated];
    for (plant, undo, expected, words) in [
        (
            format!("HSET {key} vo 77.5"),
            format!("HSET {key} vo {volume}"),
            [0, 0, 1, 0, 0],
            "has vo \"77.5\"",
        ),
        (format!("HSET {key} sd {other}"), format!("HSET {key} sd {side}"), [0, 0, 1, 0, 0], "has sd"),
        (format!("HSET {key} sy X"), format!("HSET {key} sy {symbol}"), [0, 0, 1, 0, 0], "has sy \"X\""),
        (
            format!("SREM to:{{{follower}}} {copy}"),
            format!("SADD to:{{{follower}}} {copy}"),
            [1, 0, 0, 0, 0],
            "has no copy of position",
        ),
        (
            format!("SADD to:{{{follower}}} 1"),
            format!("SREM to:{{{follower}}} 1"),
            [0, 1, 0, 0, 0],
            "position 1 of 5000002.Fleet-Demo, \"\", is a copy of nothing",
        ),
        (
            format!("SREM to:{{{source}}} {position}"),
            format!("SADD to:{{{source}}} {position}"),
            [0, 1, 0, 0, 0],
            "is a copy of nothing that is open at 5000001.Fleet-Demo",
        ),
        (
            format!("RENAME {key} elsewhere"),
            format!("RENAME elsewhere {key}"),
            [1, 1, 0, 0, 0],
            "has no copy of position",
        ),
    ] {
        let found = planted(&plant, &undo);
        assert!(!found.is_good(), "{plant} was not found");
        assert_eq!(counts(&found), expected, "{plant}: {found:#?}");
        assert!(found.findings.iter().any(|finding| finding.contains(words)), "{plant}: {found:#?}");
    }
    // A second copy of one position.
    world.ask::<redis::Value>(&format!("COPY {key} ts:{{{follower}}}:1"));
    let found = planted(&format!("SADD to:{{{follower}}} 1"), &format!("SREM to:{{{follower}}} 1"));
    assert_eq!(counts(&found), [0, 1, 0, 0, 0], "{found:#?}");
    assert!(found.findings[0].contains("twice"), "{found:#?}");

    type Change = fn(&mut Vec<Execution>);
    let cases: [(Change, _, _); 3] = [
        (|executions| drop(executions.pop()), [0, 0, 0, 1, 0], "did not execute signal"),
        (|executions| executions.extend(executions.last().cloned()), [0, 0, 0, 0, 1], "a second time"),
        (|executions| executions[0].producer += 1, [0, 0, 0, 1, 1], "was never given"),
    ];
    for (change, expected, words) in cases {
        let mut following = clean.clone();
        change(&mut following.executions);
        let found = world.check(&[following]);
        assert_eq!(counts(&found), expected, "{found:#?}");
        assert!(found.findings.iter().any(|finding| finding.contains(words)), "{found:#?}");
    }
    assert_eq!(world.check(std::slice::from_ref(&clean)), good, "every fault was undone");
    assert!(!world.check(&[]).is_good(), "no copies prove nothing");
}

/// What it prints, and whether it succeeded.
fn printed(arguments: &[&str], folder: &Path) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    command.args(arguments).env("TMPDIR", folder).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().unwrap();
    (String::from_utf8([stdout, stderr].concat()).unwrap(), status.success())
}

fn run(arguments: &[&str], folder: &Path) -> String {
    let (told, good) = printed(arguments, folder);
    assert!(good, "{told}");
    told
}

/// The value of `name=` in the last line.
fn number(told: &str, name: &str) -> u64 {
    let last = told.lines().last().unwrap();
    let value = last.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {last:?}")).parse().unwrap()
}

fn expect_copies(told: &str) {
    assert!(number(told, "copies") >= 9 && number(told, "copied") >= 9, "{told}");
    for none in ["missing", "surplus", "wrong", "uncopied", "repeated"] {
        assert_eq!(number(told, none), 0, "{told}");
    }
    assert!(told.contains("3 accounts copy 1: "), "{told}");
}

/// A second fleet at the same servers has the accounts' names and numbers of positions of the first.
#[test]
fn simulated_accounts_copy_their_sources_also_where_others_did_before() {
    let world = World::start();
    let temporary = TempDir::new().unwrap();
    for _ in 0..2 {
        let simulate = ["simulate", "--copy", "--terminals", "3", "--seconds", "2", "--signal-rate", "20"];
        let told = run(&[&simulate[..], &["--config", &world.config]].concat(), temporary.path());
        assert!(told.lines().last().unwrap().starts_with("simulate ok: terminals=3 "), "{told}");
        expect_copies(&told);
    }
}

/// The records of accounts that copy are checked as all others are.
#[test]
fn a_demo_of_accounts_that_copy_is_well() {
    let temporary = TempDir::new().unwrap();
    let told = run(&["demo", "--copy", "--terminals", "3", "--seconds", "3"], temporary.path());
    assert!(told.lines().last().unwrap().starts_with("demo ok: terminals=3 accepted="), "{told}");
    assert_eq!(number(&told, "accepted"), number(&told, "committed"), "{told}");
    assert_eq!(number(&told, "sources"), 1, "{told}");
    expect_copies(&told);
}

/// Another terminal acts under the name of one of two followers, so that one copies nothing.
#[test]
fn a_fleet_with_a_follower_that_copies_nothing_has_failed_and_says_what_is_missing() {
    let world = World::start();
    let temporary = TempDir::new().unwrap();
    let lease = format!("fl:{{{}}}", instance(1));
    let mut redis = connect(world.servers.ports()[2]).unwrap();
    redis::cmd("SET").arg(lease).arg("0123 elsewhere").arg("EX").arg(600).exec(&mut redis).unwrap();
    let simulate = ["simulate", "--copy", "--terminals", "2", "--seconds", "1", "--config", &world.config];
    let (told, good) = printed(&simulate, temporary.path());
    assert!(!good && told.lines().last().unwrap().starts_with("simulate failed: terminals=2 "), "{told}");
    assert!(number(&told, "missing") >= 3 && number(&told, "copies") >= 3, "{told}");
    assert_eq!(number(&told, "uncopied"), number(&told, "copied"), "{told}");
    assert!(told.contains("5000002.Fleet-Demo did not execute signal 1 of 5000001.Fleet-Demo"), "{told}");
}
