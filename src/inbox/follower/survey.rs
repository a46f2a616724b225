//! How the coordinator looks around: at the ends of all streams when the follower starts, for sources that are new, and
//! from time to time whether each stream is still what it was.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::coordinator::Coordinator;
use super::position::Position;
use super::subscription::SourceFilter;
use crate::inbox::catalogue::Catalogue;
use crate::inbox::client::{self, Client, command, good, server_ms};
use crate::inbox::item::{EntryId, Start};
use crate::inbox::reply;
use crate::link::failure::Failure;
use crate::model::received::Received;
use crate::model::{InstanceId, key};

/// How often new sources are looked for, and known streams looked at.
const DISCOVER: Duration = Duration::from_secs(1);
const SURVEY: Duration = Duration::from_secs(10);

/// The last entry of a stream, if it has one, and its signal; or why it cannot be read.
type Last = Result<Option<(EntryId, Option<Received>)>, Failure>;

impl Coordinator {
    /// Where each source ends, if the follower starts with new signals.
    pub(super) fn find_ends(&mut self) -> Result<HashMap<InstanceId, Position>, Failure> {
        let mut ends = HashMap::new();
        let mailbox = self.mailbox.clone();
        if mailbox.subscription.start != Start::New {
            return Ok(ends);
        }
        let sources = match &mailbox.subscription.sources {
            SourceFilter::Named(sources) => sources.clone(),
            SourceFilter::All => {
                self.catalogues.iter_mut().for_each(Catalogue::restart);
                let (found, outcome) = self.discover();
                outcome.map(|()| found)?
            }
        };
        let mut by_shard: BTreeMap<u16, Vec<InstanceId>> = BTreeMap::new();
        for source in sources {
            by_shard.entry(key::shard(source.as_str(), mailbox.shards)).or_default().push(source);
        }
        for (shard, sources) in by_shard {
            let last = last_entries(&mut self.client, shard, &sources)?;
            let time = self.client.ask(&key::sources(shard), command(["TIME"]))?;
            let now = EntryId { ms: server_ms(&time).unwrap_or(0), number: 0 };
            let end = |last: Last| match last {
                Ok(Some((id, signal))) => Position::after(id, signal.as_ref()),
                Ok(None) => Position::default(),
                // The end is unknown. It is not after the present, so no older signal is taken for a new one.
                Err(_) => Position::after(now, None),
            };
            ends.extend(sources.into_iter().zip(last.into_iter().map(end)));
        }
        Ok(ends)
    }

    /// The sources that are not followed yet, and the failure if not every shard could be looked at.
    fn discover(&mut self) -> (Vec<InstanceId>, Result<(), Failure>) {
        let known = self.mailbox.lock().sources();
        let mut found = Vec::new();
        for shard in self.turn() {
            let catalogue = &mut self.catalogues[usize::from(shard)];
            match catalogue.look(&mut self.client, |source| known.contains(source)) {
                Ok(sources) => found.extend(sources),
                Err(failure) => {
                    self.first = shard + 1;
                    return (found, Err(failure));
                }
            }
        }
        (found, Ok(()))
    }

    /// All shards, beginning after the last that failed.
    fn turn(&self) -> impl Iterator<Item = u16> + use<> {
        let (first, shards) = (self.first, self.mailbox.shards);
        (0..shards).map(move |at| (first + at) % shards)
    }

    /// Looks for new sources and at the known streams, if it is time. Returns whether it was.
    pub(super) fn look_around(&mut self) -> Result<bool, Failure> {
        let now = Instant::now();
        if !self.acting {
            return Ok(false);
        }
        let (mut looked, mut outcome) = (false, Ok(()));
        if now >= self.next_discovery && !self.catalogues.is_empty() {
            (looked, self.next_discovery) = (true, now + DISCOVER);
            let (found, discovered) = self.discover();
            let shards = self.mailbox.shards;
            let placed = |source: InstanceId| (source, key::shard(source.as_str(), shards));
            self.mailbox.follow(found.into_iter().map(placed).collect());
            outcome = discovered;
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

    /// Looks at the end of each stream. One that is not a stream, or may not be read, is barred so that the others can
    /// be read. One that a server with a slow clock made again is read from its beginning.
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
                let (end, reason) = match last {
                    Ok(end) => (end.map(|(id, _)| id), None),
                    // The reading thread skips such an entry.
                    Err(failure) if failure.too_large => continue,
                    Err(failure) => (None, self.why_unreadable(shard, source, read, &failure)?),
                };
                let mut state = self.mailbox.lock();
                end.into_iter().for_each(|id| state.newest(&source, id));
                let news = state.bar(&source, reason.clone());
                match reason {
                    None if end.is_some_and(|id| id < read) => state.rewind(&source),
                    _ if !news => {}
                    Some(reason) => {
                        drop(state);
                        self.client.report(format_args!("{} cannot be read: {reason}", source.as_str()));
                    }
                    None => {
                        drop(state);
                        self.client.report(format_args!("{} can be read again", source.as_str()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Why a source whose end may not be seen cannot be read, if reading it is refused too.
    fn why_unreadable(
        &mut self,
        shard: u16,
        source: InstanceId,
        read: EntryId,
        refused: &Failure,
    ) -> Result<Option<String>, Failure> {
        let one = client::read(command(["XREAD"]), 1, None, shard, &[(source, read.to_string())]);
        match self.client.ask(&key::sources(shard), one) {
            Err(failure) if failure.is_an_answer() => return Ok(Some(failure.text)),
            // The reading thread skips such an entry.
            Err(failure) if failure.too_large => self.client.reconnect()?,
            outcome => drop(outcome?),
        }
        let blind = format!("a stream that was made anew may go unnoticed: {}", refused.text);
        if self.blind.as_ref() != Some(&blind) {
            self.client.report(&blind);
            self.blind = Some(blind);
        }
        Ok(None)
    }
}

fn last_entries(client: &mut Client, shard: u16, sources: &[InstanceId]) -> Result<Vec<Last>, Failure> {
    let list = key::sources(shard);
    let last = |source: &InstanceId| {
        command(["XREVRANGE", &key::signals(shard, source.as_str()), "+", "-", "COUNT", "1"])
    };
    let commands: Vec<_> = sources.iter().map(last).collect();
    if commands.is_empty() {
        return Ok(Vec::new());
    }
    let entry = |reply| {
        let entry = reply::entries(&good(reply)?).pop();
        Ok(entry.map(|(id, fields)| (id, fields.and_then(|fields| Received::decode(&fields).ok()))))
    };
    match client.exchange(&list, &commands) {
        // One of them was, and the connection is gone: they are asked one by one.
        Err(failure) if failure.too_large => {}
        replies => return Ok(replies?.into_iter().map(entry).collect()),
    }
    let mut found = Vec::new();
    for command in commands {
        client.ensure_connected()?;
        found.push(match client.exchange(&list, &[command]) {
            Err(failure) if failure.too_large => Err(failure),
            replies => entry(replies?.remove(0)),
        });
    }
    client.ensure_connected()?;
    Ok(found)
}
