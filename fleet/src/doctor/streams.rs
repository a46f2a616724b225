//! The signals: whether anybody reads them and keeps up, and whether dead letters are waiting.

use std::collections::BTreeMap;

use anyhow::Result;
use mt5_redis::model::key;

use super::{Finding, Member, Patient, shell};
use crate::observe::nodes::Nodes;
use crate::observe::streams::{self, Stream};

/// At full rate, a group that is further behind than this with one source loses signals to trimming within minutes.
const FAR_BEHIND: u64 = 100_000;

/// The most streams of a finding that get a shell line each.
const TYPED: usize = 20;
/// Stands for a stream's key in a command.
const KEY: &str = "KEY";

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

/// What the advice needs.
struct Cures<'a> {
    /// The configuration that the doctor was given.
    config: &'a str,
    /// A server of the lane rtss.
    member: Option<&'a Member>,
}

impl Cures<'_> {
    /// Adds a line that runs this program, and what else there is to say.
    fn program(&self, finding: Finding, words: &[&str], cure: &str) -> Finding {
        match shell::program(self.config, words) {
            Some(line) => finding.run(line).cure(cure),
            None => finding.cure(format!("run mt5fleet {} with this configuration; {cure}", words.join(" "))),
        }
    }

    /// Adds a line for each of these streams, at most [`TYPED`], and what else there is to say.
    fn each(&self, finding: Finding, streams: &[&Stream], words: &[&str], cure: &str) -> Finding {
        let command = |stream: &&Stream| {
            let words: Vec<&str> =
                words.iter().map(|word| if *word == KEY { &stream.key } else { *word }).collect();
            self.member.map(|member| member.command(&words))
        };
        let lines = streams.iter().take(TYPED).filter_map(command);
        let more = if streams.len() > TYPED { "do the same for the other streams; " } else { "" };
        lines.fold(finding, Finding::run).cure(format!("{more}{cure}"))
    }
}

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut nodes = Nodes::new("rtss", &patient.config.rtss.endpoint);
    let place = patient.places.iter().find(|place| place.lanes.contains(&"rtss"));
    let member = place.and_then(|place| place.members.iter().find(|member| member.is_master()));
    let (shards, cap) = (patient.config.rtss_shards, patient.config.rtss_max_length);
    let cures = Cures { config: &patient.source, member };
    Ok(look(&mut nodes, shards, cap, &cures).unwrap_or_else(|error| {
        vec![Finding::yellow("", format!("the streams were not checked: {}", nodes.describe(&error)))]
    }))
}

fn look(nodes: &mut Nodes, shards: u16, cap: u64, cures: &Cures) -> Result<Vec<Finding>> {
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
            let cure = "this puts them back for every group; first look at them with `list` instead of `retry --all`; \
                        `drop --all` deletes them";
            findings.push(cures.program(Finding::yellow("", text), &["deadletters", "retry", "--all"], cure));
        }
    }
    for (shard, names) in look.gone.iter().filter(|(_, names)| names.len() > 1000) {
        let text = format!("{} has {} names without a stream", key::sources(*shard), names.len());
        let cure = "a governor that runs all the time does it by itself; some terminal's user invents names";
        findings.push(cures.program(Finding::yellow("", text), &["govern", "--once"], cure));
    }
    let signals: u64 = look.streams.iter().map(|stream| stream.length).sum();
    let text =
        format!("{} sources have {signals} signals and {} followers", look.streams.len(), look.followers);
    findings.push(Finding::green("", text));
    findings.extend(lengths(&look.streams, cap, cures));
    findings.extend(unread(&look.streams, cures));
    findings.extend(groups(&look.streams, cures));
    Ok(findings)
}

/// The first of some sources, and how many more there are.
fn named(streams: &[&Stream]) -> String {
    let more = streams.len() - 1;
    let first = &streams[0].source;
    if more == 0 { first.clone() } else { format!("{first} and of {more} more sources") }
}

fn lengths(streams: &[Stream], cap: u64, cures: &Cures) -> Option<Finding> {
    let longer =
        |than: u64| -> Vec<&Stream> { streams.iter().filter(|stream| stream.length > than).collect() };
    let (over, near) = (longer(cap + cap / 100 + 200), longer(cap / 10 * 9));
    if !over.is_empty() {
        let text = format!("the stream of {} is longer than rtss.max_length {cap}", named(&over));
        let words = ["XTRIM", KEY, "MAXLEN", &cap.to_string()];
        let cure = "check whether that terminal has another rtss.max_length";
        return Some(cures.each(Finding::yellow("", text), &over, &words, cure));
    }
    (!near.is_empty()).then(|| {
        let text = format!(
            "the stream of {} is trimmed at {cap} signals, before rtss.retention is over",
            named(&near)
        );
        // A URL has no place for it.
        let file = if cures.config.contains("://") { "a TOML file" } else { cures.config };
        let cure = format!(
            "write `max_length = {}` into {file}, under [rtss], and into those of the terminals; or make that terminal \
             send less",
            cap * 2
        );
        Finding::yellow("", text).cure(cure)
    })
}

fn unread(streams: &[Stream], cures: &Cures) -> Option<Finding> {
    let nobody =
        |stream: &&Stream| stream.length > 0 && stream.groups.is_empty() && stream.followed.is_none();
    let unread: Vec<&Stream> = streams.iter().filter(nobody).collect();
    (!unread.is_empty()).then(|| {
        let text = format!("nobody reads the signals of {}: no group and no follower", named(&unread));
        let cure = "this prints and acknowledges them; add --exec or --http to deliver them; or start a follower; a plain \
                    XREAD leaves no trace and is not seen";
        cures.program(Finding::yellow("", text), &["work"], cure)
    })
}

fn groups(streams: &[Stream], cures: &Cures) -> Vec<Finding> {
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
                let has = |stream: &&Stream| stream.groups.iter().any(|group| group.name == name);
                let of: Vec<&Stream> = streams.iter().filter(has).collect();
                let finding = Finding::yellow("", format!("{text}, no consumer"));
                let cure =
                    "only if its workers are gone for good (the group prevents trimming); else start a worker";
                cures.each(finding, &of, &["XGROUP", "DESTROY", KEY, name], cure)
            } else if furthest > FAR_BEHIND {
                let cure = "this adds a worker; give it the --exec or --http of the others; signals older than \
                            rtss.retention are deleted unread";
                cures.program(Finding::yellow("", text), &["work", "--group", name], cure)
            } else {
                Finding::green("", text)
            }
        })
        .collect()
}
