//! The two encodings of a record: `fields`, a name and a value for each field, and `packed`, one MessagePack array.
//! Both come from the same serde struct, so they cannot disagree.

use std::fmt::{self, Display};
use std::hash::{BuildHasher, RandomState};

use arrayvec::ArrayString;
use serde::ser::{Error as _, Impossible, SerializeStruct};
use serde::{Deserialize, Serialize, Serializer};

/// How a lane encodes its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// One hash field (or stream field) a value: readable in redis-cli, kept in a listpack.
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
        // The standard library seeds its hash maps from the operating system's randomness: enough for a
        // name that must differ between processes, and no crate more.
        let drawn = RandomState::new().hash_one(std::process::id());
        Self(ArrayString::from(&format!("{drawn:016x}")).expect("16 hex digits"))
    }

    /// An id that was drawn before, 16 hex digits.
    pub(crate) fn named(id: &str) -> Self {
        Self(ArrayString::from(id).expect("16 hex digits"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a MessagePack array begins whose count has 16 bits.
const ARRAY_16: u8 = 0xdc;

/// Passes the record's names and values, in turn, to `item`.
pub(crate) fn fields(record: &impl Serialize, item: impl FnMut(&[u8])) {
    record
        .serialize(&mut Items(item))
        .expect("records are flat structs of numbers and texts, which this serializer knows");
}

/// Replaces the content of `buffer` by the record as a MessagePack array.
pub(crate) fn packed(record: &impl Serialize, buffer: &mut Vec<u8>) {
    buffer.clear();
    rmp_serde::encode::write(buffer, record).expect("a Vec takes every byte");
}

/// Adds numbers to the end of a packed record of 16 to 65,535 fields.
pub(crate) fn extend(packed: &mut Vec<u8>, numbers: &[u64]) {
    let [ARRAY_16, high, low, ..] = packed[..] else { unreachable!("a packed record of 16 fields or more") };
    let count = u16::from_be_bytes([high, low]) + numbers.len() as u16;
    packed[1..3].copy_from_slice(&count.to_be_bytes());
    for number in numbers {
        rmp_serde::encode::write(packed, number).expect("a Vec takes every byte");
    }
}

/// A finite number. In MessagePack a whole number is an integer of 1 to 9 bytes and any other a float of 9: a packed
/// position, with its zeros and round prices, is a sixth shorter for it.
#[derive(Clone, Copy)]
pub(crate) struct Number(pub(crate) f64);

/// Up to this number a float can hold every whole number.
const WHOLE: f64 = 9_007_199_254_740_992.0;

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.0 as i64;
        if self.0.abs() <= WHOLE && whole as f64 == self.0 {
            serializer.serialize_i64(whole)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

/// A field that only some records have. A record has all of its kind or none, so that their places are certain.
pub(crate) struct Said<T>(pub(crate) bool, pub(crate) T);

impl<T> Said<T> {
    pub(crate) fn is_left_out(&self) -> bool {
        !self.0
    }
}

impl<T: Serialize> Serialize for Said<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.1.serialize(serializer)
    }
}

/// A serializer for flat structs of numbers, flags, letters and texts. It refuses anything else.
struct Items<F>(F);

macro_rules! integers {
    ($($method:ident: $kind:ty),*) => {$(
        fn $method(self, value: $kind) -> Result<(), fmt::Error> {
            (self.0)(itoa::Buffer::new().format(value).as_bytes());
            Ok(())
        }
    )*};
}

macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $result:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$result, fmt::Error> {
            Err(fmt::Error::custom("not a flat struct"))
        }
    )*};
}

type Never = Impossible<(), fmt::Error>;

impl<F: FnMut(&[u8])> Serializer for &mut Items<F> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeStruct = Self;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStructVariant = Never;

    integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_bool(self, value: bool) -> Result<(), fmt::Error> {
        (self.0)(if value { b"1" } else { b"0" });
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), fmt::Error> {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value);
        (self.0)(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), fmt::Error> {
        (self.0)(value.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), fmt::Error> {
        (self.0)(value.as_bytes());
        Ok(())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    refused! {
        serialize_f32(f32) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple(usize) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), fmt::Error> {
        Err(fmt::Error::custom("not a flat struct"))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), fmt::Error> {
        Err(fmt::Error::custom("not a flat struct"))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), fmt::Error> {
        Err(fmt::Error::custom("not a flat struct"))
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<(), fmt::Error> {
        Err(fmt::Error::custom("not a flat struct"))
    }
}

impl<F: FnMut(&[u8])> SerializeStruct for &mut Items<F> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        (self.0)(name.as_bytes());
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), fmt::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sample<'a> {
        n: i64,
        x: Number,
        y: Number,
        z: Number,
        yes: bool,
        c: char,
        text: &'a str,
    }

    const SAMPLE: Sample = Sample {
        n: -7,
        x: Number(1.10345),
        y: Number(10_000.0),
        z: Number(-1e21),
        yes: true,
        c: 'o',
        text: "Купить",
    };

    #[test]
    fn fields_are_names_and_values_in_turn() {
        let mut items = Vec::new();
        fields(&SAMPLE, |item| items.push(String::from_utf8(item.to_vec()).unwrap()));
        assert_eq!(items.join(" "), "n -7 x 1.10345 y 10000 z -1e21 yes 1 c o text Купить");
    }

    #[test]
    fn packed_is_an_array_in_the_same_order() {
        let mut buffer = vec![1, 2, 3];
        packed(&SAMPLE, &mut buffer);
        assert_eq!(buffer[0], 0x97, "an array of seven");
        let back: (i64, f64, f64, f64, bool, char, String) = rmp_serde::from_slice(&buffer).unwrap();
        assert_eq!(back, (-7, 1.10345, 10_000.0, -1e21, true, 'o', "Купить".into()));
        let back: (i64, f64, i64, f64, bool, char, String) = rmp_serde::from_slice(&buffer).unwrap();
        assert_eq!(back.2, 10_000, "a whole number is an integer");
    }

    #[test]
    fn producers_differ() {
        assert_ne!(Producer::random(), Producer::random());
        assert_eq!(Producer::random().as_str().len(), 16);
    }
}
