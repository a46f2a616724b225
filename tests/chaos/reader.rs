//! Redis as a reader finds it: on a connection of its own, by the keys of `docs/wire-format.md`.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Connection, cmd};

use super::content::{DEAL_FIELDS, EVENT_FIELDS, INSTANCES, SIGNAL_FIELDS, TRADE_FIELDS};
use super::values::Record;

/// A record, or why it is none.
type Read = Result<Record, String>;

/// The entries of a stream, in its order.
pub type Stream = Vec<Read>;

/// The positions of an instance.
#[derive(Clone, Default)]
pub struct Positions {
    /// Each with whether it expires.
    pub hashes: BTreeMap<i64, (Read, bool)>,
    pub open: BTreeSet<i64>,
    pub closed: BTreeMap<i64, f64>,
}

/// All signals that these servers have, stream by stream.
pub fn signals(clients: &mut [Connection]) -> Vec<Stream> {
    let mut streams = Vec::new();
    for client in clients {
        let keys: Vec<String> = cmd("KEYS").arg("ss:*").query(client).expect("keys");
        streams.extend(keys.iter().map(|key| entries(client, key)));
    }
    streams
}

/// The trade events of each instance, wherever they are.
pub fn events(clients: &mut [Connection]) -> [Stream; INSTANCES.len()] {
    INSTANCES.map(|instance| {
        let key = format!("te:{{{instance}}}");
        let mut stream = Stream::new();
        for client in clients.iter_mut() {
            // A node of a Cluster does not answer for what it has not.
            let there: Vec<String> = cmd("KEYS").arg(&key).query(client).expect("keys");
            if !there.is_empty() {
                stream.extend(read(client, &key, |items| {
                    Record::read(items.clone(), &EVENT_FIELDS).or_else(|_| Record::read(items, &DEAL_FIELDS))
                }));
            }
        }
        stream
    })
}

fn entries(client: &mut Connection, key: &str) -> Stream {
    read(client, key, |items| of(key, Record::read(items, &SIGNAL_FIELDS)?))
}

fn read(client: &mut Connection, key: &str, record: impl Fn(Vec<Vec<u8>>) -> Read) -> Stream {
    let mut records = Vec::new();
    let mut from = "-".to_owned();
    loop {
        let page: Vec<(String, Vec<Vec<u8>>)> = cmd("XRANGE")
            .arg(key)
            .arg(&from)
            .arg("+")
            .arg("COUNT")
            .arg(10_000)
            .query(client)
            .expect("a stream");
        let Some((last, _)) = page.last() else { return records };
        from = format!("({last}");
        records.extend(page.into_iter().map(|(_, items)| record(items)));
    }
}

/// The record, if it is of the source whose stream this is: `ss:{k}:<source>`.
fn of(key: &str, record: Record) -> Read {
    let source = key.splitn(3, ':').nth(2);
    if record.text("i") == source { Ok(record) } else { Err(format!("{key} has {record:?}")) }
}

/// The positions of each instance, wherever they are.
pub fn positions(clients: &mut [Connection]) -> [Positions; INSTANCES.len()] {
    INSTANCES.map(|instance| {
        let mut positions = Positions::default();
        clients.iter_mut().for_each(|client| positions.add(client, instance));
        positions
    })
}

impl Positions {
    /// Adds what this server has.
    fn add(&mut self, client: &mut Connection, instance: &str) {
        let prefix = format!("ts:{{{instance}}}:");
        let keys: Vec<String> = cmd("KEYS").arg(format!("{prefix}*")).query(client).expect("keys");
        if keys.is_empty() {
            // A node of a Cluster that has nothing of it does not answer for it.
            return;
        }
        for key in keys {
            let id = key[prefix.len()..].parse().expect("a position's identifier");
            let items = cmd("HGETALL").arg(&key).query(client).expect("a hash");
            let expires: i64 = cmd("PTTL").arg(&key).query(client).expect("a time");
            self.hashes.insert(id, (Record::read(items, &TRADE_FIELDS), expires >= 0));
        }
        self.open = cmd("SMEMBERS").arg(format!("to:{{{instance}}}")).query(client).expect("a set");
        let closed: Vec<(i64, f64)> = cmd("ZRANGE")
            .arg(format!("tc:{{{instance}}}"))
            .arg(0)
            .arg(-1)
            .arg("WITHSCORES")
            .query(client)
            .expect("a sorted set");
        self.closed = closed.into_iter().collect();
    }
}

/// The last sequence number that the server says is committed, under whichever name.
pub fn watermark(client: &mut Connection, tag: &str) -> u64 {
    let keys: Vec<String> = cmd("KEYS").arg(format!("wm:{{{tag}}}:*")).query(client).expect("keys");
    let values = keys.iter().map(|key| cmd("GET").arg(key).query(client).expect("a number"));
    values.max().unwrap_or(0)
}
