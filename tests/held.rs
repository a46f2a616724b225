//! Prices that pressure holds back: they are passed, not lost, and never in the way of what is sent again.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use mt5_redis::abi::*;
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, account, buy, trade};
use support::eventually;
use support::proxy::Proxy;
use support::recorder::Recorder;
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

#[test]
fn at_level_2_only_opens_changes_and_closes_are_written_and_nothing_is_lost() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    server.direct("ctl", 2, 60_000);
    bridge.heartbeat(&account());
    for position in [1, 2, 3] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    bridge.settle();
    assert_eq!(throttle(&bridge), 2);
    let before = server.calls("hset");
    for tick in 0..200 {
        for position in [1, 2, 3] {
            assert!(bridge.trade(&price(position, f64::from(tick))) > 0);
        }
    }
    // What comes after them is not held up, and carries what they said of its own position.
    let changed = bridge.trade(&TradeState { stop_loss: 1.05, ..trade(2, MT5REDIS_EVENT_CHANGE) });
    let closed = bridge.trade(&trade(3, MT5REDIS_EVENT_CLOSE));
    let signal = bridge.signal(&buy(1));
    eventually("the change", || field(&server, 2, "sl") == "1.05");
    eventually("the close", || field(&server, 3, "st") == "c");
    eventually("the signal", || bridge.committed(MT5REDIS_LANE_RTSS) == signal);
    assert_eq!(server.calls("hset") - before, 2);
    assert_eq!(field(&server, 1, "pr"), "16.8", "the price of the first one waits");
    let stats = bridge.stats();
    assert_eq!((&stats["rts"]["deferred"], &stats["rts"]["superseded"]), (&1.into(), &599.into()), "{stats}");
    // It is not called committed, and neither is what came after it.
    assert!(bridge.committed(MT5REDIS_LANE_RTS) < changed.min(closed));
    eventually("it is queued", || bridge.status(MT5REDIS_LANE_RTS, changed - 3) == MT5REDIS_STATUS_QUEUED);

    // Whoever waits for it gets it.
    bridge.settle();
    assert_eq!(field(&server, 1, "pr"), "199");
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTS), closed);
    assert_eq!(server.calls("hset") - before, 3);
    assert_eq!(bridge.stats()["rts"]["deferred"], 0);
    let watermark =
        bridge.stats()["rts"]["producer"].as_str().map(|producer| format!("GET wm:{{1.Demo}}:{producer}"));
    assert_eq!(server.ask::<i64>(&watermark.expect("a producer")), closed);
}

#[test]
fn what_was_held_back_is_written_when_the_pressure_is_gone() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    server.direct("ctl", 2, 1000);
    bridge.heartbeat(&account());
    bridge.settle();
    assert_eq!(throttle(&bridge), 2);
    bridge.trade(&price(1, 77.0));
    eventually("the directive ends, and the price is there", || field(&server, 1, "pr") == "77");
    eventually("it is committed", || bridge.committed(MT5REDIS_LANE_RTS) == 2);
}

#[test]
fn a_position_that_is_gone_keeps_its_last_price_and_does_not_come_back_by_it() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    server.direct("ctl", 2, 60_000);
    bridge.heartbeat(&account());
    bridge.settle();
    bridge.trade(&price(1, 77.0));
    bridge.open_positions(0, &[]);
    eventually("it is gone", || field(&server, 1, "st") == "g");
    assert_eq!(field(&server, 1, "pr"), "77", "what was held is written first, though nobody waits");
    bridge.settle();
    assert_eq!(field(&server, 1, "st"), "g");
    assert!(server.ask::<i64>("PTTL ts:{1.Demo}:1") > 0);
}

#[test]
fn prices_held_back_survive_a_server_that_restarts_empty() {
    let mut server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    bridge.trade(&trade(2, MT5REDIS_EVENT_OPEN));
    server.direct("ctl", 2, 60_000);
    bridge.heartbeat(&account());
    bridge.settle();
    for tick in 0..50 {
        bridge.trade(&price(1, f64::from(tick)));
        bridge.trade(&TradeState { stop_loss: f64::from(tick), ..trade(2, MT5REDIS_EVENT_CHANGE) });
    }
    eventually("the changes are there", || field(&server, 2, "sl") == "49");
    server.kill();
    server.restart();
    bridge.settle();
    eventually("both are there again", || server.ask::<i64>("SCARD to:{1.Demo}") == 2);
    bridge.settle();
    assert_eq!((field(&server, 1, "pr").as_str(), field(&server, 2, "sl").as_str()), ("49", "49"));
    assert_eq!(bridge.stats()["rts"]["lost"], 0);
}

