//! The follower's coordinating thread. It has a connection of its own, since the server holds the reads of the others. It
//! keeps the lease, writes positions after acknowledgements, and looks for new sources and at known streams
//! ([`survey`](super::survey)).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use super::lease::{Holder, LIFE, Lease};
use super::mailbox::Mailbox;
use super::position::Position;
use super::stored::Stored;
use super::subscription::SourceFilter;
use crate::config::Config;
use crate::inbox::catalogue::Catalogue;
use crate::inbox::client::Client;
use crate::inbox::item::Start;
use crate::link::failure::Failure;
use crate::model::{InstanceId, key};

/// How often the lease is renewed, and how often it is looked at while another terminal has it.
const RENEW: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(500);
/// How long acknowledgements are gathered.
const GATHER: Duration = Duration::from_millis(10);
/// How long a follower that ends tries to write its last positions.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct Coordinator {
    pub(super) client: Client,
    pub(super) mailbox: Arc<Mailbox>,
    lease: Lease,
    pub(super) acting: bool,
    /// Another terminal acted since this follower started.
    succeeds: bool,
    /// Where each source ended when this follower started, if it starts with new signals.
    ends: Option<HashMap<InstanceId, Position>>,
    /// One for each shard, if every source is followed.
    pub(super) catalogues: Vec<Catalogue>,
    /// The shard that is looked at first.
    pub(super) first: u16,
    /// The last look failed.
    look_failed: bool,
    /// What was reported last of streams whose ends may not be seen.
    pub(super) blind: Option<String>,
    next_write: Instant,
    next_renewal: Instant,
    pub(super) next_discovery: Instant,
    pub(super) next_survey: Instant,
}

impl Coordinator {
    pub(super) fn new(config: &Config, mailbox: Arc<Mailbox>, instance: &str) -> Self {
        let name = format!("mt5redis:{instance}:acknowledge");
        let subscription = &mailbox.subscription;
        let purpose = format!("signals of follower {}", subscription.follower);
        let shards = if subscription.sources == SourceFilter::All { mailbox.shards } else { 0 };
        let now = Instant::now();
        Self {
            client: Client::new(&config.rtss.endpoint, name, purpose, mailbox.report.clone()),
            lease: Lease::new(&subscription.follower, instance, &config.journal.folder),
            acting: false,
            succeeds: false,
            ends: None,
            catalogues: (0..shards).map(|shard| Catalogue::new(shard, mailbox.shards)).collect(),
            mailbox,
            first: 0,
            look_failed: false,
            blind: None,
            next_write: now,
            next_renewal: now,
            next_discovery: now,
            next_survey: now,
        }
    }

    pub(super) fn run(mut self) {
        let mailbox = self.mailbox.clone();
        mailbox.name.wait_for_predecessor(|| !mailbox.ended());
        while !mailbox.ended() {
            if !self.client.wait_until_due(Duration::MAX, || !mailbox.ended()) {
                break;
            }
            if let Err(failure) = self.step() {
                self.lease.forget();
                self.client.failed(&failure);
                continue;
            }
            // The lease and the positions do not wait for a shard that fails. A new connection watches nothing.
            let generation = self.client.generation();
            match self.look_around() {
                Ok(looked) => self.look_failed &= !looked,
                Err(failure) => {
                    self.look_failed = true;
                    self.client.failed_without_delay(&failure);
                }
            }
            if generation != self.client.generation() {
                self.lease.forget();
            }
            if !self.look_failed {
                self.client.succeeded();
            }
            let discovery = if self.catalogues.is_empty() { self.next_renewal } else { self.next_discovery };
            mailbox.wait_for_work(self.next_renewal.min(discovery));
            // Acknowledgements come one by one: those of the next moment are written with this one.
            let pause = self.next_write.saturating_duration_since(Instant::now());
            if !mailbox.ended() {
                thread::sleep(pause.min(GATHER));
            }
        }
        let until = Instant::now() + FAREWELL;
        while self.acting && Instant::now() < until {
            if let Err(failure) = self.finish() {
                self.lease.forget();
                self.client.failed(&failure);
                self.client.wait_until_due(until.saturating_duration_since(Instant::now()), || true);
            }
        }
    }

    /// Connects unless there is a connection. Returns whether it is a new one.
    fn connect(&mut self) -> Result<bool, Failure> {
        if !self.client.is_connected() {
            self.lease.forget();
        }
        self.client.ensure_connected()
    }

