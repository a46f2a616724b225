//! Reads the sources of one shard as one of the group, in a thread of its own or in the caller's: one `XREADGROUP` that
//! waits at the server, for as many signals as there is room for.

mod arrival;
mod oversized;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mt5_redis::config::Config;
use mt5_redis::inbox::catalogue::Catalogue;
use mt5_redis::inbox::client::{self, Client, Command, command, good, refusal};
use mt5_redis::inbox::item::{EntryId, Gap, Item, Place};
use mt5_redis::inbox::reply;
use mt5_redis::inbox::sequences::SeenSequences;
use mt5_redis::link::failure::{Failure, Refusal};
use mt5_redis::model::{InstanceId, key};
use redis::Value;

use super::acknowledged;
use super::in_flight::{InFlight, readable};
use super::join::{Joined, join};

/// How long the server holds a read that finds nothing, at most; stopping takes as long.
const BLOCK: Duration = Duration::from_millis(500);
/// How many entries one read fetches of one source at most, and of all of them about.
const OF_ONE: usize = 256;
const OF_ALL: usize = 4096;
/// How often new sources are looked for.
const DISCOVER: Duration = Duration::from_secs(1);
/// How long the copy of an open signal waits.
pub(super) const COPY: Duration = Duration::from_secs(1);
/// How long to wait where there is no source.
const IDLE: Duration = Duration::from_millis(100);

pub(super) struct ShardReader {
    client: Client,
    in_flight: Arc<InFlight>,
    shard: u16,
    catalogue: Catalogue,
    sources: Vec<JoinedSource>,
    /// The sources that existed when this worker started were found.
    started: bool,
    next_discovery: Instant,
    /// How long the server may hold a read.
    block: Duration,
    /// How many sources had entries in the last read.
    busy: usize,
    /// How many entries are asked for at most: fewer after a reply that was too large,
    most: usize,
    /// and then of one source at a time.
    one_by_one: bool,
}

/// A source on which this worker is in the group.
struct JoinedSource {
    source: InstanceId,
    seen: SeenSequences,
    /// What this worker was given earlier is read again, after this entry.
    look_back: Option<EntryId>,
    /// After the group was lost, until new signals come: the names of those that were acknowledged.
    done: HashSet<String>,
    /// This worker made the group, which did not exist before.
    new: bool,
}

impl ShardReader {
    pub(super) fn new(config: &Config, shard: u16, in_flight: Arc<InFlight>) -> Self {
        let endpoint = &config.rtss.endpoint;
        let block = BLOCK.min(endpoint.reply_timeout / 2);
        let name = format!("mt5redis:{}:in", in_flight.options.consumer);
        Self {
            // A worker that cannot acknowledge must not take signals.
            client: Client::new(endpoint, name, format!("reading shard {shard}"), in_flight.report.clone())
                .for_transactions(),
            in_flight,
            shard,
            catalogue: Catalogue::new(shard, config.rtss_shards),
            sources: Vec::new(),
            started: false,
            next_discovery: Instant::now(),
            block,
            busy: 1,
            most: OF_ONE,
            one_by_one: false,
        }
    }

    pub(super) fn run(mut self) {
        while !self.in_flight.ended() {
            self.turn(BLOCK);
        }
    }

    /// Reads once, and waits for signals at most this long. Connecting takes its own time.
    pub(super) fn turn(&mut self, most: Duration) {
        let in_flight = self.in_flight.clone();
        if !self.started {
            in_flight.name.wait_for_predecessor(|| !in_flight.ended());
        }
        if !self.client.wait_until_due(most, || !in_flight.ended()) || in_flight.ended() {
            return;
        }
        match self.step(most) {
            Ok(()) => {
                self.client.succeeded();
                self.most = (self.most * 2).min(OF_ONE);
            }
            Err(failure) => {
                if failure.too_large {
                    self.one_by_one |= self.most == 1;
                    self.most = (self.most / 16).max(1);
                }
                // What was on its way when the connection broke was given to this worker, which did not see it.
                self.look_back_at_all();
                self.client.failed(&failure);
            }
        }
    }

    fn step(&mut self, most: Duration) -> Result<(), Failure> {
        self.client.ensure_connected()?;
        if Instant::now() >= self.next_discovery {
            if !self.started {
                self.catalogue.restart();
            }
            let known: HashSet<_> = self.sources.iter().map(|one| one.source).collect();
            let found = self.catalogue.look(&mut self.client, |source| known.contains(source))?;
            self.join(&found)?;
            self.started = true;
            self.next_discovery = Instant::now() + DISCOVER;
        }
        if self.sources.is_empty() {
            self.in_flight.pause(most.min(IDLE));
            return Ok(());
        }
        if self.in_flight.lock().unseen.remove(&self.shard) {
            self.look_back_at_all();
        }
        let block = most.min(self.block);
        let room = self.in_flight.wait_for_room(block);
        if room == 0 || self.in_flight.ended() {
            return Ok(());
        }
        if self.one_by_one {
            return self.read_one_by_one();
        }
        if self.sources.iter().any(|one| one.look_back.is_some()) {
            self.in_flight.look_back();
            let outcome = self.look_back(room);
            self.in_flight.looked_back();
            return outcome;
        }
        self.read_new(room, block)
    }

    fn look_back_at_all(&mut self) {
        self.sources.iter_mut().for_each(|one| one.look_back = Some(EntryId::default()));
    }

