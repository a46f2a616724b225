//! Many Expert Advisors of one terminal, opening and closing as they please.

mod support;

use std::path::Path;
use std::thread;

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use support::bridge::{Bridge, buy, signals, try_open};
use support::eventually;
use support::server::Server;
use tempfile::TempDir;

/// How many connections of ours the server has.
fn connections(server: &Server) -> usize {
    server.ask::<String>("CLIENT LIST").matches("name=mt5redis:").count()
}

#[test]
fn sessions_of_one_configuration_share_their_connections() {
    let server = Server::start();
    let one = Bridge::at(&server, "1.Demo");
    let other = Bridge::at(&server, "2.Demo");
    assert_ne!(one.handle, other.handle);
    assert_eq!(one.signal(&buy(1)), 1);
    assert_eq!(other.signal(&buy(2)), 2, "one lane, one sequence");
    one.settle();
    eventually("three connections", || connections(&server) == 3);
    let clients: String = server.ask("CLIENT LIST");
    for lane in ["ris", "rts", "rtss"] {
        assert_eq!(clients.matches(&format!("name=mt5redis:1.Demo:{lane} ")).count(), 1, "{clients}");
    }
    assert_eq!(connections(&server), 3);

    assert_eq!(one.close(30_000), MT5REDIS_OK);
    assert_eq!(other.signal(&buy(3)), 3);
    other.settle();
    assert_eq!(connections(&server), 3, "the other session still needs them");
    assert_eq!(other.close(30_000), MT5REDIS_OK);
    eventually("no connection is left", || connections(&server) == 0);
    assert_eq!(signals(&server), 3);
}

#[test]
fn different_configurations_do_not_mix() {
    let (here, there) = (Server::start(), Server::start());
    let one = Bridge::at(&here, "1.Demo");
    let other = Bridge::at(&there, "1.Demo");
    assert_eq!((one.signal(&buy(1)), other.signal(&buy(2))), (1, 1));
    one.settle();
    other.settle();
    assert_eq!((here.ask::<i64>("XLEN ss:{0}:1.Demo"), there.ask::<i64>("XLEN ss:{0}:1.Demo")), (1, 1));
}

#[test]
fn a_timeframe_change_loses_nothing() {
    let server = Server::start();
    let mut sent = 0;
    for round in 0..50 {
        let bridge = Bridge::at(&server, "1.Demo");
        for _ in 0..20 {
            assert!(bridge.signal(&buy(sent)) > 0);
            sent += 1;
        }
        // Some charts change at once, some with a little patience: both are fine.
        let code = bridge.close(if round % 2 == 0 { 0 } else { 30_000 });
        assert!(code == MT5REDIS_OK || (round % 2 == 0 && code == MT5REDIS_ERR_TIMEOUT), "{code}");
    }
    eventually("every signal of every life is there", || server.ask::<i64>("XLEN ss:{0}:1.Demo") == sent);
    eventually("no connection is left", || connections(&server) == 0);
}

#[test]
fn what_waits_at_close_is_taken_over_by_the_next_open() {
    let mut server = Server::start();
    server.kill();
    let first = Bridge::at(&server, "1.Demo");
    for number in 1..=10 {
        assert_eq!(first.signal(&buy(number)), number);
    }
    assert_eq!(first.close(20), MT5REDIS_ERR_TIMEOUT);
    let second = Bridge::at(&server, "1.Demo");
    assert_eq!(second.signal(&buy(11)), 11, "the same queue, the same numbers");
    server.restart();
    second.settle();
    assert_eq!(second.committed(MT5REDIS_LANE_RTSS), 11);
    assert_eq!(server.ask::<i64>("XLEN ss:{0}:1.Demo"), 11);
}

#[test]
fn what_waits_at_the_last_close_is_still_delivered() {
    let mut server = Server::start();
    server.kill();
    let bridge = Bridge::at(&server, "1.Demo");
    for number in 1..=10 {
        assert_eq!(bridge.signal(&buy(number)), number);
    }
    assert_eq!(bridge.close(20), MT5REDIS_ERR_TIMEOUT);
    server.restart();
    eventually("the signals arrive", || server.ask::<i64>("XLEN ss:{0}:1.Demo") == 10);
    eventually("then the threads leave", || connections(&server) == 0);
}

