//! How long a signal takes: from the call until it is in Redis, until it is known to be there, and until a
//! reader that waits for it has it; on an idle lane, under load, and over a slow link.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use redis::streams::StreamReadReply;

use crate::peers;
use crate::plot::Bars;
use crate::report::{Report, median, thousands};
use crate::support::bridge::{Bridge, buy};
use crate::support::port::listen;
use crate::support::server::Server;
use crate::throughput;

/// How often bridge and hiredis take turns.
const TURNS: usize = 5;
/// Between two signals.
const PAUSE: Duration = Duration::from_millis(2);

pub fn measure(report: &mut Report) {
    committed(report);
    under_load(report);
}

/// One signal at a time on an idle lane, beside hiredis with the same transaction.
fn committed(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipeline = peers::compile("pipeline.c", "pipeline", folder.path(), &["-lhiredis"]);
    let server = Server::start();
    let rounds = report.rounds(1000);
    let (one, _) = throughput::batches(folder.path(), "", 1, |bridge, number| bridge.signal(&buy(number)));
    let mut rows = Vec::new();
    for (link, delay) in [("local", 0), ("1 ms added", 1), ("50 ms added", 50)] {
        let port =
            if delay == 0 { server.port } else { slow_link(server.port, Duration::from_millis(delay)) };
        let rounds = if delay == 50 { rounds / 5 } else { rounds };
        let data = tempfile::tempdir().expect("a temporary folder");
        let bridge = Bridge::open(&format!("redis://127.0.0.1:{port}"), "1.Bench", data.path());
        bridge.signal(&buy(0));
        bridge.settle();
        // They take turns, so that what else the machine does meets all of them.
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            let known = known(&bridge, rounds / TURNS);
            let mut command = Command::new(&pipeline);
            command.arg(port.to_string()).arg(&one.file).arg(one.replies.to_string());
            command.args([(rounds / TURNS).to_string(), PAUSE.as_micros().to_string()]);
            let hiredis = peers::numbers(&mut command);
            let visible = visible(&server, &bridge, rounds / TURNS);
            let shares =
                |times: &Histogram<u64>| [0.5, 0.99].map(|share| times.value_at_quantile(share) as f64);
            turns.push([shares(&visible), shares(&known), [hiredis[1], hiredis[2]]]);
        }
        let middle = |of: &dyn Fn(&[[f64; 2]; 3]) -> f64| median(turns.iter().map(of).collect());
        let mut row = vec![link.to_owned()];
        for way in 0..3 {
            row.extend([0, 1].map(|share| format!("{:.0}", middle(&|turn| turn[way][share]))));
        }
        row.extend([0, 1].map(|way| format!("{:.2}", middle(&|turn| turn[way][0] / turn[2][0]))));
        rows.push(row);
    }
    let header = [
        "link",
        "in Redis, p50 µs",
        "p99",
        "known to the caller, p50",
        "p99",
        "hiredis, p50",
        "p99",
        "in Redis / hiredis",
        "known / hiredis",
    ];
    report.table("committed", &header, &rows);
}

/// From the call until the caller knows that the signal is in Redis.
fn known(bridge: &Bridge, rounds: usize) -> Histogram<u64> {
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("valid bounds");
    for number in 0..rounds {
        thread::sleep(PAUSE);
        let started = Instant::now();
        bridge.signal(&buy(number as i64));
        bridge.settle();
        times.saturating_record(started.elapsed().as_micros() as u64);
    }
    times
}

