//! The sources of a shard, found by the list `sl:{k}`. Whoever may signal may add names to it, so a name is believed
//! only if its stream exists, and a look at the list is bounded however long it is.
//!
//! It does not remember whom it found: whoever looks says whom it knows, so that what came to nothing because
//! something else failed is found again.

use std::collections::HashSet;

use redis::Value;

use super::client::{Client, command, good};
use super::reply;
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
}

impl Catalogue {
    pub(super) fn new(shard: u16, shards: u16) -> Self {
        Self { shard, shards, cursor: "0".to_owned(), page: PAGE, complete: false }
    }

    /// The next look is like the first.
    pub(super) fn restart(&mut self) {
        (self.cursor, self.complete) = ("0".to_owned(), false);
    }

    /// Looks at the list, the first time to its end. Returns the sources that are not known and have a stream.
    pub(super) fn look(
        &mut self,
        client: &mut Client,
        known: impl Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceId>, Failure> {
        let looked = self.read(client, known);
        if looked.is_err() && !self.complete {
            self.restart();
        }
        looked
    }

    fn read(
        &mut self,
        client: &mut Client,
        known: impl Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceId>, Failure> {
        let (mut found, mut read, mut looked_at) = (Vec::new(), 0, HashSet::new());
        loop {
            let (mut names, count) = match self.page(client) {
                Ok(page) => page,
                Err(failure) => {
                    // Names of any length may be in it: the next look asks for fewer of them at once.
                    self.page = (self.page / 10).max(1);
                    return Err(failure);
                }
            };
            read += count;
            // The server may name one twice.
            names.retain(|name| !known(name) && looked_at.insert(*name));
            found.extend(self.existing(client, names)?);
            let at_the_end = self.cursor == "0";
            self.complete |= at_the_end;
            if at_the_end || self.complete && read >= LOOK {
                return Ok(found);
            }
        }
    }

    /// Of the next names those that can be a source's here, and how many all are.
    fn page(&mut self, client: &mut Client) -> Result<(Vec<InstanceId>, usize), Failure> {
        let list = key::sources(self.shard);
        let page = self.page.to_string();
        let reply = client.ask(&list, command(["ZSCAN", &list, &self.cursor, "COUNT", &page]))?;
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

    /// Those of these names that have a stream.
    fn existing(&self, client: &mut Client, names: Vec<InstanceId>) -> Result<Vec<InstanceId>, Failure> {
        if names.is_empty() {
            return Ok(names);
        }
        let commands: Vec<_> =
            names.iter().map(|name| command(["TYPE", &key::signals(self.shard, name.as_str())])).collect();
        let types = client.exchange(&key::sources(self.shard), &commands)?;
        // A refusal is no proof that there is nothing.
        let types = types.into_iter().map(good).collect::<Result<Vec<_>, _>>()?;
        let exists = |kind: &Value| reply::bytes(kind) == Some(b"stream".as_slice());
        Ok(names.into_iter().zip(&types).filter(|(_, kind)| exists(kind)).map(|(name, _)| name).collect())
    }
}
