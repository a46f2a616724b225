//! The replies of stream commands, taken apart.

use redis::Value;

use super::item::EntryId;
use crate::model::{InstanceId, key};

/// An entry: its id and its fields, which are absent where it was deleted.
pub type Entry = (EntryId, Option<Vec<Vec<u8>>>);

/// The bytes of a string.
pub fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

/// The text of a string.
pub fn text(value: &Value) -> Option<&str> {
    str::from_utf8(bytes(value)?).ok()
}

/// The elements of an array; none of anything else.
pub fn array(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => &[],
    }
}

/// A number, also one that is sent as text.
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        value => text(value)?.parse().ok(),
    }
}

/// The id of an entry.
pub fn id(value: &Value) -> Option<EntryId> {
    EntryId::parse(text(value)?)
}

/// The entries of a range or a claim. Servers before 7.0 put a bare nil for a deleted entry: without an id nothing can
/// be done about it.
pub fn entries(value: &Value) -> Vec<Entry> {
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

/// The entries in a reply to `XREAD` or `XREADGROUP`, by source.
pub fn streams(value: &Value, shard: u16) -> Vec<(InstanceId, Vec<Entry>)> {
    let prefix = key::signals(shard, "");
    let stream = |stream: &Value| {
        let [name, found] = array(stream) else { return None };
        Some((InstanceId::new(text(name)?.strip_prefix(prefix.as_str())?).ok()?, entries(found)))
    };
    array(value).iter().filter_map(stream).collect()
}
