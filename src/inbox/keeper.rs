//! The thread beside the reading ones, with a connection of its own, since theirs wait at the server: it
//! acknowledges, hands signals out again, buries them, renews our claim on what takes long, and takes over
//! what other readers left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use redis::Value;

use super::shard::{item, read_so_far};
use super::wire::{Wire, command, good};
use super::{Gap, Item, Place, Shared, reply};
use crate::config::Config;
use crate::link::Link;
use crate::link::failure::Failure;
use crate::model::key;

/// Acknowledges, and deletes where no other group reads the stream: nobody can join in between.
const ACKNOWLEDGE: &str = "local n = redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 3)) \
    if ARGV[2] == '1' and #redis.call('XINFO', 'GROUPS', KEYS[1]) == 1 then \
    redis.call('XDEL', KEYS[1], unpack(ARGV, 3)) end return n";

/// Copies an entry to the dead letters, with why, once.
const BURY: &str = "if redis.call('XACK', KEYS[1], ARGV[1], ARGV[3]) == 0 then return 0 end \
    local found = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3]) \
    if #found == 0 then return 0 end \
    local entry = found[1][2] \
    for at = 4, #ARGV do entry[#entry + 1] = ARGV[at] end \
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', '100000', '*', unpack(entry)) \
    if ARGV[2] == '1' and #redis.call('XINFO', 'GROUPS', KEYS[1]) == 1 then \
    redis.call('XDEL', KEYS[1], ARGV[3]) end return 1";

/// How many acknowledgements go in one command.
const BATCH: usize = 512;
/// How long a reader that ends tries to send its last acknowledgements.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the keeper is to do with a signal.
pub(super) enum Order {
    Acknowledge(Place),
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

pub(super) struct Keeper {
    wire: Wire,
    shared: Arc<Shared>,
    inbound: Receiver<Order>,
    shards: u16,
    done: Vec<Place>,
    again: Vec<(Instant, Place, u64)>,
    dead: Vec<(Place, u64, String)>,
    next_round: Instant,
    next_check: Instant,
}

impl Keeper {
    pub(super) fn new(config: &Config, shared: Arc<Shared>, inbound: Receiver<Order>) -> Self {
        let link =
            Link::new(config.rtss.endpoint.clone(), format!("mt5redis:{}:keep", shared.options.consumer));
        let now = Instant::now();
        Self {
            wire: Wire::new(link),
            shared,
            inbound,
            shards: config.rtss_shards,
            done: Vec::new(),
            again: Vec::new(),
            dead: Vec::new(),
            next_round: now,
            next_check: now,
        }
    }

    pub(super) fn run(mut self) {
        let mut farewell = None;
        loop {
            self.collect();
            let ending = self.shared.ended();
            match self.work(ending) {
                Ok(()) => self.wire.succeeded(&self.shared, "acknowledging"),
                Err(failure) => {
                    self.wire.failed(&self.shared, "acknowledging", &failure);
                    self.wire.rested(&self.shared, Duration::MAX);
                }
            }
            if ending {
                let until = *farewell.get_or_insert_with(|| Instant::now() + FAREWELL);
                let all = self.done.is_empty() && self.dead.is_empty() && self.inbound.is_empty();
                if all || Instant::now() > until {
                    let _ = self.write_how_far();
                    self.shared.queue.lock().kept = true;
                    self.shared.room.notify_all();
                    return self.leave();
                }
            }
        }
    }

