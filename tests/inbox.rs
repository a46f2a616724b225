//! Signals back to an Expert Advisor: each once it is acknowledged, filters, age, duplicates, gaps, restarts.

mod support;

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::inbox::*;
use mt5_redis::model::Signal;
use redis::Commands;
use support::bridge::{Bridge, last_error};
use support::eventually;
use support::follower::{Wants, count, next, reads, subscribe, wait};
use support::server::Server;

const BEGINNING: Wants<'static> = Wants {
    group: "g",
    instances: "",
    symbols: "",
    magic: 0,
    max_age_ms: 0,
    start: MT5REDIS_START_BEGINNING,
};
const RESUME: Wants<'static> = Wants { start: MT5REDIS_START_RESUME, ..BEGINNING };

fn buy(magic: i64) -> Signal {
    Signal { action: 1, volume: 0.1, price: 1.25, magic, ..Default::default() }
}

fn pending(server: &Server) -> i64 {
    let reply: redis::Value =
        redis::cmd("XPENDING").arg("ss:{0}").arg("g").query(&mut server.client()).unwrap();
    let redis::Value::Array(parts) = reply else { panic!("{reply:?}") };
    let redis::Value::Int(pending) = parts[0] else { panic!("{parts:?}") };
    pending
}

fn nobody_reads(server: &Server) {
    eventually("nobody reads", || {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut server.client()).unwrap();
        !clients.contains(":in ") && !clients.contains(":keep ")
    });
}

#[test]
fn a_signal_comes_as_it_was_given_until_it_is_acknowledged() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let follower = Bridge::at(&server, "2.Demo");
    assert_eq!(next(&follower).err(), Some(MT5REDIS_ERR_NOT_SUBSCRIBED));
    assert_eq!(subscribe(&follower, &BEGINNING), 0, "{}", last_error());
    assert_eq!(subscribe(&follower, &BEGINNING), MT5REDIS_ERR_SUBSCRIBED);
    let given = Signal { stop_loss: 1.2, take_profit: 1.3, position: 7, server_offset_s: 7200, ..buy(-5) };
    let sequence = publisher.signal_of(&given, "EURUSD", "買い");
    let got = wait(&follower);
    let ReceivedSignal { number, sequence: seen, magic, action, volume, price, position, .. } = got.signal;
    assert_eq!((seen, magic, action, volume, price, position), (sequence, -5, 1, 0.1, 1.25, 7));
    assert_eq!((got.signal.stop_loss, got.signal.take_profit, got.signal.deliveries), (1.2, 1.3, 1));
    assert_eq!((&*got.instance, &*got.symbol, &*got.comment), ("1.Demo", "EURUSD", "買い"));

    // Not acknowledged: it comes again with the next life.
    assert_eq!(mt5redis_unsubscribe(follower.handle), 0);
    assert_eq!(subscribe(&follower, &RESUME), 0);
    let again = wait(&follower);
    assert_eq!((again.signal.sequence, again.signal.producer), (sequence, got.signal.producer));
    assert!(again.signal.deliveries > 1);
    assert_eq!(mt5redis_acknowledge(follower.handle, again.signal.number), 0);
    assert_eq!(mt5redis_acknowledge(follower.handle, number + 100), MT5REDIS_ERR_RECEIVED);
    eventually("it is acknowledged", || pending(&server) == 0);

    // A follower deletes nothing, and from the beginning everything comes once more.
    mt5redis_unsubscribe(follower.handle);
    assert_eq!(subscribe(&follower, &BEGINNING), 0);
    assert_eq!(wait(&follower).signal.sequence, sequence);
}

