//! A record that the server refuses for good: the real library writes it down, and `mt5fleet deadletters files` shows it.

mod support;

use std::process::Command;
use std::time::Duration;

use mt5_redis::model::TradeState;
use mt5_redis::model::trade::{MT5REDIS_EVENT_OPEN, MT5REDIS_SIDE_BUY};
use mt5fleet::library::{self, Bridge, Text};
use mt5fleet::up::server::connect;
use serde_json::Value;
use support::servers;

/// Runs `mt5fleet deadletters files` on a folder; what it prints, and its exit code.
fn deadletters(arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    let output = command.args(["deadletters", "files"]).args(arguments).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn a_record_that_was_refused_is_shown() {
    let servers = servers();
    let terminal = tempfile::tempdir().unwrap();
    let folder = terminal.path().to_str().unwrap();
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let session = bridge.open(&servers.urls()[1], "1.Demo", terminal.path()).unwrap();
    let mut redis = connect(servers.ports()[1]).unwrap();
    redis::cmd("SET").arg("ts:{1.Demo}:7").arg("not a hash").exec(&mut redis).unwrap();

    let (symbol, comment) = (Text::new("EURUSD"), Text::new("by hand"));
    let mut sequences = Vec::new();
    for position in [6, 7, 8] {
        let state = TradeState {
            time_ms: 1_763_800_000_000,
            open_time_ms: 1_763_800_000_000,
            position,
            ticket: position,
            volume: 0.1,
            price_open: 1.1,
            event: MT5REDIS_EVENT_OPEN,
            side: MT5REDIS_SIDE_BUY,
            ..TradeState::default()
        };
        let sequence = session.trade_state(&state, &symbol, &comment);
        bridge.expect(sequence).unwrap();
        sequences.push(sequence);
        let flushed = session.flush(Duration::from_secs(20));
        match position {
            7 => assert!(
                flushed.unwrap_err().to_string().contains("1 record is a dead letter"),
                "it is told once"
            ),
            _ => flushed.unwrap(),
        }
    }

    let (text, code) = deadletters(&[folder, "--json"]);
    let letter: Value = serde_json::from_str(&text).expect("one letter");
    assert_eq!(letter["lane"], "rts");
    assert_eq!(letter["sequence"], sequences[1]);
    assert_eq!(letter["record"]["id"], 7);
    assert_eq!(letter["record"]["sy"], "EURUSD");
    assert!(letter["error"].as_str().unwrap().starts_with("WRONGTYPE"), "{text}");
    assert_eq!(code, Some(1), "there is something to look at");

    let (text, _) = deadletters(&[folder]);
    assert!(text.contains(&format!("/{} ", sequences[1])) && text.ends_with("\n1 dead letters\n"), "{text}");
    session.close(Duration::from_secs(5)).unwrap();
}
