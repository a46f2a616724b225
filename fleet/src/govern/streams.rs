//! The streams of signals: how long they are, how far each consumer group is, what may be trimmed, and who
//! falls behind so far that entries would be trimmed before they were processed.

use std::time::Duration;

use anyhow::Result;
use redis::{FromRedisValue, Value};

use super::nodes::Nodes;

/// An entry's id: ms and number.
pub type Id = (u64, u64);

/// A consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub name: String,
    /// Entries that were delivered and not acknowledged.
    pub pending: u64,
    /// Entries that were not delivered; servers before 7.0 do not tell.
    pub lag: Option<u64>,
    /// Every entry before this one is processed.
    pub passed: Id,
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    pub key: String,
    pub length: u64,
    pub first: Option<Id>,
    pub last: Id,
    pub groups: Vec<Group>,
}

/// The stream of a shard.
pub fn key(shard: u16) -> String {
    format!("ss:{{{shard}}}")
}

/// Looks at a stream; none if it is not there.
pub fn look(nodes: &mut Nodes, key: &str) -> Result<Option<Stream>> {
    if !nodes.ask_owner::<bool>(redis::cmd("EXISTS").arg(key))? {
        return Ok(None);
    }
    let length = nodes.ask_owner(redis::cmd("XLEN").arg(key))?;
    let end = |nodes: &mut Nodes, command: &str, from: &str, to: &str| -> Result<Option<Id>> {
        let entries: Vec<(String, Value)> =
            nodes.ask_owner(redis::cmd(command).arg(key).arg(from).arg(to).arg("COUNT").arg(1))?;
        Ok(entries.first().and_then(|(id, _)| parse(id)))
    };
    let first = end(nodes, "XRANGE", "-", "+")?;
    let last = end(nodes, "XREVRANGE", "+", "-")?.unwrap_or_default();
    let mut groups = Vec::new();
    for described in nodes.ask_owner::<Vec<Value>>(redis::cmd("XINFO").arg("GROUPS").arg(key))? {
        let field = |name: &str| field(&described, name);
        let name = field("name").and_then(|value| String::from_redis_value(value).ok()).unwrap_or_default();
        let number = |name: &str| field(name).and_then(|value| u64::from_redis_value(value).ok());
        let delivered = field("last-delivered-id").and_then(|value| String::from_redis_value(value).ok());
        let (ms, sequence) = delivered.and_then(|id| parse(&id)).unwrap_or_default();
        let pending = number("pending").unwrap_or(0);
        let mut passed = (ms, sequence.saturating_add(1));
        if pending > 0 {
            let (_, oldest, ..): (u64, Option<String>, Value, Value) =
                nodes.ask_owner(redis::cmd("XPENDING").arg(key).arg(&name))?;
            passed = oldest.and_then(|id| parse(&id)).unwrap_or(passed);
        }
        groups.push(Group { name, pending, lag: number("lag"), passed });
    }
    Ok(Some(Stream { key: key.to_owned(), length, first, last, groups }))
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

/// What is kept, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Signals are kept no longer.
    pub retention: Duration,
    /// And so long in any case, for readers without a group.
    pub keep: Duration,
    pub max_length: u64,
}

/// The id before which everything may go; none if nothing may.
pub fn may_go_before(stream: &Stream, now_ms: u64, rules: &Rules) -> Option<Id> {
    let before = |time: Duration| (now_ms.saturating_sub(time.as_millis() as u64), 0);
    let passed = stream.groups.iter().map(|group| group.passed).min().map(|id| id.min(before(rules.keep)));
    let bound = passed.max(Some(before(rules.retention)))?;
    stream.first.filter(|&first| first < bound).map(|_| bound)
}

/// Trims a stream. Returns how many entries went.
pub fn trim(nodes: &mut Nodes, key: &str, (ms, sequence): Id) -> Result<u64> {
    nodes.ask_owner(redis::cmd("XTRIM").arg(key).arg("MINID").arg(format!("{ms}-{sequence}")))
}

/// Groups that fall behind so far that entries will be trimmed before they are processed, in words.
pub fn warnings(stream: &Stream, now_ms: u64, rules: &Rules) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for group in &stream.groups {
        let waits = group.pending > 0 || group.passed <= stream.last;
        let oldest = stream.first.map_or(group.passed, |first| first.max(group.passed));
        let age = Duration::from_millis(now_ms.saturating_sub(oldest.0));
        if waits && age > rules.retention.mul_f64(0.8) {
            told.push((
                group.name.clone(),
                format!(
                    "the oldest signal that it has not processed is {} s old, and signals are kept for {} s",
                    age.as_secs(),
                    rules.retention.as_secs()
                ),
            ));
        }
        // Redis stops counting where entries were deleted that the group has not read: all there are, at most.
        let uncounted = if group.passed <= stream.last { stream.length } else { group.pending };
        let waiting = group.lag.map_or(uncounted, |lag| lag + group.pending);
        if waiting * 5 > rules.max_length * 4 {
            told.push((
                group.name.clone(),
                format!("{waiting} signals wait for it, and the stream keeps {}", rules.max_length),
            ));
        }
    }
    told
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
            pending,
            lag: Some(10),
            passed,
        };
        Stream {
            key: key(0),
            length: 100,
            first: Some((7_000_000, 0)),
            last: (9_999_999, 0),
            groups: groups.iter().map(group).collect(),
        }
    }

    #[test]
    fn what_every_group_has_passed_may_go() {
        let both = stream(&[("fast", 0, (9_800_000, 3)), ("slow", 2, (8_000_000, 7))]);
        assert_eq!(may_go_before(&both, NOW, &RULES), Some((8_000_000, 7)));
        let fast = stream(&[("fast", 0, (9_999_999, 3))]);
        assert_eq!(may_go_before(&fast, NOW, &RULES), Some((9_940_000, 0)), "the last minute stays");
    }

    #[test]
    fn without_groups_only_age_counts() {
        assert_eq!(may_go_before(&stream(&[]), NOW, &RULES), None);
        assert_eq!(may_go_before(&stream(&[]), NOW + 1_000_000, &RULES), Some((7_400_000, 0)));
    }

    #[test]
    fn a_group_that_falls_behind_is_told_before_it_loses_something() {
        assert!(warnings(&stream(&[("fine", 0, (9_999_999, 1))]), NOW, &RULES).is_empty());
        let (name, words) = warnings(&stream(&[("late", 1, (7_000_000, 0))]), NOW, &RULES).remove(0);
        assert_eq!(name, "late");
        assert!(words.contains("3000 s old"), "{words}");
        let mut many = stream(&[("many", 0, (9_999_999, 1))]);
        many.groups[0].lag = Some(900);
        assert!(warnings(&many, NOW, &RULES)[0].1.contains("900 signals wait"));
        // Redis does not know; it has read all, or it may lack whatever is there.
        many.groups[0].lag = None;
        many.length = 950;
        assert!(warnings(&many, NOW, &RULES).is_empty());
        many.groups[0].passed = (9_900_000, 0);
        assert!(warnings(&many, NOW, &RULES)[0].1.contains("950 signals wait"));
    }
}
