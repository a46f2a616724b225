//! Signals back to an Expert Advisor: whom it follows, each signal until it is acknowledged and not once it was,
//! filters, age, copies, gaps, forged entries, restarts.

#[path = "inbox/sequence.rs"]
mod sequence;
mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::inbox::*;
use mt5_redis::model::signal::*;
use support::bridge::{Bridge, last_error};
use support::eventually;
use support::follower::{Wants, count, next, next_gap, reads, subscribe, wait};
use support::server::Server;

const STREAM: &str = "ss:{0}:1.Demo";
const BEGINNING: Wants<'static> = Wants {
    follower: "f",
    instances: "1.Demo",
    symbols: "",
    magic: 0,
    max_age_ms: 0,
    start: MT5REDIS_START_BEGINNING,
};
const RESUME: Wants<'static> = Wants { start: MT5REDIS_START_RESUME, ..BEGINNING };
const NEW: Wants<'static> = Wants { start: MT5REDIS_START_NEW, ..BEGINNING };

fn buy(magic: i64) -> Signal {
    Signal { action: 1, volume: 0.1, price: 1.25, magic, ..Default::default() }
}

/// The position of follower f in a source, as it stands in Redis.
fn position(server: &Server, source: &str) -> String {
    server.ask::<Option<String>>(&format!("HGET fp:{{f}} {source}")).unwrap_or_default()
}

/// Waits until everything that was acknowledged is written: the position is the stream's end.
fn settled(server: &Server) {
    eventually("the position is at the end", || {
        let last: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XREVRANGE {STREAM} + - COUNT 1"));
        last.first().is_some_and(|(id, _)| position(server, "1.Demo").starts_with(id))
    });
}

/// Ends the subscription, and waits until it has left.
fn leave(server: &Server, bridge: &Bridge) {
    assert_eq!(mt5redis_unsubscribe(bridge.handle), 0);
    eventually("nobody reads", || !server.ask::<bool>("EXISTS fl:{f}"));
}

/// Takes the next signal and acknowledges it.
fn take(bridge: &Bridge) -> i64 {
    let got = wait(bridge).signal;
    assert_eq!(mt5redis_acknowledge(bridge.handle, got.number), 0);
    got.magic
}

/// Waits for a gap; returns what is said of it, of whose signals it is too.
fn gap(bridge: &Bridge) -> String {
    let mut source = None;
    eventually("the gap is told", || {
        source = next_gap(bridge);
        source.is_some()
    });
    let (source, text) = (source.expect("just seen"), last_error());
    assert!(text.contains(&source), "{source:?} is not in {text:?}");
    text
}

/// An entry as somebody writes it who has no library.
fn forge(server: &Server, stream: &str, text: &str) {
    server.ask::<String>(&format!("XADD {stream} * {text}"));
}

/// The fields of a signal to buy, with its producer, number, predecessor and magic number.
fn forged(producer: &str, number: u64, before: u64, magic: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    format!(
        "v 2 p {producer} q {number} t {now} o 0 i 1.Demo a b sy EURUSD vo 1 pr 0 sl 0 tp 0 mg {magic} po 0 ex 0 \
         co - pq {before}"
    )
}

fn producer(bridge: &Bridge) -> String {
    bridge.stats()["rtss"]["producer"].as_str().expect("a name").to_owned()
}

