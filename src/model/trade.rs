//! RTS: the states of trades, one hash for each position, keyed by the position's identifier (its ticket changes when a
//! netting position is reversed). Each record is the whole state, so the latest one is enough.

use arrayvec::ArrayString;
use serde::Serialize;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::deal::DealBody;
use super::encoding::{Number, Producer, Said};
use super::{SCHEMA, Stamp, Tag, check};
use crate::codes::*;
use crate::error::{Error, Result};

/// The longest symbol, bytes of UTF-8.
pub(crate) const SYMBOL_LIMIT: usize = 48;
/// The longest comment, bytes of UTF-8: MetaTrader's 31 characters in any script.
pub(crate) const COMMENT_LIMIT: usize = 96;
/// The most positions in one list of open positions.
pub(crate) const OPEN_SET_LIMIT: usize = 16_384;

/// The position was opened, or is seen for the first time. Never merged with a later state.
pub const MT5REDIS_EVENT_OPEN: i32 = 1;
/// Volume, stops, side or ticket changed. Never merged with a later state.
pub const MT5REDIS_EVENT_CHANGE: i32 = 2;
/// Only price, profit or swap changed. Merged with a later state; not accepted while pressure forbids it.
pub const MT5REDIS_EVENT_PRICE: i32 = 3;
/// The position was closed. Never merged with another state.
pub const MT5REDIS_EVENT_CLOSE: i32 = 4;

/// A long position, a buy.
pub const MT5REDIS_SIDE_BUY: i32 = 1;
/// A short position, a sell.
pub const MT5REDIS_SIDE_SELL: i32 = 2;

/// The numbers of a position. Volumes are in lots, money in the account's currency.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, Immutable, IntoBytes)]
pub struct TradeState {
    /// When this was true, ms since 1970 UTC; 0: now, by this machine's clock.
    pub time_ms: i64,
    /// `POSITION_IDENTIFIER`, above 0. It stays the same when the ticket changes.
    pub position: i64,
    /// `POSITION_TICKET`, 0 or more; 0: unknown.
    pub ticket: i64,
    /// Magic number of the Expert Advisor that opened it; any value.
    pub magic: i64,
    /// When it was opened, ms since 1970 UTC; 0: unknown.
    pub open_time_ms: i64,
    /// When it was closed, ms since 1970 UTC; 0: still open. In a close, 0 means `time_ms`.
    pub close_time_ms: i64,
    /// The open volume, lots; 0 only in a close.
    pub volume: f64,
    /// The volume closed so far, lots, 0 or more.
    pub volume_closed: f64,
    /// The average entry price. Finite.
    pub price_open: f64,
    /// The latest price. Finite, and it may be negative.
    pub price_current: f64,
    /// The average exit price; 0: none yet. Finite.
    pub price_close: f64,
    /// Stop loss, a price; 0: none. Finite.
    pub stop_loss: f64,
    /// Take profit, a price; 0: none. Finite.
    pub take_profit: f64,
    /// The floating profit while open, the realised profit when closed. Finite.
    pub profit: f64,
    /// Swap. Finite.
    pub swap: f64,
    /// Commission and fees. Finite.
    pub commission: f64,
    /// One of `MT5REDIS_EVENT_*`.
    pub event: i32,
    /// One of `MT5REDIS_SIDE_*`.
    pub side: i32,
    /// The broker's clock minus UTC, s, −86,400 to 86,400.
    pub server_offset_s: i32,
    /// The symbol's digits after the point, 0 to 15.
    pub digits: i32,
}

