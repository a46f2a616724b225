//! RTS: one hash for each position. The same transaction keeps the sets of open and closed positions in step. Opens and
//! closes are always written; states in between coalesce.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use redis::FromRedisValue;
use serde_json::json;

use super::policy::{Policy, Subject, append};
use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::{Class, Failure};
use crate::model::encoding::{Encoding, Producer};
use crate::model::key;
use crate::model::trade::*;
use crate::model::{InstanceId, LaneName, Stamp, Tag};

/// How trade states are written.
pub(crate) struct Rts {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    pub(crate) retention: Duration,
    /// The open positions in Redis, of each instance that was reconciled on this connection.
    open: HashMap<InstanceId, BTreeSet<i64>>,
    scratch: Vec<u8>,
}

impl Rts {
    pub(crate) fn new(producer: Producer, encoding: Encoding, retention: Duration) -> Self {
        Self { producer, encoding, retention, open: HashMap::new(), scratch: Vec::new() }
    }

    fn position(&mut self, record: &TradeRecord, commands: &mut Commands) {
        let TradeBody::Position { state, symbol, comment } = &record.body else { return };
        let instance = record.tag.instance.as_str();
        let trade = key::trade(instance, state.position);
        commands.begin();
        commands.argument(b"HSET");
        commands.argument(trade.as_bytes());
        let fields = record.stamp.trade(&self.producer, state, symbol, comment);
        append(commands, self.encoding, &fields, &mut self.scratch);
        commands.end();

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
        Self::new(self.producer, self.encoding, self.retention)
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
            TradeBody::OpenSet(positions) => {
                json!({ "q": sequence, "t": time_ms, "i": record.tag.instance.as_str(), "open": positions })
            }
        }
    }

    fn size(record: &TradeRecord) -> usize {
        match &record.body {
            TradeBody::Position { .. } => 500,
            TradeBody::OpenSet(positions) => 100 + 24 * positions.len(),
        }
    }

    fn tag(record: &TradeRecord) -> &Tag {
        &record.tag
    }

    fn subject(record: &TradeRecord) -> Option<Subject<'_>> {
        let position = match &record.body {
            TradeBody::Position { state, .. } => state.position,
            TradeBody::OpenSet(_) => 0,
        };
        Some(Subject { instance: record.tag.instance.as_str(), position })
    }

    fn may_be_superseded(record: &TradeRecord) -> bool {
        match &record.body {
            TradeBody::Position { state, .. } => {
                matches!(state.event, MT5REDIS_EVENT_CHANGE | MT5REDIS_EVENT_PRICE)
            }
            TradeBody::OpenSet(_) => true,
        }
    }

    fn prepare(&mut self, records: &[TradeRecord], link: &mut Link) -> Result<(), Failure> {
        for record in records {
            if matches!(record.body, TradeBody::OpenSet(_)) && !self.open.contains_key(&record.tag.instance) {
                let members = match link.ask(&["SMEMBERS", &key::open_trades(record.tag.instance.as_str())]) {
                    Ok(reply) => Vec::<String>::from_redis_value(reply).unwrap_or_default(),
                    // Not a set. The reconcile's DEL removes it, as it does with strange members.
                    Err(failure) if failure.class == Class::Reject => Vec::new(),
                    Err(failure) => return Err(failure),
                };
                let open = members.iter().filter_map(|member| member.parse().ok()).collect();
                self.open.insert(record.tag.instance, open);
            }
        }
        Ok(())
    }

    fn write(&mut self, record: &TradeRecord, commands: &mut Commands) {
        match &record.body {
            TradeBody::Position { .. } => self.position(record, commands),
            TradeBody::OpenSet(positions) => self.open_set(record, positions, commands),
        }
    }

    fn forget(&mut self) {
        self.open.clear();
    }
}
