//! rts: each position shows its last record, open ones without a time to live, closed ones for 30 days. The sets of open
//! and of closed positions are those of a replay of the accepted records.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::Result;
use mt5_redis::model::trade::*;
use redis::Connection;

use super::check::watermark;
use super::values::{self, Expected, Hash};
use super::{Reader, SCHEMA, Verdict};
use crate::ledger::{Ledger, OpenSet, Trade, TradeEntry};

/// How long the default configuration keeps closed positions.
const RETENTION_MS: i64 = 30 * 86_400_000;

/// A position's records.
#[derive(Default)]
struct Position<'a> {
    records: Vec<&'a Trade>,
    /// The sequence of the first open set without it, if no record came after that.
    gone: Option<u64>,
}

/// An instance's positions after all its records.
#[derive(Default)]
struct Book<'a> {
    positions: BTreeMap<i64, Position<'a>>,
    open: BTreeSet<i64>,
    sets: BTreeMap<u64, &'a OpenSet>,
}

impl<'a> Book<'a> {
    fn replay(trades: &'a [TradeEntry]) -> Self {
        let mut book = Self::default();
        for entry in trades {
            match entry {
                TradeEntry::State(trade) => book.state(trade),
                TradeEntry::OpenSet(set) => book.open_set(set),
            }
        }
        book
    }

    fn state(&mut self, trade: &'a Trade) {
        let id = trade.state.position;
        let position = self.positions.entry(id).or_default();
        position.records.push(trade);
        position.gone = None;
        match trade.state.event {
            MT5REDIS_EVENT_OPEN => drop(self.open.insert(id)),
            MT5REDIS_EVENT_CLOSE => drop(self.open.remove(&id)),
            _ => {}
        }
    }

    fn open_set(&mut self, set: &'a OpenSet) {
        let now: BTreeSet<i64> = set.positions.iter().copied().collect();
        for id in self.open.difference(&now) {
            self.positions.entry(*id).or_default().gone = Some(set.sequence);
        }
        self.open = now;
        self.sets.insert(set.sequence, set);
    }
}

/// Checks the lane; returns the keys that belong to it.
pub(super) fn check(
    reader: &mut Reader,
    ledgers: &[Ledger],
    verdict: &mut Verdict,
) -> Result<HashSet<String>> {
    let mut keys = HashSet::new();
    for ledger in ledgers {
        // All keys of an instance are in one slot.
        let connection = reader.of(&format!("to:{{{}}}", ledger.instance))?;
        instance(connection, ledger, verdict, &mut keys)?;
    }
    Ok(keys)
}

fn instance(
    connection: &mut Connection,
    ledger: &Ledger,
    verdict: &mut Verdict,
    keys: &mut HashSet<String>,
) -> Result<()> {
    let tag = &ledger.instance;
    let [open_key, closed_key] = ["to", "tc"].map(|prefix| format!("{prefix}:{{{tag}}}"));
    let watermark_key = format!("wm:{{{tag}}}:{}", ledger.producers[1]);
    let (open, closed, committed): (BTreeSet<i64>, Vec<(i64, f64)>, Option<String>) = redis::pipe()
        .cmd("SMEMBERS")
        .arg(&open_key)
        .cmd("ZRANGE")
        .arg(&closed_key)
        .arg(0)
        .arg(-1)
        .arg("WITHSCORES")
        .cmd("GET")
        .arg(&watermark_key)
        .query(connection)?;

    let book = Book::replay(&ledger.trades);
    let mut closed_expected = BTreeMap::new();
    for (&id, position) in &book.positions {
        let key = format!("ts:{{{tag}}}:{id}");
        let (hash, life_ms): (Hash, i64) =
            redis::pipe().cmd("HGETALL").arg(&key).cmd("PTTL").arg(&key).query(connection)?;
        // Any later open set of the same batch may have marked it.
        let marked = position.gone.and_then(|first| {
            let shown = values::sequence(&hash).filter(|shown| *shown >= first);
            book.sets.get(&shown.unwrap_or(first)).or_else(|| book.sets.get(&first))
        });
        let Some(last) = position.records.last() else { continue };
        let sequences: Vec<u64> = position.records.iter().map(|record| record.sequence).collect();
        verdict.state(&key, &sequences, &fields(ledger, last, marked), &hash);
        let closed_at = match marked {
            Some(set) => Some(set.time_ms),
            None => (last.state.event == MT5REDIS_EVENT_CLOSE).then(|| closed_at(last)),
        };
        check_ttl(&key, life_ms, closed_at.is_some(), verdict);
        closed_expected.extend(closed_at.map(|time_ms| (id, time_ms)));
        keys.insert(key);
    }

    let closed: BTreeMap<i64, i64> = closed.into_iter().map(|(id, score)| (id, score as i64)).collect();
    if closed != closed_expected {
        verdict.find(format!("{closed_key} has {closed:?}, expected {closed_expected:?}"));
    }
    if open == book.open {
        verdict.committed += book.sets.len() as u64;
    } else {
        verdict.lost += u64::from(!book.sets.is_empty());
        verdict.committed += book.sets.len().saturating_sub(1) as u64;
        verdict.find(format!("{open_key} has {open:?}, expected {:?}", book.open));
    }
    let last = ledger.trades.last().map(TradeEntry::sequence);
    watermark(&watermark_key, committed.as_deref(), last, verdict);
    let events_key = super::events::check(connection, ledger, verdict)?;
    keys.extend([open_key, closed_key, watermark_key, events_key]);
    Ok(())
}

