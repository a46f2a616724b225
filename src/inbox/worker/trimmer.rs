//! What everybody else has passed: the other groups of a stream, and the followers, whose positions stand in `fp:*`.
//! Only what all of them have passed, and this group has acknowledged, is deleted.
//!
//! A stream is trimmed for an acknowledgement after a look at every follower that began after it. So a follower that
//! was there before the signal is always heard, and one that came later has no claim on it.
//!
//! A key that moves from a node of a Cluster that was not looked at yet to one that was is not seen. It moves once, so
//! there two looks are made, one after the other. (No test shows it: it takes a slot that moves between two commands.)

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::acknowledged;
use crate::inbox::client::{Client, command, good};
use crate::inbox::item::{Id, before, entry};
use crate::inbox::reply;
use crate::link::failure::{Class, Failure};
use crate::model::InstanceId;
use crate::model::key::{self, Key};

/// How many keys one SCAN looks at, and how many SCANs a round makes of each server at most.
const PAGE: &str = "1000";
const PAGES: usize = 20;

pub(super) struct Trimmer {
    group: String,
    /// Whether anything is deleted.
    delete: bool,
    /// Sources with signals that were acknowledged since the look that goes on began, or before.
    later: BTreeSet<(u16, InstanceId)>,
    now: BTreeSet<(u16, InstanceId)>,
    /// How many looks are still to be made for these.
    looks: usize,
    /// The look that goes on: a cursor a server, and what was found.
    cursors: Option<Vec<(usize, String)>>,
    found: BTreeSet<String>,
    /// The connections of the look that goes on.
    generation: u64,
    /// The followers that are known, by the keys of their positions.
    followers: BTreeSet<String>,
    /// This user may not look; it was told.
    refused: bool,
}

impl Trimmer {
    pub(super) fn new(group: String, delete: bool) -> Self {
        Self {
            group,
            delete,
            later: BTreeSet::new(),
            now: BTreeSet::new(),
            looks: 0,
            cursors: None,
            found: BTreeSet::new(),
            generation: 0,
            followers: BTreeSet::new(),
            refused: false,
        }
    }

