//! Nothing accepted is dropped or doubled while this process lives, whatever the server does; and what
//! happens is told in the events.

mod support;

use std::fs;
use std::path::PathBuf;

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, account, buy, last_error, sequences, trade};
use support::eventually;
use support::port::free_port;
use support::server::Server;

/// Waits for an event that has all these words in it.
fn event(bridge: &Bridge, words: &[&str]) -> String {
    let mut seen = Vec::new();
    let mut found = None;
    eventually(&format!("an event with {words:?}"), || {
        seen.extend(bridge.events());
        found = seen.iter().find(|line| words.iter().all(|word| line.contains(word))).cloned();
        found.is_some()
    });
    found.expect("found")
}

#[test]
fn a_server_that_comes_late_gets_everything() {
    let mut server = Server::start();
    server.kill();
    let bridge = Bridge::at(&server, "1.Demo");
    for number in 1..=100 {
        assert_eq!(bridge.signal(&buy(number)), number);
    }
    let line = event(&bridge, &["rtss: ", "accepts no writes", "connecting again"]);
    assert!(line.contains(&server.port.to_string()), "{line}");
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTSS), 0);
    assert_eq!(bridge.flush(50), MT5REDIS_ERR_TIMEOUT);
    assert!(
        last_error().starts_with(
            "100 records are still pending after 50 ms (rts: done, rtss: 100, heartbeats: done)"
        ),
        "{}",
        last_error()
    );

    server.restart();
    bridge.settle();
    assert_eq!(sequences(&server), (1..=100).collect::<Vec<_>>());
    event(&bridge, &["rtss: connected to", " after "]);
}

#[test]
fn a_full_queue_refuses_a_heartbeat_at_once() {
    let mut server = Server::start();
    server.kill();
    // One instance's heartbeats thin out before they fill the queue. The first one of each is always due.
    let bridges: Vec<_> = (0..80).map(|number| Bridge::at(&server, &format!("{number}.Demo"))).collect();
    let answers: Vec<_> = bridges.iter().map(|bridge| bridge.heartbeat(&account())).collect();
    let accepted = answers.iter().copied().max().expect("some");
    let refusal = *answers.last().expect("some");
    let bridge = &bridges[0];
    assert_eq!(refusal, i64::from(MT5REDIS_ERR_QUEUE_FULL));
    assert!(
        last_error().starts_with("the ris queue is full: 64 records wait for 127.0.0.1:"),
        "{}",
        last_error()
    );
    assert!(bridge.stats()["ris"]["refused"].as_i64() >= Some(1));
    // The other lanes have journals.
    assert_eq!(bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN)), 1);
    server.restart();
    bridge.settle();
    let next = bridges[79].heartbeat(&account());
    assert_eq!(next, accepted + 1, "the refused call used no number");
}

#[test]
fn the_journal_holds_what_the_queue_cannot() {
    let mut server = Server::start();
    server.kill();
    let bridge = Bridge::at(&server, "1.Demo");
    // Three times what the queue holds.
    let sent = 12_500;
    for number in 1..=sent {
        assert_eq!(bridge.signal(&buy(number)), number, "{}", last_error());
    }
    server.restart();
    for number in sent + 1..=sent + 100 {
        assert_eq!(bridge.signal(&buy(number)), number);
    }
    bridge.settle();
    assert_eq!(sequences(&server), (1..=sent + 100).collect::<Vec<_>>());
}

#[test]
fn a_journal_at_its_limit_refuses_and_recovers_by_itself() {
    let mut server = Server::start();
    server.kill();
    let text = format!("url = \"{}\"\n[journal]\nmax_bytes = 8388608\nretain_acked = \"1s\"\n", server.url());
    let (folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let mut accepted = 0;
    let refusal = loop {
        match bridge.signal(&buy(accepted + 1)) {
            sequence if sequence > 0 => accepted = sequence,
            code => break code,
        }
        assert!(accepted < 1_000_000, "the journal is bounded");
    };
    assert_eq!(refusal, i64::from(MT5REDIS_ERR_JOURNAL_FULL));
    let sentence = "the rtss journal is full: the journal is at its limit of 8388608 bytes";
    assert!(last_error().starts_with(sentence), "{}", last_error());
    event(&bridge, &["the rtss journal is full", "raise journal.max_bytes"]);
    // Other lanes have journals of their own.
    assert_eq!(bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN)), 1);

    server.restart();
    bridge.settle();
    assert_eq!(sequences(&server), (1..=accepted).collect::<Vec<_>>());
    eventually("calls are accepted again", || bridge.signal(&buy(accepted + 1)) == accepted + 1);
    bridge.settle();
}

