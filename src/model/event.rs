//! A trade event as it is read from Redis. Every value is checked like one from an Expert Advisor, because whoever may
//! write the stream can write anything into it.

use super::check;
use super::deal::{Deal, ENTRIES, KINDS};
use super::entry::{numbered, printable, record, value};
use super::trade::{COMMENT_LIMIT, SYMBOL_LIMIT, TradeState, position};
use super::traded::{Known, Traded};

/// An event that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeEvent {
    /// The writer that numbered it: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub producer: String,
    /// Its sequence number, 1 to 2^63 − 1. All positions that one reconcile misses have the same.
    pub sequence: u64,
    /// The sequence number of the entry before it, of the same instance and producer; 0 if it is unknown.
    pub predecessor: u64,
    /// When it was true, or when the deal was executed, ms since 1970 UTC.
    pub time_ms: i64,
    /// The position; 0: the deal has none.
    pub position: i64,
    /// What happened.
    pub what: Happened,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A position opened, changed or closed: its whole state.
    State {
        /// The numbers. Its event is never `MT5REDIS_EVENT_PRICE`.
        state: TradeState,
        /// The symbol, without control characters.
        symbol: String,
        /// The comment, without control characters.
        comment: String,
    },
    /// A position is no longer open, and nobody knows how it closed.
    Gone,
    /// A deal.
    Deal {
        /// The numbers.
        deal: Deal,
        /// The symbol, without control characters; empty if it has none.
        symbol: String,
        /// The comment, without control characters.
        comment: String,
    },
}

record!(GoneFields, "a trade event", p: String, q: u64, t: i64, id: i64, pq: u64);
record!(DealFields, "a deal", p: String, q: u64, t: i64, o: i32, e: char, id: i64, pq: u64, de: i64, or: i64,
        ki: char, en: char, sy: String, vo: f64, px: f64, pr: f64, sw: f64, cm: f64, mg: i64, dg: i32, co: String);
record!(Beginning, "a trade event", p: String, q: u64, t: i64, o: i32, e: char);

impl TradeEvent {
    /// Decodes the names and values of a stream entry. The error is a text for people.
    pub fn decode(entry: &[Vec<u8>]) -> Result<Self, String> {
        // A position that is gone is always written as fields, because most of them are unknown.
        if value(entry, "e") == Some(b"g") {
            return Self::gone(GoneFields::read(entry)?);
        }
        let Beginning { p, q, t, o, e } = Beginning::read(entry)?;
        numbered(&p, q)?;
        check::time("t", t).and_then(|()| check::server_offset(o)).map_err(|error| error.to_string())?;
        match e {
            'o' | 'm' | 'c' => Self::state(entry),
            'd' => Self::deal(DealFields::read(entry)?),
            other => Err(format!("its event {other:?} is none of o, m, c, g, d")),
        }
    }

    fn state(entry: &[Vec<u8>]) -> Result<Self, String> {
        let (position, predecessor, traded) = Traded::in_event(entry)?;
        let Traded { producer, sequence, time_ms, known, .. } = traded;
        let Known { state, symbol, comment } = known.ok_or("it has no state")?;
        let what = Happened::State { state, symbol, comment };
        Ok(Self { producer, sequence, predecessor, time_ms, position, what })
    }

    fn gone(fields: GoneFields) -> Result<Self, String> {
        numbered(&fields.p, fields.q)?;
        check::time("t", fields.t).map_err(|error| error.to_string())?;
        position(fields.id).map_err(|error| error.to_string())?;
        Ok(Self {
            producer: fields.p,
            sequence: fields.q,
            predecessor: fields.pq,
            time_ms: fields.t,
            position: fields.id,
            what: Happened::Gone,
        })
    }

