//! RTSS: signals are appended to their source's stream and never coalesced. Each carries its predecessor's number, so
//! that a reader finds gaps on any server.
//!
//! The stream expires when its source falls silent. Until then it is trimmed by the server's clock and by length:
//! once a second, and again after every [`TRIM_AFTER`] signals, so that a fast writer cannot outgrow what one XTRIM
//! removes.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;
use serde_json::json;

use super::policy::{Evidence, Policy, Subject, Write, append};
use crate::clock::{Skew, own_ms, server_ms};
use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::{Class, Failure, Refusal};
use crate::model::encoding::{Encoding, Producer};
use crate::model::key::{self, Key};
use crate::model::received::Received;
use crate::model::signal::SignalRecord;
use crate::model::{InstanceId, LaneName};

/// How often a stream is trimmed and the server is asked for its time.
const ONCE: Duration = Duration::from_secs(1);
/// After this many signals a stream is trimmed again.
const TRIM_AFTER: usize = 5_000;
/// The most entries that one XTRIM removes: four times what came since the last one. That takes the server about a
/// millisecond and removes a backlog in steps.
const TRIM_LIMIT: i64 = 20_000;
/// How often a source is announced to readers.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(60);
/// How many of a stream's last entries are searched for this producer's last one.
const LAST_ENTRIES: &str = "64";

/// The highest id that an entry can have: behind it a stream accepts no entry.
const HIGHEST_ID: &[u8] = b"18446744073709551615-18446744073709551615";

/// How signals are written.
#[derive(Clone)]
pub(crate) struct Rtss {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    pub(crate) retention: Duration,
    pub(crate) max_length: u64,
    /// The number of shards. Readers and writers must agree on it.
    pub(crate) shards: u16,
    skew: Arc<Skew>,
    /// The streams of this process's sources.
    streams: Vec<Stream>,
    /// The index of the one that was written last.
    latest: usize,
    /// The clock of a single server, read when it was connected.
    clock: Option<Clock>,
    /// The streams whose server is asked for its time in this exchange.
    asking: Vec<usize>,
    scratch: Vec<u8>,
}

/// What a server's clock said, ms (none: it may not be asked), and when.
type Clock = (Option<u64>, Instant);

/// A source's stream, and what is needed to write it.
#[derive(Clone)]
struct Stream {
    source: InstanceId,
    key: Key,
    /// The number of the last signal.
    predecessor: u64,
    clock: Option<Clock>,
    announced: Option<Instant>,
    trimmed: Option<Instant>,
    /// How many signals were added since then.
    added: usize,
}

