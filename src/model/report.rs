//! RTSS: execution reports, one stream entry each: what a follower did with a signal. The signal is known by its source,
//! producer and sequence number, so that a signal and its report are a remote order with a result.

use arrayvec::ArrayString;
use serde::Serialize;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::encoding::{Number, Producer};
use super::signal::letter;
use super::trade::SYMBOL_LIMIT;
use super::{InstanceId, SCHEMA, Stamp, Tag, check};
use crate::codes::*;
use crate::error::Result;

/// The longest reason, bytes of UTF-8.
pub(crate) const REASON_LIMIT: usize = 160;

/// The signal was executed.
pub const MT5REDIS_OUTCOME_DONE: i32 = 1;
/// A part of the volume was executed, and the rest will not be.
pub const MT5REDIS_OUTCOME_PARTIAL: i32 = 2;
/// The follower decided not to execute it; the reason says why.
pub const MT5REDIS_OUTCOME_SKIPPED: i32 = 3;
/// The trade server refused it; `retcode` says why.
pub const MT5REDIS_OUTCOME_REJECTED: i32 = 4;
/// An order was sent, and nobody knows what became of it.
pub const MT5REDIS_OUTCOME_UNKNOWN: i32 = 5;

/// The numbers of an execution report: what a follower did with a signal.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, Immutable, IntoBytes)]
pub struct ExecutionReport {
    /// When the outcome was known, ms since 1970 UTC; 0: now, by this machine's clock.
    pub time_ms: i64,
    /// When the signal was given, ms since 1970 UTC; 0: unknown.
    pub signal_time_ms: i64,
    /// The signal's producer as a number, as in `mt5redis_received_t`; any value.
    pub producer: i64,
    /// The signal's number at its producer, above 0.
    pub sequence: i64,
    /// Magic number of the follower's orders; any value.
    pub magic: i64,
    /// The follower's position, `POSITION_IDENTIFIER`, 0 or more; 0: none, or several.
    pub position: i64,
    /// The follower's last order for the signal, its ticket, 0 or more; 0: none was sent, or it is unknown.
    pub order: i64,
    /// The last deal of that order, its ticket, 0 or more; 0: none, or it is unknown.
    pub deal: i64,
    /// The volume that the follower wanted to trade, lots, 0 or more; 0: none, or it is unknown.
    pub volume_wanted: f64,
    /// The volume that was traded, lots, 0 or more.
    pub volume_done: f64,
    /// The price that the follower wanted: the signal's, or else the market's when it acted; 0: none. Finite.
    pub price_wanted: f64,
    /// The average price of what was traded; 0: nothing was, or it is unknown. Finite.
    pub price_filled: f64,
    /// How much worse the filled price is than the wanted one, points of the follower's symbol; below 0: it is better.
    /// Finite; 0 if a price is missing.
    pub slippage: f64,
    /// From the signal to the fill, ms, 0 or more; 0 if nothing was filled.
    pub latency_ms: i32,
    /// The trade server's last answer, a `TRADE_RETCODE_*`, 0 or more; 0: it was not asked.
    pub retcode: i32,
    /// One of `MT5REDIS_OUTCOME_*`.
    pub outcome: i32,
    /// The signal's action, one of `MT5REDIS_ACTION_*`.
    pub action: i32,
    /// The follower's broker's clock minus UTC, s, −86,400 to 86,400.
    pub server_offset_s: i32,
    /// The digits after the point of the follower's symbol, 0 to 15.
    pub digits: i32,
}

impl ExecutionReport {
    /// Checks all values. An error has the code of the first field that is refused.
    pub fn check(&self) -> Result<()> {
        check::time("time_ms", self.time_ms)?;
        check::time("signal_time_ms", self.signal_time_ms)?;
        check::within(MT5REDIS_ERR_SEQUENCE, "sequence", self.sequence, 1, i64::MAX)?;
        check::within(MT5REDIS_ERR_POSITION, "position", self.position, 0, i64::MAX)?;
        check::within(MT5REDIS_ERR_ORDER, "order", self.order, 0, i64::MAX)?;
        check::within(MT5REDIS_ERR_DEAL, "deal", self.deal, 0, i64::MAX)?;
        check::volume("volume_wanted", self.volume_wanted)?;
        check::volume("volume_done", self.volume_done)?;
        check::finite(MT5REDIS_ERR_PRICE, "price_wanted", self.price_wanted)?;
        check::finite(MT5REDIS_ERR_PRICE, "price_filled", self.price_filled)?;
        check::finite(MT5REDIS_ERR_SLIPPAGE, "slippage", self.slippage)?;
        let most = i64::from(i32::MAX);
        check::within(MT5REDIS_ERR_LATENCY, "latency_ms", self.latency_ms.into(), 0, most)?;
        check::within(MT5REDIS_ERR_RETCODE, "retcode", self.retcode.into(), 0, most)?;
        check::within(MT5REDIS_ERR_OUTCOME, "outcome", self.outcome.into(), 1, 5)?;
        check::action(self.action)?;
        check::server_offset(self.server_offset_s)?;
        check::within(MT5REDIS_ERR_DIGITS, "digits", self.digits.into(), 0, 15)
    }
}

/// The letter of an outcome, its name for people, and its number.
pub const OUTCOMES: [(char, &str, i32); 5] = [
    ('d', "done", MT5REDIS_OUTCOME_DONE),
    ('p', "partial", MT5REDIS_OUTCOME_PARTIAL),
    ('s', "skipped", MT5REDIS_OUTCOME_SKIPPED),
    ('r', "rejected", MT5REDIS_OUTCOME_REJECTED),
    ('u', "unknown", MT5REDIS_OUTCOME_UNKNOWN),
];

