//! The tables of an export and their columns. The names are whole words; the wire format says what a value means. The first
//! columns of a table are its key, which no two rows share.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Number,
    /// Ms since 1970 UTC.
    Time,
    Truth,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Unknown, or it does not apply.
    None,
    Text(String),
    Integer(i64),
    Number(f64),
    Time(i64),
    Truth(bool),
}

impl Cell {
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A number, or ms since 1970 UTC.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) | Self::Time(number) = self { Some(*number) } else { None }
    }

    pub fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub fn truth(&self) -> Option<bool> {
        if let Self::Truth(truth) = self { Some(*truth) } else { None }
    }
}

/// The values of one row, in the order of the columns.
pub type Row = Vec<Cell>;

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Table {
    /// The latest state of each position
    Trades,
    /// What happened to positions, and the deals
    Events,
    /// Signals
    Signals,
    /// Execution reports
    Reports,
    /// Samples of equity, for each minute and for each hour
    Equity,
}

use Kind::{Integer, Number, Text, Time, Truth};

const TRADES: &[(&str, Kind)] = &[
    ("instance", Text),
    ("position", Integer),
    ("producer", Text),
    ("sequence", Integer),
    ("time", Time),
    ("state", Text),
    ("symbol", Text),
    ("side", Text),
    ("volume", Number),
    ("volume_closed", Number),
    ("price_open", Number),
    ("price_current", Number),
    ("price_close", Number),
    ("stop_loss", Number),
    ("take_profit", Number),
    ("profit", Number),
    ("swap", Number),
    ("commission", Number),
    ("magic", Integer),
    ("ticket", Integer),
    ("opened_at", Time),
    ("closed_at", Time),
    ("digits", Integer),
    ("comment", Text),
    ("server_offset_s", Integer),
];

const EVENTS: &[(&str, Kind)] = &[
    ("instance", Text),
    ("producer", Text),
    ("sequence", Integer),
    ("position", Integer),
    ("predecessor", Integer),
    ("entry", Text),
    ("stored_at", Time),
    ("time", Time),
    ("event", Text),
    ("symbol", Text),
    ("side", Text),
    ("volume", Number),
    ("volume_closed", Number),
    ("price_open", Number),
    ("price_current", Number),
    ("price_close", Number),
    ("stop_loss", Number),
    ("take_profit", Number),
    ("profit", Number),
    ("swap", Number),
    ("commission", Number),
    ("magic", Integer),
    ("ticket", Integer),
    ("opened_at", Time),
    ("closed_at", Time),
    ("digits", Integer),
    ("comment", Text),
    ("server_offset_s", Integer),
    ("deal_ticket", Integer),
    ("order_ticket", Integer),
    ("deal_kind", Text),
    ("deal_entry", Text),
    ("deal_price", Number),
];

const SIGNALS: &[(&str, Kind)] = &[
    ("instance", Text),
    ("producer", Text),
    ("sequence", Integer),
    ("predecessor", Integer),
    ("entry", Text),
    ("stored_at", Time),
    ("time", Time),
    ("action", Text),
    ("symbol", Text),
    ("volume", Number),
    ("price", Number),
    ("stop_loss", Number),
    ("take_profit", Number),
    ("magic", Integer),
    ("position", Integer),
    ("expires_at", Time),
    ("comment", Text),
    ("server_offset_s", Integer),
    ("event", Text),
    ("volume_before", Number),
    ("volume_after", Number),
    ("entry_price", Number),
    ("side", Text),
    ("order_type", Text),
    ("found", Truth),
];

const REPORTS: &[(&str, Kind)] = &[
    ("instance", Text),
    ("producer", Text),
    ("sequence", Integer),
    ("predecessor", Integer),
    ("entry", Text),
    ("stored_at", Time),
    ("time", Time),
    ("source", Text),
    ("signal_producer", Text),
    ("signal_sequence", Integer),
    ("signal_time", Time),
    ("action", Text),
    ("outcome", Text),
    ("retcode", Integer),
    ("reason", Text),
    ("symbol", Text),
    ("volume_wanted", Number),
    ("volume_done", Number),
    ("price_wanted", Number),
    ("price_filled", Number),
    ("slippage", Number),
    ("latency_ms", Integer),
    ("magic", Integer),
    ("position", Integer),
    ("order_ticket", Integer),
    ("deal_ticket", Integer),
    ("digits", Integer),
    ("server_offset_s", Integer),
];

const EQUITY: &[(&str, Kind)] = &[
    ("instance", Text),
    ("period", Text),
    ("time", Time),
    ("balance", Number),
    ("equity", Number),
    ("margin", Number),
    ("profit", Number),
];

impl Table {
    /// In the order in which they are written.
    pub const ALL: [Self; 5] = [Self::Trades, Self::Events, Self::Signals, Self::Reports, Self::Equity];

    /// The name of the table, and of its file without the extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Events => "events",
            Self::Signals => "signals",
            Self::Reports => "reports",
            Self::Equity => "equity",
        }
    }

    pub fn columns(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Trades => TRADES,
            Self::Events => EVENTS,
            Self::Signals => SIGNALS,
            Self::Reports => REPORTS,
            Self::Equity => EQUITY,
        }
    }

    /// How many of the first columns are the key.
    pub fn key(self) -> usize {
        match self {
            Self::Trades => 2,
            Self::Signals | Self::Reports | Self::Equity => 3,
            Self::Events => 4,
        }
    }
}
