//! The thread beside the reading ones, with a connection of its own, since theirs wait at the server. It holds the
//! lease, writes positions when signals are acknowledged, finds sources, and looks now and then whether the
//! streams are what they were.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use super::lease::{Holder, LIFE, Lease, terminal};
use super::mailbox::{Mailbox, SourceFilter};
use super::position::Position;
use crate::config::Config;
use crate::inbox::catalogue::Catalogue;
use crate::inbox::client::{Client, command, good, server_ms};
use crate::inbox::item::{Id, Start};
use crate::inbox::reply;
use crate::link::Link;
use crate::link::failure::Failure;
use crate::model::received::Received;
use crate::model::{InstanceId, key};

/// How often the lease is renewed, and looked at while another terminal has it.
const RENEW: Duration = Duration::from_secs(2);
const TRY: Duration = Duration::from_millis(500);
/// How long acknowledgements are gathered.
const GATHER: Duration = Duration::from_millis(10);
/// How often new sources are looked for, and the known streams looked at.
const DISCOVER: Duration = Duration::from_secs(1);
const SURVEY: Duration = Duration::from_secs(10);
/// What stands before the name of a source that is not followed any more.
const PARKED: char = '~';
/// How long a follower that ends tries to write its last positions.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct Coordinator {
    client: Client,
    mailbox: Arc<Mailbox>,
    lease: Lease,
    acting: bool,
    /// Another terminal acted since this follower started.
    succeeds: bool,
    /// Where each source ended when this follower started, for one that wants new signals only.
    ends: Option<HashMap<InstanceId, Position>>,
    /// One a shard, where every source is followed.
    catalogues: Vec<Catalogue>,
    /// The shard to begin with when all are looked at.
    first: u16,
    /// The last look was in trouble.
    troubled: bool,
    next_write: Instant,
    next_renewal: Instant,
    next_discovery: Instant,
    next_survey: Instant,
}

impl Coordinator {
    pub(super) fn new(config: &Config, mailbox: Arc<Mailbox>, instance: &str) -> Self {
        let link = Link::new(config.rtss.endpoint.clone(), format!("mt5redis:{instance}:acknowledge"));
        let what = format!("signals of follower {}", mailbox.follower);
        let now = Instant::now();
        let shards = if mailbox.sources == SourceFilter::All { mailbox.shards } else { 0 };
        Self {
            client: Client::new(link, what, mailbox.report.clone()),
            lease: Lease::new(&mailbox.follower, &terminal(instance)),
            acting: false,
            succeeds: false,
            ends: None,
            catalogues: (0..shards).map(|shard| Catalogue::new(shard, mailbox.shards)).collect(),
            mailbox,
            first: 0,
            troubled: false,
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
            if !self.client.rested(Duration::MAX, || !mailbox.ended()) {
                break;
            }
            if let Err(failure) = self.step() {
                self.lease.forget();
                self.client.failed(&failure);
                continue;
            }
            // The lease and the positions do not wait for a shard that is in trouble. What was watched may be so no more.
            let watching = self.client.generation();
            match self.look_around() {
                Ok(looked) => self.troubled &= !looked,
                Err(failure) => {
                    self.troubled = true;
                    self.client.suffered(&failure);
                }
            }
            if watching != self.client.generation() {
                self.lease.forget();
            }
            if !self.troubled {
                self.client.succeeded();
            }
            let discovery = if self.catalogues.is_empty() { self.next_renewal } else { self.next_discovery };
            mailbox.wait_for_work(self.next_renewal.min(discovery));
            // Acknowledgements come one by one: those of the next moment go along.
            let pause = self.next_write.saturating_duration_since(Instant::now());
            if !mailbox.ended() {
                thread::sleep(pause.min(GATHER));
            }
        }
        let until = Instant::now() + FAREWELL;
        while self.acting && Instant::now() < until {
            if let Err(failure) = self.say_good_bye() {
                self.lease.forget();
                self.client.failed(&failure);
                self.client.rested(until.saturating_duration_since(Instant::now()), || true);
            }
        }
    }

