//! The sources of a shard, found by the list `sl:{k}`. Whoever may signal may add names to it, so a name is believed
//! only if its stream exists, and a look at the list is bounded however long it is.

use std::collections::HashSet;

use redis::Value;

use super::reply;
use super::wire::{Wire, command, good};
use crate::link::failure::Failure;
use crate::model::InstanceId;
use crate::model::key;

/// How many names one command reads, about.
const PAGE: usize = 1000;
/// How many names one look reads, once all were read.
const LOOK: usize = 10_000;

/// The list of one shard, read again and again.
pub(super) struct Catalogue {
    shard: u16,
    shards: u16,
    cursor: String,
    page: usize,
    /// The list was read to its end once.
    complete: bool,
    known: HashSet<InstanceId>,
}

impl Catalogue {
    pub(super) fn new(shard: u16, shards: u16) -> Self {
        Self { shard, shards, cursor: "0".to_owned(), page: PAGE, complete: false, known: HashSet::new() }
    }

    /// Looks at the list, the first time to its end. Returns the sources that were not known and have a stream.
    pub(super) fn look(&mut self, wire: &mut Wire) -> Result<Vec<InstanceId>, Failure> {
        let (mut found, mut read) = (Vec::new(), 0);
        loop {
            let (names, count) = match self.page(wire) {
                Ok(page) => page,
                Err(failure) => {
                    // Names of any length may be in it: the next look asks for fewer of them at once.
                    self.page = (self.page / 10).max(1);
                    return Err(failure);
                }
            };
            read += count;
            let existing = self.existing(wire, names)?;
            self.known.extend(existing.iter().copied());
            found.extend(existing);
            let at_the_end = self.cursor == "0";
            self.complete |= at_the_end;
            if at_the_end || self.complete && read >= LOOK {
                return Ok(found);
            }
        }
    }

    /// A source is looked for again: its stream is gone.
    pub(super) fn forget(&mut self, source: &InstanceId) {
        self.known.remove(source);
    }

    /// Of the next names those that can be a source's here, and how many all are.
    fn page(&mut self, wire: &mut Wire) -> Result<(Vec<InstanceId>, usize), Failure> {
        let list = key::sources(self.shard);
        let page = self.page.to_string();
        let reply = wire.ask(&list, command(["ZSCAN", &list, &self.cursor, "COUNT", &page]))?;
        let parts = reply::array(&reply);
        let cursor = parts.first().and_then(reply::number).unwrap_or(0);
        self.cursor = cursor.to_string();
        self.page = (self.page * 2).min(PAGE);
        let pairs = parts.get(1).map(reply::array).unwrap_or_default();
        let name = |pair: &[Value]| {
            let source = InstanceId::new(str::from_utf8(reply::bytes(pair.first()?)?).ok()?).ok()?;
            (key::shard(source.as_str(), self.shards) == self.shard).then_some(source)
        };
        Ok((pairs.chunks(2).filter_map(name).collect(), pairs.len() / 2))
    }

    /// Those of these names that are new and have a stream.
    fn existing(&self, wire: &mut Wire, names: Vec<InstanceId>) -> Result<Vec<InstanceId>, Failure> {
        let names: Vec<_> = names.into_iter().filter(|name| !self.known.contains(name)).collect();
        if names.is_empty() {
            return Ok(names);
        }
        let commands: Vec<_> =
            names.iter().map(|name| command(["TYPE", &key::signals(self.shard, name.as_str())])).collect();
        let types = wire.exchange(&key::sources(self.shard), &commands)?;
        let mut found = Vec::new();
        for (name, kind) in names.into_iter().zip(types) {
            // A refusal is no proof that there is nothing.
            found.extend((reply::bytes(&good(kind)?) == Some(b"stream".as_slice())).then_some(name));
        }
        Ok(found)
    }
}
