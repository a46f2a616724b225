//! The day's profit, the drawdown and the line of the last day are those of the history of the equity.

use mt5fleet::up::server::connect;
use redis::Connection;
use serde_json::{Value, json};

use super::client::{Web, eventually, heartbeat, server_ms};
use super::support::servers;

/// Writes the equity of a minute as docs/wire-format.md says it, whole units, without credit.
fn sample(redis: &mut Connection, id: &str, time_ms: u64, equity: u64) {
    let minute = time_ms / 60_000;
    let lap = minute / 2880;
    let word = equity | 25 << 53 | (lap & 15) << 60;
    let slot = [&word.to_le_bytes()[..], &[(lap >> 4) as u8]].concat();
    let key = format!("ih:{{{id}}}");
    redis::cmd("SETRANGE").arg(&key).arg(96_000).arg(&[1u8][..]).exec(redis).unwrap();
    redis::cmd("SETRANGE").arg(&key).arg(minute % 2880 * 9).arg(slot).exec(redis).unwrap();
}

#[test]
fn the_days_profit_and_the_drawdown_are_those_of_the_history_without_payments() {
    let servers = servers();
    let [mut ris, mut rts] = [0, 1].map(|lane| connect(servers.ports()[lane]).unwrap());
    let now = server_ms(&mut ris);
    // The broker's day began an hour ago.
    let offset = 3_600 - (now / 1000 % 86_400) as i64;
    let (minute, offset) = (60_000, offset.to_string());
    for id in ["1.Demo", "2.Paid"] {
        heartbeat(&mut ris, id, &[("eq", "1170"), ("o", &offset)]);
        for (ago, equity) in [(1_000, 1_240), (90, 1_000), (30, 1_300)] {
            sample(&mut ris, id, now - ago * minute, equity);
        }
    }
    heartbeat(&mut ris, "3.New", &[("eq", "500")]);
    let paid = (now - 15 * minute).to_string();
    let fields = [
        ("v", "2"),
        ("p", "aa"),
        ("q", "1"),
        ("t", &*paid),
        ("o", "0"),
        ("e", "d"),
        ("id", "0"),
        ("pq", "0"),
        ("de", "9"),
        ("or", "0"),
        ("ki", "p"),
        ("en", "n"),
        ("sy", ""),
        ("vo", "0"),
        ("px", "0"),
        ("pr", "70"),
        ("sw", "0"),
        ("cm", "0"),
        ("mg", "0"),
        ("dg", "2"),
        ("co", ""),
    ];
    let mut add = redis::cmd("XADD");
    add.arg("te:{2.Paid}").arg("*");
    fields.iter().for_each(|(name, value)| {
        add.arg(name).arg(value);
    });
    add.exec(&mut rts).unwrap();
    let config = servers.config_file();
    let (web, tokens) =
        Web::start(config.to_str().unwrap(), &[], &[("vera", "view"), ("max", "view-without-money")]);
    let found = eventually("the trends are known", || {
        let (_, found) = web.with(&tokens[0], "GET", "/api/v1/fleet/trends", None);
        found["instances"].get("3.New").is_some().then_some(found)
    });
    let trend = |id: &str| {
        let trend = &found["instances"][id];
        let drawdown = trend["drawdown"].as_f64().map(|drawdown| (drawdown * 100.0).round() / 100.0);
        (trend["day_profit"].as_f64(), drawdown)
    };
    assert_eq!(trend("1.Demo"), (Some(170.0), Some(10.0)));
    // 1,300 before the payment of 70 is 1,370 now.
    assert_eq!(trend("2.Paid"), (Some(100.0), Some(14.6)));
    assert_eq!(trend("3.New"), (Some(0.0), Some(0.0)));
    let spark = found["instances"]["1.Demo"]["spark"].as_array().unwrap();
    let known: Vec<_> = spark.iter().filter(|step| !step.is_null()).collect();
    assert_eq!((spark.len(), known.len(), known[0], known[1]), (48, 4, &json!(80), &json!(0)), "{spark:?}");

    let (_, hidden) = web.with(&tokens[1], "GET", "/api/v1/fleet/trends", None);
    let of = &hidden["instances"]["1.Demo"];
    assert_eq!((&of["day_profit"], &of["drawdown"]), (&Value::Null, &json!(10.0)));
}
