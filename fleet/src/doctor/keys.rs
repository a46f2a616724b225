//! A sample of the real keys: whether each kind has its compact encoding, a size within the sizing's assumption, and
//! the time to live that it needs or must not have.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use redis::{FromRedisValue, RedisResult};

use super::site::allowed;
use super::{Finding, Light, Member, Patient};
use crate::govern::lease::KEY as LEASE;
use crate::up::sizing;

/// How many keys are checked on each server: enough for a sample, too few to slow it down.
const SAMPLE: usize = 2000;
const PAGE: usize = 200;
/// The most keys with one fault that get a shell line each.
const TYPED: usize = 20;
/// How long trade events are kept by default. They may be there though they are off.
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// The time to live of a history of equity after its last sample, s.
const HISTORY_SECONDS: &str = "31622400";
/// The time to live of watermarks and readers' positions, s.
const NOTE_SECONDS: &str = "3024000";

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let lives = Lives {
        signals: patient.config.rtss_retention.as_millis().to_string(),
        reports: patient.config.rtss_report_retention.as_millis().to_string(),
        closed: patient.config.rts_retention.as_millis().to_string(),
        events: patient.config.rts_events.map_or(WEEK, |events| events.retention).as_millis().to_string(),
    };
    for member in patient.masters() {
        let mut faults = Faults::default();
        let (keys, refused) = allowed(sample(member))?;
        if let Some(why) = refused {
            let text = format!("refuses SCAN ({why}): no keys were checked");
            findings.push(Finding::yellow(&member.address, text));
            continue;
        }
        let keys = keys.unwrap_or_default();
        for key in &keys {
            look(member, key, &lives, &mut faults)?;
        }
        for (command, missed) in [
            ("OBJECT ENCODING", "the keys' encodings"),
            ("MEMORY USAGE", "the keys' sizes"),
            ("PTTL", "the keys' times to live"),
            ("SISMEMBER", "the times to live of positions"),
        ] {
            if let Some(why) = faults.refused.remove(command) {
                let text = format!("refuses {command} ({why}): {missed} were not checked");
                findings.push(Finding::yellow(&member.address, text));
            }
        }
        let found = faults.found.into_iter().map(|(fault, found)| fault.told(&found, keys.len(), member));
        findings.extend(found);
        findings.push(Finding::green(&member.address, format!("{} keys were checked", keys.len())));
    }
    Ok(findings)
}

/// The configured times to live, ms.
struct Lives {
    signals: String,
    reports: String,
    closed: String,
    events: String,
}

#[derive(Default)]
struct Faults {
    /// The keys with each fault.
    found: BTreeMap<Fault, Vec<String>>,
    /// Refused commands, and why.
    refused: BTreeMap<&'static str, String>,
}

/// A fault of keys.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    vital: bool,
    what: &'static str,
    cure: &'static str,
    /// The command that fixes a key, and its argument after the key; empty if there is none.
    command: &'static str,
    argument: String,
}

