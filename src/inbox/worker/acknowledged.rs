//! What a group acknowledged lately of a source's signals, written with each acknowledgement in one transaction:
//! `sa:{k}:I:G`, a sorted set of signals by the time of their entries.
//!
//! A server can lose a group and keep its stream, so the group's place must not be the only trace of its work. The
//! member [`MARK`] says up to when everything was acknowledged; the others are the signals after that, by
//! producer and number, and a few before, which show a reader what its colleagues did.

use std::collections::HashSet;

use redis::Value;

use crate::inbox::client::{Client, command, good};
use crate::inbox::item::{Id, Place, before};
use crate::inbox::reply;
use crate::link::failure::Failure;
use crate::model::InstanceId;
use crate::model::key::{self, Key};

/// Everything that is older than its score, ms of the server's clock, was acknowledged.
pub(super) const MARK: &str = "@";
/// How many signals are remembered that are older.
const REMEMBERED: &str = "64";
/// How many are read at most. A lost group that had more open hands some out again.
const MOST: &str = "100000";
/// How many entries before one are searched for its predecessor.
const NEIGHBOURS: &str = "16";
/// As long as a watermark lives: 35 days, ms.
const LIFE_MS: &str = "3024000000";

pub(super) fn key_of(shard: u16, source: &InstanceId, group: &str) -> Key {
    key::acknowledged(shard, source.as_str(), group)
}

/// The commands that note what is acknowledged: the signals' names, and the times of their entries.
pub(super) fn note(key: &Key, signals: impl Iterator<Item = (u64, String)>) -> [Vec<Vec<u8>>; 2] {
    let mut add = command(["ZADD", key]);
    for (ms, signal) in signals {
        add.extend([ms.to_string().into_bytes(), signal.into_bytes()]);
    }
    [add, command(["PEXPIRE", key, LIFE_MS])]
}

/// Where a group that is made anew begins: behind what was acknowledged as a whole.
pub(super) fn place_of(mark: &Value) -> Option<Id> {
    let ms = reply::number(mark)?;
    Some(before((ms, 0)))
}

/// The command that reads the mark.
pub(super) fn mark(key: &Key) -> Vec<Vec<u8>> {
    command(["ZSCORE", key, MARK])
}

/// The command that sets the mark of a group that has none.
pub(super) fn first_mark(key: &Key, ms: u64) -> Vec<Vec<u8>> {
    command(["ZADD", key, "NX", &ms.to_string(), MARK])
}

/// The signals of each source that were acknowledged from its mark on.
pub(super) fn since(
    client: &mut Client,
    list: &Key,
    marks: &[(&Key, Id)],
) -> Result<Vec<HashSet<String>>, Failure> {
    let range = |(key, place): &(&Key, Id)| {
        command(["ZRANGEBYSCORE", key, &place.0.to_string(), "+inf", "LIMIT", "0", MOST])
    };
    let commands: Vec<_> = marks.iter().map(range).collect();
    let done = |reply| {
        let members = good(reply)?;
        let texts = reply::array(&members).iter().filter_map(reply::bytes);
        Ok(texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect())
    };
    client.exchange(list, &commands)?.into_iter().map(done).collect()
}

/// Moves marks forward: everything of a source up to an id is acknowledged. What is older goes, but for the last few.
pub(super) fn advance(client: &mut Client, shard: u16, marks: &[(Key, Id)]) -> Result<(), Failure> {
    if marks.is_empty() {
        return Ok(());
    }
    let last = format!("-{REMEMBERED}");
    let ranks: Vec<_> =
        marks.iter().map(|(key, _)| command(["ZRANGE", key, &last, &last, "WITHSCORES"])).collect();
    let oldest = client.exchange(&key::sources(shard), &ranks)?;
    let mut commands = Vec::new();
    for ((key, low), oldest) in marks.iter().zip(&oldest) {
        commands.push(command(["ZADD", key, "GT", &low.0.to_string(), MARK]));
        if let Some(score) = reply::array(oldest).get(1).and_then(reply::number) {
            commands.push(command(["ZREMRANGEBYSCORE", key, "-inf", &format!("({}", score.min(low.0))]));
        }
    }
    client.exchange(&key::sources(shard), &commands).map(drop)
}

/// What a reader wants to know of a signal that it does not find in its own memory.
pub(super) struct Question {
    pub(super) place: Place,
    pub(super) producer: String,
    pub(super) sequence: u64,
    pub(super) predecessor: u64,
}

/// What the group knows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// The signal itself was acknowledged.
    pub(super) done: bool,
    /// Somebody of the group was given its predecessor.
    pub(super) follows: bool,
}

/// Asks what the group knows of these signals.
pub(super) fn ask_group(
    client: &mut Client,
    group: &str,
    questions: &[Question],
) -> Result<Vec<Answer>, Failure> {
    let Some(first) = questions.first() else { return Ok(Vec::new()) };
    let mut commands = Vec::new();
    for Question { place, producer, sequence, predecessor } in questions {
        let key = key_of(place.shard, &place.source, group);
        commands.push(command(["ZSCORE", &key, &format!("{producer}-{sequence}")]));
        commands.push(command(["ZSCORE", &key, &format!("{producer}-{predecessor}")]));
        let stream = key::signals(place.shard, place.source.as_str());
        let end = format!("({}", place.entry());
        commands.push(command(["XREVRANGE", &stream, &end, "-", "COUNT", NEIGHBOURS]));
    }
    let first = key::signals(first.place.shard, first.place.source.as_str());
    let replies = match client.exchange(&first, &commands) {
        Err(failure) if failure.too_large => {
            // Somebody wrote an entry before one of them that nobody can read: who its neighbours are stays unknown.
            client.connect()?;
            commands.iter_mut().skip(2).step_by(3).for_each(|search| *search = command(["PING"]));
            client.exchange(&first, &commands)?
        }
        replies => replies?,
    };
    // A refusal does not say that nobody knows.
    let replies = replies.into_iter().map(good).collect::<Result<Vec<_>, _>>()?;
    let known = |(question, replies): (&Question, &[Value])| {
        let there = |value: &Value| reply::number(value).is_some();
        let is_it = |(_, fields): &reply::Entry| {
            let signal =
                fields.as_ref().and_then(|fields| crate::model::received::Received::decode(fields).ok());
            signal.is_some_and(|it| it.producer == question.producer && it.sequence == question.predecessor)
        };
        Answer {
            done: there(&replies[0]),
            follows: there(&replies[1]) || reply::entries(&replies[2]).iter().any(is_it),
        }
    };
    Ok(questions.iter().zip(replies.chunks_exact(3)).map(known).collect())
}
