//! RTSS: signals, appended to a stream and never coalesced. The stream is trimmed by time, once a second
//! at most, with a length as a net below.

use std::time::{Duration, Instant};

use redis::Value;
use serde_json::json;

use super::policy::{LaneName, Policy, Subject, append};
use super::source::Tag;
use crate::link::resp::Commands;
use crate::model::encoding::{Encoding, Producer};
use crate::model::key;
use crate::model::signal::SignalRecord;

const TRIM_EVERY: Duration = Duration::from_secs(1);

/// How signals are written.
#[derive(Clone)]
pub(crate) struct Rtss {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    pub(crate) retention: Duration,
    pub(crate) max_length: u64,
    /// The streams that signals are spread over, by instance: readers and writers agree on their number.
    shards: Vec<Shard>,
    scratch: Vec<u8>,
}

/// A stream, and what its trimming needs.
#[derive(Clone)]
struct Shard {
    name: Tag,
    /// The server's clock, ms, from the id of the last entry: a terminal's own may be hours off, and would
    /// trim what others still need.
    server_ms: Option<u64>,
    trimmed: Option<Instant>,
}

impl Rtss {
    pub(crate) fn new(
        producer: Producer,
        encoding: Encoding,
        retention: Duration,
        max_length: u64,
        shards: u16,
    ) -> Self {
        let shard = |number: u16| {
            let name = Tag::from(itoa::Buffer::new().format(number)).expect("five digits fit");
            Shard { name, server_ms: None, trimmed: None }
        };
        let shards = (0..shards).map(shard).collect();
        Self { producer, encoding, retention, max_length, shards, scratch: Vec::new() }
    }

    fn shard(&self, record: &SignalRecord) -> &Shard {
        match self.shards.as_slice() {
            [only] => only,
            shards => &shards[usize::from(key::shard(record.instance.as_str(), shards.len() as u16))],
        }
    }

    fn named(&mut self, tag: &str) -> Option<&mut Shard> {
        self.shards.get_mut(tag.parse::<usize>().ok()?)
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

    fn tag<'a>(&'a self, record: &'a SignalRecord) -> &'a str {
        &self.shard(record).name
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
        commands.argument(key::signals(&self.shard(record).name).as_bytes());
        commands.argument(b"*");
        append(commands, self.encoding, &record.fields(&self.producer), &mut self.scratch);
        commands.end();
    }

    fn finish(&mut self, tag: &str, commands: &mut Commands) {
        let Some(shard) = self.named(tag) else { return };
        let Some(server_ms) = shard.server_ms else { return };
        if shard.trimmed.is_some_and(|trimmed| trimmed.elapsed() < TRIM_EVERY) {
            return;
        }
        shard.trimmed = Some(Instant::now());
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

    fn learn(&mut self, tag: &str, reply: &Value) {
        let Value::BulkString(id) = reply else { return };
        let ms = std::str::from_utf8(id).ok().and_then(|id| id.split_once('-')?.0.parse().ok());
        if let Some(shard) = self.named(tag) {
            shard.server_ms = ms.or(shard.server_ms);
        }
    }

    fn forget(&mut self) {
        self.shards.iter_mut().for_each(|shard| shard.server_ms = None);
    }
}
