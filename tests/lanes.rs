//! What is accepted is in Redis: the three lanes against a real server.

mod support;

use mt5_redis::abi::*;
use mt5_redis::codes::MT5REDIS_ERR_TIMEOUT;
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, account, buy, last_error, magics, trade};
use support::server::Server;

type Hash = std::collections::HashMap<String, String>;

#[test]
fn one_of_each_lands() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(bridge.heartbeat(&account()), 1);
    assert_eq!(bridge.trade(&trade(77, MT5REDIS_EVENT_OPEN)), 1);
    assert_eq!(bridge.signal(&buy(1)), 1);
    bridge.settle();
    for lane in [MT5REDIS_LANE_RIS, MT5REDIS_LANE_RTS, MT5REDIS_LANE_RTSS] {
        assert_eq!(bridge.committed(lane), 1);
    }

    let instance: Hash = server.ask("HGETALL is:{1.Demo}");
    let field = |name: &str| instance[name].as_str();
    assert_eq!(
        (field("lg"), field("eq"), field("cn"), field("sv")),
        ("5012345", "10016.68", "1", "Demo-Server")
    );
    let ttl: i64 = server.ask("PTTL is:{1.Demo}");
    assert!((1..=90_000).contains(&ttl), "{ttl}");
    assert_eq!(server.ask::<i64>("ZSCORE il 1.Demo"), 1_763_800_000_000);

    let position: Hash = server.ask("HGETALL ts:{1.Demo}:77");
    let field = |name: &str| position[name].as_str();
    assert_eq!((field("sy"), field("vo"), field("st"), field("sd")), ("EURUSD", "0.3", "o", "b"));
    assert!(server.ask::<bool>("SISMEMBER to:{1.Demo} 77"));
    assert_eq!(server.ask::<i64>("PTTL ts:{1.Demo}:77"), -1, "an open position lives for ever");
    assert_eq!(server.ask::<i64>("XLEN ss:{0}:1.Demo"), 1);
}

#[test]
fn signals_keep_their_order_and_none_is_missing() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let sent = 20_000;
    for number in 1..=sent {
        // The queue is shorter than this burst: what is refused is offered again.
        support::eventually("room in the queue", || bridge.signal(&buy(number)) == number);
    }
    bridge.settle();
    assert_eq!(magics(&server), (1..=sent).collect::<Vec<_>>());
    assert_eq!(server.ask::<i64>(&format!("GET wm:{{0}}:1.Demo:{}", producer(&bridge))), sent);
}