    /// Writes what is left and gives the lease back.
    fn say_good_bye(&mut self) -> Result<(), Failure> {
        if !self.client.is_connected() {
            self.lease.forget();
            self.client.connect()?;
        }
        if matches!(self.lease.look(&mut self.client)?, Holder::Us | Holder::Nobody) {
            self.write(false)?;
            self.lease.release(&mut self.client)?;
        }
        self.acting = false;
        Ok(())
    }

    fn step(&mut self) -> Result<(), Failure> {
        let fresh = !self.client.is_connected();
        if fresh {
            self.lease.forget();
            self.client.connect()?;
        }
        if self.ends.is_none() {
            self.note_ends()?;
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
            Holder::Us | Holder::Nobody if self.acting => {
                // A server that forgot the lease may have forgotten the positions.
                self.write(fresh || holder == Holder::Nobody)
            }
            _ => self.begin(),
        }
    }

    fn stand_by(&mut self, other: &str) {
        (self.acting, self.succeeds) = (false, true);
        self.lease.give_up();
        self.next_renewal = Instant::now() + TRY;
        if self.mailbox.stand_by() {
            self.client.report(format_args!(
                "{other} acts by this name; this terminal stands by, and takes over within {} s of its end",
                (LIFE + TRY).as_secs() + 1
            ));
        }
    }

