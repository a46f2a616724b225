//! The state of a trade as it is read from its hash. Every value is checked like one from an Expert Advisor, because
//! whoever may write the hash can write anything into it.

use super::check;
use super::entry::{numbered, parse, printable, record, value};
use super::trade::*;

/// The state of a position.
#[derive(Clone, Debug, PartialEq)]
pub struct Traded {
    /// The writer that numbered the last record: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub producer: String,
    /// That record's sequence number, 1 to 2^63 − 1.
    pub sequence: u64,
    /// When it was true, ms since 1970 UTC.
    pub time_ms: i64,
    /// When the position was closed or found missing, ms since 1970 UTC; 0: it is open.
    pub closed_ms: i64,
    /// Open, closed or gone.
    pub standing: Standing,
    /// What is known of it: always of one that is open or closed, and of a position that is gone what was known before.
    pub known: Option<Known>,
}

/// Whether a position is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is open.
    Open,
    /// It was closed.
    Closed,
    /// It is no longer open, and nobody published how it was closed.
    Gone,
}

/// The numbers and texts of a position.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The numbers. Of a position that is gone, take only prices, volumes and money from here.
    pub state: TradeState,
    /// The symbol, without control characters.
    pub symbol: String,
    /// The comment, without control characters.
    pub comment: String,
}

record!(Fields, "the state of a trade", p: String, q: u64, t: i64, o: i32, e: char, st: char, sy: String, sd: char,
        vo: f64, vc: f64, po: f64, pc: f64, px: f64, sl: f64, tp: f64, pr: f64, sw: f64, cm: f64, mg: i64, ti: i64,
        to: i64, tc: i64, dg: i32, co: String; Place, id: i64, pq: u64);

impl Traded {
    /// Decodes the names and values of a position's hash. The error is a text for people.
    pub fn decode(position: i64, hash: &[Vec<u8>]) -> Result<Self, String> {
        // The mark stands as fields beside whatever was known, in either encoding.
        let missed = match value(hash, "st") {
            Some(b"g") => Some(Self::gone(hash)?),
            _ => None,
        };
        let is_known = value(hash, "d").is_some() || value(hash, "sy").is_some();
        let before = if is_known { Some(Self::state(position, Fields::read(hash)?)?) } else { None };
        match (missed, before) {
            (None, None) => Err("it has no field v, so it is not the state of a trade".to_owned()),
            (None, Some(before)) => Ok(before),
            (Some(missed), None) => Ok(missed),
            (Some(missed), Some(before)) => {
                // A packed record replaces only the packed field, so the mark may be older.
                let number = |state: &Self| (state.time_ms, state.sequence);
                let same = before.producer == missed.producer;
                let older = same && missed.sequence < before.sequence || number(&missed) < number(&before);
                Ok(if older && value(hash, "d").is_some() {
                    before
                } else {
                    Self { known: before.known, ..missed }
                })
            }
        }
    }

    /// Decodes a trade event that holds the whole state: its position, the entry before it, and the state.
    pub(super) fn in_event(entry: &[Vec<u8>]) -> Result<(i64, u64, Self), String> {
        let mut fields = Fields::read(entry)?;
        let Place { id, pq } = fields.tail.take().ok_or("it has no field id, so it is not a trade event")?;
        if (fields.st == 'c') != (fields.e == 'c') {
            return Err(format!("its state {:?} does not fit its event {:?}", fields.st, fields.e));
        }
        Ok((id, pq, Self::state(id, fields)?))
    }

    fn gone(hash: &[Vec<u8>]) -> Result<Self, String> {
        let what = "the state of a trade";
        let producer: String = parse("p", what, value(hash, "p"))?;
        let sequence = parse("q", what, value(hash, "q"))?;
        numbered(&producer, sequence)?;
        let time = |name: &str| {
            let time_ms = parse(name, what, value(hash, name))?;
            check::time(name, time_ms).map_err(|error| error.to_string())?;
            Ok::<i64, String>(time_ms)
        };
        let (time_ms, closed_ms) = (time("t")?, time("tc")?);
        Ok(Self { producer, sequence, time_ms, closed_ms, standing: Standing::Gone, known: None })
    }

