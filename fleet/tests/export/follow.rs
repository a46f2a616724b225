//! An export that follows: killed at any point, and while a server is away.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use mt5fleet::library::{self, Bridge};
use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use postgres::Client;

use crate::fleet::{self, PATIENCE, append, command, exported, now_ms, publish, stored};
use crate::postgres::{STREAMS, expect_all, number};
use crate::server::Server;

/// Publishes records of an instance, some at a time, until it is told to stop.
fn keep_publishing(config: &str, instance: &str, stop: &AtomicBool) {
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = bridge.open(config, instance, folder.path()).unwrap();
    let mut round = 0;
    while !stop.load(Relaxed) {
        round += 1;
        fleet::trade(&bridge, &session, round, 1);
        (0..20).for_each(|number| fleet::signal(&bridge, &session, number));
        fleet::report(&bridge, &session, round);
        fleet::trade(&bridge, &session, round, 4);
        session.flush(PATIENCE).unwrap();
        // So that Redis has not far more than the follower needs.
        thread::sleep(Duration::from_millis(20));
    }
    session.close(PATIENCE).unwrap();
}

fn start(servers: &Servers, address: &str) -> Child {
    let arguments = ["--follow", "--postgres", address];
    command(servers, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// How many rows came from streams.
fn rows(client: &mut Client) -> i64 {
    let exists = "SELECT (to_regclass('mt5redis.places') IS NOT NULL)::int::bigint";
    if number(client, exists) == 0 {
        return 0;
    }
    STREAMS.iter().map(|table| number(client, &format!("SELECT count(*) FROM mt5redis.{table}"))).sum()
}

/// Waits until something is true.
fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !until() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a follower writes in a transaction.
const WRITTEN: [&str; 4] = ["events", "signals", "reports", "places"];

/// Kills a follower when it is about to write this table: everything else of the transaction is then written or not.
fn kill_in_a_transaction(follower: &mut Child, client: &mut Client, table: &str) {
    let mut holder = client.transaction().unwrap();
    holder.batch_execute(&format!("LOCK TABLE mt5redis.{table} IN SHARE ROW EXCLUSIVE MODE")).unwrap();
    let waiting = format!(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'mt5redis.{table}'::regclass AND NOT granted)"
    );
    wait("the follower waits", || holder.query_one(&waiting, &[]).unwrap().get(0));
    follower.kill().unwrap();
    holder.rollback().unwrap();
}

#[test]
fn a_follower_killed_anywhere_loses_and_repeats_nothing() {
    let servers = Servers::start_temporary(None).unwrap();
    let server = Server::start();
    let mut client = server.client();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    // A day of signals, so that the minute which is read again after a start hides nothing.
    let mut redis = connect(servers.ports()[2]).unwrap();
    let long_ago = now_ms() as u64 - 86_400_000;
    (1..=6000).for_each(|number| append(&mut redis, &format!("{}-0", long_ago + 5000 * number), number));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for instance in ["1.Demo", "2.Demo"] {
            scope.spawn(|| keep_publishing(config, instance, &stop));
        }
        for table in WRITTEN.map(Some).into_iter().chain([None; 3]) {
            let until = rows(&mut client) + fastrand::i64(0..800);
            let mut follower = start(&servers, &server.address());
            wait("the follower goes on", || rows(&mut client) >= until);
            if let Some(table) = table {
                kill_in_a_transaction(&mut follower, &mut client, table);
            }
            follower.kill().unwrap();
            follower.wait().unwrap();
        }
        stop.store(true, Relaxed);
    });
    exported(&servers, &["--postgres", &server.address()]);
    assert!(rows(&mut client) > 6000);
    expect_all(&servers, &mut client);
    assert_eq!(number(&mut client, "SELECT count(*) FROM mt5redis.gaps"), 0);
}

#[test]
fn a_follower_goes_on_after_the_database_was_away_and_its_connections_broke() {
    let servers = Servers::start_temporary(None).unwrap();
    let mut server = Server::start();
    publish(&servers, "1.Demo", 3, 1);
    let mut follower = start(&servers, &server.address());
    let all =
        |servers: &Servers| STREAMS.map(|table| stored(servers, table).len() as i64).iter().sum::<i64>();
    let caught_up = |server: &Server, servers: &Servers| {
        let (mut client, expected) = (server.client(), all(servers));
        wait("the follower catches up", || rows(&mut client) == expected);
    };
    caught_up(&server, &servers);
    server.crash();
    publish(&servers, "2.Demo", 700, 2);
    server.start_again();
    caught_up(&server, &servers);
    for port in servers.ports() {
        redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).exec(&mut connect(port).unwrap()).unwrap();
    }
    publish(&servers, "3.Demo", 5, 1);
    caught_up(&server, &servers);
    follower.kill().unwrap();
    follower.wait().unwrap();
    expect_all(&servers, &mut server.client());
}
