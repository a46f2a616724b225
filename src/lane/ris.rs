//! RIS: a heartbeat renews the instance's hash and its time to live in one transaction, because an HSET alone on an
//! expired key would make an instance that never dies. The same pipeline asks for the operator's halts, the governor's
//! directives and the server's time.
//!
//! A halt must be heard in time, also while pressure thins the heartbeats, a full server refuses them, or nobody sends
//! any. So halts are asked for at the interval of heartbeats without pressure, whether a heartbeat is written or not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::policy::{Policy, Subject, Write, append};
use crate::clock::{Skew, own_ms, server_ms};
use crate::halt::{Answer, Halts};
use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::Failure;
use crate::model::encoding::{Encoding, Producer};
use crate::model::equity::{self, MINUTE_MS};
use crate::model::instance::InstanceRecord;
use crate::model::key;
use crate::model::{InstanceId, LaneName, Tag};
use crate::pressure::Pressure;
use crate::pressure::directive::Directive;

/// How long a history of equity is kept after its last sample, ms.
const EQUITY_MS: i64 = 366 * 24 * 3_600_000;

/// How heartbeats are written.
#[derive(Clone)]
pub(crate) struct Ris {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    pub(crate) ttl: Duration,
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) skew: Arc<Skew>,
    pub(crate) halts: Arc<Halts>,
    pub(crate) watch: Watch,
    /// The minute of each instance's last sample of equity on this connection.
    pub(crate) sampled: HashMap<InstanceId, i64>,
}

/// What the lane's thread asked about halts.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    /// The instances of the last questions.
    instances: Vec<InstanceId>,
    /// When they were asked; none: not on this connection.
    asked: Option<Instant>,
}

impl Policy for Ris {
    type Record = InstanceRecord;

    const LANE: LaneName = LaneName::Ris;
    /// Writing a heartbeat twice does no harm.
    const COMMITTED: bool = false;

    fn producer(&self) -> &Producer {
        &self.producer
    }

    fn sequence(record: &InstanceRecord) -> u64 {
        record.stamp.sequence
    }

    fn size(_: &InstanceRecord) -> usize {
        700
    }

    fn tag(record: &InstanceRecord) -> &Tag {
        &record.tag
    }

