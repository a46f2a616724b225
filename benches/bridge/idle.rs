//! What a terminal with nothing to do takes: one heartbeat a second on three connected lanes, beside an
//! empty process.

use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use mt5_redis::model::trade::MT5REDIS_EVENT_OPEN;

use crate::process::{processor_seconds, status_kib, threads, wakes};
use crate::report::{Report, thousands};
use crate::support::bridge::{Bridge, account, buy, trade};
use crate::support::server::Server;

/// The body of a child: an empty process, or one with the library and a heartbeat a second.
pub fn process(url: &str, seconds: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bridge = (!url.is_empty()).then(|| Bridge::open(url, "1.Bench", folder.path()));
    if let Some(bridge) = &bridge {
        bridge.heartbeat(&account());
        bridge.signal(&buy(1));
        bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
        bridge.settle();
    }
    let seconds: u32 = seconds.parse().expect("seconds");
    let (processor, woken) = (processor_seconds(), wakes());
    for _ in 0..seconds {
        thread::sleep(Duration::from_secs(1));
        if let Some(bridge) = &bridge {
            bridge.heartbeat(&account());
        }
    }
    let share = (processor_seconds() - processor) / f64::from(seconds) * 100.0;
    let woken = (wakes() - woken) / f64::from(seconds);
    println!("{share} {woken} {} {}", status_kib("VmRSS"), threads());
}

pub fn measure(report: &mut Report) {
    let seconds = if report.quick { "3" } else { "30" };
    let server = Server::start();
    let run = |url: &str| {
        let child = Command::new(env::current_exe().expect("this program"))
            .args(["idle-process", seconds, url])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs");
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8(output.stdout).expect("text");
        text.split_whitespace().map(|word| word.parse().expect("a number")).collect::<Vec<f64>>()
    };
    let (empty, full) = thread::scope(|scope| {
        let empty = scope.spawn(|| run(""));
        let full = run(&server.url());
        (empty.join().expect("no panic"), full)
    });
    let row = |name: &str, numbers: &[f64]| {
        vec![
            name.to_owned(),
            format!("{:.3} %", numbers[0]),
            format!("{:.1}", numbers[1]),
            format!("{} KiB", thousands(numbers[2])),
            format!("{}", numbers[3]),
        ]
    };
    let difference: Vec<f64> = full.iter().zip(&empty).map(|(full, empty)| full - empty).collect();
    let header = ["process", "of a core", "wake-ups/s", "resident memory", "threads"];
    let rows = [
        row("empty, one wake-up a second", &empty),
        row("with the library, one heartbeat a second", &full),
        row("the library", &difference),
    ];
    report.table("idle", &header, &rows);
}
