//! RTS: a deal as the trade server executed it, one entry of the instance's trade events. Deals are what a balance is
//! made of: the sum of their results is the account's result, whatever was seen of the positions.

use arrayvec::ArrayString;
use serde::Serialize;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::encoding::{Number, Producer};
use super::trade::{COMMENT_LIMIT, SYMBOL_LIMIT};
use super::{SCHEMA, Stamp, check};
use crate::codes::*;
use crate::error::Result;

/// A purchase.
pub const MT5REDIS_DEAL_BUY: i32 = 1;
/// A sale.
pub const MT5REDIS_DEAL_SELL: i32 = 2;
/// Money was paid in, or out if the profit is negative: no result of trading.
pub const MT5REDIS_DEAL_BALANCE: i32 = 3;
/// Credit was given or taken back. It is not part of the balance.
pub const MT5REDIS_DEAL_CREDIT: i32 = 4;
/// Anything else that changes the balance: a charge, interest, a dividend, a tax, a correction, a daily commission.
pub const MT5REDIS_DEAL_OTHER: i32 = 5;

/// The deal opened a position or added to it.
pub const MT5REDIS_ENTRY_IN: i32 = 1;
/// The deal closed a position or a part of it.
pub const MT5REDIS_ENTRY_OUT: i32 = 2;
/// The deal closed a netting position and opened one of the other side.
pub const MT5REDIS_ENTRY_REVERSE: i32 = 3;
/// The deal closed a position, or a part of it, by an opposite one.
pub const MT5REDIS_ENTRY_OUT_BY: i32 = 4;
/// The deal traded nothing.
pub const MT5REDIS_ENTRY_NONE: i32 = 5;

/// The numbers of a deal. They are the deal's own, not the position's.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, Immutable, IntoBytes)]
pub struct Deal {
    /// When it was executed, ms since 1970 UTC; 0: now, by this machine's clock.
    pub time_ms: i64,
    /// Its ticket, above 0. A deal that was sent before is not written again.
    pub deal: i64,
    /// The ticket of its order, 0 or more; 0: none.
    pub order: i64,
    /// `DEAL_POSITION_ID`, 0 or more; 0: none.
    pub position: i64,
    /// Magic number; any value.
    pub magic: i64,
    /// Lots, 0 or more.
    pub volume: f64,
    /// The price. Finite.
    pub price: f64,
    /// The realised profit, or the sum that was paid. Finite.
    pub profit: f64,
    /// Swap. Finite.
    pub swap: f64,
    /// Commission and fees. Finite.
    pub commission: f64,
    /// One of `MT5REDIS_DEAL_*`.
    pub kind: i32,
    /// One of `MT5REDIS_ENTRY_*`.
    pub entry: i32,
    /// The broker's clock minus UTC, s, −86,400 to 86,400.
    pub server_offset_s: i32,
    /// The symbol's digits after the point, 0 to 15.
    pub digits: i32,
}

impl Deal {
    /// Checks all values. An error has the code of the first field that is refused.
    pub fn check(&self) -> Result<()> {
        check::time("time_ms", self.time_ms)?;
        check::within(MT5REDIS_ERR_DEAL, "deal", self.deal, 1, i64::MAX)?;
        check::within(MT5REDIS_ERR_ORDER, "order", self.order, 0, i64::MAX)?;
        check::within(MT5REDIS_ERR_POSITION, "position", self.position, 0, i64::MAX)?;
        check::volume("volume", self.volume)?;
        check::finite(MT5REDIS_ERR_PRICE, "price", self.price)?;
        check::finite(MT5REDIS_ERR_PROFIT, "profit", self.profit)?;
        check::finite(MT5REDIS_ERR_SWAP, "swap", self.swap)?;
        check::finite(MT5REDIS_ERR_COMMISSION, "commission", self.commission)?;
        check::within(MT5REDIS_ERR_KIND, "kind", self.kind.into(), 1, 5)?;
        check::within(MT5REDIS_ERR_ENTRY, "entry", self.entry.into(), 1, 5)?;
        check::server_offset(self.server_offset_s)?;
        check::within(MT5REDIS_ERR_DIGITS, "digits", self.digits.into(), 0, 15)
    }
}

/// What a record of a deal says.
#[derive(Clone, Debug)]
pub struct DealBody {
    /// The numbers.
    pub deal: Deal,
    /// The symbol; empty if it has none.
    pub symbol: ArrayString<SYMBOL_LIMIT>,
    /// The comment.
    pub comment: ArrayString<COMMENT_LIMIT>,
}

