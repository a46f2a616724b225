//! The worker's writing thread. It has a connection of its own, since the server holds the reads of the others. It
//! acknowledges signals, moves them to the dead letters, keeps its [`claims`](super::claims), and lets the
//! [`trimmer`](super::trimmer) delete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mt5_redis::config::Config;
use mt5_redis::inbox::client::{Client, Command, command, good, refusal};
use mt5_redis::inbox::item::Place;
use mt5_redis::inbox::reply;
use mt5_redis::link::failure::{Failure, Refusal};
use mt5_redis::model::{InstanceId, key};
use redis::Value;

use super::acknowledged;
use super::in_flight::{InFlight, Tasks};
use super::trimmer::Trimmer;

/// How many acknowledgements one transaction has at most.
pub(super) const BATCH: usize = 512;
/// How many dead letters a shard keeps, about.
const DEAD_LETTERS: &str = "100000";
/// How long acknowledgements are gathered. A worker that is killed meanwhile leaves them to the next one.
const GATHER: Duration = Duration::from_millis(10);
/// How often it checks whether the server is still the master, and what can be deleted.
const ROUND: Duration = Duration::from_secs(1);
/// How long a worker that ends tries to send its last acknowledgements.
const FAREWELL: Duration = Duration::from_secs(2);

/// The work that a server may refuse without holding up anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Bury,
    HandOutAgain,
    Claim,
    Delete,
}

pub(super) struct Acknowledger {
    pub(super) client: Client,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) shards: u16,
    pub(super) tasks: Tasks,
    trimmer: Trimmer,
    /// Until then acknowledgements are gathered.
    next_write: Instant,
    pub(super) next_round: Instant,
    pub(super) next_claims: Instant,
    /// What is refused, with the reason that was reported. It is tried again in each round.
    refused: BTreeMap<Work, String>,
}

impl Acknowledger {
    pub(super) fn new(config: &Config, in_flight: Arc<InFlight>) -> Self {
        let name = format!("mt5redis:{}:acknowledge", in_flight.options.consumer);
        let purpose = "acknowledging".to_owned();
        let now = Instant::now();
        Self {
            client: Client::new(&config.rtss.endpoint, name, purpose, in_flight.report.clone())
                .for_transactions(),
            trimmer: Trimmer::new(in_flight.options.group.clone(), in_flight.options.delete),
            in_flight,
            shards: config.rtss_shards,
            tasks: Tasks::default(),
            next_write: now,
            next_round: now,
            next_claims: now,
            refused: BTreeMap::new(),
        }
    }

    pub(super) fn run(mut self) {
        while !self.in_flight.ended() {
            self.collect();
            self.attempt(false);
        }
        let until = Instant::now() + FAREWELL;
        while Instant::now() < until {
            let all = self.collect();
            if self.attempt(true) && all && self.urgent() == 0 {
                break;
            }
            self.client.wait_until_due(until.saturating_duration_since(Instant::now()), || true);
        }
        self.leave();
    }

    /// Waits a little for tasks, and takes them. Returns whether it took all.
    fn collect(&mut self) -> bool {
        let now = Instant::now();
        let due = self.tasks.again.iter().map(|(at, ..)| at.saturating_duration_since(now)).min();
        let due = due.filter(|_| !self.is_refused(Work::HandOutAgain));
        let wait = match self.urgent() {
            0 => due.unwrap_or(Duration::MAX).min(Duration::from_millis(100)),
            _ => Duration::ZERO,
        };
        let gather = self.next_write.saturating_duration_since(now);
        let room = (4 * BATCH).saturating_sub(self.urgent());
        self.in_flight.take_tasks(&mut self.tasks, wait, gather, room)
    }

    /// Does the tasks, if the next attempt is due. Returns whether they are done.
    fn attempt(&mut self, ending: bool) -> bool {
        let in_flight = self.in_flight.clone();
        if !self.client.wait_until_due(Duration::MAX, || !ending && !in_flight.ended()) {
            return false;
        }
        let outcome = self.work(ending);
        match &outcome {
            Ok(()) => self.client.succeeded(),
            Err(failure) => self.client.failed(failure),
        }
        outcome.is_ok()
    }

    fn work(&mut self, ending: bool) -> Result<(), Failure> {
        let now = Instant::now();
        let round = !ending && now >= self.next_round;
        let bury = !self.tasks.dead.is_empty() && (round || !self.is_refused(Work::Bury));
        let due = !ending && self.tasks.again.iter().any(|(at, ..)| *at <= now);
        let due = due && (round || !self.is_refused(Work::HandOutAgain));
        if self.tasks.done.is_empty() && !bury && !due && !round {
            return Ok(());
        }
        self.client.ensure_connected()?;
        self.acknowledge()?;
        self.next_write = now + GATHER;
        if bury {
            let outcome = self.bury();
            self.note(Work::Bury, outcome)?;
        }
        if due {
            let outcome = self.hand_out_again(now);
            self.note(Work::HandOutAgain, outcome)?;
        }
        if round {
            self.next_round = now + ROUND;
            self.client.check_whether_moved()?;
            if self.claims_are_due(now) {
                let outcome = self.claims(now);
                self.note(Work::Claim, outcome)?;
            }
            match self.trimmer.round(&mut self.client) {
                Ok(false) => {}
                outcome => self.note(Work::Delete, outcome.map(drop))?,
            }
        }
        Ok(())
    }

    /// How many tasks neither wait for a time nor are refused.
    fn urgent(&self) -> usize {
        match self.is_refused(Work::Bury) {
            true => self.tasks.done.len(),
            false => self.tasks.urgent(),
        }
    }

    fn is_refused(&self, work: Work) -> bool {
        self.refused.contains_key(&work)
    }

