//! A backlog: the server is away while a million signals are accepted, and takes them when it is back. The
//! memory of the process is watched, and the drain's rate compared with the lane's usual one.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::producer::{Producer, Task};
use super::scenario::{Scenario, Setting, short_or_long};
use crate::support::server::Server;

/// How much a backlog may add to memory that is not the journal's, KiB: the queue, a batch, its replies.
const ALLOWED_KIB: u64 = 16 * 1024;

pub fn drained(mut chaos: Scenario) {
    let count = short_or_long(15_000, 1_000_000);
    let server = Server::start();
    let setting = Setting { rts: &server.url(), rtss: &server.url(), journal: "max_bytes = 1073741824" };
    let task = Task { runs: false, states: false, ..chaos.task(&setting) };
    let mut producer = Producer::start(&task);
    let over = AtomicBool::new(false);
    let id = producer.id();
    thread::scope(|scope| {
        let peak = scope.spawn(|| {
            let mut peak = 0;
            while !over.load(Relaxed) {
                peak = peak.max(anonymous_kib(id));
                thread::park_timeout(Duration::from_millis(20));
            }
            peak
        });
        // As much again with the server there, for comparison.
        let usual = rate(&producer.order(&format!("run {count}")));
        let before = anonymous_kib(id);
        server.freeze();
        chaos.fault("outage");
        producer.order(&format!("send {count}"));
        let full = anonymous_kib(id);
        server.thaw();
        let drain = rate(&producer.order("drain"));
        over.store(true, Relaxed);
        let peak = peak.join().expect("no panic");
        chaos.remarks = format!(
            " rss_anon_kib=\"before {before}, with the backlog {full}, peak {peak}\" per_second=\"usual \
             {usual:.0}, drain {drain:.0}, ratio {:.2}\"",
            drain / usual
        );
        assert!(peak < before + ALLOWED_KIB, "{}", chaos.remarks);
    });
    producer.finish();
    chaos.judge(&server, &server);
}

/// From records and seconds.
fn rate(told: &str) -> f64 {
    let (records, seconds) = told.split_once(' ').expect("two numbers");
    records.parse::<f64>().expect("records") / seconds.parse::<f64>().expect("seconds")
}

/// A process's memory that is no file's, KiB.
fn anonymous_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse().expect("KiB")
}
