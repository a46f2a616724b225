//! Entries that are larger than a reply may be, and many that are so together: whoever may write one stream holds up
//! nobody who reads others.

mod support;

use std::sync::Arc;
use std::time::Duration;

use mt5_redis::abi::*;
use mt5_redis::config::Config;
use mt5_redis::inbox::*;
use mt5_redis_worker::{DeadLetters, Worker, WorkerOptions};
use support::bridge::{Bridge, buy};
use support::follower::{Wants, reads, subscribe, wait};
use support::server::Server;
use support::{configuration, eventually};

/// A reply may have 64 KiB here.
struct Site {
    server: Server,
    folder: tempfile::TempDir,
    config: String,
    bridges: [Bridge; 3],
}

impl Site {
    fn start() -> Self {
        let server = Server::start();
        let (folder, config) =
            configuration(&format!("url = \"{}\"\n[rtss]\nreply_bytes = 65536\n", server.url()));
        let open = |name: &str| Bridge::open(&config, name, folder.path());
        let bridges = ["1.Demo", "2.Demo", "3.Demo"].map(open);
        Self { server, bridges, folder, config }
    }

    /// An entry of so many bytes in the stream of the second source, with this id.
    fn large(&self, bytes: usize, id: &str) {
        let mut add = redis::cmd("XADD");
        add.arg(&["ss:{0}:2.Demo", id, "d"]).arg("x".repeat(bytes));
        add.exec(&mut self.server.client()).expect("an entry");
    }

    /// Every source gives a signal.
    fn give(&self, magic: i64) {
        for (at, bridge) in (0..).zip(&self.bridges) {
            assert!(bridge.signal(&buy(magic + at)) > 0);
            bridge.settle();
        }
    }

    fn follow(&self, start: i32) -> Bridge {
        let bridge = Bridge::open(&self.config, "9.Demo", self.folder.path());
        let wants = Wants { follower: "f", instances: "*", start, ..Default::default() };
        assert_eq!(subscribe(&bridge, &wants), 0);
        bridge
    }

    fn worker(&self, take_over: Duration) -> Worker {
        let options = WorkerOptions {
            group: "g".into(),
            consumer: "one".into(),
            start: Start::Resume,
            prefetch: 64,
            take_over: Some(take_over),
            delete: false,
        };
        let config = Config::read(&self.config, "").expect("a configuration");
        Worker::start(&config, options, Arc::new(|line| println!("{line}"))).expect("it starts")
    }

    fn pending(&self) -> i64 {
        let pending = |number: i64| {
            let reply: Vec<redis::Value> = self.server.ask(&format!("XPENDING ss:{{0}}:{number}.Demo g"));
            let redis::Value::Int(pending) = reply[0] else { panic!("{reply:?}") };
            pending
        };
        (1..=3).map(pending).sum()
    }
}

fn follows(follower: &Bridge, mut expected: Vec<i64>) {
    let mut got: Vec<i64> = Vec::new();
    for _ in 0..expected.len() {
        let one = wait(follower).signal;
        assert_eq!(mt5redis_acknowledge(follower.handle, one.number), 0);
        got.push(one.magic);
    }
    got.sort_unstable();
    expected.sort_unstable();
    assert_eq!(got, expected);
}

/// Takes signals until these have come. Returns how many entries were none, which are buried.
fn works(worker: &Worker, mut expected: Vec<i64>) -> usize {
    let (mut got, mut buried) = (Vec::new(), 0);
    eventually("the signals come", || {
        match worker.next(Duration::from_millis(20)) {
            Some(Item::Signal(delivery)) => {
                worker.acknowledge(delivery.place);
                got.push(delivery.signal.signal.magic);
            }
            Some(Item::Unreadable(place, reason)) => {
                worker.bury(place, 1, &reason);
                buried += 1;
            }
            Some(Item::Gap(gap)) => panic!("{gap}"),
            None => {}
        }
        got.len() >= expected.len()
    });
    got.sort_unstable();
    expected.sort_unstable();
    assert_eq!(got, expected);
    buried
}

#[test]
fn a_follower_passes_over_an_entry_that_is_larger_than_a_reply() {
    let site = Site::start();
    site.give(1);
    site.large(200_000, "*");
    let follower = site.follow(MT5REDIS_START_RESUME);
    follows(&follower, vec![1, 2, 3]);
    site.give(4);
    follows(&follower, vec![4, 5, 6]);
    // What stands behind it already is read.
    let magics = [70, 71, 72];
    site.large(200_000, "*");
    for magic in magics {
        site.bridges[1].signal(&buy(magic));
        site.bridges[1].settle();
    }
    follows(&follower, magics.to_vec());
    site.give(80);
    follows(&follower, vec![80, 81, 82]);
    let events = follower.events().join("\n");
    assert!(events.contains("an entry of 2.Demo is too large to be read"), "{events}");
}

#[test]
fn a_follower_of_new_signals_starts_behind_an_entry_that_is_larger_than_a_reply() {
    let site = Site::start();
    site.give(1);
    site.large(200_000, "*");
    let follower = site.follow(MT5REDIS_START_NEW);
    reads(&follower);
    site.give(4);
    follows(&follower, vec![4, 5, 6]);
}

