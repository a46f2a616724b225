//! How many rows a second `mt5fleet export` writes to each place, with its servers on the same machine. Prints the table of
//! `docs/export.md` and puts it there. `cargo bench -p mt5fleet --bench export -- 0.1` takes a tenth of the rows and only
//! prints.

#[path = "../tests/export/server.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod server;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mt5_redis::model::{Signal, TradeState};
use mt5fleet::library::{self, Bridge, Session, Text};
use mt5fleet::up::Servers;

/// As many as a stream of events keeps.
const ROWS: f64 = 100_000.0;
const ROUNDS: usize = 3;
const INSTANCES: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(60);
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/export.md");
const MARK: &str = "<!-- table export -->\n";

/// The name of a place, and the option of each round's.
type Place<'a> = (&'a str, Box<dyn Fn(usize) -> [String; 2] + 'a>);

fn main() {
    // Cargo passes --bench.
    let scale = std::env::args().skip(1).find_map(|argument| argument.parse::<f64>().ok()).unwrap_or(1.0);
    let servers = Servers::start_temporary(None).expect("redis-server runs");
    let rows = (ROWS * scale) as u64;
    publish(&servers, rows / INSTANCES);
    // With what a database does for a power failure.
    let database = server::Server::start_with(5432, &["fsync=on"], |_| ());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |kind: &'static str| {
        let folder = folder.path();
        move |round: usize| {
            [format!("--{kind}"), folder.join(format!("{kind}-{round}")).display().to_string()]
        }
    };
    let places: [Place<'_>; 3] = [
        ("CSV", Box::new(file("csv"))),
        ("Parquet", Box::new(file("parquet"))),
        ("PostgreSQL", Box::new(|_| ["--postgres".to_owned(), database.address()])),
    ];
    let mut table = String::from("| to | signals a second | trade events a second |\n|---|---|---|\n");
    for (name, options) in places {
        let [signals, events] = ["signals", "events"].map(|only| {
            let mut rates: Vec<f64> = (0..ROUNDS)
                .map(|round| {
                    // Every round writes everything.
                    let _ = database.client().batch_execute("DROP SCHEMA IF EXISTS mt5redis CASCADE");
                    rows as f64 / export(&servers, &options(round), only, rows)
                })
                .collect();
            rates.sort_by(f64::total_cmp);
            rates[ROUNDS / 2]
        });
        table += &format!("| {name} | {signals:.0} | {events:.0} |\n");
    }
    print!("{table}");
    if scale == 1.0 {
        write(&table);
    }
}

/// Publishes so many signals and so many changes of a position for each instance.
fn publish(servers: &Servers, rows: u64) {
    let bridge = Bridge::load(&library::default_path().expect("the library is built")).expect("it loads");
    let config = servers.config_file();
    let config = config.to_str().expect("a plain path");
    for number in 1..=INSTANCES {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let session = bridge.open(config, &format!("{number}.Bench"), folder.path()).expect("it opens");
        (1..=rows).for_each(|at| one_of_each(&bridge, &session, at as i64));
        session.close(PATIENCE).expect("all of it is in Redis");
    }
}

fn one_of_each(bridge: &Bridge, session: &Session, number: i64) {
    let (symbol, comment) = (Text::new("EURUSD"), Text::new("ma cross 14/50 H1"));
    let signal = Signal {
        action: 1,
        volume: 0.1,
        price: 1.10345,
        stop_loss: 1.1,
        take_profit: 1.11,
        magic: number,
        ..Signal::default()
    };
    bridge.expect(session.signal(&signal, &symbol, &comment)).expect("it is accepted");
    let state = TradeState {
        position: number % 50 + 1,
        ticket: number % 50 + 1,
        volume: 0.1,
        price_open: 1.10345,
        price_current: 1.25,
        profit: number as f64 / 100.0,
        event: 2,
        side: 1,
        digits: 5,
        ..TradeState::default()
    };
    bridge.expect(session.trade_state(&state, &symbol, &comment)).expect("it is accepted");
}

/// Exports one table; returns the seconds from the program's start to its end.
fn export(servers: &Servers, to: &[String; 2], only: &str, rows: u64) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    command.args(["export", "--config"]).arg(servers.config_file()).args(to).args(["--only", only]);
    let started = Instant::now();
    let output = command.output().expect("mt5fleet runs");
    let seconds = started.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told, format!("{only:<8} {rows:>10}\n"), "{}", String::from_utf8_lossy(&output.stderr));
    seconds
}

/// Puts the table in its place in the document.
fn write(table: &str) {
    let page = fs::read_to_string(Path::new(DOCUMENT)).expect("the document");
    let start = page.find(MARK).expect("the table's place") + MARK.len();
    let end = start + page[start..].find("<!-- end -->").expect("a place has an end");
    fs::write(DOCUMENT, format!("{}{table}{}", &page[..start], &page[end..])).expect("the document");
}