fn check_ttl(key: &str, life_ms: i64, closed: bool, verdict: &mut Verdict) {
    match life_ms {
        // The key does not exist, which was found already.
        -2 => {}
        -1 if closed => verdict.find(format!("{key} is closed but never expires")),
        _ if closed && life_ms > RETENTION_MS => {
            verdict.find(format!("{key} is closed but expires only in {life_ms} ms"));
        }
        0.. if !closed => verdict.find(format!("{key} is open but expires in {life_ms} ms")),
        _ => {}
    }
}

fn closed_at(trade: &Trade) -> i64 {
    if trade.state.close_time_ms > 0 { trade.state.close_time_ms } else { trade.state.time_ms }
}

/// The fields of a position's last record, as changed by the open set that no longer contained it.
pub(super) fn fields(
    ledger: &Ledger,
    trade: &Trade,
    gone: Option<&&OpenSet>,
) -> Vec<(&'static str, Expected)> {
    use Expected::{Integer, Number};
    let Trade { sequence, state, symbol, comment } = trade;
    let text = |text: &str| Expected::text(text);
    let (event, status, closed_at) = match state.event {
        MT5REDIS_EVENT_OPEN => ("o", "o", 0),
        MT5REDIS_EVENT_CHANGE => ("m", "o", 0),
        MT5REDIS_EVENT_PRICE => ("p", "o", 0),
        _ => ("c", "c", closed_at(trade)),
    };
    let (sequence, time_ms, event, status, closed_at) = match gone {
        Some(set) => (set.sequence, set.time_ms, "g", "g", set.time_ms),
        None => (*sequence, state.time_ms, event, status, closed_at),
    };
    vec![
        ("v", Integer(SCHEMA)),
        ("p", text(&ledger.producers[1])),
        ("q", Integer(sequence as i64)),
        ("t", Integer(time_ms)),
        ("o", Integer(state.server_offset_s.into())),
        ("e", text(event)),
        ("st", text(status)),
        ("sy", text(symbol)),
        ("sd", text(if state.side == MT5REDIS_SIDE_BUY { "b" } else { "s" })),
        ("vo", Number(state.volume)),
        ("vc", Number(state.volume_closed)),
        ("po", Number(state.price_open)),
        ("pc", Number(state.price_current)),
        ("px", Number(state.price_close)),
        ("sl", Number(state.stop_loss)),
        ("tp", Number(state.take_profit)),
        ("pr", Number(state.profit)),
        ("sw", Number(state.swap)),
        ("cm", Number(state.commission)),
        ("mg", Integer(state.magic)),
        ("ti", Integer(state.ticket)),
        ("to", Integer(state.open_time_ms)),
        ("tc", Integer(closed_at)),
        ("dg", Integer(state.digits.into())),
        ("co", text(comment)),
    ]
}
