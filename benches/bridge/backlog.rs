//! Coming back: many records accepted while Redis was away, a terminal that starts with them in its journal,
//! and how fast and in how much memory they are drained, beside the lane's normal throughput.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::peers;
use crate::process::status_kib;
use crate::report::{Report, thousands};
use crate::support::bridge::{Bridge, buy};
use crate::support::configuration;
use crate::support::server::Server;
use crate::throughput;

pub fn measure(report: &mut Report) {
    let count = report.rounds(1_000_000);
    let settings = "[journal]\nmax_bytes = 1073741824\n";
    let normal =
        throughput::rate(&Server::start(), settings, count, |bridge, number| bridge.signal(&buy(number)));

    let mut server = Server::start();
    server.kill();
    let (folder, config) = configuration(&format!("url = \"{}\"\n{settings}", server.url()));
    let mut child = Command::new(env::current_exe().expect("this program"));
    child.args(["backlog-process", &count.to_string(), &config]).arg(folder.path());
    let [before, filled] = peers::numbers(&mut child)[..] else { panic!("two numbers") };

    // Listens before the drain is timed: its process waits for the first commit.
    server.restart();
    let mut child = Command::new(env::current_exe().expect("this program"));
    child.args(["drain-process", &count.to_string(), &config]).arg(folder.path());
    let [opened, rate, peak] = peers::numbers(&mut child)[..] else { panic!("three numbers") };
    let length: usize = server.ask("XLEN ss:{0}:1.Bench");
    assert_eq!(length, count, "every record is there, once");
    let rows = [
        vec!["records waiting".into(), thousands(count as f64)],
        vec!["normal throughput, records/s".into(), thousands(normal)],
        vec!["draining, records/s".into(), thousands(rate)],
        vec!["ratio".into(), format!("{:.2}", rate / normal)],
        vec!["own memory before, KiB".into(), thousands(before)],
        vec!["with all of them waiting".into(), thousands(filled)],
        vec!["at most while draining".into(), thousands(peak)],
        vec!["opening with a full journal, ms".into(), format!("{opened:.0}")],
    ];
    report.table("backlog", &["", "figure"], &rows);
}

/// The body of a child: accepts so many signals, and ends with all of them waiting.
pub fn process(count: &str, config: &str, folder: &str) {
    let bridge = Bridge::open(config, "1.Bench", Path::new(folder));
    let before = status_kib("RssAnon");
    let count: i64 = count.parse().expect("a number");
    (1..=count).for_each(|number| assert!(bridge.signal(&buy(number)) > 0));
    println!("{before} {}", status_kib("RssAnon"));
}

/// The body of a child: sends what an earlier one left, and says how long it took to open, in ms, how many records a
/// second that were, and how much memory it had at most.
pub fn drain(count: &str, config: &str, folder: &str) {
    let started = Instant::now();
    let bridge = Bridge::open(config, "1.Bench", Path::new(folder));
    let opened = started.elapsed();
    let draining = AtomicBool::new(true);
    let (rate, peak) = thread::scope(|scope| {
        let peak = scope.spawn(|| {
            let mut peak = 0.0_f64;
            while draining.load(Ordering::Relaxed) {
                peak = peak.max(status_kib("RssAnon"));
                thread::sleep(Duration::from_millis(20));
            }
            peak
        });
        // From the first commit: waiting for the server is not draining.
        while bridge.committed(2) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        let (started, first) = (Instant::now(), bridge.committed(2));
        bridge.settle();
        let count: f64 = count.parse().expect("a number");
        let rate = (count - first as f64) / started.elapsed().as_secs_f64();
        draining.store(false, Ordering::Relaxed);
        (rate, peak.join().expect("no panic"))
    });
    println!("{} {rate} {peak}", opened.as_secs_f64() * 1e3);
}
