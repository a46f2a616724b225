//! The thread beside the reading ones, with a connection of its own, since theirs wait at the server: it
//! acknowledges, hands signals out again, buries them, renews this reader's claim on what takes long, takes over
//! what other readers left, and deletes what everybody has passed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use redis::Value;

use super::acknowledged::{self, Question};
use super::in_flight::InFlight;
use super::shard::{COPY, hand_out};
use super::trimmer::Trimmer;
use crate::config::Config;
use crate::inbox::client::{Client, command, good, refusal};
use crate::inbox::item::{Gap, Item, Place};
use crate::inbox::reply;
use crate::link::Link;
use crate::link::failure::{Failure, Refusal};
use crate::model::received::Received;
use crate::model::{InstanceId, key};

/// How many acknowledgements go in one transaction.
const BATCH: usize = 512;
/// How many dead letters a shard keeps, about.
const LETTERS: &str = "100000";
/// How often it looks what can be deleted, and whether the server is still the master.
const ROUND: Duration = Duration::from_secs(1);
/// How long a reader that ends tries to send its last acknowledgements.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is to be done with a signal.
pub(super) enum Order {
    Acknowledge(Place),
    /// It is a copy of one that was acknowledged, or gone.
    Settle(Place),
    Again {
        place: Place,
        deliveries: u64,
        at: Instant,
    },
    Bury {
        place: Place,
        deliveries: u64,
        error: String,
    },
    /// Look whether there is an end.
    Wake,
}

pub(super) struct Acknowledger {
    client: Client,
    in_flight: Arc<InFlight>,
    inbound: Receiver<Order>,
    shards: u16,
    /// What is to be acknowledged, and the name that is noted with it.
    done: Vec<(Place, Option<String>)>,
    again: Vec<(Instant, Place, u64)>,
    dead: Vec<(Place, u64, String)>,
    trimmer: Trimmer,
    next_round: Instant,
    next_claims: Instant,
}

impl Acknowledger {
    pub(super) fn new(config: &Config, in_flight: Arc<InFlight>, inbound: Receiver<Order>) -> Self {
        let name = format!("mt5redis:{}:acknowledge", in_flight.options.consumer);
        let link = Link::new(config.rtss.endpoint.clone(), name);
        let now = Instant::now();
        Self {
            client: Client::new(link, "acknowledging".to_owned(), in_flight.report.clone()),
            trimmer: Trimmer::new(in_flight.options.group.clone(), in_flight.options.delete),
            in_flight,
            inbound,
            shards: config.rtss_shards,
            done: Vec::new(),
            again: Vec::new(),
            dead: Vec::new(),
            next_round: now,
            next_claims: now,
        }
    }

    pub(super) fn run(mut self) {
        while !self.in_flight.ended() {
            self.collect();
            self.attempt(false);
        }
        let until = Instant::now() + FAREWELL;
        while Instant::now() < until {
            self.collect();
            let written = self.attempt(true);
            if written && self.done.is_empty() && self.dead.is_empty() && self.inbound.is_empty() {
                break;
            }
            self.client.rested(until.saturating_duration_since(Instant::now()), || true);
        }
        self.leave();
    }

    /// Does what is to be done, if the next attempt is due. Returns whether it is done.
    fn attempt(&mut self, ending: bool) -> bool {
        let in_flight = self.in_flight.clone();
        if !self.client.rested(Duration::MAX, || !ending && !in_flight.ended()) {
            return false;
        }
        match self.work(ending) {
            Ok(()) => self.client.succeeded(),
            Err(failure) => {
                self.client.failed(&failure);
                return false;
            }
        }
        true
    }

