//! A record as it stands in Redis, in either encoding, compared with what was said.

use std::collections::HashMap;
use std::fmt;

use rmpv::Value;

/// What a field must say.
#[derive(Clone, Debug)]
pub enum Expected {
    Integer(i64),
    Number(f64),
    Text(String),
}

impl Expected {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// What a field says.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// In `fields`.
    Text(Vec<u8>),
    /// In `packed`.
    Packed(Value),
}

impl Found {
    fn is(&self, expected: &Expected) -> bool {
        match (self, expected) {
            (Self::Text(text), Expected::Integer(integer)) => text == integer.to_string().as_bytes(),
            (Self::Text(text), Expected::Number(number)) => {
                std::str::from_utf8(text).is_ok_and(|text| text.parse() == Ok(*number))
            }
            (Self::Text(text), Expected::Text(expected)) => text == expected.as_bytes(),
            (Self::Packed(value), Expected::Integer(integer)) => value.as_i64() == Some(*integer),
            (Self::Packed(value), Expected::Number(number)) => value.as_f64() == Some(*number),
            (Self::Packed(value), Expected::Text(expected)) => value.as_str() == Some(expected),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{:?}", String::from_utf8_lossy(text)),
            Self::Packed(value) => write!(f, "{value}"),
        }
    }
}

/// A record read from Redis.
#[derive(Clone, Debug, Default)]
pub struct Record(pub HashMap<String, Found>);

impl Record {
    /// Takes a hash's or an entry's names and values, and the order of `packed`.
    pub fn read(items: Vec<Vec<u8>>, order: &[&str]) -> Result<Self, String> {
        let mut fields = HashMap::new();
        for pair in items.chunks_exact(2) {
            let name = String::from_utf8_lossy(&pair[0]).into_owned();
            if name != "d" {
                fields.insert(name, Found::Text(pair[1].clone()));
                continue;
            }
            let mut rest = pair[1].as_slice();
            let values = match rmpv::decode::read_value(&mut rest) {
                Ok(Value::Array(values)) if values.len() == order.len() && rest.is_empty() => values,
                other => {
                    return Err(format!("{:?} is no record: {other:?}", pair[1].escape_ascii().to_string()));
                }
            };
            fields
                .extend(order.iter().map(|name| name.to_string()).zip(values.into_iter().map(Found::Packed)));
        }
        Ok(Self(fields))
    }

    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Found::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            Found::Packed(value) => value.as_u64(),
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Found::Text(text) => std::str::from_utf8(text).ok(),
            Found::Packed(value) => value.as_str(),
        }
    }

    /// Every difference from what was said, in words. Producer and numbers are the oracle's to judge.
    pub fn differences(&self, expected: &[(&str, Expected)]) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, expected) in expected {
            match self.0.get(*name) {
                None => differences.push(format!("{name} is missing")),
                Some(found) if !found.is(expected) => {
                    differences.push(format!("{name} is {found}, said was {expected:?}"));
                }
                Some(_) => {}
            }
        }
        let known = |name: &String| {
            ["p", "q", "pq"].contains(&name.as_str()) || expected.iter().any(|(known, _)| known == name)
        };
        differences.extend(
            self.0.keys().filter(|name| !known(name)).map(|name| format!("{name} is no field of it")),
        );
        differences
    }
}
