//! Prices and heartbeats under pressure: what is not due is not accepted, what was accepted goes out in order.

mod support;

use mt5_redis::abi::*;
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, account, buy, trade};
use support::eventually;
use support::server::Server;

fn throttle(bridge: &Bridge) -> i32 {
    mt5redis_throttle(bridge.handle)
}

/// The field of a position's hash.
fn field(server: &Server, position: i64, name: &str) -> String {
    server.ask(&format!("HGET ts:{{1.Demo}}:{position} {name}"))
}

fn price(position: i64, profit: f64) -> TradeState {
    TradeState { profit, ..trade(position, MT5REDIS_EVENT_PRICE) }
}

/// A bridge that has heard of a directive of this level, which lasts for `ms`.
fn under_pressure(server: &Server, level: u8, ms: i64) -> Bridge {
    let bridge = Bridge::at(server, "1.Demo");
    for position in [1, 2, 3] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    server.direct("ctl", level, ms);
    bridge.heartbeat(&account());
    bridge.settle();
    assert_eq!(throttle(&bridge), i32::from(level));
    bridge
}

#[test]
fn at_level_2_prices_are_not_accepted_and_all_else_goes_out_in_order() {
    let server = Server::start();
    let bridge = under_pressure(&server, 2, 60_000);
    let before = server.calls("hset");

    // A storm of prices: none gets a number, a place in the journal, or a command.
    for tick in 0..200 {
        for position in [1, 2, 3] {
            assert_eq!(bridge.trade(&price(position, f64::from(tick))), 0);
        }
    }
    let stats = bridge.stats();
    assert_eq!((&stats["rts"]["thinned"], &stats["rts"]["accepted"]), (&600.into(), &3.into()), "{stats}");

    // Everything else is accepted, and is committed though nobody waits for it.
    let changed = bridge.trade(&TradeState { stop_loss: 1.05, ..trade(2, MT5REDIS_EVENT_CHANGE) });
    let closed = bridge.trade(&trade(3, MT5REDIS_EVENT_CLOSE));
    let signal = bridge.signal(&buy(1));
    assert_eq!((changed, closed), (4, 5));
    eventually("trades are committed", || bridge.committed(MT5REDIS_LANE_RTS) == closed);
    eventually("the signal is", || bridge.committed(MT5REDIS_LANE_RTSS) == signal);
    assert_eq!((field(&server, 2, "sl").as_str(), field(&server, 3, "st").as_str()), ("1.05", "c"));
    assert_eq!(server.calls("hset") - before, 2);
    assert_eq!(field(&server, 1, "pr"), "16.8");

    // The watermark and `Committed` are one number.
    let producer = bridge.stats()["rts"]["producer"].as_str().expect("a text").to_owned();
    assert_eq!(server.ask::<i64>(&format!("GET wm:{{1.Demo}}:{producer}")), closed);
}

#[test]
fn at_level_1_each_position_has_a_price_a_second() {
    let server = Server::start();
    let bridge = under_pressure(&server, 1, 600_000);
    let first = [1, 2].map(|position| bridge.trade(&price(position, 77.0)));
    assert_eq!(first, [4, 5]);
    eventually("the next is due", || bridge.trade(&price(1, 78.0)) == 6);
    bridge.settle();
    assert_eq!((field(&server, 1, "pr").as_str(), field(&server, 2, "pr").as_str()), ("78", "77"));
    assert!(bridge.stats()["rts"]["thinned"].as_i64() > Some(0));
}

#[test]
fn prices_are_accepted_again_when_the_pressure_is_gone() {
    let server = Server::start();
    let bridge = under_pressure(&server, 2, 1000);
    assert_eq!(bridge.trade(&price(1, 77.0)), 0);
    eventually("the directive ends", || bridge.trade(&price(1, 78.0)) > 0);
    bridge.settle();
    assert_eq!(field(&server, 1, "pr"), "78");
}

