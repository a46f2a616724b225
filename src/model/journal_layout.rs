//! The layout of a record in the journal: its layout's number, the time, the instance id, the numbers as they are in
//! memory, and the texts, each after its length in one byte.
//!
//! Only this machine reads it, but a later version of the library may, so a layout's number never changes its meaning.

use arrayvec::ArrayString;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::deal::DealBody;
use super::message::Message;
use super::numbers::Numbers;
use super::report::ReportRecord;
use super::signal::SignalRecord;
use super::trade::{TradeBody, TradeRecord};
use super::{InstanceId, Stamp, Tag};

const SIGNAL: u8 = 1;
const POSITION: u8 = 2;
const OPEN_SET: u8 = 3;
/// A signal that says what happened. One that does not is stored without these fields, so that it costs nothing more.
const SIGNAL_WITH_EVENT: u8 = 4;
const REPORT: u8 = 5;
const DEAL: u8 = 6;

impl Message {
    /// Appends the record to `bytes`, without its sequence number, which the journal stores itself.
    #[inline]
    pub(crate) fn store(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Signal(SignalRecord { stamp, tag, numbers, symbol, comment }) => {
                let layout = if numbers.happened.is_none() { SIGNAL } else { SIGNAL_WITH_EVENT };
                begin(bytes, layout, stamp, tag);
                bytes.extend_from_slice(numbers.asked.as_bytes());
                if let Some(happened) = &numbers.happened {
                    bytes.extend_from_slice(happened.as_bytes());
                }
                put(bytes, symbol);
                put(bytes, comment);
            }
            Self::Report(record) => {
                begin(bytes, REPORT, &record.stamp, &record.tag);
                bytes.extend_from_slice(record.report.as_bytes());
                put(bytes, record.source.as_str());
                put(bytes, &record.symbol);
                put(bytes, &record.reason);
            }
        }
    }

    /// Reads what [`store`](Self::store) wrote. None if the bytes are something else.
    pub(crate) fn load(sequence: u64, bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let (layout, stamp, instance) = opening(&mut rest, sequence)?;
        if layout == REPORT {
            let (tag, report) = (Tag::reports_of(&instance), number(&mut rest)?);
            let source = InstanceId::new(&text::<40>(&mut rest)?).ok()?;
            let (symbol, reason) = (text(&mut rest)?, text(&mut rest)?);
            let report = ReportRecord { stamp, tag, report, source, symbol, reason };
            return Some(Self::Report(Box::new(report)));
        }
        let (tag, asked) = (Tag::of(&instance), number(&mut rest)?);
        let happened = match layout {
            SIGNAL => None,
            SIGNAL_WITH_EVENT => Some(Box::new(number(&mut rest)?)),
            _ => return None,
        };
        let (symbol, comment) = (text(&mut rest)?, text(&mut rest)?);
        let numbers = Numbers { asked, happened };
        Some(Self::Signal(SignalRecord { stamp, tag, numbers, symbol, comment }))
    }
}

impl TradeRecord {
    /// Appends the record to `bytes`, without its sequence number, which the journal stores itself.
    #[inline]
    pub(crate) fn store(&self, bytes: &mut Vec<u8>) {
        match &self.body {
            TradeBody::Position { state, symbol, comment } => {
                begin(bytes, POSITION, &self.stamp, &self.tag);
                bytes.extend_from_slice(state.as_bytes());
                put(bytes, symbol);
                put(bytes, comment);
            }
            TradeBody::OpenSet(positions) => {
                begin(bytes, OPEN_SET, &self.stamp, &self.tag);
                bytes.extend_from_slice(positions.as_bytes());
            }
            TradeBody::Deal(body) => {
                begin(bytes, DEAL, &self.stamp, &self.tag);
                bytes.extend_from_slice(body.deal.as_bytes());
                put(bytes, &body.symbol);
                put(bytes, &body.comment);
            }
        }
    }

    /// Reads what [`store`](Self::store) wrote. None if the bytes are something else.
    pub(crate) fn load(sequence: u64, bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let (layout, stamp, instance) = opening(&mut rest, sequence)?;
        let body = match layout {
            POSITION => {
                let state = number(&mut rest)?;
                TradeBody::Position { state, symbol: text(&mut rest)?, comment: text(&mut rest)? }
            }
            DEAL => {
                let deal = number(&mut rest)?;
                let (symbol, comment) = (text(&mut rest)?, text(&mut rest)?);
                TradeBody::Deal(Box::new(DealBody { deal, symbol, comment }))
            }
            OPEN_SET if rest.len().is_multiple_of(8) => {
                let mut positions = Vec::with_capacity(rest.len() / 8);
                while !rest.is_empty() {
                    positions.push(number(&mut rest)?);
                }
                TradeBody::OpenSet(positions.into())
            }
            _ => return None,
        };
        Some(Self { stamp, tag: Tag::of(&instance), body })
    }
}

