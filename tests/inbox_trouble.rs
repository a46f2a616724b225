//! Readers whose server fails at the worst moment: what it could not answer is asked again, and is never taken for an
//! answer.

mod support;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mt5_redis::abi::*;
use mt5_redis::config::Config;
use mt5_redis::inbox::*;
use mt5_redis::model::key;
use mt5_redis_worker::{Worker, WorkerOptions};
use support::bridge::{Bridge, buy};
use support::fake::{Fake, Reply, say};
use support::follower::{Wants, subscribe, wait};
use support::server::Server;
use support::{configuration, eventually};

const STREAM: &str = "ss:{0}:1.Demo";
const ALL: Wants<'static> = Wants {
    follower: "f",
    instances: "*",
    symbols: "",
    magic: 0,
    max_age_ms: 0,
    start: MT5REDIS_START_RESUME,
};

fn options() -> WorkerOptions {
    WorkerOptions {
        group: "g".into(),
        consumer: "one".into(),
        start: Start::Resume,
        prefetch: 64,
        take_over: Some(Duration::from_secs(60)),
        delete: false,
    }
}

fn worker(url: &str) -> Worker {
    let config = Config::read(url, "").expect("an address");
    Worker::start(&config, options(), Arc::new(|line| println!("{line}"))).expect("it starts")
}

fn url(fake: &Fake) -> String {
    format!("redis://127.0.0.1:{}", fake.port)
}

fn take(bridge: &Bridge) -> i64 {
    let got = wait(bridge).signal;
    assert_eq!(mt5redis_acknowledge(bridge.handle, got.number), 0);
    got.magic
}

fn signal(worker: &Worker) -> Delivery {
    let mut got = None;
    eventually("a signal comes", || {
        got = worker.next(Duration::from_millis(20));
        got.is_some()
    });
    match got {
        Some(Item::Signal(delivery)) => *delivery,
        other => panic!("{other:?}"),
    }
}

fn take_at(worker: &Worker) -> i64 {
    let delivery = signal(worker);
    worker.acknowledge(delivery.place);
    delivery.signal.signal.magic
}

fn pending(server: &Server) -> i64 {
    let reply: Vec<redis::Value> = server.ask(&format!("XPENDING {STREAM} g"));
    let redis::Value::Int(pending) = reply[0] else { panic!("{reply:?}") };
    pending
}

/// Does this to the first command of which `which` is true, and passes on what comes then.
fn once(
    which: impl Fn(&[String]) -> bool + Send + Sync + 'static,
    does: impl Fn() -> Reply + Send + Sync + 'static,
) -> impl Fn(&[String]) -> Reply + Send + Sync + 'static {
    let done = AtomicBool::new(false);
    move |command| match which(command) && !done.swap(true, SeqCst) {
        true => does(),
        false => Reply::Pass,
    }
}

/// What was found in one shard is not lost because another one could not be looked at.
#[test]
fn a_source_is_followed_though_another_shard_was_in_trouble() {
    let server = Server::start();
    let fake = Fake::before(server.port, |_| Reply::Pass);
    let toml = |port: u16| format!("url = \"redis://127.0.0.1:{port}\"\n[rtss]\nshards = 4\n");
    let (folder, config) = configuration(&toml(server.port));
    let names = ["1.Demo", "2.Demo", "3.Demo", "4.Demo", "5.Demo", "6.Demo"];
    let publishers = names.map(|name| Bridge::open(&config, name, folder.path()));
    for (magic, bridge) in (1..).zip(&publishers) {
        bridge.signal(&buy(magic));
        bridge.settle();
    }
    let last = names.iter().map(|name| key::shard(name, 4)).max().expect("a shard");
    assert!(names.iter().any(|name| key::shard(name, 4) < last));
    let list = format!("sl:{{{last}}}");
    fake.does(once(
        move |command| command[0] == "ZSCAN" && command[1] == list,
        || say("-LOADING Redis is loading\r\n"),
    ));
    let (_folder, config) = configuration(&toml(fake.port));
    let follower = Bridge::open(&config, "9.Demo", folder.path());
    assert_eq!(subscribe(&follower, &ALL), 0);
    let mut got: Vec<i64> = (0..names.len()).map(|_| take(&follower)).collect();
    got.sort_unstable();
    assert_eq!(got, [1, 2, 3, 4, 5, 6]);
}