/// The one that ended may wait at the server for a while, and must not be handed what its successor is to get.
#[test]
fn who_starts_again_at_once_misses_nothing() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let follower = Bridge::at(&server, "2.Demo");
    assert_eq!(subscribe(&follower, &BEGINNING), 0, "{}", last_error());
    for magic in 1..=3 {
        eventually("it waits at the server", || {
            let clients: String = redis::cmd("INFO").arg("clients").query(&mut server.client()).unwrap();
            clients.contains("blocked_clients:1")
        });
        assert_eq!(mt5redis_unsubscribe(follower.handle), 0);
        assert_eq!(subscribe(&follower, &RESUME), 0);
        reads(&follower);
        publisher.signal(&buy(magic));
        let got = wait(&follower);
        assert_eq!(got.signal.magic, magic);
        assert_eq!(mt5redis_acknowledge(follower.handle, got.signal.number), 0);
    }
}

#[test]
fn a_new_start_passes_over_what_was_before() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    assert_eq!(subscribe(&bridge, &Wants { start: MT5REDIS_START_NEW, ..BEGINNING }), 0);
    reads(&bridge);
    bridge.signal(&buy(2));
    assert_eq!(wait(&bridge).signal.magic, 2);
}

#[test]
fn a_new_start_wants_nothing_of_an_earlier_life() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    bridge.signal(&buy(1));
    assert_eq!(wait(&bridge).signal.magic, 1);
    assert_eq!(mt5redis_unsubscribe(bridge.handle), 0);
    assert_eq!(subscribe(&bridge, &Wants { start: MT5REDIS_START_NEW, ..BEGINNING }), 0);
    eventually("what was open is passed over", || pending(&server) == 0);
    bridge.signal(&buy(2));
    assert_eq!(wait(&bridge).signal.magic, 2);
}

#[test]
fn who_acknowledges_nothing_is_told_why_nothing_comes() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    for magic in 1..=300 {
        bridge.signal(&buy(magic));
    }
    let mut last = 0;
    for magic in 1..=256 {
        let got = wait(&bridge).signal;
        assert_eq!(got.magic, magic);
        last = got.number;
    }
    assert!(next(&bridge).expect("a subscription").is_none());
    let told = bridge.events().join("\n");
    assert!(told.contains("256 wait to be acknowledged"), "{told}");
    assert_eq!(mt5redis_acknowledge(bridge.handle, last), 0);
    assert_eq!(wait(&bridge).signal.magic, 257);
}

#[test]
fn filters_and_age_are_counted() {
    let server = Server::start();
    let (one, two) = (Bridge::at(&server, "1.Demo"), Bridge::at(&server, "2.Demo"));
    one.signal_of(&buy(5), "EURUSD", "");
    one.signal_of(&buy(6), "EURUSD", "");
    one.signal_of(&buy(5), "GBPUSD", "");
    two.signal_of(&buy(5), "EURUSD", "");
    one.signal_of(&Signal { time_ms: 1_763_800_000_000, ..buy(5) }, "EURUSD", "");
    one.signal_of(&Signal { expiry_ms: 1_763_800_000_000, ..buy(5) }, "EURUSD", "");
    one.signal_of(&buy(5), "EURUSD", "last");
    one.settle();
    let wants =
        Wants { instances: "9.Demo, 1.Demo", symbols: "EURUSD", magic: 5, max_age_ms: 60_000, ..BEGINNING };
    assert_eq!(subscribe(&two, &wants), 0);
    assert_eq!(wait(&two).comment, "");
    assert_eq!(wait(&two).comment, "last");
    assert_eq!((count(&two, "filtered"), count(&two, "late"), count(&two, "received")), (3, 2, 2));
    eventually("what was not wanted is acknowledged", || pending(&server) == 2);
}

#[test]
fn a_duplicate_is_dropped() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let mut client = server.client();
    let entries: Vec<redis::Value> = client.xrange_all("ss:{0}").unwrap();
    let redis::Value::Array(entry) = &entries[0] else { panic!() };
    let redis::Value::Array(fields) = &entry[1] else { panic!() };
    let redis::Value::BulkString(packed) = &fields[1] else { panic!() };
    let _: String = client.xadd("ss:{0}", "*", &[("d", packed)]).unwrap();
    bridge.signal(&buy(2));
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    assert_eq!((wait(&bridge).signal.magic, wait(&bridge).signal.magic), (1, 2));
    assert_eq!(count(&bridge, "duplicates"), 1);
}

