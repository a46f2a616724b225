//! RTSS: trade signals, one stream entry each. Signals are events, so every one is kept.

use arrayvec::ArrayString;
use serde::Serialize;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::encoding::{Number, Producer, Said};
use super::numbers::Numbers;
use super::trade::{COMMENT_LIMIT, MT5REDIS_SIDE_BUY, SYMBOL_LIMIT};
use super::{SCHEMA, Stamp, Tag, check};
use crate::codes::*;
use crate::error::{Error, Result};

/// Buy at market.
pub const MT5REDIS_ACTION_BUY: i32 = 1;
/// Sell at market.
pub const MT5REDIS_ACTION_SELL: i32 = 2;
/// Close the position, or `volume` lots of it.
pub const MT5REDIS_ACTION_CLOSE: i32 = 3;
/// Set the position's stop loss and take profit.
pub const MT5REDIS_ACTION_MODIFY: i32 = 4;
/// Nothing to trade: the signal says what became of a pending order (`event`). `position` is the order's ticket, `price` its
/// price.
pub const MT5REDIS_ACTION_ORDER: i32 = 5;

/// The signal does not say what happened. `volume_before`, `volume_after`, `entry_price`, `side`, `order_type` and `found`
/// are 0 then.
pub const MT5REDIS_SIGNAL_UNSAID: i32 = 0;
/// The position was opened.
pub const MT5REDIS_SIGNAL_OPEN: i32 = 1;
/// The position grew.
pub const MT5REDIS_SIGNAL_INCREASE: i32 = 2;
/// A part of the position was closed.
pub const MT5REDIS_SIGNAL_PARTIAL_CLOSE: i32 = 3;
/// The position's stop loss or take profit changed.
pub const MT5REDIS_SIGNAL_CHANGE: i32 = 4;
/// The position was closed.
pub const MT5REDIS_SIGNAL_CLOSE: i32 = 5;
/// The position turned to the other side.
pub const MT5REDIS_SIGNAL_REVERSE: i32 = 6;
/// The position, or a part of it, was closed by an opposite position.
pub const MT5REDIS_SIGNAL_CLOSE_BY: i32 = 7;
/// A pending order was placed.
pub const MT5REDIS_SIGNAL_ORDER_PLACED: i32 = 8;
/// The price, the stops or the expiration of a pending order changed.
pub const MT5REDIS_SIGNAL_ORDER_CHANGED: i32 = 9;
/// A pending order was filled; in part if `volume_after` is above 0.
pub const MT5REDIS_SIGNAL_ORDER_FILLED: i32 = 10;
/// A pending order expired.
pub const MT5REDIS_SIGNAL_ORDER_EXPIRED: i32 = 11;
/// A pending order was deleted.
pub const MT5REDIS_SIGNAL_ORDER_DELETED: i32 = 12;

/// A limit order.
pub const MT5REDIS_ORDER_LIMIT: i32 = 1;
/// A stop order.
pub const MT5REDIS_ORDER_STOP: i32 = 2;
/// A stop-limit order: at `price` it becomes a limit order at `entry_price`.
pub const MT5REDIS_ORDER_STOP_LIMIT: i32 = 3;

/// The numbers of a signal.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, Immutable, IntoBytes)]
pub struct Signal {
    /// When the signal was given, ms since 1970 UTC; 0: now, by this machine's clock.
    pub time_ms: i64,
    /// When the signal expires, ms since 1970 UTC: no reader should act on it later. 0: the reader decides.
    pub expiry_ms: i64,
    /// Magic number of the Expert Advisor; any value.
    pub magic: i64,
    /// The position that `CLOSE` and `MODIFY` refer to, 0 or more; 0: all positions of this symbol and magic number.
    pub position: i64,
    /// Volume, lots; above 0 for `BUY` and `SELL`; 0 in `CLOSE`: the whole position.
    pub volume: f64,
    /// The price when the signal was given; 0: market. Finite.
    pub price: f64,
    /// Stop loss, a price; 0: none. Finite.
    pub stop_loss: f64,
    /// Take profit, a price; 0: none. Finite.
    pub take_profit: f64,
    /// One of `MT5REDIS_ACTION_*`.
    pub action: i32,
    /// The broker's clock minus UTC, s, −86,400 to 86,400.
    pub server_offset_s: i32,
    /// Volume of the position, or of the pending order, before the event, lots.
    pub volume_before: f64,
    /// The same after the event: what it is now.
    pub volume_after: f64,
    /// Average entry price of the position now; the limit price of a stop-limit order. Finite.
    pub entry_price: f64,
    /// What happened: one of `MT5REDIS_SIGNAL_*`.
    pub event: i32,
    /// Side of the position after the event, or of the pending order: one of `MT5REDIS_SIDE_*`. The side that a closed
    /// position had.
    pub side: i32,
    /// Kind of the pending order: one of `MT5REDIS_ORDER_*`; 0 for a position.
    pub order_type: i32,
    /// 1: the event was found by comparing with the account, so it happened while nobody watched. 0: it was seen.
    pub found: i32,
}

