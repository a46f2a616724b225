//! Readers that a server refuses something, by words that nobody has listed or for want of a permission: a refusal is
//! never taken for "there is nothing".

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mt5_redis::config::Config;
use mt5_redis::inbox::*;
use mt5_redis_worker::{Worker, WorkerOptions};
use support::bridge::{Bridge, buy};
use support::eventually;
use support::fake::{Fake, Reply, say};
use support::follower::{Wants, reads, subscribe, wait};
use support::server::Server;

const STREAM: &str = "ss:{0}:1.Demo";
const REFUSALS: [&str; 2] = ["ERR a proxy has no time", "NOPERM this user has no permissions"];

/// A server, and one in front of it that refuses a command while it is told to.
struct Site {
    server: Server,
    front: Fake,
    refusing: Arc<AtomicBool>,
    /// How often it refused.
    refused: Arc<AtomicUsize>,
    publisher: Bridge,
}

impl Site {
    fn start(command: &'static str, words: &'static str) -> Self {
        let server = Server::start();
        let (refusing, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (on, count) = (refusing.clone(), refused.clone());
        let front = Fake::before(server.port, move |words_of| {
            if words_of[0] != command || !on.load(SeqCst) {
                return Reply::Pass;
            }
            count.fetch_add(1, SeqCst);
            say(format!("-{words}\r\n"))
        });
        let publisher = Bridge::at(&server, "1.Demo");
        Self { server, front, refusing, refused, publisher }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.front.port)
    }

    fn refuses(&self, on: bool) {
        self.refusing.store(on, SeqCst);
    }

    fn give(&self, magic: i64) {
        self.publisher.signal(&buy(magic));
        self.publisher.settle();
    }

    fn worker(&self, delete: bool) -> (Worker, Arc<Mutex<Vec<String>>>) {
        let options = WorkerOptions {
            group: "g".into(),
            consumer: "one".into(),
            start: Start::Resume,
            prefetch: 64,
            take_over: Some(Duration::from_secs(60)),
            delete,
        };
        let told = Arc::new(Mutex::new(Vec::new()));
        let lines = told.clone();
        let config = Config::read(&self.url(), "").expect("an address");
        let tell = Arc::new(move |line| lines.lock().expect("nobody panics").push(line));
        (Worker::start(&config, options, tell).expect("it starts"), told)
    }

    /// A worker takes three signals and ends; all is acknowledged, and noted as such.
    fn three_are_acknowledged(&self) {
        let (worker, _) = self.worker(false);
        for magic in 1..=3 {
            self.give(magic);
            assert_eq!(take(&worker), magic);
        }
        let noted = || self.server.ask::<i64>("ZCOUNT sa:{0}:1.Demo:g 1 +inf") == 4;
        eventually("all is acknowledged and noted, and so is the mark", noted);
        worker.stop();
    }
}

fn take(worker: &Worker) -> i64 {
    let mut got = None;
    eventually("a signal comes", || {
        got = worker.next(Duration::from_millis(20));
        got.is_some()
    });
    match got {
        Some(Item::Signal(delivery)) => {
            worker.acknowledge(delivery.place);
            delivery.signal.signal.magic
        }
        other => panic!("{other:?}"),
    }
}

/// Nothing is handed out while this goes on; then it is told.
fn holds(site: &Site, worker: &Worker, told: &Mutex<Vec<String>>, words: &str) {
    eventually("it was refused more than once", || {
        let item = worker.next(Duration::from_millis(20));
        assert!(item.is_none(), "{item:?}");
        site.refused.load(SeqCst) > 1
    });
    let told = told.lock().expect("nobody panics");
    assert!(told.iter().any(|line| line.contains(words)), "{told:?}");
}

#[test]
fn a_worker_that_may_not_know_what_was_acknowledged_hands_out_nothing_again() {
    for words in REFUSALS {
        let site = Site::start("ZSCORE", words);
        site.three_are_acknowledged();
        site.server.ask::<()>(&format!("XGROUP DESTROY {STREAM} g"));
        site.refuses(true);
        let (worker, told) = site.worker(false);
        holds(&site, &worker, &told, words);
        site.refuses(false);
        site.give(4);
        assert_eq!(take(&worker), 4);
        worker.stop();
    }
}

#[test]
fn a_worker_that_may_not_know_its_colleagues_work_tells_of_no_gap() {
    let site = Site::start("ZSCORE", "ERR a proxy has no time");
    site.three_are_acknowledged();
    let (worker, _) = site.worker(false);
    eventually("it reads", || {
        worker.next(Duration::from_millis(20));
        worker.reading() == 1
    });
    // The one before the next signal stands nowhere but in the group's notes.
    site.server.ask::<()>(&format!("XTRIM {STREAM} MAXLEN 0"));
    site.refuses(true);
    site.give(4);
    eventually("it asks", || {
        let item = worker.next(Duration::from_millis(20));
        assert!(item.is_none(), "{item:?}");
        site.refused.load(SeqCst) > 0
    });
    site.refuses(false);
    assert_eq!(take(&worker), 4);
    worker.stop();
}

#[test]
fn what_a_follower_has_not_passed_is_kept_though_its_position_cannot_be_read() {
    let site = Site::start("HMGET", "ERR a proxy has no time");
    site.server.ask::<()>("HSET fp:{f} @ 0123 1.Demo 0-0");
    site.refuses(true);
    let (worker, _) = site.worker(true);
    site.give(1);
    assert_eq!(take(&worker), 1);
    eventually("it asks again", || {
        worker.next(Duration::from_millis(20));
        site.refused.load(SeqCst) > 1
    });
    assert_eq!(site.server.ask::<i64>(&format!("XLEN {STREAM}")), 1);
    worker.stop();
}

/// Old signals are no new ones because the end of their stream could not be asked for. What comes from now on can be read,
/// and is.
#[test]
fn a_follower_that_wants_new_signals_gets_no_old_ones() {
    for words in REFUSALS {
        let site = Site::start("XREVRANGE", words);
        site.give(1);
        site.give(2);
        site.refuses(true);
        let follower = Bridge::open(&site.url(), "9.Demo", site.server.folder());
        let wants = Wants {
            follower: "f",
            instances: "1.Demo",
            symbols: "",
            magic: 0,
            max_age_ms: 0,
            start: MT5REDIS_START_NEW,
        };
        assert_eq!(subscribe(&follower, &wants), 0);
        eventually("the end was asked for, and the stream surveyed", || site.refused.load(SeqCst) > 1);
        reads(&follower);
        site.give(3);
        assert_eq!(wait(&follower).signal.magic, 3);
    }
}
