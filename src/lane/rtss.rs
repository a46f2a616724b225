//! RTSS: signals are appended to their source's stream, and execution reports to their follower's. None is ever
//! coalesced. Each carries the number of its predecessor in the same stream, so that a reader finds gaps on any server.
//!
//! A stream expires when its writer falls silent. Until then it is trimmed by the server's clock and by length: once a
//! second, and again after every 5,000 entries, so that a fast writer cannot outgrow what one XTRIM removes.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;
use serde_json::json;

use super::policy::{Evidence, Policy, Subject, Write, append};
use super::stream::{Clock, Stream, advice, ask_time};
use crate::clock::{Skew, server_ms};
use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::{Class, Failure};
use crate::model::encoding::{Encoding, Producer};
use crate::model::key::{self, Key};
use crate::model::message::Message;
use crate::model::received::Received;
use crate::model::reported::Reported;
use crate::model::{LaneName, Tag};

/// How many of a stream's last entries are searched for this producer's last one.
const LAST_ENTRIES: &str = "64";

/// The highest id that an entry can have: behind it a stream accepts no entry.
const HIGHEST_ID: &[u8] = b"18446744073709551615-18446744073709551615";

/// How signals and reports are written.
#[derive(Clone)]
pub(crate) struct Rtss {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    /// How long signals are kept, and how long reports.
    retention: [Duration; 2],
    max_length: u64,
    /// The number of shards. Readers and writers must agree on it.
    shards: u16,
    skew: Arc<Skew>,
    /// The streams of this process's instances.
    streams: Vec<Stream>,
    /// The index of the one that was written last.
    latest: usize,
    /// The clock of a single server, read when it was connected.
    clock: Option<Clock>,
    /// The streams whose server is asked for its time in this exchange.
    asking: Vec<usize>,
    scratch: Vec<u8>,
}

impl Rtss {
    pub(crate) fn new(
        producer: Producer,
        encoding: Encoding,
        retention: [Duration; 2],
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
        let (answer, asked) = ask_time(link, key)?;
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

    fn shard(&self, tag: &Tag) -> u16 {
        if self.shards == 1 { 0 } else { key::shard(tag.instance.as_str(), self.shards) }
    }

    /// The stream of a tag, which becomes the latest.
    fn stream(&mut self, tag: &Tag) -> &mut Stream {
        // A terminal has one instance, so the latest nearly always fits.
        if self.streams.get(self.latest).is_none_or(|stream| stream.tag != *tag) {
            let known = self.streams.iter().position(|stream| stream.tag == *tag);
            self.latest = known.unwrap_or_else(|| {
                let shard = self.shard(tag);
                let listed = (!tag.reports).then_some(shard);
                self.streams.push(Stream::new(*tag, key_of(tag, shard), listed, self.clock));
                self.streams.len() - 1
            });
        }
        &mut self.streams[self.latest]
    }
}

impl Policy for Rtss {
    type Record = Message;

    const LANE: LaneName = LaneName::Rtss;
    const COMMITTED: bool = true;

    fn producer(&self) -> &Producer {
        &self.producer
    }

    fn sequence(record: &Message) -> u64 {
        record.stamp().sequence
    }

    fn store(record: &Message, bytes: &mut Vec<u8>) {
        record.store(bytes);
    }

    fn load(sequence: u64, bytes: &[u8]) -> Option<Message> {
        Message::load(sequence, bytes)
    }

    fn describe(&self, record: &Message) -> serde_json::Value {
        match record {
            Message::Signal(signal) => json!(signal.fields(&self.producer, 0)),
            Message::Report(report) => json!(report.fields(&self.producer, 0)),
        }
    }

    fn size(_: &Message) -> usize {
        300
    }

    fn tag(record: &Message) -> &Tag {
        record.tag()
    }

    /// A follower's journal may have nothing but reports. If it signals too, its next signal names the one before.
    fn sibling(tag: &Tag) -> Option<Tag> {
        tag.reports.then(|| Tag::of(&tag.instance))
    }

    fn watermark(&self, tag: &Tag, producer: &str) -> Key {
        let (shard, instance) = (self.shard(tag), tag.instance.as_str());
        if tag.reports {
            key::report_watermark(shard, instance, producer)
        } else {
            key::signal_watermark(shard, instance, producer)
        }
    }

