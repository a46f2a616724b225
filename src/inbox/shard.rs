//! Reads one shard, in a thread of its own or in who waits for a signal: `XREADGROUP` that waits at the
//! server, bounded by the room there is. In the same exchange it asks how far the group and the stream are,
//! and so finds what was trimmed unread.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::Sender;
use redis::Value;

use super::keeper::Order;
use super::reply::{self, Entry};
use super::wire::{Wire, command, good};
use super::{Delivery, Gap, Item, Place, Received, Shared, Start};
use crate::config::Config;
use crate::link::Link;
use crate::link::failure::Failure;
use crate::model::key::{self, Key};

/// How long the server holds a read that finds nothing, at most; stopping takes as long.
const BLOCK: Duration = Duration::from_millis(500);
/// How long a reader waits at most for the one before it.
const PREDECESSOR: Duration = Duration::from_secs(3);
/// How many signals one read fetches at most.
const BATCH: usize = 256;

/// Writes how much the group has read, which a replica or a restart would not know otherwise: Redis before 7.4
/// does not pass on what XREADGROUP counts. With "count" it counts anew what the group has not read, and so
/// heals a number that was left behind; it returns 0 where that is too much for now.
const READ_SO_FAR: &str = "local function field(list, name) \
    for at = 1, #list, 2 do if list[at] == name then return list[at + 1] end end end \
    local added = field(redis.pcall('XINFO', 'STREAM', KEYS[1]), 'entries-added') \
    if not added then return 1 end \
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do \
    if field(group, 'name') == ARGV[1] then \
    local last, read = field(group, 'last-delivered-id'), field(group, 'entries-read') \
    if ARGV[2] == 'count' then \
    local unread = #redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 10001) \
    if unread > 10000 then return 0 end \
    read = added - unread end \
    if read then redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], last, 'ENTRIESREAD', read) end \
    end end return 1";

pub(super) struct ShardReader {
    wire: Wire,
    shared: Arc<Shared>,
    orders: Sender<Order>,
    shard: u16,
    /// For what is told.
    what: String,
    key: Key,
    /// How long the server may hold a read.
    limit: Duration,
    /// How long it holds this one.
    block: Duration,
    /// The group was found or made.
    joined: bool,
    /// What this reader was handed before is to be read again, behind this id.
    look_back: Option<String>,
    /// And to be passed over: who starts with new signals wants none of an earlier life.
    passing_over: bool,
    /// How many of the signals now missing were told of.
    told: u64,
    /// The server's id of its run, when it was connected last.
    run: Option<String>,
    /// Another server, or another run of it, may not know how much the group has read.
    forgetful: bool,
}

impl ShardReader {
    pub(super) fn new(config: &Config, shard: u16, shared: Arc<Shared>, orders: Sender<Order>) -> Self {
        let endpoint = config.rtss.endpoint.clone();
        let limit = BLOCK.min(endpoint.reply_timeout / 2);
        let link = Link::new(endpoint, format!("mt5redis:{}:in", shared.options.consumer));
        let key = key::signals(shard, "");
        let wire = Wire::new(link);
        let passing_over = shared.options.start == Start::New;
        Self {
            wire,
            shared,
            orders,
            shard,
            what: format!("reading shard {shard}"),
            key,
            limit,
            block: limit,
            joined: false,
            look_back: Some("0".to_owned()),
            passing_over,
            told: 0,
            run: None,
            forgetful: false,
        }
    }

    pub(super) fn run(mut self) {
        while !self.shared.ended() {
            self.turn(BLOCK);
        }
        self.shared.queue.lock().reading.remove(&self.shard);
    }

    /// Reads once, and waits for that at most so long. Connecting takes its own time.
    pub(super) fn turn(&mut self, most: Duration) {
        if !self.wire.rested(&self.shared, most) {
            return;
        }
        self.block = most.min(self.limit);
        let outcome = self.step();
        let what = &self.what;
        match outcome {
            Ok(()) => self.wire.succeeded(&self.shared, what),
            Err(failure) => {
                // What was on its way when a connection broke belongs to us and was not seen.
                self.look_back = Some("0".to_owned());
                self.wire.failed(&self.shared, what, &failure);
            }
        }
    }

