//! What the API says of followers is what `mt5fleet reports` says, and how far behind they read.

use std::process::Command;
use std::time::Duration;

use mt5_redis::model::ExecutionReport;
use mt5_redis::model::report::{MT5REDIS_OUTCOME_DONE, MT5REDIS_OUTCOME_SKIPPED};
use mt5fleet::library::{self, Bridge, Text};
use mt5fleet::up::server::connect;
use serde_json::{Value, json};

use super::client::{Web, server_ms};
use super::support::servers;

#[test]
fn the_figures_are_those_of_the_reports_and_the_lag_that_of_the_positions() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let mut redis = connect(servers.ports()[2]).unwrap();
    let now = server_ms(&mut redis);
    let (web, _) = Web::start(config, &[], &[]);
    assert_eq!(
        web.get("/api/v1/copying?since_s=3600").1["copies"],
        json!([]),
        "nobody has reported anything"
    );

    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = bridge.open(config, "2.Demo", folder.path()).unwrap();
    let [source, symbol] = ["1.Demo", "EURUSD"].map(Text::new);
    for number in 1..=100 {
        let report = ExecutionReport {
            signal_time_ms: now as i64,
            producer: 7,
            sequence: number,
            volume_wanted: 0.1,
            volume_done: 0.1,
            price_wanted: 1.1,
            price_filled: 1.1,
            slippage: number as f64 / 10.0,
            latency_ms: number as i32,
            outcome: MT5REDIS_OUTCOME_DONE,
            action: 1,
            ..ExecutionReport::default()
        };
        bridge.expect(session.report(&report, &source, &symbol, &Text::new(""))).unwrap();
    }
    for number in 101..=102 {
        let outcome = MT5REDIS_OUTCOME_SKIPPED;
        let report = ExecutionReport {
            producer: 7,
            sequence: number,
            outcome,
            action: 1,
            ..ExecutionReport::default()
        };
        bridge.expect(session.report(&report, &source, &symbol, &Text::new("it is 9000 ms <old>"))).unwrap();
    }
    session.flush(Duration::from_secs(20)).unwrap();
    session.close(Duration::from_secs(20)).unwrap();
    // The follower has read the first of two entries, which are 1,500 ms apart.
    for (id, key) in [("1000-1", "ss:{0}:1.Demo"), ("2500-1", "ss:{0}:1.Demo")] {
        redis::cmd("XADD").arg(key).arg(id).arg("d").arg("x").exec(&mut redis).unwrap();
    }
    redis::cmd("ZADD").arg("sl:{0}").arg(now).arg("1.Demo").exec(&mut redis).unwrap();
    redis::cmd("HSET")
        .arg("fp:{2.Demo}")
        .arg("1.Demo")
        .arg("1000-1")
        .arg("@")
        .arg("t 1")
        .exec(&mut redis)
        .unwrap();

    let (status, found) = web.get("/api/v1/copying");
    assert_eq!(status, 200, "{found}");
    let copies = found["copies"].as_array().unwrap();
    let [row] = &copies[..] else { panic!("{found}") };
    let mut reports = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    let told = reports.args(["reports", "--csv", "--config", config]).output().unwrap();
    let csv = String::from_utf8(told.stdout).unwrap();
    let values: Vec<&str> = csv.lines().nth(1).expect("a row").split(',').collect();
    let number = |value: &Value| value.as_f64().unwrap().to_string();
    let rounded = |value: &Value| (value.as_f64().unwrap() as f32).to_string();
    let outcome = |name: &str| number(&row["outcomes"][name]);
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    assert_eq!(
        [
            text("follower"),
            text("source"),
            text("symbol"),
            number(&row["fills"]),
            rounded(&row["delay_ms"][1]),
            rounded(&row["delay_ms"][3]),
            rounded(&row["slippage"][1]),
            rounded(&row["slippage"][3]),
            outcome("done"),
            outcome("partial"),
            outcome("skipped"),
            outcome("rejected"),
            outcome("unknown"),
            number(&row["unreported"]),
        ],
        values[..]
    );
    assert_eq!((&row["lag_ms"], &row["fills"]), (&json!(1500), &json!(100)));
    // Delays of 1 to 100 ms and slippages of 0.1 to 10 points, in the bars that their bounds say.
    for (bounds, counts, value) in
        [("delay_bounds", "delay_counts", 1.0), ("slippage_bounds", "slippage_counts", 0.1)]
    {
        let bounds: Vec<f64> =
            found[bounds].as_array().unwrap().iter().map(|bound| bound.as_f64().unwrap()).collect();
        let mut expected = vec![0; bounds.len() + 1];
        for number in 1..=100 {
            let bar = bounds.iter().position(|bound| f64::from(number) * value <= bound + 1e-6);
            expected[bar.unwrap_or(bounds.len())] += 1;
        }
        assert_eq!(row[counts], json!(expected), "{counts}");
    }
    assert_eq!(found["reasons"], json!([{ "follower": "2.Demo", "reason": "it is N ms <old>", "count": 2 }]));
    for (query, status) in
        [("?since_s=3600", 200), ("?since_s=604800", 200), ("?since_s=1", 422), ("?since_s=x", 400)]
    {
        assert_eq!(web.get(&format!("/api/v1/copying{query}")).0, status, "{query}");
    }
}
