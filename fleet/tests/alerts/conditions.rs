//! Each condition is told once when it is there, and once when it is over.

use redis::{Connection, cmd};

use super::program::World;
use super::redis_side::{heartbeat, history, list, now_ms, payment, report, signal};
use super::support::eventually;

const SECOND: u64 = 1_000;

/// Condition and subject of what is wrong in [`provoke`].
const WRONG: [&str; 14] = [
    "silent silent.Demo",
    "disconnected cut.Demo",
    "forbidden forbidden.Demo",
    "clock clock.Demo",
    "margin margin.Demo",
    "drawdown drawdown.Demo",
    "halted halted.Demo",
    "journal journal.Demo",
    "guard guard.Demo",
    "unreported late.Demo follows s.Demo",
    "lag behind.Demo follows s.Demo",
    "gap missed.Demo follows s.Demo",
    "dead-letter shard 0",
    "finding memory 127.0.0.1:",
];

struct Lanes {
    ris: Connection,
    rts: Connection,
    rtss: Connection,
}

fn provoke(lanes: &mut Lanes) {
    let Lanes { ris, rts, rtss } = lanes;
    let now = now_ms(ris);
    history(ris, "silent.Demo", 3, 1000);
    list(ris, "silent.Demo", now - 180 * SECOND);
    let ahead = (now + 5 * SECOND).to_string();
    for (instance, fields) in [
        ("cut.Demo", ("cn", "0")),
        ("forbidden.Demo", ("at", "0")),
        ("margin.Demo", ("ml", "149")),
        ("halted.Demo", ("ha", "1")),
        ("journal.Demo", ("jp", "50")),
        ("clock.Demo", ("ck", "5000")),
        ("drawdown.Demo", ("eq", "790")),
        ("paid.Demo", ("eq", "790")),
        ("rich.Demo", ("eq", "810")),
    ] {
        heartbeat(ris, instance, &[fields]);
    }
    list(ris, "clock.Demo", ahead.parse().unwrap());
    for instance in ["drawdown.Demo", "paid.Demo", "rich.Demo"] {
        history(ris, instance, 5, 1000);
    }
    payment(rts, "paid.Demo", -200.0);

    report(rtss, "guard.Demo", "s.Demo", 1, 0, "the spread of EURUSD is 9 points (the spread guard)");
    signal(rtss, "s.Demo", 1, now - 30 * SECOND);
    signal(rtss, "s.Demo", 2, now - 10 * SECOND);
    report(rtss, "late.Demo", "s.Demo", 1, now - 30 * SECOND, "its own rules");
    let first = format!("{}-1", now - 30 * SECOND);
    let last = format!("{}-1", now - 10 * SECOND);
    for (follower, position) in [("behind.Demo", &*first), ("missed.Demo", &*format!("{last} aa:0:1-7:8-9"))]
    {
        cmd("HSET")
            .arg(format!("fp:{{{follower}}}"))
            .arg(&["s.Demo", position, "@", "t 1"])
            .exec(rtss)
            .unwrap();
    }
    cmd("XADD").arg("sd:{0}").arg("*").arg(&["d", "x", "x-source", "s.Demo"]).exec(rtss).unwrap();
    cmd("CONFIG").arg("SET").arg("maxmemory").arg(0).exec(rtss).unwrap();
}

fn calm(lanes: &mut Lanes) {
    let Lanes { ris, rts: _, rtss } = lanes;
    let now = now_ms(ris);
    for instance in [
        "silent.Demo",
        "cut.Demo",
        "forbidden.Demo",
        "margin.Demo",
        "halted.Demo",
        "journal.Demo",
        "clock.Demo",
        "drawdown.Demo",
    ] {
        heartbeat(ris, instance, &[]);
    }
    report(rtss, "late.Demo", "s.Demo", 2, now - 10 * SECOND, "its own rules");
    cmd("DEL").arg("sr:{0}:guard.Demo").arg("sd:{0}").exec(rtss).unwrap();
    let last: Vec<(String, redis::Value)> =
        cmd("XREVRANGE").arg("ss:{0}:s.Demo").arg(&["+", "-", "COUNT", "1"]).query(rtss).unwrap();
    for follower in ["behind.Demo", "missed.Demo"] {
        cmd("HSET").arg(format!("fp:{{{follower}}}")).arg("s.Demo").arg(&last[0].0).exec(rtss).unwrap();
    }
    cmd("CONFIG").arg("SET").arg("maxmemory").arg("200mb").exec(rtss).unwrap();
}

#[test]
fn each_condition_is_told_once_and_its_end_once() {
    let limits = "most_per_hour = 1000\nunreported.after = \"5s\"\n";
    let world = World::start(limits, "");
    let mut lanes = Lanes { ris: world.redis(0), rts: world.redis(1), rtss: world.redis(2) };
    provoke(&mut lanes);
    // Names that anybody may write, of instances that were never there.
    let now = now_ms(&mut lanes.ris);
    for name in ["invented.Demo", "<b>x</b>", "a\r\nb"] {
        list(&mut lanes.ris, name, now - 20 * SECOND);
    }
    let page = world.page();
    let told =
        |list: &str, what: &str| world.web.told(list).iter().filter(|told| told.starts_with(what)).count();
    for what in WRONG {
        eventually(&format!("{what} is told:\n{}", page.printed()), || told("firing", what) > 0);
    }
    let firing = page.api();
    assert!(firing["firing"].as_array().unwrap().iter().all(|alert| alert["told"] == true), "{firing}");
    assert!(world.web.told("over").is_empty(), "{:?}", world.web.told("over"));
    calm(&mut lanes);
    for what in WRONG {
        eventually(&format!("{what} is over"), || told("over", what) > 0);
    }
    for list in ["firing", "over"] {
        let mut all = world.web.told(list);
        // What else the doctor finds at a server with this machine's settings.
        all.retain(|told| !told.starts_with("finding") || told.starts_with(WRONG[13]));
        assert_eq!(all.len(), WRONG.len(), "{list}: {all:?}");
    }
    let text: Vec<String> = world
        .web
        .requests()
        .iter()
        .map(|request| request.body["text"].as_str().unwrap().to_owned())
        .collect();
    let text = text.join("\n");
    for words in [
        "silent: silent.Demo: no heartbeat for 3m",
        "not connected to the broker: cut.Demo: the terminal has no connection to Demo-Server",
        "low margin level: margin.Demo: the margin level is 149 %, below 150 %",
        "drawdown: drawdown.Demo: the equity is 21.0 % below its highest of the last 1day",
        "guard acted: guard.Demo: a guard refused 1 signals in the last hour, the last because the spread of EURUSD is 9 points",
        "signals without a report: late.Demo follows s.Demo: 1 signals without a report for more than 5s",
        "missed signals: missed.Demo follows s.Demo: it missed up to 2 signals",
        "over: halted: halted.Demo, after ",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}
