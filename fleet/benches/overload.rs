//! What an overloaded Redis costs whom: terminals offer half to four times the states that a server takes, and
//! give a signal now and then. Prints the rows of `docs/performance.md` and draws `docs/overload.svg`.
//!
//! The server's capacity is set by a proxy (`slow.rs`), so that the figures do not depend on how many of this
//! machine's processors the server and the terminals share. `cargo bench -p mt5fleet --bench overload -- 0.2`
//! takes a fifth of the time.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mt5_redis::model::trade::*;
use mt5_redis::model::{InstanceState, Signal, TradeState};
use mt5fleet::library::{self, Account, Bridge, Session, Text};
use mt5fleet::simulate::SlowRedis;
use mt5fleet::up::Servers;
use plotters::prelude::*;

const TERMINALS: usize = 20;
const POSITIONS: i64 = 50;
/// One in this many states is a change, which is always accepted and written, like an open or a close.
const CHANGE: u64 = 100;
/// What the server takes, bytes a second.
const CAPACITY: u64 = 4_000_000;
/// A state of a position and its share of a transaction, on the wire.
const STATE_BYTES: f64 = 420.0;
const SIGNALS_EVERY: Duration = Duration::from_millis(100);

/// A line of the drawing: its name, its colour, what of a row it shows.
type Line = (&'static str, RGBColor, fn(&Row) -> f64);

/// One row.
struct Row {
    name: String,
    offered: f64,
    offered_per_s: f64,
    written_per_s: f64,
    level: u64,
    signals_ms: Histogram<u64>,
}

fn main() {
    // Cargo passes --bench.
    let scale = std::env::args().skip(1).find_map(|argument| argument.parse::<f64>().ok()).unwrap_or(1.0);
    let bridge = Bridge::load(&library::default_path().expect("the library is built")).expect("it loads");
    println!(
        "{TERMINALS} terminals with {POSITIONS} positions each, one server for all lanes that takes {} KB/s",
        CAPACITY / 1000
    );
    let mut table = String::from(
        "| offered | states offered/s | written/s | not accepted or replaced | highest level \
         | signal p50, ms (of 0×) | p99, ms (of 0×) |\n|---|---|---|---|---|---|---|\n",
    );
    print!("\n{table}");
    let load = |offered| Load { offered, change: CHANGE, onset: 5.0, time: 20.0, own_server: false };
    let steps = [0.0, 0.5, 1.0, 2.0, 4.0].map(|offered| (format!("{offered}×"), load(offered)));
    let others = [
        ("4×, signals with a server of their own".to_owned(), Load { own_server: true, ..load(4.0) }),
        // By then the level falls every 80 s to see whether the load has gone: once in this time.
        ("4×, 75 s to 155 s after it began".to_owned(), Load { onset: 75.0, time: 80.0, ..load(4.0) }),
        ("4×, nothing of it can wait".to_owned(), Load { change: 1, ..load(4.0) }),
    ];
    let mut rows: Vec<Row> = Vec::new();
    for (name, load) in steps.into_iter().chain(others) {
        let row = run(&bridge, name, &load, scale);
        let line = row.line(rows.first().unwrap_or(&row));
        print!("{line}");
        table += &line;
        rows.push(row);
    }
    draw(&rows[..5]).expect("docs/overload.svg can be written");
    if scale == 1.0 {
        write(&table);
    }
}

/// Puts the table in its place in the document.
fn write(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    let page = fs::read_to_string(&path).expect("the document");
    let mark = "<!-- table overload -->\n";
    let (before, rest) = page.split_once(mark).expect("a place for the table");
    let (_, after) = rest.split_once("<!-- end -->").expect("a place has an end");
    fs::write(&path, format!("{before}{mark}{table}<!-- end -->{after}")).expect("the document");
}

impl Row {
    fn line(&self, unloaded: &Row) -> String {
        let kept = (100.0 - 100.0 * self.written_per_s / self.offered_per_s.max(1.0)).clamp(0.0, 100.0);
        let kept = if self.offered_per_s > 0.0 { kept } else { 0.0 };
        let [p50, p99] =
            [0.5, 0.99].map(|at| (quantile(self, at), quantile(self, at) / quantile(unloaded, at)));
        format!(
            "| {} | {:.0} | {:.0} | {kept:.0} % | {} | {:.2} ({:.1}) | {:.1} ({:.1}) |\n",
            self.name, self.offered_per_s, self.written_per_s, self.level, p50.0, p50.1, p99.0, p99.1
        )
    }
}

/// What is offered and looked at in a row.
struct Load {
    /// Times the capacity.
    offered: f64,
    /// One in this many states is a change.
    change: u64,
    /// How long the load lasts before anything counts, and then while it counts, s.
    onset: f64,
    time: f64,
    /// Signals go to a server that is not overloaded, as in `deploy/`.
    own_server: bool,
}

fn run(bridge: &Bridge, name: String, load: &Load, scale: f64) -> Row {
    let &Load { offered, change, onset, time, own_server } = load;
    let [calm, onset, time] = [4.0, onset, time].map(|seconds| Duration::from_secs_f64(seconds * scale));
    let servers = Servers::start_temporary(None).expect("redis-server runs");
    let slow =
        SlowRedis::before(servers.urls()[1].trim_start_matches("redis://"), CAPACITY).expect("a proxy");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = slow.url();
    let signals = if own_server { servers.urls()[2].clone() } else { all.clone() };
    let config = folder.path().join("mt5redis.toml");
    fs::write(&config, format!("url = \"{all}\"\n[rtss]\nurl = \"{signals}\"\n")).expect("a file");
    let config = config.to_str().expect("a path in UTF-8");
    let per_s = offered * CAPACITY as f64 / STATE_BYTES / TERMINALS as f64;
    let [loaded, counted, done] = [const { AtomicBool::new(false) }; 3];
    let (mut signals_ms, mut called, mut written, mut level) = (histogram(), 0, 0, 0);
    thread::scope(|scope| {
        let terminals: Vec<_> = (0..TERMINALS)
            .map(|at| {
                let session = open(bridge, config, folder.path(), at);
                let switches = [&loaded, &counted, &done];
                scope.spawn(move || terminal(session, at, per_s, change, switches))
            })
            .collect();
        // What is usual must be known before it is exceeded, as in a fleet that runs for longer than a moment.
        thread::sleep(calm);
        loaded.store(true, Relaxed);
        // The first moments of an overload cost what it costs without any relief.
        thread::sleep(onset);
        counted.store(true, Relaxed);
        thread::sleep(time);
        done.store(true, Relaxed);
        for terminal in terminals {
            let (own, stats, before) = terminal.join().expect("no panic");
            signals_ms.add(own).expect("the same bounds");
            let number = |stats: &serde_json::Value, name: &str| stats["rts"][name].as_u64().unwrap_or(0);
            let sent = |stats: &serde_json::Value| {
                number(stats, "accepted") - number(stats, "waiting") - number(stats, "superseded")
            };
            let calls = |stats| number(stats, "accepted") + number(stats, "thinned");
            called += calls(&stats) - calls(&before);
            written += sent(&stats).saturating_sub(sent(&before));
            level = level.max(stats["pressure"]["highest"].as_u64().unwrap_or(0));
        }
    });
    Row {
        name,
        offered,
        offered_per_s: called as f64 / time.as_secs_f64(),
        written_per_s: written as f64 / time.as_secs_f64(),
        level,
        signals_ms,
    }
}

fn open<'a>(bridge: &'a Bridge, config: &str, folder: &Path, at: usize) -> Session<'a> {
    bridge.open(config, &format!("{at}.Demo"), &folder.join(at.to_string())).expect("it opens")
}

