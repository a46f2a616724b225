//! What may be deleted from the streams, and which consumer groups are so late that signals would be deleted before
//! they process them.
//!
//! Progress never deletes what a group or a follower has not read; age and the writers' length limit do.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use mt5_redis::model::key;
use redis::FromRedisValue;

use crate::observe::nodes::Nodes;
use crate::observe::streams::{Id, Stream};

/// Names that are checked and removed together.
const CHUNK: usize = 500;

/// What the streams keep.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Older signals are deleted, read or not.
    pub retention: Duration,
    /// Younger signals are kept even if every group has processed them, for readers that leave no trace.
    pub keep: Duration,
    /// The most signals of one source.
    pub max_length: u64,
}

/// The id before which all entries may be deleted; none if there are no such entries.
pub fn may_go_before(stream: &Stream, now_ms: u64, rules: &Rules) -> Option<Id> {
    let before = |time: Duration| (now_ms.saturating_sub(time.as_millis() as u64), 0);
    let passed = stream.groups.iter().map(|group| group.passed).min();
    let passed = passed.map(|id| id.min(before(rules.keep)).min(stream.followed.unwrap_or(id)));
    let bound = passed.max(Some(before(rules.retention)))?;
    stream.first.filter(|&first| first < bound).map(|_| bound)
}

/// Trims streams; returns how many entries were deleted.
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

/// Removes names without a stream from a shard's list, unless a stream has appeared. Returns how many were removed.
pub fn forget(nodes: &mut Nodes, shard: u16, names: &[Vec<u8>]) -> Result<u64> {
    let list = key::sources(shard);
    let owner = nodes.owner(&list)?;
    let mut removed = 0;
    for names in names.chunks(CHUNK) {
        let streams: Vec<Vec<u8>> =
            names.iter().map(|name| [key::signals(shard, "").as_bytes(), name].concat()).collect();
        nodes.ask::<()>(&owner, redis::cmd("WATCH").arg(&streams))?;
        let there: u64 = nodes.ask(&owner, redis::cmd("EXISTS").arg(&streams))?;
        if there > 0 {
            // A source has sent again since it was read: leave it to the next round.
            nodes.ask::<()>(&owner, &redis::cmd("UNWATCH"))?;
            continue;
        }
        removed += nodes.transact(&owner, redis::cmd("ZREM").arg(&*list).arg(names))?.unwrap_or(0);
    }
    Ok(removed)
}

/// Warns about groups that will soon lose unprocessed signals to trimming: each group with the worst of its sources.
pub fn warnings(streams: &[Stream], now_ms: u64, rules: &Rules) -> Vec<(String, String)> {
    let mut late: Worst<Duration> = BTreeMap::new();
    let mut long: Worst<u64> = BTreeMap::new();
    for stream in streams {
        for group in &stream.groups {
            let waits = group.pending > 0 || group.passed <= stream.last;
            let oldest = stream.first.map_or(group.passed, |first| first.max(group.passed));
            let age = Duration::from_millis(now_ms.saturating_sub(oldest.0));
            if waits && age > rules.retention.mul_f64(0.8) {
                keep_worst(&mut late, &group.name, age, &stream.source);
            }
            // Redis loses count once unread entries are deleted; the lag is then at most the whole stream.
            let uncounted = if group.passed <= stream.last { stream.length } else { group.pending };
            let waiting = group.lag.map_or(uncounted, |lag| lag + group.pending);
            if waiting * 5 > rules.max_length * 4 {
                keep_worst(&mut long, &group.name, waiting, &stream.source);
            }
        }
    }
    let others = |sources: usize| match sources {
        1 => String::new(),
        _ => format!(" (and {} more sources)", sources - 1),
    };
    let late = late.into_iter().map(|(group, (age, source, sources))| {
        let (age, kept) = (age.as_secs(), rules.retention.as_secs());
        let others = others(sources);
        (group, format!("its oldest unprocessed signal of {source}{others} is {age} s old; signals are deleted after {kept} s"))
    });
    let long = long.into_iter().map(|(group, (waiting, source, sources))| {
        let (others, most) = (others(sources), rules.max_length);
        (
            group,
            format!("{waiting} signals of {source}{others} wait to be processed; at most {most} are kept"),
        )
    });
    late.chain(long).map(|(group, text)| (format!("group {group}"), text)).collect()
}

/// For each group its worst value, the source that has it, and how many sources are bad.
type Worst<'a, T> = BTreeMap<&'a str, (T, &'a str, usize)>;

fn keep_worst<'a, T: Ord + Copy>(all: &mut Worst<'a, T>, group: &'a str, value: T, source: &'a str) {
    let (most, of, count) = all.entry(group).or_insert((value, source, 0));
    *count += 1;
    if value > *most {
        (*most, *of) = (value, source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::streams::Group;

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
        assert_eq!(
            may_go_before(&followed((0, 0)), NOW, &RULES),
            None,
            "a follower that has not found it yet"
        );
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
    fn a_group_is_warned_of_before_it_loses_signals() {
        let told = |streams: &[Stream]| warnings(streams, NOW, &RULES);
        assert!(told(&[stream(&[("fine", 0, (9_999_999, 1))])]).is_empty());
        let late = stream(&[("late", 1, (7_000_000, 0))]);
        let (name, words) = told(&[late.clone(), late]).remove(0);
        assert_eq!(name, "group late");
        assert!(words.contains("of 1.Demo (and 1 more sources)") && words.contains("3000 s old"), "{words}");
        let mut many = stream(&[("many", 0, (9_999_999, 1))]);
        many.groups[0].lag = Some(900);
        assert!(told(&[many.clone()])[0].1.contains("900 signals of 1.Demo wait"));
        // Redis does not know the lag: it is 0 if the group has read the last entry, else at most the length.
        many.groups[0].lag = None;
        many.length = 950;
        assert!(told(&[many.clone()]).is_empty());
        many.groups[0].passed = (9_900_000, 0);
        assert!(told(&[many])[0].1.contains("950 signals of 1.Demo wait"));
    }
}
