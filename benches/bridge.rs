//! What a call costs, what a lane carries, and what an idle library takes; `make bench` runs it.
//!
//! Ratios are measured side by side in one run: these figures mean little on another machine, the ratios
//! more. Nothing is judged here; `docs/performance.md` says what the project aims at.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use hdrhistogram::Histogram;
use mt5_redis::model::trade::*;
use nix::sys::resource::{UsageWho, getrusage};
use support::bridge::{Bridge, account, buy, trade};
use support::recorder::Recorder;
use support::server::Server;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["idle-empty", seconds, _] => idle(None, seconds),
        ["idle-bridge", seconds, url] => idle(Some(url), seconds),
        _ => {
            calls();
            throughput();
            idle_processes();
        }
    }
}

/// A configuration with room for a burst, so that the queue's end is not what is measured.
fn roomy(url: &str) -> (tempfile::TempDir, String) {
    let queue = "queue = 262144\n";
    support::configuration(&format!("url = \"{url}\"\n[ris]\n{queue}[rts]\n{queue}[rtss]\n{queue}"))
}

fn calls() {
    println!("A call, ns (an empty measurement is in the first row, and in every other)\n");
    println!("| call | p50 | p99 | p99.9 | max |\n|---|---|---|---|---|");
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Bench");
    let state = trade(1, MT5REDIS_EVENT_PRICE);
    row("nothing", bursts(1000, &bridge, || 1));
    for (name, sync) in [("no journal", "off"), ("journal", "os"), ("journal on disk", "disk")] {
        let text =
            format!("url = \"{}\"\n[journal]\nsync = \"{sync}\"\n[rtss]\nqueue = 4096\n", server.url());
        let (folder, config) = support::configuration(&text);
        let bridge = Bridge::open(&config, "1.Bench", folder.path());
        row(&format!("signal, worker busy, {name}"), bursts(2000, &bridge, || bridge.signal(&buy(1))));
    }
    row("trade state, worker busy", bursts(1000, &bridge, || bridge.trade(&state)));
    row("heartbeat, worker busy", bursts(50, &bridge, || bridge.heartbeat(&account())));
    let pause = Duration::from_millis(1);
    row("nothing, every 1 ms", measure(3000, pause, || 1));
    row("bare crossbeam, its thread parked, every 1 ms", bare_wake(pause));
    row("signal, worker parked, every 1 ms", measure(3000, pause, || bridge.signal(&buy(1))));
    println!();
}

/// Times each call of bursts that fit into the lane's queue.
fn bursts(length: u32, bridge: &Bridge, mut call: impl FnMut() -> i64) -> Histogram<u64> {
    let mut all = measure(length, Duration::ZERO, &mut call);
    for _ in 0..200 {
        bridge.settle();
        all += measure(length, Duration::ZERO, &mut call);
    }
    bridge.settle();
    all
}

/// What waking a parked thread costs on this machine by itself: a record of a signal's size into a bare
/// channel.
fn bare_wake(pause: Duration) -> Histogram<u64> {
    let (sender, receiver) = crossbeam_channel::bounded::<[u8; 280]>(64);
    let consumer = thread::spawn(move || while receiver.recv().is_ok() {});
    let times = measure(3000, pause, || i64::from(sender.try_send([0; 280]).is_ok()));
    drop(sender);
    consumer.join().expect("no panic");
    times
}

/// Times each call; a refused one would be another measurement.
fn measure(count: u32, pause: Duration, mut call: impl FnMut() -> i64) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("the bounds are valid");
    for _ in 0..count {
        // Not asleep: what is measured is the call, not how fast this thread wakes up.
        let pause_ends = Instant::now() + pause;
        while Instant::now() < pause_ends {
            std::hint::spin_loop();
        }
        let started = Instant::now();
        let answer = call();
        histogram.saturating_record(started.elapsed().as_nanos() as u64);
        assert!(answer > 0, "{answer}: {}", support::bridge::last_error());
    }
    histogram
}

fn row(name: &str, times: Histogram<u64>) {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| times.value_at_quantile(quantile));
    println!("| {name} | {p50} | {p99} | {p999} | {} |", times.max());
}

/// Sends the record of this number.
type Send = fn(&Bridge, i64) -> i64;

