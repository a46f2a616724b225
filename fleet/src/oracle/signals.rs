//! RTSS: each accepted signal is in the stream exactly once, with its values, and those of one producer
//! stand in the order of their sequences.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use mt5_redis::model::signal::*;
use redis::Connection;
use rmpv::Value;

use super::values::Expected;
use super::{Reader, SCHEMA, Verdict, watermark};
use crate::ledger::{Ledger, SignalGiven};

const PAGE: usize = 1000;
/// The places of producer and sequence in a record.
const PRODUCER: usize = 1;
const SEQUENCE: usize = 2;

/// An entry: its id, and its fields and values in turn.
type Entry = (String, Vec<Vec<u8>>);

/// What was accepted of one producer, and what of it was seen.
struct Producer<'a> {
    ledger: &'a Ledger,
    /// Where its signals should be.
    shard: u16,
    seen: Vec<bool>,
    last: u64,
}

/// Returns the keys that it knows.
pub(super) fn check(
    reader: &mut Reader,
    ledgers: &[Ledger],
    verdict: &mut Verdict,
) -> Result<HashSet<String>> {
    let mut producers: HashMap<&str, Producer> = HashMap::new();
    for ledger in ledgers {
        let shard = reader.shard(&ledger.instance)?;
        let producer = Producer { ledger, shard, seen: vec![false; ledger.signals.len()], last: 0 };
        producers.insert(&ledger.producers[2], producer);
    }

    let mut keys = HashSet::new();
    for shard in 0..reader.shards() {
        let stream = Stream { shard, key: format!("ss:{{{shard}}}") };
        stream.read(reader.of(&stream.key)?, &mut producers, verdict)?;
        keys.insert(stream.key);
    }
    for ledger in ledgers {
        let producer = &producers[ledger.producers[2].as_str()];
        for (given, _) in ledger.signals.iter().zip(&producer.seen).filter(|(_, seen)| !**seen) {
            verdict.lost += 1;
            verdict.find(format!("signal {} of {} is lost", given.sequence, ledger.instance));
        }
        let key = format!("wm:{{{}}}:{}", producer.shard, ledger.producers[2]);
        let committed: Option<String> = redis::cmd("GET").arg(&key).query(reader.of(&key)?)?;
        let last = ledger.signals.last().map(|given| given.sequence);
        watermark(&key, committed.as_deref(), last, verdict);
        keys.insert(key);
    }
    Ok(keys)
}

/// The stream of one shard.
struct Stream {
    shard: u16,
    key: String,
}

impl Stream {
    fn read(
        &self,
        connection: &mut Connection,
        producers: &mut HashMap<&str, Producer>,
        verdict: &mut Verdict,
    ) -> Result<()> {
        let mut from = "-".to_owned();
        loop {
            let mut page = redis::cmd("XRANGE");
            let entries: Vec<Entry> =
                page.arg(&self.key).arg(&from).arg("+").arg("COUNT").arg(PAGE).query(connection)?;
            for (id, fields) in &entries {
                self.entry(id, fields, producers, verdict);
            }
            match entries.last() {
                Some((id, _)) => from = format!("({id}"),
                None => return Ok(()),
            }
        }
    }

    fn entry(
        &self,
        id: &str,
        fields: &[Vec<u8>],
        producers: &mut HashMap<&str, Producer>,
        verdict: &mut Verdict,
    ) {
        let key = &self.key;
        let record = match fields {
            [name, packed] if name == b"d" => rmpv::decode::read_value(&mut packed.as_slice()).ok(),
            _ => None,
        };
        let Some(Value::Array(record)) = record else {
            return verdict.find(format!("entry {id} of {key} is no packed signal"));
        };
        let name = record.get(PRODUCER).and_then(Value::as_str).unwrap_or_default();
        let sequence = record.get(SEQUENCE).and_then(Value::as_u64).unwrap_or_default();
        let Some(producer) = producers.get_mut(name) else {
            return verdict.find(format!("entry {id} of {key} is of a producer {name:?} that nobody knows"));
        };
        if producer.shard != self.shard {
            verdict.find(format!("entry {id} of {key} belongs into shard {}", producer.shard));
        }
        let signals = &producer.ledger.signals;
        let instance = &producer.ledger.instance;
        let Ok(at) = signals.binary_search_by_key(&sequence, |given| given.sequence) else {
            return verdict
                .find(format!("entry {id} is signal {sequence} of {instance}, which was never accepted"));
        };
        if producer.seen[at] {
            verdict.duplicated += 1;
            return verdict.find(format!("entry {id} is signal {sequence} of {instance} once more"));
        }
        producer.seen[at] = true;
        if sequence < producer.last {
            verdict.out_of_order += 1;
            verdict.find(format!("signal {sequence} of {instance} stands behind signal {}", producer.last));
        }
        producer.last = producer.last.max(sequence);
        let differences = differences(&expected(producer.ledger, &signals[at]), &record);
        if differences.is_empty() {
            verdict.committed += 1;
        } else {
            verdict.find(format!("signal {sequence} of {instance}: {}", differences.join(", ")));
        }
    }
}

fn differences(expected: &[(&str, Expected)], found: &[Value]) -> Vec<String> {
    if expected.len() != found.len() {
        return vec![format!("it has {} values, {} are right", found.len(), expected.len())];
    }
    let pairs = expected.iter().zip(found);
    pairs
        .filter(|((_, expected), found)| !expected.is_packed(found))
        .map(|((name, expected), found)| format!("{name} is {found}, accepted was {expected}"))
        .collect()
}

/// The values of a packed signal, by position.
fn expected(ledger: &Ledger, given: &SignalGiven) -> Vec<(&'static str, Expected)> {
    use Expected::{Integer, Number};
    let SignalGiven { sequence, signal, symbol, comment } = given;
    let text = |text: &str| Expected::text(text);
    vec![
        ("version", Integer(SCHEMA)),
        ("producer", text(&ledger.producers[2])),
        ("sequence", Integer(*sequence as i64)),
        ("time", Integer(signal.time_ms)),
        ("server offset", Integer(signal.server_offset_s.into())),
        ("instance", text(&ledger.instance)),
        (
            "action",
            text(match signal.action {
                MT5REDIS_ACTION_BUY => "b",
                MT5REDIS_ACTION_SELL => "s",
                MT5REDIS_ACTION_CLOSE => "c",
                _ => "m",
            }),
        ),
        ("symbol", text(symbol)),
        ("volume", Number(signal.volume)),
        ("price", Number(signal.price)),
        ("stop loss", Number(signal.stop_loss)),
        ("take profit", Number(signal.take_profit)),
        ("magic", Integer(signal.magic)),
        ("position", Integer(signal.position)),
        ("expiry", Integer(signal.expiry_ms)),
        ("comment", text(comment)),
    ]
}
