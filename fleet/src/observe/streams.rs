//! The signal streams, one for each source: how long they are, and how far each consumer group and follower has read.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use mt5_redis::model::key;
use redis::{FromRedisValue, Value};

use super::names;
use super::nodes::{KEPT, NAME, Nodes, PIPELINE, answer_about_key};

/// An entry's id: milliseconds and number.
pub type Id = (u64, u64);

/// A consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub name: String,
    pub consumers: u64,
    /// Entries delivered but not acknowledged.
    pub pending: u64,
    /// Entries not delivered yet; none if the server does not know.
    pub lag: Option<u64>,
    /// Every entry before this id has been processed.
    pub passed: Id,
}

/// The stream of one source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    pub key: String,
    pub source: String,
    pub shard: u16,
    pub length: u64,
    pub first: Option<Id>,
    pub last: Id,
    pub groups: Vec<Group>,
    /// Every follower has read all entries before this id; none if there is no follower.
    pub followed: Option<Id>,
}

/// The streams of all shards.
#[derive(Default)]
pub struct Look {
    pub streams: Vec<Stream>,
    /// Listed names without a stream, for each shard.
    pub gone: BTreeMap<u16, Vec<Vec<u8>>>,
    /// How many followers there are.
    pub followers: usize,
}

/// Reads every stream of every shard; `followers` are the keys of the followers' positions.
pub fn look(nodes: &mut Nodes, shards: u16, followers: &[String]) -> Result<Look> {
    let mut look = Look { followers: followers.len(), ..Look::default() };
    let mut size = 0;
    for shard in 0..shards {
        let names = names::read(nodes, &key::sources(shard))?;
        let mut gone = names.invalid;
        let sources: Vec<String> = names.instances.into_keys().collect();
        let keys: Vec<String> =
            sources.iter().map(|source| key::signals(shard, source).to_string()).collect();
        let existing = names::existing(nodes, &keys)?;
        let mut found = Vec::new();
        for (source, key) in sources.into_iter().zip(&keys) {
            match existing.contains(key.as_str()) {
                true => found.push(Stream { key: key.clone(), source, shard, ..Stream::default() }),
                false => gone.push(source.into_bytes()),
            }
        }
        if !gone.is_empty() {
            look.gone.insert(shard, gone);
        }
        // The answers about a stream are far larger than what is kept of them.
        for some in found.chunks(PIPELINE) {
            let described = describe(nodes, some.to_vec())?;
            let groups = described.iter().flat_map(|stream| &stream.groups);
            size += groups.map(|group| 2 * NAME + group.name.len()).sum::<usize>();
            ensure!(size <= KEPT, "the streams' groups are more than {KEPT} bytes");
            look.streams.extend(described);
        }
    }
    look.streams.sort_by(|one, other| one.key.cmp(&other.key));
    for follower in followers {
        lower(nodes, follower, &mut look.streams)?;
    }
    Ok(look)
}

