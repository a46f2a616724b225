//! CSV and Parquet.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use mt5fleet::up::server::connect;
use mt5fleet::up::{Servers, Topology};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use crate::fleet::{append, command, expect_same, export, exported, publish, stored};
use crate::support::{plan, servers};

const TABLES: [&str; 5] = ["trades", "events", "signals", "reports", "equity"];

/// The lines of a file behind its head, as cells. No text in these tests has a comma.
fn cells(folder: &Path, table: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder.join(table).with_extension("csv")).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn keys(table: &str, rows: &[Vec<String>]) -> Vec<String> {
    let length = match table {
        "trades" => 2,
        "events" => 4,
        _ => 3,
    };
    rows.iter().map(|row| row[..length].join(" ")).collect()
}

/// The cell of a row, by the file's head.
fn cell<'a>(folder: &Path, table: &str, row: &'a [String], name: &str) -> &'a str {
    let text = fs::read_to_string(folder.join(table).with_extension("csv")).unwrap();
    let head = text.lines().next().unwrap().to_owned();
    &row[head.split(',').position(|column| column == name).unwrap()]
}

#[test]
fn the_files_have_every_record_once_and_both_forms_say_the_same() {
    let servers = servers();
    // More than two pages of signals.
    publish(&servers, "1.Demo", 1201, 3);
    publish(&servers, "2.Demo", 2, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (out, errors) = exported(&servers, &["--csv", path]);
    assert_eq!(errors, "");
    for table in ["trades", "events", "signals", "reports"] {
        let rows = cells(folder.path(), table);
        assert!(rows.len() >= 4, "{table}");
        assert!(out.contains(&format!("{table:<8} {:>10}\n", rows.len())), "{out}");
        expect_same(table, keys(table, &rows), stored(&servers, table));
    }
    let trades = cells(folder.path(), "trades");
    let states: Vec<_> = trades.iter().map(|row| cell(folder.path(), "trades", row, "state")).collect();
    assert_eq!(states[..4], ["open", "closed", "gone", "open"]);
    assert_eq!(cell(folder.path(), "trades", &trades[1], "comment"), "größer");
    assert_eq!(cell(folder.path(), "trades", &trades[2], "profit"), "-1.75", "what was known of it stays");
    let signals = cells(folder.path(), "signals");
    assert_eq!(cell(folder.path(), "signals", &signals[0], "event"), "");
    assert_eq!(cell(folder.path(), "signals", &signals[1], "event"), "open");
    assert!(cell(folder.path(), "signals", &signals[1], "time").ends_with('Z'));
    // The minute and the hour of each heartbeat.
    assert_eq!(cells(folder.path(), "equity").len(), 4);

    exported(&servers, &["--parquet", path]);
    for table in TABLES {
        expect_parquet(folder.path(), table);
    }
}

/// That a Parquet file has what the CSV file has.
fn expect_parquet(folder: &Path, table: &str) {
    let file = File::open(folder.join(table).with_extension("parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        let shown = |field: &Field| match field {
            Field::Null => String::new(),
            Field::Str(text) => text.clone(),
            Field::Long(number) => number.to_string(),
            Field::Double(number) => number.to_string(),
            Field::Bool(truth) => truth.to_string(),
            Field::TimestampMillis(ms) => {
                let since = std::time::Duration::from_millis(*ms as u64);
                humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + since).to_string()
            }
            other => panic!("{other:?}"),
        };
        row.get_column_iter().map(|(_, field)| shown(field)).collect::<Vec<_>>()
    });
    assert_eq!(rows.collect::<Vec<_>>(), cells(folder, table), "{table}");
}