/// A session whose lane waits for a reply of a frozen server, closed; and a corrected configuration for the same
/// journal. `settings` is in both.
fn frozen_in_the_way(server: &Server, folder: &Path, settings: &str) -> [(TempDir, String); 2] {
    let url = format!("url = \"{}\"\n{settings}", server.url());
    let old = support::configuration(&url);
    let new = support::configuration(&format!("{url}[pressure]\nquiet = \"200ms\"\n"));
    let bridge = Bridge::open(&old.1, "1.Demo", folder);
    eventually("it is connected", || bridge.stats()["rtss"]["connected"] == true);
    server.freeze();
    bridge.signal(&buy(1));
    eventually("it is sent", || bridge.status(MT5REDIS_LANE_RTSS, 1) == MT5REDIS_STATUS_IN_DOUBT);
    bridge.close(0);
    [old, new]
}

#[test]
fn who_opens_keeps_nobody_from_closing_and_opening() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().to_str().expect("a plain path");
    let other = Bridge::at(&server, "2.Demo");
    // Its thread waits for a reply, and a new configuration for the journal that it holds.
    let [_old, (_file, config)] = frozen_in_the_way(&server, folder.path(), "");
    thread::scope(|threads| {
        let (opens, opening) = std::sync::mpsc::channel();
        let opener = threads.spawn(move || {
            opens.send(()).expect("somebody waits");
            try_open(&config, "1.Demo", data)
        });
        opening.recv().expect("it opens");
        thread::park_timeout(std::time::Duration::from_millis(50));
        let again = Bridge::at(&server, "3.Demo");
        other.close(0);
        again.close(0);
        assert!(!opener.is_finished(), "the close and the open came first");
        server.thaw();
        let handle = opener.join().expect("no panic");
        assert!(handle > 0, "{handle}");
        assert_eq!(mt5redis_close(handle, 30_000), MT5REDIS_OK);
    });
    assert_eq!(support::bridge::sequences(&server), [1]);
}

#[test]
fn a_corrected_configuration_opens_beside_a_thread_that_waits_for_long() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [_old, (_file, config)] =
        frozen_in_the_way(&server, folder.path(), "[rtss]\nreply_timeout = \"60s\"\n");
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    assert_eq!(bridge.signal(&buy(2)), 2);
    assert_eq!(bridge.status(MT5REDIS_LANE_RTSS, 1), MT5REDIS_STATUS_QUEUED, "still frozen");
    server.thaw();
    bridge.settle();
    assert_eq!(support::bridge::sequences(&server), [1, 2]);
    // The thread of before has its answer by now, and nothing to say any more.
    eventually("it ends", || connections(&server) == 3);
    assert_eq!(bridge.signal(&buy(3)), 3);
    bridge.settle();
    bridge.close(30_000);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    assert_eq!((bridge.committed(MT5REDIS_LANE_RTSS), bridge.signal(&buy(4))), (3, 4));
    bridge.settle();
    assert_eq!(support::bridge::sequences(&server), [1, 2, 3, 4]);
}

#[test]
fn threads_open_send_and_close_at_once() {
    let server = Server::start();
    let accepted: i64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let server = &server;
                scope.spawn(move || {
                    let mut accepted = 0;
                    for round in 0..25 {
                        let bridge = Bridge::at(server, &format!("{thread}.Demo"));
                        for number in 0..20 {
                            accepted += i64::from(bridge.signal(&buy(number)) > 0);
                        }
                        if round % 3 == 0 {
                            bridge.settle();
                        }
                        bridge.close((round % 2) * 1000);
                    }
                    accepted
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(accepted, 8 * 25 * 20);
    eventually("all is there", || signals(&server) == accepted);
    eventually("no connection is left", || connections(&server) == 0);
}

#[test]
fn handles_run_out_with_a_code_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut handles: Vec<i64> = Vec::new();
    let refusal = loop {
        match try_open("redis://127.0.0.1:1", "1.Demo", folder.path().to_str().unwrap()) {
            handle if handle > 0 => handles.push(handle),
            code => break code,
        }
        assert!(handles.len() <= 65_535);
    };
    assert_eq!(refusal, i64::from(MT5REDIS_ERR_TOO_MANY_HANDLES));
    // Other tests of this process hold some too.
    assert!(handles.len() > 60_000);
    for handle in handles {
        assert_eq!(mt5redis_close(handle, 0), MT5REDIS_OK);
    }
}
