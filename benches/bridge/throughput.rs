//! What a lane carries: records a second from the first call to the last commit, for each kind and encoding,
//! beside hiredis that sends the very same bytes, formatted beforehand, and beside redis-benchmark.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mt5_redis::model::trade::*;

use crate::peers;
use crate::plot::Bars;
use crate::report::{Report, median, thousands};
use crate::support::bridge::{Bridge, buy, trade};
use crate::support::recorder::Recorder;
use crate::support::server::Server;
use crate::support::{configuration, eventually};

/// How many records hiredis has in a pipeline.
const BATCH: usize = 256;

/// Sends the record of this number. Heartbeats are not among them: those of one instance coalesce.
pub type Send = fn(&Bridge, i64) -> i64;

/// Openings and changes never coalesce: every record is written, as a hash and as an event.
pub const KINDS: [(&str, &str, Send); 3] = [
    ("signal", "rtss", |bridge, number| bridge.signal(&buy(number))),
    ("opening", "rts", |bridge, number| bridge.trade(&trade(number % 1000 + 1, MT5REDIS_EVENT_OPEN))),
    ("change", "rts", |bridge, number| bridge.trade(&trade(number % 1000 + 1, MT5REDIS_EVENT_CHANGE))),
];

pub fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipeline = peers::compile("pipeline.c", "pipeline", folder.path(), &["-lhiredis"]);
    let (mut rows, mut groups) = (Vec::new(), Vec::new());
    for (kind, lane, send) in &KINDS {
        for encoding in ["fields", "packed"] {
            let (transaction, bare) = batches(folder.path(), &settings("os", lane, encoding), BATCH, *send);
            for sync in ["os", "disk", "off"] {
                let mut rounds = Vec::new();
                for _ in 0..if report.quick { 1 } else { 3 } {
                    let server = Server::start();
                    let bridge =
                        rate(&server, &settings(sync, lane, encoding), report.rounds(400_000), *send);
                    let same = hiredis(&pipeline, &server, &transaction, report);
                    let bare = hiredis(&pipeline, &server, &bare, report);
                    rounds.push([bridge, same, bare]);
                }
                let of = |figure: fn(&[f64; 3]) -> f64| median(rounds.iter().map(figure).collect());
                let what = format!("{kind}, {encoding}, journal {sync}");
                let figures = [of(|round| round[0]), of(|round| round[1]), of(|round| round[2])];
                groups.push((what.clone(), figures.to_vec()));
                rows.push(vec![
                    what,
                    thousands(figures[0]),
                    thousands(figures[1]),
                    format!("{:.2}", of(|round| round[0] / round[1])),
                    thousands(figures[2]),
                    format!("{:.2}", of(|round| round[0] / round[2])),
                ]);
            }
        }
    }
    let header =
        ["records", "bridge", "hiredis, same transaction", "ratio", "hiredis, bare pipeline", "ratio"];
    report.table("throughput", &header, &rows);
    report.plot(&Bars {
        name: "throughput",
        title: "Records a second, from the first call to the last commit",
        series: &["bridge", "hiredis, same transaction", "hiredis, bare pipeline"],
        groups,
        logarithmic: false,
    });
    redis_benchmark(report);
}

/// The server's own limit by its own tool: one connection, the same pipeline, 130 bytes in one field.
fn redis_benchmark(report: &mut Report) {
    let server = Server::start();
    let output = Command::new("redis-benchmark")
        .args(["-p", &server.port.to_string(), "-c", "1", "-P", &BATCH.to_string(), "--csv"])
        .args(["-n", &report.rounds(1_000_000).to_string(), "XADD", "bench", "*", "d", &"x".repeat(130)])
        .output()
        .expect("redis-benchmark comes with the server");
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let rate = last.rsplit("\",\"").nth(6).or_else(|| last.split("\",\"").nth(1)).unwrap_or("0");
    let rows = [vec!["XADD of 130 bytes".into(), thousands(rate.trim_matches('"').parse().unwrap_or(0.0))]];
    report.table("redis-benchmark", &["command", "a second"], &rows);
}

fn settings(sync: &str, lane: &str, encoding: &str) -> String {
    format!("[journal]\nsync = \"{sync}\"\n[{lane}]\nqueue = 262144\nencoding = \"{encoding}\"\n")
}

/// Records a second of the bridge, from the first call to the last commit.
pub fn rate(server: &Server, settings: &str, count: usize, send: Send) -> f64 {
    let (folder, config) = configuration(&format!("url = \"{}\"\n{settings}", server.url()));
    let bridge = Bridge::open(&config, "1.Bench", folder.path());
    send(&bridge, 1);
    bridge.settle();
    let started = Instant::now();
    for number in 1..=count as i64 {
        while send(&bridge, number) < 0 {
            // Spinning would take the processor that the server needs.
            thread::sleep(Duration::from_millis(2));
        }
    }
    bridge.settle();
    count as f64 / started.elapsed().as_secs_f64()
}

/// A batch's bytes in a file, its replies, and how many records it has.
pub struct Formatted {
    pub file: PathBuf,
    pub replies: usize,
    records: usize,
}

/// What the bridge sends for so many records, whole and without the transaction around them.
pub fn batches(folder: &Path, settings: &str, count: usize, send: Send) -> (Formatted, Formatted) {
    let server = Server::start();
    let recorder = Recorder::before(server.port);
    let (data, config) = configuration(&format!("url = \"{}\"\n{settings}", recorder.url()));
    let bridge = Bridge::open(&config, "1.Bench", data.path());
    send(&bridge, 1);
    bridge.settle();
    recorder.commands();
    server.freeze();
    send(&bridge, 1);
    eventually("the first is under way", || !recorder.is_empty());
    (1..=count as i64).for_each(|number| assert!(send(&bridge, number) > 0));
    server.thaw();
    bridge.settle();
    let commands = recorder.commands();
    // A connection may end old watches by a transaction without records, so the one with all of them is looked for.
    let begins: Vec<_> = (0..commands.len()).filter(|&at| commands[at][0] == b"MULTI").collect();
    let ends = begins.iter().skip(1).copied().chain([commands.len()]);
    let of = |part: &[Vec<Vec<u8>>], name: &[u8]| part.iter().filter(|command| command[0] == name).count();
    let transaction = begins
        .iter()
        .zip(ends)
        .map(|(&begin, end)| &commands[begin..end])
        .filter(|part| of(part, b"HSET").max(of(part, b"XADD")) == count)
        .last()
        .expect("a transaction with all records");
    let is_wrapping = |command: &&Vec<Vec<u8>>| {
        ["MULTI", "EXEC", "SET", "WATCH", "XTRIM"].iter().any(|word| word.as_bytes() == command[0].as_slice())
    };
    let whole: Vec<_> = transaction.iter().collect();
    let bare: Vec<_> = transaction.iter().filter(|command| !is_wrapping(command)).collect();
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
        Formatted { file, replies: commands.len(), records: count }
    };
    (write("transaction", &whole), write("bare", &bare))
}

fn hiredis(program: &Path, server: &Server, batch: &Formatted, report: &Report) -> f64 {
    let _: String = server.ask("FLUSHALL");
    let rounds = report.rounds(400_000) / batch.records;
    let mut command = Command::new(program);
    command.arg(server.port.to_string()).arg(&batch.file);
    let seconds = peers::numbers(command.args([batch.replies.to_string(), rounds.to_string()]))[0];
    (rounds * batch.records) as f64 / seconds
}