/// A terminal that lost the lease before it could write that it follows a source finds the source again.
#[test]
fn a_source_that_was_found_while_the_lease_was_lost_is_followed() {
    let server = Server::start();
    let client = Mutex::new(server.client());
    let another_acts = move || {
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(&["fl:{f}", "0123 2.Demo on elsewhere", "PX", "1000"]);
        pipeline.cmd("HSET").arg(&["fp:{f}", "@", "0123 5"]);
        pipeline.exec(&mut *client.lock().unwrap()).expect("a lease and its writer");
        Reply::Pass
    };
    let fake = Fake::before(server.port, once(|command| command[0] == "TYPE", another_acts));
    let publisher = Bridge::at(&server, "1.Demo");
    publisher.signal(&buy(1));
    publisher.settle();
    let follower = Bridge::open(&url(&fake), "9.Demo", server.folder());
    assert_eq!(subscribe(&follower, &ALL), 0);
    eventually("it stands by", || mt5redis_role(follower.handle) == MT5REDIS_ROLE_STANDBY);
    assert_eq!(take(&follower), 1);
    publisher.signal(&buy(2));
    assert_eq!(take(&follower), 2);
}

#[test]
fn a_worker_joins_a_source_whose_group_could_not_be_made_at_first() {
    for refusal in ["-LOADING Redis is loading\r\n", "-TRYAGAIN Multiple keys\r\n", "-CLUSTERDOWN no\r\n"] {
        let server = Server::start();
        let fake = Fake::before(server.port, once(|command| command[0] == "XGROUP", move || say(refusal)));
        let publisher = Bridge::at(&server, "1.Demo");
        publisher.signal(&buy(1));
        publisher.settle();
        let worker = worker(&url(&fake));
        assert_eq!(take_at(&worker), 1, "{refusal}");
    }
}

/// Whoever made a group anew and then broke down knows all the same what was acknowledged before.
#[test]
fn a_group_that_was_made_anew_over_a_connection_that_broke_hands_out_nothing_again() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    (1..=4).for_each(|magic| assert!(publisher.signal(&buy(magic)) > 0));
    publisher.settle();
    let first = worker(&server.url());
    let places: Vec<Place> = (1..=4).map(|_| signal(&first).place).collect();
    // The first stays open, so nobody can say that everything up to here is done.
    places[1..].iter().for_each(|place| first.acknowledge(*place));
    eventually("three are acknowledged", || pending(&server) == 1);
    first.stop();
    server.ask::<()>(&format!("XGROUP DESTROY {STREAM} g"));

    let fake = Fake::before(server.port, once(|command| command[0] == "ZRANGEBYSCORE", || Reply::Close));
    let next = worker(&url(&fake));
    assert_eq!(take_at(&next), 1);
    publisher.signal(&buy(5));
    assert_eq!(take_at(&next), 5);
    eventually("all is acknowledged", || pending(&server) == 0);
    assert_eq!(next.duplicates(), 3);
}

/// A server that cannot say what was acknowledged has not said that nothing was.
#[test]
fn a_server_that_cannot_answer_now_is_asked_again_what_was_acknowledged() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let first = worker(&server.url());
    for magic in 1..=3 {
        publisher.signal(&buy(magic));
        assert_eq!(take_at(&first), magic);
    }
    let mark = || server.ask::<Option<f64>>("ZSCORE sa:{0}:1.Demo:g @");
    eventually("all is acknowledged and noted", || pending(&server) == 0 && mark() > Some(0.0));
    first.stop();
    server.ask::<()>(&format!("XGROUP DESTROY {STREAM} g"));
    let fake = Fake::before(
        server.port,
        once(|command| command[0] == "ZSCORE", || say("-BUSY Redis is busy running a script\r\n")),
    );
    let next = worker(&url(&fake));
    publisher.signal(&buy(4));
    assert_eq!(take_at(&next), 4);
}

/// ... nor that a source cannot be read.
#[test]
fn a_server_that_cannot_answer_now_bars_no_source() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let fake = Fake::before(
        server.port,
        once(|command| command[0] == "XREVRANGE", || say("-LOADING Redis is loading\r\n")),
    );
    let follower = Bridge::open(&url(&fake), "9.Demo", server.folder());
    assert_eq!(subscribe(&follower, &Wants { instances: "1.Demo", ..ALL }), 0);
    publisher.signal(&buy(1));
    assert_eq!(take(&follower), 1);
    eventually("it was asked", || fake.heard("XREVRANGE").len() > 1);
    let events = follower.events().join("\n");
    assert!(!events.contains("cannot be read"), "{events}");
}

/// The lease goes on while one shard is in trouble, and the other shards are looked at.
#[test]
fn a_shard_that_is_in_trouble_delays_neither_lease_nor_the_other_shards() {
    let server = Server::start();
    let toml = |port: u16| format!("url = \"redis://127.0.0.1:{port}\"\n[rtss]\nshards = 4\n");
    let (folder, config) = configuration(&toml(server.port));
    let bad: Vec<String> = (0..4)
        .filter(|shard| *shard != key::shard("1.Demo", 4))
        .map(|shard| format!("sl:{{{shard}}}"))
        .collect();
    let fake =
        Fake::before(server.port, move |command| match command[0] == "ZSCAN" && bad.contains(&command[1]) {
            true => say("-LOADING Redis is loading\r\n"),
            false => Reply::Pass,
        });
    let (_folder, config_of_follower) = configuration(&toml(fake.port));
    let follower = Bridge::open(&config_of_follower, "9.Demo", folder.path());
    assert_eq!(subscribe(&follower, &ALL), 0);
    eventually("it acts", || mt5redis_role(follower.handle) == MT5REDIS_ROLE_ACTING);
    let publisher = Bridge::open(&config, "1.Demo", folder.path());
    publisher.signal(&buy(1));
    assert_eq!(take(&follower), 1);
    let heard = fake.heard("ZSCAN").len();
    eventually("it is looked again and again", || {
        assert_eq!(mt5redis_role(follower.handle), MT5REDIS_ROLE_ACTING);
        fake.heard("ZSCAN").len() > heard + 8
    });
    let events = follower.events();
    let told = events.iter().filter(|line| line.contains("LOADING")).count();
    assert_eq!(told, 1, "{events:?}");
    assert!(!events.iter().any(|line| line.contains("answers again")), "{events:?}");
}

