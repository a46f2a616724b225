//! What happens when Redis nears its limits: directives are followed, prices thin out, and nothing is lost.
//! `MT5REDIS_LONG=yes` runs it with fifty terminals.

mod support;

use mt5_redis::abi::*;
use mt5_redis::model::InstanceState;
use mt5_redis::model::trade::*;
use support::bridge::{self, Bridge, account, buy, sequences, sequences_of, trade};
use support::eventually;
use support::port::free_port;
use support::server::Server;

fn throttle(bridge: &Bridge) -> i32 {
    mt5redis_throttle(bridge.handle)
}

fn interval_ms(bridge: &Bridge, lane: i32) -> i32 {
    mt5redis_interval_ms(bridge.handle, lane)
}

/// A configuration in which the level falls quickly.
fn quick(server: &Server) -> (tempfile::TempDir, String) {
    support::configuration(&format!("url = \"{}\"\n[pressure]\nquiet = \"200ms\"\n", server.url()))
}

fn price(position: i64, profit: f64) -> TradeState {
    TradeState { profit, ..trade(position, MT5REDIS_EVENT_PRICE) }
}

#[test]
fn a_directive_reaches_the_terminal_with_its_next_heartbeat_and_ends_by_itself() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    // Under pressure a heartbeat is not accepted before it is due.
    let beat = || {
        let state = InstanceState { interval_ms: 100, ..account() };
        eventually("a heartbeat is due", || bridge.heartbeat(&state) > 0);
        bridge.settle();
    };
    beat();
    eventually("all is calm", || throttle(&bridge) == 0);
    assert_eq!(interval_ms(&bridge, MT5REDIS_LANE_RIS), 100);
    assert_eq!(interval_ms(&bridge, MT5REDIS_LANE_RTS), 0);

    server.direct("ctl", 1, 60_000);
    beat();
    assert_eq!((throttle(&bridge), interval_ms(&bridge, MT5REDIS_LANE_RIS)), (1, 200));
    assert_eq!(interval_ms(&bridge, MT5REDIS_LANE_RTS), 1000);

    // The one for this instance is higher, and shorter.
    server.direct("ctl:{1.Demo}", 3, 1500);
    server.direct("ctl:{2.Demo}", 2, 60_000);
    beat();
    assert_eq!((throttle(&bridge), interval_ms(&bridge, MT5REDIS_LANE_RIS)), (3, 45_000));
    assert_eq!(interval_ms(&bridge, MT5REDIS_LANE_RTS), i32::MAX);
    assert_eq!(interval_ms(&bridge, MT5REDIS_LANE_RTSS), 0);
    eventually("it ends, and the one for all is left", || throttle(&bridge) == 1);
    server.ask::<()>("DEL ctl");
    beat();
    eventually("it is gone", || throttle(&bridge) == 0);
    let events = bridge.events().join("\n");
    for words in [
        "pressure is at level 1 (slow), before at 0: the governor's directive",
        "pressure is at level 3 (critical), before at 1: the governor's directive",
        "pressure is at level 1 (slow), before at 3",
        "pressure is at level 0 (normal), before at 1",
    ] {
        assert!(events.contains(words), "{words}\n{events}");
    }
    assert_eq!(bridge.stats()["pressure"]["highest"], 3);
}

#[test]
fn a_directive_that_cannot_be_read_harms_nobody() {
    let server = Server::start();
    server.ask::<()>("HSET ctl a b");
    server.ask::<()>("SET ctl:{1.Demo} nonsense");
    let bridge = Bridge::at(&server, "1.Demo");
    for number in 1..=3 {
        assert_eq!(bridge.heartbeat(&account()), number);
        bridge.settle();
    }
    // A user that may not ask for it writes on.
    server.ask::<()>("ACL SETUSER default -get -time");
    bridge.heartbeat(&account());
    bridge.settle();
    assert_eq!(server.ask::<i64>("HGET is:{1.Demo} q"), 4);
    let events = bridge.events().join("\n");
    assert!(!events.contains("accepts no writes"), "{events}");
}

