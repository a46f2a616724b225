//! How an entry of a stream becomes a record, in either encoding. Whoever may write the stream can write anything, so a
//! wrong value is an error of one plain, short line. Fields that a later version adds at the end are ignored; a record
//! of another schema is refused.

use std::str::FromStr;

use super::{SCHEMA, check};

/// The longest name of a producer, bytes. The names of this library have 16.
const PRODUCER_LIMIT: usize = 64;
/// The most characters of a wrong value in an error.
const SHOWN: usize = 40;

/// Makes a struct of a record's fields, in the order of `packed`, by the names of `fields`, after the version of the
/// schema. Its `read` takes the names and values of an entry. Fields after a semicolon make a second struct, `tail`: a
/// record has all of them or none.
macro_rules! record {
    (
        $record:ident, $what:literal, $($name:ident: $kind:ty),*
        $(; $tail:ident, $first:ident: $first_kind:ty, $($next:ident: $next_kind:ty),*)?
    ) => {
        struct $record { $($name: $kind,)* $(tail: Option<$tail>)? }

        $(struct $tail { $first: $first_kind, $($next: $next_kind),* })?

        const _: () = {
            use serde::de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
            use $crate::model::SCHEMA;
            use $crate::model::entry::{another_schema, parse, shown, value};

            struct Packed;

            impl<'de> Visitor<'de> for Packed {
                /// The fields, or the version of an unknown schema.
                type Value = Result<$record, u64>;

                fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                    formatter.write_str(concat!("the fields of ", $what))
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                    let version = values.next_element()?.ok_or_else(|| A::Error::missing_field("v"))?;
                    let fields = if version == u64::from(SCHEMA) {
                        Ok($record {
                            $($name: values
                                .next_element()?
                                .ok_or_else(|| A::Error::missing_field(stringify!($name)))?,)*
                            $(tail: match values.next_element()? {
                                None => None,
                                Some($first) => Some($tail {
                                    $first,
                                    $($next: values
                                        .next_element()?
                                        .ok_or_else(|| A::Error::missing_field(stringify!($next)))?),*
                                }),
                            },)?
                        })
                    } else {
                        Err(version)
                    };
                    while values.next_element::<IgnoredAny>()?.is_some() {}
                    Ok(fields)
                }
            }

            impl $record {
                fn read(entry: &[Vec<u8>]) -> Result<Self, String> {
                    if let Some(packed) = value(entry, "d") {
                        return rmp_serde::Deserializer::from_read_ref(packed)
                            .deserialize_seq(Packed)
                            .map_err(|error| format!(concat!("d is not ", $what, ": {}"), shown(&error.to_string())))?
                            .map_err(another_schema);
                    }
                    let version = parse("v", $what, value(entry, "v"))?;
                    if version != u64::from(SCHEMA) {
                        return Err(another_schema(version));
                    }
                    Ok(Self {
                        $($name: parse(stringify!($name), $what, value(entry, stringify!($name)))?,)*
                        $(tail: match value(entry, stringify!($first)) {
                            None => None,
                            first => Some($tail {
                                $first: parse(stringify!($first), $what, first)?,
                                $($next: parse(stringify!($next), $what, value(entry, stringify!($next)))?),*
                            }),
                        },)?
                    })
                }
            }
        };
    };
}
pub(super) use record;

/// The value of this name in an entry.
pub(super) fn value<'a>(entry: &'a [Vec<u8>], name: &str) -> Option<&'a [u8]> {
    entry.chunks_exact(2).find(|pair| pair[0] == name.as_bytes()).map(|pair| &pair[1][..])
}

pub(super) fn parse<T: FromStr>(name: &str, what: &str, value: Option<&[u8]>) -> Result<T, String> {
    let text = value.ok_or_else(|| format!("it has no field {name}, so it is not {what}"))?;
    let text = str::from_utf8(text).map_err(|_| format!("its field {name} is not UTF-8"))?;
    text.parse().map_err(|_| format!("its field {name} has the value {}", shown(text)))
}

pub(super) fn another_schema(version: u64) -> String {
    let update = if version > SCHEMA.into() { "this reader" } else { "the terminal that wrote it" };
    format!("it has schema {version}, and this reader knows schema {SCHEMA}: update {update}")
}

/// A wrong value for a log: short, without characters that control a terminal or hide others.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN).map(|c| if check::steers(c) { '?' } else { c }).collect()
}

/// Checks a text that will be printed, and replaces its control characters by blanks.
pub(super) fn printable(field: &str, text: String, limit: usize) -> Result<String, String> {
    if text.len() > limit {
        return Err(format!("its {field} has {} bytes, more than {limit}", text.len()));
    }
    let controls = text.contains(char::is_control);
    Ok(if controls { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() } else { text })
}

/// Checks the producer and the sequence number of a record.
pub(super) fn numbered(producer: &str, sequence: u64) -> Result<(), String> {
    let name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if producer.is_empty() || producer.len() > PRODUCER_LIMIT || !producer.chars().all(name) {
        return Err(format!("its producer {} is not a valid name", shown(producer)));
    }
    if sequence == 0 || sequence > i64::MAX as u64 {
        return Err(format!("its number {sequence} is outside 1 to {}", i64::MAX));
    }
    Ok(())
}

/// The entry of a record as `fields`, with another value in one of them.
#[cfg(test)]
pub(super) fn changed(record: &impl serde::Serialize, name: &str, value: &str) -> Vec<Vec<u8>> {
    let mut entry = Vec::new();
    super::encoding::fields(record, |item| entry.push(item.to_vec()));
    if let Some(at) = entry.iter().position(|item| item == name.as_bytes()) {
        entry[at + 1] = value.as_bytes().to_vec();
    }
    entry
}