#[test]
fn a_signal_comes_as_it_was_given_until_it_is_acknowledged() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let follower = Bridge::at(&server, "2.Demo");
    assert_eq!(next(&follower).err(), Some(MT5REDIS_ERR_NOT_SUBSCRIBED));
    assert_eq!(mt5redis_role(follower.handle), MT5REDIS_ERR_NOT_SUBSCRIBED);
    assert_eq!(subscribe(&follower, &BEGINNING), 0, "{}", last_error());
    assert_eq!(subscribe(&follower, &BEGINNING), MT5REDIS_ERR_SUBSCRIBED);
    let given = Signal { stop_loss: 1.2, take_profit: 1.3, position: 7, server_offset_s: 7200, ..buy(-5) };
    let sequence = publisher.signal_of(&given, "EURUSD", "買い");
    let got = wait(&follower);
    let ReceivedSignal { number, sequence: seen, magic, action, volume, price, position: meant, .. } =
        got.signal;
    assert_eq!((seen, magic, action, volume, price, meant), (sequence, -5, 1, 0.1, 1.25, 7));
    assert_eq!((got.signal.stop_loss, got.signal.take_profit, got.signal.deliveries), (1.2, 1.3, 1));
    assert_eq!((&*got.instance, &*got.symbol, &*got.comment), ("1.Demo", "EURUSD", "買い"));
    assert_eq!(mt5redis_role(follower.handle), MT5REDIS_ROLE_ACTING);

    assert_eq!((got.signal.event, got.signal.side, got.signal.volume_after), (0, 0, 0.0));

    // Not acknowledged: it comes again with the next life.
    leave(&server, &follower);
    assert_eq!(subscribe(&follower, &RESUME), 0);
    let again = wait(&follower);
    assert_eq!((again.signal.sequence, again.signal.producer), (sequence, got.signal.producer));
    assert!(again.signal.deliveries > 1);
    assert_eq!(mt5redis_acknowledge(follower.handle, again.signal.number), 0);
    assert_eq!(mt5redis_acknowledge(follower.handle, number + 100), MT5REDIS_ERR_RECEIVED);
    leave(&server, &follower);

    // What happened comes with it.
    let placed = Signal {
        action: MT5REDIS_ACTION_ORDER,
        event: MT5REDIS_SIGNAL_ORDER_FILLED,
        volume_before: 0.5,
        volume_after: 0.2,
        entry_price: 1.15,
        side: 2,
        order_type: MT5REDIS_ORDER_STOP_LIMIT,
        found: 1,
        ..given
    };
    assert_eq!(subscribe(&follower, &RESUME), 0);
    assert!(publisher.signal(&placed) > 0);
    let got = wait(&follower).signal;
    assert_eq!((got.action, got.event, got.side, got.order_type, got.found), (5, 10, 2, 3, 1));
    assert_eq!((got.volume_before, got.volume_after, got.entry_price), (0.5, 0.2, 1.15));
    assert_eq!(mt5redis_acknowledge(follower.handle, got.number), 0);
    leave(&server, &follower);

    // Acknowledged: it does not.
    assert_eq!(subscribe(&follower, &RESUME), 0);
    reads(&follower);
    publisher.signal(&buy(2));
    assert_eq!(take(&follower), 2);

    // A follower deletes nothing, and from the beginning everything comes once more.
    leave(&server, &follower);
    assert_eq!(subscribe(&follower, &BEGINNING), 0);
    assert_eq!(wait(&follower).signal.sequence, sequence);
}

#[test]
fn a_follower_follows_the_sources_that_it_names_and_all_by_a_star() {
    let server = Server::start();
    let bridges = ["1.Demo", "2.Demo", "3.Demo"].map(|name| Bridge::at(&server, name));
    let follower = Bridge::at(&server, "9.Demo");
    assert_eq!(subscribe(&follower, &Wants { instances: " 3.Demo, 1.Demo,", ..NEW }), 0);
    let all = Bridge::open(&server.url(), "8.Demo", server.folder());
    assert_eq!(subscribe(&all, &Wants { follower: "all", instances: "*", ..NEW }), 0);
    reads(&follower);
    eventually("the other acts too", || mt5redis_role(all.handle) == MT5REDIS_ROLE_ACTING);
    for (magic, bridge) in (1..).zip(&bridges) {
        bridge.signal(&buy(magic));
        bridge.settle();
    }
    let mut got = [take(&follower), take(&follower)];
    got.sort_unstable();
    assert_eq!(got, [1, 3]);
    let mut got = [take(&all), take(&all), take(&all)];
    got.sort_unstable();
    assert_eq!(got, [1, 2, 3]);
    // The source is the key's.
    bridges[1].signal(&buy(4));
    let got = wait(&all);
    assert_eq!((&*got.instance, got.signal.magic), ("2.Demo", 4));
    assert!(next(&follower).expect("no gap").is_none());
    // What it follows stands in its position, for whoever deletes.
    let fields: Vec<String> = server.ask("HKEYS fp:{f}");
    assert!(fields.contains(&"1.Demo".to_owned()) && !fields.contains(&"2.Demo".to_owned()), "{fields:?}");
    assert!(server.ask::<bool>("HEXISTS fp:{all} *"));
}

/// The one that ended may wait at the server for a while, and must not be handed what its successor is to get.
#[test]
fn who_starts_again_at_once_misses_nothing() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let follower = Bridge::at(&server, "2.Demo");
    assert_eq!(subscribe(&follower, &BEGINNING), 0, "{}", last_error());
    for magic in 1..=3 {
        eventually("it waits at the server", || server.info("clients").contains("blocked_clients:1"));
        assert_eq!(mt5redis_unsubscribe(follower.handle), 0);
        assert_eq!(subscribe(&follower, &RESUME), 0);
        publisher.signal(&buy(magic));
        assert_eq!(take(&follower), magic);
    }
}

#[test]
fn a_new_start_passes_over_what_was_before() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    assert_eq!(subscribe(&bridge, &NEW), 0);
    reads(&bridge);
    bridge.signal(&buy(2));
    assert_eq!(wait(&bridge).signal.magic, 2);
    // Also what an earlier life left open.
    leave(&server, &bridge);
    assert_eq!(subscribe(&bridge, &NEW), 0);
    reads(&bridge);
    bridge.signal(&buy(3));
    assert_eq!(wait(&bridge).signal.magic, 3);
    assert_eq!(count(&bridge, "missed"), 0);
}