/// After a read error the pending list is read again while an acknowledgement is on its way over the other
/// connection: the list was made before it, and is read behind it.
#[test]
fn what_is_acknowledged_while_the_pending_list_is_read_again_comes_no_second_time() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let fake = Fake::before(server.port, |_| Reply::Pass);
    let worker = worker(&url(&fake));
    publisher.signal(&buy(1));
    let first = signal(&worker);

    // The reading connection breaks. The acknowledgement reaches the server when the pending list is written, and the
    // list reaches the worker when that has heard of its acknowledgement.
    let (listed, heard, broken) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let until = |flag: &Arc<AtomicBool>| {
        let flag = flag.clone();
        move || eventually("the other connection is so far", || flag.load(SeqCst))
    };
    let (until_listed, until_heard, list_written) = (until(&listed), until(&heard), listed.clone());
    let until_heard = Arc::new(move || {
        list_written.store(true, SeqCst);
        until_heard();
    });
    fake.does(move |command| match command[0].as_str() {
        "XREADGROUP" if !broken.swap(true, SeqCst) => Reply::Close,
        "XREADGROUP" if command.last().is_some_and(|id| id == "0-0") => Reply::PassThen(until_heard.clone()),
        "XACK" => {
            until_listed();
            Reply::Pass
        }
        _ => Reply::Pass,
    });
    worker.acknowledge(first.place);
    let again = Mutex::new(Vec::new());
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(SeqCst) {
                again.lock().unwrap().extend(worker.next(Duration::from_millis(20)));
            }
        });
        eventually("the list was read before the acknowledgement", || listed.load(SeqCst));
        eventually("the worker hears of its acknowledgement", || worker.open() == 0);
        heard.store(true, SeqCst);
        publisher.signal(&buy(2));
        let magics = |items: &[Item]| {
            let magic = |item: &Item| match item {
                Item::Signal(delivery) => delivery.signal.signal.magic,
                other => panic!("{other:?}"),
            };
            items.iter().map(magic).collect::<Vec<_>>()
        };
        eventually("the next one comes", || magics(&again.lock().unwrap()).contains(&2));
        ends.store(true, SeqCst);
        assert_eq!(magics(&again.lock().unwrap()), [2]);
    });
}

#[test]
fn what_could_not_be_deleted_at_once_is_deleted_later() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    for refused in ["XINFO", "XTRIM", "SCAN"] {
        let loading = || say("-LOADING Redis is loading\r\n");
        let fake = Fake::before(server.port, once(move |command| command[0] == refused, loading));
        let config = Config::read(&url(&fake), "").expect("an address");
        let options = WorkerOptions { delete: true, consumer: refused.into(), ..options() };
        let worker = Worker::start(&config, options, Arc::new(|line| println!("{line}"))).expect("it starts");
        publisher.signal(&buy(1));
        assert_eq!(take_at(&worker), 1);
        eventually("it is deleted", || server.ask::<i64>(&format!("XLEN {STREAM}")) == 0);
        worker.stop();
    }
}

/// A signal that waits for its next attempt when its group and its stream are gone is told of, and holds nothing up.
#[test]
fn what_waits_for_its_next_attempt_and_is_gone_holds_nothing_up() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let other = Bridge::at(&server, "2.Demo");
    let worker = worker(&server.url());
    publisher.signal(&buy(1));
    let first = signal(&worker);
    worker.again(&first, Duration::from_millis(300));
    server.ask::<()>(&format!("DEL {STREAM}"));
    let mut gaps = 0;
    eventually("it is told", || {
        match worker.next(Duration::from_millis(20)) {
            Some(Item::Gap(gap)) => gaps += gap.signals,
            Some(item) => panic!("{item:?}"),
            None => {}
        }
        gaps == 1
    });
    other.signal(&buy(2));
    assert_eq!(take_at(&worker), 2);
    eventually("it is acknowledged", || worker.open() == 0);
    assert_eq!(server.ask::<i64>("ZCARD sa:{0}:2.Demo:g"), 2, "the mark and the signal");
}
