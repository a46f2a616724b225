//! What a group acknowledged of a source's signals, stored outside the group: `sa:{k}:I:G`, a sorted set of signals by
//! the time of their entries. It is written in one transaction with each acknowledgement.
//!
//! A server can lose a group and keep its stream, so the group's position must not be the only trace of its work. The
//! score of the member [`MARK`] says up to when everything was acknowledged. The other members are the signals after that, by
//! producer and number, and a few before it, which show a worker what the others did.

use std::collections::HashSet;

use mt5_redis::inbox::client::{Client, Command, command, good};
use mt5_redis::inbox::item::{EntryId, Place};
use mt5_redis::inbox::reply;
use mt5_redis::link::failure::Failure;
use mt5_redis::model::InstanceId;
use mt5_redis::model::key::{self, Key};
use mt5_redis::model::received::Received;
use redis::Value;

/// The member whose score is a time, ms of the server's clock: everything older was acknowledged.
const MARK: &str = "@";
/// How many older signals are kept.
const KEPT: &str = "64";
/// How many are read at most. If a lost group had more open, some are handed out again.
const MOST: &str = "100000";
/// How many entries before a signal are searched for its predecessor.
const NEIGHBOURS: &str = "16";
/// As long as a watermark lives: 35 days, ms.
const LIFE_MS: &str = "3024000000";

pub(super) fn key_of(shard: u16, source: &InstanceId, group: &str) -> Key {
    key::acknowledged(shard, source.as_str(), group)
}

/// The commands that store acknowledged signals: the times of their entries, and their names.
pub(super) fn store(key: &Key, signals: Vec<(u64, String)>) -> [Command; 2] {
    let mut add = command(["ZADD", key]);
    for (ms, signal) in signals {
        add.extend([ms.to_string().into_bytes(), signal.into_bytes()]);
    }
    [add, command(["PEXPIRE", key, LIFE_MS])]
}

/// The command that reads the mark.
pub(super) fn mark(key: &Key) -> Command {
    command(["ZSCORE", key, MARK])
}

/// The commands that set the mark of a group that has none.
pub(super) fn first_mark(key: &Key, ms: u64) -> [Command; 2] {
    [command(["ZADD", key, "NX", &ms.to_string(), MARK]), command(["PEXPIRE", key, LIFE_MS])]
}

/// The entry after which a group that is made again starts.
pub(super) fn start_of(mark: &Value) -> Option<EntryId> {
    Some(EntryId { ms: reply::number(mark)?, number: 0 }.before())
}

/// The signals of each source that were acknowledged from an entry on.
pub(super) fn since(
    client: &mut Client,
    list: &Key,
    starts: &[(&Key, EntryId)],
) -> Result<Vec<HashSet<String>>, Failure> {
    let range = |(key, start): &(&Key, EntryId)| {
        command(["ZRANGEBYSCORE", key, &start.ms.to_string(), "+inf", "LIMIT", "0", MOST])
    };
    let commands: Vec<_> = starts.iter().map(range).collect();
    let names = |reply| {
        let members = good(reply)?;
        let names = reply::array(&members).iter().filter_map(reply::bytes);
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    };
    client.exchange(list, &commands)?.into_iter().map(names).collect()
}

/// Moves marks forward, each to an entry up to which everything is acknowledged, and removes the signals before, except
/// for the last few.
pub(super) fn advance(client: &mut Client, shard: u16, marks: &[(Key, EntryId)]) -> Result<(), Failure> {
    if marks.is_empty() {
        return Ok(());
    }
    let (list, last) = (key::sources(shard), format!("-{KEPT}"));
    let rank = |(key, _): &(Key, EntryId)| command(["ZRANGE", key, &last, &last, "WITHSCORES"]);
    let oldest = client.exchange(&list, &marks.iter().map(rank).collect::<Vec<_>>())?;
    let oldest = oldest.into_iter().map(good).collect::<Result<Vec<_>, _>>()?;
    let mut commands = Vec::new();
    for ((key, low), oldest) in marks.iter().zip(&oldest) {
        commands.push(command(["ZADD", key, "GT", &low.ms.to_string(), MARK]));
        if let Some(score) = reply::array(oldest).get(1).and_then(reply::number) {
            let below = format!("({}", score.min(low.ms));
            commands.push(command(["ZREMRANGEBYSCORE", key, "-inf", &below]));
        }
    }
    client.exchange(&list, &commands)?.into_iter().try_for_each(|reply| good(reply).map(drop))
}

/// What a worker asks about a signal when it cannot tell by itself.
pub(super) struct Question {
    place: Place,
    producer: String,
    sequence: u64,
    predecessor: u64,
}

impl Question {
    pub(super) fn about(place: Place, signal: &Received) -> Self {
        let Received { sequence, predecessor, .. } = *signal;
        Self { place, producer: signal.producer.clone(), sequence, predecessor }
    }
}

/// What the group knows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// The signal was acknowledged.
    pub(super) acknowledged: bool,
    /// Somebody of the group was given its predecessor.
    pub(super) predecessor_given: bool,
}

pub(super) fn ask_group(
    client: &mut Client,
    group: &str,
    questions: &[Question],
) -> Result<Vec<Answer>, Failure> {
    let Some(first) = questions.first() else { return Ok(Vec::new()) };
    let first = first.place.stream();
    let mut commands = Vec::new();
    for Question { place, producer, sequence, predecessor } in questions {
        let key = key_of(place.shard, &place.source, group);
        commands.push(command(["ZSCORE", &key, &format!("{producer}-{sequence}")]));
        commands.push(command(["ZSCORE", &key, &format!("{producer}-{predecessor}")]));
        let end = format!("({}", place.id);
        commands.push(command(["XREVRANGE", &place.stream(), &end, "-", "COUNT", NEIGHBOURS]));
    }
    let replies = match client.exchange(&first, &commands) {
        Err(failure) if failure.too_large => {
            // An entry before one of them is too large to be read: the neighbours stay unknown.
            client.reconnect()?;
            commands.iter_mut().skip(2).step_by(3).for_each(|search| *search = command(["PING"]));
            client.exchange(&first, &commands)?
        }
        replies => replies?,
    };
    // A refusal does not prove that nobody knows.
    let replies = replies.into_iter().map(good).collect::<Result<Vec<_>, _>>()?;
    let answer = |(question, replies): (&Question, &[Value])| {
        let exists = |score: &Value| reply::number(score).is_some();
        let is_predecessor = |(_, fields): &reply::Entry| {
            let signal = fields.as_ref().and_then(|fields| Received::decode(fields).ok());
            signal.is_some_and(|it| it.producer == question.producer && it.sequence == question.predecessor)
        };
        Answer {
            acknowledged: exists(&replies[0]),
            predecessor_given: exists(&replies[1]) || reply::entries(&replies[2]).iter().any(is_predecessor),
        }
    };
    Ok(questions.iter().zip(replies.chunks_exact(3)).map(answer).collect())
}