impl Signal {
    /// Checks all values. An error has the code of the first field that is refused.
    #[inline]
    pub fn check(&self) -> Result<()> {
        check::time("time_ms", self.time_ms)?;
        check::time("expiry_ms", self.expiry_ms)?;
        check::within(MT5REDIS_ERR_POSITION, "position", self.position, 0, i64::MAX)?;
        check::action(self.action)?;
        match self.action {
            MT5REDIS_ACTION_BUY | MT5REDIS_ACTION_SELL => {
                check::volume_above_zero("volume", self.volume)?;
            }
            _ => check::volume("volume", self.volume)?,
        }
        check::finite(MT5REDIS_ERR_PRICE, "price", self.price)?;
        check::finite(MT5REDIS_ERR_STOP_LOSS, "stop_loss", self.stop_loss)?;
        check::finite(MT5REDIS_ERR_TAKE_PROFIT, "take_profit", self.take_profit)?;
        check::server_offset(self.server_offset_s)?;
        self.check_event()
    }

    /// Checks what the signal says about its event.
    #[inline]
    fn check_event(&self) -> Result<()> {
        if self.event != MT5REDIS_SIGNAL_UNSAID {
            return self.check_said();
        }
        let rest = self.volume_before.to_bits()
            | self.volume_after.to_bits()
            | self.entry_price.to_bits()
            | (self.side | self.order_type | self.found) as u32 as u64;
        if rest != 0 || self.action == MT5REDIS_ACTION_ORDER { Err(unsaid()) } else { Ok(()) }
    }

    #[cold]
    fn check_said(&self) -> Result<()> {
        let order = self.action == MT5REDIS_ACTION_ORDER;
        let (low, high, kinds) = if order {
            (MT5REDIS_SIGNAL_ORDER_PLACED, MT5REDIS_SIGNAL_ORDER_DELETED, (1, 3))
        } else {
            (MT5REDIS_SIGNAL_OPEN, MT5REDIS_SIGNAL_CLOSE_BY, (0, 0))
        };
        check::within(MT5REDIS_ERR_EVENT, "event", self.event.into(), low.into(), high.into())?;
        check::within(MT5REDIS_ERR_SIDE, "side", self.side.into(), 1, 2)?;
        check::within(MT5REDIS_ERR_EVENT, "order_type", self.order_type.into(), kinds.0, kinds.1)?;
        check::within(MT5REDIS_ERR_EVENT, "found", self.found.into(), 0, 1)?;
        check::within(MT5REDIS_ERR_POSITION, "position", self.position, 1, i64::MAX)?;
        check::volume("volume_before", self.volume_before)?;
        check::volume("volume_after", self.volume_after)?;
        check::finite(MT5REDIS_ERR_PRICE, "entry_price", self.entry_price)
    }
}

#[cold]
fn unsaid() -> Error {
    Error::new(
        MT5REDIS_ERR_EVENT,
        "event = 0 is refused: say what happened, or set action 1 to 4 and all fields about the event to 0"
            .to_owned(),
    )
}

/// The letter of an action.
pub(crate) fn letter(action: i32) -> char {
    match action {
        MT5REDIS_ACTION_BUY => 'b',
        MT5REDIS_ACTION_SELL => 's',
        MT5REDIS_ACTION_CLOSE => 'c',
        MT5REDIS_ACTION_MODIFY => 'm',
        _ => 'o',
    }
}

/// The action of a letter.
pub(crate) fn action(letter: char) -> std::result::Result<i32, String> {
    Ok(match letter {
        'b' => MT5REDIS_ACTION_BUY,
        's' => MT5REDIS_ACTION_SELL,
        'c' => MT5REDIS_ACTION_CLOSE,
        'm' => MT5REDIS_ACTION_MODIFY,
        'o' => MT5REDIS_ACTION_ORDER,
        other => return Err(format!("its action {other:?} is none of b, s, c, m, o")),
    })
}

/// An action in a word.
pub fn action_name(action: i32) -> &'static str {
    match action {
        MT5REDIS_ACTION_BUY => "buy",
        MT5REDIS_ACTION_SELL => "sell",
        MT5REDIS_ACTION_CLOSE => "close",
        MT5REDIS_ACTION_MODIFY => "modify",
        _ => "order",
    }
}

/// One signal on its way to Redis.
#[derive(Clone, Debug)]
pub struct SignalRecord {
    /// Its number and time.
    pub stamp: Stamp,
    /// The source.
    pub(crate) tag: Tag,
    /// The numbers.
    pub numbers: Numbers,
    /// The symbol.
    pub symbol: ArrayString<SYMBOL_LIMIT>,
    /// The comment.
    pub comment: ArrayString<COMMENT_LIMIT>,
}

