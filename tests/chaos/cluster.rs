//! A Cluster with several instances in each lane, whose nodes fail one by one and two at a time: masters die with
//! and without what they acknowledged, slots move under the records, a node is full or silent while another is
//! gone, and prices are refused under pressure meanwhile.

use std::thread;
use std::time::Duration;

use super::content::INSTANCES;
use super::producer::{Producer, Task};
use super::scenario::{Scenario, Setting, short_or_long};
use crate::support::cluster::Cluster;
use crate::support::eventually;

/// Masters at first, each with a replica: the node's number and three more.
const MASTERS: usize = 3;

const KINDS: u64 = 8;

pub fn nodes(mut chaos: Scenario) {
    let mut cluster = Cluster::start();
    let nodes: Vec<_> = cluster.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let url = format!("redis-cluster://{}", nodes.join(","));
    let task = chaos.task(&Setting { rts: &url, rtss: &url, journal: "" });
    // A failover takes seconds, and all that is said meanwhile is judged.
    let task = Task { pause_us: 4 * task.pause_us, ..task };
    let mut producer = Producer::start(&task);
    // The worst ones, or all of them, in any order; then as the dice fall.
    let mut kinds: Vec<u64> = if short_or_long(0, 1) == 0 { vec![2, 3, 4] } else { (0..KINDS).collect() };
    chaos.dice.shuffle(&mut kinds);
    kinds.extend((0..short_or_long(1, 3 * KINDS)).map(|_| chaos.dice.u64(..KINDS)));
    for kind in kinds {
        match kind {
            0 => {
                producer.kill();
                producer = Producer::start(&task);
                chaos.fault("kill -9 of the producer");
            }
            kind => fault(&mut chaos, &mut cluster, kind),
        }
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(..300)));
    }
    cluster.settle();
    producer.finish();
    let masters = || cluster.masters().into_iter().map(|at| cluster.nodes[at].client()).collect::<Vec<_>>();
    chaos.judge_all(&mut masters(), &mut masters());
}

/// One fault, over when this returns.
fn fault(chaos: &mut Scenario, cluster: &mut Cluster, kind: u64) {
    let masters = cluster.masters();
    let at = masters[chaos.dice.usize(..masters.len())];
    let other = masters[(masters.iter().position(|it| *it == at).expect("itself") + 1) % masters.len()];
    match kind {
        1 => {
            cluster.nodes[at].kill();
            take_over(chaos, cluster, at);
            chaos.fault("master killed");
        }
        2 => {
            // Its replica has stood still for a while, and lacks what was acknowledged meanwhile.
            let replica = cluster.replica_of(at);
            cluster.nodes[replica].freeze();
            thread::park_timeout(Duration::from_millis(chaos.dice.u64(200..800)));
            cluster.nodes[at].kill();
            cluster.nodes[replica].thaw();
            take_over(chaos, cluster, at);
            chaos.fault("master killed whose replica lacked some");
        }
        3 => {
            // One instance's records wait for a full node, while another's node forgets.
            let _: String = cluster.nodes[other].ask("CONFIG SET maxmemory 1");
            thread::park_timeout(Duration::from_millis(chaos.dice.u64(..300)));
            cluster.nodes[at].kill();
            take_over(chaos, cluster, at);
            let _: String = cluster.nodes[other].ask("CONFIG SET maxmemory 0");
            chaos.fault("one master full, another killed");
        }
        4 => {
            let instance = INSTANCES[chaos.dice.usize(..INSTANCES.len())];
            let tags = [format!("{{{instance}}}"), format!("{{{}}}", chaos.dice.u16(..16))];
            for tag in tags {
                let slot = cluster.slot(&tag);
                let from = cluster.owner(slot);
                let to = masters.iter().copied().find(|to| *to != from).expect("another master");
                cluster.move_slot(slot, to, || thread::park_timeout(Duration::from_millis(3)));
                chaos.fault("slot moved");
            }
        }
        5 => {
            // Shorter than the others wait before they call it dead.
            cluster.nodes[at].freeze();
            thread::park_timeout(Duration::from_millis(chaos.dice.u64(100..1000)));
            cluster.nodes[at].thaw();
            chaos.fault("master frozen");
        }
        6 => {
            for node in &masters {
                let killed: u64 = cluster.nodes[*node].ask("CLIENT KILL TYPE normal SKIPME yes");
                chaos.faults_of("CLIENT KILL", killed);
            }
        }
        _ => {
            let owner = cluster.owner(cluster.slot("ctl"));
            cluster.nodes[owner].direct("ctl", 2, 3000);
            cluster.nodes[at].kill();
            take_over(chaos, cluster, at);
            chaos.fault("master killed under pressure");
        }
    }
}

/// Waits until another node has the slots of a killed one, and starts that again.
fn take_over(chaos: &mut Scenario, cluster: &mut Cluster, killed: usize) {
    eventually("its replica takes over", || {
        let masters = cluster.masters();
        masters.len() == MASTERS && !masters.contains(&killed)
    });
    // At times the old one comes back late.
    thread::park_timeout(Duration::from_millis(chaos.dice.u64(..500)));
    cluster.nodes[killed].restart();
    eventually("it follows", || cluster.nodes[killed].info("replication").contains("master_link_status:up"));
    cluster.settle();
}
