//! Which terminal acts for a follower: the one whose token is in `fl:{F}`, until the key expires.
//!
//! The key is watched from each look at it to the next transaction, which renews it and writes positions. So a terminal
//! that lost the lease writes no position, and two never hold it. A terminal stops handing out signals a second before
//! its lease can expire. While the slot moves, only the node that watches may write: a lease that is held continues where both
//! keys are, and one that nobody holds is taken when the slot has moved.
//!
//! One thing cannot be prevented: a terminal that is suspended between handing an order to its broker and the order's
//! execution may lose the lease meanwhile.

use std::collections::hash_map::{DefaultHasher, RandomState};
use std::hash::{BuildHasher, Hash, Hasher};
use std::path::Path;
use std::time::{Duration, Instant};

use redis::Value;

use crate::clock::own_ms;
use crate::inbox::client::{Client, Command, Node, command, executed, good, server_ms};
use crate::inbox::reply;
use crate::link::failure::Failure;
use crate::model::key::{self, Key};

/// How long a lease lives in Redis.
pub(super) const LIFE: Duration = Duration::from_secs(6);
/// How long its holder relies on it after renewing it.
const RELIABLE: Duration = Duration::from_secs(5);
/// The field of `fp:{F}` that says whose life wrote last, which terminal acknowledged last, and when it was written, ms of
/// the server's clock. No source has this name.
const WRITER: &str = "@";
/// How long a position is kept after its follower last wrote it: as long as a watermark, 35 days, ms.
const POSITION_MS: &str = "3024000000";

/// A follower's lease as this terminal sees it.
pub(super) struct Lease {
    key: Key,
    position: Key,
    /// What this terminal writes. It changes each time the lease is lost, so that an old token which a replica brings
    /// back is not taken for this terminal's.
    token: String,
    /// This terminal's name, for the log of the others.
    terminal: String,
    /// The same in each life of this terminal.
    home: String,
    /// The home of the terminal that acknowledged last, as of the last look.
    last_home: Option<String>,
    /// The node that watches the key, and what the key said.
    watched: Option<(Holder, Node)>,
    /// The server's clock, ms, and when it was asked.
    clock: (u64, Instant),
}

/// Who holds the lease.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Holder {
    Us,
    /// Nobody, and since this terminal last held it nobody else wrote positions.
    Nobody,
    /// Nobody, and another terminal or an earlier life wrote positions.
    NobodyAnyMore,
    /// Another terminal that follows under this name.
    Other(String),
}

impl Lease {
    pub(super) fn new(follower: &str, instance: &str, folder: &Path) -> Self {
        Self {
            key: key::lease(follower),
            position: key::position(follower),
            token: random_token(),
            terminal: format!("{instance} on {}", machine()),
            home: home(folder),
            last_home: None,
            watched: None,
            clock: (0, Instant::now()),
        }
    }

    /// The server's clock minus ours, ms.
    pub(super) fn ahead_ms(&self) -> i64 {
        self.server_ms() as i64 - own_ms() as i64
    }

    fn server_ms(&self) -> u64 {
        self.clock.0 + self.clock.1.elapsed().as_millis() as u64
    }

    /// Whether the terminal that acknowledged last is another one.
    pub(super) fn another_acknowledged_last(&self) -> bool {
        self.last_home.as_ref().is_some_and(|last| *last != self.home)
    }

    /// The connection is a new one, which watches nothing.
    pub(super) fn forget(&mut self) {
        self.watched = None;
    }

    /// Draws a new token for the next time.
    pub(super) fn give_up(&mut self) {
        self.token = random_token();
        self.watched = None;
    }

    /// Who holds it, as of the last exchange; asks if nothing is watched.
    pub(super) fn look(&mut self, client: &mut Client) -> Result<Holder, Failure> {
        if let Some((holder, _)) = &self.watched {
            return Ok(holder.clone());
        }
        let (replies, node) = client.exchange_where(&self.key, &self.questions())?;
        self.take_answers(replies, node)
    }

    fn questions(&self) -> [Command; 4] {
        [
            command(["WATCH", &self.key]),
            command(["GET", &self.key]),
            command(["HGET", &self.position, WRITER]),
            command(["TIME"]),
        ]
    }