#[test]
fn what_was_accepted_before_the_pressure_rose_is_not_held_back() {
    let (server, control) = (Server::start(), Server::start());
    let (_folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[rts]\nurl = \"{}\"\nreply_timeout = \"60s\"\n",
        control.url(),
        server.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", control.folder());
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    bridge.settle();

    // Prices wait for a server that does not answer, and meanwhile the level rises.
    server.freeze();
    bridge.trade(&trade(2, MT5REDIS_EVENT_OPEN));
    let last = bridge.trade(&price(1, 77.0));
    assert_eq!(last, 3);
    control.direct("ctl", 2, 600_000);
    eventually("the level rises", || {
        bridge.heartbeat(&account());
        throttle(&bridge) >= 2
    });
    server.thaw();
    eventually("the price is committed", || bridge.committed(MT5REDIS_LANE_RTS) == last);
    assert_eq!(field(&server, 1, "pr"), "77");
    assert_eq!(bridge.trade(&price(1, 78.0)), 0);
}

#[test]
fn heartbeats_thin_out_and_each_that_is_accepted_is_written() {
    let server = Server::start();
    let bridge = under_pressure(&server, 3, 60_000);
    // The first after the level rose is due. It may have been the last one already.
    bridge.heartbeat(&account());
    let thinned = || bridge.stats()["ris"]["thinned"].as_i64().expect("a number");
    let (accepted, before) = (bridge.accepted("ris"), thinned());
    for _ in 0..200 {
        assert_eq!(bridge.heartbeat(&account()), 0);
    }
    assert_eq!((bridge.accepted("ris"), thinned() - before), (accepted, 200));
    bridge.settle();
    assert_eq!(server.ask::<i64>("HGET is:{1.Demo} q"), accepted);
}

#[test]
fn committed_never_goes_back_when_prices_are_sent_again_under_pressure() {
    let (mut server, control) = (Server::start(), Server::start());
    let (_folder, config) =
        support::configuration(&format!("url = \"{}\"\n[rts]\nurl = \"{}\"\n", control.url(), server.url()));
    let bridge = Bridge::open(&config, "1.Demo", control.folder());
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    let written = bridge.trade(&price(1, 77.0));
    bridge.settle();
    control.direct("ctl", 2, 600_000);
    bridge.heartbeat(&account());
    bridge.settle();
    assert_eq!(throttle(&bridge), 2);

    // The server comes back empty: all that is retained is sent again, prices too.
    server.kill();
    server.restart();
    let later = bridge.trade(&trade(2, MT5REDIS_EVENT_OPEN));
    eventually("what came later is committed", || {
        let committed = bridge.committed(MT5REDIS_LANE_RTS);
        assert!(committed >= written, "{committed}");
        assert_eq!(bridge.status(MT5REDIS_LANE_RTS, written), MT5REDIS_STATUS_COMMITTED);
        committed == later
    });
    assert_eq!((throttle(&bridge), field(&server, 1, "pr").as_str()), (2, "77"));
}

#[test]
fn a_position_that_is_gone_stays_so_though_the_answer_was_lost() {
    a_reconcile_without_an_answer("os");
}

#[test]
fn a_position_that_is_gone_stays_so_though_the_answer_was_lost_and_there_is_no_journal() {
    a_reconcile_without_an_answer("off");
}

fn a_reconcile_without_an_answer(sync: &str) {
    let server = Server::start();
    let (_folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[rts]\nreply_timeout = \"300ms\"\n[journal]\nsync = \"{sync}\"\n",
        server.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    for position in [1, 2] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    bridge.settle();

    // A price and the reconcile behind it are applied, and nobody hears of it.
    server.freeze();
    bridge.trade(&price(1, 77.0));
    bridge.open_positions(0, &[2]);
    eventually("it is not answered", || {
        bridge.events().iter().any(|event| event.contains("no answer within the time-out"))
    });
    server.thaw();
    bridge.settle();
    assert_eq!((field(&server, 1, "st").as_str(), field(&server, 1, "pr").as_str()), ("g", "77"));
    assert!(server.ask::<i64>("PTTL ts:{1.Demo}:1") > 0);
}
