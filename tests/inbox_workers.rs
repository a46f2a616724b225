//! Workers: a group that reads the streams of all sources. It creates itself again where it was lost, buries and deletes
//! without losing a signal, and stays bounded whatever others write.

#[path = "inbox/lost_groups.rs"]
mod lost_groups;
mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mt5_redis::codes::MT5REDIS_ERR_NAME_IN_USE;
use mt5_redis::config::Config;
use mt5_redis::inbox::{Delivery, Gap, Item, MT5REDIS_START_RESUME, Place, Start};
use mt5_redis_worker::{Worker, WorkerOptions};
use support::bridge::{Bridge, buy};
use support::eventually;
use support::follower::{Wants, reads, subscribe, wait};
use support::recorder::Recorder;
use support::server::Server;

const STREAM: &str = "ss:{0}:1.Demo";

/// A worker, and what it told.
struct WatchedWorker {
    reader: Worker,
    told: Arc<Mutex<Vec<String>>>,
}

fn options(name: &str) -> WorkerOptions {
    WorkerOptions {
        group: "g".into(),
        consumer: name.into(),
        start: Start::Resume,
        prefetch: 64,
        take_over: Some(Duration::from_secs(60)),
        delete: false,
    }
}

fn config(server: &Server) -> Config {
    Config::read(&server.url(), "").expect("an address")
}

impl WatchedWorker {
    fn start(server: &Server, options: WorkerOptions) -> Self {
        Self::at(&config(server), options)
    }

    fn at(config: &Config, options: WorkerOptions) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = told.clone();
        let tell = Arc::new(move |line| tell.lock().unwrap().push(line));
        Self { reader: Worker::start(config, options, tell).expect("it starts"), told }
    }

    fn next(&self) -> Item {
        let mut next = None;
        eventually("something comes", || {
            next = self.reader.next(Duration::from_millis(20));
            next.is_some()
        });
        next.expect("just seen")
    }

    fn signal(&self) -> Delivery {
        match self.next() {
            Item::Signal(delivery) => *delivery,
            other => panic!("{other:?}"),
        }
    }

    /// Takes the next signal and acknowledges it.
    fn take(&self) -> i64 {
        let delivery = self.signal();
        self.reader.acknowledge(delivery.place);
        delivery.signal.signal.magic
    }

    fn gap(&self) -> Gap {
        match self.next() {
            Item::Gap(gap) => gap,
            other => panic!("{other:?}"),
        }
    }

    fn has_nothing(&self) {
        assert_eq!(self.reader.next(Duration::from_millis(700)), None);
    }

    fn told(&self, words: &str) -> bool {
        self.told.lock().unwrap().iter().any(|line| line.contains(words))
    }
}

fn pending(server: &Server, stream: &str) -> i64 {
    let reply: Vec<redis::Value> = server.ask(&format!("XPENDING {stream} g"));
    let redis::Value::Int(pending) = reply[0] else { panic!("{reply:?}") };
    pending
}

fn forge(server: &Server, source: &str, number: u64, before: u64, magic: i64) {
    server.ask::<String>(&format!(
        "XADD ss:{{0}}:{source} * v 2 p aa q {number} t 1763800000000 o 0 i {source} a b sy E vo 1 pr 0 sl 0 tp 0 \
         mg {magic} po 0 ex 0 co - pq {before}"
    ));
}

#[test]
fn a_group_reads_every_source_also_those_that_come_later() {
    let server = Server::start();
    let bridges: Vec<Bridge> = (1..=3).map(|number| Bridge::at(&server, &format!("{number}.Demo"))).collect();
    for (magic, bridge) in (1..).zip(&bridges) {
        bridge.signal(&buy(magic));
        bridge.settle();
    }
    let worker = WatchedWorker::start(&server, options("one"));
    let got: BTreeSet<i64> = (0..3).map(|_| worker.take()).collect();
    assert_eq!(got, BTreeSet::from([1, 2, 3]));
    assert_eq!(worker.reader.reading(), 3);
    let late = Bridge::at(&server, "4.Demo");
    late.signal(&buy(4));
    let delivery = worker.signal();
    assert_eq!((delivery.place.source.as_str(), delivery.signal.signal.magic), ("4.Demo", 4));
    worker.reader.acknowledge(delivery.place);
    eventually("all is acknowledged", || {
        (1..=4).all(|number| pending(&server, &format!("ss:{{0}}:{number}.Demo")) == 0)
    });
    // A source that was silent for longer than its signals are kept is found again.
    server.ask::<()>("DEL ss:{0}:2.Demo");
    bridges[0].signal(&buy(5));
    assert_eq!(worker.take(), 5);
    bridges[1].signal(&buy(6));
    assert_eq!(worker.take(), 6);
}

