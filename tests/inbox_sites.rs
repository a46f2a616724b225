//! A subscription on a Cluster whose slots move, and with Sentinels whose master dies.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mt5_redis::abi::mt5redis_acknowledge;
use mt5_redis::config::Config;
use mt5_redis::inbox::{Item, MT5REDIS_START_BEGINNING, Start};
use mt5_redis::model::Signal;
use mt5_redis_worker::{Worker, WorkerOptions};
use support::bridge::Bridge;
use support::cluster::Cluster;
use support::follower::{Wants, next, reads, subscribe, wait};
use support::sentinels::Sentinels;
use support::server::Server;
use support::{configuration, eventually};

fn signal(magic: i64) -> Signal {
    Signal { action: 1, volume: 0.1, magic, ..Default::default() }
}

#[test]
fn a_cluster_whose_slots_move_is_read_whole() {
    let cluster = Cluster::start();
    let (folder, config) = configuration(&cluster.toml());
    let bridges: Vec<Bridge> =
        (0..6).map(|number| Bridge::open(&config, &format!("{number}.Demo"), folder.path())).collect();
    let follower = &bridges[0];
    let wants =
        Wants { follower: "f", instances: "*", start: MT5REDIS_START_BEGINNING, ..Default::default() };
    assert_eq!(subscribe(follower, &wants), 0);
    let mut given = 0;
    let mut got = BTreeSet::new();
    for shard in 0..16 {
        for bridge in &bridges {
            given += 1;
            assert!(bridge.signal(&signal(given)) > 0);
        }
        let slot = cluster.slot(&format!("{{{shard}}}"));
        cluster.move_slot(slot, (cluster.owner(slot) + 1) % 3, || {});
        while let Ok(Some(one)) = next(follower) {
            got.insert(one.signal.magic);
            mt5redis_acknowledge(follower.handle, one.signal.number);
        }
    }
    eventually("every signal is read", || {
        if let Some(one) = next(follower).expect("no gap") {
            got.insert(one.signal.magic);
            mt5redis_acknowledge(follower.handle, one.signal.number);
        }
        got.len() as i64 == given
    });
}

/// Whoever reads at a Cluster asks each second or two whether the slots are where they were: over the connections that
/// it has.
#[test]
fn a_check_of_a_cluster_opens_no_connection() {
    let cluster = Cluster::start();
    let (folder, config) = configuration(&cluster.toml());
    let follower = Bridge::open(&config, "1.Demo", folder.path());
    let wants = Wants { follower: "f", instances: "1.Demo", ..Default::default() };
    assert_eq!(subscribe(&follower, &wants), 0);
    reads(&follower);
    let mut clients: Vec<redis::Connection> = cluster.nodes.iter().map(Server::client).collect();
    let mut numbers = |section: &str, name: &str| -> i64 {
        let mut sum = 0;
        for client in &mut clients {
            let info: String = redis::cmd("INFO").arg(section).query(client).expect("an answer");
            let line = info.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
            sum += line.split(',').next().expect("a number").parse::<i64>().expect("a number");
        }
        sum
    };
    let checks = "cmdstat_cluster|info:calls=";
    // The first check of all comes when everything is connected.
    let begun = numbers("commandstats", checks);
    eventually("it was checked", || numbers("commandstats", checks) >= begun + 2);
    let (connections, made) =
        (numbers("stats", "total_connections_received:"), numbers("commandstats", checks));
    eventually("it was checked again", || numbers("commandstats", checks) >= made + 6);
    assert_eq!(numbers("stats", "total_connections_received:"), connections);
}

/// Nobody gives a signal meanwhile, and no connection breaks: the old master hangs.
#[test]
fn an_idle_follower_notices_a_failover() {
    let group = Sentinels::start();
    let (folder, config) = configuration(&group.toml());
    let follower = Bridge::open(&config, "9.Demo", folder.path());
    let wants =
        Wants { follower: "f", instances: "1.Demo", start: MT5REDIS_START_BEGINNING, ..Default::default() };
    assert_eq!(subscribe(&follower, &wants), 0);
    reads(&follower);
    let old = group.master();
    group.servers[old].freeze();
    group.failed_over_from(old);
    let new = &group.servers[1 - old];
    let connected =
        |role: &str| new.ask::<String>("CLIENT LIST").contains(&format!("name=mt5redis:9.Demo:{role}"));
    eventually("both its connections are at the new master", || {
        connected("in ") && connected("acknowledge ")
    });
    let publisher = Bridge::open(&config, "1.Demo", folder.path());
    assert!(publisher.signal(&signal(1)) > 0);
    assert_eq!(wait(&follower).signal.magic, 1);
}

/// Two workers of one group, and what they were given together.
struct Crew {
    readers: Vec<Worker>,
    got: BTreeSet<i64>,
}

impl Crew {
    fn start(config: &str) -> Self {
        let config = Config::read(config, "").expect("a configuration");
        let start = |name: &str| {
            let options = WorkerOptions {
                group: "g".into(),
                consumer: name.into(),
                start: Start::Resume,
                prefetch: 8,
                take_over: Some(Duration::from_secs(2)),
                delete: true,
            };
            Worker::start(&config, options, Arc::new(|line| println!("{line}"))).expect("a reader")
        };
        Self { readers: vec![start("one"), start("two")], got: BTreeSet::new() }
    }

    /// Acts on what is there; every third signal not at the first attempt.
    fn work(&mut self) {
        for reader in &self.readers {
            match reader.next(Duration::from_millis(5)) {
                Some(Item::Signal(delivery)) => {
                    let magic = delivery.signal.signal.magic;
                    if magic % 3 == 0 && delivery.deliveries == 1 {
                        reader.again(&delivery, Duration::from_millis(20));
                        continue;
                    }
                    self.got.insert(magic);
                    reader.acknowledge(delivery.place);
                }
                Some(Item::Gap(gap)) => panic!("{gap:?}"),
                Some(item) => panic!("{item:?}"),
                None => {}
            }
        }
    }
}

#[test]
fn a_group_reads_across_a_failover() {
    let mut group = Sentinels::start();
    let (folder, config) = configuration(&group.toml());
    let publisher = Bridge::open(&config, "1.Demo", folder.path());
    let mut crew = Crew::start(&config);
    let mut given = 0;
    let mut give = || {
        (0..300).for_each(|_| {
            given += 1;
            assert!(publisher.signal(&signal(given)) > 0);
        });
        given
    };
    for _ in 0..2 {
        let all = give();
        eventually("some are read", || {
            crew.work();
            crew.got.len() as i64 > all - 200
        });
        let old = group.master();
        group.servers[old].kill();
        give();
        group.failed_over_from(old);
        let all = give();
        eventually("every signal is read", || {
            crew.work();
            crew.got.len() as i64 == all
        });
        group.servers[old].restart();
        group.settle();
    }
    // Nothing pends and nothing is left, also of what was taken and not acknowledged when the master died.
    eventually("the stream is empty", || {
        crew.work();
        let server = &group.servers[group.master()];
        let (pending, left): (redis::Value, i64) =
            (server.ask("XPENDING ss:{0}:1.Demo g"), server.ask("XLEN ss:{0}:1.Demo"));
        let redis::Value::Array(pending) = pending else { panic!("{pending:?}") };
        pending[0] == redis::Value::Int(0) && left == 0
    });
}
