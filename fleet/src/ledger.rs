//! A ledger: every record that a terminal's library accepted, with all values. The oracle compares Redis with it. Each
//! terminal writes a file of JSON lines; a killed process loses at most the lines since its last report, and an
//! incomplete last line is ignored.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use mt5_redis::model::{InstanceState, Signal, TradeState};
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Opened { instance: String, producers: [String; 3], follows: Option<String> },
    Heartbeat(Heartbeat),
    Trade(Trade),
    OpenSet(OpenSet),
    Signal(SignalGiven),
    Summary(Summary),
}

/// The texts of every heartbeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountTexts {
    pub server: String,
    pub company: String,
    pub currency: String,
    pub agent: String,
}

/// An accepted heartbeat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Heartbeat {
    pub sequence: u64,
    #[serde(with = "InstanceStateFields")]
    pub state: InstanceState,
    pub account: AccountTexts,
}

/// An accepted state of a position.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trade {
    pub sequence: u64,
    #[serde(with = "TradeStateFields")]
    pub state: TradeState,
    pub symbol: String,
    pub comment: String,
}

/// An accepted set of open positions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenSet {
    pub sequence: u64,
    pub time_ms: i64,
    pub positions: Vec<i64>,
}

/// An accepted signal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignalGiven {
    pub sequence: u64,
    #[serde(with = "SignalFields")]
    pub signal: Signal,
    pub symbol: String,
    pub comment: String,
}

/// How the terminal ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Calls refused because a queue or journal was full.
    pub refused: u64,
    /// The committed sequence of each lane after the flush, as the library reports it.
    pub committed: [u64; 3],
    /// Why the flush or the close failed, if it did.
    pub failure: Option<String>,
    /// Durations of the calls that send: nanoseconds, and how many calls took that long.
    pub call_ns: Vec<(u64, u64)>,
    /// The library's own statistics.
    pub stats: serde_json::Value,
}

/// An empty histogram of durations in ns.
pub fn call_times() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are valid")
}

/// Writes a ledger.
pub struct Writer(BufWriter<File>);

impl Writer {
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(BufWriter::new(file)))
    }

    pub fn add(&mut self, entry: &Entry) -> Result<()> {
        serde_json::to_writer(&mut self.0, entry).context("cannot write the ledger")?;
        self.0.write_all(b"\n").context("cannot write the ledger")
    }

    pub fn flush(&mut self) -> Result<()> {
        self.0.flush().context("cannot write the ledger")
    }
}

/// A record of the lane rts.
#[derive(Clone, Debug)]
pub enum TradeEntry {
    State(Trade),
    OpenSet(OpenSet),
}

impl TradeEntry {
    pub fn sequence(&self) -> u64 {
        match self {
            Self::State(trade) => trade.sequence,
            Self::OpenSet(set) => set.sequence,
        }
    }
}

/// A whole ledger, lane by lane.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub instance: String,
    /// The source that it copies.
    pub follows: Option<String>,
    /// The producer of each lane.
    pub producers: [String; 3],
    pub heartbeats: Vec<Heartbeat>,
    pub trades: Vec<TradeEntry>,
    pub signals: Vec<SignalGiven>,
    /// Absent if the terminal did not finish.
    pub summary: Option<Summary>,
}

impl Ledger {
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut ledger = Self::default();
        for (number, line) in whole.lines().enumerate() {
            let entry = serde_json::from_str(line)
                .with_context(|| format!("{}:{} is not an entry of a ledger", path.display(), number + 1))?;
            ledger.add(entry);
        }
        if ledger.instance.is_empty() {
            bail!("{} is empty: its terminal could not open a session", path.display());
        }
        Ok(ledger)
    }

    pub fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Opened { instance, producers, follows } => {
                (self.instance, self.producers, self.follows) = (instance, producers, follows);
            }
            Entry::Heartbeat(heartbeat) => self.heartbeats.push(heartbeat),
            Entry::Trade(trade) => self.trades.push(TradeEntry::State(trade)),
            Entry::OpenSet(set) => self.trades.push(TradeEntry::OpenSet(set)),
            Entry::Signal(signal) => self.signals.push(signal),
            Entry::Summary(summary) => self.summary = Some(summary),
        }
    }

    /// The number of accepted records of each lane.
    pub fn accepted(&self) -> [u64; 3] {
        [self.heartbeats.len() as u64, self.trades.len() as u64, self.signals.len() as u64]
    }

    /// The sequences of a lane, in the order of their acceptance.
    pub fn sequences(&self, lane: usize) -> Vec<u64> {
        match lane {
            0 => self.heartbeats.iter().map(|heartbeat| heartbeat.sequence).collect(),
            1 => self.trades.iter().map(TradeEntry::sequence).collect(),
            _ => self.signals.iter().map(|signal| signal.sequence).collect(),
        }
    }
}

/// The library's structs with names for JSON; the compiler keeps them in sync.
#[derive(Serialize, Deserialize)]
#[serde(remote = "InstanceState")]
struct InstanceStateFields {
    time_ms: i64,
    login: i64,
    ping_us: i64,
    balance: f64,
    equity: f64,
    margin: f64,
    margin_free: f64,
    margin_level: f64,
    profit: f64,
    credit: f64,
    server_offset_s: i32,
    leverage: i32,
    positions: i32,
    orders: i32,
    build: i32,
    interval_ms: i32,
    flags: i32,
    account: i32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "TradeState")]
struct TradeStateFields {
    time_ms: i64,
    position: i64,
    ticket: i64,
    magic: i64,
    open_time_ms: i64,
    close_time_ms: i64,
    volume: f64,
    volume_closed: f64,
    price_open: f64,
    price_current: f64,
    price_close: f64,
    stop_loss: f64,
    take_profit: f64,
    profit: f64,
    swap: f64,
    commission: f64,
    event: i32,
    side: i32,
    server_offset_s: i32,
    digits: i32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Signal")]
struct SignalFields {
    time_ms: i64,
    expiry_ms: i64,
    magic: i64,
    position: i64,
    volume: f64,
    price: f64,
    stop_loss: f64,
    take_profit: f64,
    action: i32,
    server_offset_s: i32,
    volume_before: f64,
    volume_after: f64,
    entry_price: f64,
    event: i32,
    side: i32,
    order_type: i32,
    found: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_comes_back_bit_for_bit_without_a_cut_last_line() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let state = TradeState {
            position: i64::MAX,
            volume: 0.1 + 0.2,
            profit: -1.0e-300,
            price_open: 1.0 + f64::EPSILON,
            ..Default::default()
        };
        let trade =
            Trade { sequence: 7, state, symbol: "#Germany40".into(), comment: "купить \"1\"".into() };
        let mut writer = Writer::create(path.path()).unwrap();
        writer
            .add(&Entry::Opened {
                instance: "1.Demo".into(),
                producers: ["00ff", "01ff", "02ff"].map(String::from),
                follows: None,
            })
            .unwrap();
        writer.add(&Entry::Trade(trade.clone())).unwrap();
        writer.flush().unwrap();
        writer.0.get_mut().write_all(b"{\"trade\":{\"sequence\":8,").unwrap();

        let ledger = Ledger::read(path.path()).unwrap();
        assert_eq!((ledger.instance.as_str(), ledger.producers[2].as_str()), ("1.Demo", "02ff"));
        assert_eq!(ledger.accepted(), [0, 1, 0]);
        let TradeEntry::State(back) = &ledger.trades[0] else { panic!("{ledger:?}") };
        assert_eq!((back.state, &back.symbol, &back.comment), (state, &trade.symbol, &trade.comment));
        assert!(ledger.summary.is_none());
    }
}
