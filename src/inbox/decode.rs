//! A signal as a reader gets it, from both encodings. Fields that a later version added are passed over.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};

use crate::model::SCHEMA;
use crate::model::signal::*;

/// A signal that was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Received {
    /// Who numbered it.
    pub producer: String,
    /// Its number.
    pub sequence: u64,
    /// Who gave it.
    pub instance: String,
    /// The symbol.
    pub symbol: String,
    /// The comment.
    pub comment: String,
    /// Whether an operator took it back from the dead letters: then it may have been read before.
    #[serde(skip)]
    pub retried: bool,
    /// The numbers; its time is never 0.
    #[serde(skip)]
    pub signal: Signal,
}

/// The order is that of `packed`, the names those of `fields`.
macro_rules! record {
    ($($name:ident: $kind:ty),*) => {
        struct Fields { $($name: $kind),* }

        impl<'de> Visitor<'de> for Packed {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("the fields of a signal")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Fields, A::Error> {
                let fields = Fields {
                    $($name: values.next_element()?.ok_or_else(|| A::Error::missing_field(stringify!($name)))?),*
                };
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(fields)
            }
        }

        fn from_fields<'a>(value: impl Fn(&[u8]) -> Option<&'a [u8]>) -> Result<Fields, String> {
            Ok(Fields { $($name: parse(stringify!($name), value(stringify!($name).as_bytes()))?),* })
        }
    };
}

record!(v: u8, p: String, q: u64, t: i64, o: i32, i: String, a: char, sy: String, vo: f64, pr: f64, sl: f64,
        tp: f64, mg: i64, po: i64, ex: i64, co: String);

struct Packed;

fn parse<T: FromStr>(name: &str, value: Option<&[u8]>) -> Result<T, String> {
    let text = value.ok_or_else(|| format!("it has no field {name}, so it is no signal"))?;
    let text = str::from_utf8(text).map_err(|_| format!("its field {name} is no UTF-8"))?;
    text.parse().map_err(|_| format!("its field {name} has the value {text}"))
}

impl Received {
    /// What makes the signal's effect happen once: the same for every copy of it, and no other signal's.
    pub fn key(&self) -> String {
        format!("{}-{}", self.producer, self.sequence)
    }

    /// Reads the names and values of a stream entry. The reason of a refusal is for people.
    pub fn decode(entry: &[Vec<u8>]) -> Result<Self, String> {
        let value = |name: &[u8]| entry.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| &pair[1][..]);
        let fields = match value(b"d") {
            Some(packed) => rmp_serde::Deserializer::from_read_ref(packed)
                .deserialize_seq(Packed)
                .map_err(|error| format!("d is no signal: {error}"))?,
            None => from_fields(value)?,
        };
        if fields.v != SCHEMA {
            return Err(format!("schema version {} is not {SCHEMA}: use a newer reader", fields.v));
        }
        let signal = Signal {
            time_ms: fields.t,
            expiry_ms: fields.ex,
            magic: fields.mg,
            position: fields.po,
            volume: fields.vo,
            price: fields.pr,
            stop_loss: fields.sl,
            take_profit: fields.tp,
            action: match fields.a {
                'b' => MT5REDIS_ACTION_BUY,
                's' => MT5REDIS_ACTION_SELL,
                'c' => MT5REDIS_ACTION_CLOSE,
                'm' => MT5REDIS_ACTION_MODIFY,
                other => return Err(format!("action '{other}' is none of b, s, c, m")),
            },
            server_offset_s: fields.o,
        };
        signal.check().map_err(|error| error.to_string())?;
        Ok(Self {
            producer: fields.p,
            sequence: fields.q,
            instance: fields.i,
            symbol: fields.sy,
            comment: fields.co,
            retried: value(b"r").is_some(),
            signal,
        })
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signal { volume, price, stop_loss, take_profit, magic, position, .. } = self.signal;
        let action = match self.signal.action {
            MT5REDIS_ACTION_BUY => "buy",
            MT5REDIS_ACTION_SELL => "sell",
            MT5REDIS_ACTION_CLOSE => "close",
            _ => "modify",
        };
        write!(
            f,
            "{} {action} {volume} {} at {price} stop {stop_loss} target {take_profit} magic {magic} position {position} ({})",
            self.instance,
            self.symbol,
            self.key()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::encoding::{Producer, fields, packed};
    use crate::model::{InstanceId, Stamp};

    fn record() -> (SignalRecord, Producer) {
        let signal = Signal { volume: 0.1, price: 1.10345, action: 2, magic: -3, ..Default::default() };
        let stamp = Stamp { sequence: 7, time_ms: 1_763_800_000_000 };
        let instance = InstanceId::new("1.Demo").unwrap();
        let (symbol, comment) = ("EURUSD".try_into().unwrap(), "買い".try_into().unwrap());
        (SignalRecord { stamp, instance, signal, symbol, comment }, Producer::random())
    }

    #[test]
    fn both_encodings_say_the_same() {
        let (record, producer) = record();
        let mut entry = Vec::new();
        fields(&record.fields(&producer), |item| entry.push(item.to_vec()));
        let received = Received::decode(&entry).unwrap();
        assert_eq!((received.sequence, &*received.comment), (7, "買い"));
        assert_eq!(received.signal, Signal { time_ms: record.stamp.time_ms, ..record.signal });
        assert_eq!(received.key(), format!("{}-7", producer.as_str()));

        let mut bytes = Vec::new();
        packed(&record.fields(&producer), &mut bytes);
        assert_eq!(Received::decode(&[b"d".to_vec(), bytes.clone()]).unwrap(), received);
        for length in 0..bytes.len() {
            assert!(Received::decode(&[b"d".to_vec(), bytes[..length].to_vec()]).is_err());
        }
        let retried = [b"d".to_vec(), bytes, b"r".to_vec(), b"1".to_vec()];
        assert!(Received::decode(&retried).unwrap().retried);
    }

    #[test]
    fn a_refusal_names_the_field() {
        let (record, producer) = record();
        let mut entry = Vec::new();
        fields(&record.fields(&producer), |item| entry.push(item.to_vec()));
        let at = entry.iter().position(|item| item == b"vo").unwrap();
        entry[at + 1] = b"much".to_vec();
        assert_eq!(Received::decode(&entry).unwrap_err(), "its field vo has the value much");
        assert_eq!(Received::decode(&[]).unwrap_err(), "it has no field v, so it is no signal");
    }
}