    /// Reports a refusal once, and its end. Any other failure remains one.
    fn note(&mut self, work: Work, outcome: Result<(), Failure>) -> Result<(), Failure> {
        let what = match work {
            Work::Bury => "writing dead letters",
            Work::HandOutAgain => "handing out failed signals again",
            Work::Claim => "claiming signals",
            Work::Delete => "deleting acknowledged signals",
        };
        match outcome {
            Err(failure) if failure.is_an_answer() => {
                let cause = failure.cause();
                if self.refused.get(&work) != Some(&cause) {
                    self.client
                        .report(format_args!("{what}: {}; trying again", self.client.in_words(&failure)));
                    self.refused.insert(work, cause);
                }
                Ok(())
            }
            Ok(()) => {
                if self.refused.remove(&work).is_some() {
                    self.client.report(format_args!("{what} works again"));
                }
                Ok(())
            }
            failed => failed,
        }
    }

    fn acknowledge(&mut self) -> Result<(), Failure> {
        while !self.tasks.done.is_empty() {
            let mut shards: BTreeMap<u16, BTreeMap<InstanceId, Vec<_>>> = BTreeMap::new();
            for (place, name) in self.tasks.done.iter().take(BATCH) {
                let sources = shards.entry(place.shard).or_default();
                sources.entry(place.source).or_default().push((*place, name.clone()));
            }
            for (shard, sources) in shards {
                let commands = sources.values().flat_map(|signals| self.acknowledgement(signals)).collect();
                self.client.transact(&key::sources(shard), commands)?;
                let places: Vec<_> = sources.values().flatten().map(|(place, _)| *place).collect();
                self.trimmer.acknowledged(shard, sources.keys());
                self.in_flight.acknowledged(&places);
                let places: BTreeSet<_> = places.into_iter().collect();
                self.tasks.done.retain(|(place, _)| !places.contains(place));
            }
        }
        Ok(())
    }

    /// The commands that acknowledge signals of one source and store that beside the group.
    fn acknowledgement(&self, signals: &[(Place, Option<String>)]) -> Vec<Command> {
        let (group, first) = (&self.in_flight.options.group, signals[0].0);
        let mut acknowledge = command(["XACK", &first.stream(), group]);
        acknowledge.extend(signals.iter().map(|(place, _)| place.entry().into_bytes()));
        let mut commands = vec![acknowledge];
        let named = signals.iter().filter_map(|(place, name)| Some((place.id.ms, name.clone()?)));
        let named: Vec<_> = named.collect();
        if !named.is_empty() {
            commands
                .extend(acknowledged::store(&acknowledged::key_of(first.shard, &first.source, group), named));
        }
        commands
    }

    /// Writes dead letters, each in one transaction with the acknowledgement of its signal.
    fn bury(&mut self) -> Result<(), Failure> {
        while let Some((place, deliveries, error)) = self.tasks.dead.first() {
            let (place, group) = (*place, &self.in_flight.options.group);
            let (stream, id) = (place.stream(), place.entry());
            let pending = command(["XPENDING", &stream, group, &id, &id, "1"]);
            let pending = self.client.exchange(&stream, &[pending])?.remove(0);
            // A group that is made again hands it out again.
            let is_lost = refusal(&pending) == Some(Refusal::NoGroup);
            let pending = if is_lost { Value::Nil } else { good(pending)? };
            let open = self.in_flight.lock().open.get(&place).cloned();
            // One that is not pending was buried by an earlier attempt, or another worker has dealt with it.
            if let Some(open) = open.filter(|_| !reply::array(&pending).is_empty()) {
                let letters = key::dead_letters(place.shard);
                let mut letter = command(["XADD", &letters, "MAXLEN", "~", DEAD_LETTERS, "*"]);
                letter.extend(open.fields);
                letter.extend(command(["x-source", place.source.as_str(), "x-id", &id, "x-group", group]));
                letter.extend(command(["x-error", error, "x-deliveries", &deliveries.to_string()]));
                let mut commands = vec![letter];
                commands.extend(self.acknowledgement(&[(place, Some(open.name))]));
                self.client.transact(&stream, commands)?;
                self.trimmer.acknowledged(place.shard, [&place.source].into_iter());
                self.in_flight.acknowledged(&[place]);
            }
            self.in_flight.close(&[place]);
            self.tasks.dead.remove(0);
        }
        Ok(())
    }

    /// Deletes this consumer where it has nothing pending. Signals that it did not acknowledge are left to the others.
    fn leave(&mut self) {
        if self.in_flight.options.take_over.is_none() || !self.client.is_connected() {
            return;
        }
        let sources = self.in_flight.lock().sources.clone();
        let (group, consumer) = (&self.in_flight.options.group, &self.in_flight.options.consumer);
        for (shard, sources) in sources {
            let list = key::sources(shard);
            let streams: Vec<_> = sources.iter().map(|source| key::signals(shard, source.as_str())).collect();
            let pending = |stream: &key::Key| command(["XPENDING", stream, group, "-", "+", "1", consumer]);
            let commands: Vec<_> = streams.iter().map(pending).collect();
            let Ok(replies) = self.client.exchange(&list, &commands) else { return };
            let idle = |reply: &Value| matches!(reply, Value::Array(pending) if pending.is_empty());
            let idle = streams.iter().zip(&replies).filter(|(_, reply)| idle(reply));
            let leave =
                |(stream, _): (&key::Key, _)| command(["XGROUP", "DELCONSUMER", stream, group, consumer]);
            let commands: Vec<_> = idle.map(leave).collect();
            if !commands.is_empty() && self.client.exchange(&list, &commands).is_err() {
                return;
            }
        }
    }
}