fn throughput() {
    println!("Throughput of a lane, records/s, beside hiredis with the same bytes already formatted\n");
    println!("| records | bridge | hiredis, same transaction | ratio | hiredis, bare pipeline | ratio |");
    println!("|---|---|---|---|---|---|");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("pipeline");
    let compiled = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&program)
        .args([concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pipeline.c"), "-lhiredis"])
        .status();
    assert!(compiled.is_ok_and(|status| status.success()), "cc and libhiredis-dev are needed");
    let kinds: [(&str, Send); 2] = [
        ("signal, packed", |bridge, number| bridge.signal(&buy(number))),
        // An open is never coalesced: every record is written.
        ("trade state, fields", |bridge, number| {
            bridge.trade(&trade(number % 1000 + 1, MT5REDIS_EVENT_OPEN))
        }),
    ];
    for (name, send) in kinds {
        let mut rounds = Vec::new();
        for _ in 0..5 {
            let server = Server::start();
            let bridge = bridge_rate(&server, 400_000, send);
            let (transaction, bare) = batches(folder.path(), send);
            let same = hiredis_rate(&program, &server, &transaction);
            let bare = hiredis_rate(&program, &server, &bare);
            rounds.push((bridge / same, bridge, same, bridge / bare, bare));
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (ratio, bridge, same, ratio_bare, bare) = rounds[rounds.len() / 2];
        println!("| {name} | {bridge:.0} | {same:.0} | {ratio:.2} | {bare:.0} | {ratio_bare:.2} |");
    }
    println!();
}

fn bridge_rate(server: &Server, count: i64, send: Send) -> f64 {
    let (folder, config) = roomy(&server.url());
    let bridge = Bridge::open(&config, "1.Bench", folder.path());
    send(&bridge, 1);
    bridge.settle();
    let started = Instant::now();
    for number in 1..=count {
        while send(&bridge, number) < 0 {
            // Spinning would take the processor that the server needs.
            thread::sleep(Duration::from_millis(2));
        }
    }
    bridge.settle();
    count as f64 / started.elapsed().as_secs_f64()
}

/// A batch's bytes in a file, its replies, and how many records it has.
struct Formatted {
    file: std::path::PathBuf,
    replies: usize,
    records: usize,
}

/// What the bridge sends for 256 records, whole and without the transaction around them.
fn batches(folder: &std::path::Path, send: Send) -> (Formatted, Formatted) {
    let server = Server::start();
    let recorder = Recorder::before(server.port);
    let (data, config) = roomy(&recorder.url());
    let bridge = Bridge::open(&config, "1.Bench", data.path());
    send(&bridge, 1);
    bridge.settle();
    recorder.commands();
    server.freeze();
    send(&bridge, 1);
    support::eventually("the first is under way", || !recorder.is_empty());
    (1..=256).for_each(|number| assert!(send(&bridge, number) > 0));
    server.thaw();
    bridge.settle();
    let commands = recorder.commands();
    let last = commands.iter().rposition(|command| command[0] == b"MULTI").expect("a transaction");
    let is_wrapping = |command: &&Vec<Vec<u8>>| {
        ["MULTI", "EXEC", "SET", "XTRIM"].iter().any(|word| word.as_bytes() == command[0].as_slice())
    };
    let whole: Vec<_> = commands[last..].iter().collect();
    let bare: Vec<_> = commands[last..].iter().filter(|command| !is_wrapping(command)).collect();
    let write = |name: &str, commands: &[&Vec<Vec<u8>>]| {
        let mut bytes = Vec::new();
        for command in commands {
            bytes.extend(format!("*{}\r\n", command.len()).bytes());
            for argument in *command {
                bytes.extend(format!("${}\r\n", argument.len()).bytes());
                bytes.extend_from_slice(argument);
                bytes.extend(b"\r\n");
            }
        }
        let file = folder.join(name);
        fs::write(&file, bytes).expect("a file");
        Formatted { file, replies: commands.len(), records: 256 }
    };
    (write("transaction", &whole), write("bare", &bare))
}

fn hiredis_rate(program: &std::path::Path, server: &Server, batch: &Formatted) -> f64 {
    let _: String = server.ask("FLUSHALL");
    let rounds = 400_000 / batch.records;
    let output = Command::new(program)
        .arg(server.port.to_string())
        .arg(&batch.file)
        .args([batch.replies.to_string(), rounds.to_string()])
        .output()
        .expect("compiled above");
    assert!(output.status.success(), "hiredis failed: {:?}", output.status);
    let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds");
    (rounds * batch.records) as f64 / seconds
}

/// The body of a child: an empty process, or one with the library and a heartbeat a second.
fn idle(url: Option<&str>, seconds: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bridge = url.map(|url| Bridge::open(url, "1.Bench", folder.path()));
    if let Some(bridge) = &bridge {
        bridge.heartbeat(&account());
        bridge.signal(&buy(1));
        bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
        bridge.settle();
    }
    let before = processor_seconds();
    for _ in 0..seconds.parse::<u32>().expect("seconds") {
        thread::sleep(Duration::from_secs(1));
        if let Some(bridge) = &bridge {
            bridge.heartbeat(&account());
        }
    }
    println!("{} {}", processor_seconds() - before, resident_kib());
}

fn idle_processes() {
    const SECONDS: u32 = 20;
    let server = Server::start();
    let run = |mode: &str| {
        let child = Command::new(env::current_exe().expect("this program"))
            .args([mode, &SECONDS.to_string(), &server.url()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs");
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8(output.stdout).expect("text");
        let (seconds, kib) = text.trim().split_once(' ').expect("two numbers");
        (seconds.parse::<f64>().expect("seconds"), kib.parse::<f64>().expect("KiB"))
    };
    let (empty, bridge) = thread::scope(|scope| {
        let empty = scope.spawn(|| run("idle-empty"));
        let bridge = run("idle-bridge");
        (empty.join().expect("no panic"), bridge)
    });
    println!("An idle terminal, one heartbeat a second for {SECONDS} s\n");
    println!("| | processor | resident memory |\n|---|---|---|");
    println!("| empty process | {:.3} % | {:.0} KiB |", empty.0 / f64::from(SECONDS) * 100.0, empty.1);
    println!("| with the library | {:.3} % | {:.0} KiB |", bridge.0 / f64::from(SECONDS) * 100.0, bridge.1);
    println!(
        "| the library | {:.3} % | {:.0} KiB |",
        (bridge.0 - empty.0) / f64::from(SECONDS) * 100.0,
        bridge.1 - empty.1
    );
}

fn processor_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("our own usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its own line");
    line.trim().trim_end_matches(" kB").parse().expect("KiB")
}