impl Faults {
    /// Notes that a key has a fault; `command` and its argument after the key fix it, or are empty.
    fn add(
        &mut self,
        vital: bool,
        what: &'static str,
        cure: &'static str,
        key: &str,
        (command, argument): (&'static str, &str),
    ) {
        let fault = Fault { vital, what, cure, command, argument: argument.to_owned() };
        self.found.entry(fault).or_default().push(key.to_owned());
    }
}

impl Fault {
    fn told(&self, found: &[String], of: usize, member: &Member) -> Finding {
        let some = found.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let text = format!("{} of {of} keys checked {}: {some}", found.len(), self.what);
        let light = if self.vital { Light::Red } else { Light::Yellow };
        let mut finding = Finding::new(light, &member.address, text);
        if !self.command.is_empty() {
            for key in found.iter().take(TYPED) {
                let words = [self.command, key, &self.argument];
                let words = if self.argument.is_empty() { &words[..2] } else { &words[..] };
                finding = finding.run(member.command(words));
            }
        }
        let more = if self.command.is_empty() || found.len() <= TYPED { "" } else { "the others alike; " };
        finding.cure(format!("{more}{}", self.cure))
    }
}

fn sample(member: &mut Member) -> RedisResult<Vec<String>> {
    let mut keys = Vec::new();
    let mut cursor = 0;
    loop {
        let (next, page): (u64, Vec<String>) =
            member.ask(&["SCAN", &cursor.to_string(), "COUNT", &PAGE.to_string()])?;
        keys.extend(page);
        cursor = next;
        if cursor == 0 || keys.len() >= SAMPLE {
            return Ok(keys);
        }
    }
}

/// The kinds of keys: prefix, compact encodings, and a size that no key of ours reaches.
const KINDS: [(&str, &[&str], u64); 20] = [
    ("is:{", &["listpack", "ziplist"], 3 * sizing::INSTANCE_BYTES),
    ("ih:{", &["raw"], sizing::HISTORY_BYTES),
    ("ts:{", &["listpack", "ziplist"], 3 * sizing::POSITION_BYTES),
    ("to:{", &["intset"], u64::MAX),
    ("tc:{", &[], u64::MAX),
    ("te:{", &[], u64::MAX),
    ("ss:{", &[], u64::MAX),
    ("sr:{", &[], u64::MAX),
    ("sd:{", &[], u64::MAX),
    ("sl:{", &[], u64::MAX),
    ("sa:{", &[], u64::MAX),
    ("fp:{", &[], u64::MAX),
    ("fl:{", &[], 512),
    ("wm:{", &[], 512),
    ("wr:{", &[], 512),
    ("il", &[], u64::MAX),
    ("ctl", &[], 512),
    ("halt", &[], 512),
    ("audit", &[], u64::MAX),
    ("alerts:{", &[], u64::MAX),
];

fn look(member: &mut Member, key: &str, lives: &Lives, faults: &mut Faults) -> Result<()> {
    let Some((prefix, compact, size)) = KINDS.into_iter().find(|(prefix, ..)| key.starts_with(prefix)) else {
        faults.add(false, "do not belong to mt5-redis", "keep other data in another Redis", key, ("", ""));
        return Ok(());
    };
    let encoding: Option<String> = ask(member, "OBJECT ENCODING", &[key], faults)?;
    if !compact.is_empty() && encoding.is_some_and(|encoding| !compact.contains(&encoding.as_str())) {
        let cure = "hash-max-listpack-entries 64, hash-max-listpack-value 640, set-max-intset-entries 1024; \
                    existing keys change when the server is restarted";
        faults.add(false, "are not in the compact encoding", cure, key, ("", ""));
    }
    let bytes: Option<u64> = ask(member, "MEMORY USAGE", &[key], faults)?;
    if bytes.is_some_and(|bytes| bytes > size) {
        faults.add(
            false,
            "are far larger than the sizing assumes",
            "run mt5fleet size to measure again",
            key,
            ("", ""),
        );
    }
    time_to_live(member, (key, prefix), lives, faults)
}

/// Sends a command with these arguments; none if the key has expired meanwhile or the command is refused.
fn ask<T: FromRedisValue>(
    member: &mut Member,
    command: &'static str,
    arguments: &[&str],
    faults: &mut Faults,
) -> Result<Option<T>> {
    if faults.refused.contains_key(command) {
        return Ok(None);
    }
    let words: Vec<&str> = command.split(' ').chain(arguments.iter().copied()).collect();
    let answer: RedisResult<Option<T>> = member.ask(&words);
    if answer.as_ref().is_err_and(|error| error.detail() == Some("no such key")) {
        return Ok(None);
    }
    let (answer, refused) = allowed(answer)?;
    faults.refused.extend(refused.map(|why| (command, why)));
    Ok(answer.flatten())
}

fn time_to_live(
    member: &mut Member,
    (key, prefix): (&str, &str),
    lives: &Lives,
    faults: &mut Faults,
) -> Result<()> {
    let Some(life) = ask::<i64>(member, "PTTL", &[key], faults)? else { return Ok(()) };
    if life == -2 {
        return Ok(());
    }
    let expires = life >= 0;
    let (vital, what, cure, command) = match prefix {
        "is:{" if !expires => (
            true,
            "are instances without a time to live, so they never look dead",
            "somebody wrote them without PEXPIRE; a live terminal writes its own again",
            ("DEL", ""),
        ),
        "wm:{" | "wr:{" if !expires => (
            false,
            "are watermarks without a time to live",
            "they must outlive their last record by 35 days; the next commit sets it, too",
            ("EXPIRE", NOTE_SECONDS),
        ),
        "ss:{" if !expires => (
            false,
            "are streams without a time to live, so they stay when their source is gone",
            "was a signal written by hand? a live source sets it itself",
            ("PEXPIRE", lives.signals.as_str()),
        ),
        "sr:{" if !expires => (
            false,
            "are streams without a time to live, so they stay when their follower is gone",
            "was a report written by hand? a live follower sets it itself",
            ("PEXPIRE", lives.reports.as_str()),
        ),
        "te:{" if !expires => (
            false,
            "are streams without a time to live, so they stay when their terminal is gone",
            "was an event written by hand? a live terminal sets it itself",
            ("PEXPIRE", lives.events.as_str()),
        ),
        "ih:{" if !expires => (
            false,
            "are histories without a time to live, so they stay when their terminal is gone",
            "a live terminal sets it itself, once a minute",
            ("EXPIRE", HISTORY_SECONDS),
        ),
        "fp:{" | "sa:{" if !expires => (
            false,
            "are readers' positions without a time to live",
            "an active reader sets it itself",
            ("EXPIRE", NOTE_SECONDS),
        ),
        "fl:{" if !expires => (
            true,
            "are leases without a time to live, so other followers stand by for ever",
            "a live follower takes its lease again",
            ("DEL", ""),
        ),
        // The governor's lease must expire.
        "ctl" if key == LEASE => return Ok(()),
        "to:{" | "tc:{" | "sd:{" | "sl:{" | "il" | "ctl" | "halt" if expires => (
            true,
            "must not have a time to live but will expire",
            "find out who gave them one",
            ("PERSIST", ""),
        ),
        "ts:{" => match (is_open(member, key, faults)?, expires) {
            (Some(true), true) => (
                true,
                "are open positions that will expire",
                "find out who gave them a time to live",
                ("PERSIST", ""),
            ),
            (Some(false), false) => (
                false,
                "are closed positions without a time to live",
                "nothing else will delete them",
                ("PEXPIRE", lives.closed.as_str()),
            ),
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    faults.add(vital, what, cure, key, command);
    Ok(())
}

/// Whether a position is in its instance's set of open positions; none if that is refused.
fn is_open(member: &mut Member, key: &str, faults: &mut Faults) -> Result<Option<bool>> {
    let (hash, position) = key.rsplit_once(':').unwrap_or((key, ""));
    let open = hash.replacen("ts:", "to:", 1);
    ask(member, "SISMEMBER", &[&open, position], faults)
}