#[test]
fn states_coalesce_but_opens_and_closes_survive() {
    let server = Server::start();
    // No time-out while the server is frozen, on the slowest machine.
    let (folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[ris]\nreply_timeout = \"60s\"\n[rts]\nreply_timeout = \"60s\"\n",
        server.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.heartbeat(&account());
    bridge.settle();
    assert_eq!(server.calls("hset"), 1);

    // While the server is frozen the queue fills, so that one batch holds all of it.
    server.freeze();
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    support::eventually("the first record is under way", || bridge.stats()["rts"]["waiting"] == 1);
    for tick in 0..100 {
        for position in [1, 2] {
            let event = if tick == 0 && position == 2 { MT5REDIS_EVENT_OPEN } else { MT5REDIS_EVENT_PRICE };
            bridge.trade(&TradeState { profit: tick as f64, ..trade(position, event) });
        }
        bridge.heartbeat(&account());
    }
    bridge.trade(&TradeState { profit: 7.5, ..trade(1, MT5REDIS_EVENT_CLOSE) });
    server.thaw();
    bridge.settle();

    let hash: Hash = server.ask("HGETALL ts:{1.Demo}:1");
    assert_eq!((hash["st"].as_str(), hash["e"].as_str(), hash["pr"].as_str()), ("c", "c", "7.5"));
    let hash: Hash = server.ask("HGETALL ts:{1.Demo}:2");
    assert_eq!((hash["st"].as_str(), hash["e"].as_str(), hash["pr"].as_str()), ("o", "p", "99"));
    let stats = bridge.stats();
    assert_eq!(stats["rts"]["accepted"], 202);
    let superseded = stats["rts"]["superseded"].as_i64().unwrap();
    // Both opens, the close and the last price of the second position are left; a batch boundary may
    // leave a few more.
    assert!((150..=198).contains(&superseded), "{superseded}");
    // One SADD an open: both were written.
    assert_eq!((server.calls("sadd"), server.calls("srem")), (2, 1));
    assert_eq!(
        server.calls("hset") - 1,
        202 - superseded + stats["ris"]["accepted"].as_i64().unwrap()
            - 1
            - stats["ris"]["superseded"].as_i64().unwrap()
    );
}

#[test]
fn a_reconcile_finds_what_vanished() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    for position in [1, 2, 3] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    bridge.settle();
    bridge.close(30_000);

    // Another life of the same terminal knows nothing of these positions; Redis does.
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.trade(&trade(4, MT5REDIS_EVENT_OPEN));
    bridge.open_positions(1_763_800_100_000, &[2, 4, 5]);
    bridge.settle();
    let mut open: Vec<i64> = server.ask("SMEMBERS to:{1.Demo}");
    open.sort();
    assert_eq!(open, [2, 4, 5]);
    assert_eq!(server.ask::<Vec<i64>>("ZRANGE tc:{1.Demo} 0 -1"), [1, 3]);
    assert_eq!(server.ask::<String>("HGET ts:{1.Demo}:1 st"), "g");
    assert_eq!(server.ask::<String>("HGET ts:{1.Demo}:1 sy"), "EURUSD", "what was known of it stays");
    assert!(server.ask::<i64>("PTTL ts:{1.Demo}:1") > 0);
    assert_eq!(server.ask::<String>("HGET ts:{1.Demo}:2 st"), "o");

    bridge.open_positions(1_763_800_200_000, &[]);
    bridge.settle();
    assert!(!server.ask::<bool>("EXISTS to:{1.Demo}"));
}

#[test]
fn a_position_that_opens_again_is_open_again() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    for event in [MT5REDIS_EVENT_OPEN, MT5REDIS_EVENT_CLOSE, MT5REDIS_EVENT_OPEN] {
        bridge.trade(&trade(9, event));
        bridge.settle();
    }
    assert_eq!(server.ask::<i64>("PTTL ts:{1.Demo}:9"), -1);
    assert!(server.ask::<bool>("SISMEMBER to:{1.Demo} 9"));
    assert!(!server.ask::<bool>("EXISTS tc:{1.Demo}"));
}

#[test]
fn closed_positions_leave_the_list_when_their_time_is_over() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let day = 86_400_000;
    let old = TradeState { close_time_ms: 1_763_800_000_000 - 31 * day, ..trade(1, MT5REDIS_EVENT_CLOSE) };
    bridge.trade(&old);
    bridge.trade(&trade(2, MT5REDIS_EVENT_CLOSE));
    bridge.settle();
    assert_eq!(server.ask::<Vec<i64>>("ZRANGE tc:{1.Demo} 0 -1"), [2]);
}

