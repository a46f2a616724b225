//! Compares accepted values with stored ones: text in a hash, MessagePack in an entry.

use std::collections::HashMap;
use std::fmt;

use rmpv::Value;

/// A hash as Redis returns it.
pub type Hash = HashMap<String, Vec<u8>>;

/// What a field must contain.
#[derive(Clone, Debug)]
pub enum Expected {
    Integer(i64),
    Number(f64),
    Text(String),
    /// Any count: only the library knows it.
    AnyCount,
    /// Any integer: only the library measures it.
    AnyInteger,
}

impl Expected {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn is(&self, found: &[u8]) -> bool {
        let Ok(found) = std::str::from_utf8(found) else { return false };
        match self {
            Self::Integer(integer) => found == integer.to_string(),
            Self::Number(number) => found.parse() == Ok(*number),
            Self::Text(text) => found == text,
            Self::AnyCount => found.parse::<u64>().is_ok(),
            Self::AnyInteger => found.parse::<i64>().is_ok(),
        }
    }

    /// Whether a MessagePack value matches.
    pub fn is_packed(&self, found: &Value) -> bool {
        match self {
            Self::Integer(integer) => found.as_i64() == Some(*integer),
            Self::Number(number) => found.as_f64() == Some(*number),
            Self::Text(text) => found.as_str() == Some(text),
            Self::AnyCount => found.is_u64(),
            Self::AnyInteger => found.is_i64(),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::AnyCount => f.write_str("a count"),
            Self::AnyInteger => f.write_str("a number"),
        }
    }
}

/// Every difference between a hash and what it should contain.
pub fn differences(expected: &[(&str, Expected)], found: &Hash) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, expected) in expected {
        match found.get(*name) {
            None => differences.push(format!("{name} is missing")),
            Some(found) if !expected.is(found) => {
                let found = String::from_utf8_lossy(found);
                differences.push(format!("{name} is {found:?}, accepted as {expected}"));
            }
            Some(_) => {}
        }
    }
    let foreign = found.keys().filter(|name| !expected.iter().any(|(known, _)| known == name));
    differences.extend(foreign.map(|name| format!("{name} is an unknown field")));
    differences
}

/// The sequence in a hash.
pub fn sequence(found: &Hash) -> Option<u64> {
    std::str::from_utf8(found.get("q")?).ok()?.parse().ok()
}