    fn subject(record: &InstanceRecord) -> Option<Subject<'_>> {
        Some(Subject { instance: record.tag.instance.as_str(), position: 0 })
    }

    fn may_be_superseded(_: &InstanceRecord) -> bool {
        true
    }

    fn write(&mut self, record: &InstanceRecord, commands: &mut Commands) {
        let key = key::instance(record.tag.instance.as_str());
        commands.begin();
        commands.argument(b"HSET");
        commands.argument(key.as_bytes());
        append(commands, self.encoding, &record.fields(&self.producer, self.skew.ms()), &mut Vec::new());
        commands.end();
        commands.begin();
        commands.argument(b"PEXPIRE");
        commands.argument(key.as_bytes());
        commands.integer(self.ttl.as_millis() as i64);
        commands.end();
    }

    /// The list of instances has its own slot in a Cluster, so it cannot be part of a transaction.
    fn trailer(&mut self, written: &[&InstanceRecord], write: &mut Write) {
        if written.is_empty() {
            return;
        }
        write(key::INSTANCE_LIST, &|commands| {
            commands.begin();
            commands.argument(b"ZADD");
            commands.argument(key::INSTANCE_LIST.as_bytes());
            for record in written {
                commands.integer(record.stamp.time_ms);
                commands.argument(record.tag.instance.as_str().as_bytes());
            }
            commands.end();
        });
        written.iter().for_each(|record| self.sample(record, write));
    }

    fn prepare(&mut self, records: &[InstanceRecord], _link: &mut Link) -> Result<(), Failure> {
        if records.is_empty() {
            // A new connection: what was said before it may have changed.
            self.watch.asked = None;
        }
        Ok(())
    }

    fn forget(&mut self) {
        // What was written last may not have arrived.
        self.sampled.clear();
    }

    fn questions_due_in(&self) -> Option<Duration> {
        let instances = self.halts.instances();
        let new = instances.iter().any(|instance| !self.watch.instances.contains(instance));
        match self.watch.asked {
            _ if instances.is_empty() => None,
            Some(asked) if !new => Some(self.pressure.halts_every().saturating_sub(asked.elapsed())),
            _ => Some(Duration::ZERO),
        }
    }

    fn questions(&mut self, written: &[&InstanceRecord], write: &mut Write) {
        if !written.is_empty() {
            write(key::DIRECTIVE, &|commands| commands.command([b"TIME".as_slice()]));
            get(key::DIRECTIVE, write);
            written.iter().for_each(|record| get(&key::directive(record.tag.instance.as_str()), write));
        }
        self.watch = Watch { instances: self.halts.instances(), asked: Some(Instant::now()) };
        if self.watch.instances.is_empty() {
            return;
        }
        get(key::HALT, write);
        self.watch.instances.iter().for_each(|instance| get(&key::halt(instance.as_str()), write));
    }

    fn answered(&mut self, written: &[&InstanceRecord], answers: &[Option<Value>], asked: Instant) {
        let directives = if written.is_empty() { 0 } else { 2 + written.len() };
        let Some((directives, halts)) = answers.split_at_checked(directives) else { return };
        if let [for_all, for_each @ ..] = halts {
            let for_all = Answer::read(key::HALT, for_all.as_ref());
            for (instance, answer) in self.watch.instances.iter().zip(for_each) {
                let for_one = Answer::read(&key::halt(instance.as_str()), answer.as_ref());
                self.halts.answered(instance, &for_all, &for_one);
            }
        }
        let [time, for_all, for_one @ ..] = directives else { return };
        let told = time.as_ref().and_then(server_ms);
        if let Some(ms) = told {
            self.skew.heard(Self::LANE, ms, asked);
        }
        // Without the server's time, its clock is taken to be ours.
        let (now, server_ms) = (Instant::now(), told.unwrap_or_else(own_ms));
        let read = |answer: &Option<Value>| Directive::read(answer.as_ref()?, server_ms, now);
        self.pressure.told(None, read(for_all), now);
        for (record, answer) in written.iter().zip(for_one) {
            self.pressure.told(Some(record.tag.instance), read(answer), now);
        }
    }
}

impl Ris {
    /// Writes the first heartbeat of each minute to the history of equity, to its minute and its hour. The layout's
    /// number, at the end, makes the string as long as it will ever be, so that it never grows. It is no part of the
    /// transaction: a user or a server that refuses it does not keep the heartbeat from being written.
    fn sample(&mut self, record: &InstanceRecord, write: &mut Write) {
        let time_ms = record.stamp.time_ms;
        if self.sampled.insert(record.tag.instance, time_ms / MINUTE_MS) == Some(time_ms / MINUTE_MS) {
            return;
        }
        let key = key::equity(record.tag.instance.as_str());
        let mut set = |at: usize, bytes: &[u8]| {
            write(&key, &|commands| {
                commands.begin();
                commands.argument(b"SETRANGE");
                commands.argument(key.as_bytes());
                commands.integer(at as i64);
                commands.argument(bytes);
                commands.end();
            });
        };
        set(equity::LAYOUT_AT, &[equity::LAYOUT]);
        for (at, bytes, length) in equity::pieces(&record.state, time_ms) {
            set(at, &bytes[..length]);
        }
        write(&key, &|commands| {
            commands.begin();
            commands.argument(b"PEXPIRE");
            commands.argument(key.as_bytes());
            commands.integer(EQUITY_MS);
            commands.end();
        });
    }
}

fn get(key: &str, write: &mut Write) {
    write(key, &|commands| commands.command([b"GET".as_slice(), key.as_bytes()]));
}
