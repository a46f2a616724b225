//! RTS: one hash for each position. The same transaction keeps the sets of open and closed positions in step, and tells
//! what happened in the stream of events. Prices coalesce; what is an event never does.

mod events;

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::time::{Duration, Instant};

use redis::{FromRedisValue, Value};
use serde_json::json;

use super::policy::{Policy, Subject, Write, append};
use super::stream::{advice, ask_time};
use crate::clock::server_ms;
use crate::config::TradeEvents;
use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::{Class, Failure};
use crate::model::encoding::{Encoding, Producer, extend};
use crate::model::key;
use crate::model::trade::*;
use crate::model::{InstanceId, LaneName, Stamp, Tag};
use events::Events;

/// How trade states are written.
pub(crate) struct Rts {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    pub(crate) retention: Duration,
    /// Whether events are told, and how long they are kept.
    telling: Option<TradeEvents>,
    /// The events of each instance that had one on this connection.
    events: HashMap<InstanceId, Events>,
    /// The instances whose server is asked for its time in this exchange.
    asking: Vec<InstanceId>,
    /// The open positions in Redis, of each instance that was reconciled or opened one on this connection.
    open: HashMap<InstanceId, BTreeSet<i64>>,
    scratch: Vec<u8>,
}

impl Rts {
    pub(crate) fn new(
        producer: Producer,
        encoding: Encoding,
        retention: Duration,
        telling: Option<TradeEvents>,
    ) -> Self {
        let (events, asking) = (HashMap::new(), Vec::new());
        let (open, scratch) = (HashMap::new(), Vec::new());
        Self { producer, encoding, retention, telling, events, asking, open, scratch }
    }

    fn position(&mut self, record: &TradeRecord, commands: &mut Commands) {
        let TradeBody::Position { state, symbol, comment } = &record.body else { return };
        let instance = record.tag.instance.as_str();
        let trade = key::trade(instance, state.position);
        commands.begin();
        commands.argument(b"HSET");
        commands.argument(trade.as_bytes());
        let fields = record.stamp.trade(&self.producer, state, symbol, comment);
        let here = commands.here();
        append(commands, self.encoding, &fields, &mut self.scratch);
        let fields = commands.end_since(here);

        // A program that starts sends every open position as opened.
        let known = state.event == MT5REDIS_EVENT_OPEN
            && self.open.get(&record.tag.instance).is_some_and(|open| open.contains(&state.position));
        let mut buffer = itoa::Buffer::new();
        let id = buffer.format(state.position).as_bytes();
        match state.event {
            MT5REDIS_EVENT_OPEN => {
                // It may have been closed before, and be open again: some brokers reopen positions for the swap.
                commands.command([b"PERSIST", trade.as_bytes()]);
                commands.command([b"SADD", key::open_trades(instance).as_bytes(), id]);
                commands.command([b"ZREM", key::closed_trades(instance).as_bytes(), id]);
                if let Some(open) = self.open.get_mut(&record.tag.instance) {
                    open.insert(state.position);
                }
            }
            MT5REDIS_EVENT_CLOSE => {
                commands.command([b"SREM", key::open_trades(instance).as_bytes(), id]);
                self.closed(instance, state.position, state.closed_at(record.stamp.time_ms), commands);
                self.forget_old(instance, record.stamp.time_ms, commands);
                if let Some(open) = self.open.get_mut(&record.tag.instance) {
                    open.remove(&state.position);
                }
            }
            // Its hash now says that it is open, whatever the set says. If this record is sent again behind a reconcile
            // that closed it, that reconcile, sent again too, must close it again.
            _ => {
                if let Some(open) = self.open.get_mut(&record.tag.instance) {
                    open.insert(state.position);
                }
            }
        }
        if state.event != MT5REDIS_EVENT_PRICE {
            let (producer, encoding) = (self.producer, self.encoding);
            self.tell(record, commands, |predecessor, commands, scratch| {
                if known {
                    let event =
                        record.stamp.trade_event(&producer, predecessor, true, state, symbol, comment);
                    return append(commands, encoding, &event, scratch);
                }
                // The hash's fields and two more: most of a lane's work is to encode.
                match encoding {
                    Encoding::Fields => {
                        commands.repeat(&fields);
                        commands.argument(b"id");
                        commands.integer(state.position);
                        commands.argument(b"pq");
                        commands.integer(predecessor as i64);
                    }
                    Encoding::Packed => {
                        extend(scratch, &[state.position as u64, predecessor]);
                        commands.argument(b"d");
                        commands.argument(scratch);
                    }
                }
            });
        }
    }

