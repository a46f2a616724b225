//! rtss: each accepted signal is in its source's stream exactly once, unaltered, in order, and names its predecessor.
//! The stream will expire, and the shard's list names the source.

use std::collections::HashSet;

use anyhow::Result;
use mt5_redis::model::signal::*;
use mt5_redis::model::trade::MT5REDIS_SIDE_BUY;
use redis::Connection;
use rmpv::Value;

use super::check::watermark;
use super::values::Expected;
use super::{Reader, SCHEMA, Verdict};
use crate::ledger::{Ledger, SignalGiven};

const PAGE: usize = 1000;
/// The positions of producer and sequence in a record.
const PRODUCER: usize = 1;
const SEQUENCE: usize = 2;

/// An entry: its id, then alternating fields and values.
type Entry = (String, Vec<Vec<u8>>);

/// Checks the lane; returns the keys that belong to it.
pub(super) fn check(
    reader: &mut Reader,
    ledgers: &[Ledger],
    verdict: &mut Verdict,
) -> Result<HashSet<String>> {
    let mut keys = HashSet::new();
    for ledger in ledgers {
        let shard = reader.shard(&ledger.instance)?;
        let mut stream = Stream::new(shard, ledger);
        let connection = reader.of(&stream.key)?;
        stream.read(connection, verdict)?;
        for (given, _) in ledger.signals.iter().zip(&stream.seen).filter(|(_, seen)| !**seen) {
            verdict.lost += 1;
            verdict.find(format!("signal {} of {} is lost", given.sequence, ledger.instance));
        }
        let (key, list) = (stream.watermark(), format!("sl:{{{shard}}}"));
        let (committed, listed, life_ms): (Option<String>, Option<f64>, i64) = redis::pipe()
            .cmd("GET")
            .arg(&key)
            .cmd("ZSCORE")
            .arg(&list)
            .arg(&ledger.instance)
            .cmd("PTTL")
            .arg(&stream.key)
            .query(connection)?;
        let last = ledger.signals.last().map(|given| given.sequence);
        watermark(&key, committed.as_deref(), last, verdict);
        if life_ms == -1 {
            verdict.find(format!("{} has no time to live", stream.key));
        }
        if listed.is_none() && last.is_some() {
            verdict.find(format!("{list} lacks {}, so no reader finds its signals", ledger.instance));
        }
        keys.extend([key, list, stream.key]);
    }
    for shard in 0..reader.shards() {
        listed(reader, &format!("sl:{{{shard}}}"), &keys, verdict)?;
    }
    Ok(keys)
}

/// A list must name only sources that sent signals.
fn listed(reader: &mut Reader, list: &str, keys: &HashSet<String>, verdict: &mut Verdict) -> Result<()> {
    let sources: Vec<String> = redis::cmd("ZRANGE").arg(list).arg(0).arg(-1).query(reader.of(list)?)?;
    for source in sources {
        if !keys.contains(&format!("{}:{source}", list.replacen("sl:", "ss:", 1))) {
            verdict.find(format!("{list} names {source}, which never sent a signal"));
        }
    }
    Ok(())
}

/// The stream of one source, and which of its accepted signals were found in it.
struct Stream<'a> {
    shard: u16,
    key: String,
    ledger: &'a Ledger,
    seen: Vec<bool>,
    last: u64,
}

impl<'a> Stream<'a> {
    fn new(shard: u16, ledger: &'a Ledger) -> Self {
        let key = format!("ss:{{{shard}}}:{}", ledger.instance);
        Self { shard, key, ledger, seen: vec![false; ledger.signals.len()], last: 0 }
    }

    fn watermark(&self) -> String {
        format!("wm:{{{}}}:{}:{}", self.shard, self.ledger.instance, self.ledger.producers[2])
    }

    fn read(&mut self, connection: &mut Connection, verdict: &mut Verdict) -> Result<()> {
        let mut from = "-".to_owned();
        loop {
            let mut page = redis::cmd("XRANGE");
            let entries: Vec<Entry> =
                page.arg(&self.key).arg(&from).arg("+").arg("COUNT").arg(PAGE).query(connection)?;
            for (id, fields) in &entries {
                self.entry(id, fields, verdict);
            }
            match entries.last() {
                Some((id, _)) => from = format!("({id}"),
                None => return Ok(()),
            }
        }
    }

    fn entry(&mut self, id: &str, fields: &[Vec<u8>], verdict: &mut Verdict) {
        let Self { key, ledger, .. } = self;
        let record = match fields {
            [name, packed] if name == b"d" => rmpv::decode::read_value(&mut packed.as_slice()).ok(),
            _ => None,
        };
        let Some(Value::Array(record)) = record else {
            return verdict.find(format!("entry {id} of {key} is not a packed signal"));
        };
        let name = record.get(PRODUCER).and_then(Value::as_str).unwrap_or_default();
        let sequence = record.get(SEQUENCE).and_then(Value::as_u64).unwrap_or_default();
        if name != ledger.producers[2] {
            return verdict.find(format!("entry {id} of {key} is from an unknown producer {name:?}"));
        }
        let (signals, instance) = (&ledger.signals, &ledger.instance);
        let Ok(at) = signals.binary_search_by_key(&sequence, |given| given.sequence) else {
            return verdict
                .find(format!("entry {id} is signal {sequence} of {instance}, which was never accepted"));
        };
        if self.seen[at] {
            verdict.duplicated += 1;
            return verdict.find(format!("entry {id} is a duplicate of signal {sequence} of {instance}"));
        }
        self.seen[at] = true;
        if sequence < self.last {
            verdict.out_of_order += 1;
            verdict.find(format!("signal {sequence} of {instance} comes after signal {}", self.last));
        }
        self.last = self.last.max(sequence);
        let differences = differences(&expected(ledger, at), &record);
        if differences.is_empty() {
            verdict.committed += 1;
        } else {
            verdict.find(format!("signal {sequence} of {instance}: {}", differences.join(", ")));
        }
    }
}

fn differences(expected: &[(&str, Expected)], found: &[Value]) -> Vec<String> {
    if expected.len() != found.len() {
        return vec![format!("it has {} values, expected {}", found.len(), expected.len())];
    }
    let pairs = expected.iter().zip(found);
    pairs
        .filter(|((_, expected), found)| !expected.is_packed(found))
        .map(|((name, expected), found)| format!("{name} is {found}, accepted as {expected}"))
        .collect()
}

/// The values of a packed signal, in order. Those after its predecessor's sequence say what happened, if it does.
fn expected(ledger: &Ledger, at: usize) -> Vec<(&'static str, Expected)> {
    use Expected::{Integer, Number};
    let SignalGiven { sequence, signal, symbol, comment } = &ledger.signals[at];
    let predecessor = at.checked_sub(1).map_or(0, |before| ledger.signals[before].sequence);
    let text = |text: &str| Expected::text(text);
    let mut values = vec![
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
        ("predecessor", Integer(predecessor as i64)),
    ];
    if signal.event != MT5REDIS_SIGNAL_UNSAID {
        values.extend([
            ("event", Integer(signal.event.into())),
            ("volume before", Number(signal.volume_before)),
            ("volume after", Number(signal.volume_after)),
            ("entry price", Number(signal.entry_price)),
            ("side", text(if signal.side == MT5REDIS_SIDE_BUY { "b" } else { "s" })),
            ("order type", Integer(signal.order_type.into())),
            ("found", Integer(signal.found.into())),
        ]);
    }
    values
}