    fn subject(_: &Message) -> Option<Subject<'_>> {
        None
    }

    fn may_be_superseded(_: &Message) -> bool {
        false
    }

    /// The first transaction of a connection needs the server's time to announce who writes. A single server is
    /// asked when it is connected, so that no signal waits for that.
    fn prepare(&mut self, records: &[Message], link: &mut Link) -> Result<(), Failure> {
        if !link.has_slots() {
            // Each stream takes over this clock.
            if self.clock.is_none() {
                self.clock = Some(self.ask(link, "")?);
            }
            return Ok(());
        }
        for record in records {
            let tag = Self::tag(record);
            let stream = self.stream(tag);
            if stream.clock.is_none() {
                let key = stream.key;
                let clock = self.ask(link, &key)?;
                self.stream(tag).clock = Some(clock);
            }
        }
        Ok(())
    }

    fn begin(&mut self, tag: &Tag, committed: u64) {
        self.stream(tag).predecessor = committed;
    }

    fn follow(&mut self, record: &Message, missing: u64) {
        let stream = self.stream(Self::tag(record));
        stream.predecessor = stream.predecessor.max(missing);
    }

    fn write(&mut self, record: &Message, commands: &mut Commands) {
        self.stream(Self::tag(record));
        let Self { producer, encoding, streams, latest, scratch, .. } = self;
        let stream = &mut streams[*latest];
        let predecessor = mem::replace(&mut stream.predecessor, record.stamp().sequence);
        stream.added += 1;
        commands.begin_with(&stream.entry);
        match record {
            Message::Signal(signal) => {
                append(commands, *encoding, &signal.fields(producer, predecessor), scratch)
            }
            Message::Report(report) => {
                append(commands, *encoding, &report.fields(producer, predecessor), scratch)
            }
        }
        commands.end();
    }

    fn finish(&mut self, tag: &Tag, commands: &mut Commands) {
        let (retention, max_length) = (self.retention[usize::from(tag.reports)], self.max_length);
        if self.stream(tag).finish(retention, max_length, commands) {
            self.asking.push(self.latest);
        }
    }

    fn questions(&mut self, _: &[&Message], write: &mut Write) {
        for &at in &self.asking {
            write(&self.streams[at].key, &|commands| commands.command([b"TIME".as_slice()]));
        }
    }

    fn answered(&mut self, _: &[&Message], answers: &[Option<Value>], asked: Instant) {
        for (at, answer) in mem::take(&mut self.asking).into_iter().zip(answers) {
            self.streams[at].clock = Some(self.hear(answer.as_ref().unwrap_or(&Value::Nil), asked));
        }
    }

    /// Finds this producer's last entry in the tag's stream.
    fn last_written(&self, tag: &Tag, producer: &str, link: &mut Link) -> Result<Evidence, Failure> {
        let key = key_of(tag, self.shard(tag));
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
            let (whose, instance, sequence) = if tag.reports {
                let report = Reported::decode(&fields).ok()?;
                (report.producer, report.instance, report.sequence)
            } else {
                let signal = Received::decode(&fields).ok().filter(|signal| !signal.retried)?;
                (signal.producer, signal.instance, signal.sequence)
            };
            (whose == producer && instance == tag.instance.as_str()).then_some(sequence)
        };
        let is_full = matches!(entries.first(), Some(Value::Array(parts))
            if matches!(parts.first(), Some(Value::BulkString(id)) if id == HIGHEST_ID));
        Ok(match entries.iter().find_map(sequence) {
            Some(last) if is_full => Evidence::Only(last),
            Some(last) => Evidence::Last(last),
            None => Evidence::None,
        })
    }

    fn advice(&self, tag: &Tag, refusal: &Failure) -> Option<String> {
        advice(&key_of(tag, self.shard(tag)), refusal)
    }

    fn forget(&mut self) {
        self.clock = None;
        self.streams.clear();
        self.asking.clear();
    }
}

/// The key of a tag's stream.
fn key_of(tag: &Tag, shard: u16) -> Key {
    if tag.reports {
        key::reports(shard, tag.instance.as_str())
    } else {
        key::signals(shard, tag.instance.as_str())
    }
}
