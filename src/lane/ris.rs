//! RIS: a heartbeat renews the instance's hash and its time to live in one transaction, because a HSET
//! alone on an expired key would make an instance that never dies.

use std::time::Duration;

use super::policy::{LaneName, Policy, Subject, Write, append};
use crate::link::resp::Commands;
use crate::model::encoding::{Encoding, Producer};
use crate::model::instance::InstanceRecord;
use crate::model::key;

/// How heartbeats are written.
#[derive(Clone)]
pub(crate) struct Ris {
    pub(crate) producer: Producer,
    pub(crate) encoding: Encoding,
    pub(crate) ttl: Duration,
}

impl Policy for Ris {
    type Record = InstanceRecord;

    const LANE: LaneName = LaneName::Ris;
    /// A heartbeat may be written twice without harm.
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

    fn tag<'a>(&'a self, record: &'a InstanceRecord) -> &'a str {
        record.instance.as_str()
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
        append(commands, self.encoding, &record.fields(&self.producer), &mut Vec::new());
        commands.end();
        commands.begin();
        commands.argument(b"PEXPIRE");
        commands.argument(key.as_bytes());
        commands.integer(self.ttl.as_millis() as i64);
        commands.end();
    }

    /// The list of all instances has its own slot in a Cluster, so it cannot be part of a transaction.
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
}
