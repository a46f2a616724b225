//! A real Cluster of six nodes: slots that move under full load, masters that die, nodes that come and go,
//! and afterwards everything is there once and in order. `MT5REDIS_LONG=yes` moves every slot.

mod support;

use std::collections::BTreeSet;

use mt5_redis::abi::{MT5REDIS_LANE_RTS, MT5REDIS_STATUS_IN_DOUBT};
use mt5_redis::model::trade::MT5REDIS_EVENT_OPEN;
use redis::Value;
use support::bridge::{Bridge, account, buy, trade};
use support::cluster::Cluster;
use support::eventually;
use support::producers::{Producers, instances};
use support::{configuration, long};

const SHARDS: u16 = 16;

fn check(producers: Producers, what: &str, cluster: &Cluster) {
    producers.check(what, SHARDS, &mut |command, key| ask(cluster, command, key));
}

/// Asks the node that has the key.
fn ask(cluster: &Cluster, command: &[&str], key: &str) -> Value {
    cluster.nodes[cluster.owner(cluster.slot(key))].ask(&command.join(" "))
}

fn terminals() -> usize {
    if long() { 20 } else { 4 }
}

/// The slots that the terminals write to.
fn slots(cluster: &Cluster) -> BTreeSet<u16> {
    let instances = (0..terminals()).flat_map(instances).map(|instance| format!("{{{instance}}}"));
    let shards = (0..SHARDS).map(|shard| format!("{{{shard}}}"));
    instances.chain(shards).map(|key| cluster.slot(&key)).collect()
}

#[test]
fn slots_that_move_under_load_lose_and_double_nothing() {
    let cluster = Cluster::start();
    let producers = Producers::start(terminals(), &cluster.toml());
    let slots = slots(&cluster);
    if long() {
        cluster.move_every_slot();
    } else {
        slots.iter().for_each(|&slot| cluster.move_slot(slot, (cluster.owner(slot) + 1) % 3, || {}));
    }
    producers.go_on();
    let moved = if long() { "every slot".to_owned() } else { format!("{} slots", slots.len()) };
    check(producers, &format!("{moved} moved"), &cluster);
}

#[test]
fn a_slot_that_is_halfway_holds_and_goes_on() {
    let cluster = Cluster::start();
    let (folder, config) = configuration(&cluster.toml());
    let bridge = Bridge::open(&config, "0.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    let shard = (0..SHARDS)
        .find(|shard| {
            let key = format!("ss:{{{shard}}}:0.Demo");
            matches!(ask(&cluster, &["EXISTS", &key], &key), Value::Int(1))
        })
        .expect("the signal's shard");
    let slot = cluster.slot(&format!("{{{shard}}}"));
    let mut number = 1;
    let mut events = Vec::new();
    cluster.move_slot(slot, (cluster.owner(slot) + 1) % 3, || {
        // The stream is on one node and the watermark on the other, or both on the new one already.
        number += 1;
        assert_eq!(bridge.signal(&buy(number)), number);
        support::eventually("it is sent, or held", || {
            events.extend(bridge.events());
            bridge.committed(mt5_redis::abi::MT5REDIS_LANE_RTSS) == number
                || events.iter().any(|event| event.contains("TRYAGAIN"))
        });
    });
    bridge.settle();
    assert!(events.iter().any(|event| event.contains("TRYAGAIN")), "{events:?}");
    let key = format!("ss:{{{shard}}}:0.Demo");
    let entries: Vec<(String, Vec<Vec<u8>>)> =
        redis::from_redis_value(ask(&cluster, &["XRANGE", &key, "-", "+"], &key)).expect("a stream");
    assert_eq!(entries.len() as i64, number);
}

#[test]
fn a_killed_master_of_a_cluster_costs_nothing() {
    let mut cluster = Cluster::start();
    let producers = Producers::start(terminals(), &cluster.toml());
    for old in 0..if long() { 3 } else { 1 } {
        cluster.nodes[old].kill();
        producers.go_on();
        cluster.nodes[old].restart();
        cluster.settle();
        producers.go_on();
    }
    check(producers, "Cluster master killed", &cluster);
}

#[test]
fn a_node_that_comes_and_goes_costs_nothing() {
    let mut cluster = Cluster::start();
    let producers = Producers::start(terminals(), &cluster.toml());
    let slots = slots(&cluster);
    let added = cluster.add();
    let homes: Vec<(u16, usize)> = slots.iter().map(|slot| (*slot, cluster.owner(*slot))).collect();
    homes.iter().for_each(|(slot, _)| cluster.move_slot(*slot, added, || {}));
    producers.go_on();
    homes.iter().for_each(|(slot, home)| cluster.move_slot(*slot, *home, || {}));
    cluster.remove(added);
    producers.go_on();
    check(producers, "node added and removed", &cluster);
}

/// Two instances that share a lane, each with a node of its own, and the positions they opened: of the first those
/// with odd numbers, of the second those with even ones.
struct Pair {
    cluster: Cluster,
    bridges: [Bridge; 2],
    instances: [String; 2],
    nodes: [usize; 2],
    producer: String,
    events: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Pair {
    fn open(journal: &str) -> Self {
        let cluster = Cluster::start();
        let named = |number: i32| format!("{number}.Demo");
        let node = |instance: &str| cluster.owner(cluster.slot(&format!("{{{instance}}}")));
        let first = named(1);
        let second = (2..).map(named).find(|other| node(other) != node(&first)).expect("another node");
        let instances = [first, second];
        let nodes = [0, 1].map(|at| node(&instances[at]));
        let (folder, config) =
            configuration(&format!("{}[rts]\nbatch_records = 4\n[journal]\n{journal}\n", cluster.toml()));
        let bridges = [0, 1].map(|at| Bridge::open(&config, &instances[at], folder.path()));
        let producer = bridges[0].stats()["rts"]["producer"].as_str().expect("a text").to_owned();
        Self { cluster, bridges, instances, nodes, producer, events: Vec::new(), _folder: folder }
    }

    /// Opens the positions up to `last`, each by its instance.
    fn positions(&self, first: i64, last: i64) {
        for position in first..=last {
            let bridge = &self.bridges[usize::from(position % 2 == 0)];
            assert_eq!(bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN)), position);
        }
    }

    fn key(&self, position: i64) -> String {
        format!("ts:{{{}}}:{position}", self.instances[usize::from(position % 2 == 0)])
    }

    /// Makes an instance's node one that has its positions up to this one only, as a promoted replica may, and
    /// drops its connections.
    fn forget_after(&self, which: usize, last: i64, until: i64) {
        let node = &self.cluster.nodes[self.nodes[which]];
        node.ask::<()>(&format!("SET wm:{{{}}}:{} {last}", self.instances[which], self.producer));
        for position in (last + 2..=until).step_by(2) {
            assert_eq!(node.ask::<i64>(&format!("DEL {}", self.key(position))), 1, "position {position}");
        }
        node.ask::<i64>("CLIENT KILL TYPE normal SKIPME yes");
    }

    fn told(&mut self, words: &str) {
        let Self { bridges, events, .. } = self;
        eventually(&format!("an event with {words:?}"), || {
            events.extend(bridges[0].events());
            events.iter().any(|event| event.contains(words))
        });
        events.clear();
    }

    /// Which positions are not in Redis.
    fn missing(&self, last: i64) -> Vec<i64> {
        let there = |key: &str| matches!(ask(&self.cluster, &["EXISTS", key], key), Value::Int(1));
        (1..=last).filter(|position| !there(&self.key(*position))).collect()
    }

    /// The node of the first instance fails over and accepts no writes; before it does, that of the second fails over
    /// and lacks less.
    fn one_after_the_other(&mut self) {
        self.positions(1, 40);
        self.bridges[0].settle();
        let full = &self.cluster.nodes[self.nodes[0]];
        self.forget_after(0, 3, 39);
        full.ask::<()>("CONFIG SET maxmemory 1");
        self.positions(41, 41);
        self.told("accepts no writes: OOM");
        self.forget_after(1, 30, 40);
        self.told("connected to");
        self.cluster.nodes[self.nodes[0]].ask::<()>("CONFIG SET maxmemory 0");
        self.bridges[0].settle();
    }
}

