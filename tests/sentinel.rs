//! A master with a replica under three sentinels: whatever happens to the master while terminals write, what
//! they wrote is there once and in order. `MT5REDIS_LONG=yes` runs more of everything.

mod support;

use std::time::{Duration, Instant};

use mt5_redis::abi::*;
use support::bridge::{Bridge, buy, sequences};
use support::fake::{Fake, Reply, names};
use support::port::{free_port, listen};
use support::producers::Producers;
use support::sentinels::Sentinels;
use support::server::Server;
use support::{configuration, eventually, long};

/// Checks everything against the master of the moment.
fn check(producers: Producers, what: &str, group: &Sentinels) {
    let server = &group.servers[group.master()];
    producers.check(what, 1, &mut |command, _| server.ask(&command.join(" ")));
}

fn terminals() -> usize {
    if long() { 20 } else { 4 }
}

#[test]
fn a_killed_master_costs_nothing_there_and_back() {
    let mut group = Sentinels::start();
    let producers = Producers::start(terminals(), &group.toml());
    let mut slowest = Duration::ZERO;
    for _ in 0..if long() { 10 } else { 2 } {
        let old = group.master();
        group.servers[old].kill();
        group.failed_over_from(old);
        // Sentinels that have just failed over take their time for the next one; what comes after is ours.
        let decided = Instant::now();
        producers.go_on();
        slowest = slowest.max(decided.elapsed());
        group.servers[old].restart();
        group.settle();
    }
    producers.go_on();
    check(producers, "master killed", &group);
    println!("all terminals write {:.2} s after a new master was named, at most", slowest.as_secs_f64());
}

#[test]
fn a_frozen_master_costs_nothing() {
    let group = Sentinels::start();
    let producers = Producers::start(terminals(), &group.toml());
    let old = group.master();
    group.servers[old].freeze();
    group.failed_over_from(old);
    producers.go_on();
    // What it had received while it was frozen it applies now, as the master it thinks it is.
    group.servers[old].thaw();
    group.settle();
    producers.go_on();
    check(producers, "master frozen", &group);
}

#[test]
fn a_master_that_is_cut_off_costs_nothing() {
    let group = Sentinels::start();
    let producers = Producers::start(terminals(), &group.toml());
    let old = group.master();
    group.proxies[old].cut();
    group.failed_over_from(old);
    producers.go_on();
    group.proxies[old].mend();
    group.settle();
    producers.go_on();
    check(producers, "master cut off", &group);
}

#[test]
fn an_idle_lane_notices_a_failover_and_sends_again_what_the_new_master_lacks() {
    let mut group = Sentinels::start();
    let (folder, config) = configuration(&group.toml());
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    let old = group.master();
    let new = 1 - old;
    eventually("the replica has the first signal", || sequences(&group.servers[new]) == [1]);
    // The replica misses what comes now, and its master dies with it.
    let _: String = group.servers[new].ask(&format!("REPLICAOF 127.0.0.1 {}", free_port()));
    bridge.signal(&buy(2));
    bridge.settle();
    group.servers[old].kill();
    let _: String = group.servers[new].ask("REPLICAOF NO ONE");
    group.failed_over_from(old);
    eventually("the new master has what was acknowledged", || sequences(&group.servers[new]) == [1, 2]);
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTSS), 2);
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

#[test]
fn a_sentinel_that_never_answers_is_passed_over() {
    let group = Sentinels::start();
    // It accepts connections and says nothing.
    let silent = listen();
    let addresses: Vec<String> = [free_port(), silent.local_addr().expect("its address").port()]
        .into_iter()
        .chain([group.sentinels[2].port])
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let text =
        format!("url = \"redis-sentinel://{}/mt5-test\"\nconnect_timeout = \"200ms\"\n", addresses.join(","));
    let (folder, config) = configuration(&text.replace("connect", "[rtss]\nconnect"));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    assert_eq!(sequences(&group.servers[group.master()]), [1]);
}