/// Whoever may signal may add names to the list of sources.
#[test]
fn a_hundred_thousand_invented_names_cost_a_reader_little() {
    let server = Server::start();
    for part in 0..100 {
        let mut add = redis::cmd("ZADD");
        add.arg("sl:{0}");
        for number in 0..1000 {
            add.arg(i64::MAX / 2).arg(format!("{}.Invented", part * 1000 + number));
        }
        add.exec(&mut server.client()).expect("a list");
    }
    let long = "x".repeat(100_000);
    redis::cmd("ZADD")
        .arg(&["sl:{0}", "1", &long, "2", "a b", "3", ""])
        .exec(&mut server.client())
        .expect("a list");
    server.ask::<()>("SET ss:{0}:1.Invented x");
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let follower = Bridge::open(&server.url(), "8.Demo", server.folder());
    let wants = Wants { follower: "f", instances: "*", start: MT5REDIS_START_RESUME, ..Default::default() };
    assert_eq!(subscribe(&follower, &wants), 0);
    let worker = WatchedWorker::start(&server, options("one"));
    assert_eq!(worker.take(), 1);
    assert_eq!(wait(&follower).signal.magic, 1);
    assert_eq!(worker.reader.reading(), 1, "a name without a stream is nobody's");
    let late = Bridge::at(&server, "2.Demo");
    late.signal(&buy(2));
    assert_eq!(worker.take(), 2);
    assert_eq!(wait(&follower).signal.magic, 2);
    // Of each second's names a part is looked at.
    let before = server.calls("type");
    bridge.signal(&buy(3));
    assert_eq!(worker.take(), 3);
    assert!(server.calls("type") - before < 60_000, "{}", server.calls("type") - before);
}

#[test]
fn a_copy_of_a_signal_in_work_waits_for_what_becomes_of_it() {
    let server = Server::start();
    let worker = WatchedWorker::start(&server, options("one"));
    server.ask::<()>("ZADD sl:{0} 1 1.Demo");
    forge(&server, "1.Demo", 1, 0, 1);
    let delivery = worker.signal();
    forge(&server, "1.Demo", 1, 0, 1);
    forge(&server, "1.Demo", 2, 1, 2);
    assert_eq!(worker.take(), 2);
    worker.reader.acknowledge(delivery.place);
    eventually("the copy is settled with it", || pending(&server, STREAM) == 0);
    worker.has_nothing();
}

/// A number is a producer's of one source: whoever writes another stream may use it, and holds nobody up.
#[test]
fn a_signal_does_not_wait_for_one_of_another_source_that_has_its_number() {
    let server = Server::start();
    server.ask::<()>("ZADD sl:{0} 1 1.Demo 2 2.Demo");
    forge(&server, "2.Demo", 1, 0, 66);
    let worker = WatchedWorker::start(&server, options("one"));
    let theirs = worker.signal();
    forge(&server, "1.Demo", 1, 0, 1);
    let ours = worker.signal();
    assert_eq!((theirs.place.source.as_str(), ours.place.source.as_str()), ("2.Demo", "1.Demo"));
    assert_ne!(theirs.signal.idempotency_key(), ours.signal.idempotency_key());
    worker.reader.acknowledge(theirs.place);
    forge(&server, "1.Demo", 2, 1, 2);
    assert_eq!(worker.signal().signal.signal.magic, 2);
    // What one acknowledged, the other did not.
    eventually("one is acknowledged", || pending(&server, "ss:{0}:2.Demo") == 0);
    assert_eq!(pending(&server, STREAM), 2);
}

