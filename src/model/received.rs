//! A signal as it is read from Redis. Every value is checked like one from an Expert Advisor, because a publisher can
//! write anything into its stream.

use std::fmt;

use serde::Serialize;

use super::InstanceId;
use super::entry::{numbered, printable, record, shown, value};
use super::signal::*;
use super::trade::{COMMENT_LIMIT, MT5REDIS_SIDE_BUY, MT5REDIS_SIDE_SELL, SYMBOL_LIMIT};

/// A signal that was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Received {
    /// The writer that numbered it: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub producer: String,
    /// Its sequence number, 1 to 2^63 − 1.
    pub sequence: u64,
    /// The sequence number of the signal before it, of the same source and producer; 0 if it is unknown.
    #[serde(skip)]
    pub predecessor: u64,
    /// The source, according to the entry.
    pub instance: String,
    /// The symbol, without control characters.
    pub symbol: String,
    /// The comment, without control characters.
    pub comment: String,
    /// Whether an operator retried it from the dead letters, so that it may have been read before.
    #[serde(skip)]
    pub retried: bool,
    /// The numbers; its time is never 0.
    #[serde(skip)]
    pub signal: Signal,
}

record!(Fields, "a signal", p: String, q: u64, t: i64, o: i32, i: String, a: char, sy: String, vo: f64, pr: f64,
        sl: f64, tp: f64, mg: i64, po: i64, ex: i64, co: String, pq: u64;
        Event, ev: i32, vb: f64, va: f64, pe: f64, sd: char, ot: i32, fd: i32);

impl Received {
    /// The idempotency key: the same for every copy of the signal, and different from every other signal's. The source is a
    /// part of it, because the writer of one source's stream may use another source's producers and numbers there.
    pub fn idempotency_key(&self) -> String {
        format!("{}+{}", self.instance, self.name())
    }

    /// The same key without the source.
    pub fn name(&self) -> String {
        format!("{}-{}", self.producer, self.sequence)
    }

    /// The producer as a number: this library's names are hexadecimal numbers, any other name is hashed (FNV-1a). This is
    /// how an Expert Advisor knows it, and how a report of what it did names it.
    pub fn producer_number(&self) -> i64 {
        producer_number(&self.producer)
    }

    /// Decodes the names and values of a stream entry. The error is a text for people.
    pub fn decode(entry: &[Vec<u8>]) -> Result<Self, String> {
        let fields = Fields::read(entry)?;
        numbered(&fields.p, fields.q)?;
        InstanceId::new(&fields.i).map_err(|error| shown(&error.to_string()))?;
        let event = match &fields.tail {
            None => Signal::default(),
            Some(event) => Signal {
                volume_before: event.vb,
                volume_after: event.va,
                entry_price: event.pe,
                event: event.ev,
                side: match event.sd {
                    'b' => MT5REDIS_SIDE_BUY,
                    's' => MT5REDIS_SIDE_SELL,
                    other => return Err(format!("its side {other:?} is none of b, s")),
                },
                order_type: event.ot,
                found: event.fd,
                ..Default::default()
            },
        };
        let signal = Signal {
            time_ms: fields.t,
            expiry_ms: fields.ex,
            magic: fields.mg,
            position: fields.po,
            volume: fields.vo,
            price: fields.pr,
            stop_loss: fields.sl,
            take_profit: fields.tp,
            action: action(fields.a)?,
            server_offset_s: fields.o,
            ..event
        };
        signal.check().map_err(|error| error.to_string())?;
        if fields.sy.is_empty() {
            return Err("it has no symbol".to_owned());
        }
        Ok(Self {
            producer: fields.p,
            sequence: fields.q,
            predecessor: fields.pq,
            instance: fields.i,
            symbol: printable("symbol", fields.sy, SYMBOL_LIMIT)?,
            comment: printable("comment", fields.co, COMMENT_LIMIT)?,
            retried: value(entry, "r").is_some(),
            signal,
        })
    }
}

