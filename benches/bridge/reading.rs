//! How long a signal takes from the publishing call in one process to who acts on it in another: by a
//! subscription, as an Expert Advisor has it, and by a worker's reader, beside two bare pairs by hiredis. They
//! take turns, so that what else the machine does meets all of them; the figures are the middle ones of all turns. The
//! second pair has a thread that sends, as every call needs that must not wait for the network.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use mt5_redis::config::Config;
use mt5_redis::inbox::{Item, MT5REDIS_START_NEW, Start};
use mt5_redis::model::Signal;
use mt5_redis_worker::{Worker, WorkerOptions};
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
const WAYS: [&str; 4] = [
    "hiredis, XADD and XREADGROUP BLOCK",
    "hiredis, with a thread that appends what a call hands over",
    "to a subscription",
    "to a worker's reader",
];

/// What a turn measured.
struct Turn {
    p50_us: f64,
    p99_us: f64,
    /// What the server's processor worked for a signal, written and read, µs.
    server_us: f64,
}

pub fn measure(report: &mut Report) {
    let sources: &[usize] = if report.quick { &[1, 10] } else { &[1, 10, 100, 300] };
    let mut rows = measured(report, 1, "1, processors sleep");
    let _awake = Awake::keep();
    rows.extend(sources.iter().flat_map(|&sources| measured(report, sources, &sources.to_string())));
    let header = [
        "sources",
        "way",
        "p50 µs",
        "p99 µs",
        "ratio of p50",
        "ratio of p99",
        "server's processor, µs a signal",
    ];
    report.table("reading", &header, &rows);
}

/// Keeps the processors from sleeping between two signals, with programs of the idle class. It changes the bare pair as much
/// as what is compared with it, so its rows stand beside the plain ones and do not replace them.
struct Awake(Vec<Child>);

impl Awake {
    fn keep() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let spin = |_| Command::new("chrt").args(["-i", "0", "sh", "-c", "while :; do :; done"]).spawn();
        Self((0..processors).map(spin).map(|child| child.expect("chrt, of util-linux")).collect())
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The rows of so many sources, which give signals in turn.
fn measured(report: &Report, sources: usize, label: &str) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bare = peers::compile("reading.c", "reading", folder.path(), &["-lhiredis", "-pthread"]);
    let server = Server::start();
    let names: Vec<_> = (0..sources).map(|source| format!("{source}.Bench")).collect();
    // Each with a folder, and so with lanes, of its own, as 300 terminals are.
    let open = |name: &String| {
        let own = folder.path().join(name);
        fs::create_dir(&own).expect("a folder");
        Bridge::open(&server.url(), name, &own)
    };
    let bridges: Vec<_> = names.iter().map(open).collect();
    bridges.iter().for_each(|bridge| assert!(bridge.signal(&buy(0)) > 0));
    bridges.iter().for_each(Bridge::settle);
    let count = report.rounds(1000);
    let (port, number, streams) = (server.port.to_string(), count.to_string(), sources.to_string());
    let mut turns: [Vec<Turn>; 4] = Default::default();
    for turn in 0..TURNS {
        for (at, way) in ["write", "hand"].into_iter().enumerate() {
            let mut reader = Command::new(&bare);
            let group = format!("{way}-{turn}");
            let reading = Reading::start(reader.args(["read", &port, &number, &streams, &group]));
            let began = used_cpu_us(&server);
            let pause = PAUSE.as_micros().to_string();
            let written = Command::new(&bare).args([way, &port, &number, &streams, &pause]).status();
            assert!(written.is_ok_and(|status| status.success()), "the bare pair fails");
            turns[at].push(reading.end(count, began, &server));
        }

        for (at, way) in ["subscription", "reader"].into_iter().enumerate() {
            let this = std::env::current_exe().expect("this program");
            let mut process = Command::new(this);
            let (group, instances) = (format!("{way}-{turn}"), names.join(","));
            process.args(["reading-process", way, &number, &group, &instances, &server.url()]);
            let reading = Reading::start(&mut process);
            let began = used_cpu_us(&server);
            for bridge in bridges.iter().cycle().take(count) {
                thread::sleep(PAUSE);
                assert!(bridge.signal(&Signal { magic: now(), ..buy(0) }) > 0);
            }
            turns[at + 2].push(reading.end(count, began, &server));
        }
    }
    let row = |(way, figures): (&&str, &Vec<Turn>)| {
        let middle = |of: fn(&Turn) -> f64| median(figures.iter().map(of).collect());
        let ratio = |of: fn(&Turn) -> f64| {
            median(figures.iter().zip(&turns[0]).map(|(figure, bare)| of(figure) / of(bare)).collect())
        };
        vec![
            label.to_owned(),
            (*way).to_owned(),
            format!("{:.0}", middle(|turn| turn.p50_us)),
            format!("{:.0}", middle(|turn| turn.p99_us)),
            format!("{:.2}", ratio(|turn| turn.p50_us)),
            format!("{:.2}", ratio(|turn| turn.p99_us)),
            format!("{:.0}", middle(|turn| turn.server_us)),
        ]
    };
    WAYS.iter().zip(&turns).map(row).collect()
}

/// What the server's processor has worked since its start, µs.
fn used_cpu_us(server: &Server) -> f64 {
    let info = server.info("cpu");
    let seconds = |name: &str| -> f64 {
        let line = info.lines().find_map(|line| line.strip_prefix(name)).expect("the server's own time");
        line.trim().parse().expect("seconds")
    };
    (seconds("used_cpu_user:") + seconds("used_cpu_sys:")) * 1e6
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

    /// Waits for its end. `began` is what the server's processor had worked before.
    fn end(mut self, count: usize, began: f64, server: &Server) -> Turn {
        let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("valid bounds");
        for line in self.lines {
            times.saturating_record(line.expect("text").parse().expect("ns"));
        }
        assert!(self.child.wait().is_ok_and(|status| status.success()), "a reader failed");
        assert_eq!(times.len(), count as u64, "a reader missed signals");
        let at = |share| times.value_at_quantile(share) as f64 / 1000.0;
        Turn { p50_us: at(0.5), p99_us: at(0.99), server_us: (used_cpu_us(server) - began) / count as f64 }
    }
}

/// ns of a clock that all processes of a machine share.
fn now() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// The body of a reading process: prints what the bare reader does.
pub fn process(way: &str, count: &str, group: &str, instances: &str, url: &str) {
    let count = count.parse().expect("a number");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let times = match way {
        "subscription" => by_subscription(count, group, instances, url, folder.path()),
        _ => by_reader(count, group, url),
    };
    times.iter().for_each(|time| println!("{time}"));
}

fn by_subscription(count: usize, group: &str, instances: &str, url: &str, folder: &Path) -> Vec<i64> {
    let bridge = Bridge::open(url, "Follower", folder);
    let wants = Wants { follower: group, instances, start: MT5REDIS_START_NEW, ..Default::default() };
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
            None => std::hint::spin_loop(),
        }
    }
    times
}

fn by_reader(count: usize, group: &str, url: &str) -> Vec<i64> {
    let config = Config::read(url, "").expect("an address");
    let options = WorkerOptions {
        group: group.to_owned(),
        consumer: "one".into(),
        start: Start::New,
        prefetch: 256,
        take_over: None,
        delete: false,
    };
    let reader = Worker::start(&config, options, Arc::new(|line| eprintln!("{line}"))).expect("it starts");
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
