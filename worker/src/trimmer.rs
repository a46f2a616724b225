//! Deletes the signals that everybody has passed: this group, the other groups of a stream, and the followers, whose
//! positions are in `fp:*`.
//!
//! After each acknowledgement a search for followers begins, and the stream is trimmed when it is complete. A follower that
//! existed before the signal is always found; one that came later has no claim on it.
//!
//! While the search goes from node to node of a Cluster, a key may move from a node that comes later to one that was
//! searched, and so be missed. It moves once, so a Cluster is searched twice. (No test shows this: it takes a slot that moves
//! between two commands.)

use std::collections::{BTreeMap, BTreeSet};

use mt5_redis::inbox::client::{Client, Node, command, good};
use mt5_redis::inbox::item::EntryId;
use mt5_redis::inbox::reply;
use mt5_redis::link::failure::{Class, Failure, Refusal};
use mt5_redis::model::InstanceId;
use mt5_redis::model::key::{self, Key};
use redis::Value;

use super::acknowledged;

/// How many keys one SCAN covers, and how many SCANs a round makes at most.
const PAGE: &str = "1000";
const PAGES: usize = 20;

#[derive(Default)]
pub(super) struct Trimmer {
    group: String,
    /// Whether anything is deleted.
    delete: bool,
    /// Sources with signals that were acknowledged since the current search began.
    later: BTreeSet<(u16, InstanceId)>,
    /// Sources that are trimmed when the current search is complete.
    now: BTreeSet<(u16, InstanceId)>,
    /// How many searches these still wait for.
    searches: usize,
    /// The current search: the servers that are left, each with a cursor, and what was found.
    cursors: Option<Vec<(Node, u64)>>,
    found: BTreeSet<String>,
    /// The connections that the current search began with.
    generation: u64,
    /// The keys of the positions of all followers that are known.
    followers: BTreeSet<String>,
    /// This user may not search, which was reported.
    refused: bool,
}

impl Trimmer {
    pub(super) fn new(group: String, delete: bool) -> Self {
        Self { group, delete, ..Self::default() }
    }