#[test]
fn a_held_price_never_passes_for_what_is_still_sent_again() {
    let mut server = Server::start();
    let recorder = Recorder::before(server.port);
    let (_folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[rts]\nurl = \"{}\"\n[pressure]\nquiet = \"200ms\"\n",
        server.url(),
        recorder.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    for position in [1, 2, 3] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    server.direct("ctl", 2, 1500);
    bridge.heartbeat(&account());
    bridge.settle();
    let held = bridge.trade(&price(1, 77.0));
    bridge.trade(&TradeState { stop_loss: 1.05, ..trade(2, MT5REDIS_EVENT_CHANGE) });
    eventually("the watermark has passed it", || field(&server, 2, "sl") == "1.05");
    assert_eq!(bridge.stats()["rts"]["deferred"], 1);
    server.kill();
    recorder.commands();
    // The price may be written when the server is back, and so may all that the server lacks.
    eventually("the directive ends", || throttle(&bridge) == 0);
    server.restart();
    let last = ["HGET ts:{1.Demo}:1 pr", "HGET ts:{1.Demo}:2 sl"];
    let there = |command: &&str| server.ask::<Option<String>>(command);
    eventually("all is there again", || last.iter().filter_map(there).eq(["77", "1.05"]));

    let mut opened = 0;
    for command in recorder.commands() {
        let words: Vec<_> = command.iter().map(|word| String::from_utf8_lossy(word)).collect();
        opened += usize::from(words[0] == "SADD");
        let vouched = if words[0] == "SET" { words[2].parse().expect("a watermark") } else { 0 };
        assert!(vouched < held || opened == 3, "{words:?} stands for positions that are not there");
    }
    assert_eq!(opened, 3);
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
    let (server, control) = (Server::start(), Server::start());
    let (_folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[rts]\nurl = \"{}\"\nreply_timeout = \"300ms\"\n[journal]\nsync = \"{sync}\"\n",
        control.url(),
        server.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    for position in [1, 2] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    control.direct("ctl", 2, 600_000);
    bridge.heartbeat(&account());
    bridge.settle();
    bridge.trade(&price(1, 77.0));
    bridge.trade(&TradeState { stop_loss: 1.05, ..trade(2, MT5REDIS_EVENT_CHANGE) });
    eventually("the watermark has passed the price", || field(&server, 2, "sl") == "1.05");
    assert_eq!(bridge.stats()["rts"]["deferred"], 1);

    // The reconcile takes the price with it. Both are applied, and nobody hears of it.
    server.freeze();
    bridge.open_positions(0, &[2]);
    eventually("the reconcile is sent and not answered", || {
        bridge.events().iter().any(|event| event.contains("no answer within the time-out"))
    });
    server.thaw();
    bridge.settle();
    eventually("nothing is held", || bridge.stats()["rts"]["deferred"] == 0);
    assert_eq!((field(&server, 1, "st").as_str(), field(&server, 1, "pr").as_str()), ("g", "77"));
    assert!(server.ask::<i64>("PTTL ts:{1.Demo}:1") > 0);
}

#[test]
fn a_price_that_was_held_is_sent_again_to_a_master_that_has_only_its_watermark() {
    let control = Server::start();
    let settings = ["--save", "", "--repl-diskless-sync-delay", "0"];
    let (mut master, replica) = (Server::with(&settings), Server::with(&settings));
    let way = Proxy::new();
    way.lead_to(master.port);
    let (_folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[rts]\nurl = \"redis://127.0.0.1:{}\"\n[pressure]\nquiet = \"200ms\"\n",
        control.url(),
        way.port
    ));
    let bridge = Bridge::open(&config, "1.Demo", control.folder());
    for position in [1, 2] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    control.direct("ctl", 2, 600_000);
    bridge.heartbeat(&account());
    bridge.settle();
    bridge.trade(&price(1, 77.0));
    bridge.trade(&TradeState { stop_loss: 1.05, ..trade(2, MT5REDIS_EVENT_CHANGE) });
    eventually("the watermark has passed the price", || field(&master, 2, "sl") == "1.05");

    // The replica has all but the price, which sets the watermark to what it was.
    replica.ask::<()>(&format!("REPLICAOF 127.0.0.1 {}", master.port));
    eventually("the replica follows", || replica.info("replication").contains("master_link_status:up"));
    replica.ask::<()>("REPLICAOF NO ONE");
    bridge.settle();
    assert_eq!((field(&master, 1, "pr").as_str(), field(&replica, 1, "pr").as_str()), ("77", "16.8"));
    way.lead_to(replica.port);
    master.kill();
    bridge.trade(&TradeState { stop_loss: 1.06, ..trade(2, MT5REDIS_EVENT_CHANGE) });
    eventually("the new master goes on", || field(&replica, 2, "sl") == "1.06");
    // It was committed, so it does not wait for the end of the pressure.
    eventually("the price is there too", || field(&replica, 1, "pr") == "77");
    assert_eq!(field(&replica, 1, "st"), "o");
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
    server.kill();
    server.restart();
    let later = bridge.trade(&trade(2, MT5REDIS_EVENT_OPEN));
    eventually("what came later is committed", || {
        let committed = bridge.committed(MT5REDIS_LANE_RTS);
        assert!(committed >= written, "{committed}");
        assert_eq!(bridge.status(MT5REDIS_LANE_RTS, written), MT5REDIS_STATUS_COMMITTED);
        committed == later
    });
    assert_eq!((throttle(&bridge), field(&server, 1, "pr").as_str()), (2, "77"), "nobody waited for it");
}

/// Set in a child of this test: `<config> <data folder>`.
const CHILD: &str = "MT5REDIS_TEST_CHILD";

/// Not a test of its own: the body of the process that the next test kills while prices are held back.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (config, folder) = task.split_once(' ').expect("two words");
    let bridge = Bridge::open(config, "1.Demo", Path::new(folder));
    bridge.heartbeat(&account());
    for position in 1..=4 {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    bridge.settle();
    assert_eq!(throttle(&bridge), 2, "the directive");
    let deferred = |count| eventually("it is held", || bridge.stats()["rts"]["deferred"] == count);
    for position in 1..=4 {
        bridge.trade(&price(position, 50.0 + position as f64));
    }
    deferred(4);
    // A reconcile writes what was held before it.
    bridge.trade(&TradeState { profit: 99.0, stop_loss: 1.5, ..trade(2, MT5REDIS_EVENT_CHANGE) });
    bridge.trade(&TradeState { profit: 98.0, ..trade(3, MT5REDIS_EVENT_CLOSE) });
    bridge.open_positions(0, &[1, 2]);
    deferred(0);
    bridge.trade(&price(1, 77.0));
    bridge.trade(&price(2, 78.0));
    deferred(2);
    // What is known of the second position is newer than its price, that of the first is not.
    bridge.trade(&TradeState { profit: 79.0, stop_loss: 2.5, ..trade(2, MT5REDIS_EVENT_CHANGE) });
    println!("accepted");
    loop {
        thread::park();
    }
}

#[test]
fn a_killed_terminal_leaves_its_held_prices_to_the_next_one() {
    let server = Server::start();
    server.direct("ctl", 2, 60_000);
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, format!("{} {}", server.url(), server.folder().display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test again");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // The test harness prints lines of its own, the first one into ours.
    assert!(lines.any(|line| line.expect("text").ends_with("accepted")), "the child died");
    eventually("the watermark has passed it", || field(&server, 2, "sl") == "2.5");
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    assert_eq!(field(&server, 1, "pr"), "51");
    server.ask::<()>("DEL ctl");

    let bridge = Bridge::at(&server, "1.Demo");
    assert!(bridge.committed(MT5REDIS_LANE_RTS) < bridge.accepted("rts"));
    bridge.settle();
    let profits = [1, 2, 3, 4].map(|position| field(&server, position, "pr"));
    assert_eq!(profits, ["77", "79", "98", "54"]);
    assert_eq!(field(&server, 2, "sl"), "2.5");
    assert_eq!(server.ask::<Vec<i64>>("SMEMBERS to:{1.Demo}"), [1, 2]);
    assert_eq!(bridge.stats()["rts"]["lost"], 0);
}
