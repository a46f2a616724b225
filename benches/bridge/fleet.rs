//! A fleet on this machine: 100, 300 and 1,000 processes with the traffic of real terminals, then all of them
//! at once for five seconds. The bridges' processor time is told apart from the servers'.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use hdrhistogram::Histogram;
use mt5_redis::model::trade::*;

use crate::peers;
use crate::plot::Bars;
use crate::process::{processor_seconds, status_kib, threads, wakes};
use crate::report::{Report, median, thousands};
use crate::support::bridge::{Bridge, account, buy, trade};
use crate::support::configuration;
use crate::support::server::Server;
use crate::throughput;

/// A terminal does something this often: one trade update each time, a signal every fourth, a heartbeat every
/// twentieth. That is 20, 5 and 1 a second.
const TICK: Duration = Duration::from_millis(50);
const BURST_SECONDS: u64 = 5;
const RECORDS_A_SECOND: u64 = 26;

/// The body of a child: one terminal. Prints its figures of the quiet phase and of the burst.
pub fn terminal(seconds: &str, start_ms: &str, burst: &str, config: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = format!("{}.Bench", std::process::id());
    let bridge = (!config.is_empty()).then(|| Bridge::open(config, &name, folder.path()));
    if let Some(bridge) = &bridge {
        (1..=5).for_each(|id| assert!(bridge.trade(&trade(id, MT5REDIS_EVENT_OPEN)) > 0));
    }
    let start = UNIX_EPOCH + Duration::from_millis(start_ms.parse().expect("ms"));
    // Terminals do not tick in step.
    let offset = TICK * (std::process::id() % 64) / 64;
    thread::sleep((start + offset).duration_since(SystemTime::now()).unwrap_or_default());
    let seconds: u64 = seconds.parse().expect("seconds");
    phase(bridge.as_ref(), seconds, 1);
    if let Some(bridge) = &bridge {
        phase(Some(bridge), BURST_SECONDS, burst.parse().expect("a factor"));
        bridge.flush(30_000);
    }
}