    fn deal(fields: DealFields) -> Result<Self, String> {
        debug_assert_eq!(fields.e, 'd');
        let number = |letters: [char; 5], letter: char, what: &str| {
            let at = letters.iter().position(|known| *known == letter);
            at.map(|at| at as i32 + 1).ok_or_else(|| format!("its {what} {letter:?} is none of {letters:?}"))
        };
        let deal = Deal {
            time_ms: fields.t,
            deal: fields.de,
            order: fields.or,
            position: fields.id,
            magic: fields.mg,
            volume: fields.vo,
            price: fields.px,
            profit: fields.pr,
            swap: fields.sw,
            commission: fields.cm,
            kind: number(KINDS, fields.ki, "kind")?,
            entry: number(ENTRIES, fields.en, "entry")?,
            server_offset_s: fields.o,
            digits: fields.dg,
        };
        deal.check().map_err(|error| error.to_string())?;
        Ok(Self {
            producer: fields.p,
            sequence: fields.q,
            predecessor: fields.pq,
            time_ms: fields.t,
            position: fields.id,
            what: Happened::Deal {
                deal,
                symbol: printable("symbol", fields.sy, SYMBOL_LIMIT)?,
                comment: printable("comment", fields.co, COMMENT_LIMIT)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stamp;
    use crate::model::deal::DealBody;
    use crate::model::deal::tests::good;
    use crate::model::encoding::{Producer, fields, packed};
    use crate::model::entry::changed;
    use crate::model::trade::*;

    const STAMP: Stamp = Stamp { sequence: 9, time_ms: 1_763_800_000_000 };

    fn state(event: i32) -> TradeState {
        let volume = if event == MT5REDIS_EVENT_CLOSE { 0.0 } else { 0.1 };
        let close_time_ms = if event == MT5REDIS_EVENT_CLOSE { STAMP.time_ms - 7 } else { 0 };
        let (position, profit, swap) = (77, -1.5, 0.25);
        TradeState { position, volume, close_time_ms, event, side: 2, profit, swap, ..Default::default() }
    }

    /// Both encodings of an entry.
    fn entries(record: &impl serde::Serialize) -> [Vec<Vec<u8>>; 2] {
        let (mut plain, mut bytes) = (Vec::new(), Vec::new());
        fields(record, |item| plain.push(item.to_vec()));
        packed(record, &mut bytes);
        [plain, vec![b"d".to_vec(), bytes]]
    }

    fn body(symbol: &str, comment: &str) -> DealBody {
        let (symbol, comment) = (symbol.try_into().unwrap(), comment.try_into().unwrap());
        DealBody { deal: good(), symbol, comment }
    }

    #[test]
    fn every_event_comes_back_from_both_encodings() {
        let producer = Producer::random();
        for event in [MT5REDIS_EVENT_OPEN, MT5REDIS_EVENT_CHANGE, MT5REDIS_EVENT_CLOSE] {
            let state = state(event);
            for entry in entries(&STAMP.trade_event(&producer, 5, false, &state, "EURUSD", "größer")) {
                let read = TradeEvent::decode(&entry).unwrap();
                assert_eq!((read.sequence, read.predecessor, read.position), (9, 5, 77));
                let state = TradeState { time_ms: STAMP.time_ms, ..state };
                let (symbol, comment) = ("EURUSD".into(), "größer".into());
                assert_eq!(read.what, Happened::State { state, symbol, comment });
            }
        }
        for entry in entries(&STAMP.deal(&producer, 5, &body("EURUSD", "tp"))) {
            let read = TradeEvent::decode(&entry).unwrap();
            assert_eq!((read.sequence, read.predecessor, read.position), (9, 5, 7));
            let (symbol, comment) = ("EURUSD".into(), "tp".into());
            assert_eq!(read.what, Happened::Deal { deal: good(), symbol, comment });
            assert_eq!(read.time_ms, good().time_ms);
        }
        let [gone, _] = entries(&STAMP.gone_event(&producer, 5, 77));
        let read = TradeEvent::decode(&gone).unwrap();
        assert_eq!((read.sequence, read.predecessor, read.position, read.what), (9, 5, 77, Happened::Gone));
    }

    #[test]
    fn a_state_must_fit_its_event() {
        let state = state(MT5REDIS_EVENT_CHANGE);
        let producer = Producer::random();
        let record = STAMP.trade_event(&producer, 5, false, &state, "EURUSD", "");
        let decode = |name: &str, with: &str| TradeEvent::decode(&changed(&record, name, with)).unwrap_err();
        assert_eq!(decode("e", "c"), "its state 'o' does not fit its event 'c'");
        assert_eq!(decode("st", "c"), "its state 'c' does not fit its event 'm'");
        assert_eq!(decode("sd", "x"), "its side 'x' is none of b, s");
    }

    #[test]
    fn a_refusal_names_the_field() {
        let producer = Producer::random();
        let [good, packed] = entries(&STAMP.deal(&producer, 0, &body("EURUSD", "a\r\n\x1b[2Jb")));
        let spoilt = |name: &str, with: &str| {
            let mut entry = good.clone();
            let at = entry.iter().position(|item| item == name.as_bytes()).unwrap();
            entry[at + 1] = with.as_bytes().to_vec();
            TradeEvent::decode(&entry).unwrap_err()
        };
        assert_eq!(spoilt("e", "x"), "its event 'x' is none of o, m, c, g, d");
        assert_eq!(spoilt("pr", "much"), "its field pr has the value much");
        assert_eq!(spoilt("de", "0"), "deal = 0 is refused: pass 1 to 9223372036854775807");
        assert!(spoilt("ki", "x").starts_with("its kind 'x' is none of"));
        assert!(spoilt("v", "3").contains("update this reader"));
        let Happened::Deal { comment, .. } = TradeEvent::decode(&good).unwrap().what else { panic!() };
        assert_eq!(comment, "a   [2Jb");
        for length in 0..packed[1].len() {
            assert!(TradeEvent::decode(&[b"d".to_vec(), packed[1][..length].to_vec()]).is_err());
        }
        assert_eq!(TradeEvent::decode(&[]).unwrap_err(), "it has no field v, so it is not a trade event");
    }
}