/// States at a steady rate while there is load, a heartbeat a second, and a signal now and then whose way to
/// Redis is timed. Returns the times and the statistics at the end and when the load began.
fn terminal(
    session: Session,
    at: usize,
    per_s: f64,
    change: u64,
    [loaded, counted, done]: [&AtomicBool; 3],
) -> (Histogram<u64>, serde_json::Value, serde_json::Value) {
    let text = |text| Text::new(text);
    let account =
        Account { server: text("S"), company: text("C"), currency: text("EUR"), agent: text("bench") };
    let (symbol, comment) = (text("EURUSD"), text("grid"));
    let mut times = histogram();
    let mut before = session.stats().expect("JSON");
    let mut began: Option<Instant> = None;
    let (mut sent, mut beat, mut counts) = (0u64, Instant::now(), false);
    // Not all in the same moment.
    let mut signal = Instant::now() + SIGNALS_EVERY.mul_f64(at as f64 / TERMINALS as f64);
    let mut under_way: Option<(Instant, u64)> = None;
    let state = |number: u64, event: i32| TradeState {
        position: 1 + (number % POSITIONS as u64) as i64,
        volume: 0.3,
        price_open: 1.10345,
        price_current: 1.1 + number as f64 / 1e7,
        profit: number as f64 / 100.0,
        event,
        side: MT5REDIS_SIDE_BUY,
        digits: 5,
        ..Default::default()
    };
    for position in 0..POSITIONS as u64 {
        session.trade_state(&state(position, MT5REDIS_EVENT_OPEN), &symbol, &comment);
    }
    while !done.load(Relaxed) {
        let now = Instant::now();
        if began.is_none() && loaded.load(Relaxed) {
            began = Some(now);
        }
        if !counts && counted.load(Relaxed) {
            counts = true;
            before = session.stats().expect("JSON");
            times.reset();
        }
        if let Some(began) = began {
            let due = (began.elapsed().as_secs_f64() * per_s) as u64;
            while sent < due {
                sent += 1;
                let event =
                    if sent.is_multiple_of(change) { MT5REDIS_EVENT_CHANGE } else { MT5REDIS_EVENT_PRICE };
                session.trade_state(&state(sent, event), &symbol, &comment);
            }
        } else {
            // The server's usual latency is learnt from a quiet fleet: prices, which coalesce.
            session.trade_state(&state(sent, MT5REDIS_EVENT_PRICE), &symbol, &comment);
        }
        if now >= beat {
            beat = now + Duration::from_secs(1);
            let state = InstanceState { interval_ms: 1000, leverage: 100, ..Default::default() };
            session.instance_state(&state, &account);
        }
        match under_way {
            Some((since, sequence)) if session.committed().expect("numbers")[2] >= sequence => {
                times.saturating_record(since.elapsed().as_micros() as u64);
                under_way = None;
            }
            None if now >= signal => {
                signal = now + SIGNALS_EVERY;
                let given = Signal { volume: 0.1, action: 1, ..Default::default() };
                let since = Instant::now();
                under_way = Some((since, session.signal(&given, &symbol, &comment) as u64));
            }
            _ => {}
        }
        let pause = if under_way.is_some() { Duration::from_micros(200) } else { Duration::from_millis(5) };
        thread::sleep(pause);
    }
    let stats = session.stats().expect("JSON");
    // What the overloaded server has not taken is of no interest any more.
    let _ = session.close(Duration::ZERO);
    (times, stats, before)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are valid")
}

