//! Reads the sources of one shard as one of a group, in a thread of its own or in who waits for a signal: one
//! `XREADGROUP` that waits at the server, bounded by the room there is.

mod arrival;
mod oversized;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use redis::Value;

use super::acknowledged;
use super::acknowledger::Order;
use super::in_flight::InFlight;
use super::join::{Joined, join};
use crate::config::Config;
use crate::inbox::catalogue::Catalogue;
use crate::inbox::client::{Client, command, good, refusal};
use crate::inbox::item::{Gap, Id, Item, Place, entry};
use crate::inbox::reply::{self, Entry};
use crate::inbox::sequences::SeenSequences;
use crate::link::Link;
use crate::link::failure::{Failure, Refusal};
use crate::model::{InstanceId, key};
pub(super) use arrival::hand_out;
use arrival::readable;

/// How long the server holds a read that finds nothing, at most; stopping takes as long.
const BLOCK: Duration = Duration::from_millis(500);
/// How many entries one read fetches of a source at most, and of all of them about.
const OF_ONE: usize = 256;
const OF_ALL: usize = 4096;
/// How often new sources are looked for.
const DISCOVER: Duration = Duration::from_secs(1);
/// How long a copy of a signal in work waits.
pub(super) const COPY: Duration = Duration::from_secs(1);
/// How long to wait where there is no source.
const IDLE: Duration = Duration::from_millis(100);

pub(super) struct ShardReader {
    client: Client,
    in_flight: Arc<InFlight>,
    orders: Sender<Order>,
    shard: u16,
    catalogue: Catalogue,
    sources: Vec<JoinedSource>,
    /// The sources that were there when this reader started were found.
    started: bool,
    next_discovery: Instant,
    /// How long the server may hold a read.
    limit: Duration,
    /// How many sources had something to say in the last read.
    busy: usize,
    /// A reply was larger than one may be: fewer entries are asked for, and then one of one source at a time.
    most: usize,
    one_by_one: bool,
}

/// A source whose group this reader is in.
struct JoinedSource {
    source: InstanceId,
    seen: SeenSequences,
    /// What this reader was handed before is to be read again, behind this id.
    look_back: Option<Id>,
    /// After the group was lost, until what it is handed is new: what was acknowledged.
    done: HashSet<String>,
    /// The group was made by this reader, and nobody knows what was before.
    new: bool,
}

impl ShardReader {
    pub(super) fn new(config: &Config, shard: u16, in_flight: Arc<InFlight>, orders: Sender<Order>) -> Self {
        let endpoint = config.rtss.endpoint.clone();
        let limit = BLOCK.min(endpoint.reply_timeout / 2);
        let link = Link::new(endpoint, format!("mt5redis:{}:in", in_flight.options.consumer));
        Self {
            client: Client::new(link, format!("reading shard {shard}"), in_flight.report.clone()),
            in_flight,
            orders,
            shard,
            catalogue: Catalogue::new(shard, config.rtss_shards),
            sources: Vec::new(),
            started: false,
            next_discovery: Instant::now(),
            limit,
            busy: 1,
            most: OF_ONE,
            one_by_one: false,
        }
    }

    pub(super) fn run(mut self) {
        self.in_flight.name.wait_for_predecessor(|| !self.in_flight.ended());
        while !self.in_flight.ended() {
            self.turn(BLOCK);
        }
    }

