//! Redis as a reader finds it: on a connection of its own, by the keys of `docs/wire-format.md`.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Connection, cmd};

use super::content::{INSTANCES, SIGNAL_FIELDS, TRADE_FIELDS};
use super::values::Record;

/// A record, or why it is none.
type Read = Result<Record, String>;

/// The positions of the first instance.
#[derive(Clone, Default)]
pub struct Positions {
    /// Each with whether it expires.
    pub hashes: BTreeMap<i64, (Read, bool)>,
    pub open: BTreeSet<i64>,
    pub closed: BTreeMap<i64, f64>,
}

/// All signals, in the stream's order.
pub fn signals(client: &mut Connection) -> Vec<Read> {
    let mut signals = Vec::new();
    let mut from = "-".to_owned();
    loop {
        let page: Vec<(String, Vec<Vec<u8>>)> = cmd("XRANGE")
            .arg("ss:{0}")
            .arg(&from)
            .arg("+")
            .arg("COUNT")
            .arg(10_000)
            .query(client)
            .expect("a stream");
        let Some((last, _)) = page.last() else { return signals };
        from = format!("({last}");
        signals.extend(page.into_iter().map(|(_, items)| Record::read(items, &SIGNAL_FIELDS)));
    }
}

/// The positions of the instance that has some.
pub fn positions(client: &mut Connection) -> Positions {
    let instance = INSTANCES[0];
    let prefix = format!("ts:{{{instance}}}:");
    let keys: Vec<String> = cmd("KEYS").arg(format!("{prefix}*")).query(client).expect("keys");
    let mut positions = Positions::default();
    for key in keys {
        let id = key[prefix.len()..].parse().expect("a position's identifier");
        let items = cmd("HGETALL").arg(&key).query(client).expect("a hash");
        let expires: i64 = cmd("PTTL").arg(&key).query(client).expect("a time");
        positions.hashes.insert(id, (Record::read(items, &TRADE_FIELDS), expires >= 0));
    }
    positions.open = cmd("SMEMBERS").arg(format!("to:{{{instance}}}")).query(client).expect("a set");
    let closed: Vec<(i64, f64)> = cmd("ZRANGE")
        .arg(format!("tc:{{{instance}}}"))
        .arg(0)
        .arg(-1)
        .arg("WITHSCORES")
        .query(client)
        .expect("a sorted set");
    positions.closed = closed.into_iter().collect();
    positions
}

/// The last sequence number that the server says is committed, under whichever name.
pub fn watermark(client: &mut Connection, tag: &str) -> u64 {
    let keys: Vec<String> = cmd("KEYS").arg(format!("wm:{{{tag}}}:*")).query(client).expect("keys");
    let values = keys.iter().map(|key| cmd("GET").arg(key).query(client).expect("a number"));
    values.max().unwrap_or(0)
}