/// Fills in everything else about streams. A key that is not a stream, or is gone by now, is left out. Of a stream whose
/// first or last entry is too large to be read, length and ends are unknown; it counts as old, so that it is trimmed.
fn describe(nodes: &mut Nodes, streams: Vec<Stream>) -> Result<Vec<Stream>> {
    let about = |what: &str, stream: &Stream| redis::cmd("XINFO").arg(what).arg(&stream.key).clone();
    let all = |what: &str| {
        streams.iter().map(|stream| (stream.key.as_str(), about(what, stream))).collect::<Vec<_>>()
    };
    let (ends, groups) = (nodes.ask_all(&all("STREAM"))?, nodes.ask_all(&all("GROUPS"))?);
    let mut found = Vec::new();
    for ((mut stream, end), groups) in streams.into_iter().zip(ends).zip(groups) {
        let Some(Value::Array(groups)) = answer_about_key(groups)? else { continue };
        stream.groups = groups.iter().map(group).collect();
        let end = match end {
            Err(error) if error.is_io_error() => {
                stream.first = Some(Id::default());
                found.push(stream);
                continue;
            }
            end => answer_about_key(end)?,
        };
        let Some(end) = end else { continue };
        let entry = |name: &str| match field(&end, name)? {
            Value::Array(entry) => parse_id(&String::from_redis_value(entry.first()?.clone()).ok()?),
            _ => None,
        };
        stream.length = number(&end, "length").unwrap_or(0);
        stream.first = entry("first-entry");
        stream.last = entry("last-entry").unwrap_or_default();
        found.push(stream);
    }
    let waiting: Vec<(usize, usize)> = found
        .iter()
        .enumerate()
        .flat_map(|(at, stream)| (0..stream.groups.len()).map(move |group| (at, group)))
        .filter(|&(at, group)| found[at].groups[group].pending > 0)
        .collect();
    let ask = |&(at, group): &(usize, usize)| {
        let stream: &Stream = &found[at];
        (stream.key.as_str(), redis::cmd("XPENDING").arg(&stream.key).arg(&stream.groups[group].name).clone())
    };
    let answers = nodes.ask_all(&waiting.iter().map(ask).collect::<Vec<_>>())?;
    for ((at, group), answer) in waiting.into_iter().zip(answers) {
        // A group that was destroyed in the meantime needs nothing.
        let Some(pending) = answer_about_key(answer)? else { continue };
        let oldest = match <(u64, Option<String>, Value, Value)>::from_redis_value(pending) {
            // Acknowledged in the meantime.
            Ok((0, ..)) => continue,
            Ok((_, oldest, ..)) => oldest.and_then(|id| parse_id(&id)),
            Err(_) => None,
        };
        // If the answer is unreadable, everything counts as pending.
        let passed = &mut found[at].groups[group].passed;
        *passed = oldest.unwrap_or((0, 0)).min(*passed);
    }
    Ok(found)
}

fn group(described: &Value) -> Group {
    let text = |name: &str| field(described, name).and_then(|value| String::from_redis_value(value).ok());
    let (ms, sequence) = text("last-delivered-id").and_then(|id| parse_id(&id)).unwrap_or_default();
    Group {
        name: text("name").unwrap_or_default(),
        consumers: number(described, "consumers").unwrap_or(0),
        pending: number(described, "pending").unwrap_or(0),
        lag: number(described, "lag"),
        passed: (ms, sequence.saturating_add(1)),
    }
}

fn number(described: &Value, name: &str) -> Option<u64> {
    field(described, name).and_then(|value| u64::from_redis_value(value).ok())
}

fn field(described: &Value, wanted: &str) -> Option<Value> {
    let Value::Array(parts) = described else { return None };
    let mut pairs = parts.chunks_exact(2);
    let found =
        pairs.find(|pair| String::from_redis_value(pair[0].clone()).is_ok_and(|name| name == wanted))?;
    Some(found[1].clone())
}

fn parse_id(id: &str) -> Option<Id> {
    let (ms, sequence) = id.split_once('-')?;
    Some((ms.parse().ok()?, sequence.parse().ok()?))
}

/// The keys of all followers' positions.
pub fn followers(nodes: &mut Nodes) -> Result<Vec<String>> {
    nodes.scan("fp:{*")
}

/// Lowers `followed` to a follower's positions. Its hash has one for each source, `*` if it follows all sources, and
/// `@` for the follower itself.
fn lower(nodes: &mut Nodes, follower: &str, streams: &mut [Stream]) -> Result<()> {
    if streams.is_empty() {
        return Ok(());
    }
    let mut ask = redis::cmd("HMGET");
    ask.arg(follower).arg(key::EVERY_SOURCE).arg("@");
    for stream in streams.iter() {
        ask.arg(&stream.source);
    }
    // No follower writes a key of another type.
    let Some(answer) = answer_about_key(nodes.ask_all(&[(follower, ask)])?.remove(0))? else { return Ok(()) };
    let Ok(answer) = Vec::<Option<String>>::from_redis_value(answer) else {
        // If the answer is unreadable, everything counts as unread.
        streams.iter_mut().for_each(|stream| stream.followed = Some((0, 0)));
        return Ok(());
    };
    // A hash without `@` was not written by a follower.
    let [every, Some(_), positions @ ..] = answer.as_slice() else { return Ok(()) };
    for (stream, position) in streams.iter_mut().zip(positions) {
        let passed =
            match position.as_deref().map(|text| parse_id(text.split(' ').next().unwrap_or_default())) {
                Some(Some((ms, sequence))) => (ms, sequence.saturating_add(1)),
                // It has not found this source yet, or its position is unreadable.
                Some(None) => (0, 0),
                None if every.is_some() => (0, 0),
                None => continue,
            };
        stream.followed = Some(stream.followed.map_or(passed, |other| other.min(passed)));
    }
    Ok(())
}

