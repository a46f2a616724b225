//! One stream of an instance: its signals, its reports, or the events of its trades. It is trimmed, and a source is
//! announced, by the server's clock.

use std::time::{Duration, Instant};

use redis::Value;

use crate::clock::own_ms;
use crate::link::Link;
use crate::link::commands::{Commands, Opening};
use crate::link::failure::{Failure, Refusal};
use crate::model::Tag;
use crate::model::key::{self, Key};

/// How often a stream is trimmed and the server is asked for its time.
const ONCE: Duration = Duration::from_secs(1);
/// After this many entries a stream is trimmed again.
const TRIM_AFTER: usize = 5_000;
/// The most entries that one XTRIM removes: four times what came since the last one. That takes the server about a
/// millisecond and removes a backlog in steps.
const TRIM_LIMIT: i64 = 20_000;
/// How often a source is announced to readers.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(60);

/// What a server's clock said, ms (none: it may not be asked), and when.
pub(super) type Clock = (Option<u64>, Instant);

/// A stream, and what is needed to write it.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) tag: Tag,
    pub(super) key: Key,
    /// How the command that adds an entry begins.
    pub(super) entry: Opening,
    /// The shard that lists it, if its readers look for it in a list.
    listed: Option<u16>,
    /// The number of the last entry.
    pub(super) predecessor: u64,
    pub(super) clock: Option<Clock>,
    announced: Option<Instant>,
    trimmed: Option<Instant>,
    /// How many entries were added since then.
    pub(super) added: usize,
}

impl Stream {
    pub(super) fn new(tag: Tag, key: Key, listed: Option<u16>, clock: Option<Clock>) -> Self {
        let entry = Commands::opening([b"XADD", key.as_bytes(), b"*"]);
        Self { tag, key, entry, listed, predecessor: 0, clock, announced: None, trimmed: None, added: 0 }
    }

    /// Writes what a transaction ends with. Returns whether the server should be asked for its time.
    pub(super) fn finish(&mut self, retention: Duration, max_length: u64, commands: &mut Commands) -> bool {
        let now = Instant::now();
        commands.begin();
        commands.argument(b"PEXPIRE");
        commands.argument(self.key.as_bytes());
        commands.integer(retention.as_millis() as i64);
        commands.end();
        if let Some(shard) = self.listed
            && is_due(self.announced, ANNOUNCE_EVERY, now)
        {
            self.announce(shard, now, commands);
        }
        if self.added >= TRIM_AFTER || is_due(self.trimmed, ONCE, now) {
            self.trim(retention, max_length, now, commands);
        }
        is_due(self.clock.map(|(_, asked)| asked), ONCE, now)
    }

    /// The server's time at `now`, ms; none if it may not be asked.
    fn server_ms(&self, now: Instant) -> Option<u64> {
        let (ms, asked) = self.clock?;
        Some(ms? + (now - asked).as_millis() as u64)
    }

    fn trim(&mut self, retention: Duration, max_length: u64, now: Instant, commands: &mut Commands) {
        (self.trimmed, self.added) = (Some(now), 0);
        let oldest = self.server_ms(now).map(|ms| ms.saturating_sub(retention.as_millis() as u64));
        for (strategy, threshold) in [("MINID", oldest), ("MAXLEN", Some(max_length))] {
            let Some(threshold) = threshold else { continue };
            commands.begin();
            commands.argument(b"XTRIM");
            commands.argument(self.key.as_bytes());
            commands.argument(strategy.as_bytes());
            commands.argument(b"~");
            commands.integer(threshold as i64);
            commands.argument(b"LIMIT");
            commands.integer(TRIM_LIMIT);
            commands.end();
        }
    }

    /// Adds the source to the list that readers discover sources by.
    fn announce(&mut self, shard: u16, now: Instant, commands: &mut Commands) {
        self.announced = Some(now);
        commands.begin();
        commands.argument(b"ZADD");
        commands.argument(key::sources(shard).as_bytes());
        commands.integer(self.server_ms(now).unwrap_or_else(own_ms) as i64);
        commands.argument(self.tag.instance.as_str().as_bytes());
        commands.end();
    }
}

/// What a person must do about a refusal to add to a stream.
pub(super) fn advice(key: &str, refusal: &Failure) -> Option<String> {
    (refusal.refusal == Some(Refusal::OutOfIds)).then(|| {
        format!(
            "ALARM: {key} has no ids left: delete the entries at its end whose ids are in the future (XREVRANGE, XDEL), \
             then XSETID {key} <id of the last good entry>"
        )
    })
}

/// Asks this key's server for its time. Returns the answer, and when it was asked.
pub(super) fn ask_time(link: &mut Link, key: &str) -> Result<(Value, Instant), Failure> {
    let server = link.route(key)?;
    let mut commands = Commands::new();
    commands.command([b"TIME".as_slice()]);
    let asked = Instant::now();
    link.send(server, &mut commands)?;
    Ok((link.receive(server)?, asked))
}

fn is_due(last: Option<Instant>, every: Duration, now: Instant) -> bool {
    last.is_none_or(|last| now - last >= every)
}
