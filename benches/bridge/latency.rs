//! How long a signal takes: from the call until it is in Redis and known to be there, and until a reader that
//! waits for it has it; on an idle lane, under load, and over a slow link.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use redis::streams::StreamReadReply;

use crate::peers;
use crate::report::Report;
use crate::support::bridge::{Bridge, buy};
use crate::support::server::Server;
use crate::throughput;

pub fn measure(report: &mut Report) {
    committed(report);
    under_load(report);
}

/// One signal at a time on an idle lane, beside hiredis with the same transaction.
fn committed(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipeline = peers::compile("pipeline.c", "pipeline", folder.path(), &["-lhiredis"]);
    let server = Server::start();
    let rounds = report.rounds(2000);
    let (one, _) = throughput::batches(folder.path(), "", 1, |bridge, number| bridge.signal(&buy(number)));
    let mut rows = Vec::new();
    for (link, delay) in [("local", 0), ("1 ms added", 1), ("50 ms added", 50)] {
        let port =
            if delay == 0 { server.port } else { slow_link(server.port, Duration::from_millis(delay)) };
        let rounds = if delay == 50 { rounds / 10 } else { rounds };
        let data = tempfile::tempdir().expect("a temporary folder");
        let bridge = Bridge::open(&format!("redis://127.0.0.1:{port}"), "1.Bench", data.path());
        bridge.signal(&buy(0));
        bridge.settle();
        let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("valid bounds");
        for number in 0..rounds {
            thread::sleep(Duration::from_millis(2));
            let started = Instant::now();
            bridge.signal(&buy(number as i64));
            bridge.settle();
            times.saturating_record(started.elapsed().as_micros() as u64);
        }
        let mut command = Command::new(&pipeline);
        command.arg(port.to_string()).arg(&one.file);
        command.args([&one.replies.to_string(), &rounds.to_string(), "2000"]);
        let hiredis = peers::numbers(&mut command);
        let (p50, p99) = (times.value_at_quantile(0.5) as f64, times.value_at_quantile(0.99) as f64);
        rows.push(vec![
            link.to_owned(),
            format!("{p50:.0}"),
            format!("{p99:.0}"),
            format!("{:.0}", hiredis[1]),
            format!("{:.0}", hiredis[2]),
            format!("{:.2}", p50 / hiredis[1]),
        ]);
    }
    let header = ["link", "bridge p50 µs", "p99", "hiredis p50 µs", "p99", "ratio of p50"];
    report.table("committed", &header, &rows);
}

/// To a reader that waits in XREAD, at shares of what the lane carries.
fn under_load(report: &mut Report) {
    let seconds = if report.quick { 1 } else { 5 };
    let capacity = throughput::rate(&Server::start(), "", report.rounds(300_000), |bridge, number| {
        bridge.signal(&buy(number))
    });
    let mut rows = Vec::new();
    for (name, share) in [("1 %", 0.01), ("50 %", 0.5), ("90 %", 0.9)] {
        let server = Server::start();
        let data = tempfile::tempdir().expect("a temporary folder");
        let bridge = Bridge::open(&server.url(), "1.Bench", data.path());
        bridge.signal(&buy(0));
        bridge.settle();
        let start = Instant::now();
        let total = (capacity * share) as u64 * seconds;
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
        rows.push(vec![
            format!("{name}, {:.0} signals/s", capacity * share),
            format!("{}", times.value_at_quantile(0.5)),
            format!("{}", times.value_at_quantile(0.99)),
            format!("{}", times.max()),
        ]);
    }
    report.table("latency", &["load", "p50 µs", "p99 µs", "max µs"], &rows);
}

/// Reads `total` signals whose magic number is the time of their call. Returns how long each took, µs.
fn read(server: &Server, start: Instant, total: u64) -> Histogram<u64> {
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("valid bounds");
    let mut connection = server.client();
    let mut last = "$".to_owned();
    while times.len() < total {
        let reply: Option<StreamReadReply> = redis::cmd("XREAD")
            .arg(&["COUNT", "1000", "BLOCK", "2000", "STREAMS", "ss:{0}", &last])
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
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
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