    fn step(&mut self) -> Result<(), Failure> {
        if !self.wire.is_connected() {
            self.wire.connect()?;
            self.compare_clocks()?;
            let run = self.wire.history()?;
            self.forgetful |= self.run.replace(run.clone()).is_some_and(|before| before != run);
        }
        if !self.joined {
            self.join()?;
            let until = Instant::now() + PREDECESSOR;
            while self.shared.is_preceded() && !self.shared.ended() && Instant::now() < until {
                thread::sleep(Duration::from_millis(5));
            }
            self.joined = true;
            self.shared.queue.lock().reading.insert(self.shard);
        }
        if self.shared.ended() {
            return Ok(());
        }
        match self.fetch() {
            // Somebody deleted the stream, or a server without data took over.
            Err(failure) if failure.text.starts_with("NOGROUP") => {
                self.join_again()?;
                self.shared.take(Item::Gap(Gap { shard: self.shard, signals: None }));
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn fetch(&mut self) -> Result<(), Failure> {
        if self.forgetful {
            let healed =
                self.wire.ask(&self.key, read_so_far(&self.key, &self.shared.options.group, "count"))?;
            self.forgetful = healed == Value::Int(0);
        }
        match (self.shared.wait_for_room(self.block).min(BATCH), self.look_back.take()) {
            (0, look_back) => {
                self.look_back = look_back;
                Ok(())
            }
            (room, Some(after)) => self.read_own(room, &after),
            (room, None) => self.read(room),
        }
    }

    /// A signal's age is told by the server's clock. One that may not be asked has ours.
    fn compare_clocks(&mut self) -> Result<(), Failure> {
        let reply = self.wire.exchange(&self.key, &[command(["TIME"])])?.remove(0);
        if let [seconds, micros] = reply::array(&reply)
            && let (Some(seconds), Some(micros)) = (reply::number(seconds), reply::number(micros))
        {
            let ours = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let theirs = (seconds * 1000 + micros / 1000) as i64;
            self.shared.ahead_ms.store(theirs - ours.as_millis() as i64, Relaxed);
        }
        Ok(())
    }

    /// Makes the group, or moves it where reading is to start.
    fn join(&mut self) -> Result<(), Failure> {
        let options = self.shared.options.clone();
        let start = if options.start == Start::New { "$" } else { "0" };
        let create = command(["XGROUP", "CREATE", &self.key, &options.group, start, "MKSTREAM"]);
        match self.wire.ask(&self.key, create) {
            Err(failure) if failure.text.starts_with("BUSYGROUP") => {}
            answer => return answer.map(|_| ()),
        }
        if options.start == Start::Resume {
            return Ok(());
        }
        // Without the numbers of what was read, a server could not tell what is missing from then on.
        let added = self.stream_info()?.and_then(|info| reply::number(reply::named(&info, "entries-added")?));
        let mut set = command(["XGROUP", "SETID", &self.key, &options.group, start]);
        if let Some(added) = added {
            let read = if options.start == Start::New { added } else { 0 };
            set.extend(command(["ENTRIESREAD", &read.to_string()]));
        }
        self.wire.ask(&self.key, set).map(|_| ())
    }

    fn stream_info(&mut self) -> Result<Option<Value>, Failure> {
        let info = self.wire.exchange(&self.key, &[command(["XINFO", "STREAM", &self.key])])?.remove(0);
        Ok(good(info).ok())
    }

    /// What this reader was handed and never acknowledged, in an earlier life or over a broken connection.
    fn read_own(&mut self, room: usize, after: &str) -> Result<(), Failure> {
        let reply = self.wire.ask(&self.key, self.read_command(room, None, after))?;
        let entries = reply::read(&reply);
        self.look_back = entries.last().map(|((ms, number), _)| format!("{ms}-{number}"));
        let mut gone = 0;
        for entry in entries {
            let place = Place { shard: self.shard, id: entry.0 };
            if entry.1.is_none() || self.passing_over {
                gone += u64::from(!self.passing_over);
                let _ = self.orders.send(Order::Acknowledge(place));
            } else if !self.shared.is_open(&place) {
                self.hand_out(entry, 2);
            }
        }
        self.passing_over &= self.look_back.is_some();
        self.gap(gone);
        Ok(())
    }

    fn read_command(&self, count: usize, block: Option<Duration>, after: &str) -> Vec<Vec<u8>> {
        let options = &self.shared.options;
        let count = count.to_string();
        let mut words = command(["XREADGROUP", "GROUP", &options.group, &options.consumer, "COUNT", &count]);
        if let Some(block) = block {
            words.extend(command(["BLOCK", &block.as_millis().max(1).to_string()]));
        }
        words.extend(command(["STREAMS", &self.key, after]));
        words
    }

    fn read(&mut self, room: usize) -> Result<(), Failure> {
        let commands = [
            command(["XINFO", "STREAM", &self.key]),
            command(["XINFO", "GROUPS", &self.key]),
            self.read_command(room, Some(self.block), ">"),
        ];
        let mut replies = self.wire.exchange(&self.key, &commands)?.into_iter();
        let (stream, groups, read) =
            (replies.next().expect("three"), replies.next().expect("three"), replies.next().expect("three"));
        let read = good(read)?;
        let missing = if self.forgetful { 0 } else { missing(&stream, &groups, &self.shared.options.group) };
        self.gap(missing.saturating_sub(self.told));
        let entries = reply::read(&read);
        // Until something is read, the same signals are missing.
        self.told = if entries.is_empty() { missing } else { 0 };
        if !entries.is_empty() {
            self.shared.queue.lock().unwritten.insert(self.shard);
        }
        entries.into_iter().for_each(|entry| self.hand_out(entry, 1));
        Ok(())
    }

    /// A group that is gone starts at the oldest signal: those that were handed out before are known.
    fn join_again(&mut self) -> Result<(), Failure> {
        let create = command(["XGROUP", "CREATE", &self.key, &self.shared.options.group, "0", "MKSTREAM"]);
        match self.wire.ask(&self.key, create) {
            Err(failure) if !failure.text.starts_with("BUSYGROUP") => Err(failure),
            _ => Ok(()),
        }
    }

    fn gap(&self, signals: u64) {
        if signals > 0 {
            self.shared.take(Item::Gap(Gap { shard: self.shard, signals: Some(signals) }));
        }
    }

    fn hand_out(&self, (id, fields): Entry, deliveries: u64) {
        let place = Place { shard: self.shard, id };
        let Some(fields) = fields else { return };
        if self.shared.take(item(place, deliveries, &fields)) {
            let _ = self.orders.send(Order::Acknowledge(place));
        }
    }
}

/// The command that writes how much the group has read.
pub(super) fn read_so_far(key: &str, group: &str, how: &str) -> Vec<Vec<u8>> {
    command(["EVAL", READ_SO_FAR, "1", key, group, how])
}

/// An entry as it is handed out.
pub(super) fn item(place: Place, deliveries: u64, fields: &[Vec<u8>]) -> Item {
    match Received::decode(fields) {
        Ok(signal) => Item::Signal(Box::new(Delivery { place, deliveries, signal })),
        Err(reason) => Item::Unreadable(place, reason),
    }
}

/// How many signals the group has not read and nobody can read any more. Redis tells since 7.0.
fn missing(stream: &Value, groups: &Value, group: &str) -> u64 {
    let known = || {
        let group = reply::array(groups)
            .iter()
            .find(|one| reply::named(one, "name").and_then(reply::bytes) == Some(group.as_bytes()))?;
        let read = reply::number(reply::named(group, "entries-read")?)?;
        let last = reply::id(reply::named(group, "last-delivered-id")?)?;
        let added = reply::number(reply::named(stream, "entries-added")?)?;
        let length = reply::number(reply::named(stream, "length")?)?;
        let first = reply::id(reply::named(stream, "recorded-first-entry-id")?).unwrap_or_default();
        // Where the first entry that is left was read, nothing unread was trimmed.
        (length == 0 || first > last).then(|| added.saturating_sub(read).saturating_sub(length))
    };
    known().unwrap_or(0)
}