    /// Writes the last positions and gives the lease back.
    fn finish(&mut self) -> Result<(), Failure> {
        self.connect()?;
        if matches!(self.lease.look(&mut self.client)?, Holder::Us | Holder::Nobody) {
            self.write(false)?;
            self.lease.release(&mut self.client)?;
        }
        self.acting = false;
        Ok(())
    }

    fn step(&mut self) -> Result<(), Failure> {
        let is_new = self.connect()?;
        if self.ends.is_none() {
            self.ends = Some(self.find_ends()?);
        }
        let holder = self.lease.look(&mut self.client)?;
        self.mailbox.ahead_ms.store(self.lease.ahead_ms(), Relaxed);
        match holder {
            Holder::Other(other) => {
                self.stand_by(&other);
                Ok(())
            }
            Holder::NobodyAnyMore if self.acting => {
                self.stand_by("another terminal");
                self.begin()
            }
            // A server that forgot the lease may have forgotten the positions.
            Holder::Us | Holder::Nobody if self.acting => self.write(is_new || holder == Holder::Nobody),
            _ => self.begin(),
        }
    }

    fn stand_by(&mut self, other: &str) {
        (self.acting, self.succeeds) = (false, true);
        self.lease.give_up();
        self.next_renewal = Instant::now() + RETRY;
        if self.mailbox.stand_by() {
            self.client.report(format_args!(
                "{other} acts under this name; this terminal stands by and takes over within {} s of its end",
                (LIFE + RETRY).as_secs() + 1
            ));
        }
    }

    /// Takes the lease and starts from the stored positions.
    fn begin(&mut self) -> Result<(), Failure> {
        let (stored, alive) = self.lease.positions(&mut self.client)?;
        let mailbox = self.mailbox.clone();
        let subscription = &mailbox.subscription;
        let mut stored = Stored::sort(stored, &subscription.sources);
        let read =
            |(source, text): (&InstanceId, &String)| Some((*source, Position::resume(text, alive, LIFE)?));
        let mut positions: BTreeMap<_, _> = stored.followed.iter().filter_map(read).collect();
        if let SourceFilter::Named(sources) = &subscription.sources {
            for source in sources {
                positions.entry(*source).or_default();
            }
        }
        match subscription.start {
            Start::Beginning if !self.succeeds => {
                positions.values_mut().for_each(|position| *position = Position::default());
            }
            Start::New => {
                for (source, end) in self.ends.clone().unwrap_or_default() {
                    let position = positions.entry(source).or_default();
                    match self.succeeds {
                        true => position.skip_to(end.read()),
                        false => *position = end,
                    }
                }
            }
            _ => {}
        }
        let texts =
            positions.iter().map(|(source, position)| (source.as_str().to_owned(), position.to_string()));
        stored.write.extend(texts);
        let from_another = self.lease.another_acknowledged_last();
        let Some(until) = self.lease.write(&mut self.client, &stored.write, &stored.delete, false)? else {
            return Ok(());
        };
        self.acting = true;
        let shard = |source: &InstanceId| key::shard(source.as_str(), mailbox.shards);
        let placed = |(source, position)| (source, (shard(&source), position));
        mailbox.act(positions.into_iter().map(placed).collect(), until, from_another);
        self.next_renewal = Instant::now() + RENEW;
        self.client.report(match self.succeeds || from_another {
            true => "this terminal takes over and acts now",
            false => "this terminal acts",
        });
        self.catalogues.iter_mut().for_each(Catalogue::restart);
        (self.next_discovery, self.next_survey) = (Instant::now(), Instant::now());
        Ok(())
    }

    /// Renews the lease and writes positions, if there are some or it is time.
    fn write(&mut self, every: bool) -> Result<(), Failure> {
        let now = Instant::now();
        if now >= self.next_renewal {
            self.client.check_whether_moved()?;
        }
        let (unwritten, acknowledged) = {
            let mut state = self.mailbox.lock();
            (state.take_unwritten(every), state.acknowledged)
        };
        if unwritten.is_empty() && now < self.next_renewal && !self.mailbox.ended() {
            return Ok(());
        }
        let texts = unwritten.iter().map(|(source, text)| (source.as_str().to_owned(), text.clone()));
        match self.lease.write(&mut self.client, &texts.collect::<Vec<_>>(), &[], acknowledged) {
            Ok(Some(until)) => {
                self.mailbox.act_on(until);
                (self.next_write, self.next_renewal) = (now + GATHER, now + RENEW);
                Ok(())
            }
            outcome => {
                self.mailbox.lock().unwritten.extend(unwritten.iter().map(|(source, _)| *source));
                outcome.map(drop)
            }
        }
    }
}