/// Of the signals' way, ms.
fn quantile(row: &Row, quantile: f64) -> f64 {
    row.signals_ms.value_at_quantile(quantile) as f64 / 1000.0
}

fn draw(steps: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/overload.svg");
    let area = SVGBackend::new(&path, (900, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(450);
    let states = steps.iter().map(|row| row.offered_per_s).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&left)
        .caption("States a second", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..4.2, 0.0..states * 1.1)?;
    chart.configure_mesh().x_desc("offered, times the capacity").draw()?;
    let lines: [Line; 2] =
        [("offered", BLACK, |row| row.offered_per_s), ("written", BLUE, |row| row.written_per_s)];
    for (name, color, value) in lines {
        chart
            .draw_series(LineSeries::new(
                steps.iter().map(|row| (row.offered, value(row))),
                color.stroke_width(2),
            ))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;

    let limit = 5.0 * quantile(&steps[0], 0.5);
    let highest = steps.iter().map(|row| quantile(row, 0.99)).fold(limit, f64::max) * 1.5;
    let mut chart = ChartBuilder::on(&right)
        .caption("A signal's way to Redis, ms", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..4.2, (0.1..highest).log_scale())?;
    chart.configure_mesh().x_desc("offered, times the capacity").draw()?;
    let lines: [Line; 2] = [("p50", BLUE, |row| quantile(row, 0.5)), ("p99", RED, |row| quantile(row, 0.99))];
    for (name, color, value) in lines {
        chart
            .draw_series(LineSeries::new(
                steps.iter().map(|row| (row.offered, value(row))),
                color.stroke_width(2),
            ))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart
        .draw_series(LineSeries::new([(0.0, limit), (4.2, limit)], BLACK))?
        .label("5 × the unloaded p50")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLACK));
    chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;
    area.present()?;
    Ok(())
}