    /// Notes that signals of these sources were acknowledged.
    pub(super) fn acknowledged<'a>(&mut self, shard: u16, sources: impl Iterator<Item = &'a InstanceId>) {
        self.later.extend(sources.map(|source| (shard, *source)));
    }

    /// Continues the search for followers and, when it is complete, trims. Returns whether it came to that.
    pub(super) fn round(&mut self, client: &mut Client) -> Result<bool, Failure> {
        if self.generation != client.generation() {
            // A node's index may be another one now.
            (self.generation, self.cursors) = (client.generation(), None);
        }
        if self.cursors.is_none() {
            if self.searches == 0 {
                if self.later.is_empty() {
                    return Ok(false);
                }
                self.now.append(&mut self.later);
                self.searches = if client.has_slots() { 2 } else { 1 };
            }
            let nodes = if self.delete && !self.refused { client.masters()? } else { Vec::new() };
            self.cursors = Some(nodes.into_iter().map(|node| (node, 0)).collect());
        }
        match self.search(client) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(failure) if failure.is_an_answer() => {
                self.refused = true;
                client.report(format_args!("acknowledged signals are not deleted: {}", failure.text));
            }
            Err(failure) => {
                self.cursors = None;
                return Err(failure);
            }
        }
        self.cursors = None;
        // A known follower stays, as a search may miss one whose slot moves. Reading its position shows if it is gone.
        self.followers.append(&mut self.found);
        self.searches -= 1;
        if self.searches > 0 {
            return Ok(false);
        }
        let mut shards: BTreeMap<u16, Vec<InstanceId>> = BTreeMap::new();
        for (shard, source) in &self.now {
            shards.entry(*shard).or_default().push(*source);
        }
        for (shard, sources) in shards {
            if let Err(failure) = self.trim(client, shard, &sources) {
                // They are trimmed after the next search.
                self.later.append(&mut self.now);
                return Err(failure);
            }
            self.now.retain(|(of, _)| *of != shard);
        }
        Ok(true)
    }

    /// Searches for followers. Returns whether all keys were searched.
    fn search(&mut self, client: &mut Client) -> Result<bool, Failure> {
        let cursors = self.cursors.as_mut().expect("a search is under way");
        for _ in 0..PAGES {
            let Some((node, cursor)) = cursors.last_mut() else { return Ok(true) };
            let scan = command(["SCAN", &cursor.to_string(), "MATCH", "fp:*", "COUNT", PAGE]);
            let reply = good(client.send(*node, &[scan])?.remove(0))?;
            let parts = reply::array(&reply);
            let keys = parts.get(1).map(reply::array).unwrap_or_default();
            self.found.extend(keys.iter().filter_map(reply::text).map(str::to_owned));
            *cursor = parts.first().and_then(reply::number).unwrap_or(0);
            if *cursor == 0 {
                cursors.pop();
            }
        }
        Ok(cursors.is_empty())
    }

    /// Moves this group's marks, and deletes what everybody has passed.
    fn trim(&mut self, client: &mut Client, shard: u16, sources: &[InstanceId]) -> Result<(), Failure> {
        let list = key::sources(shard);
        let streams: Vec<_> = sources.iter().map(|source| key::signals(shard, source.as_str())).collect();
        let groups: Vec<_> = streams.iter().map(|stream| command(["XINFO", "GROUPS", stream])).collect();
        let groups = client.exchange(&list, &groups)?;
        let mut lows: BTreeMap<InstanceId, EntryId> = BTreeMap::new();
        let mut marks = Vec::new();
        for ((source, stream), groups) in sources.iter().zip(&streams).zip(groups) {
            let Some(passed) = passed(client, stream, groups)? else { continue };
            let Some(own) = passed.iter().find(|(name, _)| *name == self.group) else { continue };
            marks.push((acknowledged::key_of(shard, source, &self.group), own.1));
            lows.insert(*source, passed.iter().map(|(_, low)| *low).min().expect("its own at least"));
        }
        acknowledged::advance(client, shard, &marks)?;
        if !self.delete || self.refused {
            return Ok(());
        }
        self.respect_followers(client, &mut lows)?;
        lows.retain(|_, low| *low > EntryId::default());
        let trim = |(source, low): (&InstanceId, &EntryId)| {
            let first = EntryId { number: low.number.saturating_add(1), ..*low }.to_string();
            command(["XTRIM", &key::signals(shard, source.as_str()), "MINID", "=", &first])
        };
        let trims: Vec<_> = lows.iter().map(trim).collect();
        if !trims.is_empty() {
            client.exchange(&list, &trims)?.into_iter().try_for_each(|reply| good(reply).map(drop))?;
        }
        Ok(())
    }

    /// Lowers what may be deleted to what each follower has passed.
    fn respect_followers(
        &mut self,
        client: &mut Client,
        lows: &mut BTreeMap<InstanceId, EntryId>,
    ) -> Result<(), Failure> {
        if lows.is_empty() {
            return Ok(());
        }
        for follower in self.followers.clone() {
            let mut get = command(["HMGET", &follower, key::EVERY_SOURCE, "@"]);
            get.extend(lows.keys().map(|source| source.as_str().as_bytes().to_vec()));
            let reply = match client.ask(&follower, get) {
                // It is not a position, in spite of its name.
                Err(failure) if failure.class == Class::Reject => Value::Nil,
                reply => reply?,
            };
            let values = reply::array(&reply);
            let exists = |at: usize| values.get(at).and_then(reply::bytes).is_some();
            if !exists(1) {
                self.followers.remove(&follower);
                continue;
            }
            for (low, value) in lows.values_mut().zip(&values[2..]) {
                let position = reply::text(value).and_then(|text| EntryId::parse(text.split(' ').next()?));
                match position {
                    Some(position) => *low = position.min(*low),
                    // It has not found the source yet, or nobody can read its position.
                    None if exists(0) || reply::bytes(value).is_some() => *low = EntryId::default(),
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// Up to which entry each group of a stream has passed it; none if there is no stream.
fn passed(
    client: &mut Client,
    stream: &Key,
    groups: Value,
) -> Result<Option<Vec<(String, EntryId)>>, Failure> {
    let groups = match good(groups) {
        // Somebody's key of another type may have taken its place.
        Err(failure) if failure.class == Class::Reject || failure.refusal == Some(Refusal::NoKey) => {
            return Ok(None);
        }
        groups => groups?,
    };
    let mut passed = Vec::new();
    for group in reply::array(&groups) {
        // Its fields' names and values in turn.
        let field = |name: &str| {
            let mut pairs = reply::array(group).chunks_exact(2);
            pairs.find(|pair| reply::bytes(&pair[0]) == Some(name.as_bytes())).map(|pair| &pair[1])
        };
        let (Some(name), Some(mut low)) =
            (field("name").and_then(reply::bytes), field("last-delivered-id").and_then(reply::id))
        else {
            return Ok(None);
        };
        if field("pending").and_then(reply::number).unwrap_or(0) > 0 {
            // The name may be any bytes, so it is sent as it came.
            let pending = vec![b"XPENDING".to_vec(), stream.as_bytes().to_vec(), name.to_vec()];
            let summary = client.ask(stream, pending)?;
            if let Some(lowest) = reply::array(&summary).get(1).and_then(reply::id) {
                low = low.min(lowest.before());
            }
        }
        passed.push((String::from_utf8_lossy(name).into_owned(), low));
    }
    Ok(Some(passed))
}