/// The record's fields in Redis: in the order of `packed`, with the names of `fields`.
#[derive(Serialize)]
pub(crate) struct SignalFields<'a> {
    v: u8,
    p: &'a str,
    q: u64,
    t: i64,
    o: i32,
    i: &'a str,
    a: char,
    sy: &'a str,
    vo: Number,
    pr: Number,
    sl: Number,
    tp: Number,
    mg: i64,
    po: i64,
    ex: i64,
    co: &'a str,
    pq: u64,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    ev: Said<i32>,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    vb: Said<Number>,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    va: Said<Number>,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    pe: Said<Number>,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    sd: Said<char>,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    ot: Said<i32>,
    #[serde(skip_serializing_if = "Said::is_left_out")]
    fd: Said<i32>,
}

impl SignalRecord {
    /// The record's fields. `predecessor` is the sequence number of the signal before it, of the same source and
    /// producer; 0 if it is unknown.
    pub(crate) fn fields<'a>(&'a self, producer: &'a Producer, predecessor: u64) -> SignalFields<'a> {
        let Numbers { asked, happened } = &self.numbers;
        let said = happened.is_some();
        let happened = happened.as_deref().copied().unwrap_or_default();
        SignalFields {
            v: SCHEMA,
            p: producer.as_str(),
            q: self.stamp.sequence,
            t: self.stamp.time_ms,
            o: asked.server_offset_s,
            i: self.tag.instance.as_str(),
            a: letter(asked.action),
            sy: &self.symbol,
            vo: Number(asked.volume),
            pr: Number(asked.price),
            sl: Number(asked.stop_loss),
            tp: Number(asked.take_profit),
            mg: asked.magic,
            po: asked.position,
            ex: asked.expiry_ms,
            co: &self.comment,
            pq: predecessor,
            ev: Said(said, happened.event),
            vb: Said(said, Number(happened.volume_before)),
            va: Said(said, Number(happened.volume_after)),
            pe: Said(said, Number(happened.entry_price)),
            sd: Said(said, if happened.side == MT5REDIS_SIDE_BUY { 'b' } else { 's' }),
            ot: Said(said, happened.order_type),
            fd: Said(said, happened.found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_order_needs_a_volume_and_a_close_does_not() {
        let signal = Signal { action: MT5REDIS_ACTION_BUY, ..Default::default() };
        assert_eq!(signal.check().unwrap_err().code(), MT5REDIS_ERR_VOLUME);
        Signal { action: MT5REDIS_ACTION_CLOSE, ..Default::default() }.check().unwrap();
        let signal = Signal { action: 9, volume: 1.0, ..Default::default() };
        assert_eq!(signal.check().unwrap_err().code(), MT5REDIS_ERR_ACTION);
    }

    #[test]
    fn an_event_is_said_as_a_whole_or_not_at_all() {
        let opened = Signal {
            action: MT5REDIS_ACTION_BUY,
            volume: 0.1,
            position: 7,
            event: MT5REDIS_SIGNAL_OPEN,
            volume_after: 0.1,
            entry_price: 1.1,
            side: 1,
            ..Default::default()
        };
        opened.check().unwrap();
        let placed = Signal {
            action: MT5REDIS_ACTION_ORDER,
            event: MT5REDIS_SIGNAL_ORDER_PLACED,
            order_type: MT5REDIS_ORDER_STOP_LIMIT,
            ..opened
        };
        placed.check().unwrap();
        for (signal, code) in [
            (Signal { event: 0, ..opened }, MT5REDIS_ERR_EVENT),
            (Signal { event: 0, volume_after: 0.0, entry_price: 0.0, ..opened }, MT5REDIS_ERR_EVENT),
            (Signal { event: MT5REDIS_SIGNAL_ORDER_PLACED, ..opened }, MT5REDIS_ERR_EVENT),
            (Signal { event: MT5REDIS_SIGNAL_OPEN, ..placed }, MT5REDIS_ERR_EVENT),
            (Signal { action: MT5REDIS_ACTION_ORDER, ..Default::default() }, MT5REDIS_ERR_EVENT),
            (Signal { event: 13, ..placed }, MT5REDIS_ERR_EVENT),
            (Signal { side: 0, ..opened }, MT5REDIS_ERR_SIDE),
            (Signal { side: 3, ..placed }, MT5REDIS_ERR_SIDE),
            (Signal { order_type: 1, ..opened }, MT5REDIS_ERR_EVENT),
            (Signal { order_type: 0, ..placed }, MT5REDIS_ERR_EVENT),
            (Signal { order_type: 4, ..placed }, MT5REDIS_ERR_EVENT),
            (Signal { found: 2, ..opened }, MT5REDIS_ERR_EVENT),
            (Signal { position: 0, ..opened }, MT5REDIS_ERR_POSITION),
            (Signal { volume_before: -0.1, ..opened }, MT5REDIS_ERR_VOLUME),
            (Signal { volume_after: f64::NAN, ..opened }, MT5REDIS_ERR_VOLUME),
            (Signal { entry_price: f64::INFINITY, ..opened }, MT5REDIS_ERR_PRICE),
        ] {
            assert_eq!(signal.check().map_err(|error| error.code()), Err(code), "{signal:?}");
        }
    }
}