#[test]
fn what_is_not_wanted_is_left_out_and_nothing_is_overwritten() {
    let servers = servers();
    publish(&servers, "1.Demo", 3, 1);
    publish(&servers, "2.Demo", 5, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (out, _) = exported(&servers, &["--csv", path, "--only", "signals,trades", "--instance", "2.Demo"]);
    assert_eq!(out, "trades            4\nsignals           5\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let again = export(&servers, &["--csv", path, "--only", "signals"]);
    assert!(!again.status.success());
    let refusal = String::from_utf8(again.stderr).unwrap();
    assert!(refusal.contains("signals.csv exists already: pass another folder, or remove it"), "{refusal}");
    assert_eq!(cells(folder.path(), "signals").len(), 5);
    // Nothing is that young, but what is open is exported always.
    let young = tempfile::tempdir().unwrap();
    let (out, _) =
        exported(&servers, &["--csv", young.path().to_str().unwrap(), "--since", "0s", "--only", "signals"]);
    assert_eq!(out, "signals           0\n");
}

#[test]
fn what_is_no_record_is_told_and_the_rest_is_exported() {
    let servers = servers();
    publish(&servers, "1.Demo", 3, 1);
    publish(&servers, "2.Demo", 1, 0);
    let mut rtss = connect(servers.ports()[2]).unwrap();
    let mut ask = |command: &[&str]| {
        redis::cmd(command[0]).arg(&command[1..]).query::<redis::Value>(&mut rtss).unwrap();
    };
    ask(&["XADD", "ss:{0}:1.Demo", "*", "d", "x"]);
    ask(&["XADD", "ss:{7}:3.Demo", "*", "d", "x"]);
    ask(&["XADD", "ss:{0}:no instance", "*", "d", "x"]);
    ask(&["SET", "sr:{0}:4.Demo", "no stream"]);
    // Another's signal in its stream.
    let head =
        ["XADD", "ss:{0}:2.Demo", "*", "v", "2", "p", "aa", "q", "1", "t", "5", "o", "0", "i", "1.Demo"];
    let tail =
        ["a", "b", "sy", "X", "vo", "1", "pr", "0", "sl", "0", "tp", "0", "mg", "0", "po", "0", "ex", "0"];
    ask(&[&head[..], &tail, &["co", "", "pq", "0"]].concat());
    let mut rts = connect(servers.ports()[1]).unwrap();
    redis::cmd("HSET").arg("ts:{1.Demo}:4").arg("pr").arg("much").exec(&mut rts).unwrap();
    redis::cmd("SADD").arg("to:{1.Demo}").arg("x").exec(&mut rts).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (out, errors) =
        exported(&servers, &["--csv", folder.path().to_str().unwrap(), "--only", "trades,signals,reports"]);
    assert_eq!(out, "trades            7\nsignals           4\nreports           1\n");
    for line in [
        "signals of 1.Demo: 1 unreadable, the first: d is not a signal",
        "signals of 2.Demo: 1 unreadable, the first: it says that it is of 1.Demo",
        "trades of 1.Demo: 1 unreadable, the first: its field pr has the value much",
    ] {
        assert!(errors.contains(line), "{errors}");
    }
    assert_eq!(errors.lines().count(), 3, "{errors}");
}

/// A dead letter that is retried stands in its stream again, and a source may write anything twice.
#[test]
fn a_signal_that_is_in_its_stream_twice_is_one_row_and_a_gap_is_told() {
    let servers = servers();
    let mut redis = connect(servers.ports()[2]).unwrap();
    for (id, number) in [("5-1", 1), ("5-2", 2), ("5-3", 1), ("5-4", 2), ("5-5", 4)] {
        append(&mut redis, id, number);
    }
    let folder = tempfile::tempdir().unwrap();
    let (out, errors) = exported(&servers, &["--csv", folder.path().to_str().unwrap(), "--only", "signals"]);
    assert_eq!(out, "signals           3\n");
    assert_eq!(errors, "signals of 9.Hand: 1 gaps, the first: after number 2 of 00000000000000aa, up to 3\n");
    let rows = cells(folder.path(), "signals");
    assert_eq!(rows.iter().map(|row| row[2].as_str()).collect::<Vec<_>>(), ["1", "2", "4"]);
}

/// `script` gives the program a terminal.
#[test]
fn a_bar_is_shown_on_a_terminal_alone() {
    let servers = servers();
    publish(&servers, "1.Demo", 1201, 1);
    let folder = tempfile::tempdir().unwrap();
    let run = command(&servers, &["--only", "signals", "--csv", folder.path().to_str().unwrap()]);
    let words = std::iter::once(run.get_program()).chain(run.get_args());
    let line = words.map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
    let shown = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("/1,201 signals"), "{shown:?}");
    assert!(shown.contains("signals        1201"), "{shown:?}");
}

/// On a Cluster every key is at another master.
#[test]
fn a_cluster_is_exported_whole() {
    let servers = Servers::start_here(&plan(Topology::Cluster, None)).unwrap();
    let instances: Vec<String> = (1..=5).map(|number| format!("{number}.Demo")).collect();
    instances.iter().for_each(|instance| publish(&servers, instance, 3, 1));
    let folder = tempfile::tempdir().unwrap();
    let (out, errors) = exported(&servers, &["--csv", folder.path().to_str().unwrap()]);
    assert_eq!(errors, "");
    for (table, rows) in [("trades", 20), ("signals", 15), ("reports", 5), ("equity", 10)] {
        assert!(out.contains(&format!("{table:<8} {rows:>10}\n")), "{out}");
        let found: BTreeSet<_> = cells(folder.path(), table).into_iter().map(|row| row[0].clone()).collect();
        assert!(found.iter().eq(&instances), "{table}: {found:?}");
    }
    assert_eq!(cells(folder.path(), "events").len() % 5, 0);
}
