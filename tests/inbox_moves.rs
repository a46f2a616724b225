//! Readers at a Cluster while a slot is halfway: some of its keys here, some there, for as long as it takes.

mod support;

use std::sync::Arc;
use std::time::Duration;

use mt5_redis::abi::mt5redis_acknowledge;
use mt5_redis::config::Config;
use mt5_redis::inbox::{Item, MT5REDIS_START_RESUME, Start};
use mt5_redis::model::key;
use mt5_redis_worker::{Worker, WorkerOptions};
use support::bridge::{Bridge, buy};
use support::cluster::{Cluster, Moving};
use support::follower::{Wants, next, subscribe, wait};
use support::{configuration, eventually};

const SHARDS: u16 = 16;
const SOURCE: &str = "1.Demo";

/// A Cluster, and a source's signals there.
struct Site {
    cluster: Cluster,
    folder: tempfile::TempDir,
    config: String,
    publisher: Bridge,
    given: i64,
}

impl Site {
    fn start() -> Self {
        let cluster = Cluster::start();
        let (folder, config) = configuration(&cluster.toml());
        let publisher = Bridge::open(&config, SOURCE, folder.path());
        Self { cluster, folder, config, publisher, given: 0 }
    }

    fn give(&mut self) -> i64 {
        self.given += 1;
        assert!(self.publisher.signal(&buy(self.given)) > 0);
        self.publisher.settle();
        self.given
    }

    /// The key of the source's shard, or of a follower.
    fn begin(&self, tag: &str) -> Moving<'_> {
        let slot = self.cluster.slot(&format!("{{{tag}}}"));
        self.cluster.begin_to_move(slot, (self.cluster.owner(slot) + 1) % 3)
    }

    fn follower(&self, follower: &str) -> Bridge {
        let bridge = Bridge::open(&self.config, "8.Demo", self.folder.path());
        let wants = Wants { follower, instances: "*", start: MT5REDIS_START_RESUME, ..Default::default() };
        assert_eq!(subscribe(&bridge, &wants), 0);
        bridge
    }

    fn worker(&self) -> Worker {
        let config = Config::read(&self.config, "").expect("a configuration");
        let options = WorkerOptions {
            group: "g".into(),
            consumer: "one".into(),
            start: Start::Resume,
            prefetch: 8,
            take_over: Some(Duration::from_secs(60)),
            delete: true,
        };
        Worker::start(&config, options, Arc::new(|line| println!("{line}"))).expect("a reader")
    }
}

fn shard() -> String {
    key::shard(SOURCE, SHARDS).to_string()
}

fn take(bridge: &Bridge) -> i64 {
    let got = wait(bridge).signal;
    assert_eq!(mt5redis_acknowledge(bridge.handle, got.number), 0);
    got.magic
}

fn take_at(worker: &Worker) -> i64 {
    let mut magic = None;
    eventually("a signal comes", || match worker.next(Duration::from_millis(20)) {
        Some(Item::Signal(delivery)) => {
            worker.acknowledge(delivery.place);
            magic = Some(delivery.signal.signal.magic);
            true
        }
        None => false,
        Some(other) => panic!("{other:?}"),
    });
    magic.expect("just seen")
}

/// The list of sources here and the stream there, the other way round, and both there.
#[test]
fn a_source_is_found_and_read_while_its_slot_is_halfway() {
    for moved in ["ss", "sl", "all"] {
        let mut site = Site::start();
        site.give();
        let moving = site.begin(&shard());
        let keys = moving.keys();
        keys.iter().filter(|key| moved == "all" || key.starts_with(moved)).for_each(|key| moving.take(key));
        let (follower, worker) = (site.follower("f"), site.worker());
        assert_eq!((take(&follower), take_at(&worker)), (1, 1), "{moved}");
        moving.keys().iter().for_each(|key| moving.take(key));
        moving.end();
        let given = site.give();
        assert_eq!((take(&follower), take_at(&worker)), (given, given), "{moved}");
    }
}

/// What is read is acknowledged there, too, in the transactions that need all keys in one place.
#[test]
fn a_worker_acknowledges_and_buries_at_a_slot_that_is_halfway() {
    let mut site = Site::start();
    let worker = site.worker();
    site.give();
    assert_eq!(take_at(&worker), 1);
    let list = format!("sl:{{{}}}", shard());
    let stream = format!("ss:{{{}}}:{SOURCE}", shard());
    site.give();
    let mut second = None;
    eventually("a signal comes", || {
        second = worker.next(Duration::from_millis(20));
        second.is_some()
    });
    let moving = site.begin(&shard());
    moving.keys().iter().for_each(|key| moving.take(key));
    assert!(!moving.keys().contains(&list));
    let Some(Item::Signal(second)) = second else { panic!("{second:?}") };
    worker.acknowledge(second.place);
    let asking = |command: &str| {
        let mut client = moving.target.client();
        redis::cmd("ASKING").exec(&mut client).expect("it agrees");
        support::server::command(command).query::<redis::Value>(&mut client).expect("an answer")
    };
    eventually("it is acknowledged, and deleted", || {
        let redis::Value::Array(pending) = asking(&format!("XPENDING {stream} g")) else { return false };
        pending[0] == redis::Value::Int(0) && asking(&format!("XLEN {stream}")) == redis::Value::Int(0)
    });
    moving.end();
    let given = site.give();
    assert_eq!(take_at(&worker), given);
}

/// The lease and the position of a follower are in a slot of their own.
#[test]
fn a_follower_acts_and_keeps_its_position_while_its_own_slot_is_halfway() {
    let mut site = Site::start();
    site.give();
    let follower = site.follower("f");
    assert_eq!(take(&follower), 1);
    let position = |server: &support::server::Server, asking: bool| -> String {
        let mut client = server.client();
        if asking {
            redis::cmd("ASKING").exec(&mut client).expect("it agrees");
        }
        let reply = support::server::command(&format!("HGET fp:{{f}} {SOURCE}")).query(&mut client);
        reply.unwrap_or_default()
    };
    let moving = site.begin("f");
    eventually("it is written", || position(moving.source, false).contains(":0:1:"));
    // The lease alone: nothing can be written, and nothing is.
    moving.take("fl:{f}");
    let second = site.given + 1;
    site.publisher.signal(&buy(second));
    assert_eq!(take(&follower), second);
    moving.take("fp:{f}");
    eventually("it is written there", || position(moving.target, true).contains(":0:1-2:"));
    site.publisher.signal(&buy(3));
    assert_eq!(take(&follower), 3);
    eventually("it is written there", || position(moving.target, true).contains(":0:1-3:"));
    // A lease that is not there cannot be taken together with a position that is: that takes the whole slot.
    follower.close(30_000);
    let next_life = site.follower("f");
    eventually("it is told", || next_life.events().iter().any(|line| line.contains("TRYAGAIN")));
    assert!(next(&next_life).expect("no gap").is_none());
    moving.end();
    site.publisher.signal(&buy(4));
    assert_eq!(take(&next_life), 4);
}
