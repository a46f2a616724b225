//! A fleet on this machine: 100, 300 and 1,000 processes with the traffic of real terminals, then all of them
//! at once for five seconds. The bridges' processor time is told apart from the servers'.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use hdrhistogram::Histogram;
use mt5_redis::model::trade::*;

use crate::process::{processor_seconds, status_kib, threads, wakes};
use crate::report::{Report, median, thousands};
use crate::support::bridge::{Bridge, account, buy, trade};
use crate::support::configuration;
use crate::support::server::Server;

/// A terminal does something this often: one trade update each time, a signal every fourth, a heartbeat every
/// twentieth. That is 20, 5 and 1 a second.
const TICK: Duration = Duration::from_millis(50);
const BURST_SECONDS: u64 = 5;

/// The body of a child: one terminal. Prints its figures of the quiet phase and of the burst.
pub fn terminal(seconds: &str, start_ms: &str, burst: &str, config: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bridge = Bridge::open(config, &format!("{}.Bench", std::process::id()), folder.path());
    (1..=5).for_each(|id| assert!(bridge.trade(&trade(id, MT5REDIS_EVENT_OPEN)) > 0));
    let start = UNIX_EPOCH + Duration::from_millis(start_ms.parse().expect("ms"));
    thread::sleep(start.duration_since(SystemTime::now()).unwrap_or_default());
    let seconds: u64 = seconds.parse().expect("seconds");
    phase(&bridge, seconds, 1);
    phase(&bridge, BURST_SECONDS, burst.parse().expect("a factor"));
    bridge.flush(30_000);
}

fn phase(bridge: &Bridge, seconds: u64, factor: u64) {
    let mut calls = Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 2).expect("valid bounds");
    let (processor, woken) = (processor_seconds(), wakes());
    let start = Instant::now();
    let ticks = seconds * 1000 / TICK.as_millis() as u64;
    let mut refused = 0;
    for tick in 0..ticks {
        let mut call = |call: &dyn Fn() -> i64| {
            let started = Instant::now();
            refused += u64::from(call() < 0);
            calls.saturating_record(started.elapsed().as_nanos() as u64);
        };
        for turn in 0..factor {
            let state =
                TradeState { profit: tick as f64, ..trade((turn % 5) as i64 + 1, MT5REDIS_EVENT_CHANGE) };
            call(&|| bridge.trade(&state));
            if (tick * factor + turn).is_multiple_of(4) {
                call(&|| bridge.signal(&buy(tick as i64)));
            }
        }
        if tick.is_multiple_of(20) {
            call(&|| bridge.heartbeat(&account()));
        }
        let due = start + TICK * (tick as u32 + 1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let took = start.elapsed().as_secs_f64();
    let stats = bridge.stats();
    let of = |lane: &str, key: &str| stats[lane][key].as_f64().expect("a number");
    let waiting: f64 = ["ris", "rts", "rtss"].iter().map(|lane| of(lane, "waiting")).sum();
    println!(
        "{} {} {} {} {} {} {waiting} {refused}",
        (processor_seconds() - processor) / took * 100.0,
        status_kib("VmRSS"),
        threads(),
        (wakes() - woken) / took,
        calls.value_at_quantile(0.99),
        stats["rtss"]["exchange_us"]["p99"].as_f64().expect("µs"),
    );
}

pub fn measure(report: &mut Report) {
    let (sizes, seconds): (&[u64], u64) = if report.quick { (&[50], 3) } else { (&[100, 300, 1000], 15) };
    let mut rows = Vec::new();
    for &terminals in sizes {
        let servers = [Server::start(), Server::start(), Server::start()];
        let lanes = ["ris", "rts", "rtss"];
        let text: String = lanes
            .iter()
            .zip(&servers)
            .map(|(lane, server)| format!("[{lane}]\nurl = \"{}\"\n", server.url()))
            .collect();
        let (_folder, config) = configuration(&text);
        // Each start takes a few milliseconds of these cores.
        let ready = SystemTime::now() + Duration::from_millis(3000 + 15 * terminals);
        let ready_ms = ready.duration_since(UNIX_EPOCH).expect("after 1970").as_millis().to_string();
        let children: Vec<Child> = (0..terminals)
            .map(|_| {
                Command::new(env::current_exe().expect("this program"))
                    .args(["terminal", &seconds.to_string(), &ready_ms, "10", &config])
                    .stdout(Stdio::piped())
                    .spawn()
                    .expect("this program runs")
            })
            .collect();
        let server_seconds = || servers.iter().map(used_seconds).sum::<f64>();
        thread::sleep(ready.duration_since(SystemTime::now()).unwrap_or_default());
        let before = server_seconds();
        let connections: f64 =
            servers.iter().map(|server| info(server, "clients", "connected_clients:") - 1.0).sum();
        thread::sleep(Duration::from_secs(seconds));
        let quiet = (server_seconds() - before) / seconds as f64 * 100.0;
        let before = server_seconds();
        thread::sleep(Duration::from_secs(BURST_SECONDS));
        let busy = (server_seconds() - before) / BURST_SECONDS as f64 * 100.0;
        let outputs: Vec<Vec<Vec<f64>>> = children.into_iter().map(figures).collect();
        for (at, name, server_share) in [(0, "quiet", quiet), (1, "burst", busy)] {
            let all = |figure: usize| outputs.iter().map(|lines| lines[at][figure]).collect::<Vec<f64>>();
            let sum = |figure: usize| all(figure).iter().sum::<f64>();
            rows.push(vec![
                format!("{terminals}, {name}"),
                format!("{:.0} %", sum(0)),
                format!("{server_share:.0} %"),
                format!("{} KiB", thousands(median(all(1)))),
                format!("{}", median(all(2))),
                format!("{:.1}", median(all(3))),
                format!("{connections}"),
                format!("{:.1}", median(all(4)) / 1000.0),
                format!("{:.1}", median(all(5)) / 1000.0),
                format!("{}", sum(6)),
                format!("{}", sum(7)),
            ]);
        }
    }
    let header = [
        "terminals",
        "processes, of a core",
        "servers, of a core",
        "memory each",
        "threads each",
        "wake-ups/s each",
        "connections",
        "p99 of a call, µs",
        "p99 of a commit, ms",
        "waiting at the end",
        "refused",
    ];
    report.table("fleet", &header, &rows);
}

/// The two lines a terminal printed.
fn figures(mut child: Child) -> Vec<Vec<f64>> {
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    assert!(child.wait().expect("it ends").success(), "a terminal failed");
    let numbers = |line: &str| line.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    text.lines().map(numbers).collect()
}

fn used_seconds(server: &Server) -> f64 {
    info(server, "cpu", "used_cpu_sys:") + info(server, "cpu", "used_cpu_user:")
}

fn info(server: &Server, section: &str, name: &str) -> f64 {
    let text: String = server.ask(&format!("INFO {section}"));
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("always there");
    line.trim().parse().expect("a number")
}