#[test]
fn a_gap_is_told_before_what_is_behind_it() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let worker = WatchedWorker::start(&server, options("one"));
    bridge.signal(&buy(1));
    assert_eq!(worker.take(), 1);
    eventually("it is acknowledged", || pending(&server, STREAM) == 0);
    worker.reader.stop();
    (2..=11).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    bridge.settle();
    assert_eq!(server.ask::<i64>(&format!("XTRIM {STREAM} MAXLEN 3")), 8);
    let worker = WatchedWorker::start(&server, options("two"));
    let gap = worker.gap();
    assert_eq!((gap.source.as_str(), gap.signals), ("1.Demo", 8), "it cannot know what a colleague read");
    assert_eq!([worker.take(), worker.take(), worker.take()], [9, 10, 11]);
    worker.has_nothing();
}

#[test]
fn colleagues_that_share_a_source_see_no_gaps() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let crew = ["one", "two", "three"].map(|name| {
        let options = WorkerOptions { prefetch: 2, delete: true, ..options(name) };
        WatchedWorker::start(&server, options)
    });
    (1..=300).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    let mut got = BTreeSet::new();
    eventually("all are taken", || {
        for worker in &crew {
            match worker.reader.next(Duration::from_millis(1)) {
                Some(Item::Signal(delivery)) => {
                    assert!(got.insert(delivery.signal.signal.magic), "twice: {delivery:?}");
                    worker.reader.acknowledge(delivery.place);
                }
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
        got.len() == 300
    });
    eventually("the stream is empty", || server.ask::<i64>(&format!("XLEN {STREAM}")) == 0);
}

#[test]
fn a_forged_entry_is_no_signal_and_goes_to_the_dead_letters() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let worker = WatchedWorker::start(&server, options("one"));
    assert_eq!(worker.take(), 1);
    for (text, words) in [
        (
            "v 2 p aa q 2 t 1 o 0 i 2.Demo a b sy E vo 1 pr 0 sl 0 tp 0 mg 0 po 0 ex 0 co - pq 1",
            "it names 2.Demo",
        ),
        (
            "v 2 p aa q 9000000000000000000 t 1 o 0 i 1.Demo a b sy E vo 1 pr 0 sl 0 tp 0 mg 0 po 0 ex 0 co - pq 1",
            "skips so many",
        ),
        ("v 1 p aa q 2 t 1 o 0 i 1.Demo a b sy E vo 1 pr 0 sl 0 tp 0 mg 0 po 0 ex 0 co -", "it has schema 1"),
        (&format!("d {}", "x".repeat(70_000)), "it has 70001 bytes"),
    ] {
        server.ask::<String>(&format!("XADD {STREAM} * {text}"));
        let Item::Unreadable(place, reason) = worker.next() else { panic!("{text:.80}") };
        assert!(reason.contains(words), "{reason}");
        worker.reader.bury(place, 1, &reason);
    }
    eventually("they are buried", || server.ask::<i64>("XLEN sd:{0}") == 4 && pending(&server, STREAM) == 0);
    // The large one is not kept.
    assert!(server.ask::<i64>("MEMORY USAGE sd:{0}") < 20_000);
    bridge.signal(&buy(2));
    assert_eq!(worker.take(), 2);
}

/// The letter comes first, and with it in one transaction the acknowledgement: whatever breaks, neither is lost.
#[test]
fn a_letter_and_its_acknowledgement_are_one_transaction() {
    let server = Server::start();
    let recorder = Recorder::before(server.port);
    let config = Config::read(&recorder.url(), "").expect("an address");
    let worker = WatchedWorker::at(&config, options("one"));
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    let delivery = worker.signal();
    worker.reader.bury(delivery.place, 3, "no such account");
    eventually("it is buried", || server.ask::<i64>("XLEN sd:{0}") == 1 && pending(&server, STREAM) == 0);
    worker.reader.stop();
    let name = |command: &Vec<Vec<u8>>| String::from_utf8_lossy(&command[0]).into_owned();
    let names: Vec<String> = recorder.commands().iter().map(name).collect();
    // A new connection begins with a transaction of its own.
    let letter = names.iter().position(|name| name == "XADD").unwrap_or_else(|| panic!("{names:?}"));
    let end = names[letter..].iter().find(|name| ["MULTI", "EXEC"].contains(&name.as_str()));
    assert_eq!(names[letter - 1..letter + 2], ["MULTI", "XADD", "XACK"], "{names:?}");
    assert_eq!(end.map(String::as_str), Some("EXEC"), "{names:?}");
    assert!(!names.contains(&"EVAL".to_owned()) && !names.contains(&"FUNCTION".to_owned()), "{names:?}");
    let letter: Vec<(String, Vec<Vec<u8>>)> = server.ask("XREVRANGE sd:{0} + - COUNT 1");
    let own: Vec<_> = letter[0].1.iter().skip(2).map(|text| String::from_utf8_lossy(text)).collect();
    assert_eq!(own[..6], ["x-source", "1.Demo", "x-id", &delivery.place.entry(), "x-group", "g"]);
    assert_eq!(own[6..], ["x-error", "no such account", "x-deliveries", "3"]);
}