    /// Joins the group on sources that were found.
    fn join(&mut self, found: &[InstanceId]) -> Result<(), Failure> {
        if found.is_empty() {
            return Ok(());
        }
        let joined = join(&mut self.client, &self.in_flight.options, self.shard, found, !self.started)?;
        for (source, joined) in found.iter().zip(joined) {
            let Joined::Member { done, new, .. } = joined else { continue };
            let (seen, look_back) = (SeenSequences::default(), Some(EntryId::default()));
            self.sources.push(JoinedSource { source: *source, seen, look_back, done, new });
        }
        self.share_sources();
        Ok(())
    }

    fn share_sources(&self) {
        let sources = self.sources.iter().map(|one| one.source).collect();
        self.in_flight.lock().sources.insert(self.shard, sources);
    }

    /// Joins all groups again after one was lost: somebody destroyed it, its stream expired, or a server without it
    /// took over.
    fn rejoin(&mut self) -> Result<(), Failure> {
        let sources: Vec<_> = self.sources.iter().map(|one| one.source).collect();
        let joined = join(&mut self.client, &self.in_flight.options, self.shard, &sources, false)?;
        let mut kept = Vec::new();
        for (mut one, joined) in std::mem::take(&mut self.sources).into_iter().zip(joined) {
            let Joined::Member { done, made, .. } = joined else { continue };
            if made {
                (one.done, one.look_back) = (done, None);
                self.client.report(format_args!(
                    "the group on {} was lost; it continues after what it acknowledged",
                    one.source.as_str()
                ));
            } else {
                one.done.extend(done);
            }
            kept.push(one);
        }
        self.sources = kept;
        self.share_sources();
        Ok(())
    }

    /// Reads again what this worker was given and did not acknowledge, earlier or over a connection that broke.
    fn look_back(&mut self, room: usize) -> Result<(), Failure> {
        let from = self.sources.iter().filter_map(|one| Some((one.source, one.look_back?.to_string())));
        let from: Vec<_> = from.collect();
        let count = (room / from.len()).clamp(1, self.most);
        let reply = self.read(&from, count, None)?;
        self.take_back(reply)
    }

    fn read_new(&mut self, room: usize, block: Duration) -> Result<(), Failure> {
        let count = (room / self.busy).min(OF_ALL / self.sources.len()).clamp(1, self.most);
        let from: Vec<_> = self.sources.iter().map(|one| (one.source, ">".to_owned())).collect();
        let reply = self.read(&from, count, Some(block))?;
        self.take_in(reply, count)
    }

    fn read(
        &mut self,
        from: &[(InstanceId, String)],
        count: usize,
        block: Option<Duration>,
    ) -> Result<Value, Failure> {
        let options = &self.in_flight.options;
        let read: Command = command(["XREADGROUP", "GROUP", &options.group, &options.consumer]);
        let read = client::read(read, count, block, self.shard, from);
        Ok(self.client.exchange(&key::sources(self.shard), &[read])?.remove(0))
    }

    /// Takes in a reply with what this worker was given earlier.
    fn take_back(&mut self, reply: Value) -> Result<(), Failure> {
        if refusal(&reply) == Some(Refusal::NoGroup) {
            return self.rejoin();
        }
        for (source, entries) in reply::streams(&good(reply)?, self.shard) {
            let Some(at) = self.sources.iter().position(|one| one.source == source) else { continue };
            self.sources[at].look_back = entries.last().map(|(id, _)| *id);
            let mut deleted = 0;
            for (id, fields) in entries {
                let place = Place { source, shard: self.shard, id };
                let Some(fields) = fields else {
                    deleted += 1;
                    self.in_flight.settle(place);
                    continue;
                };
                if self.in_flight.is_known(&place) {
                    continue;
                }
                let JoinedSource { seen, done, .. } = &mut self.sources[at];
                let signal = readable(place, &fields).ok();
                // It was given to this worker, so what follows it has no gap before it.
                signal.iter().for_each(|signal| seen.add(signal));
                if signal.is_some_and(|signal| done.contains(&signal.name()) && !signal.retried) {
                    self.in_flight.settle_copy(place);
                } else {
                    self.in_flight.hand_out(place, 2, fields);
                }
            }
            if deleted > 0 {
                self.in_flight.add(Item::Gap(Gap::of_pending(source, deleted)), None);
            }
        }
        Ok(())
    }

    /// Takes in a reply with new entries, at most `count` of a source.
    fn take_in(&mut self, reply: Value, count: usize) -> Result<(), Failure> {
        if refusal(&reply) == Some(Refusal::NoGroup) {
            return self.rejoin();
        }
        let found = reply::streams(&good(reply)?, self.shard);
        self.busy = found.len().max(1);
        let (mut arriving, mut questions) = (Vec::new(), Vec::new());
        for (source, entries) in found {
            let Some(at) = self.sources.iter().position(|one| one.source == source) else { continue };
            let all = entries.len() < count;
            for (id, fields) in entries {
                let place = Place { source, shard: self.shard, id };
                // After the group was lost, signals that are open here come once more.
                if !self.in_flight.is_open(&place) {
                    arriving.extend(self.arrive(at, place, fields.unwrap_or_default(), &mut questions));
                }
            }
            if all {
                self.sources[at].done = HashSet::new();
            }
        }
        let group = &self.in_flight.options.group;
        let answers = acknowledged::ask_group(&mut self.client, group, &questions)?;
        for one in arriving {
            let answer = one.question.map(|at| answers[at]);
            self.admit(one, answer);
        }
        Ok(())
    }
}