#[test]
fn sentinels_that_know_nothing_are_told_in_the_events() {
    let server = Server::start();
    let url = format!("redis-sentinel://127.0.0.1:{}/mymaster", server.port);
    let bridge = Bridge::open(&url, "1.Demo", server.folder());
    bridge.signal(&buy(1));
    let mut seen = String::new();
    eventually("an event", || {
        seen += &bridge.events().join("\n");
        seen.contains("accepts no writes: no sentinel knows where mymaster is (127.0.0.1:")
    });
}

/// Three sentinels that name this server, and a configuration whose signals go by them. It waits long for each.
fn sentinels_of(server: &Server) -> (Vec<Fake>, tempfile::TempDir, String) {
    let fakes: Vec<Fake> = (0..3).map(|_| Fake::sentinel(server.port)).collect();
    let list: Vec<String> = fakes.iter().map(|fake| format!("127.0.0.1:{}", fake.port)).collect();
    let (folder, config) = configuration(&format!(
        "url = \"{}\"\n[rtss]\nurl = \"redis-sentinel://{}/m\"\nconnect_timeout = \"60s\"\n",
        server.url(),
        list.join(",")
    ));
    (fakes, folder, config)
}

/// How often they were asked for the master.
fn asked(fakes: &[Fake]) -> usize {
    fakes.iter().map(|fake| fake.heard("SENTINEL").len()).sum()
}

#[test]
fn sentinels_that_fall_silent_delay_no_record() {
    let server = Server::start();
    let (fakes, folder, config) = sentinels_of(&server);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    fakes.iter().for_each(|fake| fake.does(|_| Reply::Nothing));
    // A lane in trouble asks at each attempt...
    let before = asked(&fakes);
    let _: String = server.ask("CONFIG SET maxmemory 1");
    bridge.signal(&buy(2));
    eventually("a sentinel is asked", || asked(&fakes) > before);
    let _: String = server.ask("CONFIG SET maxmemory 0");
    bridge.settle();
    assert_eq!(sequences(&server), [1, 2]);
    // ... but only once at a time; and who asks ends soon after the lane.
    assert_eq!(asked(&fakes), before + 1);
    assert_eq!(bridge.close(30_000), mt5_redis::codes::MT5REDIS_OK);
    eventually("nobody waits for a sentinel", || fakes.iter().all(|fake| fake.open() == 0));
}

#[test]
fn a_busy_lane_follows_its_sentinels() {
    let (old, new) = (Server::start(), Server::start());
    let (fakes, folder, config) = sentinels_of(&old);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    // The old master takes on what it is given: only the sentinels know better.
    fakes.iter().for_each(|fake| fake.does(names("127.0.0.1", new.port)));
    let mut number = 1;
    eventually("the new master has what the old one had", || {
        number += 1;
        bridge.signal(&buy(number));
        bridge.settle();
        let there = sequences(&new);
        assert!(there.iter().copied().eq(1..=there.len() as i64), "{there:?}");
        !there.is_empty()
    });
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

#[test]
fn one_permission_at_a_sentinel_is_enough() {
    let server = Server::start();
    // The one of docs/deployment.md.
    let text = format!(
        "sentinel monitor m 127.0.0.1 {} 1\nrequirepass admin\n\
         user bridge on >hunter2 resetchannels -@all +auth +sentinel|get-master-addr-by-name\n",
        server.port
    );
    let sentinel = Server::configured(&text, &["--sentinel"]);
    let toml = |user: &str| {
        format!(
            "url = \"redis-sentinel://127.0.0.1:{}/m\"\n{user}sentinel_password = \"hunter2\"\n",
            sentinel.port
        )
    };
    let (folder, config) = configuration(&toml("sentinel_username = \"bridge\"\n"));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    assert_eq!(sequences(&server), [1]);
    let (folder, config) = configuration(&toml(""));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let mut seen = String::new();
    eventually("a wrong password is told", || {
        seen += &bridge.events().join("\n");
        seen.contains("WRONGPASS")
    });
    assert!(!seen.contains("hunter2"), "{seen}");
}