/// At the highest level a heartbeat is due twice within the time to live, so it is told within that.
#[test]
fn a_heartbeat_says_how_much_of_the_journal_waits() {
    let server = Server::start();
    let (url, nobody) = (server.url(), free_port());
    let text = format!(
        "url = \"{url}\"\n[ris]\nttl = \"2s\"\n[rts]\nurl = \"redis://127.0.0.1:{nobody}\"\n[journal]\nmax_bytes = {}\n",
        8 << 20
    );
    let (folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let told = || server.ask::<Option<i64>>("HGET is:{1.Demo} jp");
    bridge.heartbeat(&account());
    eventually("nothing waits", || told() == Some(0));
    let mut accepted = 0;
    eventually("half of it waits", || {
        for _ in 0..200 {
            accepted += i64::from(bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN)) > 0);
        }
        bridge.heartbeat(&account());
        told().is_some_and(|percent| (50..=100).contains(&percent))
    });
    assert!(accepted > 1_000, "{accepted} trades fill half of it");
}

/// Terminals that write into a server until it is full, and what becomes of all of it.
#[test]
fn a_server_without_memory_loses_nothing() {
    let terminals = if support::long() { 50 } else { 6 };
    let server = Server::with(&["--save", "", "--maxmemory-policy", "noeviction", "--maxmemory", "4mb"]);
    let (folder, config) = quick(&server);
    let bridges: Vec<Bridge> = (0..terminals)
        .map(|number| {
            let data = folder.path().join(number.to_string());
            Bridge::open(&config, &format!("{number}.Demo"), &data)
        })
        .collect();
    for bridge in &bridges {
        bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
        bridge.heartbeat(&account());
    }
    let mut signals = vec![0; bridges.len()];
    eventually("every terminal sees that the server is full", || {
        for (bridge, last) in bridges.iter().zip(&mut signals) {
            for _ in 0..200 {
                *last = bridge.signal(&buy(*last + 1));
                assert!(*last > 0, "{}", support::bridge::last_error());
            }
            assert!(bridge.trade(&price(1, *last as f64)) >= 0);
            bridge.heartbeat(&account());
        }
        bridges.iter().all(|bridge| throttle(bridge) == 3)
    });
    assert!(bridge::signals(&server) < signals.iter().sum::<i64>(), "signals wait in the journals");
    // Far more prices, none of which is accepted now.
    for tick in 0..500 {
        bridges.iter().for_each(|bridge| assert_eq!(bridge.trade(&price(1, f64::from(tick))), 0));
    }
    for (bridge, last) in bridges.iter().zip(&mut signals) {
        *last = bridge.signal(&buy(*last + 1));
        assert!(*last > 0);
    }
    let events = bridges[0].events().join("\n");
    assert!(events.contains("OOM"), "{events}");
    assert!(events.contains("pressure is at level 3 (critical)"), "{events}");

    server.ask::<()>("CONFIG SET maxmemory 0");
    for bridge in &bridges {
        bridge.settle();
    }
    // Every signal of every terminal once and in order.
    for (number, last) in signals.iter().enumerate() {
        assert_eq!(
            sequences_of(&server, &format!("ss:{{0}}:{number}.Demo")),
            (1..=*last).collect::<Vec<_>>()
        );
    }
    // Prices come again when the level falls.
    for (number, bridge) in bridges.iter().enumerate() {
        eventually("the level falls", || bridge.trade(&price(1, 77.0)) > 0);
        bridge.settle();
        assert_eq!(server.ask::<f64>(&format!("HGET ts:{{{number}.Demo}}:1 pr")), 77.0);
        eventually("to where it was", || throttle(bridge) == 0);
    }
}

#[test]
fn a_server_that_sleeps_raises_the_level_while_it_does() {
    let server = Server::with(&["--save", "", "--enable-debug-command", "yes"]);
    let (folder, config) = quick(&server);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let mut last = 0;
    for _ in 0..20 {
        last = bridge.signal(&buy(last + 1));
        bridge.settle();
    }
    eventually("all is calm", || throttle(&bridge) == 0);
    std::thread::scope(|scope| {
        scope.spawn(|| server.ask::<()>("DEBUG SLEEP 1.5"));
        eventually("the level rises", || {
            last = bridge.signal(&buy(last + 1));
            throttle(&bridge) > 0
        });
    });
    bridge.settle();
    assert_eq!(sequences(&server), (1..=last).collect::<Vec<_>>());
    eventually("the level falls", || throttle(&bridge) == 0);
    let events = bridge.events().join("\n");
    assert!(events.contains("it has been calmer for a while"), "{events}");
}