/// The letters of `MT5REDIS_DEAL_*`, from 1 on.
pub(super) const KINDS: [char; 5] = ['b', 's', 'p', 'c', 'o'];
/// The letters of `MT5REDIS_ENTRY_*`, from 1 on.
pub(super) const ENTRIES: [char; 5] = ['i', 'o', 'r', 'b', 'n'];

/// The deal as it stands in Redis: the order is that of `packed`, the names those of `fields`.
#[derive(Serialize)]
pub(crate) struct DealFields<'a> {
    v: u8,
    p: &'a str,
    q: u64,
    t: i64,
    o: i32,
    e: char,
    id: i64,
    pq: u64,
    de: i64,
    or: i64,
    ki: char,
    en: char,
    sy: &'a str,
    vo: Number,
    px: Number,
    pr: Number,
    sw: Number,
    cm: Number,
    mg: i64,
    dg: i32,
    co: &'a str,
}

impl Stamp {
    /// The fields of a deal. `predecessor` is the number of the entry before it, of the same producer; 0: unknown.
    pub(crate) fn deal<'a>(
        &self,
        producer: &'a Producer,
        predecessor: u64,
        body: &'a DealBody,
    ) -> DealFields<'a> {
        let DealBody { deal, symbol, comment } = body;
        let letter = |letters: [char; 5], number: i32| letters[(number.clamp(1, 5) - 1) as usize];
        DealFields {
            v: SCHEMA,
            p: producer.as_str(),
            q: self.sequence,
            t: self.time_ms,
            o: deal.server_offset_s,
            e: 'd',
            id: deal.position,
            pq: predecessor,
            de: deal.deal,
            or: deal.order,
            ki: letter(KINDS, deal.kind),
            en: letter(ENTRIES, deal.entry),
            sy: symbol,
            vo: Number(deal.volume),
            px: Number(deal.price),
            pr: Number(deal.profit),
            sw: Number(deal.swap),
            cm: Number(deal.commission),
            mg: deal.magic,
            dg: deal.digits,
            co: comment,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn good() -> Deal {
        Deal {
            time_ms: 1_763_800_000_000,
            deal: 9,
            order: 8,
            position: 7,
            magic: -3,
            volume: 0.1,
            price: 1.10345,
            profit: 12.5,
            swap: -0.25,
            commission: -0.7,
            kind: MT5REDIS_DEAL_SELL,
            entry: MT5REDIS_ENTRY_OUT,
            server_offset_s: 7200,
            digits: 5,
        }
    }

    #[test]
    fn each_bad_value_is_refused_by_its_own_code() {
        good().check().unwrap();
        type Spoil = fn(&mut Deal);
        let cases: [(i32, Spoil); 15] = [
            (MT5REDIS_ERR_TIME, |d| d.time_ms = -1),
            (MT5REDIS_ERR_DEAL, |d| d.deal = 0),
            (MT5REDIS_ERR_ORDER, |d| d.order = -1),
            (MT5REDIS_ERR_POSITION, |d| d.position = -1),
            (MT5REDIS_ERR_VOLUME, |d| d.volume = -0.1),
            (MT5REDIS_ERR_PRICE, |d| d.price = f64::NAN),
            (MT5REDIS_ERR_PROFIT, |d| d.profit = f64::INFINITY),
            (MT5REDIS_ERR_SWAP, |d| d.swap = f64::NAN),
            (MT5REDIS_ERR_COMMISSION, |d| d.commission = f64::NEG_INFINITY),
            (MT5REDIS_ERR_KIND, |d| d.kind = 0),
            (MT5REDIS_ERR_KIND, |d| d.kind = 6),
            (MT5REDIS_ERR_ENTRY, |d| d.entry = 0),
            (MT5REDIS_ERR_ENTRY, |d| d.entry = 6),
            (MT5REDIS_ERR_SERVER_OFFSET, |d| d.server_offset_s = 90_000),
            (MT5REDIS_ERR_DIGITS, |d| d.digits = 16),
        ];
        for (code, spoil) in cases {
            let mut deal = good();
            spoil(&mut deal);
            assert_eq!(deal.check().unwrap_err().code(), code, "{deal:?}");
        }
        // Money that is paid in has no symbol, no volume and no position.
        let paid = Deal { deal: 1, kind: 3, entry: 5, profit: 1000.0, ..Deal::default() };
        paid.check().unwrap();
    }
}
