//! The faults of masters, replicas, Sentinels and the nodes of a Cluster.

use rustix::process::{Pid, Signal, kill_process};

use std::process::Command;

use super::advice::obey;
use super::server::heals;
use super::*;

/// Examines until the finding appears, because other servers need time to notice.
fn eventually(config: &Path, root: &Path, light: Light, check: &str, says: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let findings = examine(config, root);
        let found = findings
            .iter()
            .any(|found| (found.light, found.check) == (light, check) && found.text.contains(says));
        if found {
            return;
        }
        if Instant::now() > deadline {
            expect(&findings, light, check, says);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// A wrong name, an unprotected master, a late replica, lost replicas and lost Sentinels, one after another.
#[test]
fn each_fault_of_a_master_with_sentinels_is_found() {
    let (root, mut servers) = (machine(), start(Topology::Sentinel));
    let (config, ports) = (servers.config_file(), servers.ports());
    let found = |servers: &Servers, light, check, says| {
        eventually(&servers.config_file(), root.path(), light, check, says)
    };

    let other = config.with_file_name("other.toml");
    let text = fs::read_to_string(&config).unwrap().replace("/rtss\"", "/nobody\"");
    fs::write(&other, text).unwrap();
    expect(&examine(&other, root.path()), Light::Red, "roles", "knows no master named nobody");

    let mut master = connect(ports[2]).unwrap();
    type_in(&mut master, "CONFIG SET min-replicas-to-write 0");
    let findings = examine(&config, root.path());
    expect(&findings, Light::Yellow, "roles", "acknowledges writes while cut off");
    heals(&findings, &config, root.path(), ("roles", "acknowledges writes while cut off"));

    // A suspended replica falls behind.
    let mut states = connect(ports[0]).unwrap();
    let info: redis::InfoDict = redis::cmd("INFO").query(&mut connect(ports[1]).unwrap()).unwrap();
    let replica = Pid::from_raw(info.get("process_id").unwrap()).unwrap();
    kill_process(replica, Signal::STOP).unwrap();
    type_in(&mut states, &format!("SET is:{{1.Demo}} {} PX 90000", "x".repeat(20 << 20)));
    let behind = examine(&config, root.path());
    kill_process(replica, Signal::CONT).unwrap();
    type_in(&mut states, "DEL is:{1.Demo}");
    expect(&behind, Light::Yellow, "roles", "MiB behind");

    // The replicas of ris and of rts.
    servers.kill(ports[1]).unwrap();
    servers.kill(ports[3]).unwrap();
    found(&servers, Light::Yellow, "roles", "is a master without a replica");
    found(
        &servers,
        Light::Red,
        "roles",
        "refuses writes: 0 replicas are in sync, min-replicas-to-write is 1",
    );

    servers.kill(ports[7]).unwrap();
    servers.kill(ports[8]).unwrap();
    found(&servers, Light::Red, "reach", "does not answer");
    found(&servers, Light::Red, "roles", "no failover is possible");
}

/// A half-migrated slot, uneven slots, a failed node and a lost master, one after another.
#[test]
fn each_fault_of_a_cluster_is_found() {
    let (root, mut servers) = (machine(), start(Topology::Cluster));
    let (config, ports) = (servers.config_file(), servers.ports());
    let mut nodes: Vec<Connection> = ports.iter().map(|&port| connect(port).unwrap()).collect();
    let ids: Vec<String> =
        nodes.iter_mut().map(|node| redis::cmd("CLUSTER").arg("MYID").query(node).unwrap()).collect();

    type_in(&mut nodes[0], &format!("CLUSTER SETSLOT 0 MIGRATING {}", ids[1]));
    let findings = examine(&config, root.path());
    expect(&findings, Light::Yellow, "balance", "1 slots are half-migrated");
    heals(&findings, &config, root.path(), ("balance", "1 slots are half-migrated"));

    // Nothing is in them, so they can change hands at once.
    for slot in 0..1000 {
        for node in [1, 0, 2] {
            type_in(&mut nodes[node], &format!("CLUSTER SETSLOT {slot} NODE {}", ids[1]));
        }
    }
    type_in(&mut nodes[1], "CLUSTER BUMPEPOCH");
    let check = || {
        let mut check = Command::new("redis-cli");
        check.args(["--cluster", "check", &format!("127.0.0.1:{}", ports[0])]).output().unwrap().status
    };
    let deadline = Instant::now() + PATIENCE;
    while !check().success() {
        assert!(Instant::now() < deadline, "the nodes do not agree");
        thread::sleep(Duration::from_millis(50));
    }
    let findings = examine(&config, root.path());
    expect(&findings, Light::Yellow, "balance", "the slots are spread unevenly");
    heals(&findings, &config, root.path(), ("balance", "the slots are spread unevenly"));

    servers.kill(ports[5]).unwrap();
    eventually(&config, root.path(), Light::Yellow, "roles", "sees a failed node");
    eventually(&config, root.path(), Light::Yellow, "roles", "is a master without a replica");
    // Each node must forget it, or it hears of it from the others.
    let failed = |finding: &&Finding| finding.text.contains("sees a failed node");
    let deadline = Instant::now() + PATIENCE;
    let mut findings = examine(&config, root.path());
    while findings.iter().filter(failed).count() < 5 {
        assert!(Instant::now() < deadline, "not every node knows: {:#?}", complaints(&findings));
        findings = examine(&config, root.path());
    }
    findings.iter().filter(failed).for_each(|finding| drop(obey(finding, root.path())));
    assert!(!examine(&config, root.path()).iter().any(|finding| failed(&finding)));
    servers.kill(ports[2]).unwrap();
    eventually(&config, root.path(), Light::Red, "roles", "cluster_state:");
}
