//! How long a signal takes from the publishing call in one process to who acts on it in another: by a
//! subscription, as an Expert Advisor has it, and by a worker's reader, beside a bare pair by hiredis. The three
//! take turns, so that what else the machine does meets all of them; the figures are the middle ones of all turns.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use mt5_redis::config::Config;
use mt5_redis::inbox::{Item, MT5REDIS_START_NEW, Options, Reader, Start};
use mt5_redis::model::Signal;
use nix::time::{ClockId, clock_gettime};

use crate::peers;
use crate::report::{Report, median};
use crate::support::bridge::{Bridge, buy};
use crate::support::follower::{Wants, next, reads, subscribe};
use crate::support::server::Server;

/// How often they take turns.
const TURNS: usize = 10;
/// Between two signals.
const PAUSE: Duration = Duration::from_millis(1);

pub fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bare = peers::compile("reading.c", "reading", folder.path(), &["-lhiredis"]);
    let server = Server::start();
    let bridge = Bridge::open(&server.url(), "1.Bench", folder.path());
    bridge.signal(&buy(0));
    bridge.settle();
    let count = report.rounds(1000);
    let ways = ["hiredis, XADD and XREADGROUP BLOCK", "to a subscription", "to a worker's reader"];
    let mut turns: [Vec<[f64; 2]>; 3] = Default::default();
    for turn in 0..TURNS {
        let group = format!("turn-{turn}");
        let mut reader = Command::new(&bare);
        let (port, number) = (server.port.to_string(), count.to_string());
        let reading = Reading::start(reader.args(["read", &port, &group, &number]));
        let pause = PAUSE.as_micros().to_string();
        let written = Command::new(&bare).args(["write", &port, &number, &pause]).status();
        assert!(written.is_ok_and(|status| status.success()), "the bare pair fails");
        turns[0].push(reading.end(count));

        for (at, way) in ["subscription", "reader"].into_iter().enumerate() {
            let this = std::env::current_exe().expect("this program");
            let mut process = Command::new(this);
            process.args(["reading-process", way, &number, &format!("{way}-{turn}"), &server.url()]);
            let reading = Reading::start(&mut process);
            for _ in 0..count {
                thread::sleep(PAUSE);
                bridge.signal(&Signal { magic: now(), ..buy(0) });
            }
            turns[at + 1].push(reading.end(count));
        }
    }
    let rows: Vec<Vec<String>> = ways
        .iter()
        .zip(&turns)
        .map(|(way, figures)| {
            let middle = |which: usize| median(figures.iter().map(|figure| figure[which]).collect());
            let ratio = |which: usize| {
                let pairs = figures.iter().zip(&turns[0]);
                median(pairs.map(|(figure, bare)| figure[which] / bare[which]).collect())
            };
            vec![
                (*way).to_owned(),
                format!("{:.0}", middle(0)),
                format!("{:.0}", middle(1)),
                format!("{:.2}", ratio(0)),
                format!("{:.2}", ratio(1)),
            ]
        })
        .collect();
    report.table("reading", &["way", "p50 µs", "p99 µs", "ratio of p50", "ratio of p99"], &rows);
}

/// A process that reads, and what it prints.
struct Reading {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Reading {
    /// Starts it and waits until it reads.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ready = lines.next().expect("a line").expect("text");
        assert_eq!(ready, "ready", "{command:?}");
        Self { child, lines }
    }

    /// Waits for its end. Returns the p50 and p99 of its times, µs.
    fn end(mut self, count: usize) -> [f64; 2] {
        let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("valid bounds");
        for line in self.lines {
            times.saturating_record(line.expect("text").parse().expect("ns"));
        }
        assert!(self.child.wait().is_ok_and(|status| status.success()), "a reader failed");
        assert_eq!(times.len(), count as u64, "a reader missed signals");
        [0.5, 0.99].map(|share| times.value_at_quantile(share) as f64 / 1000.0)
    }
}

/// ns of a clock that all processes of a machine share.
fn now() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// The body of a reading process: prints what the bare reader does.
pub fn process(way: &str, count: &str, group: &str, url: &str) {
    let count = count.parse().expect("a number");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let times = match way {
        "subscription" => by_subscription(count, group, url, folder.path()),
        _ => by_reader(count, group, url),
    };
    times.iter().for_each(|time| println!("{time}"));
}

fn by_subscription(count: usize, group: &str, url: &str, folder: &Path) -> Vec<i64> {
    let bridge = Bridge::open(url, "2.Bench", folder);
    let wants =
        Wants { follower: group, instances: "1.Bench", start: MT5REDIS_START_NEW, ..Default::default() };
    assert_eq!(subscribe(&bridge, &wants), 0);
    reads(&bridge);
    println!("ready");
    let mut times = Vec::new();
    while times.len() < count {
        match next(&bridge).expect("no gap") {
            Some(got) => {
                times.push(now() - got.signal.magic);
                mt5_redis::abi::mt5redis_acknowledge(bridge.handle, got.signal.number);
            }
            // A terminal's timer looks every 10 ms at best; that wait is not the library's.
            None => thread::yield_now(),
        }
    }
    times
}

fn by_reader(count: usize, group: &str, url: &str) -> Vec<i64> {
    let config = Config::read(url, "").expect("an address");
    let options = Options {
        group: group.to_owned(),
        consumer: "one".into(),
        start: Start::New,
        prefetch: 256,
        take_over: None,
        delete: false,
    };
    let reader = Reader::start(&config, options, Arc::new(|line| eprintln!("{line}"))).expect("it starts");
    while reader.reading() == 0 {
        reader.next(Duration::from_millis(1));
    }
    println!("ready");
    let mut times = Vec::new();
    while times.len() < count {
        if let Some(Item::Signal(delivery)) = reader.next(Duration::from_secs(1)) {
            times.push(now() - delivery.signal.signal.magic);
            reader.acknowledge(delivery.place);
        }
    }
    reader.stop();
    times
}
