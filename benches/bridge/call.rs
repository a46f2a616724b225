//! What a call costs its caller, beside libzmq, librdkafka and synchronous hiredis: `call.c` measures them
//! all by the same clock, this starts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peers;
use crate::plot::Bars;
use crate::report::{Report, thousands};
use crate::support::port::free_port;
use crate::support::server::Server;

/// What is called, its name in `call.c`, and the journal's setting where it is the bridge.
const CALLS: [(&str, &str, &str); 9] = [
    ("nothing, the clock itself", "none", ""),
    ("signal", "signal", "os"),
    ("signal, journal on disk", "signal", "disk"),
    ("signal, no journal", "signal", "off"),
    ("trade state", "trade", "os"),
    ("heartbeat", "heartbeat", ""),
    ("zmq_send", "zmq", ""),
    ("rd_kafka_produce", "rdkafka", ""),
    ("hiredis XADD, synchronous", "hiredis", ""),
];

pub fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start();
    let patterns = [
        ("burst", "burst", "1", 200_000, Some(("A call in a burst, ns (logarithmic)", "call-burst"))),
        ("burst, four threads", "burst", "4", 50_000, None),
        (
            "20,000 a second",
            "20000",
            "1",
            40_000,
            Some(("A call, 20,000 a second, ns (logarithmic)", "call-paced")),
        ),
        ("20,000 a second each, four threads", "20000", "4", 20_000, None),
        ("100 a second", "100", "1", 300, None),
        ("100 a second each, four threads", "100", "4", 300, None),
    ];
    let programs: Vec<PathBuf> = CALLS.iter().map(|(_, peer, _)| compile(peer, folder.path())).collect();
    let mut rows = Vec::new();
    for (name, pattern, threads, calls, drawing) in patterns {
        let mut measured = Vec::new();
        for ((what, peer, sync), program) in CALLS.iter().zip(&programs) {
            // A synchronous call is a hundred times slower; a tenth of them tells as much.
            let calls = if *peer == "hiredis" && calls > 300 { calls / 10 } else { calls };
            // A burst is a thousand.
            let least = if pattern == "burst" { 1000 } else { 30 };
            let calls = report.rounds(calls).max(least).to_string();
            let mut command = Command::new(program);
            command.args([pattern, threads, &calls]);
            let data = tempfile::tempdir().expect("a temporary folder");
            target(&mut command, peer, sync, &server, data.path());
            measured.push((*what, peers::numbers(&mut command)));
        }
        let mean_of = |peer: &str| measured.iter().find(|(what, _)| *what == peer).expect("measured").1[0];
        let (zmq, hiredis) = (mean_of("zmq_send"), mean_of("hiredis XADD, synchronous"));
        if let Some((title, file)) = drawing {
            report.plot(&Bars {
                name: file,
                title,
                series: &["median", "99 of 100", "999 of 1,000"],
                groups: measured
                    .iter()
                    .map(|(what, numbers)| ((*what).into(), numbers[1..4].into()))
                    .collect(),
                logarithmic: true,
            });
        }
        for (what, numbers) in &measured {
            let mut row = vec![format!("{what}, {name}")];
            row.extend(numbers[..5].iter().map(|&number| thousands(number)));
            row.push(format!("{:.2}", numbers[5]));
            row.push(format!("{:.2}", numbers[0] / zmq));
            row.push(format!("{:.3}", numbers[0] / hiredis));
            rows.push(row);
        }
    }
    let header =
        ["call", "mean ns", "p50", "p99", "p99.9", "max", "allocations", "mean / zmq_send", "mean / hiredis"];
    report.table("call", &header, &rows);
    instructions(report, &programs, &server);
}

/// Instructions the caller executes, counted by valgrind: the difference of two runs.
fn instructions(report: &mut Report, programs: &[PathBuf], server: &Server) {
    let mut rows = Vec::new();
    let mut empty = 0.0;
    for ((what, peer, sync), program) in CALLS.iter().zip(programs) {
        // Its broker runs in the same process and would be counted too; a synchronous call is the kernel's.
        if *sync == "disk" || matches!(*peer, "rdkafka" | "hiredis") {
            continue;
        }
        let count = |calls: usize| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let out = folder.path().join("out");
            let mut command = Command::new("valgrind");
            command.args(["--tool=callgrind", "--separate-threads=yes", "--quiet"]);
            command.arg(format!("--callgrind-out-file={}", out.display())).arg(program);
            command.args(["burst", "1", &calls.to_string()]);
            target(&mut command, peer, sync, server, folder.path());
            peers::numbers(&mut command);
            // The first thread is the one that calls.
            let text = fs::read_to_string(folder.path().join("out-01")).expect("callgrind's file");
            let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
            total.expect("a total").trim().parse::<f64>().expect("a number")
        };
        // Each of the calls is made twice: timed and untimed.
        let each = (count(12_000) - count(4_000)) / 8_000.0 / 2.0;
        if *peer == "none" {
            empty = each;
        } else {
            rows.push(vec![(*what).to_owned(), thousands(each - empty)]);
        }
    }
    report.table("instructions", &["call", "instructions"], &rows);
}

/// Where the calls go, and the bridge's configuration and data.
fn target(command: &mut Command, peer: &str, sync: &str, server: &Server, folder: &Path) {
    match peer {
        "zmq" => command.arg(free_port().to_string()),
        "signal" | "trade" | "heartbeat" => {
            let sync = if sync.is_empty() { "os" } else { sync };
            // A burst fits into the queue, so that its end is not what is measured.
            let text = format!(
                "url = \"{}\"\n[journal]\nsync = \"{sync}\"\n\
                 [ris]\nqueue = 8192\n[rts]\nqueue = 8192\n[rtss]\nqueue = 8192\n",
                server.url()
            );
            let path = folder.join("mt5-redis.toml");
            fs::write(&path, text).expect("a file");
            command.arg(path).arg(folder)
        }
        _ => command.arg(server.port.to_string()),
    };
}

fn compile(peer: &str, folder: &Path) -> PathBuf {
    let mut arguments = vec![format!("-DPEER_{peer}")];
    match peer {
        "signal" | "trade" | "heartbeat" => arguments.extend(peers::library()),
        "none" => {}
        peer => arguments.push(format!("-l{peer}")),
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    peers::compile("call.c", &format!("call-{peer}"), folder, &arguments)
}