#[test]
fn a_gap_is_an_error_and_an_event_and_then_it_goes_on() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    let first = wait(&bridge);
    mt5redis_acknowledge(bridge.handle, first.signal.number);
    eventually("it is acknowledged", || pending(&server) == 0);
    mt5redis_unsubscribe(bridge.handle);
    nobody_reads(&server);

    (2..=11).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    bridge.settle();
    let trimmed: i64 =
        redis::cmd("XTRIM").arg("ss:{0}").arg("MAXLEN").arg(3).query(&mut server.client()).unwrap();
    assert_eq!(trimmed, 8, "the one that was read is among them");
    assert_eq!(subscribe(&bridge, &RESUME), 0);
    let mut code = 0;
    eventually("the gap is told", || {
        code = next(&bridge).err().unwrap_or(0);
        code != 0
    });
    assert_eq!(code, MT5REDIS_ERR_GAP);
    assert_eq!(last_error(), "7 signals of shard 0 were deleted before they were read");
    assert!(bridge.events().iter().any(|line| line.contains("7 signals of shard 0 were deleted")));
    assert_eq!(wait(&bridge).signal.magic, 9);
    assert_eq!(count(&bridge, "missed"), 7);
}

#[test]
fn a_group_that_vanished_is_a_gap() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    reads(&bridge);
    let _: () = redis::cmd("FLUSHALL").query(&mut server.client()).unwrap();
    eventually("the gap is told", || next(&bridge).err() == Some(MT5REDIS_ERR_GAP));
    bridge.signal(&buy(3));
    assert_eq!(wait(&bridge).signal.magic, 3);
}

#[test]
fn wrong_subscriptions_are_refused() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    for (wants, code) in [
        (Wants { group: "a b", ..RESUME }, MT5REDIS_ERR_GROUP),
        (Wants { start: 3, ..RESUME }, MT5REDIS_ERR_START),
        (Wants { max_age_ms: -1, ..RESUME }, MT5REDIS_ERR_MAX_AGE),
        (Wants { symbols: &"x".repeat(5000), ..RESUME }, MT5REDIS_ERR_FILTER),
    ] {
        assert_eq!(subscribe(&bridge, &wants), code, "{}", last_error());
    }
    assert_eq!(mt5redis_unsubscribe(bridge.handle), MT5REDIS_ERR_NOT_SUBSCRIBED);
}

#[test]
fn a_server_that_comes_back_is_read_again() {
    let mut server = Server::durable();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    reads(&bridge);
    server.kill();
    bridge.signal(&buy(1));
    server.restart();
    assert_eq!(wait(&bridge).signal.magic, 1);
}

/// What XREADGROUP counts is not in the AOF of every Redis.
#[test]
fn how_far_a_group_has_read_outlives_a_restart() {
    let mut server = Server::durable();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    for magic in 1..=5 {
        bridge.signal(&buy(magic));
        let got = wait(&bridge);
        assert_eq!(got.signal.magic, magic);
        mt5redis_acknowledge(bridge.handle, got.signal.number);
    }
    eventually("all are acknowledged", || pending(&server) == 0);
    mt5redis_unsubscribe(bridge.handle);
    nobody_reads(&server);
    server.kill();
    server.restart();
    (6..=8).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    bridge.settle();
    let _: i64 = redis::cmd("XTRIM").arg("ss:{0}").arg("MAXLEN").arg(1).query(&mut server.client()).unwrap();
    assert_eq!(subscribe(&bridge, &RESUME), 0);
    eventually("the gap is told", || next(&bridge).err() == Some(MT5REDIS_ERR_GAP));
    assert_eq!(wait(&bridge).signal.magic, 8);
    assert_eq!(count(&bridge, "missed"), 2);
}