#[test]
fn a_stalled_lane_holds_up_no_other() {
    let (ris, rts, rtss) = (Server::start(), Server::start(), Server::start());
    let tables = [("ris", &ris), ("rts", &rts), ("rtss", &rtss)];
    let (folder, config) = support::configuration(
        &tables.map(|(lane, server)| format!("[{lane}]\nurl = \"{}\"\n", server.url())).concat(),
    );
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.heartbeat(&account());
    bridge.settle();

    ris.freeze();
    bridge.heartbeat(&account());
    let stalled = std::time::Instant::now();
    let mut commits = 0;
    // For as long as the frozen server's time-out lasts: one signal and one trade at a time.
    while stalled.elapsed() < std::time::Duration::from_secs(1) {
        commits += 1;
        assert_eq!(bridge.signal(&buy(commits)), commits);
        assert_eq!(bridge.trade(&trade(commits, MT5REDIS_EVENT_OPEN)), commits);
        support::eventually("both are committed", || {
            bridge.committed(MT5REDIS_LANE_RTSS) == commits && bridge.committed(MT5REDIS_LANE_RTS) == commits
        });
    }
    let stats = bridge.stats();
    // Had one of them waited for the stalled lane, its exchange would have taken until the time-out, 2 s.
    for lane in ["rtss", "rts"] {
        assert!(stats[lane]["exchange_us"]["max"].as_i64().unwrap() < 1_000_000, "{stats}");
    }
    assert!(commits > 5, "{commits} round trips in a second");
    assert_eq!(bridge.committed(MT5REDIS_LANE_RIS), 1, "the heartbeat still waits");
    ris.thaw();
    bridge.settle();
    assert_eq!(bridge.committed(MT5REDIS_LANE_RIS), 2);
}

#[test]
fn who_waits_for_trades_and_signals_does_not_wait_for_heartbeats_that_cannot_be_written() {
    let (mut ris, server) = (Server::start(), Server::start());
    // Nothing here takes as long as a call may wait.
    let patience = 3_600_000;
    for ends in ["refused", "silent"] {
        let (folder, config) = support::configuration(&format!(
            "url = \"{}\"\n[ris]\nurl = \"{}\"\nreply_timeout = \"500ms\"\nconnect_timeout = \"500ms\"\n",
            server.url(),
            ris.url()
        ));
        let bridge = Bridge::open(&config, "1.Demo", folder.path());
        bridge.heartbeat(&account());
        bridge.settle();
        if ends == "silent" {
            ris.freeze()
        } else {
            ris.kill()
        }
        bridge.heartbeat(&account());
        let (signal, trade) = (bridge.signal(&buy(1)), bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN)));
        assert_eq!(bridge.flush(patience), MT5REDIS_HEARTBEATS_WAIT, "{ends}");
        let committed =
            [MT5REDIS_LANE_RIS, MT5REDIS_LANE_RTS, MT5REDIS_LANE_RTSS].map(|lane| bridge.committed(lane));
        assert_eq!(committed, [1, trade, signal]);
        assert_eq!(bridge.close(patience), MT5REDIS_HEARTBEATS_WAIT, "{ends}");
        if ends == "silent" { ris.thaw() } else { ris.restart() }
    }
}

#[test]
fn a_flush_that_ends_early_says_which_lanes_are_done() {
    let (ris, mut rts, rtss) = (Server::start(), Server::start(), Server::start());
    let tables = [("ris", &ris), ("rts", &rts), ("rtss", &rtss)];
    let (folder, config) = support::configuration(
        &tables.map(|(lane, server)| format!("[{lane}]\nurl = \"{}\"\n", server.url())).concat(),
    );
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    rts.kill();
    bridge.heartbeat(&account());
    bridge.signal(&buy(1));
    for position in [1, 2] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    // Not in the time that is left for it after the others, but in its own.
    support::eventually("signals and heartbeats are there", || {
        bridge.committed(MT5REDIS_LANE_RTSS) == 1 && bridge.committed(MT5REDIS_LANE_RIS) == 1
    });
    assert_eq!(bridge.flush(50), MT5REDIS_ERR_TIMEOUT);
    let sentence =
        "2 records are still pending after 50 ms (rts: 2, rtss: done, heartbeats: done). They are not lost";
    assert!(last_error().starts_with(sentence), "{}", last_error());
    assert_eq!(bridge.close(0), MT5REDIS_ERR_TIMEOUT);
    assert!(
        last_error().starts_with("2 records are still pending after 0 ms (rts: 2, rtss: done"),
        "{}",
        last_error()
    );
}

fn producer(bridge: &Bridge) -> String {
    bridge.stats()["rtss"]["producer"].as_str().expect("a text").to_owned()
}
