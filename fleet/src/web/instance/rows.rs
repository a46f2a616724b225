//! The rows of an instance's answers. Money is null for callers who may not see it. Texts come from strangers: each is freed of
//! what could disguise it.

use mt5_redis::inbox::item::EntryId;
use mt5_redis::model::equity::Sample;
use mt5_redis::model::event::{Happened, TradeEvent};
use mt5_redis::model::received::Received;
use mt5_redis::model::reported::Reported;
use mt5_redis::model::signal::action_name;
use mt5_redis::model::trade::{MT5REDIS_EVENT_CLOSE, MT5REDIS_EVENT_OPEN, MT5REDIS_SIDE_BUY, TradeState};
use mt5_redis::model::traded::{Known, Standing, Traded};
use serde::Serialize;
use utoipa::ToSchema;

use crate::export::words::{DEALS, ENTRIES, EVENTS, ORDERS, word};
use crate::output::sanitized;

/// Samples of the equity: values of the same place are of the same moment.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Equity {
    /// The beginnings of the minutes or hours, ms since 1970 UTC; those without a heartbeat are missing
    pub time_ms: Vec<i64>,
    /// Null for callers who may not see money, as the others
    pub balance: Option<Vec<f64>>,
    pub equity: Option<Vec<f64>>,
    pub margin: Option<Vec<f64>>,
    /// Floating profit
    pub profit: Option<Vec<f64>>,
    /// Why the history cannot be read; null: it can, or there is none
    pub unreadable: Option<String>,
}

impl Equity {
    pub fn of(samples: &[Sample], money: bool) -> Self {
        let column = |value: fn(&Sample) -> f64| money.then(|| samples.iter().map(value).collect());
        Self {
            time_ms: samples.iter().map(|sample| sample.time_ms).collect(),
            balance: column(|sample| sample.balance),
            equity: column(|sample| sample.equity),
            margin: column(|sample| sample.margin),
            profit: column(|sample| sample.profit),
            unreadable: None,
        }
    }
}

/// A position.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trade {
    /// Its identifier
    pub position: i64,
    /// open, closed, or gone: no longer open, and nobody told how it closed
    pub standing: &'static str,
    /// When this was true, ms since 1970 UTC
    pub time_ms: i64,
    /// When it was closed or missed, ms since 1970 UTC; 0: it is open
    pub closed_ms: i64,
    /// Null: nothing else is known of it
    pub state: Option<Position>,
}

/// What is known of a position.
#[derive(Debug, Serialize, ToSchema)]
pub struct Position {
    pub ticket: i64,
    pub symbol: String,
    /// buy or sell
    pub side: &'static str,
    /// Lots that are open
    pub volume: f64,
    /// Lots that were closed
    pub volume_closed: f64,
    pub price_open: f64,
    pub price_current: f64,
    pub price_close: f64,
    /// 0: none
    pub stop_loss: f64,
    /// 0: none
    pub take_profit: f64,
    pub profit: Option<f64>,
    pub swap: Option<f64>,
    pub commission: Option<f64>,
    pub magic: i64,
    /// When it was opened, ms since 1970 UTC; 0: unknown
    pub opened_ms: i64,
    /// The symbol's digits after the point
    pub digits: i32,
    pub comment: String,
}

impl Position {
    fn of(state: &TradeState, symbol: &str, comment: &str, money: bool) -> Self {
        Self {
            ticket: state.ticket,
            symbol: sanitized(symbol),
            side: side(state.side),
            volume: state.volume,
            volume_closed: state.volume_closed,
            price_open: state.price_open,
            price_current: state.price_current,
            price_close: state.price_close,
            stop_loss: state.stop_loss,
            take_profit: state.take_profit,
            profit: money.then_some(state.profit),
            swap: money.then_some(state.swap),
            commission: money.then_some(state.commission),
            magic: state.magic,
            opened_ms: state.open_time_ms,
            digits: state.digits,
            comment: sanitized(comment),
        }
    }
}

impl Trade {
    pub fn of(position: i64, traded: Traded, money: bool) -> Self {
        let Traded { time_ms, closed_ms, standing, known, .. } = traded;
        Self {
            position,
            standing: match standing {
                Standing::Open => "open",
                Standing::Closed => "closed",
                Standing::Gone => "gone",
            },
            time_ms,
            closed_ms,
            state: known
                .map(|Known { state, symbol, comment }| Position::of(&state, &symbol, &comment, money)),
        }
    }
}

/// Something that happened to a trade.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    /// The entry's id in the stream
    pub id: String,
    /// When it was, ms since 1970 UTC
    pub time_ms: i64,
    /// open, change, close, gone or deal
    pub what: &'static str,
    /// The identifier of the position; 0: none
    pub position: i64,
    /// The position after it; null for gone and deal
    pub state: Option<Position>,
    /// Null unless it is one
    pub deal: Option<Deal>,
}

/// A deal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deal {
    pub deal: i64,
    /// 0: none
    pub order: i64,
    /// buy, sell, balance, credit or other
    pub kind: &'static str,
    /// in, out, reverse, out_by or none
    pub entry: &'static str,
    pub symbol: String,
    pub volume: f64,
    pub price: f64,
    /// The realised profit, or the sum that was paid
    pub profit: Option<f64>,
    pub swap: Option<f64>,
    pub commission: Option<f64>,
    pub magic: i64,
    /// The symbol's digits after the point
    pub digits: i32,
    pub comment: String,
}