#[inline]
fn begin(bytes: &mut Vec<u8>, layout: u8, stamp: &Stamp, tag: &Tag) {
    bytes.push(layout);
    bytes.extend_from_slice(stamp.time_ms.as_bytes());
    put(bytes, tag.instance.as_str());
}

fn opening(rest: &mut &[u8], sequence: u64) -> Option<(u8, Stamp, InstanceId)> {
    let layout = number(rest)?;
    let time_ms = number(rest)?;
    let instance = InstanceId::new(&text::<40>(rest)?).ok()?;
    Some((layout, Stamp { sequence, time_ms }, instance))
}

/// Appends a text; its limit is far below 256 bytes, so one byte holds its length.
#[inline]
fn put(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(text.len() as u8);
    bytes.extend_from_slice(text.as_bytes());
}

fn text<const LIMIT: usize>(rest: &mut &[u8]) -> Option<ArrayString<LIMIT>> {
    let length: u8 = number(rest)?;
    let (text, after) = rest.split_at_checked(length.into())?;
    *rest = after;
    ArrayString::from(str::from_utf8(text).ok()?).ok()
}

fn number<N: FromBytes + Immutable>(rest: &mut &[u8]) -> Option<N> {
    let (number, after) = N::read_from_prefix(rest).ok()?;
    *rest = after;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Deal, ExecutionReport, Signal, TradeState};

    fn stamp() -> (Stamp, InstanceId) {
        (Stamp { sequence: 7, time_ms: 1_763_800_000_000 }, InstanceId::new("1.Demo").unwrap())
    }

    #[test]
    fn records_come_back_as_they_were() {
        let (stamp, instance) = stamp();
        let signal = Signal { magic: -3, volume: 0.1, price: 1.10345, action: 1, ..Default::default() };
        let (symbol, comment) = (ArrayString::from("EURUSD").unwrap(), ArrayString::from("買い").unwrap());
        let mut bytes = Vec::new();
        let numbers = Numbers::from(&signal);
        let plain = SignalRecord { stamp, tag: Tag::of(&instance), numbers, symbol, comment };
        let event = Signal { event: 1, side: 2, volume_after: 0.1, entry_price: 1.1, found: 1, ..signal };
        let report = ExecutionReport { producer: -1, slippage: -2.5, outcome: 2, ..Default::default() };
        let (source, reason) = (InstanceId::new("2.Demo").unwrap(), ArrayString::from("größer").unwrap());
        let mut lengths = Vec::new();
        let tag = Tag::reports_of(&instance);
        for record in [
            Message::Signal(plain.clone()),
            Message::Signal(SignalRecord { numbers: Numbers::from(&event), ..plain }),
            Message::Report(Box::new(ReportRecord { stamp, tag, report, source, symbol, reason })),
        ] {
            bytes.clear();
            record.store(&mut bytes);
            lengths.push(bytes.len());
            assert_eq!(format!("{:?}", Message::load(7, &bytes).unwrap()), format!("{record:?}"));
            assert!(TradeRecord::load(7, &bytes).is_none());
            assert!((0..bytes.len()).all(|length| Message::load(7, &bytes[..length]).is_none()));
        }
        assert_eq!(lengths[1] - lengths[0], 40, "only an event needs more room");

        let state = TradeState { position: 77, profit: -1.5, ..Default::default() };
        let deal = Deal { deal: 9, position: 77, profit: -1.5, kind: 2, ..Default::default() };
        for body in [
            TradeBody::Position { state, symbol, comment },
            TradeBody::OpenSet([3, 5].into()),
            TradeBody::Deal(Box::new(DealBody { deal, symbol, comment })),
        ] {
            let record = TradeRecord { stamp, tag: Tag::of(&instance), body };
            bytes.clear();
            record.store(&mut bytes);
            assert_eq!(format!("{:?}", TradeRecord::load(7, &bytes).unwrap()), format!("{record:?}"));
            // A cut record is refused or shorter, and never a panic.
            for length in 0..bytes.len() {
                let cut = TradeRecord::load(7, &bytes[..length]);
                assert!(cut.is_none() || matches!(cut.unwrap().body, TradeBody::OpenSet(_)));
            }
        }
    }
}
