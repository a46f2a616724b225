//! The frame of a scenario: its seed, its folders and configuration, the faults it counts, and the judgement
//! at its end in one line.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::time::Instant;

use redis::Connection;
use tempfile::TempDir;

use super::content::INSTANCES;
use super::events;
use super::ledger::{self, Call, Outcome};
use super::oracle::{self, Gone, Verdict};
use super::producer::Task;
use super::reader;
use crate::support::server::Server;

/// Whether `make chaos` asks for the long form, and the first seed that was asked for.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}: pass a number")))
}

/// One of two numbers: for the short form, which is part of `cargo test`, or for the long one.
pub fn short_or_long(short: u64, long: u64) -> u64 {
    if number("CHAOS_ROUNDS").is_some() { long } else { short }
}

/// Runs a scenario with one seed, or with as many as `CHAOS_ROUNDS` says from `CHAOS_SEED` on.
pub fn seeds(name: &'static str, body: impl Fn(Scenario)) {
    let first = number("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    for seed in first..first + number("CHAOS_ROUNDS").unwrap_or(1).max(1) {
        body(Scenario::new(name, seed));
    }
}

/// A scenario under way. Dropped in a panic it says how to repeat it.
pub struct Scenario {
    name: &'static str,
    pub seed: u64,
    pub dice: fastrand::Rng,
    folder: TempDir,
    started: Instant,
    faults: BTreeMap<&'static str, u64>,
    /// More for the line, such as a rate.
    pub remarks: String,
}

/// Where the lanes write, and what else the configuration says.
pub struct Setting<'a> {
    pub rts: &'a str,
    pub rtss: &'a str,
    /// Lines of the table `[journal]`.
    pub journal: &'a str,
}

impl Scenario {
    fn new(name: &'static str, seed: u64) -> Self {
        Self {
            name,
            seed,
            dice: fastrand::Rng::with_seed(seed),
            folder: TempDir::new().expect("a temporary folder"),
            started: Instant::now(),
            faults: BTreeMap::new(),
            remarks: String::new(),
        }
    }

    /// What a producer of this scenario does. Encodings and batches are drawn.
    pub fn task(&mut self, setting: &Setting) -> Task {
        let mut lane = |name: &str, url: &str, more: &str| {
            let encoding = if self.dice.bool() { "fields" } else { "packed" };
            let records = self.dice.choice([32, 128, 512]).expect("one");
            let queue = self.dice.choice([16, 512]).expect("one");
            format!(
                "[{name}]\nurl = \"{url}\"\nencoding = \"{encoding}\"\nbatch_records = {records}\nqueue = {queue}\n\
                 connect_timeout = \"300ms\"\nreply_timeout = \"400ms\"\n{more}"
            )
        };
        let text = [
            format!("[ris]\nurl = \"{}\"\n", setting.rts),
            lane("rts", setting.rts, ""),
            lane("rtss", setting.rtss, "max_length = 100000000\n"),
            format!("[journal]\n{}\n", setting.journal),
        ]
        .concat();
        fs::write(self.path("mt5-redis.toml"), text).expect("a file");
        fs::create_dir_all(self.path("ledger")).expect("a folder");
        Task {
            seed: self.seed,
            config: self.path("mt5-redis.toml"),
            data: self.path("data"),
            ledger: self.path("ledger"),
            runs: true,
            burst: 200,
            pause_us: short_or_long(40_000, 8_000),
            states: true,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Counts a fault that was done.
    pub fn fault(&mut self, kind: &'static str) {
        self.faults_of(kind, 1);
    }

    pub fn faults_of(&mut self, kind: &'static str, count: u64) {
        *self.faults.entry(kind).or_default() += count;
    }

    /// What the callers wrote down.
    pub fn calls(&self) -> Vec<Call> {
        let calls = ledger::read(&self.path("ledger"), INSTANCES.len());
        let code = |call: &Call| match call.outcome {
            Outcome::Refused(code) => Some(code),
            _ => None,
        };
        let refused = calls.iter().find_map(code);
        assert_eq!(refused, None, "there is room, and every call is a valid one");
        calls
    }

    /// What the library told, one event a line.
    pub fn events(&self) -> String {
        fs::read_to_string(self.path("ledger/events")).unwrap_or_default()
    }

    /// Judges what is in Redis. All calls must have been made, and committed.
    pub fn judge(self, rts: &Server, rtss: &Server) {
        self.judge_all(&mut [rts.client()], &mut [rtss.client()]);
    }

    /// The same, where each lane has several servers.
    pub fn judge_all(self, rts: &mut [Connection], rtss: &mut [Connection]) {
        let calls = self.calls();
        let mut verdict = oracle::trades(self.seed, &calls, &reader::positions(rts));
        verdict += events::events(self.seed, &calls, &reader::events(rts));
        verdict += oracle::signals(self.seed, &calls, &reader::signals(rtss), 0, &Gone::Nothing);
        self.conclude(verdict);
    }

    /// Prints the line and fails unless all is well and every kind of fault was really done.
    pub fn conclude(self, verdict: Verdict) {
        let faults: Vec<_> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let line = format!(
            "chaos {}: seed={} accepted={} in_redis={} lost={} duplicated={} out_of_order={} wrong={} \
             faults=\"{}\" reconnects={} seconds={:.1}{}",
            self.name,
            self.seed,
            verdict.accepted,
            verdict.found,
            verdict.lost,
            verdict.duplicated,
            verdict.out_of_order,
            verdict.wrong,
            faults.join(", "),
            self.events().lines().filter(|line| is_reconnect(line)).count(),
            self.started.elapsed().as_secs_f64(),
            self.remarks
        );
        tell(&line);
        assert!(verdict.is_clean(), "{line}\n{}", verdict.examples.join("\n"));
        assert!(verdict.accepted > 0 && verdict.found > 0, "nothing happened");
        assert!(!faults.is_empty() && self.faults.values().all(|&count| count > 0), "{faults:?}");
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let events = self.events();
            let last: Vec<_> = events.lines().rev().take(20).collect();
            tell(&format!(
                "chaos {}: FAILED; again with CHAOS_SEED={}; the last events, newest first:\n{}",
                self.name,
                self.seed,
                last.join("\n")
            ));
        }
    }
}

/// Whether a line tells of a connection after a trouble, such as `rts: connected to 127.0.0.1:6379 after 0.1 s`.
fn is_reconnect(line: &str) -> bool {
    line.contains(": connected to ") && line.contains(" after ")
}

/// Past the capture of the test harness: the line is wanted of a test that passes too.
pub fn tell(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
