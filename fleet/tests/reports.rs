//! `mt5fleet reports` against reports that are made by hand and written by the real library: its figures, what it says of
//! signals without a report, and what it says of entries that are none.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use mt5_redis::model::report::*;
use mt5_redis::model::{ExecutionReport, Signal};
use mt5fleet::library::{self, Bridge, Session, Text};
use mt5fleet::up::server::connect;
use support::servers;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A report of a signal to buy that was filled so many ms later, so many points worse.
fn filled(sequence: i64, latency_ms: i32, slippage: f64) -> ExecutionReport {
    ExecutionReport {
        signal_time_ms: now_ms() - 3_600_000,
        producer: 7,
        sequence,
        volume_wanted: 0.1,
        volume_done: 0.1,
        price_wanted: 1.1,
        price_filled: 1.1 + slippage / 100_000.0,
        slippage,
        latency_ms,
        retcode: 10_009,
        outcome: MT5REDIS_OUTCOME_DONE,
        action: 1,
        digits: 5,
        ..ExecutionReport::default()
    }
}

fn unfilled(sequence: i64, outcome: i32) -> ExecutionReport {
    ExecutionReport {
        volume_done: 0.0,
        price_filled: 0.0,
        slippage: 0.0,
        latency_ms: 0,
        outcome,
        ..filled(sequence, 0, 0.0)
    }
}

fn send(
    bridge: &Bridge,
    session: &Session,
    reports: &[ExecutionReport],
    source: &str,
    symbol: &str,
    reason: &str,
) {
    for report in reports {
        let texts = [source, symbol, reason].map(Text::new);
        bridge.expect(session.report(report, &texts[0], &texts[1], &texts[2])).unwrap();
    }
}

fn run(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_mt5fleet")).arg("reports").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_figures_are_those_of_the_reports() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    assert_eq!(run(&["--config", config]), "no reports\n");
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = bridge.open(config, "2.Demo", folder.path()).unwrap();
    let reports: Vec<_> = (1..=100).map(|at| filled(at, at as i32, at as f64 / 10.0 - 1.0)).collect();
    send(&bridge, &session, &reports, "1.Demo", "EURUSD", "");
    // The same again does not count.
    send(&bridge, &session, &reports[..5], "1.Demo", "EURUSD", "");
    let skipped = [101, 102].map(|number| unfilled(number, MT5REDIS_OUTCOME_SKIPPED));
    send(&bridge, &session, &skipped, "1.Demo", "EURUSD", "it is 9000 ms old");
    send(
        &bridge,
        &session,
        &[unfilled(103, MT5REDIS_OUTCOME_SKIPPED)],
        "1.Demo",
        "EURUSD",
        "it is 8123 ms old",
    );
    let rejected = unfilled(1, MT5REDIS_OUTCOME_REJECTED);
    send(&bridge, &session, &[rejected], "3.Demo", "GOLD", "the trade server refused it: 10019 No money");
    session.flush(Duration::from_secs(20)).unwrap();

    let csv = run(&["--config", config, "--csv"]);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(
        rows,
        [
            "follower,source,symbol,fills,delay_ms,delay_ms_p99,slippage,slippage_p99,done,partial,skipped,rejected,unknown,unreported",
            "2.Demo,1.Demo,EURUSD,100,50,99,4,8.9,100,0,3,0,0,0",
            "2.Demo,3.Demo,GOLD,0,-,-,-,-,0,0,0,1,0,0",
        ]
    );
    let text = run(&["--config", config]);
    assert!(text.contains("2.Demo: 3 × it is N ms old"), "{text}");
    assert!(text.contains("2.Demo: 1 × the trade server refused it: N No money"), "{text}");
    assert_eq!(run(&["--config", config, "--since", "0s"]), "no reports\n");
}

#[test]
fn a_signal_without_a_report_is_counted_once_it_is_past_its_age() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = bridge.open(config, "1.Demo", folder.path()).unwrap();
    let (symbol, none) = (Text::new("EURUSD"), Text::new(""));
    for _ in 0..3 {
        let signal = Signal { action: 1, volume: 0.1, ..Signal::default() };
        bridge.expect(source.signal(&signal, &symbol, &none)).unwrap();
    }
    source.flush(Duration::from_secs(20)).unwrap();
    let producer = source.stats().unwrap()["rtss"]["producer"].as_str().unwrap().to_owned();
    let producer = u64::from_str_radix(&producer, 16).unwrap() as i64;
    // It reports the second of three.
    let follower = bridge.open(config, "2.Demo", folder.path()).unwrap();
    let report = ExecutionReport { producer, ..unfilled(2, MT5REDIS_OUTCOME_SKIPPED) };
    send(&bridge, &follower, &[report], "1.Demo", "EURUSD", "why not");
    follower.flush(Duration::from_secs(20)).unwrap();

    let mut redis = connect(servers.ports()[2]).unwrap();
    redis::cmd("XADD").arg("sr:{0}:2.Demo").arg("*").arg("d").arg("x").exec(&mut redis).unwrap();
    redis::cmd("XADD").arg("sr:{7}:3.Demo").arg("*").arg("d").arg("x").exec(&mut redis).unwrap();
    let text = run(&["--config", config, "--age", "0s"]);
    let row = text.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(row[..3], ["2.Demo", "1.Demo", "EURUSD"]);
    assert_eq!(row.last(), Some(&"2"), "{text}");
    assert!(text.contains("2.Demo: 1 unreadable, the first: d is not an execution report"), "{text}");
    assert!(!text.contains("3.Demo"), "its key is in another shard: {text}");
    let young = run(&["--config", config]);
    assert!(young.lines().nth(1).unwrap().ends_with(" 0"), "{young}");
}

#[test]
fn each_report_is_printed_as_it_comes() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = bridge.open(config, "2.Demo", folder.path()).unwrap();
    send(&bridge, &session, &[filled(1, 83, 1.5)], "1.Demo", "EURUSD", "");
    session.flush(Duration::from_secs(20)).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_mt5fleet"))
        .args(["reports", "--follow", "--config", config])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(program.stderr.take().unwrap()).lines();
    assert_eq!(told.next().unwrap().unwrap(), "printing each report as it comes; Ctrl-C ends this");
    send(&bridge, &session, &[filled(2, 83, 1.5)], "1.Demo", "EURUSD", "");
    let skipped = unfilled(3, MT5REDIS_OUTCOME_SKIPPED);
    send(&bridge, &session, &[skipped], "1.Demo", "EURUSD", "it is \u{202e} 12 ms old");
    session.flush(Duration::from_secs(20)).unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.next().unwrap();
    assert!(line.contains("Z 2.Demo 1.Demo/2 EURUSD done 0.1 of 0.1 at 1.1"), "{line}");
    assert!(line.ends_with(", slippage 1.5 points, 83 ms (10009)"), "{line}");
    let line = lines.next().unwrap();
    assert!(line.ends_with("1.Demo/3 EURUSD skipped (10009): it is \\u{202e} 12 ms old"), "{line}");
    program.kill().unwrap();
    program.wait().unwrap();
}
