//! An export that follows: killed at any point, while a server is away, and while other masters take over. The long form,
//! `make export`, does each ROUNDS times.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use mt5fleet::library::{self, Bridge};
use mt5fleet::up::server::connect;
use mt5fleet::up::{Servers, Topology};
use postgres::Client;

use crate::fleet::{self, append, command, exported, now_ms, publish, stored};
use crate::postgres::{STREAMS, expect_all, number};
use crate::server::Server;
use crate::support::{PATIENCE, eventually, plan, servers};

/// How often each trouble comes.
fn rounds() -> usize {
    std::env::var("EXPORT_ROUNDS").map_or(1, |rounds| rounds.parse().expect("EXPORT_ROUNDS is a number"))
}

/// Ends the publishers, also when a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Publishes records of an instance, some at a time, until it is told to stop.
fn keep_publishing(config: &str, instance: &str, stop: &AtomicBool) {
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = bridge.open(config, instance, folder.path()).unwrap();
    let mut round = 0;
    while !stop.load(Relaxed) {
        round += 1;
        fleet::heartbeat(&bridge, &session);
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

/// Waits until the database has as many rows as Redis has entries.
fn expect_caught_up(client: &mut Client, servers: &Servers) {
    let all = STREAMS.map(|table| stored(servers, table).len() as i64).iter().sum::<i64>();
    eventually("the follower catches up", || rows(client) == all);
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
    eventually("the follower waits", || holder.query_one(&waiting, &[]).unwrap().get(0));
    follower.kill().unwrap();
    holder.rollback().unwrap();
}

#[test]
fn a_follower_killed_anywhere_loses_and_repeats_nothing() {
    let servers = servers();
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
        let _stop = Stop(&stop);
        let places = WRITTEN.map(Some).into_iter().chain([None; 3]).collect::<Vec<_>>();
        for table in places.repeat(rounds()) {
            let until = rows(&mut client) + fastrand::i64(0..800);
            let mut follower = start(&servers, &server.address());
            eventually("the follower goes on", || rows(&mut client) >= until);
            if let Some(table) = table {
                kill_in_a_transaction(&mut follower, &mut client, table);
            }
            follower.kill().unwrap();
            follower.wait().unwrap();
        }
    });
    exported(&servers, &["--postgres", &server.address()]);
    assert!(rows(&mut client) > 6000);
    expect_all(&servers, &mut client);
    assert_eq!(number(&mut client, "SELECT count(*) FROM mt5redis.gaps"), 0);
}

#[test]
fn a_follower_goes_on_after_the_database_was_away_and_its_connections_broke() {
    let servers = servers();
    let mut server = Server::start();
    publish(&servers, "1.Demo", 3, 1);
    let mut follower = start(&servers, &server.address());
    let caught_up = |server: &Server, servers: &Servers| expect_caught_up(&mut server.client(), servers);
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

/// Every master crashes, and its replica takes over, while terminals write and the follower reads.
#[test]
fn a_follower_loses_and_repeats_nothing_when_other_masters_take_over() {
    let mut servers = Servers::start_here(&plan(Topology::Sentinel, None)).unwrap();
    let server = Server::start();
    let mut client = server.client();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let mut follower = start(&servers, &server.address());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for instance in ["1.Demo", "2.Demo"] {
            scope.spawn(|| keep_publishing(config, instance, &stop));
        }
        let _stop = Stop(&stop);
        for _ in 0..rounds() {
            let until = rows(&mut client) + 300;
            eventually("the follower writes", || rows(&mut client) >= until);
            let before = servers.urls();
            servers.trouble().unwrap().unwrap().end().unwrap();
            eventually("each lane has another master", || {
                assert_eq!(servers.attend().unwrap(), None);
                servers.urls().iter().zip(&before).all(|(now, before)| now != before)
            });
            let until = rows(&mut client) + 300;
            eventually("the follower goes on at the new masters", || {
                assert_eq!(servers.attend().unwrap(), None);
                rows(&mut client) >= until
            });
        }
    });
    expect_caught_up(&mut client, &servers);
    follower.kill().unwrap();
    follower.wait().unwrap();
    // What the follower has not read of positions by now.
    exported(&servers, &["--postgres", &server.address(), "--only", "trades"]);
    expect_all(&servers, &mut client);
    assert_eq!(number(&mut client, "SELECT count(*) FROM mt5redis.gaps"), 0);
}