    /// Takes the lease, and starts from the positions that are written.
    fn begin(&mut self) -> Result<(), Failure> {
        let (written, alive) = self.lease.positions(&mut self.client)?;
        let mut written = Written::sort(written, &self.mailbox.sources);
        let read =
            |(source, text): (&InstanceId, &String)| Some((*source, Position::resume(text, alive, LIFE)?));
        let mut positions: BTreeMap<_, _> = written.wanted.iter().filter_map(read).collect();
        if let SourceFilter::Named(sources) = &self.mailbox.sources {
            for source in sources {
                positions.entry(*source).or_default();
            }
        }
        match self.mailbox.start {
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
        written.write.extend(positions.iter().map(|(source, position)| (name(source), position.to_string())));
        let Some(until) = self.lease.write(&mut self.client, &written.write, &written.gone)? else {
            return Ok(());
        };
        self.acting = true;
        let shards = self.mailbox.shards;
        let placed =
            |(source, position): (InstanceId, _)| (source, (key::shard(source.as_str(), shards), position));
        self.mailbox.act(positions.into_iter().map(placed).collect(), until);
        self.next_renewal = Instant::now() + RENEW;
        self.client.report(match self.succeeds {
            true => "this terminal takes over, and acts now",
            false => "this terminal acts",
        });
        self.catalogues.iter_mut().for_each(Catalogue::restart);
        (self.next_discovery, self.next_survey) = (Instant::now(), Instant::now());
        Ok(())
    }

    /// Renews the lease and writes positions, if something is to be written or the time has come.
    fn write(&mut self, every: bool) -> Result<(), Failure> {
        let now = Instant::now();
        if now >= self.next_renewal {
            self.client.check_whether_moved()?;
        }
        let unwritten = self.mailbox.unwritten(every);
        if unwritten.is_empty() && now < self.next_renewal && !self.mailbox.ended() {
            return Ok(());
        }
        let texts: Vec<_> = unwritten.iter().map(|(source, text)| (name(source), text.clone())).collect();
        match self.lease.write(&mut self.client, &texts, &[]) {
            Ok(Some(until)) => {
                self.mailbox.act_on(until);
                self.next_write = now + GATHER;
                self.next_renewal = now + RENEW;
                Ok(())
            }
            outcome => {
                self.mailbox.not_written(&unwritten);
                outcome.map(drop)
            }
        }
    }

    /// Where each source ends: whoever wants new signals begins there.
    fn note_ends(&mut self) -> Result<(), Failure> {
        let mut ends = HashMap::new();
        if self.mailbox.start == Start::New {
            let sources = match &self.mailbox.sources {
                SourceFilter::Named(sources) => sources.clone(),
                SourceFilter::All => {
                    self.catalogues.iter_mut().for_each(Catalogue::restart);
                    let (found, whole) = self.discover();
                    whole.map(|()| found)?
                }
            };
            for (shard, sources) in by_shard(&sources, self.mailbox.shards) {
                let last = last_entries(&mut self.client, shard, &sources)?;
                let time = self.client.ask(&key::sources(shard), command(["TIME"]))?;
                let now = server_ms(&time).unwrap_or(0);
                let end = |last| end(last, now);
                ends.extend(sources.into_iter().zip(last.into_iter().map(end)));
            }
        }
        self.ends = Some(ends);
        Ok(())
    }

    /// SourceFilter that are not followed yet, and what kept it from looking at every shard.
    fn discover(&mut self) -> (Vec<InstanceId>, Result<(), Failure>) {
        let known = self.mailbox.lock().sources();
        let mut found = Vec::new();
        for shard in self.turn() {
            let catalogue = &mut self.catalogues[usize::from(shard)];
            let looked = catalogue.look(&mut self.client, |source| known.contains(source));
            match looked {
                Ok(sources) => found.extend(sources),
                Err(failure) => {
                    self.first = shard + 1;
                    return (found, Err(failure));
                }
            }
        }
        (found, Ok(()))
    }

    /// All shards, first of them the one behind the last that was in trouble.
    fn turn(&self) -> impl Iterator<Item = u16> + use<> {
        let (first, shards) = (self.first, self.mailbox.shards);
        (0..shards).map(move |at| (first + at) % shards)
    }

    /// Looks for new sources, and at the known streams, if it is time. Returns whether it was.
    fn look_around(&mut self) -> Result<bool, Failure> {
        let now = Instant::now();
        if !self.acting {
            return Ok(false);
        }
        let (mut looked, mut outcome) = (false, Ok(()));
        if now >= self.next_discovery && !self.catalogues.is_empty() {
            (looked, self.next_discovery) = (true, now + DISCOVER);
            let (found, whole) = self.discover();
            let shards = self.mailbox.shards;
            let placed =
                |source: InstanceId| (source, key::shard(source.as_str(), shards), Position::default());
            self.mailbox.follow(found.into_iter().map(placed).collect());
            outcome = whole;
        }
        let wanted = std::mem::take(&mut self.mailbox.lock().survey);
        if wanted || now >= self.next_survey {
            looked = true;
            let surveyed = self.survey();
            self.next_survey = now + if surveyed.is_ok() { SURVEY } else { DISCOVER };
            outcome = outcome.and(surveyed);
        }
        outcome.map(|()| looked)
    }

    /// Looks at the end of each stream: one that is none, or that may not be read, must not keep the others from
    /// being read, and one that was made anew by a server whose clock is behind is read from its beginning.
    fn survey(&mut self) -> Result<(), Failure> {
        for shard in self.turn() {
            let followed = self.mailbox.lock().followed(shard);
            if followed.is_empty() {
                continue;
            }
            let sources: Vec<_> = followed.iter().map(|(source, _)| *source).collect();
            let last = last_entries(&mut self.client, shard, &sources);
            let last = last.inspect_err(|_| self.first = shard + 1)?;
            for ((source, read), last) in followed.into_iter().zip(last) {
                if last.as_ref().is_err_and(|failure| failure.too_large) {
                    // The reading thread knows where it stands.
                    continue;
                }
                let reason = last.as_ref().err().map(|failure| failure.text.clone());
                if let Ok(Some((id, _))) = &last {
                    self.mailbox.lock().newest(&source, *id);
                }
                let news = self.mailbox.lock().bar(&source, reason.clone());
                match (reason, last) {
                    (Some(reason), _) if news => {
                        self.client.report(format_args!("{} cannot be read: {reason}", source.as_str()));
                    }
                    (None, Ok(Some((id, _)))) if id < read => self.mailbox.lock().rewind(&source),
                    (None, _) if news => {
                        self.client.report(format_args!("{} can be read again", source.as_str()))
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn name(source: &InstanceId) -> String {
    source.as_str().to_owned()
}

/// The positions that were found written, sorted by what is to become of them.
struct Written {
    wanted: BTreeMap<InstanceId, String>,
    write: Vec<(String, String)>,
    gone: Vec<String>,
}

impl Written {
    /// One of a source that is not followed is parked: workers pay no heed to it, and it is there should the source
    /// be followed again.
    fn sort(written: Vec<(String, String)>, sources: &SourceFilter) -> Self {
        let mut sorted = Self { wanted: BTreeMap::new(), write: Vec::new(), gone: Vec::new() };
        for (field, text) in written {
            let parked = field.strip_prefix(PARKED);
            let Ok(source) = InstanceId::new(parked.unwrap_or(&field)) else { continue };
            let wanted = match sources {
                SourceFilter::All => true,
                SourceFilter::Named(sources) => sources.contains(&source),
            };
            match (wanted, parked) {
                (true, None) => drop(sorted.wanted.insert(source, text)),
                (true, Some(_)) => {
                    sorted.wanted.entry(source).or_insert(text);
                    sorted.gone.push(field);
                }
                (false, None) => {
                    sorted.write.push((format!("{PARKED}{field}"), text));
                    sorted.gone.push(field);
                }
                (false, Some(_)) => {}
            }
        }
        match sources {
            SourceFilter::All => sorted.write.push((key::EVERY_SOURCE.to_owned(), "1".to_owned())),
            SourceFilter::Named(_) => sorted.gone.push(key::EVERY_SOURCE.to_owned()),
        }
        sorted
    }
}

/// The last entry of each stream, if it has one, or why it cannot be read.
type Last = Result<Option<(Id, Option<Received>)>, Failure>;

fn last_entries(client: &mut Client, shard: u16, sources: &[InstanceId]) -> Result<Vec<Last>, Failure> {
    let keys: Vec<_> = sources.iter().map(|source| key::signals(shard, source.as_str())).collect();
    let commands: Vec<_> =
        keys.iter().map(|key| command(["XREVRANGE", key, "+", "-", "COUNT", "1"])).collect();
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    let last = |reply| {
        let mut entries = reply::entries(&good(reply)?);
        let signal = |fields: Option<Vec<Vec<u8>>>| Received::decode(&fields?).ok();
        Ok(entries.pop().map(|(id, fields)| (id, signal(fields))))
    };
    match client.exchange(first, &commands) {
        // The connection is gone with that reply: each for itself.
        Err(failure) if failure.too_large => {}
        replies => return Ok(replies?.into_iter().map(last).collect()),
    }
    let mut found = Vec::new();
    for command in commands {
        if !client.is_connected() {
            client.connect()?;
        }
        found.push(match client.exchange(first, &[command]) {
            Err(failure) if failure.too_large => Err(failure),
            replies => last(replies?.remove(0)),
        });
    }
    if !client.is_connected() {
        client.connect()?;
    }
    Ok(found)
}

/// Behind the last entry of a stream; where nobody tells which that is, at the present: old signals are no new ones.
fn end(last: Last, now: u64) -> Position {
    match last {
        Ok(Some((id, signal))) => Position::behind(id, signal.as_ref()),
        Ok(None) => Position::default(),
        Err(_) => Position::behind((now, 0), None),
    }
}

fn by_shard(sources: &[InstanceId], shards: u16) -> BTreeMap<u16, Vec<InstanceId>> {
    let mut by_shard: BTreeMap<u16, Vec<InstanceId>> = BTreeMap::new();
    for source in sources {
        by_shard.entry(key::shard(source.as_str(), shards)).or_default().push(*source);
    }
    by_shard
}
