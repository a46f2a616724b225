//! Servers that throw keys away when they are full: whoever writes to one is warned, as soon as it connects and
//! without a permission of its own for CONFIG.

mod support;

use support::bridge::{Bridge, account};
use support::eventually;
use support::server::Server;

/// The warnings of a bridge that has connected all three lanes, one line a lane.
fn warnings(server: &Server, user: &str) -> Vec<String> {
    let url = format!("redis://{user}127.0.0.1:{}", server.port);
    let folder = tempfile::tempdir().expect("a folder");
    let bridge = Bridge::open(&url, "1.Demo", folder.path());
    bridge.heartbeat(&account());
    let mut events = Vec::new();
    eventually("all lanes are connected", || {
        events.extend(bridge.events());
        events.iter().filter(|line| line.contains(": connected to ")).count() == 3
    });
    events.retain(|line| line.contains("WARNING"));
    events.sort();
    events
}

#[test]
fn a_policy_that_evicts_what_must_stay_is_told_by_each_lane_that_it_harms() {
    let server = Server::start();
    let _: String = server.ask("CONFIG SET maxmemory 100mb");
    for (policy, lanes) in [
        ("noeviction", &[][..]),
        // It takes watermarks and streams, which have an end; the states of instances are renewed by themselves.
        ("volatile-ttl", &["rts", "rtss"][..]),
        ("volatile-lru", &["rts", "rtss"][..]),
        ("allkeys-lru", &["ris", "rts", "rtss"][..]),
        ("allkeys-random", &["ris", "rts", "rtss"][..]),
    ] {
        let _: String = server.ask(&format!("CONFIG SET maxmemory-policy {policy}"));
        let told = warnings(&server, "");
        let by: Vec<&str> = told.iter().map(|line| line.split(':').next().expect("a lane")).collect();
        assert_eq!(by, lanes, "{policy}: {told:?}");
        assert!(told.iter().all(|line| line.contains(&format!("maxmemory-policy {policy}"))), "{told:?}");
    }
    // A server without a limit throws nothing away.
    let _: String = server.ask("CONFIG SET maxmemory 0");
    assert_eq!(warnings(&server, ""), [""; 0]);
}

#[test]
fn a_server_that_refuses_config_is_asked_otherwise() {
    let server = Server::start();
    let _: String = server.ask("CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lfu");
    let _: String = server.ask("ACL SETUSER ea reset on >hunter2 ~* +@all -config");
    assert_eq!(warnings(&server, "ea:hunter2@").len(), 3);
    let _: String = server.ask("ACL SETUSER ea -info");
    assert_eq!(warnings(&server, "ea:hunter2@"), [""; 0]);
}

#[test]
fn a_lane_that_connects_again_does_not_repeat_it() {
    let server = Server::start();
    let _: String = server.ask("CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lru");
    let bridge = Bridge::at(&server, "1.Demo");
    let mut events = Vec::new();
    let mut connected = |times: usize| {
        eventually("the signals' lane is connected", || {
            bridge.signal(&support::bridge::buy(1));
            events.extend(bridge.events());
            events.iter().filter(|line| line.starts_with("rtss: connected to ")).count() == times
        });
        events.iter().filter(|line| line.starts_with("rtss: WARNING")).count()
    };
    assert_eq!(connected(1), 1);
    let _: i64 = server.ask("CLIENT KILL TYPE normal");
    assert_eq!(connected(2), 1);
    let _: String = server.ask("CONFIG SET maxmemory-policy volatile-lru");
    let _: i64 = server.ask("CLIENT KILL TYPE normal");
    assert_eq!(connected(3), 2, "another policy is news");
}
