//! RIS: a heartbeat renews the instance's hash and its time to live in one transaction, because an HSET alone on an
//! expired key would make an instance that never dies. The same pipeline asks for the governor's directives and the
//! server's time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::policy::{Policy, Subject, Write, append};
use crate::clock::{Skew, own_ms, server_ms};
use crate::link::commands::Commands;
use crate::model::encoding::{Encoding, Producer};
use crate::model::instance::InstanceRecord;
use crate::model::key;
use crate::model::{InstanceId, LaneName};
use crate::pressure::Pressure;
use crate::pressure::directive::Directive;

/// How heartbeats are written.
#[derive(Clone)]
pub(crate) struct Ris {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    pub(crate) ttl: Duration,
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) skew: Arc<Skew>,
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

    fn instance(record: &InstanceRecord) -> &InstanceId {
        &record.instance
    }

    fn subject(record: &InstanceRecord) -> Option<Subject<'_>> {
        Some(Subject { instance: record.instance.as_str(), position: 0 })
    }

    fn may_be_superseded(_: &InstanceRecord) -> bool {
        true
    }

    fn write(&mut self, record: &InstanceRecord, commands: &mut Commands) {
        let key = key::instance(record.instance.as_str());
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
                commands.argument(record.instance.as_str().as_bytes());
            }
            commands.end();
        });
    }

    fn questions(&self, written: &[&InstanceRecord], write: &mut Write) {
        if written.is_empty() {
            return;
        }
        write(key::DIRECTIVE, &|commands| commands.command([b"TIME".as_slice()]));
        write(key::DIRECTIVE, &|commands| commands.command([b"GET".as_slice(), key::DIRECTIVE.as_bytes()]));
        for record in written {
            let key = key::directive(record.instance.as_str());
            write(&key, &|commands| commands.command([b"GET".as_slice(), key.as_bytes()]));
        }
    }

    fn answered(&mut self, written: &[&InstanceRecord], answers: &[Value], asked: Instant) {
        let [time, for_all, for_one @ ..] = answers else { return };
        let told = server_ms(time);
        if let Some(ms) = told {
            self.skew.heard(Self::LANE, ms, asked);
        }
        // Without the server's time, its clock is taken to be ours.
        let (now, server_ms) = (Instant::now(), told.unwrap_or_else(own_ms));
        self.pressure.told(None, Directive::read(for_all, server_ms, now), now);
        for (record, answer) in written.iter().zip(for_one) {
            self.pressure.told(Some(record.instance), Directive::read(answer, server_ms, now), now);
        }
    }
}
