//! The bytes that reach Redis, pinned by golden files, and what `docs/wire-format.md` says about them.
//!
//! A change of a golden file changes the wire format: change the schema version and the document too.
//! `UPDATE_GOLDEN=1 cargo test --test wire` rewrites the files.

mod support;

use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use mt5_redis::model::InstanceState;
use mt5_redis::model::deal::*;
use mt5_redis::model::report::*;
use mt5_redis::model::signal::*;
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, account, buy, deal, done, trade};
use support::recorder::Recorder;
use support::server::Server;

/// Sends one of each record and returns every command, with zeros in place of the producer.
fn play(encoding: &str) -> String {
    let server = Server::start();
    let recorder = Recorder::before(server.port);
    let lane = format!("encoding = \"{encoding}\"");
    let (folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[ris]\n{lane}\n[rts]\n{lane}\n[rtss]\n{lane}\n",
        recorder.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let stats = bridge.stats();
    let producers =
        ["ris", "rts", "rtss"].map(|lane| stats[lane]["producer"].as_str().expect("a text").to_owned());
    support::eventually("three connections", || {
        ["ris", "rts", "rtss"].iter().all(|lane| bridge.stats()[lane]["connected"] == true)
    });
    recorder.commands();

    let mut golden = String::new();
    let mut step = |title: &str, sequence: i64| {
        assert!(sequence > 0, "{title}: {}", support::bridge::last_error());
        bridge.settle();
        writeln!(golden, "# {title}").unwrap();
        let mut halts = Vec::new();
        for command in recorder.commands() {
            let line: Vec<_> = command.iter().map(|argument| argument.escape_ascii().to_string()).collect();
            let line = producers.iter().fold(line.join(" "), |line, id| line.replace(id, "0000000000000000"));
            match line.starts_with("GET halt") {
                // They are asked for without a record too, at any time.
                true if halts.contains(&line) => {}
                true => halts.push(line),
                false => writeln!(golden, "{line}").unwrap(),
            }
        }
        if title == "heartbeat" {
            halts.iter().for_each(|line| writeln!(golden, "{line}").unwrap());
        }
        golden.push('\n');
    };
    step("heartbeat", bridge.heartbeat(&account()));
    step("open", bridge.trade(&trade(77, MT5REDIS_EVENT_OPEN)));
    step("change", bridge.trade(&TradeState { stop_loss: 1.1025, ..trade(77, MT5REDIS_EVENT_CHANGE) }));
    step(
        "price",
        bridge.trade(&TradeState { price_current: 1.10512, profit: 50.1, ..trade(77, MT5REDIS_EVENT_PRICE) }),
    );
    let closed = TradeState {
        volume: 0.0,
        volume_closed: 0.3,
        price_close: 1.10512,
        profit: 50.1,
        close_time_ms: 1_763_800_060_000,
        ..trade(77, MT5REDIS_EVENT_CLOSE)
    };
    step("deal", bridge.deal(&deal(9001)));
    let paid = Deal { kind: MT5REDIS_DEAL_BALANCE, entry: MT5REDIS_ENTRY_NONE, ..deal(9002) };
    let paid = Deal { order: 0, position: 0, volume: 0.0, price: 0.0, profit: 500.0, digits: 0, ..paid };
    step("deposit", bridge.deal_of(&Deal { swap: 0.0, commission: 0.0, magic: 0, ..paid }, "", "deposit"));
    step("close", bridge.trade(&closed));
    step("open positions", bridge.open_positions(1_763_800_070_000, &[78, 79]));
    step("open positions, one is gone", bridge.open_positions(1_763_800_080_000, &[79]));
    step("no open positions", bridge.open_positions(1_763_800_090_000, &[]));
    step("signal to buy", bridge.signal_of(&buy(1), "EURUSD", "ma cross"));
    let close =
        Signal { action: MT5REDIS_ACTION_CLOSE, position: 77, expiry_ms: 1_763_800_100_000, ..buy(2) };
    step(
        "signal to close",
        bridge.signal_of(&Signal { volume: 0.0, ..close }, "XAUUSD.m", "Ziel erreicht – größer"),
    );
    let reversed = Signal {
        position: 77,
        event: MT5REDIS_SIGNAL_REVERSE,
        volume_before: 0.2,
        volume_after: 0.1,
        entry_price: 1.10345,
        side: MT5REDIS_SIDE_BUY,
        ..buy(3)
    };
    step("signal of an event", bridge.signal_of(&Signal { volume: 0.3, ..reversed }, "EURUSD", "phone"));
    let order = Signal {
        action: MT5REDIS_ACTION_ORDER,
        position: 78,
        event: MT5REDIS_SIGNAL_ORDER_PLACED,
        volume_before: 0.0,
        entry_price: 1.1035,
        side: MT5REDIS_SIDE_SELL,
        order_type: MT5REDIS_ORDER_STOP_LIMIT,
        found: 1,
        ..reversed
    };
    step("signal of a pending order", bridge.signal_of(&order, "EURUSD", "phone"));
    step("report of a signal that was executed", bridge.report_of(&done(3), "9.Source", "EURUSD", "filled"));
    let skipped = ExecutionReport {
        outcome: MT5REDIS_OUTCOME_SKIPPED,
        action: MT5REDIS_ACTION_CLOSE,
        producer: -1,
        slippage: -0.5,
        ..done(4)
    };
    step(
        "report of a signal that was skipped",
        bridge.report_of(&skipped, "9.Source", "XAUUSD.m", "nichts zu schließen – größer"),
    );
    // The first entry of a stream trims it by the server's clock, and the first signal announces its source, which
    // differs from run to run; the second is not a second behind it.
    for once in
        ["XTRIM te:{1.Demo} MINID ", "XTRIM ss:{0}:1.Demo MINID ", "XTRIM sr:{0}:1.Demo MINID ", "ZADD sl:"]
    {
        assert_eq!(golden.lines().filter(|line| line.contains(once)).count(), 1, "{once} in {golden}");
    }
    let mut lines = String::new();
    for line in golden.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let line = match words.as_slice() {
            [trim @ .., "MINID", "~", _, limit, number] => {
                let retention = if trim.contains(&"ss:{0}:1.Demo") { 3_600_000 } else { 7 * 86_400_000 };
                format!("{} MINID ~ <the server's ms less {retention}> {limit} {number}", trim.join(" "))
            }
            ["ZADD", "sl:{0}", _, source] => format!("ZADD sl:{{0}} <the server's ms> {source}"),
            _ => line.to_owned(),
        };
        writeln!(lines, "{line}").unwrap();
    }
    // Several watermarks are watched in any order.
    let mut lines: Vec<&str> = lines.lines().collect();
    lines
        .chunk_by_mut(|one, other| [one, other].iter().all(|line| line.starts_with("WATCH ")))
        .for_each(<[_]>::sort);
    lines.join("\n") + "\n"
}

