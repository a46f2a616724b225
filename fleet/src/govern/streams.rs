//! The streams of signals, one a source: how long they are, how far each consumer group and each follower is, what
//! may be trimmed, and who falls behind so far that entries would be trimmed before they were processed.
//!
//! Progress alone never removes what a group or a follower has not passed; age does, and the length that the
//! writers keep.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use mt5_redis::model::key;
use redis::{FromRedisValue, RedisResult, Value};

use super::names;
use super::nodes::Nodes;

/// An entry's id: ms and number.
pub type Id = (u64, u64);

/// Names that are checked and removed together.
const TOGETHER: usize = 500;

/// A consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub name: String,
    pub consumers: u64,
    /// Entries that were delivered and not acknowledged.
    pub pending: u64,
    /// Entries that were not delivered; servers before 7.0 do not tell.
    pub lag: Option<u64>,
    /// Every entry before this one is processed.
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
    /// The entry before which every follower of this source has read all; none if nobody follows it.
    pub followed: Option<Id>,
}

/// What one look at all shards found.
#[derive(Default)]
pub struct Look {
    pub streams: Vec<Stream>,
    /// Names in the list of a shard without a stream.
    pub gone: BTreeMap<u16, Vec<Vec<u8>>>,
    /// How many followers have positions.
    pub followers: usize,
}

/// Looks at every stream of every shard; `followers` are the keys of their positions.
pub fn look(nodes: &mut Nodes, shards: u16, followers: &[String]) -> Result<Look> {
    let mut look = Look { followers: followers.len(), ..Look::default() };
    for shard in 0..shards {
        let names = names::read(nodes, &key::sources(shard))?;
        let mut gone = names.strange;
        let sources: Vec<String> = names.instances.into_keys().collect();
        let keys: Vec<String> =
            sources.iter().map(|source| key::signals(shard, source).to_string()).collect();
        let there = names::existing(nodes, &keys)?;
        let mut found = Vec::new();
        for (source, key) in sources.into_iter().zip(&keys) {
            match there.contains(key.as_str()) {
                true => found.push(Stream { key: key.clone(), source, shard, ..Stream::default() }),
                false => gone.push(source.into_bytes()),
            }
        }
        if !gone.is_empty() {
            look.gone.insert(shard, gone);
        }
        look.streams.extend(describe(nodes, found)?);
    }
    look.streams.sort_by(|one, other| one.key.cmp(&other.key));
    for follower in followers {
        lower(nodes, follower, &mut look.streams)?;
    }
    Ok(look)
}

/// Asks for everything else about streams. What is no stream, or is gone by now, is left out.
fn describe(nodes: &mut Nodes, streams: Vec<Stream>) -> Result<Vec<Stream>> {
    let about = |what: &str, stream: &Stream| redis::cmd("XINFO").arg(what).arg(&stream.key).clone();
    let all = |what: &str| {
        streams.iter().map(|stream| (stream.key.as_str(), about(what, stream))).collect::<Vec<_>>()
    };
    let (ends, groups) = (nodes.ask_all(&all("STREAM"))?, nodes.ask_all(&all("GROUPS"))?);
    let mut found = Vec::new();
    for ((mut stream, end), groups) in streams.into_iter().zip(ends).zip(groups) {
        let (Ok(end), Ok(Value::Array(groups))) = (end, groups) else { continue };
        let entry = |name: &str| match field(&end, name)? {
            Value::Array(entry) => parse(&String::from_redis_value(entry.first()?.clone()).ok()?),
            _ => None,
        };
        stream.length = number(&end, "length").unwrap_or(0);
        stream.first = entry("first-entry");
        stream.last = entry("last-entry").unwrap_or_default();
        stream.groups = groups.iter().map(group).collect();
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
        let oldest =
            answer.ok().and_then(|value| <(u64, Option<String>, Value, Value)>::from_redis_value(value).ok());
        if let Some(oldest) = oldest.and_then(|(_, oldest, ..)| parse(&oldest?)) {
            let passed = &mut found[at].groups[group].passed;
            *passed = oldest.min(*passed);
        }
    }
    Ok(found)
}