/// Behind an id in the future nobody can read on: the others' signals come, and its own when it gives one.
#[test]
fn an_entry_that_is_too_large_and_from_the_future_holds_up_its_own_source_alone() {
    let site = Site::start();
    site.give(1);
    let follower = site.follow(MT5REDIS_START_RESUME);
    follows(&follower, vec![1, 2, 3]);
    site.large(200_000, "99999999999999-1");
    for magic in [10, 20, 30] {
        site.bridges[0].signal(&buy(magic));
        site.bridges[2].signal(&buy(magic + 1));
        follows(&follower, vec![magic, magic + 1]);
    }
    site.bridges[1].signal(&buy(40));
    follows(&follower, vec![40]);
}

#[test]
fn entries_that_are_larger_than_a_reply_together_are_read_one_by_one() {
    let site = Site::start();
    site.give(1);
    for (at, name) in (0..).zip(["1.Demo", "2.Demo", "3.Demo"]) {
        for number in 1..=3 {
            let text = format!(
                "v 2 p aa q {number} t 1763800000000 o 0 i {name} a b sy E vo 1 pr 0 sl 0 tp 0 mg {} po 0 ex 0 co - pq {}",
                10 * number + at,
                number - 1
            );
            let mut add = redis::cmd("XADD");
            add.arg(format!("ss:{{0}}:{name}")).arg("*").arg(text.split(' ').collect::<Vec<_>>());
            add.arg("later").arg("x".repeat(40_000)).exec(&mut site.server.client()).expect("an entry");
        }
    }
    let all = || vec![1, 2, 3, 10, 11, 12, 20, 21, 22, 30, 31, 32];
    follows(&site.follow(MT5REDIS_START_RESUME), all());
    assert_eq!(works(&site.worker(Duration::from_secs(60)), all()), 0);
}

#[test]
fn a_worker_buries_an_entry_that_is_larger_than_a_reply() {
    let site = Site::start();
    site.give(1);
    let worker = site.worker(Duration::from_secs(60));
    assert_eq!(works(&worker, vec![1, 2, 3]), 0);
    site.large(200_000, "*");
    site.large(200_000, "*");
    site.give(4);
    let mut buried = works(&worker, vec![4, 5, 6]);
    site.give(7);
    buried += works(&worker, vec![7, 8, 9]);
    eventually("all is acknowledged", || {
        if let Some(Item::Unreadable(place, reason)) = worker.next(Duration::from_millis(20)) {
            worker.bury(place, 1, &reason);
            buried += 1;
        }
        site.pending() == 0
    });
    assert_eq!(buried, 2);
    // Nothing of them is kept.
    assert_eq!(site.server.ask::<i64>("XLEN sd:{0}"), 2);
    assert!(site.server.ask::<i64>("MEMORY USAGE sd:{0}") < 20_000);
}

/// The connection breaks over what was taken over: it is the worker's by then, and is handed out all the same.
#[test]
fn a_worker_takes_over_what_is_larger_than_a_reply_and_what_stands_behind_it() {
    let site = Site::start();
    site.give(1);
    site.large(200_000, "*");
    site.give(4);
    for number in 1..=3 {
        let stream = format!("ss:{{0}}:{number}.Demo");
        site.server.ask::<()>(&format!("XGROUP CREATE {stream} g 0"));
        site.server.ask::<redis::Value>(&format!("XREADGROUP GROUP g dead STREAMS {stream} >"));
    }
    let worker = site.worker(Duration::from_millis(500));
    assert_eq!(works(&worker, vec![1, 2, 3, 4, 5, 6]), 1);
    site.give(7);
    assert_eq!(works(&worker, vec![7, 8, 9]), 0);
    eventually("all is acknowledged", || site.pending() == 0);
}

/// Dead letters that are too large for one reply can still be listed and deleted.
#[test]
fn dead_letters_that_are_more_than_a_reply_are_listed_all_the_same() {
    let site = Site::start();
    let mut pipe = redis::pipe();
    for number in 1..=600 {
        let error = "x".repeat(if number % 100 == 0 { 60_000 } else { 500 });
        pipe.cmd("XADD")
            .arg(&["sd:{0}", &format!("{number}-0"), "x-source", "2.Demo", "x-error"])
            .arg(error)
            .ignore();
    }
    pipe.exec(&mut site.server.client()).expect("letters");
    let mut letters = DeadLetters::new(&Config::read(&site.config, "").expect("a configuration"));
    let all = letters.all().expect("all of them");
    let ids: Vec<_> = all.iter().map(|letter| letter.id.clone()).collect();
    assert_eq!(ids, (1..=600).map(|number| format!("{number}-0")).collect::<Vec<_>>());
    for letter in &all {
        assert!(letters.drop(letter).expect("it is deleted"));
    }
    assert_eq!(site.server.ask::<u64>("XLEN sd:{0}"), 0);
}