    /// Adds an event to its instance's stream, unless it is there. `write` is given the number of the event before it.
    fn tell(
        &mut self,
        record: &TradeRecord,
        commands: &mut Commands,
        write: impl FnOnce(u64, &mut Commands, &mut Vec<u8>),
    ) {
        let Some(events) = self.events.get_mut(&record.tag.instance) else { return };
        if events.tell(record) {
            let predecessor = events.count(record.stamp.sequence);
            commands.begin_with(&events.stream.entry);
            write(predecessor, commands, &mut self.scratch);
            commands.end();
        }
    }

    /// Adds a position to the closed ones, with their retention.
    fn closed(&self, instance: &str, position: i64, time_ms: i64, commands: &mut Commands) {
        commands.begin();
        commands.argument(b"PEXPIRE");
        commands.argument(key::trade(instance, position).as_bytes());
        commands.integer(self.retention.as_millis() as i64);
        commands.end();
        commands.begin();
        commands.argument(b"ZADD");
        commands.argument(key::closed_trades(instance).as_bytes());
        commands.integer(time_ms);
        commands.integer(position);
        commands.end();
    }

    /// Removes closed positions whose hashes have expired.
    fn forget_old(&self, instance: &str, now_ms: i64, commands: &mut Commands) {
        commands.begin();
        commands.argument(b"ZREMRANGEBYSCORE");
        commands.argument(key::closed_trades(instance).as_bytes());
        commands.argument(b"-inf");
        commands.integer(now_ms - self.retention.as_millis() as i64);
        commands.end();
    }

    /// Asks the instance's stream of events what it has, unless that is known, and its server for its time.
    fn ask(&mut self, record: &TradeRecord, link: &mut Link) -> Result<(), Failure> {
        let Self { producer, events, .. } = self;
        let events = events.entry(record.tag.instance).or_insert_with(|| Events::new(&record.tag.instance));
        if !events.lacks(record) {
            return Ok(());
        }
        events.ask(record, producer.as_str(), link)?;
        if events.stream.clock.is_none() {
            let (answer, _) = ask_time(link, &events.stream.key)?;
            events.stream.clock = Some((server_ms(&answer), Instant::now()));
        }
        Ok(())
    }

    fn open_set(&mut self, record: &TradeRecord, positions: &[i64], commands: &mut Commands) {
        let instance = record.tag.instance.as_str();
        let now = positions.iter().copied().collect::<BTreeSet<_>>();
        let before = self.open.insert(record.tag.instance, now.clone()).unwrap_or_default();
        let mut gone = before.difference(&now).peekable();
        let any_gone = gone.peek().is_some();
        for &position in gone {
            commands.begin();
            commands.argument(b"HSET");
            commands.argument(key::trade(instance, position).as_bytes());
            append(commands, Encoding::Fields, &record.stamp.gone(&self.producer), &mut self.scratch);
            commands.end();
            self.closed(instance, position, record.stamp.time_ms, commands);
            let producer = self.producer;
            // As in the hash, where most of the record is known from before.
            self.tell(record, commands, |predecessor, commands, scratch| {
                let event = record.stamp.gone_event(&producer, predecessor, position);
                append(commands, Encoding::Fields, &event, scratch);
            });
        }
        if any_gone {
            self.forget_old(instance, record.stamp.time_ms, commands);
        }
        let key = key::open_trades(instance);
        commands.command([b"DEL", key.as_bytes()]);
        if !now.is_empty() {
            commands.begin();
            commands.argument(b"SADD");
            commands.argument(key.as_bytes());
            now.iter().for_each(|&position| commands.integer(position));
            commands.end();
        }
    }
}

/// A clone serves a new thread and a new connection, so it knows nothing of the server.
impl Clone for Rts {
    fn clone(&self) -> Self {
        Self::new(self.producer, self.encoding, self.retention, self.telling)
    }
}

impl Policy for Rts {
    type Record = TradeRecord;

    const LANE: LaneName = LaneName::Rts;
    const COMMITTED: bool = true;

    fn producer(&self) -> &Producer {
        &self.producer
    }

    fn sequence(record: &TradeRecord) -> u64 {
        record.stamp.sequence
    }

    fn store(record: &TradeRecord, bytes: &mut Vec<u8>) {
        record.store(bytes);
    }

    fn load(sequence: u64, bytes: &[u8]) -> Option<TradeRecord> {
        TradeRecord::load(sequence, bytes)
    }

    fn describe(&self, record: &TradeRecord) -> serde_json::Value {
        let Stamp { sequence, time_ms } = record.stamp;
        match &record.body {
            TradeBody::Position { state, symbol, comment } => {
                let mut value = json!(record.stamp.trade(&self.producer, state, symbol, comment));
                value["i"] = json!(record.tag.instance.as_str());
                value["id"] = json!(state.position);
                value
            }
            TradeBody::Deal(body) => {
                let mut value = json!(record.stamp.deal(&self.producer, 0, body));
                value["i"] = json!(record.tag.instance.as_str());
                value
            }
            TradeBody::OpenSet(positions) => {
                json!({ "q": sequence, "t": time_ms, "i": record.tag.instance.as_str(), "open": positions })
            }
        }
    }

