//! The events of one instance's trades: a stream that gets the whole record of each opening, change and closing, and
//! each deal, in the transaction of the position's hash. Prices are no events.
//!
//! A record that is sent again must not be told again: after a refusal, without its watermark, or because a program has
//! started anew and looks back. So a new connection asks the stream once what it has. It needs the last entry of this
//! producer, and the deals and closings since a while before the oldest one that is to be told.

use std::collections::HashSet;

use redis::Value;

use crate::lane::stream::Stream;
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::model::event::{Happened, TradeEvent};
use crate::model::trade::{MT5REDIS_EVENT_CLOSE, TradeBody, TradeRecord};
use crate::model::{InstanceId, Tag, key};

/// How long before a deal or closing the stream may already tell it, ms. Clocks differ, and an hour is added or dropped
/// when a broker's summer time begins or ends.
const MARGIN_MS: i64 = 3 * 3_600_000;
/// How many of the last entries are always looked at.
const LAST_ENTRIES: usize = 64;
/// How many are asked for at a time behind these, and in all.
const PAGE: usize = 500;
const AT_MOST: usize = 20_000;
/// When so many are known, the older half of them is forgotten.
const KNOWN: usize = 10_000;

/// What the stream tells only once.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Fact {
    /// A deal, by its ticket.
    Deal(i64),
    /// A position was closed, and when.
    Closing(i64, i64),
}

/// An instance's events on this connection.
pub(super) struct Events {
    pub(super) stream: Stream,
    /// Whether this transaction adds to the stream.
    pub(super) added: bool,
    /// This producer's last entry when the stream was asked: its records up to here are there.
    there: u64,
    /// The stream was asked for entries since then, ms.
    since_ms: i64,
    /// What is told: the newer half, and the older one.
    told: [HashSet<Fact>; 2],
}

impl Events {
    pub(super) fn new(instance: &InstanceId) -> Self {
        let key = key::trade_events(instance.as_str());
        Self {
            stream: Stream::new(Tag::of(instance), key, None, None),
            added: false,
            there: 0,
            since_ms: i64::MAX,
            told: Default::default(),
        }
    }

    /// Whether the stream must be asked before this record can be told.
    pub(super) fn lacks(&self, record: &TradeRecord) -> bool {
        since(record) < self.since_ms
    }

    /// Asks the stream what it has.
    pub(super) fn ask(
        &mut self,
        record: &TradeRecord,
        producer: &str,
        link: &mut Link,
    ) -> Result<(), Failure> {
        self.since_ms = since(record);
        let (mut until, mut count, mut found) = ("+".to_owned(), LAST_ENTRIES, 0);
        let mut last = None;
        loop {
            let since = if found == 0 { "-".to_owned() } else { self.since_ms.max(0).to_string() };
            let asked = ["XREVRANGE", &self.stream.key, &until, &since, "COUNT", &count.to_string()];
            let entries = match link.ask(&asked) {
                Ok(Value::Array(entries)) => entries,
                Ok(_) => break,
                // Not a stream, or the user may not read it, or the server does not offer this. If it cannot be written
                // either, that is told.
                Err(failure) if matches!(failure.class, Class::Reject | Class::Alarm | Class::Unlisted) => {
                    break;
                }
                Err(failure) => return Err(failure),
            };
            let mut oldest = None;
            for entry in &entries {
                let Some((id, event)) = read(entry) else { continue };
                oldest = Some(id);
                let Some(event) = event else { continue };
                if event.producer == producer {
                    last.get_or_insert(event.sequence);
                }
                self.told[0].extend(fact_of(&event));
            }
            found += entries.len();
            let Some(id) = oldest.filter(|_| entries.len() == count && found < AT_MOST) else { break };
            let ms = id.split_once('-').and_then(|(ms, _)| ms.parse().ok()).unwrap_or(i64::MAX);
            if ms < self.since_ms {
                break;
            }
            (until, count) = (format!("({id}"), PAGE);
        }
        self.there = last.unwrap_or(0);
        self.stream.predecessor = self.there;
        Ok(())
    }

    /// Whether a record is to be told; then it counts as told.
    pub(super) fn tell(&mut self, record: &TradeRecord) -> bool {
        if record.stamp.sequence <= self.there {
            return false;
        }
        let Some(fact) = fact(record) else { return true };
        if self.told.iter().any(|told| told.contains(&fact)) {
            return false;
        }
        if self.told[0].len() >= KNOWN {
            self.told.swap(0, 1);
            self.told[0].clear();
        }
        self.told[0].insert(fact)
    }

    /// Counts an entry of this record. Returns the number of the entry before it.
    pub(super) fn count(&mut self, sequence: u64) -> u64 {
        self.added = true;
        self.stream.added += 1;
        std::mem::replace(&mut self.stream.predecessor, sequence)
    }
}

fn fact(record: &TradeRecord) -> Option<Fact> {
    match &record.body {
        TradeBody::Position { state, .. } => {
            let closed_at = state.closed_at(record.stamp.time_ms);
            (state.event == MT5REDIS_EVENT_CLOSE).then_some(Fact::Closing(state.position, closed_at))
        }
        TradeBody::Deal(body) => Some(Fact::Deal(body.deal.deal)),
        TradeBody::OpenSet(_) => None,
    }
}

fn fact_of(event: &TradeEvent) -> Option<Fact> {
    match &event.what {
        Happened::State { state, .. } => (state.event == MT5REDIS_EVENT_CLOSE)
            .then_some(Fact::Closing(state.position, state.close_time_ms)),
        Happened::Deal { deal, .. } => Some(Fact::Deal(deal.deal)),
        Happened::Gone => None,
    }
}

/// From when on the stream may already tell what this record says, ms. What is told in any case needs the last entries
/// alone.
fn since(record: &TradeRecord) -> i64 {
    let happened_ms = match &record.body {
        TradeBody::Position { state, .. } if state.event == MT5REDIS_EVENT_CLOSE => {
            state.closed_at(record.stamp.time_ms)
        }
        TradeBody::Deal(_) => record.stamp.time_ms,
        _ => return i64::MAX - 1,
    };
    happened_ms - MARGIN_MS
}

/// An entry's id, and the event if it is one.
fn read(entry: &Value) -> Option<(String, Option<TradeEvent>)> {
    let Value::Array(parts) = entry else { return None };
    let [Value::BulkString(id), Value::Array(fields)] = parts.as_slice() else { return None };
    let bytes = |field: &Value| match field {
        Value::BulkString(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    let fields: Vec<_> = fields.iter().map(bytes).collect();
    Some((String::from_utf8_lossy(id).into_owned(), TradeEvent::decode(&fields).ok()))
}