#[test]
fn a_server_killed_and_restarted_mid_run_loses_and_doubles_nothing() {
    let mut server = Server::durable();
    let bridge = Bridge::at(&server, "1.Demo");
    let mut sent = 0;
    for _ in 0..5 {
        let committed = bridge.committed(MT5REDIS_LANE_RTSS);
        eventually("commits go on", || {
            sent = sent.max(bridge.signal(&buy(sent + 1)));
            bridge.committed(MT5REDIS_LANE_RTSS) > committed + 200
        });
        server.kill();
        for _ in 0..500 {
            sent = sent.max(bridge.signal(&buy(sent + 1)));
        }
        server.restart();
    }
    bridge.settle();
    assert_eq!(sequences(&server), (1..=sent).collect::<Vec<_>>());
    assert!(bridge.stats()["rtss"]["connects"].as_i64() >= Some(6));
}

#[test]
fn connections_killed_all_the_time_lose_and_double_nothing() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_no_signal_suffers(&server, &bridge);
}

#[test]
fn without_a_journal_a_broken_connection_loses_and_doubles_nothing() {
    let server = Server::start();
    let (folder, config) =
        support::configuration(&format!("url = \"{}\"\n[journal]\nsync = \"off\"", server.url()));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    assert_no_signal_suffers(&server, &bridge);
    assert!(!folder.path().join("mt5-redis").exists(), "no journal was written");
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

/// Sends while all connections are killed again and again.
fn assert_no_signal_suffers(server: &Server, bridge: &Bridge) {
    let mut sent = 0;
    for _ in 0..60 {
        for _ in 0..100 {
            sent = sent.max(bridge.signal(&buy(sent + 1)));
        }
        let _: i64 = server.ask("CLIENT KILL TYPE normal SKIPME yes");
    }
    bridge.settle();
    assert!(sent > 600, "{sent}");
    assert_eq!(sequences(server), (1..=sent).collect::<Vec<_>>());
}

#[test]
fn a_frozen_server_is_left_and_found_again() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    server.freeze();
    for number in 2..=50 {
        bridge.signal(&buy(number));
    }
    event(&bridge, &["rtss: ", "accepts no writes", "no answer within the time-out"]);
    server.thaw();
    bridge.settle();
    // What was in flight was applied when the server went on: the watermark says so, and nothing doubles.
    assert_eq!(sequences(&server), (1..=50).collect::<Vec<_>>());
    event(&bridge, &["rtss: ", " records in doubt"]);
}

#[test]
fn a_server_out_of_memory_holds_the_lane() {
    let server = Server::with(&["--save", "", "--maxmemory-policy", "noeviction"]);
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let _: String = server.ask("CONFIG SET maxmemory 1");
    for number in 2..=20 {
        bridge.signal(&buy(number));
    }
    event(&bridge, &["rtss: ", "accepts no writes: OOM ", "holding until it does"]);
    let _: String = server.ask("CONFIG SET maxmemory 0");
    bridge.settle();
    assert_eq!(sequences(&server), (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_replica_takes_nothing_until_it_is_a_master() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let _: String = server.ask(&format!("REPLICAOF 127.0.0.1 {}", free_port()));
    bridge.signal(&buy(2));
    event(&bridge, &["rtss: ", "accepts no writes: READONLY "]);
    let _: String = server.ask("REPLICAOF NO ONE");
    bridge.settle();
    assert_eq!(sequences(&server), [1, 2]);
}

#[test]
fn a_wrong_password_is_told_without_the_password() {
    let server = Server::with(&["--save", "", "--requirepass", "right-secret"]);
    let wrong = format!("redis://:wrong-secret@127.0.0.1:{}", server.port);
    for (url, word, advice) in [
        (server.url(), "NOAUTH", "it wants a password: write redis://username:password@"),
        (wrong, "WRONGPASS", "wrong username or password"),
    ] {
        let bridge = Bridge::open(&url, "1.Demo", server.folder());
        bridge.signal(&buy(1));
        let line = event(&bridge, &["rtss: ", word, advice]);
        assert!(!line.contains("secret"), "{line}");
    }
    let right = format!("redis://:right-secret@127.0.0.1:{}", server.port);
    let bridge = Bridge::open(&right, "1.Demo", server.folder());
    bridge.signal(&buy(1));
    bridge.settle();
    assert!(!bridge.stats().to_string().contains("secret"));
}

#[test]
fn a_record_the_server_rejects_takes_no_other_with_it() {
    let server = Server::start();
    let _: String = server.ask("SET ts:{1.Demo}:2 occupied");
    let bridge = Bridge::at(&server, "1.Demo");
    for position in [1, 2, 3] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    // Everything else is done, and this is no success.
    assert_eq!(bridge.flush(support::PATIENCE.as_millis() as i32), MT5REDIS_ERR_DEAD_LETTERS);
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTS), 1);
    let line = event(&bridge, &["rts: record 2 was rejected", "WRONGTYPE", "dead.jsonl"]);
    assert!(!line.contains("record 1"), "{line}");
    assert!(server.ask::<bool>("EXISTS ts:{1.Demo}:1") && server.ask::<bool>("EXISTS ts:{1.Demo}:3"));
    assert_eq!(bridge.stats()["rts"]["rejected"], 1);

    let status = [1, 2, 3].map(|sequence| bridge.status(MT5REDIS_LANE_RTS, sequence));
    assert_eq!(status, [MT5REDIS_STATUS_COMMITTED, MT5REDIS_STATUS_DEAD, MT5REDIS_STATUS_COMMITTED]);
    let text = fs::read_to_string(dead_letters(&server)).unwrap();
    let letter: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one line");
    assert_eq!(letter["sequence"], 2);
    assert_eq!(letter["producer"], bridge.stats()["rts"]["producer"]);
    assert!(letter["error"].as_str().unwrap().starts_with("WRONGTYPE"), "{letter}");
    assert_eq!((&letter["record"]["id"], &letter["record"]["sy"]), (&2.into(), &"EURUSD".into()));
}

