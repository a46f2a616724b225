//! RTSS: signals, appended to a stream and never coalesced. The stream is trimmed by time, once a second
//! at most, with a length as a net below.

use std::time::{Duration, Instant};

use redis::Value;
use serde_json::json;

use super::policy::{LaneName, Policy, Subject, append};
use crate::link::resp::Commands;
use crate::model::encoding::{Encoding, Producer};
use crate::model::key;
use crate::model::signal::SignalRecord;

/// One server has one stream; readers and writers agree on it by this name.
const SHARD: &str = "0";

const TRIM_EVERY: Duration = Duration::from_secs(1);

/// How signals are written.
#[derive(Clone)]
pub(crate) struct Rtss {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    pub(crate) retention: Duration,
    pub(crate) max_length: u64,
    /// The server's clock, ms, from the id of the last entry: a terminal's own may be hours off, and would
    /// trim what others still need.
    server_ms: Option<u64>,
    trimmed: Option<Instant>,
    scratch: Vec<u8>,
}

impl Rtss {
    pub(crate) fn new(producer: Producer, encoding: Encoding, retention: Duration, max_length: u64) -> Self {
        Self {
            producer,
            encoding,
            retention,
            max_length,
            server_ms: None,
            trimmed: None,
            scratch: Vec::new(),
        }
    }
}

impl Policy for Rtss {
    type Record = SignalRecord;

    const LANE: LaneName = LaneName::Rtss;
    const COMMITTED: bool = true;

    fn producer(&self) -> &Producer {
        &self.producer
    }

    fn sequence(record: &SignalRecord) -> u64 {
        record.stamp.sequence
    }

    fn store(record: &SignalRecord, bytes: &mut Vec<u8>) {
        record.store(bytes);
    }

    fn load(sequence: u64, bytes: &[u8]) -> Option<SignalRecord> {
        SignalRecord::load(sequence, bytes)
    }

    fn describe(&self, record: &SignalRecord) -> serde_json::Value {
        json!(record.fields(&self.producer))
    }

    fn size(_: &SignalRecord) -> usize {
        300
    }

    fn tag(_: &SignalRecord) -> &str {
        SHARD
    }

    fn subject(_: &SignalRecord) -> Option<Subject<'_>> {
        None
    }

    fn may_be_superseded(_: &SignalRecord) -> bool {
        false
    }

    fn write(&mut self, record: &SignalRecord, commands: &mut Commands) {
        commands.begin();
        commands.argument(b"XADD");
        commands.argument(key::signals(SHARD).as_bytes());
        commands.argument(b"*");
        append(commands, self.encoding, &record.fields(&self.producer), &mut self.scratch);
        commands.end();
    }

    fn finish(&mut self, tag: &str, commands: &mut Commands) {
        let Some(server_ms) = self.server_ms else { return };
        if self.trimmed.is_some_and(|trimmed| trimmed.elapsed() < TRIM_EVERY) {
            return;
        }
        self.trimmed = Some(Instant::now());
        let oldest = server_ms.saturating_sub(self.retention.as_millis() as u64);
        for (strategy, threshold) in [("MINID", oldest), ("MAXLEN", self.max_length)] {
            commands.begin();
            commands.argument(b"XTRIM");
            commands.argument(key::signals(tag).as_bytes());
            commands.argument(strategy.as_bytes());
            commands.argument(b"~");
            commands.integer(threshold as i64);
            commands.end();
        }
    }

    fn learn(&mut self, replies: &[Value]) {
        let newest = replies.iter().rev().find_map(|reply| match reply {
            Value::BulkString(id) => std::str::from_utf8(id).ok()?.split_once('-')?.0.parse().ok(),
            _ => None,
        });
        self.server_ms = newest.or(self.server_ms);
    }

    fn forget(&mut self) {
        self.server_ms = None;
    }
}