fn group(described: &Value) -> Group {
    let text = |name: &str| field(described, name).and_then(|value| String::from_redis_value(value).ok());
    let (ms, sequence) = text("last-delivered-id").and_then(|id| parse(&id)).unwrap_or_default();
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

fn parse(id: &str) -> Option<Id> {
    let (ms, sequence) = id.split_once('-')?;
    Some((ms.parse().ok()?, sequence.parse().ok()?))
}

/// The keys of all followers' positions.
pub fn followers(nodes: &mut Nodes) -> Result<Vec<String>> {
    nodes.scan("fp:{*")
}

/// Lowers to where a follower is. Its hash has a position for each source, `*` if it follows all, `@` for itself.
fn lower(nodes: &mut Nodes, follower: &str, streams: &mut [Stream]) -> Result<()> {
    if streams.is_empty() {
        return Ok(());
    }
    let mut ask = redis::cmd("HMGET");
    ask.arg(follower).arg(key::EVERY_SOURCE).arg("@");
    for stream in streams.iter() {
        ask.arg(&stream.source);
    }
    let answer: RedisResult<Vec<Option<String>>> = match nodes.ask_all(&[(follower, ask)])?.remove(0) {
        Ok(value) => Vec::from_redis_value(value).map_err(Into::into),
        Err(error) => Err(error),
    };
    // Of another type it is no position, whatever its name says, and neither is one without its follower.
    let Ok([every, Some(_), positions @ ..]) = answer.as_deref() else { return Ok(()) };
    for (stream, position) in streams.iter_mut().zip(positions) {
        let passed = match position.as_deref().map(|text| parse(text.split(' ').next().unwrap_or_default())) {
            Some(Some((ms, sequence))) => (ms, sequence.saturating_add(1)),
            // It has not found this source yet, or nobody can read how far it is.
            Some(None) => (0, 0),
            None if every.is_some() => (0, 0),
            None => continue,
        };
        stream.followed = Some(stream.followed.map_or(passed, |other| other.min(passed)));
    }
    Ok(())
}

/// What is kept, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Signals are kept no longer.
    pub retention: Duration,
    /// And so long in any case, for readers that leave no trace.
    pub keep: Duration,
    /// Of one source.
    pub max_length: u64,
}

/// The id before which everything may go; none if nothing may.
pub fn may_go_before(stream: &Stream, now_ms: u64, rules: &Rules) -> Option<Id> {
    let before = |time: Duration| (now_ms.saturating_sub(time.as_millis() as u64), 0);
    let passed = stream.groups.iter().map(|group| group.passed).min();
    let passed = passed.map(|id| id.min(before(rules.keep)).min(stream.followed.unwrap_or(id)));
    let bound = passed.max(Some(before(rules.retention)))?;
    stream.first.filter(|&first| first < bound).map(|_| bound)
}

/// Trims streams. Returns how many entries went.
pub fn trim(nodes: &mut Nodes, bounds: &[(&Stream, Id)]) -> Result<u64> {
    let command = |&(stream, (ms, sequence)): &(&'_ Stream, Id)| {
        redis::cmd("XTRIM").arg(&stream.key).arg("MINID").arg(format!("{ms}-{sequence}")).clone()
    };
    let commands: Vec<_> = bounds.iter().map(|bound| (bound.0.key.as_str(), command(bound))).collect();
    let mut trimmed = 0;
    for answer in nodes.ask_all(&commands)? {
        trimmed += u64::from_redis_value(answer?)?;
    }
    Ok(trimmed)
}

/// Removes names from the list of a shard whose streams are not there, and still are not when they go. Returns how
/// many went.
pub fn forget(nodes: &mut Nodes, shard: u16, names: &[Vec<u8>]) -> Result<u64> {
    let list = key::sources(shard);
    let owner = nodes.owner(&list)?;
    let mut removed = 0;
    for names in names.chunks(TOGETHER) {
        let streams: Vec<Vec<u8>> =
            names.iter().map(|name| [key::signals(shard, "").as_bytes(), name].concat()).collect();
        let connection = nodes.connection(&owner)?;
        redis::cmd("WATCH").arg(&streams).exec(connection)?;
        let there: u64 = redis::cmd("EXISTS").arg(&streams).query(connection)?;
        if there > 0 {
            // One has spoken again since it was looked at: the next look knows.
            redis::cmd("UNWATCH").exec(connection)?;
            continue;
        }
        let done: Option<(u64,)> = redis::pipe().atomic().zrem(&*list, names).query(connection)?;
        removed += done.map_or(0, |(count,)| count);
    }
    Ok(removed)
}

