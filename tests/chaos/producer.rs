//! The process that makes the calls: this test's own binary run again, so that it can be killed. It opens the
//! library through its C ABI and writes down each answer in its [`Ledger`](super::ledger::Ledger).

use std::fs::File;
use std::io::{BufRead, BufReader, Write, stdin};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use mt5_redis::abi::{MT5REDIS_LANE_RTS, MT5REDIS_LANE_RTSS};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::content::{self, INSTANCES};
use super::ledger::{self, Lane, Ledger};
use crate::support::bridge::{Bridge, account, last_error};
use crate::support::eventually;

/// Set in a child of this test: a [`Task`].
const TASK: &str = "MT5REDIS_CHAOS_TASK";
/// Before everything that a child says: the test harness prints lines of its own.
const SAYS: &str = "producer says ";

/// What a producer is to do.
#[derive(Clone, Serialize, Deserialize)]
pub struct Task {
    pub seed: u64,
    pub config: PathBuf,
    pub data: PathBuf,
    pub ledger: PathBuf,
    /// Whether the callers call until they are told to end, or one calls when it is told to.
    pub runs: bool,
    /// Calls are made in bursts of up to so many at full rate,
    pub burst: usize,
    /// with pauses of up to so many microseconds between them.
    pub pause_us: u64,
    /// The callers send trade states too.
    pub states: bool,
}

/// A caller of the library.
struct Caller {
    task: Task,
    index: usize,
    bridge: Bridge,
    ledger: Ledger,
    events: File,
    next: [u64; 2],
    dice: fastrand::Rng,
}

impl Caller {
    fn start(task: &Task, index: usize) -> Self {
        let config = task.config.to_str().expect("a plain path");
        let bridge = Bridge::open(config, INSTANCES[index], &task.data);
        let past = ledger::read_one(&task.ledger, index);
        let ledger = Ledger::open(&task.ledger, index);
        let next = [Lane::Rts, Lane::Rtss].map(|lane| ledger::next(&past, lane));
        let events = File::options().create(true).append(true).open(task.ledger.join("events"));
        let seed = task.seed ^ (next[0] << 40) ^ (next[1] << 8) ^ index as u64;
        Self {
            task: task.clone(),
            index,
            bridge,
            ledger,
            events: events.expect("a file"),
            next,
            dice: fastrand::Rng::with_seed(seed),
        }
    }

    /// Makes calls one after the other, as fast as it can.
    fn burst(&mut self, length: usize) {
        let mut lane = self.intend();
        self.ledger.write();
        for left in (0..length).rev() {
            let number = self.next[lane as usize];
            let answer = match lane {
                Lane::Rts if let Some(call) = content::deal(self.task.seed, self.index, number) => {
                    self.bridge.deal_of(&call.numbers, call.symbol, call.comment)
                }
                Lane::Rts => {
                    let call = content::trade(self.task.seed, self.index, number);
                    self.bridge.trade_of(&call.numbers, call.symbol, call.comment)
                }
                Lane::Rtss => {
                    let call = content::signal(self.task.seed, self.index, number);
                    self.bridge.signal_of(&call.numbers, call.symbol, call.comment)
                }
            };
            self.ledger.answered(lane, number, answer);
            self.next[lane as usize] += 1;
            if left > 0 {
                lane = self.intend();
            }
            self.ledger.write();
        }
    }

    fn intend(&mut self) -> Lane {
        let lane = if self.task.states && self.dice.bool() { Lane::Rts } else { Lane::Rtss };
        self.ledger.intend(lane, self.next[lane as usize]);
        lane
    }

    /// Passes on what the library tells. One caller does, since all are told the same.
    fn listen(&mut self) {
        if self.index == 0 {
            for line in self.bridge.events() {
                writeln!(self.events, "{line}").expect("the disk has room");
            }
        }
    }

    fn run(mut self, end: &AtomicBool) {
        while !end.load(Relaxed) {
            let length = self.dice.usize(1..=self.task.burst);
            self.burst(length);
            // Outside the guarantee, but on the way of the other lanes.
            self.bridge.heartbeat(&account());
            self.listen();
            thread::park_timeout(Duration::from_micros(self.dice.u64(0..=self.task.pause_us)));
        }
        self.finish();
    }