    fn take_answers(&mut self, replies: Vec<Value>, node: Node) -> Result<Holder, Failure> {
        self.watched = None;
        let mut replies = replies.into_iter().map(good);
        let mut next = || replies.next().expect("one a question");
        let (_, holder, writer, time) = (next()?, next()?, next()?, next()?);
        if let Some(ms) = server_ms(&time) {
            self.clock = (ms, Instant::now());
        }
        let text =
            |value: &Value| reply::bytes(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let writer = text(&writer);
        self.last_home =
            writer.as_deref().map(|writer| writer.split(' ').nth(1).unwrap_or_default().to_owned());
        let holder = match (text(&holder), writer) {
            (Some(holder), _) if holder.split(' ').next() == Some(self.token.as_str()) => Holder::Us,
            (Some(holder), _) => Holder::Other(named(&holder)),
            (None, Some(writer)) if writer.split(' ').next() != Some(self.token.as_str()) => {
                Holder::NobodyAnyMore
            }
            (None, _) => Holder::Nobody,
        };
        self.watched = Some((holder.clone(), node));
        Ok(holder)
    }

    /// Takes or renews the lease after a [`look`](Self::look) at it, and writes and deletes positions in the same
    /// transaction. Returns until when this terminal may rely on it; none if another one was faster. Before this terminal
    /// has acknowledged anything, the one that did so last stays named: after a crash it is still known who that was.
    pub(super) fn write(
        &mut self,
        client: &mut Client,
        positions: &[(String, String)],
        gone: &[String],
        acknowledged: bool,
    ) -> Result<Option<Instant>, Failure> {
        let Some((_, node)) = self.watched.take() else { return Ok(None) };
        let until = Instant::now() + RELIABLE;
        let (life, ms) = (LIFE.as_millis().to_string(), self.server_ms());
        let value = format!("{} {}", self.token, self.terminal);
        let last_home = self.last_home.as_ref().filter(|_| !acknowledged).unwrap_or(&self.home);
        let writer = format!("{} {last_home} {ms}", self.token);
        let mut write = command(["HSET", &self.position, WRITER, &writer]);
        for (source, position) in positions {
            write.extend(command([source, position]));
        }
        let mut commands = vec![command(["MULTI"]), command(["SET", &self.key, &value, "PX", &life]), write];
        if !gone.is_empty() {
            let mut delete = command(["HDEL", &self.position]);
            delete.extend(gone.iter().map(|field| field.clone().into_bytes()));
            commands.push(delete);
        }
        commands.extend([command(["PEXPIRE", &self.position, POSITION_MS]), command(["EXEC"])]);
        let transaction = commands.len();
        commands.extend(self.questions());
        let mut replies = client.send(node, &commands)?;
        let answers = replies.split_off(transaction);
        // If they are errors, the next look asks again.
        let _ = self.take_answers(answers, node);
        // None: the watched key changed, as the lease expired or another terminal took it.
        Ok(executed(replies)?.map(|_| until))
    }

    /// Gives the lease back if this terminal holds it.
    pub(super) fn release(&mut self, client: &mut Client) -> Result<(), Failure> {
        if self.look(client)? == Holder::Us
            && let Some((_, node)) = self.watched.take()
        {
            client.transact_at(node, vec![command(["DEL", &self.key])])?;
        }
        Ok(())
    }

    /// The stored positions, by source, and when they were last written, ms.
    pub(super) fn positions(&self, client: &mut Client) -> Result<(Vec<(String, String)>, u64), Failure> {
        let reply = client.ask(&self.key, command(["HGETALL", &self.position]))?;
        let (mut positions, mut written) = (Vec::new(), 0);
        for pair in reply::array(&reply).chunks_exact(2) {
            let (Some(field), Some(value)) = (reply::text(&pair[0]), reply::text(&pair[1])) else { continue };
            if field == WRITER {
                written = value.rsplit(' ').next().and_then(|ms| ms.parse().ok()).unwrap_or(0);
            } else {
                positions.push((field.to_owned(), value.to_owned()));
            }
        }
        Ok((positions, written))
    }
}

/// The terminal's name that follows a token, with the characters that a log may have.
fn named(holder: &str) -> String {
    let name = holder.split_once(' ').map_or("a terminal without a name", |(_, name)| name);
    name.chars().take(64).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

fn machine() -> String {
    let file = || std::fs::read_to_string("/proc/sys/kernel/hostname");
    std::env::var("COMPUTERNAME").or_else(|_| file()).unwrap_or_default().trim().to_owned()
}

/// A word for the terminal whose data folder this is.
fn home(folder: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    (machine(), folder).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// 64 random bits.
fn random_token() -> String {
    // The standard library seeds hash maps from the system's random numbers.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}
