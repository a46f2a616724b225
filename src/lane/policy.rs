//! What distinguishes the lanes: how a record is addressed, coalesced and written.

use std::time::Instant;

use redis::Value;
use serde::Serialize;

use crate::link::Link;
use crate::link::failure::Failure;
use crate::link::resp::Commands;
use crate::model::encoding::{self, Encoding, Producer};
use crate::model::key::{self, Key};
use crate::model::{InstanceId, LaneName};

/// What a record is the state of, for coalescing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Subject<'a> {
    pub(crate) instance: &'a str,
    pub(crate) position: i64,
}

/// What an instance's records in Redis say of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Nothing.
    None,
    /// This is the last one of the producer; those after it may have been there, too.
    Last(u64),
    /// None after this one is there, since where they would be none can be added.
    Only(u64),
}

impl Evidence {
    /// The last record that is there for certain; 0: none.
    pub(crate) fn last(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Last(last) | Self::Only(last) => last,
        }
    }
}

/// Takes a key, and what writes one command for it.
pub(crate) type Write<'a> = dyn FnMut(&str, &dyn Fn(&mut Commands)) + 'a;

/// How one lane treats its records. A policy lives in the lane's thread; a clone starts afresh.
pub(crate) trait Policy: Clone + Send + 'static {
    type Record: Clone + Send;

    const LANE: LaneName;

    /// Whether its records are kept in a journal until they are in Redis, and committed with a watermark, so
    /// that nothing is lost and nothing is written twice.
    const COMMITTED: bool;

    /// Who numbers the records.
    fn producer(&self) -> &Producer;

    fn sequence(record: &Self::Record) -> u64;

    /// Appends the record to `bytes`, as it stands in the journal.
    fn store(_record: &Self::Record, _bytes: &mut Vec<u8>) {}

    /// Reads what [`store`](Self::store) wrote.
    fn load(_sequence: u64, _bytes: &[u8]) -> Option<Self::Record> {
        None
    }

    /// The record for a human, with the names of `docs/wire-format.md`.
    fn describe(&self, _record: &Self::Record) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// The record's size in a batch, bytes, roughly.
    fn size(record: &Self::Record) -> usize;

    /// Whose record it is. Records of one instance are on one server, and are written in one transaction.
    fn instance(record: &Self::Record) -> &InstanceId;

    /// The watermark of an instance's records. All that they are written to is in the slot of this key.
    fn watermark(&self, instance: &InstanceId, producer: &str) -> Key {
        key::watermark(instance.as_str(), producer)
    }

    /// What the records themselves say, where an instance's watermark is missing or in doubt.
    fn last_written(
        &self,
        _instance: &InstanceId,
        _producer: &str,
        _link: &mut Link,
    ) -> Result<Evidence, Failure> {
        Ok(Evidence::None)
    }

    /// What a person has to do about a refusal of an instance's records that no waiting cures.
    fn advice(&self, _instance: &InstanceId, _refusal: &Failure) -> Option<String> {
        None
    }

    /// What the record is the state of; none if it is an event, which nothing can supersede.
    fn subject(record: &Self::Record) -> Option<Subject<'_>>;

    /// Whether a later record of the same subject makes this one superfluous.
    fn may_be_superseded(record: &Self::Record) -> bool;

    /// Learns from the server what writing these records needs to know; of a new connection, without records.
    fn prepare(&mut self, _records: &[Self::Record], _link: &mut Link) -> Result<(), Failure> {
        Ok(())
    }

    /// Starts an instance's part of a transaction; all of the instance up to `committed` was written before.
    fn begin(&mut self, _instance: &InstanceId, _committed: u64) {}

    /// Before the record that is written next some are missing that were accepted, and will never be in Redis: up
    /// to this number.
    fn follow(&mut self, _record: &Self::Record, _missing: u64) {}

    /// Writes the record's commands.
    fn write(&mut self, record: &Self::Record, commands: &mut Commands);

    /// Writes what an instance's part of a transaction has beyond its records.
    fn finish(&mut self, _instance: &InstanceId, _commands: &mut Commands) {}

    /// Writes what belongs to no instance, after all transactions. In a Cluster each key has a server of its
    /// own, so each command is handed to `write` with its key.
    fn trailer(&mut self, _written: &[&Self::Record], _write: &mut Write) {}

    /// Asks what nobody's record depends on: a refusal is as good as an answer. `write` takes a key, which in
    /// a Cluster says where to ask, and what writes one command.
    fn questions(&self, _written: &[&Self::Record], _write: &mut Write) {}

    /// Hears the answers, one a question, just after the last; the questions were asked after `asked`.
    fn answered(&mut self, _written: &[&Self::Record], _answers: &[Value], _asked: Instant) {}

    /// Forgets what it knows of the server: an exchange failed, or the server is another one.
    fn forget(&mut self) {}
}

/// Appends a record to a command that was begun, in the lane's encoding.
pub(crate) fn append(
    commands: &mut Commands,
    encoding: Encoding,
    record: &impl Serialize,
    scratch: &mut Vec<u8>,
) {
    match encoding {
        Encoding::Fields => encoding::fields(record, |item| commands.argument(item)),
        Encoding::Packed => {
            encoding::packed(record, scratch);
            commands.argument(b"d");
            commands.argument(scratch);
        }
    }
}