/// From the call until the server executes the signal's XADD, by the server's own clock, which is this
/// machine's: MONITOR tells it, and is read at the end, so that no reader is woken in between.
fn visible(server: &Server, bridge: &Bridge, rounds: usize) -> Histogram<u64> {
    let monitor = TcpStream::connect(("127.0.0.1", server.port)).expect("the server");
    (&monitor).write_all(b"MONITOR\r\n").expect("a request");
    let mut lines = BufReader::new(monitor).lines().map(|line| line.expect("text"));
    assert_eq!(lines.next().as_deref(), Some("+OK"));
    let mut called = Vec::new();
    for number in 0..rounds {
        thread::sleep(PAUSE);
        called.push(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970"));
        bridge.signal(&buy(number as i64));
        bridge.settle();
    }
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("valid bounds");
    let executed = lines.filter(|line| line.contains("\"XADD\""));
    for (called, line) in called.iter().zip(executed) {
        let (seconds, micros) =
            line[1..].split_once(' ').and_then(|(time, _)| time.split_once('.')).expect("a time");
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let executed = number(seconds) * 1_000_000 + number(micros);
        times.saturating_record(executed.saturating_sub(called.as_micros() as u64));
    }
    assert_eq!(times.len(), rounds as u64, "MONITOR missed some");
    times
}

/// To a reader that waits in XREAD, at shares of what the lane carries.
fn under_load(report: &mut Report) {
    let milliseconds = if report.quick { 500 } else { 5000 };
    let capacity = throughput::rate(&Server::start(), "", report.rounds(300_000), |bridge, number| {
        bridge.signal(&buy(number))
    });
    let (mut rows, mut groups) = (Vec::new(), Vec::new());
    for (name, share) in [("1 %", 0.01), ("50 %", 0.5), ("90 %", 0.9)] {
        let server = Server::start();
        let data = tempfile::tempdir().expect("a temporary folder");
        let bridge = Bridge::open(&server.url(), "1.Bench", data.path());
        bridge.signal(&buy(0));
        bridge.settle();
        let start = Instant::now();
        let total = (capacity * share) as u64 * milliseconds / 1000;
        let times = thread::scope(|scope| {
            let reader = scope.spawn(|| read(&server, start, total));
            let mut sent = 0;
            while sent < total {
                let due = (start.elapsed().as_secs_f64() * capacity * share) as u64;
                while sent < due.min(total) {
                    bridge.signal(&buy(start.elapsed().as_nanos() as i64));
                    sent += 1;
                }
                thread::sleep(Duration::from_micros(200));
            }
            reader.join().expect("no panic")
        });
        let load = format!("{name}, {} signals/s", thousands(capacity * share));
        let figures = [times.value_at_quantile(0.5), times.value_at_quantile(0.99), times.max()];
        groups.push((load.clone(), figures.map(|figure| figure as f64).to_vec()));
        rows.push([vec![load], figures.map(|figure| thousands(figure as f64)).to_vec()].concat());
    }
    report.table("latency", &["load", "p50 µs", "p99 µs", "max µs"], &rows);
    report.plot(&Bars {
        name: "latency",
        title: "From the call to a waiting reader, µs (logarithmic)",
        series: &["median", "99 of 100", "largest"],
        groups,
        logarithmic: true,
    });
}

/// Reads `total` signals whose magic number is the time of their call. Returns how long each took, µs.
fn read(server: &Server, start: Instant, total: u64) -> Histogram<u64> {
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("valid bounds");
    let mut connection = server.client();
    let mut last = "$".to_owned();
    while times.len() < total {
        let reply: Option<StreamReadReply> = redis::cmd("XREAD")
            .arg(&["COUNT", "1000", "BLOCK", "2000", "STREAMS", "ss:{0}:1.Bench", &last])
            .query(&mut connection)
            .expect("the stream can be read");
        let Some(reply) = reply else { break };
        let now = start.elapsed().as_nanos() as u64;
        for entry in reply.keys.iter().flat_map(|key| &key.ids) {
            last.clone_from(&entry.id);
            let packed: Vec<u8> = entry.get("d").expect("packed");
            let record = rmpv::decode::read_value(&mut packed.as_slice()).expect("MessagePack");
            let called = record.as_array().expect("an array")[12].as_u64().expect("the magic number");
            times.saturating_record(now.saturating_sub(called) / 1000);
        }
    }
    times
}

/// A link that adds half of `delay` to each direction. Returns its port.
fn slow_link(port: u16, delay: Duration) -> u16 {
    let listener = listen();
    let own = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
            for end in [&client, &server] {
                end.set_nodelay(true).expect("a socket");
            }
            let (from_client, to_server) =
                (client.try_clone().expect("a handle"), server.try_clone().expect("too"));
            pass(from_client, to_server, delay / 2);
            pass(server, client, delay / 2);
        }
    });
    own
}

fn pass(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut bytes = vec![0; 65536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let _ = sender.send((Instant::now() + delay, bytes[..count].to_vec()));
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
    });
}