#[test]
fn who_acknowledges_nothing_is_told_why_nothing_comes() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    reads(&bridge);
    for magic in 1..=300 {
        bridge.signal(&buy(magic));
    }
    let mut last = 0;
    for magic in 1..=256 {
        let got = wait(&bridge).signal;
        assert_eq!(got.magic, magic);
        last = got.number;
    }
    let mut told = String::new();
    eventually("it is told", || {
        assert!(next(&bridge).expect("a subscription").is_none());
        told += &bridge.events().join("\n");
        told.contains("256 wait to be acknowledged")
    });
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
    one.signal_of(&Signal { time_ms: 1_763_800_000_000, ..buy(5) }, "EURUSD", "");
    one.signal_of(&Signal { expiry_ms: 1_763_800_000_000, ..buy(5) }, "EURUSD", "");
    one.signal_of(&buy(5), "EURUSD", "last");
    one.settle();
    let wants =
        Wants { instances: "9.Demo, 1.Demo", symbols: "EURUSD", magic: 5, max_age_ms: 60_000, ..BEGINNING };
    assert_eq!(subscribe(&two, &wants), 0);
    assert_eq!(wait(&two).comment, "");
    assert_eq!(wait(&two).comment, "last");
    assert_eq!((count(&two, "filtered"), count(&two, "late"), count(&two, "received")), (2, 2, 2));
    // What was not wanted is acknowledged: only the two that were wait.
    assert_eq!(count(&two, "unacknowledged"), 2);
}

#[test]
fn a_signal_from_the_future_is_refused_like_a_stale_one_and_a_close_is_followed() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let future = |action, magic| Signal { action, time_ms: now + 60_000, ..buy(magic) };
    bridge.signal(&future(1, 1));
    bridge.signal(&future(3, 2));
    bridge.signal(&buy(3));
    bridge.settle();
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    assert_eq!((take(&bridge), take(&bridge)), (2, 3));
    assert_eq!(count(&bridge, "late"), 1);
    let events = bridge.events().join("\n");
    assert!(events.contains("ahead of the server's, so its terminal's clock is wrong"), "{events}");
}

#[test]
fn what_nothing_can_match_is_refused() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    for (wants, code, words) in [
        (Wants { follower: "a b", ..RESUME }, MT5REDIS_ERR_GROUP, "follower \"a b\" is refused"),
        (Wants { start: 3, ..RESUME }, MT5REDIS_ERR_START, "start 3 does not exist"),
        (Wants { max_age_ms: -1, ..RESUME }, MT5REDIS_ERR_MAX_AGE, "max_age_ms -1 is negative"),
        (Wants { symbols: &"x".repeat(5000), ..RESUME }, MT5REDIS_ERR_FILTER, "symbols is too long"),
        (Wants { instances: "", ..RESUME }, MT5REDIS_ERR_FILTER, "or * for all"),
        (Wants { instances: "1.Demo 2.Demo", ..RESUME }, MT5REDIS_ERR_FILTER, "has the character ' '"),
        (Wants { symbols: "EURUSD=", ..RESUME }, MT5REDIS_ERR_FILTER, "has the character '='"),
    ] {
        assert_eq!(subscribe(&bridge, &wants), code, "{}", last_error());
        assert!(last_error().contains(words), "{}", last_error());
    }
    assert_eq!(mt5redis_unsubscribe(bridge.handle), MT5REDIS_ERR_NOT_SUBSCRIBED);
}

#[test]
fn two_programs_of_a_terminal_need_two_names() {
    let server = Server::start();
    let (one, other) = (Bridge::at(&server, "1.Demo"), Bridge::at(&server, "1.Demo"));
    let default = Wants { follower: "", ..BEGINNING };
    assert_eq!(subscribe(&one, &default), 0);
    assert_eq!(subscribe(&other, &default), MT5REDIS_ERR_NAME_IN_USE);
    assert!(
        last_error().contains("reads as follower 1.Demo: give each a name of its own"),
        "{}",
        last_error()
    );
    assert_eq!(subscribe(&other, &BEGINNING), 0);
    // A name is free when its owner ends.
    assert_eq!(mt5redis_unsubscribe(one.handle), 0);
    assert_eq!(mt5redis_unsubscribe(other.handle), 0);
    assert_eq!(subscribe(&other, &default), 0);
    one.signal(&buy(1));
    assert_eq!(take(&other), 1);
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
    assert_eq!(take(&bridge), 1);
    settled(&server);
    // Nothing is handed out twice by a server that had all on its disk.
    server.kill();
    server.restart();
    bridge.signal(&buy(2));
    assert_eq!(take(&bridge), 2);
}