/// Groups that fall behind so far that entries will be trimmed before they are processed: each with the worst of its
/// sources, in words.
pub fn warnings(streams: &[Stream], now_ms: u64, rules: &Rules) -> Vec<(String, String)> {
    let mut late: BTreeMap<&str, (Duration, &str, usize)> = BTreeMap::new();
    let mut long: BTreeMap<&str, (u64, &str, usize)> = BTreeMap::new();
    for stream in streams {
        for group in &stream.groups {
            let waits = group.pending > 0 || group.passed <= stream.last;
            let oldest = stream.first.map_or(group.passed, |first| first.max(group.passed));
            let age = Duration::from_millis(now_ms.saturating_sub(oldest.0));
            if waits && age > rules.retention.mul_f64(0.8) {
                worst(&mut late, &group.name, age, &stream.source);
            }
            // Redis stops counting where entries were deleted that the group has not read: all there are, at most.
            let uncounted = if group.passed <= stream.last { stream.length } else { group.pending };
            let waiting = group.lag.map_or(uncounted, |lag| lag + group.pending);
            if waiting * 5 > rules.max_length * 4 {
                worst(&mut long, &group.name, waiting, &stream.source);
            }
        }
    }
    let more = |sources: usize| {
        if sources > 1 { format!(" (and of {} more sources)", sources - 1) } else { String::new() }
    };
    let mut told = Vec::new();
    for (group, (age, source, sources)) in late {
        told.push((
            format!("group {group}"),
            format!(
                "the oldest signal of {source}{} that it has not processed is {} s old, and signals are kept for {} s",
                more(sources),
                age.as_secs(),
                rules.retention.as_secs()
            ),
        ));
    }
    for (group, (waiting, source, sources)) in long {
        told.push((
            format!("group {group}"),
            format!(
                "{waiting} signals of {source}{} wait for it, and {} are kept",
                more(sources),
                rules.max_length
            ),
        ));
    }
    told
}

fn worst<'a, T: Ord + Copy>(
    all: &mut BTreeMap<&'a str, (T, &'a str, usize)>,
    group: &'a str,
    value: T,
    source: &'a str,
) {
    let (most, of, count) = all.entry(group).or_insert((value, source, 0));
    *count += 1;
    if value > *most {
        (*most, *of) = (value, source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules =
        Rules { retention: Duration::from_secs(3600), keep: Duration::from_secs(60), max_length: 1000 };
    const NOW: u64 = 10_000_000;

    fn stream(groups: &[(&str, u64, Id)]) -> Stream {
        let group = |&(name, pending, passed): &(&str, u64, Id)| Group {
            name: name.into(),
            consumers: 1,
            pending,
            lag: Some(10),
            passed,
        };
        Stream {
            key: "ss:{0}:1.Demo".into(),
            source: "1.Demo".into(),
            length: 100,
            first: Some((7_000_000, 0)),
            last: (9_999_999, 0),
            groups: groups.iter().map(group).collect(),
            ..Stream::default()
        }
    }

    #[test]
    fn what_every_group_and_every_follower_has_passed_may_go() {
        let both = stream(&[("fast", 0, (9_800_000, 3)), ("slow", 2, (8_000_000, 7))]);
        assert_eq!(may_go_before(&both, NOW, &RULES), Some((8_000_000, 7)));
        let followed = |id| Stream { followed: Some(id), ..both.clone() };
        assert_eq!(may_go_before(&followed((7_500_000, 1)), NOW, &RULES), Some((7_500_000, 1)));
        assert_eq!(may_go_before(&followed((9_900_000, 0)), NOW, &RULES), Some((8_000_000, 7)));
        assert_eq!(may_go_before(&followed((0, 0)), NOW, &RULES), None, "one that found it not yet");
        let fast = stream(&[("fast", 0, (9_999_999, 3))]);
        assert_eq!(may_go_before(&fast, NOW, &RULES), Some((9_940_000, 0)), "the last minute stays");
    }

    #[test]
    fn without_groups_only_age_counts() {
        let followed = Stream { followed: Some((9_000_000, 0)), ..stream(&[]) };
        for stream in [stream(&[]), followed] {
            assert_eq!(may_go_before(&stream, NOW, &RULES), None);
            assert_eq!(may_go_before(&stream, NOW + 1_000_000, &RULES), Some((7_400_000, 0)));
        }
    }

    #[test]
    fn a_group_that_falls_behind_is_told_before_it_loses_something() {
        let told = |streams: &[Stream]| warnings(streams, NOW, &RULES);
        assert!(told(&[stream(&[("fine", 0, (9_999_999, 1))])]).is_empty());
        let late = stream(&[("late", 1, (7_000_000, 0))]);
        let (name, words) = told(&[late.clone(), late]).remove(0);
        assert_eq!(name, "group late");
        assert!(
            words.contains("of 1.Demo (and of 1 more sources)") && words.contains("3000 s old"),
            "{words}"
        );
        let mut many = stream(&[("many", 0, (9_999_999, 1))]);
        many.groups[0].lag = Some(900);
        assert!(told(&[many.clone()])[0].1.contains("900 signals of 1.Demo wait"));
        // Redis does not know; it has read all, or it may lack whatever is there.
        many.groups[0].lag = None;
        many.length = 950;
        assert!(told(&[many.clone()]).is_empty());
        many.groups[0].passed = (9_900_000, 0);
        assert!(told(&[many])[0].1.contains("950 signals of 1.Demo wait"));
    }
}