#[test]
fn the_bytes_are_pinned() {
    for encoding in ["fields", "packed"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{encoding}.txt"));
        let sent = play(encoding);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &sent).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap();
        for (number, (sent, golden)) in sent.lines().zip(golden.lines()).enumerate() {
            assert_eq!(sent, golden, "{}:{}", path.display(), number + 1);
        }
        assert_eq!(sent.lines().count(), golden.lines().count(), "{}", path.display());
    }
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/wire-format.md");

/// The first column of each field table of the page: one list for each table.
fn documented() -> Vec<Vec<String>> {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let tables = page.split("| field | type | unit | meaning |\n").skip(1);
    tables
        .map(|table| {
            let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
            rows.map(|row| row.split('`').nth(1).expect("a name in backticks").to_owned()).collect()
        })
        .collect()
}

/// The names that the first command with this start writes, in their order.
fn written(golden: &str, start: &str, skip: usize) -> Vec<String> {
    let line = golden.lines().find(|line| line.starts_with(start)).expect("such a command");
    // Texts may have spaces, so a name is taken from the table's position. That is enough for records whose last value
    // is the only text with spaces.
    line.split(' ').skip(skip).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_lists_every_field_in_order() {
    let golden =
        play("fields").replace("Example Broker Ltd.", "Example").replace("FleetAgent 1.0", "FleetAgent");
    let golden = golden.replace("grid 3", "grid").replace("ma cross", "cross");
    let tables = documented();
    assert_eq!(tables.len(), 7);
    assert_eq!(tables[0], written(&golden, "HSET is:", 2));
    assert_eq!(tables[1], written(&golden, "HSET ts:{1.Demo}:77", 2));
    assert_eq!(tables[2], written(&golden, "HSET ts:{1.Demo}:78", 2));
    // Events end with more than what the hash has, though the table of it is above.
    let of_event = |line: &str, hash: &[String]| {
        let mut names = written(&golden, line, 3);
        assert_eq!(names[..hash.len()], *hash);
        names.drain(..hash.len());
        names
    };
    assert_eq!(tables[3], of_event("XADD te:{1.Demo} * v 2 p 0000000000000000 q 1 ", &tables[1]));
    assert_eq!(tables[4], written(&golden, "XADD te:{1.Demo} * v 2 p 0000000000000000 q 4 ", 3));
    let event: Vec<_> = golden.lines().filter(|line| line.contains(" ev ")).collect();
    assert_eq!(tables[5], written(&event.join("\n"), "XADD ss:", 3));
    assert_eq!(tables[6], written(&golden, "XADD sr:", 3));
}

/// The first lines that one of the page's Python programs prints, run with the libraries that `make test` puts into
/// `target/python`.
fn python(number: usize, server: &Server, lines: usize) -> Vec<String> {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let mut programs = page.split("```python\n").skip(1).filter_map(|rest| rest.split("```").next());
    let program = programs.nth(number).expect("a program");
    let lines_of_it = program.lines().filter(|line| !line.is_empty()).count();
    assert!(lines_of_it <= 12, "it has {lines_of_it} lines, and is to be read at a glance");
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let mut reader = Command::new(&python)
        .args([
            "-c",
            &["6390", "6392"]
                .iter()
                .fold(program.to_owned(), |all, port| all.replace(port, &server.port.to_string())),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; make test prepares it", python.display()));
    let printed = BufReader::new(reader.stdout.take().expect("piped")).lines();
    let read = printed.take(lines).map(|line| line.expect("text")).collect();
    let _ = reader.kill();
    let _ = reader.wait();
    read
}

#[test]
fn the_pages_python_reads_the_signals() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.signal_of(&Signal { action: MT5REDIS_ACTION_CLOSE, volume: 0.0, ..buy(2) }, "XAUUSD.m", "");
    bridge.settle();

    assert_eq!(python(1, &server, 2), ["1.Demo b EURUSD 0.1", "1.Demo c XAUUSD.m 0"]);
}

#[test]
fn the_pages_python_reads_the_reports() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "2.Demo");
    bridge.report_of(&done(1), "1.Demo", "EURUSD", "filled");
    bridge.report_of(&done(1), "1.Demo", "EURUSD", "the same again");
    let skipped =
        ExecutionReport { outcome: MT5REDIS_OUTCOME_SKIPPED, latency_ms: 0, slippage: 0.0, ..done(2) };
    bridge.report_of(&skipped, "1.Demo", "", "no such symbol");
    bridge.settle();
    assert_eq!(
        python(2, &server, 3),
        ["2.Demo 1.Demo EURUSD d 2 83 filled", "2.Demo 1.Demo  s 0 0 no such symbol"]
    );
}