fn phase(bridge: Option<&Bridge>, seconds: u64, factor: u64) {
    let mut calls = Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 2).expect("valid bounds");
    let (processor, woken) = (processor_seconds(), wakes());
    let start = Instant::now();
    let ticks = seconds * 1000 / TICK.as_millis() as u64;
    let mut refused = 0;
    for tick in 0..ticks {
        let mut call = |call: &dyn Fn(&Bridge) -> i64| {
            let Some(bridge) = bridge else { return };
            let started = Instant::now();
            refused += u64::from(call(bridge) < 0);
            calls.saturating_record(started.elapsed().as_nanos() as u64);
        };
        for turn in 0..factor {
            let state =
                TradeState { profit: tick as f64, ..trade((turn % 5) as i64 + 1, MT5REDIS_EVENT_CHANGE) };
            call(&|bridge| bridge.trade(&state));
            if (tick * factor + turn).is_multiple_of(4) {
                call(&|bridge| bridge.signal(&buy(tick as i64)));
            }
        }
        if tick.is_multiple_of(20) {
            call(&|bridge| bridge.heartbeat(&account()));
        }
        let due = start + TICK * (tick as u32 + 1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let took = start.elapsed().as_secs_f64();
    let share = (processor_seconds() - processor) / took * 100.0;
    let (memory, threads, woken) = (status_kib("VmRSS"), threads(), (wakes() - woken) / took);
    let mut figures = vec![share, memory, threads as f64, woken];
    if let Some(bridge) = bridge {
        let stats = bridge.stats();
        let of = |key: &str| {
            let lanes = ["ris", "rts", "rtss"].map(|lane| stats[lane][key].as_f64().expect("a number"));
            lanes.iter().sum::<f64>()
        };
        let commit = stats["rtss"]["exchange_us"]["p99"].as_f64().expect("µs");
        figures.extend([
            calls.value_at_quantile(0.99) as f64,
            commit,
            of("waiting"),
            of("thinned"),
            refused as f64,
        ]);
    }
    println!("{}", figures.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
}

pub fn measure(report: &mut Report) {
    let (sizes, seconds): (&[u64], u64) = if report.quick { (&[50], 3) } else { (&[100, 300, 1000], 10) };
    let (mut rows, mut groups) = (Vec::new(), Vec::new());
    for &terminals in sizes {
        let servers = [Server::start(), Server::start(), Server::start()];
        let lanes = ["ris", "rts", "rtss"];
        let text: String = lanes
            .iter()
            .zip(&servers)
            .map(|(lane, server)| format!("[{lane}]\nurl = \"{}\"\n", server.url()))
            .collect();
        let (_folder, config) = configuration(&text);
        let empty: f64 = {
            let (ready, children) = start(terminals, seconds, "");
            thread::sleep(ready.duration_since(SystemTime::now()).unwrap_or_default());
            children.into_iter().map(|child| figures(child)[0][0]).sum()
        };
        let (ready, children) = start(terminals, seconds, &config);
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
            groups.push((format!("{terminals} terminals, {name}"), vec![sum(0), server_share]));
            rows.push(vec![
                format!("{terminals}, {name}"),
                format!("{:.0} %", sum(0)),
                if at == 0 { format!("{empty:.0} %") } else { String::new() },
                format!("{server_share:.0} %"),
                format!("{} KiB", thousands(median(all(1)))),
                format!("{}", median(all(2))),
                format!("{:.1}", median(all(3))),
                format!("{connections}"),
                format!("{:.1}", median(all(4)) / 1000.0),
                format!("{:.1}", median(all(5)) / 1000.0),
                format!("{}", sum(6)),
                format!("{}", sum(7)),
                format!("{}", sum(8)),
            ]);
        }
    }
    let terminals = sizes[sizes.len() / 2];
    let [clients, server_share] = with_hiredis(terminals, seconds);
    let mut row = vec![format!("{terminals}, hiredis instead"), format!("{clients:.0} %"), String::new()];
    row.push(format!("{server_share:.0} %"));
    row.resize(12, String::new());
    rows.push(row);
    let header = [
        "terminals",
        "processes, of a core",
        "without the library",
        "servers, of a core",
        "memory each",
        "threads each",
        "wake-ups/s each",
        "connections",
        "p99 of a call, µs",
        "p99 of a commit, ms",
        "waiting at the end",
        "thinned out",
        "refused",
    ];
    report.table("fleet", &header, &rows);
    report.plot(&Bars {
        name: "fleet",
        title: "Processor time, % of a core",
        series: &["all terminals together", "three Redis servers"],
        groups,
        logarithmic: false,
    });
}

/// Starts terminals that begin all at once. Returns when.
fn start(terminals: u64, seconds: u64, config: &str) -> (SystemTime, Vec<Child>) {
    // Each start takes a few milliseconds of these cores.
    let ready = SystemTime::now() + Duration::from_millis(3000 + 15 * terminals);
    let ready_ms = ready.duration_since(UNIX_EPOCH).expect("after 1970").as_millis().to_string();
    let terminal = |_| {
        Command::new(env::current_exe().expect("this program"))
            .args(["terminal", &seconds.to_string(), &ready_ms, "10", config])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs")
    };
    (ready, (0..terminals).map(terminal).collect())
}

/// What the least takes that could do it: processes that send as many transactions of a trade state by hiredis,
/// formatted beforehand, and wait for each answer. Returns the share of a core of these and of the servers.
fn with_hiredis(terminals: u64, seconds: u64) -> [f64; 2] {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = peers::compile("pipeline.c", "pipeline", folder.path(), &["-lhiredis"]);
    let (one, _) = throughput::batches(folder.path(), "", 1, |bridge, number| {
        bridge.trade(&TradeState { profit: number as f64, ..trade(1, MT5REDIS_EVENT_CHANGE) })
    });
    let servers = [Server::start(), Server::start(), Server::start()];
    let rounds = (RECORDS_A_SECOND * seconds).to_string();
    let pause = (1_000_000 / RECORDS_A_SECOND).to_string();
    let client = |at: u64| {
        let port = servers[at as usize % servers.len()].port.to_string();
        let mut command = Command::new(&program);
        command.arg(port).arg(&one.file).args([&one.replies.to_string(), &rounds, &pause]);
        command.stdout(Stdio::piped()).spawn().expect("it starts")
    };
    let began = Instant::now();
    let children: Vec<Child> = (0..terminals).map(client).collect();
    let shares = children.into_iter().map(|child| {
        let numbers = &figures(child)[0];
        numbers[3] / numbers[0] * 100.0
    });
    let clients = shares.sum();
    let served = servers.iter().map(used_seconds).sum::<f64>();
    [clients, served / began.elapsed().as_secs_f64() * 100.0]
}

/// The lines of figures that a process printed.
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