impl TradeState {
    /// Checks all values. An error has the code of the first field that is refused.
    #[inline]
    pub fn check(&self) -> Result<()> {
        check::time("time_ms", self.time_ms)?;
        check::time("open_time_ms", self.open_time_ms)?;
        check::time("close_time_ms", self.close_time_ms)?;
        position(self.position)?;
        check::within(MT5REDIS_ERR_TICKET, "ticket", self.ticket, 0, i64::MAX)?;
        let event = self.event.into();
        check::within(MT5REDIS_ERR_EVENT, "event", event, 1, 4)?;
        check::within(MT5REDIS_ERR_SIDE, "side", self.side.into(), 1, 2)?;
        if self.event == MT5REDIS_EVENT_CLOSE {
            check::volume("volume", self.volume)?;
        } else {
            check::volume_above_zero("volume", self.volume)?;
        }
        check::volume("volume_closed", self.volume_closed)?;
        check::finite(MT5REDIS_ERR_PRICE, "price_open", self.price_open)?;
        check::finite(MT5REDIS_ERR_PRICE, "price_current", self.price_current)?;
        check::finite(MT5REDIS_ERR_PRICE, "price_close", self.price_close)?;
        check::finite(MT5REDIS_ERR_STOP_LOSS, "stop_loss", self.stop_loss)?;
        check::finite(MT5REDIS_ERR_TAKE_PROFIT, "take_profit", self.take_profit)?;
        check::finite(MT5REDIS_ERR_PROFIT, "profit", self.profit)?;
        check::finite(MT5REDIS_ERR_SWAP, "swap", self.swap)?;
        check::finite(MT5REDIS_ERR_COMMISSION, "commission", self.commission)?;
        check::server_offset(self.server_offset_s)?;
        check::within(MT5REDIS_ERR_DIGITS, "digits", self.digits.into(), 0, 15)
    }
}

/// Refuses a position's identifier that is not above 0.
pub(super) fn position(id: i64) -> Result<()> {
    check::within(MT5REDIS_ERR_POSITION, "position", id, 1, i64::MAX)
}

/// Refuses an empty symbol.
pub(crate) fn not_empty(symbol: &str) -> Result<()> {
    if symbol.is_empty() {
        return Err(Error::new(MT5REDIS_ERR_SYMBOL, "symbol is empty: pass the name of the symbol"));
    }
    Ok(())
}

/// One trade record on its way to Redis.
#[derive(Clone, Debug)]
pub struct TradeRecord {
    /// Its number and time.
    pub stamp: Stamp,
    /// Whose trade it is.
    pub(crate) tag: Tag,
    /// What it says.
    pub body: TradeBody,
}

/// What a trade record says.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large variant is the frequent one, and a box is an allocation"
)]
pub enum TradeBody {
    /// The state of one position.
    Position {
        /// The numbers.
        state: TradeState,
        /// The symbol.
        symbol: ArrayString<SYMBOL_LIMIT>,
        /// The comment.
        comment: ArrayString<COMMENT_LIMIT>,
    },
    /// All open positions: any other that Redis lists as open is gone.
    OpenSet(Box<[i64]>),
    /// A deal. It is rare, and in a box it leaves the others as cheap to move as they are.
    Deal(Box<DealBody>),
}

impl TradeBody {
    /// Checks the identifiers of a set of open positions: each is above 0.
    pub fn open_set(positions: Box<[i64]>) -> Result<Self> {
        positions.iter().try_for_each(|&id| position(id))?;
        Ok(Self::OpenSet(positions))
    }
}

/// The record as it stands in Redis: the order is that of `packed`, the names those of `fields`.
#[derive(Serialize)]
pub(crate) struct TradeFields<'a> {
    v: u8,
    p: &'a str,
    q: u64,
    t: i64,
    o: i32,
    e: char,
    st: char,
    sy: &'a str,
    sd: char,
    vo: Number,
    vc: Number,
    po: Number,
    pc: Number,
    px: Number,
    sl: Number,
    tp: Number,
    pr: Number,
    sw: Number,
    cm: Number,
    mg: i64,
    ti: i64,
    to: i64,
    tc: i64,
    dg: i32,
    co: &'a str,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    id: Said<i64>,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    pq: Said<u64>,
}

/// What is written of a position that vanished between two reconciles: when, and that no deal told why.
#[derive(Serialize)]
pub(crate) struct GoneFields<'a> {
    v: u8,
    p: &'a str,
    q: u64,
    t: i64,
    e: char,
    st: char,
    tc: i64,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    id: Said<i64>,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    pq: Said<u64>,
}

