//! Sentinels and a Cluster as `mt5fleet up` starts them: they survive the trouble that the demo causes, keep every key,
//! and continue with their data.

mod support;

use std::collections::BTreeSet;

use mt5fleet::up::{Plan, Servers, Topology, server};
use redis::{Connection, InfoDict};
use support::{eventually, plan};

fn connect(url: &str) -> Connection {
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// Whether a master takes a write, which with `min-replicas-to-write` needs its replica.
fn takes(url: &str, key: &str) -> bool {
    let written = redis::Client::open(url)
        .and_then(|client| client.get_connection())
        .and_then(|mut connection| redis::cmd("SET").arg(key).arg("kept").query::<String>(&mut connection));
    written.is_ok()
}

/// All masters crash, others take over, the old ones follow, and a restart keeps all of it.
#[test]
fn crashed_masters_are_replaced_and_come_back_as_replicas_and_the_data_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let sentinels = plan(Topology::Sentinel, Some(10));
    let mut servers = Servers::start_in(folder.path(), &sentinels, false).unwrap();
    let (ports, before) = (servers.ports(), servers.urls());
    before.iter().for_each(|url| assert!(takes(url, "before")));
    assert!(Servers::start_in(folder.path(), &sentinels, false).is_err(), "twice on one folder");

    // All masters crash.
    let told = servers.trouble().unwrap().unwrap().end().unwrap();
    assert!(told.starts_with("the masters of ris, rts, rtss crashed"), "{told}");
    eventually("each lane has another master that takes writes", || {
        assert_eq!(servers.attend().unwrap(), None);
        let after = servers.urls();
        (0..3).all(|lane| after[lane] != before[lane] && takes(&after[lane], "after"))
    });
    let after = servers.urls();
    eventually("the old masters are replicas", || {
        servers.attend().unwrap();
        before.iter().all(|url| {
            let mut connection = connect(url);
            let info: InfoDict = redis::cmd("INFO").query(&mut connection).unwrap();
            info.get::<String>("role").unwrap() == "slave"
        })
    });
    drop(servers);

    // The servers' own files keep what the failover changed, so a restart continues.
    let wrong = Plan { topology: Topology::Cluster, ..Plan::default() };
    let refused = Servers::start_in(folder.path(), &wrong, false).err().unwrap().to_string();
    assert!(refused.contains("pass that, or another folder"), "{refused}");
    let again = Plan { ports: None, ..sentinels };
    let servers = Servers::start_in(folder.path(), &again, false).unwrap();
    assert_eq!((servers.ports(), servers.urls()), (ports, after.clone()));
    // Not ris: it has no log, so its last minutes may be lost.
    for url in &after[1..] {
        let kept: Vec<String> =
            redis::cmd("MGET").arg("before").arg("after").query(&mut connect(url)).unwrap();
        assert_eq!(kept, ["kept", "kept"], "{url}");
    }
}

/// A reshard moves every key to another master and loses none.
#[test]
fn a_live_reshard_moves_every_slot_with_data_and_loses_no_key() {
    let mut servers = Servers::start_here(&plan(Topology::Cluster, Some(10))).unwrap();
    let masters = &servers.ports()[..3];
    let mut connections: Vec<Connection> =
        masters.iter().map(|&port| server::connect(port).unwrap()).collect();
    let mut written = BTreeSet::new();
    for number in 0..100 {
        let key = format!("ts:{{{number}.Demo}}:1");
        // Only the owner of its slot accepts it.
        let takers = connections.iter_mut().filter_map(|connection| {
            redis::cmd("SET").arg(&key).arg(number).query::<String>(connection).ok()
        });
        assert_eq!(takers.count(), 1);
        written.insert(key);
    }
    let keys = |connections: &mut Vec<Connection>| -> Vec<BTreeSet<String>> {
        connections
            .iter_mut()
            .map(|connection| redis::cmd("KEYS").arg("*").query(connection).unwrap())
            .collect()
    };
    let before = keys(&mut connections);
    let told = servers.trouble().unwrap().unwrap().end().unwrap();
    assert!(told.contains(" slots with data moved to another master"), "{told}");
    let after = keys(&mut connections);
    assert!(
        before.iter().zip(&after).all(|(before, after)| before.is_disjoint(after)),
        "a key has not moved"
    );
    let all: BTreeSet<String> = after.into_iter().flatten().collect();
    assert_eq!(all, written);
    eventually("all nodes see a healthy Cluster", || {
        connections.iter_mut().all(|connection| {
            let info: String = redis::cmd("CLUSTER").arg("INFO").query(connection).unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        })
    });
}
