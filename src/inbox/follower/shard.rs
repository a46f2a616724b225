//! Reads the sources of one shard in a thread of its own: one `XREAD` that waits at the server. It only needs the
//! permission to read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::mailbox::{Mailbox, Turn};
use super::state::TOO_LARGE;
use crate::config::Config;
use crate::inbox::client::{self, Client, Command, command, good, server_ms};
use crate::inbox::item::EntryId;
use crate::inbox::reply;
use crate::link::failure::Failure;
use crate::model::{InstanceId, key};

/// How long the server holds a read that finds nothing, at most; stopping takes as long.
const BLOCK: Duration = Duration::from_millis(500);
/// How many entries one read fetches of one source at most, and of all of them about.
const OF_ONE: usize = 256;
const OF_ALL: usize = 4096;
/// How many entries after one that is too large are read backwards. If there are more, the next number of their source
/// shows what was missed.
const BACKWARDS: usize = 1000;
/// How often a source is skipped to the present in vain before it is barred.
const SKIPS: u32 = 3;
/// How often it checks whether the server is still the one to read from: a master that became a replica still answers.
const CHECK: Duration = Duration::from_secs(2);

pub(super) struct ShardReader {
    client: Client,
    mailbox: Arc<Mailbox>,
    shard: u16,
    /// How long the server may hold a read.
    block: Duration,
    /// How many sources had entries in the last read.
    busy: usize,
    /// A reply was too large: the sources are read one by one, at most so many entries at once.
    one_by_one: bool,
    most: usize,
    /// Up to where sources were skipped the last time, and how often in vain.
    skipped: HashMap<InstanceId, (EntryId, u32)>,
    next_check: Instant,
}