impl Rtss {
    pub(crate) fn new(
        producer: Producer,
        encoding: Encoding,
        retention: Duration,
        max_length: u64,
        shards: u16,
        skew: Arc<Skew>,
    ) -> Self {
        Self {
            producer,
            encoding,
            retention,
            max_length,
            shards,
            skew,
            streams: Vec::new(),
            latest: 0,
            clock: None,
            asking: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Asks this key's server for its time.
    fn ask(&self, link: &mut Link, key: &str) -> Result<Clock, Failure> {
        let server = link.route(key)?;
        let mut commands = Commands::new();
        commands.command([b"TIME".as_slice()]);
        let asked = Instant::now();
        link.send(server, &mut commands)?;
        let answer = link.receive(server)?;
        Ok(self.hear(&answer, asked))
    }

    /// Reads the answer to TIME.
    fn hear(&self, answer: &Value, asked: Instant) -> Clock {
        let told = server_ms(answer);
        if let Some(ms) = told {
            self.skew.heard(Self::LANE, ms, asked);
        }
        (told, Instant::now())
    }

    fn shard(&self, source: &InstanceId) -> u16 {
        if self.shards == 1 { 0 } else { key::shard(source.as_str(), self.shards) }
    }

    /// The stream of a source, which becomes the latest.
    fn stream(&mut self, source: &InstanceId) -> &mut Stream {
        // A terminal has one instance, so the latest nearly always fits.
        if self.streams.get(self.latest).is_none_or(|stream| stream.source != *source) {
            let known = self.streams.iter().position(|stream| stream.source == *source);
            self.latest = known.unwrap_or_else(|| {
                let key = key::signals(self.shard(source), source.as_str());
                self.streams.push(Stream::new(*source, key, self.clock));
                self.streams.len() - 1
            });
        }
        &mut self.streams[self.latest]
    }
}

impl Stream {
    fn new(source: InstanceId, key: Key, clock: Option<Clock>) -> Self {
        Self { source, key, predecessor: 0, clock, announced: None, trimmed: None, added: 0 }
    }

    /// The server's time at `now`, ms; none if it may not be asked.
    fn server_ms(&self, now: Instant) -> Option<u64> {
        let (ms, asked) = self.clock?;
        Some(ms? + (now - asked).as_millis() as u64)
    }

    fn trim(&mut self, retention: Duration, max_length: u64, now: Instant, commands: &mut Commands) {
        (self.trimmed, self.added) = (Some(now), 0);
        let oldest = self.server_ms(now).map(|ms| ms.saturating_sub(retention.as_millis() as u64));
        for (strategy, threshold) in [("MINID", oldest), ("MAXLEN", Some(max_length))] {
            let Some(threshold) = threshold else { continue };
            commands.begin();
            commands.argument(b"XTRIM");
            commands.argument(self.key.as_bytes());
            commands.argument(strategy.as_bytes());
            commands.argument(b"~");
            commands.integer(threshold as i64);
            commands.argument(b"LIMIT");
            commands.integer(TRIM_LIMIT);
            commands.end();
        }
    }

    /// Adds the source to the list that readers discover sources by.
    fn announce(&mut self, shard: u16, now: Instant, commands: &mut Commands) {
        self.announced = Some(now);
        commands.begin();
        commands.argument(b"ZADD");
        commands.argument(key::sources(shard).as_bytes());
        commands.integer(self.server_ms(now).unwrap_or_else(own_ms) as i64);
        commands.argument(self.source.as_str().as_bytes());
        commands.end();
    }
}

fn is_due(last: Option<Instant>, every: Duration, now: Instant) -> bool {
    last.is_none_or(|last| now - last >= every)
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
        json!(record.fields(&self.producer, 0))
    }

    fn size(_: &SignalRecord) -> usize {
        300
    }

    fn instance(record: &SignalRecord) -> &InstanceId {
        &record.instance
    }

    fn watermark(&self, source: &InstanceId, producer: &str) -> Key {
        key::signal_watermark(self.shard(source), source.as_str(), producer)
    }

    fn subject(_: &SignalRecord) -> Option<Subject<'_>> {
        None
    }

    fn may_be_superseded(_: &SignalRecord) -> bool {
        false
    }

    /// The first transaction of a connection needs the server's time to announce its source. A single server is asked
    /// when it is connected, so that no signal waits for that.
    fn prepare(&mut self, records: &[SignalRecord], link: &mut Link) -> Result<(), Failure> {
        if self.clock.is_none() && !link.has_slots() {
            self.clock = Some(self.ask(link, "")?);
        }
        for record in records {
            let stream = self.stream(&record.instance);
            if stream.clock.is_none() {
                let key = stream.key;
                let clock = self.ask(link, &key)?;
                self.stream(&record.instance).clock = Some(clock);
            }
        }
        Ok(())
    }

    fn begin(&mut self, source: &InstanceId, committed: u64) {
        self.stream(source).predecessor = committed;
    }

    fn follow(&mut self, record: &SignalRecord, missing: u64) {
        let stream = self.stream(&record.instance);
        stream.predecessor = stream.predecessor.max(missing);
    }

