//! A real Cluster of six nodes: slots that move under full load, masters that die, nodes that come and go,
//! and afterwards everything is there once and in order. `MT5REDIS_LONG=yes` moves every slot.

mod support;

use std::collections::BTreeSet;

use mt5_redis::model::trade::MT5REDIS_EVENT_OPEN;
use redis::Value;
use support::bridge::{Bridge, account, buy, trade};
use support::cluster::Cluster;
use support::producers::Producers;
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
    let instances = (0..terminals()).map(|number| format!("{{{number}.Demo}}"));
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
fn a_slot_that_moves_holds_no_other_instance_up() {
    let cluster = Cluster::start();
    let (folder, config) = configuration(&cluster.toml());
    // Two instances in one process, and so in one lane, whose slots are at one node.
    let home = |instance: &str| cluster.owner(cluster.slot(&format!("{{{instance}}}")));
    let staying = "0.Demo";
    let moving = (1..).map(|number| format!("{number}.Demo")).find(|other| home(other) == home(staying));
    let moving = moving.expect("a third of all names");
    let bridges = [staying, &moving].map(|instance| Bridge::open(&config, instance, folder.path()));
    let send = |position: i64| {
        for bridge in &bridges {
            assert!(bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN)) > 0);
        }
        bridges.iter().for_each(Bridge::settle);
    };
    send(1);
    for position in 2..6 {
        let slot = cluster.slot(&format!("{{{moving}}}"));
        cluster.move_slot(slot, (cluster.owner(slot) + 1) % 3, || {});
        send(position);
    }
    for instance in [staying, &moving] {
        let key = format!("to:{{{instance}}}");
        assert_eq!(ask(&cluster, &["SCARD", &key], &key), Value::Int(5), "{instance}");
    }
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
            let key = format!("ss:{{{shard}}}");
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
    let key = format!("ss:{{{shard}}}");
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