#[test]
fn the_pages_python_reads_the_history_of_equity() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "5012345.Demo-Server");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let hour = now / 3_600_000 * 3_600_000;
    let state = |time_ms: i64, balance: f64, credit: f64| InstanceState {
        time_ms,
        balance,
        profit: -12.5,
        credit,
        margin: 20.0,
        equity: balance + credit - 12.5,
        ..account()
    };
    // Of 49 hours before, of which only the hour is left, and of two minutes.
    for (time_ms, balance, credit) in [
        (hour - 49 * 3_600_000, 1000.25, 0.0),
        (hour - 7_200_000, 101.5, 0.0),
        (hour - 7_140_000, -7.0, 500.0),
    ] {
        bridge.heartbeat(&state(time_ms, balance, credit));
        bridge.settle();
    }
    let minute = |time_ms: i64, rest: &str| format!("{time_ms} {rest}");
    assert_eq!(
        python(0, &server, 4),
        [
            minute(hour - 7_200_000, "101.5 89.0 20.0 -12.5"),
            minute(hour - 7_140_000, "-7.0 480.4 20.0 -12.6"),
            minute(hour - 49 * 3_600_000, "1000.25 987.75 20.0 -12.5"),
            minute(hour - 7_200_000, "-7.0 480.4 20.0 -12.6"),
        ]
    );
}
