//! RTSS: trade signals, one stream entry each. Signals are events, so every one is kept.

use arrayvec::ArrayString;
use serde::Serialize;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::encoding::{Number, Producer};
use super::trade::{COMMENT_LIMIT, SYMBOL_LIMIT};
use super::{InstanceId, SCHEMA, Stamp, check};
use crate::codes::*;
use crate::error::Result;

/// Buy at market.
pub const MT5REDIS_ACTION_BUY: i32 = 1;
/// Sell at market.
pub const MT5REDIS_ACTION_SELL: i32 = 2;
/// Close the position, or `volume` lots of it.
pub const MT5REDIS_ACTION_CLOSE: i32 = 3;
/// Set the position's stop loss and take profit.
pub const MT5REDIS_ACTION_MODIFY: i32 = 4;

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
}

impl Signal {
    /// Checks all values. An error has the code of the first field that is refused.
    #[inline]
    pub fn check(&self) -> Result<()> {
        check::time("time_ms", self.time_ms)?;
        check::time("expiry_ms", self.expiry_ms)?;
        check::within(MT5REDIS_ERR_POSITION, "position", self.position, 0, i64::MAX)?;
        check::within(MT5REDIS_ERR_ACTION, "action", self.action.into(), 1, 4)?;
        match self.action {
            MT5REDIS_ACTION_BUY | MT5REDIS_ACTION_SELL => {
                check::volume_above_zero("volume", self.volume)?;
            }
            _ => check::volume("volume", self.volume)?,
        }
        check::finite(MT5REDIS_ERR_PRICE, "price", self.price)?;
        check::finite(MT5REDIS_ERR_STOP_LOSS, "stop_loss", self.stop_loss)?;
        check::finite(MT5REDIS_ERR_TAKE_PROFIT, "take_profit", self.take_profit)?;
        check::server_offset(self.server_offset_s)
    }
}

/// One signal on its way to Redis.
#[derive(Clone, Copy, Debug)]
pub struct SignalRecord {
    /// Its number and time.
    pub stamp: Stamp,
    /// The source.
    pub instance: InstanceId,
    /// The numbers.
    pub signal: Signal,
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
}

impl SignalRecord {
    /// The record's fields. `predecessor` is the sequence number of the signal before it, of the same source and
    /// producer; 0 if it is unknown.
    pub(crate) fn fields<'a>(&'a self, producer: &'a Producer, predecessor: u64) -> SignalFields<'a> {
        let signal = &self.signal;
        SignalFields {
            v: SCHEMA,
            p: producer.as_str(),
            q: self.stamp.sequence,
            t: self.stamp.time_ms,
            o: signal.server_offset_s,
            i: self.instance.as_str(),
            a: match signal.action {
                MT5REDIS_ACTION_BUY => 'b',
                MT5REDIS_ACTION_SELL => 's',
                MT5REDIS_ACTION_CLOSE => 'c',
                _ => 'm',
            },
            sy: &self.symbol,
            vo: Number(signal.volume),
            pr: Number(signal.price),
            sl: Number(signal.stop_loss),
            tp: Number(signal.take_profit),
            mg: signal.magic,
            po: signal.position,
            ex: signal.expiry_ms,
            co: &self.comment,
            pq: predecessor,
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
}