    fn size(record: &TradeRecord) -> usize {
        match &record.body {
            TradeBody::Position { state, .. } if state.event == MT5REDIS_EVENT_PRICE => 500,
            TradeBody::Position { .. } => 1000,
            TradeBody::OpenSet(positions) => 100 + 24 * positions.len(),
            TradeBody::Deal(_) => 400,
        }
    }

    fn tag(record: &TradeRecord) -> &Tag {
        &record.tag
    }

    fn subject(record: &TradeRecord) -> Option<Subject<'_>> {
        let position = match &record.body {
            TradeBody::Position { state, .. } => state.position,
            TradeBody::OpenSet(_) => 0,
            TradeBody::Deal(_) => return None,
        };
        Some(Subject { instance: record.tag.instance.as_str(), position })
    }

    fn may_be_superseded(record: &TradeRecord) -> bool {
        match &record.body {
            TradeBody::Position { state, .. } => state.event == MT5REDIS_EVENT_PRICE,
            TradeBody::OpenSet(_) => true,
            TradeBody::Deal(_) => false,
        }
    }

    fn prepare(&mut self, records: &[TradeRecord], link: &mut Link) -> Result<(), Failure> {
        for record in records {
            let opens = match &record.body {
                TradeBody::Position { state, .. } => {
                    self.telling.is_some() && state.event == MT5REDIS_EVENT_OPEN
                }
                TradeBody::OpenSet(_) => true,
                TradeBody::Deal(_) => false,
            };
            if opens && !self.open.contains_key(&record.tag.instance) {
                let members = match link.ask(&["SMEMBERS", &key::open_trades(record.tag.instance.as_str())]) {
                    Ok(reply) => Vec::<String>::from_redis_value(reply).unwrap_or_default(),
                    // Not a set. The reconcile's DEL removes it, as it does with strange members.
                    Err(failure) if failure.class == Class::Reject => Vec::new(),
                    Err(failure) => return Err(failure),
                };
                let open = members.iter().filter_map(|member| member.parse().ok()).collect();
                self.open.insert(record.tag.instance, open);
            }
            if self.telling.is_some() && may_tell(record) {
                self.ask(record, link)?;
            }
        }
        Ok(())
    }

    fn follow(&mut self, record: &TradeRecord, missing: u64) {
        if let Some(events) = self.events.get_mut(&record.tag.instance) {
            events.stream.predecessor = events.stream.predecessor.max(missing);
        }
    }

    fn write(&mut self, record: &TradeRecord, commands: &mut Commands) {
        match &record.body {
            TradeBody::Position { .. } => self.position(record, commands),
            TradeBody::OpenSet(positions) => self.open_set(record, positions, commands),
            TradeBody::Deal(body) => {
                let (producer, encoding) = (self.producer, self.encoding);
                self.tell(record, commands, |predecessor, commands, scratch| {
                    append(commands, encoding, &record.stamp.deal(&producer, predecessor, body), scratch);
                });
            }
        }
    }

    fn advice(&self, tag: &Tag, refusal: &Failure) -> Option<String> {
        advice(&key::trade_events(tag.instance.as_str()), refusal)
    }

    fn finish(&mut self, tag: &Tag, commands: &mut Commands) {
        let Some(TradeEvents { retention, max_length }) = self.telling else { return };
        let Some(events) = self.events.get_mut(&tag.instance) else { return };
        if mem::take(&mut events.added) && events.stream.finish(retention, max_length, commands) {
            self.asking.push(tag.instance);
        }
    }

    fn questions(&mut self, _: &[&TradeRecord], write: &mut Write) {
        for instance in &self.asking {
            let key = key::trade_events(instance.as_str());
            write(&key, &|commands| commands.command([b"TIME".as_slice()]));
        }
    }

    fn answered(&mut self, _: &[&TradeRecord], answers: &[Option<Value>], _: Instant) {
        for (instance, answer) in mem::take(&mut self.asking).into_iter().zip(answers) {
            if let Some(events) = self.events.get_mut(&instance) {
                events.stream.clock = Some((answer.as_ref().and_then(server_ms), Instant::now()));
            }
        }
    }

    fn forget(&mut self) {
        self.open.clear();
        self.events.clear();
        self.asking.clear();
    }
}

/// Whether a record may become an event.
fn may_tell(record: &TradeRecord) -> bool {
    !matches!(&record.body, TradeBody::Position { state, .. } if state.event == MT5REDIS_EVENT_PRICE)
}

#[cfg(test)]
mod tests;