    /// Reads once, and waits for that at most so long. Connecting takes its own time.
    pub(super) fn turn(&mut self, most: Duration) {
        if !self.started {
            self.in_flight.name.wait_for_predecessor(|| !self.in_flight.ended());
        }
        if !self.client.rested(most, || !self.in_flight.ended()) || self.in_flight.ended() {
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
                // What was on its way when a connection broke belongs to us and was not seen.
                self.look_back_at_all();
                self.client.failed(&failure);
            }
        }
    }

    fn step(&mut self, most: Duration) -> Result<(), Failure> {
        if !self.client.is_connected() {
            self.client.connect()?;
        }
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
        let room = self.in_flight.wait_for_room(most.min(self.limit));
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
        self.read(room, most.min(self.limit))
    }

    fn look_back_at_all(&mut self) {
        self.sources.iter_mut().for_each(|one| one.look_back = Some((0, 0)));
    }

    /// Joins the group on sources that were found.
    fn join(&mut self, found: &[InstanceId]) -> Result<(), Failure> {
        if found.is_empty() {
            return Ok(());
        }
        let joined = join(&mut self.client, &self.in_flight.options, self.shard, found, !self.started)?;
        for (source, joined) in found.iter().zip(joined) {
            let (done, new) = match joined {
                Joined::Gone => continue,
                Joined::Member { done, new, .. } => (done, new),
            };
            let (seen, look_back) = (SeenSequences::default(), Some((0, 0)));
            self.sources.push(JoinedSource { source: *source, seen, look_back, done, new });
        }
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        let sources = self.sources.iter().map(|one| one.source).collect();
        self.in_flight.lock().sources.insert(self.shard, sources);
    }

    /// A group is gone: somebody destroyed it, its stream expired, or a server without it took over.
    fn heal(&mut self) -> Result<(), Failure> {
        let sources: Vec<_> = self.sources.iter().map(|one| one.source).collect();
        let joined = join(&mut self.client, &self.in_flight.options, self.shard, &sources, false)?;
        let mut gone = HashSet::new();
        for (one, joined) in self.sources.iter_mut().zip(joined) {
            match joined {
                Joined::Member { done, made: false, .. } => one.done.extend(done),
                Joined::Member { done, .. } => {
                    one.done = done;
                    one.look_back = None;
                    self.client.report(format_args!(
                        "the group on {} was gone; it goes on behind what was acknowledged",
                        one.source.as_str()
                    ));
                }
                Joined::Gone => drop(gone.insert(one.source)),
            }
        }
        self.sources.retain(|one| !gone.contains(&one.source));
        self.publish();
        Ok(())
    }

    /// What this reader was handed and never acknowledged, in an earlier life or over a broken connection.
    fn look_back(&mut self, room: usize) -> Result<(), Failure> {
        let behind: Vec<_> =
            self.sources.iter().filter_map(|one| Some((one.source, one.look_back?))).collect();
        let count = (room / behind.len()).clamp(1, self.most);
        let places: Vec<_> = behind.iter().map(|(source, id)| (*source, entry(*id))).collect();
        let reply =
            self.client.exchange(&key::sources(self.shard), &[self.command(&places, count, None)])?.remove(0);
        self.take_back(reply)
    }

    /// Takes in a reply with what this reader was handed before.
    fn take_back(&mut self, reply: Value) -> Result<(), Failure> {
        if refusal(&reply) == Some(Refusal::NoGroup) {
            return self.heal();
        }
        for (source, entries) in self.streams(&good(reply)?) {
            let Some(at) = self.sources.iter().position(|one| one.source == source) else { continue };
            self.sources[at].look_back = entries.last().map(|(id, _)| *id);
            let mut gone = 0;
            for (id, fields) in entries {
                let place = Place { source, shard: self.shard, id };
                let Some(fields) = fields else {
                    gone += 1;
                    let _ = self.orders.send(Order::Settle(place));
                    continue;
                };
                if self.in_flight.is_known(&place) {
                    continue;
                }
                let JoinedSource { seen, done, .. } = &mut self.sources[at];
                let signal = readable(place, &fields).ok();
                // It was given to this reader, so what follows it has no gap before it.
                signal.iter().for_each(|signal| seen.add(signal));
                if signal.is_some_and(|signal| done.contains(&signal.name()) && !signal.retried) {
                    self.settle(place);
                } else {
                    hand_out(&self.in_flight, place, 2, fields);
                }
            }
            if gone > 0 {
                self.in_flight.take(Item::Gap(Gap { source, signals: gone, numbers: None }), None);
            }
        }
        Ok(())
    }

    fn command(
        &self,
        places: &[(InstanceId, String)],
        count: usize,
        block: Option<Duration>,
    ) -> Vec<Vec<u8>> {
        let options = &self.in_flight.options;
        let count = count.to_string();
        let mut words = command(["XREADGROUP", "GROUP", &options.group, &options.consumer, "COUNT", &count]);
        if let Some(block) = block {
            words.extend(command(["BLOCK", &block.as_millis().max(1).to_string()]));
        }
        words.push(b"STREAMS".to_vec());
        let stream = |source: &InstanceId| key::signals(self.shard, source.as_str()).as_bytes().to_vec();
        words.extend(places.iter().map(|(source, _)| stream(source)));
        words.extend(places.iter().map(|(_, id)| id.clone().into_bytes()));
        words
    }

    /// The entries in a reply, by source.
    fn streams(&self, reply: &Value) -> Vec<(InstanceId, Vec<Entry>)> {
        let prefix = key::signals(self.shard, "");
        let stream = |stream: &Value| {
            let [name, entries] = reply::array(stream) else { return None };
            let name = str::from_utf8(reply::bytes(name)?).ok()?;
            Some((InstanceId::new(name.strip_prefix(prefix.as_str())?).ok()?, reply::entries(entries)))
        };
        reply::array(reply).iter().filter_map(stream).collect()
    }

    fn read(&mut self, room: usize, block: Duration) -> Result<(), Failure> {
        let count = (room / self.busy).min(OF_ALL / self.sources.len()).clamp(1, self.most);
        let places: Vec<_> = self.sources.iter().map(|one| (one.source, ">".to_owned())).collect();
        let words = self.command(&places, count, Some(block));
        let reply = self.client.exchange(&key::sources(self.shard), &[words])?.remove(0);
        self.take_in(reply, count)
    }

    /// Takes in a reply with what is new, so many entries of a source at most.
    fn take_in(&mut self, reply: Value, count: usize) -> Result<(), Failure> {
        if refusal(&reply) == Some(Refusal::NoGroup) {
            return self.heal();
        }
        let found = self.streams(&good(reply)?);
        self.busy = found.len().max(1);
        let mut arriving = Vec::new();
        let mut questions = Vec::new();
        for (source, entries) in found {
            let Some(at) = self.sources.iter().position(|one| one.source == source) else { continue };
            let all = entries.len() < count;
            for (id, fields) in entries {
                let place = Place { source, shard: self.shard, id };
                // After the group was lost, what somebody here has in hand comes once more.
                if !self.in_flight.is_open(&place) {
                    arriving.extend(self.arrive(at, place, fields.unwrap_or_default(), &mut questions));
                }
            }
            if all {
                self.sources[at].done = HashSet::new();
            }
        }
        let known = acknowledged::ask_group(&mut self.client, &self.in_flight.options.group, &questions)?;
        for one in arriving {
            let known = one.question.map(|at| known[at]);
            self.admit(one, known);
        }
        Ok(())
    }
}