impl Event {
    pub fn of(id: EntryId, event: TradeEvent, money: bool) -> Self {
        let (what, state, deal) = match event.what {
            Happened::State { state, symbol, comment } => {
                let what = match state.event {
                    MT5REDIS_EVENT_OPEN => "open",
                    MT5REDIS_EVENT_CLOSE => "close",
                    _ => "change",
                };
                (what, Some(Position::of(&state, &symbol, &comment, money)), None)
            }
            Happened::Gone => ("gone", None, None),
            Happened::Deal { deal, symbol, comment } => {
                let deal = Deal {
                    deal: deal.deal,
                    order: deal.order,
                    kind: word(&DEALS, deal.kind).unwrap_or_default(),
                    entry: word(&ENTRIES, deal.entry).unwrap_or_default(),
                    symbol: sanitized(&symbol),
                    volume: deal.volume,
                    price: deal.price,
                    profit: money.then_some(deal.profit),
                    swap: money.then_some(deal.swap),
                    commission: money.then_some(deal.commission),
                    magic: deal.magic,
                    digits: deal.digits,
                    comment: sanitized(&comment),
                };
                ("deal", None, Some(deal))
            }
        };
        Self { id: id.to_string(), time_ms: event.time_ms, what, position: event.position, state, deal }
    }
}

/// A signal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Signal {
    /// The entry's id in the stream
    pub id: String,
    /// When it was given, ms since 1970 UTC
    pub time_ms: i64,
    pub action: &'static str,
    pub symbol: String,
    /// Lots
    pub volume: f64,
    /// 0: at the market
    pub price: f64,
    /// 0: none
    pub stop_loss: f64,
    /// 0: none
    pub take_profit: f64,
    pub magic: i64,
    /// The source's position; 0: none
    pub position: i64,
    /// When it ends, ms since 1970 UTC; 0: never
    pub expiry_ms: i64,
    /// What happened in the source's account; null: the signal does not say
    pub event: Option<&'static str>,
    /// limit, stop or stop_limit; null: it is about no pending order
    pub order: Option<&'static str>,
    /// The position's lots before and after; null: the signal does not say
    pub volumes: Option<[f64; 2]>,
    pub comment: String,
    /// Whether somebody put it back from the dead letters
    pub retried: bool,
}

impl Signal {
    pub fn of(id: EntryId, received: Received) -> Self {
        let Received { symbol, comment, retried, signal, .. } = received;
        Self {
            id: id.to_string(),
            time_ms: signal.time_ms,
            action: action_name(signal.action),
            symbol: sanitized(&symbol),
            volume: signal.volume,
            price: signal.price,
            stop_loss: signal.stop_loss,
            take_profit: signal.take_profit,
            magic: signal.magic,
            position: signal.position,
            expiry_ms: signal.expiry_ms,
            event: word(&EVENTS, signal.event),
            order: word(&ORDERS, signal.order_type),
            volumes: (signal.event != 0).then_some([signal.volume_before, signal.volume_after]),
            comment: sanitized(&comment),
            retried,
        }
    }
}

/// What an instance did with a signal that it follows.
#[derive(Debug, Serialize, ToSchema)]
pub struct Report {
    /// The entry's id in the stream
    pub id: String,
    /// When it was done, ms since 1970 UTC
    pub time_ms: i64,
    /// The instance that gave the signal
    pub source: String,
    /// The signal's producer and number
    pub signal: String,
    /// When the signal was given, ms since 1970 UTC; 0: unknown
    pub signal_ms: i64,
    pub action: &'static str,
    /// done, partial, skipped, rejected or unknown
    pub outcome: &'static str,
    /// The trade server's answer; 0: none
    pub retcode: i32,
    pub reason: String,
    /// The follower's symbol
    pub symbol: String,
    pub volume_wanted: f64,
    pub volume_done: f64,
    pub price_wanted: f64,
    pub price_filled: f64,
    /// How much worse the price was than the wanted one, points
    pub slippage: f64,
    /// From the signal to the fill, ms
    pub latency_ms: i32,
    /// The copy; 0: none
    pub position: i64,
    pub order: i64,
    pub deal: i64,
    /// The symbol's digits after the point
    pub digits: i32,
}

impl Report {
    pub fn of(id: EntryId, reported: Reported) -> Self {
        let outcome = reported.outcome();
        let Reported { source, symbol, reason, report, .. } = reported;
        Self {
            id: id.to_string(),
            time_ms: report.time_ms,
            source,
            signal: format!("{:016x}-{}", report.producer, report.sequence),
            signal_ms: report.signal_time_ms,
            action: action_name(report.action),
            outcome,
            retcode: report.retcode,
            reason: sanitized(&reason),
            symbol: sanitized(&symbol),
            volume_wanted: report.volume_wanted,
            volume_done: report.volume_done,
            price_wanted: report.price_wanted,
            price_filled: report.price_filled,
            slippage: report.slippage,
            latency_ms: report.latency_ms,
            position: report.position,
            order: report.order,
            deal: report.deal,
            digits: report.digits,
        }
    }
}

fn side(side: i32) -> &'static str {
    if side == MT5REDIS_SIDE_BUY { "buy" } else { "sell" }
}
