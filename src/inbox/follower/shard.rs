//! Reads the sources of one shard, in a thread of its own: one `XREAD` that waits at the server. It needs nothing but
//! the permission to read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::mailbox::{Mailbox, TOO_LARGE, Turn};
use crate::config::Config;
use crate::inbox::client::{Client, command, good, server_ms};
use crate::inbox::item::{Id, before, entry};
use crate::inbox::reply;
use crate::link::Link;
use crate::link::failure::Failure;
use crate::model::{InstanceId, key};

/// How long the server holds a read that finds nothing, at most; stopping takes as long.
const BLOCK: Duration = Duration::from_millis(500);
/// How many entries one read fetches of a source at most, and of all of them about.
const OF_ONE: usize = 256;
const OF_ALL: usize = 4096;
/// How many entries are read behind one that cannot be; if there are more, their source's next number tells what was missed.
const BACKWARDS: usize = 1000;
/// How often an entry is passed over that is there again.
const STUBBORN: u32 = 3;
/// How often it asks whether the server is still the one to read from: a master that became a replica answers.
const CHECK: Duration = Duration::from_secs(2);

pub(super) struct ShardReader {
    client: Client,
    mailbox: Arc<Mailbox>,
    shard: u16,
    /// How long the server may hold a read.
    block: Duration,
    /// How many sources had something to say in the last read.
    busy: usize,
    /// A reply was larger than one may be: the sources are read one by one, so many entries at once.
    one_by_one: bool,
    most: usize,
    /// Up to where sources were passed over the last time, and how often in vain.
    passed_over: HashMap<InstanceId, (Id, u32)>,
    next_check: Instant,
}