impl Stamp {
    pub(crate) fn gone<'a>(&self, producer: &'a Producer) -> GoneFields<'a> {
        GoneFields {
            v: SCHEMA,
            p: producer.as_str(),
            q: self.sequence,
            t: self.time_ms,
            e: 'g',
            st: 'g',
            tc: self.time_ms,
            id: Said(false, 0),
            pq: Said(false, 0),
        }
    }

    /// The same as an event. `predecessor` is the number of the event before it, of the same producer; 0: unknown.
    pub(crate) fn gone_event<'a>(
        &self,
        producer: &'a Producer,
        predecessor: u64,
        position: i64,
    ) -> GoneFields<'a> {
        GoneFields { id: Said(true, position), pq: Said(true, predecessor), ..self.gone(producer) }
    }

    pub(crate) fn trade<'a>(
        &self,
        producer: &'a Producer,
        state: &TradeState,
        symbol: &'a str,
        comment: &'a str,
    ) -> TradeFields<'a> {
        let closed = state.event == MT5REDIS_EVENT_CLOSE;
        TradeFields {
            v: SCHEMA,
            p: producer.as_str(),
            q: self.sequence,
            t: self.time_ms,
            o: state.server_offset_s,
            e: match state.event {
                MT5REDIS_EVENT_OPEN => 'o',
                MT5REDIS_EVENT_CHANGE => 'm',
                MT5REDIS_EVENT_PRICE => 'p',
                _ => 'c',
            },
            st: if closed { 'c' } else { 'o' },
            sy: symbol,
            sd: if state.side == MT5REDIS_SIDE_BUY { 'b' } else { 's' },
            vo: Number(state.volume),
            vc: Number(state.volume_closed),
            po: Number(state.price_open),
            pc: Number(state.price_current),
            px: Number(state.price_close),
            sl: Number(state.stop_loss),
            tp: Number(state.take_profit),
            pr: Number(state.profit),
            sw: Number(state.swap),
            cm: Number(state.commission),
            mg: state.magic,
            ti: state.ticket,
            to: state.open_time_ms,
            tc: if closed { state.closed_at(self.time_ms) } else { 0 },
            dg: state.digits,
            co: comment,
            id: Said(false, 0),
            pq: Said(false, 0),
        }
    }

    /// The same as an event. `predecessor` is the number of the event before it, of the same producer; 0: unknown. What
    /// is `known` to be open does not open, it changes.
    pub(crate) fn trade_event<'a>(
        &self,
        producer: &'a Producer,
        predecessor: u64,
        known: bool,
        state: &TradeState,
        symbol: &'a str,
        comment: &'a str,
    ) -> TradeFields<'a> {
        let (id, pq) = (Said(true, state.position), Said(true, predecessor));
        let fields = self.trade(producer, state, symbol, comment);
        let e = if known && fields.e == 'o' { 'm' } else { fields.e };
        TradeFields { e, id, pq, ..fields }
    }
}

impl TradeState {
    /// The close time of a closed position: from the terminal, or else the time of the record.
    pub(crate) fn closed_at(&self, time_ms: i64) -> i64 {
        if self.close_time_ms > 0 { self.close_time_ms } else { time_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> TradeState {
        TradeState { position: 7, volume: 0.1, event: 1, side: 1, ..Default::default() }
    }

    #[test]
    fn each_bad_value_is_refused_by_its_own_code() {
        good().check().unwrap();
        type Spoil = fn(&mut TradeState);
        let cases: [(i32, Spoil); 12] = [
            (MT5REDIS_ERR_VOLUME, |t| t.volume = -1.0),
            (MT5REDIS_ERR_VOLUME, |t| t.volume = 0.0),
            (MT5REDIS_ERR_VOLUME, |t| t.volume = f64::NAN),
            (MT5REDIS_ERR_VOLUME, |t| t.volume_closed = f64::INFINITY),
            (MT5REDIS_ERR_PRICE, |t| t.price_current = f64::NEG_INFINITY),
            (MT5REDIS_ERR_STOP_LOSS, |t| t.stop_loss = f64::NAN),
            (MT5REDIS_ERR_POSITION, |t| t.position = 0),
            (MT5REDIS_ERR_TICKET, |t| t.ticket = -1),
            (MT5REDIS_ERR_EVENT, |t| t.event = 5),
            (MT5REDIS_ERR_SIDE, |t| t.side = 0),
            (MT5REDIS_ERR_TIME, |t| t.time_ms = -1),
            (MT5REDIS_ERR_DIGITS, |t| t.digits = 16),
        ];
        for (code, spoil) in cases {
            let mut state = good();
            spoil(&mut state);
            assert_eq!(state.check().unwrap_err().code(), code, "{state:?}");
        }
    }

    #[test]
    fn negative_prices_are_prices() {
        TradeState { price_current: -37.63, ..good() }.check().unwrap();
    }

    #[test]
    fn a_close_may_have_no_volume_left() {
        TradeState { event: MT5REDIS_EVENT_CLOSE, volume: 0.0, ..good() }.check().unwrap();
    }
}