/// One execution report on its way to Redis.
#[derive(Clone, Copy, Debug)]
pub struct ReportRecord {
    /// Its number and time.
    pub stamp: Stamp,
    /// The follower's instance.
    pub(crate) tag: Tag,
    /// The numbers.
    pub report: ExecutionReport,
    /// The signal's source.
    pub source: InstanceId,
    /// The follower's symbol.
    pub symbol: ArrayString<SYMBOL_LIMIT>,
    /// Why, for people.
    pub reason: ArrayString<REASON_LIMIT>,
}

/// The record's fields in Redis: in the order of `packed`, with the names of `fields`.
#[derive(Serialize)]
pub(crate) struct ReportFields<'a> {
    v: u8,
    p: &'a str,
    q: u64,
    t: i64,
    o: i32,
    i: &'a str,
    so: &'a str,
    sp: ArrayString<16>,
    sq: i64,
    st: i64,
    a: char,
    oc: char,
    rc: i32,
    re: &'a str,
    sy: &'a str,
    vw: Number,
    vd: Number,
    pw: Number,
    pf: Number,
    sg: Number,
    la: i32,
    mg: i64,
    po: i64,
    or: i64,
    de: i64,
    dg: i32,
    pq: u64,
}

impl ReportRecord {
    /// The record's fields. `predecessor` is the sequence number of the report before it, of the same follower and
    /// producer; 0 if it is unknown.
    pub(crate) fn fields<'a>(&'a self, producer: &'a Producer, predecessor: u64) -> ReportFields<'a> {
        let report = &self.report;
        let outcome = OUTCOMES.iter().find(|(.., number)| *number == report.outcome);
        ReportFields {
            v: SCHEMA,
            p: producer.as_str(),
            q: self.stamp.sequence,
            t: self.stamp.time_ms,
            o: report.server_offset_s,
            i: self.tag.instance.as_str(),
            so: self.source.as_str(),
            sp: ArrayString::from(&format!("{:016x}", report.producer)).expect("16 hex digits"),
            sq: report.sequence,
            st: report.signal_time_ms,
            a: letter(report.action),
            oc: outcome.map_or('u', |(letter, ..)| *letter),
            rc: report.retcode,
            re: &self.reason,
            sy: &self.symbol,
            vw: Number(report.volume_wanted),
            vd: Number(report.volume_done),
            pw: Number(report.price_wanted),
            pf: Number(report.price_filled),
            sg: Number(report.slippage),
            la: report.latency_ms,
            mg: report.magic,
            po: report.position,
            or: report.order,
            de: report.deal,
            dg: report.digits,
            pq: predecessor,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn good() -> ExecutionReport {
        ExecutionReport {
            signal_time_ms: 1_763_800_000_000,
            producer: -2,
            sequence: 7,
            volume_wanted: 0.3,
            volume_done: 0.2,
            price_wanted: 1.1,
            price_filled: 1.10012,
            slippage: 12.0,
            latency_ms: 83,
            retcode: 10_010,
            outcome: MT5REDIS_OUTCOME_PARTIAL,
            action: 1,
            digits: 5,
            ..Default::default()
        }
    }

    #[test]
    fn each_bad_value_is_refused_by_its_own_code() {
        good().check().unwrap();
        type Spoil = fn(&mut ExecutionReport);
        let cases: [(i32, Spoil); 20] = [
            (MT5REDIS_ERR_TIME, |r| r.time_ms = -1),
            (MT5REDIS_ERR_TIME, |r| r.signal_time_ms = i64::MAX),
            (MT5REDIS_ERR_SEQUENCE, |r| r.sequence = 0),
            (MT5REDIS_ERR_POSITION, |r| r.position = -1),
            (MT5REDIS_ERR_ORDER, |r| r.order = -1),
            (MT5REDIS_ERR_DEAL, |r| r.deal = -1),
            (MT5REDIS_ERR_VOLUME, |r| r.volume_wanted = -0.1),
            (MT5REDIS_ERR_VOLUME, |r| r.volume_done = f64::NAN),
            (MT5REDIS_ERR_PRICE, |r| r.price_wanted = f64::INFINITY),
            (MT5REDIS_ERR_PRICE, |r| r.price_filled = f64::NAN),
            (MT5REDIS_ERR_SLIPPAGE, |r| r.slippage = f64::NEG_INFINITY),
            (MT5REDIS_ERR_LATENCY, |r| r.latency_ms = -1),
            (MT5REDIS_ERR_RETCODE, |r| r.retcode = -1),
            (MT5REDIS_ERR_OUTCOME, |r| r.outcome = 0),
            (MT5REDIS_ERR_OUTCOME, |r| r.outcome = 6),
            (MT5REDIS_ERR_ACTION, |r| r.action = 0),
            (MT5REDIS_ERR_ACTION, |r| r.action = 6),
            (MT5REDIS_ERR_SERVER_OFFSET, |r| r.server_offset_s = 90_000),
            (MT5REDIS_ERR_DIGITS, |r| r.digits = 16),
            (MT5REDIS_ERR_DIGITS, |r| r.digits = -1),
        ];
        for (code, spoil) in cases {
            let mut report = good();
            spoil(&mut report);
            assert_eq!(report.check().unwrap_err().code(), code, "{report:?}");
        }
    }
}