impl ShardReader {
    pub(super) fn new(config: &Config, mailbox: Arc<Mailbox>, shard: u16, instance: &str) -> Self {
        let endpoint = config.rtss.endpoint.clone();
        let block = BLOCK.min(endpoint.reply_timeout / 2);
        let link = Link::new(endpoint, format!("mt5redis:{instance}:in"));
        let what = format!("reading shard {shard}");
        let client = Client::new(link, what, mailbox.report.clone());
        Self {
            client,
            mailbox,
            shard,
            block,
            busy: 1,
            one_by_one: false,
            most: 1,
            passed_over: HashMap::new(),
            next_check: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        let mailbox = self.mailbox.clone();
        while !mailbox.ended() {
            if !self.client.rested(BLOCK, || !mailbox.ended()) {
                continue;
            }
            let Some(turn) = mailbox.turn(self.shard, BLOCK) else { continue };
            match self.read(&turn) {
                Ok(()) => self.client.succeeded(),
                Err(failure) => {
                    if failure.too_large && !self.one_by_one {
                        (self.one_by_one, self.most) = (true, 1);
                        continue;
                    }
                    if failure.is_an_answer() {
                        // One stream that is none, or that may not be read, is told from the others there.
                        mailbox.ask_for_survey();
                    }
                    self.client.failed(&failure);
                }
            }
        }
    }

    fn read(&mut self, turn: &Turn) -> Result<(), Failure> {
        if !self.client.is_connected() {
            self.client.connect()?;
        }
        if Instant::now() >= self.next_check {
            self.client.check_whether_moved()?;
            self.next_check = Instant::now() + CHECK;
        }
        self.mailbox.reads(self.shard);
        if self.one_by_one {
            return self.read_one_by_one(turn);
        }
        let streams = turn.streams.len();
        // As much as there is room for, if as many have something to say as the last time.
        let count = (turn.room / self.busy).min(OF_ALL / streams).clamp(1, OF_ONE);
        let words = read_command(&turn.streams, self.shard, count, Some(self.block));
        let first = key::signals(self.shard, turn.streams[0].0.as_str());
        let reply = self.client.ask(&first, words)?;
        let mut found = self.take(turn, &reply, count);
        // Those that came with nothing have nothing more.
        self.busy = found.len().max(1);
        if found.len() < streams {
            for (source, _) in &turn.streams {
                if !found.remove(source) {
                    self.mailbox.take(turn.epoch, *source, Vec::new(), true);
                }
            }
        }
        Ok(())
    }

    /// Hands in what a reply holds. Returns whose entries it had.
    fn take(&self, turn: &Turn, reply: &Value, count: usize) -> HashSet<InstanceId> {
        let prefix = key::signals(self.shard, "");
        let mut found = HashSet::new();
        for stream in reply::array(reply) {
            let [name, entries] = reply::array(stream) else { continue };
            let name = reply::bytes(name).and_then(|name| str::from_utf8(name).ok());
            let source = name.and_then(|name| InstanceId::new(name.strip_prefix(prefix.as_str())?).ok());
            let Some(source) = source else { continue };
            let entries = reply::entries(entries);
            let all = entries.len() < count;
            self.mailbox.take(turn.epoch, source, entries, all);
            found.insert(source);
        }
        found
    }

    /// Reads source by source what is too large together. An entry that is so by itself is passed over. Nobody who writes
    /// one stream holds up the others.
    fn read_one_by_one(&mut self, turn: &Turn) -> Result<(), Failure> {
        let time = self.client.ask(&key::sources(self.shard), command(["TIME"]))?;
        let now = server_ms(&time).unwrap_or(0);
        let (mut more, mut stuck) = (false, Vec::new());
        for (source, read) in &turn.streams {
            let key = key::signals(self.shard, source.as_str());
            loop {
                let count = self.most;
                let words = read_command(&[(*source, *read)], self.shard, count, None);
                match self.client.exchange(&key, &[words]) {
                    Ok(mut replies) => {
                        more |= self.take(turn, &good(replies.remove(0))?, count).contains(source);
                        self.most = (2 * count).min(OF_ONE);
                        break;
                    }
                    Err(failure) if failure.too_large => {
                        self.client.connect()?;
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
        for (source, read) in stuck {
            self.pass_over(source, read, now)?;
        }
        Ok(())
    }

    /// Goes on behind an entry that cannot be read. Whose id nobody tells: so all that comes behind it is read from the end
    /// backwards. Where that is nothing, or another one like it, it goes on at the present. One from the future stands there again; then the source
    /// waits until it has given something else.
    fn pass_over(&mut self, source: InstanceId, read: Id, now: u64) -> Result<(), Failure> {
        let name = source.as_str();
        let next = match self.first_behind(&source, read)? {
            Some(first) => before(first),
            None => before((now, 0)),
        };
        let (last, times) = self.passed_over.remove(&source).unwrap_or_default();
        let times = if last == read { times + 1 } else { 1 };
        self.passed_over.insert(source, (next, times));
        if times > STUBBORN {
            if self.mailbox.lock().bar(&source, Some(TOO_LARGE.to_owned())) {
                self.client
                    .report(format_args!("{name} cannot be read until it gives a signal: {TOO_LARGE}"));
            }
            return Ok(());
        }
        if times == 1 {
            self.client.report(format_args!("an entry of {name} is too large to be read: it is passed over"));
        }
        self.mailbox.lock().skip(&source, next);
        Ok(())
    }

    /// The first entry that can be read of those behind one that cannot.
    fn first_behind(&mut self, source: &InstanceId, read: Id) -> Result<Option<Id>, Failure> {
        let key = key::signals(self.shard, source.as_str());
        let (mut first, mut end) = (None, "+".to_owned());
        for _ in 0..BACKWARDS {
            let words = command(["XREVRANGE", &key, &end, &format!("({}", entry(read)), "COUNT", "1"]);
            let reply = match self.client.exchange(&key, &[words]) {
                Err(failure) if failure.too_large => {
                    self.client.connect()?;
                    return Ok(first);
                }
                reply => good(reply?.remove(0))?,
            };
            // It is gone.
            let Some((id, _)) = reply::entries(&reply).pop() else { return Ok(first) };
            (first, end) = (Some(id), format!("({}", entry(id)));
        }
        Ok(None)
    }
}

fn read_command(
    streams: &[(InstanceId, Id)],
    shard: u16,
    count: usize,
    block: Option<Duration>,
) -> Vec<Vec<u8>> {
    let mut words = command(["XREAD", "COUNT", &count.to_string()]);
    if let Some(block) = block {
        words.extend(command(["BLOCK", &block.as_millis().max(1).to_string()]));
    }
    words.push(b"STREAMS".to_vec());
    words.extend(streams.iter().map(|(source, _)| key::signals(shard, source.as_str()).as_bytes().to_vec()));
    words.extend(streams.iter().map(|(_, (ms, number))| format!("{ms}-{number}").into_bytes()));
    words
}