fn producer_number(name: &str) -> i64 {
    let ours = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = match u64::from_str_radix(name, 16) {
        Ok(number) if ours => number,
        _ => name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }),
    };
    number as i64
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signal { volume, price, stop_loss, take_profit, magic, position, .. } = self.signal;
        let action = action_name(self.signal.action);
        write!(
            f,
            "{} {action} {volume} {} at {price} stop {stop_loss} target {take_profit} magic {magic} position {position} ({})",
            self.instance,
            self.symbol,
            self.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::encoding::{Producer, fields, packed};
    use crate::model::entry::changed;
    use crate::model::numbers::Numbers;
    use crate::model::{Stamp, Tag, check};

    fn record() -> (SignalRecord, Producer) {
        let signal = Signal { volume: 0.1, price: 1.10345, action: 2, magic: -3, ..Default::default() };
        let stamp = Stamp { sequence: 7, time_ms: 1_763_800_000_000 };
        let instance = InstanceId::new("1.Demo").unwrap();
        let (symbol, comment) = ("EURUSD".try_into().unwrap(), "買い".try_into().unwrap());
        let numbers = Numbers::from(&signal);
        (SignalRecord { stamp, tag: Tag::of(&instance), numbers, symbol, comment }, Producer::random())
    }

    /// The record as `fields`, with another value in one of them.
    fn entry(name: &str, value: &str) -> Vec<Vec<u8>> {
        let (record, producer) = record();
        changed(&record.fields(&producer, 5), name, value)
    }

    #[test]
    fn both_encodings_say_the_same() {
        let (record, producer) = record();
        let mut entry = Vec::new();
        fields(&record.fields(&producer, 5), |item| entry.push(item.to_vec()));
        let received = Received::decode(&entry).unwrap();
        assert_eq!((received.sequence, received.predecessor, &*received.comment), (7, 5, "買い"));
        assert_eq!(received.signal, Signal { time_ms: record.stamp.time_ms, ..record.numbers.signal() });
        assert_eq!(received.idempotency_key(), format!("1.Demo+{}-7", producer.as_str()));

        let mut bytes = Vec::new();
        packed(&record.fields(&producer, 5), &mut bytes);
        assert_eq!(Received::decode(&[b"d".to_vec(), bytes.clone()]).unwrap(), received);
        for length in 0..bytes.len() {
            assert!(Received::decode(&[b"d".to_vec(), bytes[..length].to_vec()]).is_err());
        }
        let retried = [b"d".to_vec(), bytes, b"r".to_vec(), b"1".to_vec()];
        assert!(Received::decode(&retried).unwrap().retried);
    }

    #[test]
    fn an_event_comes_back_in_both_encodings_and_is_never_half_there() {
        let (mut record, producer) = record();
        let bytes_of = |record: &SignalRecord| {
            let mut bytes = Vec::new();
            packed(&record.fields(&producer, 5), &mut bytes);
            bytes
        };
        let plain = bytes_of(&record);
        let signal = Signal {
            position: 7,
            volume_before: 0.5,
            volume_after: 0.0,
            entry_price: 1.1,
            event: MT5REDIS_SIGNAL_CLOSE_BY,
            side: MT5REDIS_SIDE_SELL,
            found: 1,
            time_ms: record.stamp.time_ms,
            ..record.numbers.signal()
        };
        record.numbers = Numbers::from(&signal);
        let bytes = bytes_of(&record);
        assert_eq!((plain[..3].to_vec(), bytes[..3].to_vec()), (vec![0xdc, 0, 17], vec![0xdc, 0, 24]));
        let received = Received::decode(&[b"d".to_vec(), bytes.clone()]).unwrap();
        assert_eq!(received.signal, signal);
        assert!(
            (0..bytes.len())
                .all(|length| Received::decode(&[b"d".to_vec(), bytes[..length].to_vec()]).is_err())
        );
        // An array that ends within the event.
        for count in 18..24 {
            let cut = [&[0xdc, 0, count][..], &bytes[3..]].concat();
            assert!(Received::decode(&[b"d".to_vec(), cut]).is_err(), "{count} values");
        }
        let mut entry = Vec::new();
        fields(&record.fields(&producer, 5), |item| entry.push(item.to_vec()));
        assert_eq!(Received::decode(&entry).unwrap(), received);
        for name in ["vb", "va", "pe", "sd", "ot", "fd"] {
            let at = entry.iter().position(|item| item == name.as_bytes()).unwrap();
            let cut = [&entry[..at], &entry[at + 2..]].concat();
            let refusal = format!("it has no field {name}, so it is not a signal");
            assert_eq!(Received::decode(&cut).unwrap_err(), refusal);
        }
        let at = entry.iter().position(|item| item == b"sd").unwrap();
        entry[at + 1] = b"x".to_vec();
        assert_eq!(Received::decode(&entry).unwrap_err(), "its side 'x' is none of b, s");
    }

    #[test]
    fn producers_with_other_names_have_numbers_too() {
        assert_eq!(producer_number("00000000000000ff"), 255);
        let numbers = ["python", "excel", "", "ff", "+0000000000000ff"].map(producer_number);
        assert!(numbers.iter().all(|number| *number != 0 && *number != 255), "{numbers:?}");
        assert_eq!(numbers.iter().collect::<std::collections::HashSet<_>>().len(), numbers.len());
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (name, value, refusal) in [
            ("vo", "much\x1b[2J", "its field vo has the value much?[2J"),
            ("p", "a b; rm -rf", "its producer a b; rm -rf is not a valid name"),
            ("p", "", "its producer  is not a valid name"),
            ("q", "0", "its number 0 is outside 1 to 9223372036854775807"),
            (
                "q",
                "9223372036854775808",
                "its number 9223372036854775808 is outside 1 to 9223372036854775807",
            ),
            ("a", "x", "its action 'x' is none of b, s, c, m, o"),
            ("sy", "", "it has no symbol"),
            ("sy", &"x".repeat(49), "its symbol has 49 bytes, more than 48"),
            ("co", &"x".repeat(97), "its comment has 97 bytes, more than 96"),
            ("vo", "-1", "volume = -1 is refused: pass lots above 0"),
        ] {
            assert_eq!(Received::decode(&entry(name, value)).unwrap_err(), refusal);
        }
        assert!(Received::decode(&entry("i", "a b")).unwrap_err().contains("instance id"));
        assert_eq!(Received::decode(&[]).unwrap_err(), "it has no field v, so it is not a signal");
        assert_eq!(Received::decode(&entry("co", "a\r\n\x1b[2Jb")).unwrap().comment, "a   [2Jb");
    }

    /// A publisher can write anything into any field; the error is always one plain, short line.
    #[test]
    fn a_refusal_is_one_plain_line() {
        let evil = format!(
            "\u{1b}]0;owned\u{7}\r\n\u{9b}31m\u{202e}\u{2028}\u{200b}\u{feff}{}",
            "買".repeat(10_000)
        );
        let mut refusals = Vec::new();
        for name in
            ["v", "p", "q", "t", "o", "i", "a", "sy", "vo", "pr", "sl", "tp", "mg", "po", "ex", "co", "pq"]
        {
            refusals.push(Received::decode(&entry(name, &evil)).unwrap_err());
            refusals.push(Received::decode(&entry(name, &evil[..20])).err().unwrap_or_default());
        }
        let mut text = vec![0x92, 2, 0xdb];
        text.extend((evil.len() as u32).to_be_bytes());
        text.extend(evil.bytes());
        refusals.push(Received::decode(&[b"d".to_vec(), text]).unwrap_err());
        refusals.push(Received::decode(&[b"d".to_vec(), evil.clone().into_bytes()]).unwrap_err());
        // serde quotes a text where it expects a number.
        refusals.push(
            Received::decode(&[b"d".to_vec(), [&[0x91, 0xb4], &evil.as_bytes()[..20]].concat()]).unwrap_err(),
        );
        for refusal in refusals {
            assert!(!refusal.contains(check::steers), "{refusal:?}");
            assert!(refusal.chars().count() < 200, "{refusal}");
        }
    }

    #[test]
    fn another_schema_is_refused_by_its_number() {
        let older = "it has schema 1, and this reader knows schema 2: update the terminal that wrote it";
        assert_eq!(Received::decode(&entry("v", "1")).unwrap_err(), older);
        let newer = "it has schema 3, and this reader knows schema 2: update this reader";
        assert_eq!(Received::decode(&entry("v", "3")).unwrap_err(), newer);
        // Packed, whatever else it holds.
        assert_eq!(Received::decode(&[b"d".to_vec(), vec![0x92, 1, 7]]).unwrap_err(), older);
        assert_eq!(Received::decode(&[b"d".to_vec(), vec![0x91, 3]]).unwrap_err(), newer);
    }
}
