//! Finds the sources of a shard by the list `sl:{k}`. Anybody who may signal may add names to it. So a name counts only
//! if its stream exists, and one look reads a bounded part of the list, however long it is.
//!
//! The catalogue does not remember what it found: the caller says which sources it knows, and so finds a source again if
//! following it failed.

use std::collections::HashSet;

use redis::Value;

use super::client::{Client, command, good};
use super::reply;
use crate::link::failure::Failure;
use crate::model::{InstanceId, key};

/// How many names one command reads, about.
const PAGE: usize = 1000;
/// How many names one look reads, once the whole list was read.
const LOOK: usize = 10_000;

/// The list of one shard, read again and again.
pub struct Catalogue {
    shard: u16,
    shards: u16,
    cursor: u64,
    page: usize,
    /// The whole list was read once.
    complete: bool,
}

impl Catalogue {
    /// The list of this shard, of so many.
    pub fn new(shard: u16, shards: u16) -> Self {
        Self { shard, shards, cursor: 0, page: PAGE, complete: false }
    }

    /// Makes the next look read the whole list, as the first does.
    pub fn restart(&mut self) {
        (self.cursor, self.complete) = (0, false);
    }

    /// Looks at the list. Returns the sources that have a stream and are not known.
    pub fn look(
        &mut self,
        client: &mut Client,
        known: impl Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceId>, Failure> {
        let found = self.read(client, known);
        if found.is_err() && !self.complete {
            self.restart();
        }
        found
    }

    fn read(
        &mut self,
        client: &mut Client,
        known: impl Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceId>, Failure> {
        let (mut found, mut read, mut looked_at) = (Vec::new(), 0, HashSet::new());
        loop {
            // Names of any length may be in it: after a failure the next look asks for fewer at once.
            let page = self.page(client).inspect_err(|_| self.page = (self.page / 10).max(1));
            let (mut names, count) = page?;
            read += count;
            // The server may return a name twice.
            names.retain(|name| !known(name) && looked_at.insert(*name));
            found.extend(self.existing(client, names)?);
            self.complete |= self.cursor == 0;
            if self.cursor == 0 || self.complete && read >= LOOK {
                return Ok(found);
            }
        }
    }

    /// Of the next names those that may be a source of this shard, and how many names were read.
    fn page(&mut self, client: &mut Client) -> Result<(Vec<InstanceId>, usize), Failure> {
        let list = key::sources(self.shard);
        let (cursor, page) = (self.cursor.to_string(), self.page.to_string());
        let reply = client.ask(&list, command(["ZSCAN", &list, &cursor, "COUNT", &page]))?;
        let parts = reply::array(&reply);
        self.cursor = parts.first().and_then(reply::number).unwrap_or(0);
        self.page = (self.page * 2).min(PAGE);
        let pairs = parts.get(1).map(reply::array).unwrap_or_default();
        let name = |pair: &[Value]| {
            let source = InstanceId::new(reply::text(pair.first()?)?).ok()?;
            (key::shard(source.as_str(), self.shards) == self.shard).then_some(source)
        };
        Ok((pairs.chunks(2).filter_map(name).collect(), pairs.len() / 2))
    }

    /// Those of these names that have a stream.
    fn existing(&self, client: &mut Client, names: Vec<InstanceId>) -> Result<Vec<InstanceId>, Failure> {
        if names.is_empty() {
            return Ok(names);
        }
        let kind = |name: &InstanceId| command(["TYPE", &key::signals(self.shard, name.as_str())]);
        let kinds =
            client.exchange(&key::sources(self.shard), &names.iter().map(kind).collect::<Vec<_>>())?;
        // A refusal does not prove that there is no stream.
        let kinds = kinds.into_iter().map(good).collect::<Result<Vec<_>, _>>()?;
        let exists = |kind: &Value| reply::bytes(kind) == Some(b"stream".as_slice());
        Ok(names.into_iter().zip(&kinds).filter(|(_, kind)| exists(kind)).map(|(name, _)| name).collect())
    }
}