#[test]
fn a_worker_deletes_what_every_other_group_and_every_follower_has_passed() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let follower = Bridge::at(&server, "2.Demo");
    let start = MT5REDIS_START_RESUME;
    let wants = Wants { follower: "f", instances: "1.Demo", start, ..Default::default() };
    assert_eq!(subscribe(&follower, &wants), 0);
    reads(&follower);
    bridge.signal(&buy(0));
    bridge.settle();
    server.ask::<()>(&format!("XGROUP CREATE {STREAM} slow 0"));
    let worker = WatchedWorker::start(&server, WorkerOptions { delete: true, ..options("one") });
    (1..=9).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    (0..=9).for_each(|magic| assert_eq!(worker.take(), magic));
    let length = || server.ask::<i64>(&format!("XLEN {STREAM}"));
    eventually("all is acknowledged", || pending(&server, STREAM) == 0);
    eventually("it looked how far the follower is", || server.calls("hmget") > 0);
    assert_eq!(length(), 10, "the follower and the other group have passed none");

    // The follower passes five, the group three.
    for magic in 0..5 {
        let got = wait(&follower).signal;
        assert_eq!(got.magic, magic);
        mt5_redis::abi::mt5redis_acknowledge(follower.handle, got.number);
    }
    server.ask::<redis::Value>(&format!("XREADGROUP GROUP slow s NOACK COUNT 3 STREAMS {STREAM} >"));
    bridge.signal(&buy(10));
    assert_eq!(worker.take(), 10);
    eventually("three are gone", || length() == 8);
    server.ask::<()>(&format!("XGROUP DESTROY {STREAM} slow"));
    bridge.signal(&buy(11));
    assert_eq!(worker.take(), 11);
    eventually("five are gone", || length() == 7);
    for magic in 5..=11 {
        let got = wait(&follower).signal;
        assert_eq!(got.magic, magic);
        mt5_redis::abi::mt5redis_acknowledge(follower.handle, got.number);
    }
    bridge.signal(&buy(12));
    assert_eq!(worker.take(), 12);
    eventually("one is left", || length() == 1);
}

#[test]
fn two_workers_of_one_name_are_refused() {
    let server = Server::start();
    let worker = WatchedWorker::start(&server, options("one"));
    let refused = Worker::start(&config(&server), options("one"), Arc::new(|_| {})).err().expect("a refusal");
    assert_eq!(refused.code(), MT5REDIS_ERR_NAME_IN_USE);
    assert!(refused.to_string().contains("reads as worker one of group g"), "{refused}");
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    let delivery = worker.signal();
    worker.reader.stop();
    // What the first was handed and did not acknowledge comes to the next of its name.
    let again = WatchedWorker::start(&server, options("one")).signal();
    assert_eq!((again.place, again.deliveries), (delivery.place, 2));
}

#[test]
fn a_worker_that_ends_asks_a_dead_server_now_and_then() {
    let mut server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let worker = WatchedWorker::start(&server, options("one"));
    let delivery = worker.signal();
    bridge.close(0);
    server.kill();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let listener = TcpListener::bind(("127.0.0.1", server.port)).expect("the port is free");
    thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Relaxed);
        }
    });
    worker.reader.acknowledge(delivery.place);
    worker.reader.stop();
    let attempts = attempts.load(Relaxed);
    assert!(attempts < 100, "{attempts} attempts");
}