#[test]
fn a_dead_letter_that_cannot_be_written_holds_the_lane() {
    let server = Server::start();
    let _: String = server.ask("SET ts:{1.Demo}:2 occupied");
    let bridge = Bridge::at(&server, "1.Demo");
    let file = dead_letters(&server);
    fs::create_dir(&file).unwrap();
    for position in [1, 2, 3] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    event(&bridge, &["rts: ", "cannot be put aside", "dead.jsonl", "holding"]);
    assert!(bridge.committed(MT5REDIS_LANE_RTS) < 2);
    fs::remove_dir(&file).unwrap();
    assert_eq!(bridge.flush(support::PATIENCE.as_millis() as i32), MT5REDIS_ERR_DEAD_LETTERS);
    assert_eq!(bridge.status(MT5REDIS_LANE_RTS, 2), MT5REDIS_STATUS_DEAD);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
}

#[test]
fn a_record_is_queued_then_in_doubt_then_committed() {
    let server = Server::start();
    let (_folder, config) =
        support::configuration(&format!("url = \"{}\"\n[rtss]\nreply_timeout = \"60s\"", server.url()));
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    let status = |sequence| bridge.status(MT5REDIS_LANE_RTSS, sequence);
    let first = bridge.signal(&buy(1));
    bridge.settle();
    assert_eq!(status(first), MT5REDIS_STATUS_COMMITTED);

    server.freeze();
    let second = bridge.signal(&buy(2));
    eventually("the second is sent", || status(second) == MT5REDIS_STATUS_IN_DOUBT);
    let third = bridge.signal(&buy(3));
    assert_eq!((status(second), status(third)), (MT5REDIS_STATUS_IN_DOUBT, MT5REDIS_STATUS_QUEUED));
    server.thaw();
    bridge.settle();
    assert_eq!((status(second), status(third)), (MT5REDIS_STATUS_COMMITTED, MT5REDIS_STATUS_COMMITTED));
    for sequence in [i64::MIN, -1, 0, third + 1] {
        assert_eq!(status(sequence), MT5REDIS_ERR_SEQUENCE, "{sequence}");
    }
}

/// Where the dead letters of rts are.
fn dead_letters(server: &Server) -> PathBuf {
    server.folder().join(format!("mt5-redis/rts@127.0.0.1-{}-0/dead.jsonl", server.port))
}

#[test]
fn a_strange_open_set_is_replaced() {
    let server = Server::start();
    let _: String = server.ask("SET to:{1.Demo} nonsense");
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.open_positions(0, &[5]);
    bridge.settle();
    assert_eq!(server.ask::<Vec<i64>>("SMEMBERS to:{1.Demo}"), [5]);
}

#[test]
fn an_instance_that_expired_does_not_become_immortal() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    for _ in 0..3 {
        bridge.heartbeat(&account());
        bridge.settle();
        assert!(server.ask::<i64>("PTTL is:{1.Demo}") > 0);
        let _: i64 = server.ask("DEL is:{1.Demo}");
    }
}
