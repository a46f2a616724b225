//! How long a copy takes from the source's deal to the follower's order, with AccountPublisher and SignalFollower in the
//! stand-in terminal under Wine, beside a bare hand-over through the same Redis: one client appends the same entry to a
//! stream, another waits for it. They take turns, so that what else the machine does meets both.

use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use redis::Value;
use redis::streams::{StreamId, StreamReadReply};

use crate::report::{Report, median, thousands};
use crate::support::server::Server;
use crate::support::wine;

const TURNS: usize = 5;
const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

pub fn measure(report: &mut Report) {
    if wine::left_out() {
        return;
    }
    let count = report.rounds(1000) / TURNS;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let server = Server::start();
        let [timers, eager] = copies(&server, count);
        let bare = hand_over(&server, count);
        turns.push([timers, eager, bare]);
    }
    let middle = |of: &dyn Fn(&[[f64; 2]; 3]) -> f64| median(turns.iter().map(of).collect());
    let row = |(at, way): (usize, &str)| {
        let figures = [0, 1].map(|share| thousands(middle(&|turn| turn[at][share])));
        let ratios = [0, 1].map(|share| format!("{:.1}", middle(&|turn| turn[at][share] / turn[2][share])));
        [way.to_owned()].into_iter().chain(figures).chain(ratios).collect::<Vec<_>>()
    };
    let ways = [
        "a copy, with a timer of 20 ms",
        "a copy, where the timer comes at once",
        "bare Redis, XADD and XREAD BLOCK",
    ];
    let header = ["way", "p50 µs", "p99 µs", "ratio of p50", "ratio of p99"];
    report.table("copying", &header, &ways.into_iter().enumerate().map(row).collect::<Vec<_>>());
}

/// Half and 99 of a hundred took no longer.
fn shares(times: impl Iterator<Item = u64>) -> [f64; 2] {
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("valid bounds");
    times.for_each(|time| histogram.saturating_record(time));
    [0.5, 0.99].map(|share| histogram.value_at_quantile(share) as f64)
}

/// Copies in the stand-in terminal: with the follower's timer, and without its wait.
fn copies(server: &Server, count: usize) -> [[f64; 2]; 2] {
    let mut command = Command::new(format!("{PROJECT}/target/python/bin/python"));
    command.arg(format!("{PROJECT}/tests/mql5/run.py")).args(["copying", &count.to_string()]);
    command.arg("--library").arg(wine::library()).args(["--redis", &server.port.to_string()]);
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    ["timers", "eager"].map(|way| {
        let line = text.lines().find_map(|line| line.strip_prefix(way)).expect("a line of times");
        let times: Vec<u64> = line.split_whitespace().map(|word| word.parse().expect("µs")).collect();
        assert_eq!(times.len(), count, "{text}");
        shares(times.into_iter())
    })
}

/// The bare hand-over of what the publisher sent last, with its pauses.
fn hand_over(server: &Server, count: usize) -> [f64; 2] {
    let entry = sent_last(server);
    let (came, coming) = mpsc::channel();
    let mut reader = server.client();
    thread::spawn(move || {
        let mut last = "0".to_owned();
        loop {
            let mut command = redis::cmd("XREAD");
            command.arg(&["BLOCK", "0", "STREAMS", "bare", &last]);
            let Ok(reply) = command.query::<StreamReadReply>(&mut reader) else { return };
            let now = Instant::now();
            last.clone_from(&reply.keys[0].ids[0].id);
            if came.send(now).is_err() {
                return;
            }
        }
    });
    let mut writer = server.client();
    let times: Vec<u64> = (0..count)
        .map(|_| {
            thread::sleep(Duration::from_micros(fastrand::u64(5_000..25_000)));
            let mut command = redis::cmd("XADD");
            command.arg(&["bare", "*"]);
            for (field, value) in &entry {
                command.arg(field).arg(value);
            }
            let began = Instant::now();
            command.exec(&mut writer).expect("it is appended");
            let ended: Instant = coming.recv_timeout(Duration::from_secs(10)).expect("it comes");
            (ended - began).as_micros() as u64
        })
        .collect();
    shares(times.into_iter())
}

/// The fields of the newest signal.
fn sent_last(server: &Server) -> Vec<(String, Vec<u8>)> {
    let mut client = server.client();
    let keys: Vec<String> = redis::cmd("KEYS").arg("ss:{0}:*").query(&mut client).expect("the streams");
    let mut newest = redis::cmd("XREVRANGE");
    newest.arg(&[&keys[0], "+", "-", "COUNT", "1"]);
    let entries: Vec<StreamId> =
        newest.query::<redis::streams::StreamRangeReply>(&mut client).expect("signals").ids;
    let bytes = |value| match value {
        Value::BulkString(bytes) => bytes,
        other => panic!("a field is {other:?}"),
    };
    entries[0].map.clone().into_iter().map(|(field, value)| (field, bytes(value))).collect()
}
