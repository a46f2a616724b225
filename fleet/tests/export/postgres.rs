//! PostgreSQL: what is there once, also the second time.

use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use postgres::Client;

use crate::fleet::{append, expect_same, export, exported, now_ms, publish, stored};
use crate::server::Server;
use crate::support::servers;

pub const STREAMS: [&str; 3] = ["events", "signals", "reports"];

/// The keys of a table's rows.
pub fn keys(client: &mut Client, table: &str) -> Vec<String> {
    let columns = match table {
        "trades" => "instance, position",
        "events" => "instance, producer, sequence, position",
        _ => "instance, producer, sequence",
    };
    let ask = format!("SELECT concat_ws(' ', {columns}) FROM mt5redis.{table}");
    client.query(&ask, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

pub fn number(client: &mut Client, ask: &str) -> i64 {
    client.query_one(ask, &[]).unwrap().get(0)
}

pub fn expect_all(servers: &Servers, client: &mut Client) {
    for table in ["trades"].into_iter().chain(STREAMS) {
        expect_same(table, keys(client, table), stored(servers, table));
    }
}

#[test]
fn each_record_is_a_row_and_the_next_export_adds_only_what_is_new() {
    let servers = servers();
    let server = Server::start();
    let mut client = server.client();
    publish(&servers, "1.Demo", 1201, 3);
    publish(&servers, "2.Demo", 2, 1);
    let (_, errors) = exported(&servers, &["--postgres", &server.address()]);
    assert_eq!(errors, "");
    expect_all(&servers, &mut client);
    let state =
        "SELECT state || ' ' || profit || ' ' || comment FROM mt5redis.trades WHERE position = 3 LIMIT 1";
    let state: String = client.query_one(state, &[]).unwrap().get(0);
    assert_eq!(state, "gone -1.75 größer");
    let late =
        "SELECT count(*) FROM mt5redis.signals WHERE time NOT BETWEEN now() - interval '1 minute' AND now()";
    assert_eq!(number(&mut client, late), 0);
    assert_eq!(number(&mut client, "SELECT count(*) FROM mt5redis.equity"), 4);

    let (out, _) = exported(&servers, &["--postgres", &server.address()]);
    for line in out.lines() {
        assert!(line.ends_with(" 0") || line.starts_with("equity"), "nothing is new: {out}");
    }
    publish(&servers, "1.Demo", 7, 1);
    let (out, errors) = exported(&servers, &["--postgres", &server.address(), "--only", "signals,reports"]);
    assert_eq!(out, "signals           7\nreports           1\n");
    assert_eq!(errors, "", "no gap");
    exported(&servers, &["--postgres", &server.address()]);
    expect_all(&servers, &mut client);
}

/// A replica that takes over lacks the last records. The terminals send them again, and it stores them by its own clock.
#[test]
fn what_a_new_master_stores_anew_is_neither_twice_nor_missing() {
    let servers = servers();
    let server = Server::start();
    let mut client = server.client();
    let mut redis = connect(servers.ports()[2]).unwrap();
    let now = now_ms();
    (1..=3).for_each(|number| append(&mut redis, &format!("{}-0", now + number as i64), number));
    exported(&servers, &["--postgres", &server.address(), "--only", "signals"]);
    redis::cmd("DEL").arg("ss:{0}:9.Hand").exec(&mut redis).unwrap();
    // Its clock is behind: the new record's id is before the place where the export stopped.
    (3..=4).for_each(|number| append(&mut redis, &format!("{}-0", now - 30_000 + number as i64), number));
    let (out, errors) = exported(&servers, &["--postgres", &server.address(), "--only", "signals"]);
    assert_eq!((out.as_str(), errors.as_str()), ("signals           1\n", ""));
    assert_eq!(number(&mut client, "SELECT sum(sequence)::bigint FROM mt5redis.signals"), 10);
}

#[test]
fn what_was_deleted_before_it_was_read_is_told() {
    let servers = servers();
    let server = Server::start();
    let mut client = server.client();
    let mut redis = connect(servers.ports()[2]).unwrap();
    append(&mut redis, "5-1", 7);
    let (_, errors) = exported(&servers, &["--postgres", &server.address()]);
    assert_eq!(errors, "", "what was before the first one is nobody's loss");
    (8..=9).for_each(|number| append(&mut redis, &format!("5-{number}"), number));
    redis::cmd("XDEL").arg("ss:{0}:9.Hand").arg("5-8").exec(&mut redis).unwrap();
    let (_, errors) = exported(&servers, &["--postgres", &server.address()]);
    let told = "signals of 9.Hand: 1 gaps, the first: after number 7 of 00000000000000aa, up to 8\n";
    assert_eq!(errors, told);
    let gap = client.query_one("SELECT missing, before FROM mt5redis.gaps", &[]).unwrap();
    assert_eq!((gap.get::<_, i64>(0), gap.get::<_, i64>(1)), (8, 9));
    let (_, errors) = exported(&servers, &["--postgres", &server.address()]);
    assert_eq!(errors, "", "it is told once");
}

#[test]
fn an_older_database_gets_the_missing_steps_and_a_newer_one_is_refused() {
    let servers = servers();
    let server = Server::start();
    let mut client = server.client();
    publish(&servers, "1.Demo", 3, 1);
    client
        .batch_execute(&format!(
            "CREATE SCHEMA mt5redis; CREATE TABLE mt5redis.version (step integer NOT NULL);
             INSERT INTO mt5redis.version VALUES (1); {};
             INSERT INTO mt5redis.signals (instance, producer, sequence) VALUES ('old', 'aa', 1)",
            include_str!("../../src/export/sql/1.sql")
        ))
        .unwrap();
    exported(&servers, &["--postgres", &server.address()]);
    assert_eq!(number(&mut client, "SELECT count(*) FROM mt5redis.signals"), 4, "the old row is still there");
    assert_eq!(number(&mut client, "SELECT count(*) FROM mt5redis.gaps"), 0);
    assert_eq!(number(&mut client, "SELECT count(*) FROM mt5redis.outcomes"), 1);
    client.batch_execute("UPDATE mt5redis.version SET step = 99").unwrap();
    let refused = export(&servers, &["--postgres", &server.address()]);
    assert!(!refused.status.success());
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("the tables are of step 99, and this program knows 2: update mt5fleet"), "{why}");
}

/// Of a closed position only the state that was read last counts, and one that Redis has forgotten stays.
#[test]
fn a_position_has_one_row_which_outlives_redis() {
    let servers = servers();
    let server = Server::start();
    let mut client = server.client();
    publish(&servers, "1.Demo", 1, 0);
    exported(&servers, &["--postgres", &server.address(), "--only", "trades"]);
    let mut redis = connect(servers.ports()[1]).unwrap();
    redis::cmd("HSET").arg("ts:{1.Demo}:4").arg(&["pr", "7.5", "q", "99"]).exec(&mut redis).unwrap();
    redis::cmd("DEL").arg("ts:{1.Demo}:2").exec(&mut redis).unwrap();
    let (out, _) = exported(&servers, &["--postgres", &server.address(), "--only", "trades"]);
    assert_eq!(out, "trades            1\n");
    assert_eq!(number(&mut client, "SELECT count(*) FROM mt5redis.trades"), 4);
    let changed = "SELECT sequence FROM mt5redis.trades WHERE position = 4 AND profit = 7.5";
    assert_eq!(number(&mut client, changed), 99);
}

/// Whoever reads the page can paste its commands and its queries.
#[test]
fn the_examples_of_the_page_work() {
    let servers = servers();
    let server = Server::start();
    let mut client = server.client();
    publish(&servers, "1.Demo", 3, 1);
    let page = include_str!("../../../docs/export.md");
    let folder = tempfile::tempdir().unwrap();
    let blocks = |language: &str| {
        let fence = format!("```{language}\n");
        let blocks = page.split(&fence).skip(1);
        blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut commands = 0;
    for line in blocks("").iter().flat_map(|block| block.lines()) {
        let Some(arguments) = line.strip_prefix("$ mt5fleet export --config fleet.toml ") else { continue };
        commands += 1;
        // To the end of what is there, into a folder of its own.
        let arguments = arguments.replace(" --follow", "").replace("1001.Demo", "1.Demo");
        let arguments = arguments.replace("data/", &format!("{}/{commands}/", folder.path().display()));
        let mut words: Vec<&str> = arguments.split(' ').collect();
        let address = server.address();
        if let Some(at) = words.iter().position(|word| word.starts_with("postgres://")) {
            words[at] = &address;
        }
        exported(&servers, &words);
    }
    assert!(commands >= 4, "{commands}");
    let queries = blocks("sql");
    assert!(queries.len() >= 3);
    queries.iter().for_each(|query| client.batch_execute(query).unwrap());
}
