//! The signals: whether anybody reads them and keeps up, and whether dead letters are waiting.

use std::collections::BTreeMap;

use anyhow::Result;
use mt5_redis::model::key;

use super::{Finding, Member, Patient};
use crate::observe::nodes::Nodes;
use crate::observe::streams::{self, Stream};

/// At full rate, a group that is further behind than this with one source loses signals to trimming within minutes.
const FAR_BEHIND: u64 = 100_000;

/// The most streams of a group that get a shell line each.
const TYPED: usize = 20;

/// A group over all sources.
#[derive(Default)]
struct Group {
    sources: u64,
    /// Sources without a consumer.
    idle: u64,
    pending: u64,
    /// Over all sources, and for the worst of them.
    lag: u64,
    furthest: u64,
}

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut nodes = Nodes::new("rtss", &patient.config.rtss.endpoint);
    let place = patient.places.iter().find(|place| place.lanes.contains(&"rtss"));
    let member = place.and_then(|place| place.members.iter().find(|member| member.is_master()));
    let (shards, cap) = (patient.config.rtss_shards, patient.config.rtss_max_length);
    Ok(look(&mut nodes, shards, cap, member).unwrap_or_else(|error| {
        vec![Finding::yellow("", format!("the streams were not checked: {}", nodes.describe(&error)))]
    }))
}

/// `member` is a server of the lane rtss, for shell lines.
fn look(nodes: &mut Nodes, shards: u16, cap: u64, member: Option<&Member>) -> Result<Vec<Finding>> {
    nodes.refresh()?;
    let mut findings = Vec::new();
    let followers = streams::followers(nodes).unwrap_or_else(|error| {
        let why = nodes.describe(&error);
        let text = format!("cannot search for followers ({why}): some readers may be unknown");
        findings.push(Finding::yellow("", text));
        Vec::new()
    });
    let look = streams::look(nodes, shards, &followers)?;
    for shard in 0..shards {
        let letters = key::dead_letters(shard);
        if let count @ 1.. = nodes.ask_owner::<u64>(redis::cmd("XLEN").arg(letters.as_str()))? {
            let text = format!("{letters} has {count} signals that no worker could process");
            findings.push(Finding::yellow("", text).cure("list them with mt5fleet deadletters list"));
        }
    }
    for (shard, names) in look.gone.iter().filter(|(_, names)| names.len() > 1000) {
        let text = format!("{} has {} names without a stream", key::sources(*shard), names.len());
        findings.push(
            Finding::yellow("", text)
                .cure("mt5fleet govern removes them; some terminal's user invents names"),
        );
    }
    let signals: u64 = look.streams.iter().map(|stream| stream.length).sum();
    let text =
        format!("{} sources have {signals} signals and {} followers", look.streams.len(), look.followers);
    findings.push(Finding::green("", text));
    findings.extend(lengths(&look.streams, cap));
    findings.extend(unread(&look.streams));
    findings.extend(groups(&look.streams, member));
    Ok(findings)
}

/// The first of some sources, and how many more there are.
fn named(streams: &[&Stream]) -> String {
    let more = streams.len() - 1;
    let first = &streams[0].source;
    if more == 0 { first.clone() } else { format!("{first} and of {more} more sources") }
}

fn lengths(streams: &[Stream], cap: u64) -> Option<Finding> {
    let longer =
        |than: u64| -> Vec<&Stream> { streams.iter().filter(|stream| stream.length > than).collect() };
    let (over, near) = (longer(cap + cap / 100 + 200), longer(cap / 10 * 9));
    if !over.is_empty() {
        let text = format!("the stream of {} is longer than rtss.max_length {cap}", named(&over));
        return Some(
            Finding::yellow("", text).cure("check whether that terminal has another rtss.max_length"),
        );
    }
    (!near.is_empty()).then(|| {
        let text = format!(
            "the stream of {} is trimmed at {cap} signals, before rtss.retention is over",
            named(&near)
        );
        Finding::yellow("", text).cure("raise rtss.max_length, or make that terminal send less")
    })
}

fn unread(streams: &[Stream]) -> Option<Finding> {
    let nobody =
        |stream: &&Stream| stream.length > 0 && stream.groups.is_empty() && stream.followed.is_none();
    let unread: Vec<&Stream> = streams.iter().filter(nobody).collect();
    (!unread.is_empty()).then(|| {
        let text = format!("nobody reads the signals of {}: no group and no follower", named(&unread));
        Finding::yellow("", text)
            .cure("start a worker or a follower; a plain XREAD leaves no trace and is not seen")
    })
}

fn groups(streams: &[Stream], member: Option<&Member>) -> Vec<Finding> {
    let mut all: BTreeMap<&str, Group> = BTreeMap::new();
    for stream in streams {
        for group in &stream.groups {
            let found = all.entry(&group.name).or_default();
            // Redis loses count once unread entries are deleted; the lag is then at most the whole stream.
            let lag = group.lag.unwrap_or(stream.length.saturating_sub(group.pending));
            found.sources += 1;
            found.idle += u64::from(group.consumers == 0);
            found.pending += group.pending;
            found.lag += lag;
            found.furthest = found.furthest.max(lag.max(group.pending));
        }
    }
    all.into_iter()
        .map(|(name, Group { sources, idle, pending, lag, furthest })| {
            let text = format!("group {name}, {sources} sources: {pending} unacknowledged, {lag} not read yet");
            if idle == sources {
                let keys =
                    streams.iter().filter(|stream| stream.groups.iter().any(|group| group.name == name));
                let command = |stream: &Stream| {
                    member.map(|member| member.command(&["XGROUP", "DESTROY", &stream.key, name]))
                };
                let commands: Vec<_> = keys.take(TYPED).filter_map(command).collect();
                let finding = Finding::yellow("", format!("{text}, no consumer"));
                commands.into_iter().fold(finding, Finding::run).cure(
                    "only if its workers are gone for good (the group prevents trimming); else start a worker",
                )
            } else if furthest > FAR_BEHIND {
                Finding::yellow("", text).cure("add workers: signals older than rtss.retention are deleted unread")
            } else {
                Finding::green("", text)
            }
        })
        .collect()
}