    fn finish(mut self) {
        settle(&self.bridge);
        self.listen();
        if self.index == 0 {
            say(&self.bridge.stats().to_string());
        }
        assert!(self.bridge.close(20_000) >= 0, "the library ends");
    }
}

fn say(what: &str) {
    println!("\n{SAYS}{what}");
}

/// The body of the child; does nothing in any other process.
pub fn body() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: Task = serde_json::from_str(&task).expect("a task");
    let end = AtomicBool::new(false);
    if !task.runs {
        return obey(Caller::start(&task, 0));
    }
    // All of them first: if one cannot start, this process ends, where a scope would wait for the others.
    let callers: Vec<_> = (0..INSTANCES.len()).map(|index| Caller::start(&task, index)).collect();
    thread::scope(|scope| {
        for caller in callers {
            let end = &end;
            scope.spawn(move || caller.run(end));
        }
        say("started");
        // A line, or the end of the process that started this one.
        let _ = stdin().read_line(&mut String::new());
        end.store(true, Relaxed);
    });
}

/// Makes calls when it is told to: `run <count>` until all is committed, `send <count>` without waiting for
/// that, `drain` to wait for it, or the end.
fn obey(mut caller: Caller) {
    say("started");
    for line in stdin().lines().map_while(Result::ok) {
        match line.split_once(' ') {
            Some(("send", count)) => {
                caller.burst(count.parse().expect("a count"));
                say("sent");
            }
            Some(("run", count)) => {
                let started = Instant::now();
                caller.burst(count.parse().expect("a count"));
                settle(&caller.bridge);
                say(&format!("{count} {}", started.elapsed().as_secs_f64()));
            }
            _ if line == "drain" => say(&drain(&caller.bridge)),
            _ => break,
        }
    }
    caller.finish();
}

/// Waits until all is committed, for as long as it goes on: a server that has each batch on its disk takes some
/// thousand records a second.
fn settle(bridge: &Bridge) {
    let committed = || bridge.committed(MT5REDIS_LANE_RTS) + bridge.committed(MT5REDIS_LANE_RTSS);
    let mut before = -1;
    // Heartbeats are outside the guarantee.
    while bridge.flush(60_000) < 0 {
        let text = last_error();
        assert!(committed() > before, "nothing goes on: {text}");
        before = committed();
    }
}

/// Waits until all is committed. Returns records and seconds from the first commit on.
fn drain(bridge: &Bridge) -> String {
    let lane = MT5REDIS_LANE_RTSS;
    let (accepted, before) = (bridge.accepted("rtss"), bridge.committed(lane));
    eventually("commits go on", || bridge.committed(lane) > before.min(accepted - 1));
    let (first, started) = (bridge.committed(lane), Instant::now());
    settle(bridge);
    format!("{} {}", bridge.committed(lane) - first, started.elapsed().as_secs_f64())
}

/// A running producer, seen from the test.
pub struct Producer {
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Producer {
    /// Starts one; it may be killed at once.
    pub fn spawn(task: &Task) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this test"))
            .args(["producer", "--exact", "--nocapture"])
            .env(TASK, serde_json::to_string(task).expect("JSON"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test again");
        let orders = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, orders, answers }
    }

    /// Starts one and waits until it has opened the library.
    pub fn start(task: &Task) -> Self {
        let mut producer = Self::spawn(task);
        assert_eq!(producer.hear(), "started");
        producer
    }

    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            let length = self.answers.read_line(&mut line).expect("text");
            assert!(length > 0, "the producer ended: {:?}", self.process.wait());
            if let Some(what) = line.trim_end().strip_prefix(SAYS) {
                return what.to_owned();
            }
        }
    }

    pub fn order(&mut self, what: &str) -> String {
        writeln!(self.orders.as_ref().expect("running"), "{what}").expect("it listens");
        self.hear()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Stops all of its threads where they are.
    pub fn freeze(&self) {
        kill(Pid::from_raw(self.process.id() as i32), Signal::SIGSTOP).expect("our own child");
    }

    /// Lets it commit everything and end. Returns its statistics.
    pub fn finish(mut self) -> serde_json::Value {
        self.orders.take();
        let stats = serde_json::from_str(&self.hear()).expect("JSON");
        let status = self.process.wait().expect("our own child");
        assert!(status.success(), "{status}");
        stats
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.end();
    }
}