#[test]
fn what_one_instance_lacks_is_sent_again_though_another_lacks_only_what_came_later() {
    let mut pair = Pair::open("");
    pair.one_after_the_other();
    assert_eq!(pair.missing(41), [0; 0]);
    assert_eq!(pair.bridges[0].stats()["rts"]["lost"], 0);
    assert_eq!(pair.bridges[0].committed(MT5REDIS_LANE_RTS), 41);
}

#[test]
fn without_a_journal_what_each_instance_lost_is_counted() {
    let mut pair = Pair::open("sync = \"off\"");
    pair.positions(1, 40);
    pair.bridges[0].settle();
    // One batch, of which the second instance's node accepts no writes.
    let (first, full) = (pair.nodes[0], pair.nodes[1]);
    pair.cluster.nodes[full].ask::<()>("CONFIG SET maxmemory 1");
    pair.cluster.nodes[first].freeze();
    pair.positions(41, 41);
    eventually("the first record is under way", || {
        pair.bridges[0].status(MT5REDIS_LANE_RTS, 41) == MT5REDIS_STATUS_IN_DOUBT
    });
    pair.positions(42, 44);
    pair.cluster.nodes[first].thaw();
    pair.told("accepts no writes: OOM");
    assert_eq!(pair.missing(44), [42, 44]);
    pair.forget_after(0, 41, 43);
    pair.told("connected to");
    pair.cluster.nodes[full].ask::<()>("CONFIG SET maxmemory 0");
    pair.bridges[0].settle();
    assert_eq!(pair.missing(44), [43]);
    assert_eq!(pair.bridges[0].stats()["rts"]["lost"], 1);
}

#[test]
fn heartbeats_of_many_instances_find_their_nodes() {
    let cluster = Cluster::start();
    let (folder, config) = configuration(&cluster.toml());
    for number in 0..8 {
        let instance = format!("{number}.Demo");
        let bridge = Bridge::open(&config, &instance, folder.path());
        bridge.heartbeat(&account());
        bridge.settle();
        let key = format!("is:{{{instance}}}");
        assert!(matches!(ask(&cluster, &["PTTL", &key], &key), Value::Int(1..)), "{key}");
    }
    assert_eq!(ask(&cluster, &["ZCARD", "il"], "il"), Value::Int(8));
}