    /// Waits a little for orders and takes all there are.
    fn collect(&mut self) {
        let now = Instant::now();
        let due = self.again.iter().map(|(at, ..)| at.saturating_duration_since(now)).min();
        let wait = due.unwrap_or(Duration::MAX).min(Duration::from_millis(100));
        let waiting = !self.done.is_empty() || !self.dead.is_empty() || self.in_flight.ended();
        match self.inbound.recv_timeout(if waiting { Duration::ZERO } else { wait }) {
            Ok(order) => self.sort(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.in_flight.pause(wait),
        }
        while self.done.len() + self.dead.len() < 4 * BATCH {
            let Ok(order) = self.inbound.try_recv() else { break };
            self.sort(order);
        }
    }

    fn sort(&mut self, order: Order) {
        match order {
            Order::Acknowledge(place) => {
                let name = self.in_flight.lock().open.get(&place).map(|open| open.name.clone());
                self.done.push((place, name));
            }
            Order::Settle(place) => self.done.push((place, None)),
            Order::Again { place, deliveries, at } => self.again.push((at, place, deliveries)),
            Order::Bury { place, deliveries, error } => self.dead.push((place, deliveries, error)),
            Order::Wake => {}
        }
    }

    fn work(&mut self, ending: bool) -> Result<(), Failure> {
        let now = Instant::now();
        let due = self.again.iter().any(|(at, ..)| *at <= now);
        let round = !ending && now >= self.next_round;
        if self.done.is_empty() && self.dead.is_empty() && !due && !round {
            return Ok(());
        }
        if !self.client.is_connected() {
            self.client.connect()?;
        }
        self.acknowledge()?;
        self.bury()?;
        if !ending {
            self.hand_out_again(now)?;
        }
        if round {
            self.next_round = now + ROUND;
            self.client.check_whether_moved()?;
            self.claims(now)?;
            self.trimmer.round(&mut self.client)?;
        }
        Ok(())
    }

    fn acknowledge(&mut self) -> Result<(), Failure> {
        while !self.done.is_empty() {
            let mut shards: BTreeMap<u16, BTreeMap<InstanceId, Vec<_>>> = BTreeMap::new();
            let count = self.done.len().min(BATCH);
            for (place, name) in &self.done[..count] {
                shards
                    .entry(place.shard)
                    .or_default()
                    .entry(place.source)
                    .or_default()
                    .push((*place, name.clone()));
            }
            for (shard, sources) in shards {
                let mut commands = Vec::new();
                for (source, signals) in &sources {
                    commands.extend(self.acknowledgement(shard, source, signals));
                }
                self.client.transact(&key::sources(shard), commands)?;
                let places: Vec<_> = sources.values().flatten().map(|(place, _)| *place).collect();
                self.trimmer.acknowledged(shard, sources.keys());
                self.in_flight.acknowledged(&places);
                let places: BTreeSet<_> = places.into_iter().collect();
                self.done.retain(|(place, _)| !places.contains(place));
            }
        }
        Ok(())
    }

    /// The commands that acknowledge signals of one source, and note them beside the group.
    fn acknowledgement(
        &self,
        shard: u16,
        source: &InstanceId,
        signals: &[(Place, Option<String>)],
    ) -> Vec<Vec<Vec<u8>>> {
        let group = &self.in_flight.options.group;
        let mut commands = vec![command(["XACK", &key::signals(shard, source.as_str()), group])];
        commands[0].extend(signals.iter().map(|(place, _)| place.entry().into_bytes()));
        let noted = signals.iter().filter_map(|(place, name)| Some((place.id.0, name.clone()?)));
        let mut noted = noted.peekable();
        if noted.peek().is_some() {
            commands.extend(acknowledged::note(&acknowledged::key_of(shard, source, group), noted));
        }
        commands
    }

    /// Writes letters, each in one transaction with the acknowledgement of its signal.
    fn bury(&mut self) -> Result<(), Failure> {
        while let Some((place, deliveries, error)) = self.dead.first() {
            let (place, group) = (*place, &self.in_flight.options.group);
            let stream = key::signals(place.shard, place.source.as_str());
            let id = place.entry();
            let asked = command(["XPENDING", &stream, group, &id, &id, "1"]);
            let pending = self.client.exchange(&stream, &[asked])?.remove(0);
            // A group that is gone hands it out again.
            let pending =
                if refusal(&pending) == Some(Refusal::NoGroup) { Value::Nil } else { good(pending)? };
            let open = self.in_flight.lock().open.get(&place).cloned();
            // Not pending any more, it was buried by an earlier attempt, or another reader has dealt with it.
            if let Some(open) = open.filter(|_| !reply::array(&pending).is_empty()) {
                let letters = key::dead_letters(place.shard);
                let mut letter = command(["XADD", &letters, "MAXLEN", "~", LETTERS, "*"]);
                letter.extend(open.fields);
                letter.extend(command(["x-source", place.source.as_str(), "x-id", &id, "x-group", group]));
                letter.extend(command(["x-error", error, "x-deliveries", &deliveries.to_string()]));
                let mut commands = vec![letter];
                commands.extend(self.acknowledgement(
                    place.shard,
                    &place.source,
                    &[(place, Some(open.name))],
                ));
                self.client.transact(&stream, commands)?;
                self.trimmer.acknowledged(place.shard, [&place.source].into_iter());
                self.in_flight.acknowledged(&[place]);
            }
            self.in_flight.done(&[place]);
            self.dead.remove(0);
        }
        Ok(())
    }

    fn hand_out_again(&mut self, now: Instant) -> Result<(), Failure> {
        while let Some(at) = self.again.iter().position(|(at, ..)| *at <= now) {
            let (_, place, deliveries) = self.again[at];
            self.claim(place, deliveries)?;
            self.again.swap_remove(at);
        }
        Ok(())
    }

    /// Counts one more delivery of a signal and hands it out, if it is still ours: another reader may have
    /// taken it over, and acted on it, while the server or this process was away.
    fn claim(&mut self, place: Place, deliveries: u64) -> Result<(), Failure> {
        let stream = key::signals(place.shard, place.source.as_str());
        let options = &self.in_flight.options;
        let (id, count) = (place.entry(), deliveries.to_string());
        let pending = command(["XPENDING", &stream, &options.group, &id, &id, "1", &options.consumer]);
        let pending = self.client.exchange(&stream, &[pending])?.remove(0);
        if refusal(&pending) == Some(Refusal::NoGroup) {
            return self.without_a_group(place);
        }
        if reply::array(&good(pending)?).is_empty() {
            self.in_flight.done(&[place]);
            return Ok(());
        }
        let claim =
            command(["XCLAIM", &stream, &options.group, &options.consumer, "0", &id, "RETRYCOUNT", &count]);
        let reply = self.client.ask(&stream, claim)?;
        let Some((_, Some(fields))) = reply::entries(&reply).pop() else {
            // Trimmed while it waited for its next attempt.
            self.in_flight.done(&[place]);
            self.in_flight.take(Item::Gap(Gap { source: place.source, signals: 1, numbers: None }), None);
            return Ok(());
        };
        if let Ok(signal) = Received::decode(&fields) {
            if self.in_flight.has_copy(&signal.name(), &place) {
                self.again.push((Instant::now() + COPY, place, deliveries));
                return Ok(());
            }
            let Received { sequence, predecessor, producer, retried, .. } = signal;
            let question = Question { place, producer, sequence, predecessor };
            let known =
                acknowledged::ask_group(&mut self.client, &self.in_flight.options.group, &[question])?;
            if known[0].done && !retried {
                self.in_flight.lock().duplicates += 1;
                self.done.push((place, None));
                return Ok(());
            }
        }
        hand_out(&self.in_flight, place, deliveries, fields);
        Ok(())
    }

    /// The group is gone, and with it the note that a signal is in hand: one that is still there comes again when the
    /// reading thread has made the group anew.
    fn without_a_group(&mut self, place: Place) -> Result<(), Failure> {
        let (stream, id) = (key::signals(place.shard, place.source.as_str()), place.entry());
        let entry = self.client.ask(&stream, command(["XRANGE", &stream, &id, &id]))?;
        self.in_flight.done(&[place]);
        if reply::array(&entry).is_empty() {
            self.in_flight.take(Item::Gap(Gap { source: place.source, signals: 1, numbers: None }), None);
        }
        Ok(())
    }

    /// Renews and takes over, if this reader does that.
    fn claims(&mut self, now: Instant) -> Result<(), Failure> {
        let Some(idle) = self.in_flight.options.take_over else { return Ok(()) };
        if now < self.next_claims {
            return Ok(());
        }
        self.next_claims = now + (idle / 4).clamp(Duration::from_millis(50), Duration::from_secs(5));
        self.next_round = self.next_round.min(self.next_claims);
        self.renew()?;
        for shard in 0..self.shards {
            self.take_over(shard, &idle.as_millis().to_string())?;
        }
        Ok(())
    }

    fn renew(&mut self) -> Result<(), Failure> {
        let mut open: BTreeMap<(u16, InstanceId), Vec<String>> = BTreeMap::new();
        for place in self.in_flight.lock().open.keys() {
            open.entry((place.shard, place.source)).or_default().push(place.entry());
        }
        for ((shard, source), entries) in open {
            let stream = key::signals(shard, source.as_str());
            let options = &self.in_flight.options;
            for entries in entries.chunks(BATCH) {
                let mut words = command(["XCLAIM", &stream, &options.group, &options.consumer, "0"]);
                words.extend(entries.iter().map(|entry| entry.clone().into_bytes()));
                words.push(b"JUSTID".to_vec());
                // The reading thread makes a group that is gone.
                self.client.exchange(&stream, &[words])?;
            }
        }
        Ok(())
    }

    /// Takes over what other readers of the group left in this shard, as far as there is room.
    fn take_over(&mut self, shard: u16, idle: &str) -> Result<(), Failure> {
        let sources = self.in_flight.lock().sources.get(&shard).cloned().unwrap_or_default();
        let mut cursors: Vec<_> = sources.into_iter().map(|source| (source, "0-0".to_owned())).collect();
        while !cursors.is_empty() && !self.in_flight.ended() {
            let room = self.in_flight.free().min(BATCH);
            if room == 0 {
                return Ok(());
            }
            let options = &self.in_flight.options;
            let count = room.div_ceil(cursors.len()).to_string();
            let claim = |(source, cursor): &(InstanceId, String)| {
                let stream = key::signals(shard, source.as_str());
                let mut words = command(["XAUTOCLAIM", &stream, &options.group, &options.consumer, idle]);
                words.extend(command([cursor, "COUNT", &count]));
                words
            };
            let commands: Vec<_> = cursors.iter().map(claim).collect();
            let replies = self.client.exchange(&key::sources(shard), &commands);
            // What was claimed is ours, though nobody saw it.
            let note = |_: &Failure| {
                self.in_flight.lock().unseen.insert(shard);
            };
            let replies = replies.inspect_err(note)?;
            let mut further = Vec::new();
            for ((source, _), reply) in cursors.into_iter().zip(replies) {
                if refusal(&reply) == Some(Refusal::NoGroup) {
                    continue;
                }
                let reply = good(reply)?;
                let parts = reply::array(&reply);
                let claimed = parts.get(1).map(reply::entries).unwrap_or_default();
                // Deleted while they were pending; nobody acted on them as far as the server knows.
                let gone = parts.get(2).map_or(0, |gone| reply::array(gone).len() as u64);
                if gone > 0 {
                    self.in_flight.take(Item::Gap(Gap { source, signals: gone, numbers: None }), None);
                }
                self.take_claimed(shard, source, claimed)?;
                if let Some((ms, number)) = parts.first().and_then(reply::id).filter(|id| *id != (0, 0)) {
                    further.push((source, format!("{ms}-{number}")));
                }
            }
            cursors = further;
        }
        Ok(())
    }

    fn take_claimed(
        &mut self,
        shard: u16,
        source: InstanceId,
        claimed: Vec<reply::Entry>,
    ) -> Result<(), Failure> {
        let stream = key::signals(shard, source.as_str());
        let group = &self.in_flight.options.group;
        let count = |(id, _): &reply::Entry| {
            let id = crate::inbox::item::entry(*id);
            command(["XPENDING", &stream, group, &id, &id, "1"])
        };
        let asked: Vec<_> = claimed.iter().map(count).collect();
        if asked.is_empty() {
            return Ok(());
        }
        // A claim whose count stays unknown comes with another one.
        let counts = self.client.exchange(&stream, &asked).unwrap_or_default();
        let mut counts = counts.iter().map(|reply| {
            reply::array(reply).first().and_then(|one| reply::number(reply::array(one).get(3)?))
        });
        for (id, fields) in claimed {
            let place = Place { source, shard, id };
            let deliveries = counts.next().flatten().unwrap_or(2).max(2);
            let Some(fields) = fields else { continue };
            if !self.in_flight.is_open(&place) {
                hand_out(&self.in_flight, place, deliveries, fields);
            }
        }
        Ok(())
    }

    /// A reader that ends in order leaves no trace; one with open signals leaves them to others.
    fn leave(&mut self) {
        if self.in_flight.options.take_over.is_none() || !self.client.is_connected() {
            return;
        }
        let sources = self.in_flight.lock().sources.clone();
        let options = &self.in_flight.options;
        for (shard, sources) in sources {
            let streams: Vec<_> = sources.iter().map(|source| key::signals(shard, source.as_str())).collect();
            let pending = |stream: &key::Key| {
                command(["XPENDING", stream, &options.group, "-", "+", "1", &options.consumer])
            };
            let commands: Vec<_> = streams.iter().map(pending).collect();
            let Ok(replies) = self.client.exchange(&key::sources(shard), &commands) else { return };
            let idle = |reply: &Value| matches!(reply, Value::Array(pending) if pending.is_empty());
            let leave = |stream: &key::Key| {
                command(["XGROUP", "DELCONSUMER", stream, &options.group, &options.consumer])
            };
            let idle = streams.iter().zip(&replies).filter(|(_, reply)| idle(reply));
            let commands: Vec<_> = idle.map(|(stream, _)| leave(stream)).collect();
            if !commands.is_empty() && self.client.exchange(&key::sources(shard), &commands).is_err() {
                return;
            }
        }
    }
}