    /// Waits a little for orders and takes all there are.
    fn collect(&mut self) {
        let now = Instant::now();
        let due = self.again.iter().map(|(at, ..)| at.saturating_duration_since(now)).min();
        let wait = due.unwrap_or(Duration::MAX).min(Duration::from_millis(100));
        let waiting = !self.done.is_empty() || !self.dead.is_empty() || self.shared.ended();
        match self.inbound.recv_timeout(if waiting { Duration::ZERO } else { wait }) {
            Ok(order) => self.sort(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::park_timeout(Duration::from_millis(10)),
        }
        while self.done.len() + self.dead.len() < 4 * BATCH {
            let Ok(order) = self.inbound.try_recv() else { break };
            self.sort(order);
        }
    }

    fn sort(&mut self, order: Order) {
        match order {
            Order::Acknowledge(place) => self.done.push(place),
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
        if !self.wire.is_connected() {
            self.wire.connect()?;
        }
        self.acknowledge()?;
        self.bury()?;
        if !ending {
            self.hand_out_again(now)?;
        }
        if round {
            self.round(now)?;
        }
        Ok(())
    }

    fn acknowledge(&mut self) -> Result<(), Failure> {
        while !self.done.is_empty() {
            let mut shards: BTreeMap<u16, Vec<Place>> = BTreeMap::new();
            for place in self.done.iter().take(BATCH) {
                shards.entry(place.shard).or_default().push(*place);
            }
            for (shard, places) in shards {
                let key = key::signals(shard, "");
                let options = &self.shared.options;
                let delete = if options.delete { "1" } else { "0" };
                let mut words = command(["EVAL", ACKNOWLEDGE, "1", &key, &options.group, delete]);
                words.extend(places.iter().map(|place| place.entry().into_bytes()));
                self.wire.ask(&key, words)?;
                self.shared.done(&places);
                self.done.retain(|place| !places.contains(place));
            }
        }
        Ok(())
    }

    fn bury(&mut self) -> Result<(), Failure> {
        while let Some((place, deliveries, error)) = self.dead.first() {
            let (key, letters) = (key::signals(place.shard, ""), key::dead_letters(place.shard));
            let options = &self.shared.options;
            let delete = if options.delete { "1" } else { "0" };
            let (entry, deliveries) = (place.entry(), deliveries.to_string());
            let mut words = command(["EVAL", BURY, "2", &key, &letters, &options.group, delete, &entry]);
            words.extend(command(["x-id", &entry, "x-group", &options.group]));
            words.extend(command(["x-error", error, "x-deliveries", &deliveries]));
            self.wire.ask(&key, words)?;
            self.shared.done(&[*place]);
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
        let key = key::signals(place.shard, "");
        let options = &self.shared.options;
        let (entry, count) = (place.entry(), deliveries.to_string());
        let pending = command(["XPENDING", &key, &options.group, &entry, &entry, "1", &options.consumer]);
        if reply::array(&self.wire.ask(&key, pending)?).is_empty() {
            self.shared.done(&[place]);
            return Ok(());
        }
        let options = &self.shared.options;
        let words =
            command(["XCLAIM", &key, &options.group, &options.consumer, "0", &entry, "RETRYCOUNT", &count]);
        let reply = self.wire.ask(&key, words)?;
        match reply::entries(&reply).pop() {
            Some((_, Some(fields))) => {
                self.shared.take(item(place, deliveries, &fields));
            }
            _ => {
                // Trimmed while it waited for its next attempt.
                self.shared.done(&[place]);
                self.shared.take(Item::Gap(Gap { shard: place.shard, signals: Some(1) }));
            }
        }
        Ok(())
    }

    /// Renews and takes over.
    fn round(&mut self, now: Instant) -> Result<(), Failure> {
        if now >= self.next_check {
            self.wire.check()?;
            self.next_check = now + Duration::from_secs(2);
        }
        self.write_how_far()?;
        let Some(idle) = self.shared.options.take_over else {
            self.next_round = now + Duration::from_secs(2);
            return Ok(());
        };
        self.next_round = now + (idle / 4).clamp(Duration::from_millis(50), Duration::from_secs(5));
        let idle = idle.as_millis().to_string();
        for shard in 0..self.shards {
            self.renew(shard)?;
            self.take_over(shard, &idle)?;
        }
        Ok(())
    }

    fn write_how_far(&mut self) -> Result<(), Failure> {
        let mut shards = std::mem::take(&mut self.shared.queue.lock().unwritten);
        let mut outcome = Ok(());
        shards.retain(|shard| {
            let key = key::signals(*shard, "");
            if outcome.is_ok() {
                let words = read_so_far(&key, &self.shared.options.group, "written");
                outcome = self.wire.ask(&key, words).map(|_| ());
            }
            outcome.is_err()
        });
        self.shared.queue.lock().unwritten.extend(shards);
        outcome
    }

    fn renew(&mut self, shard: u16) -> Result<(), Failure> {
        let open: Vec<String> = {
            let queue = self.shared.queue.lock();
            queue.open.keys().filter(|place| place.shard == shard).map(Place::entry).collect()
        };
        let key = key::signals(shard, "");
        let options = &self.shared.options;
        for entries in open.chunks(BATCH) {
            let mut words = command(["XCLAIM", &key, &options.group, &options.consumer, "0"]);
            words.extend(entries.iter().map(|entry| entry.clone().into_bytes()));
            words.push(b"JUSTID".to_vec());
            self.wire.ask(&key, words)?;
        }
        Ok(())
    }

    fn take_over(&mut self, shard: u16, idle: &str) -> Result<(), Failure> {
        let key = key::signals(shard, "");
        let mut cursor = "0-0".to_owned();
        loop {
            let room = self.shared.free().min(BATCH);
            if room == 0 || self.shared.ended() {
                return Ok(());
            }
            let options = &self.shared.options;
            let count = room.to_string();
            let words = command([
                "XAUTOCLAIM",
                &key,
                &options.group,
                &options.consumer,
                idle,
                &cursor,
                "COUNT",
                &count,
            ]);
            let reply = match good(self.wire.exchange(&key, &[words])?.remove(0)) {
                // The reading thread makes it.
                Err(failure) if failure.text.starts_with("NOGROUP") => return Ok(()),
                reply => reply?,
            };
            let parts = reply::array(&reply);
            let claimed = parts.get(1).map(reply::entries).unwrap_or_default();
            // Deleted while they were pending; nobody acted on them as far as the server knows.
            let gone = parts.get(2).map_or(0, |gone| reply::array(gone).len() as u64);
            if gone > 0 {
                self.shared.take(Item::Gap(Gap { shard, signals: Some(gone) }));
            }
            self.take_claimed(shard, claimed)?;
            cursor = match parts.first().and_then(reply::id) {
                None | Some((0, 0)) => return Ok(()),
                Some((ms, number)) => format!("{ms}-{number}"),
            };
        }
    }

    fn take_claimed(&mut self, shard: u16, claimed: Vec<reply::Entry>) -> Result<(), Failure> {
        let key = key::signals(shard, "");
        let options = &self.shared.options;
        let asked: Vec<_> = claimed
            .iter()
            .map(|((ms, number), _)| {
                let entry = format!("{ms}-{number}");
                command(["XPENDING", &key, &options.group, &entry, &entry, "1"])
            })
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        // A claim whose count stays unknown comes with another one.
        let counts = self.wire.exchange(&key, &asked).unwrap_or_default();
        let mut counts = counts.iter().map(|reply| {
            reply::array(reply).first().and_then(|one| reply::number(reply::array(one).get(3)?))
        });
        for (id, fields) in claimed {
            let place = Place { shard, id };
            let deliveries = counts.next().flatten().unwrap_or(2).max(2);
            let Some(fields) = fields else { continue };
            if self.shared.is_open(&place) {
                continue;
            }
            if self.shared.take(item(place, deliveries, &fields)) {
                self.done.push(place);
            }
        }
        Ok(())
    }

    /// A worker that ends in order leaves no trace; one with open signals leaves them to others.
    fn leave(&mut self) {
        let options = &self.shared.options;
        if options.take_over.is_none() || !self.wire.is_connected() {
            return;
        }
        for shard in 0..self.shards {
            let key = key::signals(shard, "");
            let pending = command(["XPENDING", &key, &options.group, "-", "+", "1", &options.consumer]);
            let Ok(pending) = self.wire.ask(&key, pending) else { return };
            if matches!(&pending, Value::Array(entries) if entries.is_empty()) {
                let leave = command(["XGROUP", "DELCONSUMER", &key, &options.group, &options.consumer]);
                let _ = self.wire.ask(&key, leave);
            }
        }
    }
}
