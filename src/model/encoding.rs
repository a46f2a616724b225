//! The two encodings of a record: `fields`, a name and a value for each field, and `packed`, one MessagePack array.
//! Both come from the same list of fields, so they cannot disagree.

use std::hash::{BuildHasher, RandomState};

use arrayvec::ArrayString;
use serde::{Serialize, Serializer};

/// How a lane encodes its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One hash field or stream field for each value: readable in redis-cli, and small as a listpack.
    Fields,
    /// One field `d` with a MessagePack array: a third of the bytes and of the server's work.
    Packed,
}

/// The id of the writer that numbers the records: 16 hex digits, random, drawn when a journal or an engine is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer(ArrayString<16>);

impl Producer {
    /// Draws a new id.
    pub fn random() -> Self {
        // The standard library seeds its hash maps from the operating system, which is random enough for a name that
        // must differ between processes, and needs no other crate.
        let drawn = RandomState::new().hash_one(std::process::id());
        Self(ArrayString::from(&format!("{drawn:016x}")).expect("16 hex digits"))
    }

    /// An id from an earlier draw, 16 hex digits.
    pub(crate) fn named(id: &str) -> Self {
        Self(ArrayString::from(id).expect("16 hex digits"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One field of a record as Redis has it: its name in `docs/wire-format.md`, and its value.
pub(crate) type Field<'a> = (&'static str, Value<'a>);

/// The value of a field.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Integer(i64),
    Count(u64),
    /// A finite number.
    Number(f64),
    Text(&'a str),
    Flag(bool),
}

macro_rules! values {
    ($($kind:ty => $variant:ident),*) => {$(
        impl<'a> From<$kind> for Value<'a> {
            fn from(value: $kind) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

values!(i32 => Integer, i64 => Integer, u8 => Count, u64 => Count, f64 => Number, &'a str => Text, bool => Flag);

/// The fields of a record, in the order of `packed`, by the names of `fields`.
macro_rules! record {
    ($($name:ident: $value:expr),* $(,)?) => {
        [$((stringify!($name), $crate::model::encoding::Value::from($value))),*]
    };
}
pub(crate) use record;

/// Passes the names and values of a record to `item`, in turn, as text.
pub(crate) fn fields(record: &[Field<'_>], mut item: impl FnMut(&[u8])) {
    for (name, value) in record {
        item(name.as_bytes());
        match *value {
            Value::Integer(value) => item(itoa::Buffer::new().format(value).as_bytes()),
            Value::Count(value) => item(itoa::Buffer::new().format(value).as_bytes()),
            Value::Number(value) => {
                let mut buffer = ryu::Buffer::new();
                let text = buffer.format_finite(value);
                item(text.strip_suffix(".0").unwrap_or(text).as_bytes());
            }
            Value::Text(value) => item(value.as_bytes()),
            Value::Flag(value) => item(if value { b"1" } else { b"0" }),
        }
    }
}

/// Replaces the content of `buffer` by the record's values as a MessagePack array.
pub(crate) fn packed(record: &[Field<'_>], buffer: &mut Vec<u8>) {
    struct Values<'a>(&'a [Field<'a>]);

    impl Serialize for Values<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.0.iter().map(|(_, value)| value))
        }
    }

    buffer.clear();
    rmp_serde::encode::write(buffer, &Values(record)).expect("a Vec takes every byte");
}

/// The record as a JSON object.
pub(crate) fn json(record: &[Field<'_>]) -> serde_json::Value {
    record.iter().map(|(name, value)| (*name, serde_json::json!(value))).collect()
}

/// Up to this number a float can hold every whole number.
const WHOLE: f64 = 9_007_199_254_740_992.0;

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Integer(value) => serializer.serialize_i64(value),
            Self::Count(value) => serializer.serialize_u64(value),
            // A whole number is an integer of 1 to 9 bytes and any other a float of 9: a packed position, with its
            // zeros and round prices, is a sixth shorter for it.
            Self::Number(value) if value.abs() <= WHOLE && value as i64 as f64 == value => {
                serializer.serialize_i64(value as i64)
            }
            Self::Number(value) => serializer.serialize_f64(value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Flag(value) => serializer.serialize_bool(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> [Field<'static>; 6] {
        record!(n: -7, x: 1.10345, y: 10_000.0, z: -1e21, yes: true, text: "Купить")
    }

    #[test]
    fn fields_are_names_and_values_in_turn() {
        let mut items = Vec::new();
        fields(&sample(), |item| items.push(String::from_utf8(item.to_vec()).unwrap()));
        assert_eq!(items.join(" "), "n -7 x 1.10345 y 10000 z -1e21 yes 1 text Купить");
    }

    #[test]
    fn packed_is_an_array_in_the_same_order() {
        let mut buffer = vec![1, 2, 3];
        packed(&sample(), &mut buffer);
        assert_eq!(buffer[0], 0x96, "an array of six");
        let back: (i64, f64, f64, f64, bool, String) = rmp_serde::from_slice(&buffer).unwrap();
        assert_eq!(back, (-7, 1.10345, 10_000.0, -1e21, true, "Купить".into()));
        let back: (i64, f64, i64, f64, bool, String) = rmp_serde::from_slice(&buffer).unwrap();
        assert_eq!(back.2, 10_000, "a whole number is an integer");
    }

    #[test]
    fn producers_differ() {
        assert_ne!(Producer::random(), Producer::random());
        assert_eq!(Producer::random().as_str().len(), 16);
    }
}
