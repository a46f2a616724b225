//! How the lanes differ: how each addresses, coalesces and writes its records.

use std::time::{Duration, Instant};

use redis::Value;
use serde::Serialize;

use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::Failure;
use crate::model::encoding::{self, Encoding, Producer};
use crate::model::key::{self, Key};
use crate::model::{LaneName, Tag};

/// What a record describes: a later record of the same subject may supersede it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Subject<'a> {
    pub(crate) instance: &'a str,
    pub(crate) position: i64,
}

/// What the stream of an instance shows of this producer's records, where no watermark does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Nothing.
    None,
    /// This is the producer's last record there. Later ones may have been there and be gone.
    Last(u64),
    /// No later record is there, because none can be added.
    Only(u64),
}

impl Evidence {
    /// The last record that is certainly there; 0: none.
    pub(crate) fn last(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Last(last) | Self::Only(last) => last,
        }
    }
}

/// Takes a key and a function that writes one command for it.
pub(crate) type Write<'a> = dyn FnMut(&str, &dyn Fn(&mut Commands)) + 'a;

/// How one lane treats its records. A policy lives in the lane's thread. A clone starts without what it has learnt.
pub(crate) trait Policy: Clone + Send + 'static {
    type Record: Clone + Send;

    const LANE: LaneName;

    /// Whether a journal keeps the records until they are in Redis, and a watermark commits them, so that none is
    /// lost and none is written twice.
    const COMMITTED: bool;

    /// The producer that numbers the records.
    fn producer(&self) -> &Producer;

    fn sequence(record: &Self::Record) -> u64;

    /// Appends the record to `bytes`, in the journal's encoding.
    fn store(_record: &Self::Record, _bytes: &mut Vec<u8>) {}

    /// Reads what [`store`](Self::store) wrote.
    fn load(_sequence: u64, _bytes: &[u8]) -> Option<Self::Record> {
        None
    }

    /// The record for a human, with the names of `docs/wire-format.md`.
    fn describe(&self, _record: &Self::Record) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// The record's approximate size in a batch, bytes.
    fn size(record: &Self::Record) -> usize;

    /// Whose record it is. Records with one tag are on one server, and are written in one transaction.
    fn tag(record: &Self::Record) -> &Tag;

    /// Another tag whose watermark is asked for as well, because its next record names the one before it, which the
    /// journal may no longer have.
    fn sibling(_tag: &Tag) -> Option<Tag> {
        None
    }

    /// The watermark of a tag's records. Its key is in the same Cluster slot as all keys that they write.
    fn watermark(&self, tag: &Tag, producer: &str) -> Key {
        key::watermark(tag.instance.as_str(), producer)
    }

    /// What the records themselves show, where a tag's watermark is missing or in doubt.
    fn last_written(&self, _tag: &Tag, _producer: &str, _link: &mut Link) -> Result<Evidence, Failure> {
        Ok(Evidence::None)
    }

    /// What a person must do about a refusal that waiting does not cure.
    fn advice(&self, _tag: &Tag, _refusal: &Failure) -> Option<String> {
        None
    }

    /// The record's subject; none for an event, which nothing can supersede.
    fn subject(record: &Self::Record) -> Option<Subject<'_>>;

    /// Whether a later record of the same subject makes this one superfluous.
    fn may_be_superseded(record: &Self::Record) -> bool;

    /// Asks the server what is needed to write these records. Without records: what a new connection needs.
    fn prepare(&mut self, _records: &[Self::Record], _link: &mut Link) -> Result<(), Failure> {
        Ok(())
    }

    /// Starts a tag's part of a transaction. Its records up to `committed` were written before.
    fn begin(&mut self, _tag: &Tag, _committed: u64) {}

    /// Records up to `missing` were accepted before this one and will never be in Redis.
    fn follow(&mut self, _record: &Self::Record, _missing: u64) {}

    /// Writes the record's commands.
    fn write(&mut self, record: &Self::Record, commands: &mut Commands);

    /// Ends a tag's part of a transaction: expiry, trimming and the like.
    fn finish(&mut self, _tag: &Tag, _commands: &mut Commands) {}

    /// Writes what has no tag, after all transactions. `write` takes each command with its key, because
    /// in a Cluster each key has its own server.
    fn trailer(&mut self, _written: &[&Self::Record], _write: &mut Write) {}

    /// Asks questions that no record depends on. `write` takes each command with a key, which in a Cluster says where
    /// to ask.
    fn questions(&mut self, _written: &[&Self::Record], _write: &mut Write) {}

    /// Takes the answers, one for each question; a refusal is an answer, and none says that the server gave none. The
    /// questions were asked after `asked`.
    fn answered(&mut self, _written: &[&Self::Record], _answers: &[Option<Value>], _asked: Instant) {}

    /// In how long the questions are due, even if there is nothing to write or the server accepts no writes; none: they
    /// are asked with records alone.
    fn questions_due_in(&self) -> Option<Duration> {
        None
    }

    /// Forgets what it has learnt from the server: an exchange failed, or the server changed.
    fn forget(&mut self) {}
}

/// Appends a record to the current command, in the lane's encoding.
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
