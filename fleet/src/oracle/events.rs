//! te: each accepted opening, change and closing is there once, in order, unaltered, and names its predecessor. A
//! position that a set of open positions lacked is told as gone. Prices are not there.

use std::collections::{BTreeSet, HashSet};

use anyhow::Result;
use mt5_redis::model::trade::*;
use redis::Connection;

use super::Verdict;
use super::trades::fields;
use super::values::{self, Expected, Hash};
use crate::ledger::{Ledger, Trade, TradeEntry};

const PAGE: usize = 1000;

/// Checks the stream of one instance; returns its key.
pub(super) fn check(connection: &mut Connection, ledger: &Ledger, verdict: &mut Verdict) -> Result<String> {
    let key = format!("te:{{{}}}", ledger.instance);
    let mut stream = Stream { key: &key, ledger, seen: HashSet::new(), open: BTreeSet::new(), last: 0 };
    let mut from = "-".to_owned();
    loop {
        let entries: Vec<(String, Hash)> =
            redis::cmd("XRANGE").arg(&key).arg(&from).arg("+").arg("COUNT").arg(PAGE).query(connection)?;
        let Some((last, _)) = entries.last() else { break };
        from = format!("({last}");
        entries.iter().for_each(|(id, entry)| stream.entry(id, entry, verdict));
    }
    let Stream { seen, .. } = stream;
    for entry in &ledger.trades {
        if is_event(entry) && !seen.contains(&(entry.sequence(), 0)) {
            verdict.lost += 1;
            verdict.find(format!("event {} of {} is lost", entry.sequence(), ledger.instance));
        }
    }
    if !seen.is_empty() {
        let life_ms: i64 = redis::cmd("PTTL").arg(&key).query(connection)?;
        if life_ms == -1 {
            verdict.find(format!("{key} has no time to live"));
        }
    }
    Ok(key)
}

fn is_event(entry: &TradeEntry) -> bool {
    matches!(entry, TradeEntry::State(trade) if trade.state.event != MT5REDIS_EVENT_PRICE)
}

struct Stream<'a> {
    key: &'a str,
    ledger: &'a Ledger,
    /// The records that were found, and of those that are gone the positions.
    seen: HashSet<(u64, i64)>,
    /// The positions that were told as opened.
    open: BTreeSet<i64>,
    last: u64,
}

impl Stream<'_> {
    fn entry(&mut self, id: &str, found: &Hash, verdict: &mut Verdict) {
        let Self { key, ledger, .. } = *self;
        let number = |name: &str| std::str::from_utf8(found.get(name)?).ok()?.parse::<i64>().ok();
        let sequence = values::sequence(found).unwrap_or_default();
        let gone = found.get("e").is_some_and(|event| event == b"g");
        let position = if gone { number("id").unwrap_or_default() } else { 0 };
        let at = ledger.trades.binary_search_by_key(&sequence, TradeEntry::sequence);
        let Some(entry) = at.ok().map(|at| &ledger.trades[at]) else {
            return verdict
                .find(format!("entry {id} of {key} is record {sequence}, which was never accepted"));
        };
        if !self.seen.insert((sequence, position)) {
            verdict.duplicated += 1;
            return verdict.find(format!("entry {id} of {key} is a duplicate of record {sequence}"));
        }
        if sequence < self.last {
            verdict.out_of_order += 1;
            verdict.find(format!("event {sequence} of {key} comes after event {}", self.last));
        }
        let expected = match entry {
            TradeEntry::State(trade) if !gone && is_event(entry) => self.state(trade, found),
            TradeEntry::OpenSet(set) if gone && !set.positions.contains(&position) => {
                self.open.remove(&position);
                vec![
                    ("v", Expected::Integer(super::SCHEMA)),
                    ("p", Expected::text(&ledger.producers[1])),
                    ("q", Expected::Integer(sequence as i64)),
                    ("t", Expected::Integer(set.time_ms)),
                    ("e", Expected::text("g")),
                    ("st", Expected::text("g")),
                    ("tc", Expected::Integer(set.time_ms)),
                    ("id", Expected::Integer(position)),
                    ("pq", Expected::Integer(self.last as i64)),
                ]
            }
            _ => {
                return verdict
                    .find(format!("entry {id} of {key} is of record {sequence}, which is no such event"));
            }
        };
        self.last = self.last.max(sequence);
        let differences = values::differences(&expected, found);
        if !differences.is_empty() {
            verdict.find(format!("event {sequence} of {key}: {}", differences.join(", ")));
        }
    }

    fn state(&mut self, trade: &Trade, found: &Hash) -> Vec<(&'static str, Expected)> {
        let position = trade.state.position;
        let mut expected = fields(self.ledger, trade, None);
        expected.push(("id", Expected::Integer(position)));
        expected.push(("pq", Expected::Integer(self.last as i64)));
        match trade.state.event {
            // What is open already is told as changed; a set of open positions says that, too.
            MT5REDIS_EVENT_OPEN => {
                let known = !self.open.insert(position) || self.in_a_set(trade);
                if known && found.get("e").is_some_and(|event| event == b"m") {
                    expected.retain(|(name, _)| *name != "e");
                    expected.push(("e", Expected::text("m")));
                }
            }
            MT5REDIS_EVENT_CLOSE => drop(self.open.remove(&position)),
            _ => drop(self.open.insert(position)),
        }
        expected
    }

    fn in_a_set(&self, trade: &Trade) -> bool {
        let sets = self.ledger.trades.iter().take_while(|entry| entry.sequence() < trade.sequence);
        let last = sets.filter_map(|entry| match entry {
            TradeEntry::OpenSet(set) => Some(set),
            TradeEntry::State(_) => None,
        });
        last.last().is_some_and(|set| set.positions.contains(&trade.state.position))
    }
}