    fn state(position: i64, fields: Fields) -> Result<Self, String> {
        numbered(&fields.p, fields.q)?;
        let event = match fields.e {
            'o' => MT5REDIS_EVENT_OPEN,
            'm' => MT5REDIS_EVENT_CHANGE,
            'p' => MT5REDIS_EVENT_PRICE,
            'c' | 'g' => MT5REDIS_EVENT_CLOSE,
            other => return Err(format!("its event {other:?} is none of o, m, p, c, g")),
        };
        let side = match fields.sd {
            'b' => MT5REDIS_SIDE_BUY,
            's' => MT5REDIS_SIDE_SELL,
            other => return Err(format!("its side {other:?} is none of b, s")),
        };
        let standing = match fields.st {
            'o' => Standing::Open,
            'c' => Standing::Closed,
            'g' => Standing::Gone,
            other => return Err(format!("its state {other:?} is none of o, c, g")),
        };
        let state = TradeState {
            time_ms: fields.t,
            position,
            ticket: fields.ti,
            magic: fields.mg,
            open_time_ms: fields.to,
            close_time_ms: fields.tc,
            volume: fields.vo,
            volume_closed: fields.vc,
            price_open: fields.po,
            price_current: fields.pc,
            price_close: fields.px,
            stop_loss: fields.sl,
            take_profit: fields.tp,
            profit: fields.pr,
            swap: fields.sw,
            commission: fields.cm,
            event,
            side,
            server_offset_s: fields.o,
            digits: fields.dg,
        };
        state.check().map_err(|error| error.to_string())?;
        Ok(Self {
            producer: fields.p,
            sequence: fields.q,
            time_ms: fields.t,
            closed_ms: fields.tc,
            standing,
            known: Some(Known {
                state,
                symbol: printable("symbol", fields.sy, SYMBOL_LIMIT)?,
                comment: printable("comment", fields.co, COMMENT_LIMIT)?,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stamp;
    use crate::model::encoding::{Producer, fields, packed};

    fn stamp(sequence: u64) -> Stamp {
        Stamp { sequence, time_ms: 1_763_800_000_000 + sequence as i64 }
    }

    fn state(event: i32) -> TradeState {
        let closed = event == MT5REDIS_EVENT_CLOSE;
        let volume = if closed { 0.0 } else { 0.3 };
        TradeState { position: 77, volume, profit: -1.5, event, side: 2, ..Default::default() }
    }

    fn hash(producer: &Producer, sequence: u64, event: i32, is_packed: bool) -> Vec<Vec<u8>> {
        let stamp = stamp(sequence);
        let record = stamp.trade(producer, &state(event), "EURUSD", "größer");
        let (mut plain, mut bytes) = (Vec::new(), Vec::new());
        fields(&record, |item| plain.push(item.to_vec()));
        packed(&record, &mut bytes);
        if is_packed { vec![b"d".to_vec(), bytes] } else { plain }
    }

    /// The mark that it is gone, in a hash.
    fn mark(producer: &Producer, sequence: u64, mut hash: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        fields(&stamp(sequence).gone(producer), |item| items.push(item.to_vec()));
        for pair in items.chunks(2) {
            match hash.chunks(2).position(|known| known[0] == pair[0]) {
                Some(at) => hash[2 * at + 1] = pair[1].clone(),
                None => hash.extend_from_slice(pair),
            }
        }
        hash
    }

    #[test]
    fn each_state_comes_back_from_both_encodings() {
        let producer = Producer::random();
        for is_packed in [false, true] {
            for (event, standing) in [(1, Standing::Open), (3, Standing::Open), (4, Standing::Closed)] {
                let read = Traded::decode(77, &hash(&producer, 9, event, is_packed)).unwrap();
                assert_eq!((read.producer.as_str(), read.sequence), (producer.as_str(), 9));
                assert_eq!((read.standing, read.time_ms), (standing, stamp(9).time_ms));
                let closed_ms = if event == 4 { stamp(9).time_ms } else { 0 };
                assert_eq!(read.closed_ms, closed_ms);
                let known = read.known.unwrap();
                let state =
                    TradeState { time_ms: stamp(9).time_ms, close_time_ms: closed_ms, ..state(event) };
                assert_eq!((known.state, &*known.symbol, &*known.comment), (state, "EURUSD", "größer"));
            }
        }
    }

    #[test]
    fn a_position_that_is_gone_keeps_what_was_known_of_it() {
        let producer = Producer::random();
        for is_packed in [false, true] {
            let marked = mark(&producer, 12, hash(&producer, 9, 1, is_packed));
            let read = Traded::decode(77, &marked).unwrap();
            assert_eq!(
                (read.standing, read.sequence, read.closed_ms),
                (Standing::Gone, 12, stamp(12).time_ms)
            );
            assert_eq!(read.known.unwrap().state.profit, -1.5);
        }
        let read = Traded::decode(77, &mark(&producer, 12, Vec::new())).unwrap();
        assert_eq!((read.standing, read.sequence, read.known), (Standing::Gone, 12, None));
        // It was published after all; a packed record leaves the mark where it was.
        let found = mark(&producer, 12, hash(&producer, 13, 4, true));
        let read = Traded::decode(77, &found).unwrap();
        assert_eq!((read.standing, read.sequence), (Standing::Closed, 13));
    }

    #[test]
    fn a_refusal_names_the_field() {
        let good = hash(&Producer::random(), 9, 1, false);
        for (name, with, refusal) in [
            ("st", "x", "its state 'x' is none of o, c, g"),
            ("sd", "x", "its side 'x' is none of b, s"),
            ("e", "x", "its event 'x' is none of o, m, p, c, g"),
            ("q", "0", "its number 0 is outside 1 to 9223372036854775807"),
            ("pr", "inf", "profit = inf is refused: pass a finite number"),
            ("to", "-1", "open_time_ms = -1 is refused: pass 0 to 253402300799999"),
        ] {
            let mut hash = good.clone();
            let at = hash.iter().position(|item| item == name.as_bytes()).unwrap();
            hash[at + 1] = with.as_bytes().to_vec();
            assert_eq!(Traded::decode(77, &hash).unwrap_err(), refusal);
        }
        let nothing = "it has no field v, so it is not the state of a trade";
        assert_eq!(Traded::decode(77, &[]).unwrap_err(), nothing);
    }
}