impl ShardReader {
    pub(super) fn new(config: &Config, mailbox: Arc<Mailbox>, shard: u16, instance: &str) -> Self {
        let endpoint = &config.rtss.endpoint;
        let block = BLOCK.min(endpoint.reply_timeout / 2);
        let name = format!("mt5redis:{instance}:in");
        Self {
            client: Client::new(endpoint, name, format!("reading shard {shard}"), mailbox.report.clone()),
            mailbox,
            shard,
            block,
            busy: 1,
            one_by_one: false,
            most: 1,
            skipped: HashMap::new(),
            next_check: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        let mailbox = self.mailbox.clone();
        while !mailbox.ended() {
            if !self.client.wait_until_due(BLOCK, || !mailbox.ended()) {
                continue;
            }
            let Some(turn) = mailbox.turn(self.shard, BLOCK) else { continue };
            match self.read(&turn) {
                Ok(()) => self.client.succeeded(),
                Err(failure) if failure.too_large && !self.one_by_one => {
                    (self.one_by_one, self.most) = (true, 1);
                }
                Err(failure) => {
                    if failure.is_an_answer() {
                        // One key is not a stream, or may not be read: a survey finds out which.
                        mailbox.ask_for_survey();
                    }
                    self.client.failed(&failure);
                }
            }
        }
    }

    fn read(&mut self, turn: &Turn) -> Result<(), Failure> {
        self.client.ensure_connected()?;
        if Instant::now() >= self.next_check {
            self.client.check_whether_moved()?;
            self.next_check = Instant::now() + CHECK;
        }
        self.mailbox.lock().reached.insert(self.shard);
        if self.one_by_one {
            return self.read_one_by_one(turn);
        }
        let streams = turn.streams.len();
        // As many as there is room for, if as many sources have entries as the last time.
        let count = (turn.room / self.busy).min(OF_ALL / streams).clamp(1, OF_ONE);
        let read = self.command(&turn.streams, count, Some(self.block));
        let first = key::signals(self.shard, turn.streams[0].0.as_str());
        let reply = self.client.ask(&first, read)?;
        let found = self.take(turn, &reply, count);
        self.busy = found.len().max(1);
        if found.len() < streams {
            let at_end = turn.streams.iter().filter(|(source, _)| !found.contains(source));
            at_end.for_each(|(source, _)| self.mailbox.take(turn.epoch, *source, Vec::new(), true));
        }
        Ok(())
    }

    fn command(&self, streams: &[(InstanceId, EntryId)], count: usize, block: Option<Duration>) -> Command {
        let from: Vec<_> = streams.iter().map(|(source, id)| (*source, id.to_string())).collect();
        client::read(command(["XREAD"]), count, block, self.shard, &from)
    }

    /// Hands in the entries of a reply. Returns their sources.
    fn take(&self, turn: &Turn, reply: &Value, count: usize) -> HashSet<InstanceId> {
        let mut found = HashSet::new();
        for (source, entries) in reply::streams(reply, self.shard) {
            let all = entries.len() < count;
            self.mailbox.take(turn.epoch, source, entries, all);
            found.insert(source);
        }
        found
    }

    /// Reads each source by itself, and skips an entry that alone is too large. So a source delays only its own
    /// signals.
    fn read_one_by_one(&mut self, turn: &Turn) -> Result<(), Failure> {
        let time = self.client.ask(&key::sources(self.shard), command(["TIME"]))?;
        let now = server_ms(&time).unwrap_or(0);
        let (mut more, mut stuck) = (false, Vec::new());
        for (source, read) in &turn.streams {
            let key = key::signals(self.shard, source.as_str());
            loop {
                let count = self.most;
                match self.client.exchange(&key, &[self.command(&[(*source, *read)], count, None)]) {
                    Ok(mut replies) => {
                        more |= self.take(turn, &good(replies.remove(0))?, count).contains(source);
                        self.most = (2 * count).min(OF_ONE);
                        break;
                    }
                    Err(failure) if failure.too_large => {
                        self.client.reconnect()?;
                        self.most = 1;
                        if count == 1 {
                            stuck.push((*source, *read));
                            break;
                        }
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        self.one_by_one = more || !stuck.is_empty();
        stuck.into_iter().try_for_each(|(source, read)| self.skip(source, read, now))
    }

    /// Skips an entry that is too large. Its id is unknown, so the entries after it are read backwards from the end. If there
    /// are none, or another one is too large, reading continues at the present. An entry from the future is still ahead
    /// then; in the end its source is barred until it gives another signal.
    fn skip(&mut self, source: InstanceId, read: EntryId, now: u64) -> Result<(), Failure> {
        let name = source.as_str();
        let first = self.first_after(&source, read)?;
        let next = first.unwrap_or(EntryId { ms: now, number: 0 }).before();
        let (last, times) = self.skipped.remove(&source).unwrap_or_default();
        let times = if last == read { times + 1 } else { 1 };
        self.skipped.insert(source, (next, times));
        if times > SKIPS {
            if self.mailbox.lock().bar(&source, Some(TOO_LARGE.to_owned())) {
                self.client.report(format_args!("{name} is not read until it gives a signal: {TOO_LARGE}"));
            }
            return Ok(());
        }
        if times == 1 {
            self.client.report(format_args!("an entry of {name} is too large to be read and is skipped"));
        }
        self.mailbox.lock().skip_to(&source, next);
        Ok(())
    }

    /// The first entry that can be read after one that is too large.
    fn first_after(&mut self, source: &InstanceId, read: EntryId) -> Result<Option<EntryId>, Failure> {
        let key = key::signals(self.shard, source.as_str());
        let (mut first, mut end) = (None, "+".to_owned());
        for _ in 0..BACKWARDS {
            let search = command(["XREVRANGE", &key, &end, &format!("({read}"), "COUNT", "1"]);
            let reply = match self.client.exchange(&key, &[search]) {
                Err(failure) if failure.too_large => {
                    self.client.reconnect()?;
                    return Ok(first);
                }
                reply => good(reply?.remove(0))?,
            };
            // The entry that was too large is gone.
            let Some((id, _)) = reply::entries(&reply).pop() else { return Ok(first) };
            (first, end) = (Some(id), format!("({id}"));
        }
        Ok(None)
    }
}