    /// Signals of these sources were acknowledged.
    pub(super) fn acknowledged<'a>(&mut self, shard: u16, sources: impl Iterator<Item = &'a InstanceId>) {
        self.later.extend(sources.map(|source| (shard, *source)));
    }

    /// Goes on looking who else reads, and deletes what everybody has passed.
    pub(super) fn round(&mut self, client: &mut Client) -> Result<(), Failure> {
        if self.generation != client.generation() {
            // The servers have other places now.
            (self.generation, self.cursors) = (client.generation(), None);
        }
        if self.cursors.is_none() {
            if self.looks == 0 {
                if self.later.is_empty() {
                    return Ok(());
                }
                self.now.append(&mut self.later);
                self.looks = if client.has_slots() { 2 } else { 1 };
            }
            let servers = if self.delete && !self.refused { client.masters()? } else { Vec::new() };
            self.cursors = Some(servers.into_iter().map(|server| (server, "0".to_owned())).collect());
        }
        let looked = self.look(client);
        match looked {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(failure) if failure.is_an_answer() => {
                self.refused = true;
                client.report(format_args!("nothing is deleted: {}", failure.text));
            }
            Err(failure) => {
                self.cursors = None;
                return Err(failure);
            }
        }
        self.cursors = None;
        // One that was known may have been missed while a slot moved: its key tells whether it is gone.
        self.followers.append(&mut self.found);
        self.looks -= 1;
        if self.looks > 0 {
            return Ok(());
        }
        let mut shards: BTreeMap<u16, Vec<InstanceId>> = BTreeMap::new();
        for (shard, source) in std::mem::take(&mut self.now) {
            shards.entry(shard).or_default().push(source);
        }
        let mut shards = shards.into_iter();
        let done = shards.by_ref().try_for_each(|(shard, sources)| {
            let done = self.shard(client, shard, &sources);
            if done.is_err() {
                self.acknowledged(shard, sources.iter());
            }
            done
        });
        shards.for_each(|(shard, sources)| self.acknowledged(shard, sources.iter()));
        done
    }

    /// Looks for followers. Returns whether all keys were looked at.
    fn look(&mut self, client: &mut Client) -> Result<bool, Failure> {
        let cursors = self.cursors.as_mut().expect("a look goes on");
        for _ in 0..PAGES {
            let Some((server, cursor)) = cursors.last_mut() else { return Ok(true) };
            let words = command(["SCAN", cursor, "MATCH", "fp:*", "COUNT", PAGE]);
            let reply = good(client.exchange_at(*server, &[words])?.remove(0))?;
            let parts = reply::array(&reply);
            let keys = parts.get(1).map(reply::array).unwrap_or_default().iter();
            let text = |key| str::from_utf8(reply::bytes(key)?).ok().map(str::to_owned);
            self.found.extend(keys.filter_map(text));
            *cursor = parts.first().and_then(reply::number).unwrap_or(0).to_string();
            if cursor == "0" {
                cursors.pop();
            }
        }
        Ok(cursors.is_empty())
    }

    /// Moves this group's marks, and trims what everybody has passed.
    fn shard(&mut self, client: &mut Client, shard: u16, sources: &[InstanceId]) -> Result<(), Failure> {
        let list = key::sources(shard);
        let streams: Vec<_> = sources.iter().map(|source| key::signals(shard, source.as_str())).collect();
        let groups: Vec<_> = streams.iter().map(|stream| command(["XINFO", "GROUPS", stream])).collect();
        let groups = client.exchange(&list, &groups)?;
        let mut lows: BTreeMap<InstanceId, Id> = BTreeMap::new();
        let mut marks = Vec::new();
        for ((source, stream), groups) in sources.iter().zip(&streams).zip(&groups) {
            let Some(passed) = passed(client, stream, groups)? else { continue };
            let Some(own) = passed.iter().find(|(name, _)| *name == self.group) else { continue };
            marks.push((acknowledged::key_of(shard, source, &self.group), own.1));
            lows.insert(*source, passed.iter().map(|(_, low)| *low).min().expect("its own at least"));
        }
        acknowledged::advance(client, shard, &marks)?;
        if !self.delete || self.refused {
            return Ok(());
        }
        self.lower(client, &mut lows)?;
        let trim = |(source, low): (&InstanceId, &Id)| {
            let (ms, number) = *low;
            let next = entry((ms, number.saturating_add(1)));
            command(["XTRIM", &key::signals(shard, source.as_str()), "MINID", "=", &next])
        };
        let trims: Vec<_> = lows.iter().filter(|(_, low)| **low > (0, 0)).map(trim).collect();
        if !trims.is_empty() {
            for reply in client.exchange(&list, &trims)? {
                good(reply)?;
            }
        }
        Ok(())
    }

    /// Lowers what may be deleted to what each follower has passed.
    fn lower(&mut self, client: &mut Client, lows: &mut BTreeMap<InstanceId, Id>) -> Result<(), Failure> {
        if lows.is_empty() {
            return Ok(());
        }
        for follower in self.followers.clone() {
            let mut words = command(["HMGET", &follower, key::EVERY_SOURCE, "@"]);
            words.extend(lows.keys().map(|source| source.as_str().as_bytes().to_vec()));
            let reply = match client.ask(&follower, words) {
                // Not a position, whatever its name says.
                Err(failure) if failure.class == Class::Reject => Value::Nil,
                reply => reply?,
            };
            let values = reply::array(&reply);
            let is_there = |at: usize| values.get(at).and_then(reply::bytes).is_some();
            if !is_there(1) {
                self.followers.remove(&follower);
                continue;
            }
            for (low, value) in lows.values_mut().zip(&values[2..]) {
                let position = reply::bytes(value).and_then(|text| {
                    let text = str::from_utf8(text).ok()?.split(' ').next()?;
                    let (ms, number) = text.split_once('-')?;
                    Some((ms.parse().ok()?, number.parse().ok()?))
                });
                match position {
                    Some(position) => *low = position.min(*low),
                    // It has not found the source yet, or nobody can read how far it is.
                    None if is_there(0) || reply::bytes(value).is_some() => *low = (0, 0),
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// Up to where each group of a stream has passed it; none if there is no stream.
fn passed(client: &mut Client, stream: &Key, groups: &Value) -> Result<Option<Vec<(String, Id)>>, Failure> {
    if matches!(groups, Value::ServerError(_)) {
        return Ok(None);
    }
    let mut passed = Vec::new();
    for group in reply::array(groups) {
        let text =
            |name| Some(String::from_utf8_lossy(reply::bytes(reply::named(group, name)?)?).into_owned());
        let (Some(name), Some(last)) =
            (text("name"), reply::named(group, "last-delivered-id").and_then(reply::id))
        else {
            return Ok(None);
        };
        let pending = reply::named(group, "pending").and_then(reply::number).unwrap_or(0);
        let mut low = last;
        if pending > 0 {
            // A name is bytes: one that is no text is asked for as it came.
            let name = reply::named(group, "name").and_then(reply::bytes).unwrap_or_default();
            let words = vec![b"XPENDING".to_vec(), stream.as_bytes().to_vec(), name.to_vec()];
            let summary = client.ask(stream, words)?;
            if let Some(lowest) = reply::array(&summary).get(1).and_then(reply::id) {
                low = low.min(before(lowest));
            }
        }
        passed.push((name, low));
    }
    Ok(Some(passed))
}
