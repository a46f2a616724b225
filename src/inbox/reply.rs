//! The replies of stream commands, taken apart.

use redis::Value;

/// An entry: its id and its fields, which are absent where it was deleted.
pub(super) type Entry = ((u64, u64), Option<Vec<Vec<u8>>>);

pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

pub(super) fn array(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => &[],
    }
}

pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        value => std::str::from_utf8(bytes(value)?).ok()?.parse().ok(),
    }
}

pub(super) fn id(value: &Value) -> Option<(u64, u64)> {
    let (ms, number) = std::str::from_utf8(bytes(value)?).ok()?.split_once('-')?;
    Some((ms.parse().ok()?, number.parse().ok()?))
}

/// The value behind a name, in a reply that lists both in turn.
pub(super) fn named<'a>(reply: &'a Value, name: &str) -> Option<&'a Value> {
    array(reply).chunks_exact(2).find(|pair| bytes(&pair[0]) == Some(name.as_bytes())).map(|pair| &pair[1])
}

/// The entries of a range or a claim. A bare nil, which servers before 7.0 put for a deleted entry, has no id
/// to act on.
pub(super) fn entries(value: &Value) -> Vec<Entry> {
    array(value).iter().filter_map(entry).collect()
}

fn entry(value: &Value) -> Option<Entry> {
    let [at, fields] = array(value) else { return None };
    let fields = match fields {
        Value::Array(fields) => {
            Some(fields.iter().filter_map(|field| bytes(field).map(<[u8]>::to_vec)).collect())
        }
        _ => None,
    };
    Some((id(at)?, fields))
}