    fn write(&mut self, record: &SignalRecord, commands: &mut Commands) {
        self.stream(&record.instance);
        let Self { producer, encoding, streams, latest, scratch, .. } = self;
        let stream = &mut streams[*latest];
        let predecessor = mem::replace(&mut stream.predecessor, record.stamp.sequence);
        stream.added += 1;
        commands.begin();
        commands.argument(b"XADD");
        commands.argument(stream.key.as_bytes());
        commands.argument(b"*");
        append(commands, *encoding, &record.fields(producer, predecessor), scratch);
        commands.end();
    }

    fn finish(&mut self, source: &InstanceId, commands: &mut Commands) {
        let (now, shard, retention, max_length) =
            (Instant::now(), self.shard(source), self.retention, self.max_length);
        let stream = self.stream(source);
        commands.begin();
        commands.argument(b"PEXPIRE");
        commands.argument(stream.key.as_bytes());
        commands.integer(retention.as_millis() as i64);
        commands.end();
        if is_due(stream.announced, ANNOUNCE_EVERY, now) {
            stream.announce(shard, now, commands);
        }
        if stream.added >= TRIM_AFTER || is_due(stream.trimmed, ONCE, now) {
            stream.trim(retention, max_length, now, commands);
        }
        if is_due(stream.clock.map(|(_, asked)| asked), ONCE, now) {
            self.asking.push(self.latest);
        }
    }

    fn questions(&mut self, _: &[&SignalRecord], write: &mut Write) {
        for &at in &self.asking {
            write(&self.streams[at].key, &|commands| commands.command([b"TIME".as_slice()]));
        }
    }

    fn answered(&mut self, _: &[&SignalRecord], answers: &[Option<Value>], asked: Instant) {
        for (at, answer) in mem::take(&mut self.asking).into_iter().zip(answers) {
            self.streams[at].clock = Some(self.hear(answer.as_ref().unwrap_or(&Value::Nil), asked));
        }
    }

    /// Finds this producer's last entry in the source's stream.
    fn last_written(
        &self,
        source: &InstanceId,
        producer: &str,
        link: &mut Link,
    ) -> Result<Evidence, Failure> {
        let key = key::signals(self.shard(source), source.as_str());
        let entries = match link.ask(&["XREVRANGE", &key, "+", "-", "COUNT", LAST_ENTRIES]) {
            Ok(Value::Array(entries)) => entries,
            Ok(_) => return Ok(Evidence::None),
            // Not a stream.
            Err(failure) if failure.class == Class::Reject => return Ok(Evidence::Only(0)),
            // The user may not read it.
            Err(failure) if failure.class == Class::Alarm => return Ok(Evidence::None),
            Err(failure) => return Err(failure),
        };
        let sequence = |entry: &Value| {
            let Value::Array(parts) = entry else { return None };
            let [_, Value::Array(fields)] = parts.as_slice() else { return None };
            let fields: Vec<_> = fields
                .iter()
                .map(|field| match field {
                    Value::BulkString(bytes) => bytes.clone(),
                    _ => Vec::new(),
                })
                .collect();
            let signal = Received::decode(&fields).ok().filter(|signal| !signal.retried)?;
            (signal.producer == producer && signal.instance == source.as_str()).then_some(signal.sequence)
        };
        let is_full = matches!(entries.first(), Some(Value::Array(parts))
            if matches!(parts.first(), Some(Value::BulkString(id)) if id == HIGHEST_ID));
        Ok(match entries.iter().find_map(sequence) {
            Some(last) if is_full => Evidence::Only(last),
            Some(last) => Evidence::Last(last),
            None => Evidence::None,
        })
    }

    fn advice(&self, source: &InstanceId, refusal: &Failure) -> Option<String> {
        let key = key::signals(self.shard(source), source.as_str());
        (refusal.refusal == Some(Refusal::OutOfIds)).then(|| {
            format!(
                "ALARM: {key} has no ids left: delete the entries at its end whose ids are in the future (XREVRANGE, \
                 XDEL), then XSETID {key} <id of the last good entry>"
            )
        })
    }

    fn forget(&mut self) {
        self.clock = None;
        self.streams.clear();
        self.asking.clear();
    }
}