/// How far a follower is in the stream of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    pub source: String,
    /// The last entry that it has dealt with.
    pub read: Id,
    /// How many signals are missing at most, of the last gaps that it found.
    pub missing: u64,
    /// The last missing numbers of all producers, added up: another sum means another gap.
    pub last_missing: u64,
}

/// How far a follower is in each of these streams.
pub fn positions(nodes: &mut Nodes, follower: &str, streams: &[Stream]) -> Result<Vec<Position>> {
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    let mut ask = redis::cmd("HMGET");
    ask.arg(follower);
    for stream in streams {
        ask.arg(&stream.source);
    }
    let Some(answer) = answer_about_key(nodes.ask_all(&[(follower, ask)])?.remove(0))? else {
        return Ok(Vec::new());
    };
    let positions = Vec::<Option<String>>::from_redis_value(answer).unwrap_or_default();
    let pairs = streams.iter().zip(positions);
    Ok(pairs.filter_map(|(stream, text)| position(&stream.source, &text?)).collect())
}

/// Reads a position: the id, and for each producer `<name>:<floor>:<seen>:<missing>`, ranges like `1-7,9`.
fn position(source: &str, text: &str) -> Option<Position> {
    let mut words = text.split(' ');
    let read = parse_id(words.next()?)?;
    let mut position = Position { source: source.to_owned(), read, missing: 0, last_missing: 0 };
    for ranges in words.filter_map(|word| word.split(':').nth(3)) {
        let range = |range: &str| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            Some((from.parse::<u64>().ok()?, to.parse::<u64>().ok()?))
        };
        let ranges: Vec<_> = ranges.split(',').filter_map(range).filter(|(from, to)| from <= to).collect();
        for (from, to) in &ranges {
            position.missing = position.missing.saturating_add((to - from).saturating_add(1));
        }
        let last = ranges.last().map_or(0, |(_, to)| *to);
        position.last_missing = position.last_missing.wrapping_add(last);
    }
    Some(position)
}

/// How much later the last entry is than the one that was read last, ms.
pub fn lag(last: Id, read: Id) -> u64 {
    if last > read { last.0.saturating_sub(read.0).max(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_says_what_is_missing() {
        let read =
            |text| position("1.Demo", text).map(|found| (found.read, found.missing, found.last_missing));
        assert_eq!(read("17-2"), Some(((17, 2), 0, 0)));
        assert_eq!(read("17-2 aa:0:1-7: bb:3:4:5"), Some(((17, 2), 1, 5)));
        assert_eq!(read("17-2 aa:0:1-7:8-9,12 bb:3:4:5"), Some(((17, 2), 4, 17)));
        assert_eq!(read("17-2 aa:0:1-7:9-8,x,- bb"), Some(((17, 2), 0, 0)));
        assert_eq!(read("17-2 aa:0::1-18446744073709551615 aa:0::5").unwrap().1, u64::MAX);
        assert_eq!(read("x"), None);
    }

    #[test]
    fn a_lag_is_there_while_an_entry_is_unread() {
        assert_eq!((lag((5, 1), (5, 1)), lag((5, 2), (5, 1)), lag((9, 0), (5, 1))), (0, 1, 4));
    }
}
