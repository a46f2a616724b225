//! A sample of the real keys: whether each kind has the compact encoding it should have, the size that
//! `sizing` counts with, and the time to live that it needs or must not have.

use std::collections::BTreeMap;

use anyhow::Result;
use redis::{FromRedisValue, RedisResult};

use super::site::allowed;
use super::{Finding, Light, Member, Patient};
use crate::govern::fleet_view::Fleet;
use crate::govern::lease::KEY as LEASE;
use crate::govern::nodes::Nodes;
use crate::up::sizing;

/// Keys looked at on each server; a sample, so that a large one is not held up.
const SAMPLE: usize = 2000;
const PAGE: usize = 200;
/// So many keys with one fault get a line for the shell each.
const TYPED: usize = 20;
/// A watermark's and a reader's note's time to live, s.
const NOTE_SECONDS: &str = "3024000";

/// How many instances live. Whoever may add names to the list may invent some, so only heartbeats count.
pub(super) fn instances(patient: &mut Patient) -> u64 {
    let mut nodes = Nodes::new("ris", &patient.config.ris.endpoint);
    let mut fleet = Fleet::default();
    // A site that does not answer has been told of already.
    let looked = nodes.refresh().and_then(|_| fleet.look(&mut nodes));
    looked.map_or(0, |()| fleet.alive.len() as u64)
}

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let lives = Lives {
        signals: patient.config.rtss_retention.as_millis().to_string(),
        closed: patient.config.rts_retention.as_millis().to_string(),
    };
    for member in patient.masters() {
        let mut faults = Faults::default();
        let (keys, refused) = allowed(sample(member))?;
        if let Some(why) = refused {
            let text = format!("refuses SCAN ({why}): no key was looked at");
            findings.push(Finding::yellow(&member.address, text));
            continue;
        }
        let keys = keys.unwrap_or_default();
        for key in &keys {
            look(member, key, &lives, &mut faults)?;
        }
        for (command, missed) in [("OBJECT ENCODING", "encodings"), ("MEMORY USAGE", "sizes")] {
            if let Some(why) = faults.refused.remove(command) {
                let text = format!("refuses {command} ({why}): the keys' {missed} were not checked");
                findings.push(Finding::yellow(&member.address, text));
            }
        }
        let found = faults.found.into_iter().map(|(fault, found)| fault.told(&found, keys.len(), member));
        findings.extend(found);
        findings.push(Finding::green(&member.address, format!("{} keys were looked at", keys.len())));
    }
    Ok(findings)
}

/// How long what has an end lives, ms.
struct Lives {
    signals: String,
    closed: String,
}

#[derive(Default)]
struct Faults {
    /// The keys with each fault.
    found: BTreeMap<Fault, Vec<String>>,
    /// Commands that are refused, and why.
    refused: BTreeMap<&'static str, String>,
}

/// What is wrong with keys.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    vital: bool,
    what: &'static str,
    cure: &'static str,
    /// The command that mends a key, and what follows the key; empty where there is none.
    command: &'static str,
    argument: String,
}

impl Faults {
    fn add(&mut self, vital: bool, what: &'static str, cure: &'static str, key: &str) {
        self.mend(vital, what, cure, key, ("", ""));
    }

    fn mend(
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
        let text = format!("{} of {of} keys looked at {}: {some}", found.len(), self.what);
        let light = if self.vital { Light::Red } else { Light::Yellow };
        let mut finding = Finding::new(light, &member.address, text);
        if !self.command.is_empty() {
            for key in found.iter().take(TYPED) {
                let words = [self.command, key, &self.argument];
                let words = if self.argument.is_empty() { &words[..2] } else { &words[..] };
                finding = finding.run(member.command(words));
            }
        }
        let more = if self.command.is_empty() || found.len() <= TYPED { "" } else { "the others likewise; " };
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

/// The kinds of keys: prefix, encodings that are compact, and a size that none of ours reaches.
const KINDS: [(&str, &[&str], u64); 13] = [
    ("is:{", &["listpack", "ziplist"], 3 * sizing::INSTANCE_BYTES),
    ("ts:{", &["listpack", "ziplist"], 3 * sizing::POSITION_BYTES),
    ("to:{", &["intset"], u64::MAX),
    ("tc:{", &[], u64::MAX),
    ("ss:{", &[], u64::MAX),
    ("sd:{", &[], u64::MAX),
    ("sl:{", &[], u64::MAX),
    ("sa:{", &[], u64::MAX),
    ("fp:{", &[], u64::MAX),
    ("fl:{", &[], 512),
    ("wm:{", &[], 512),
    ("il", &[], u64::MAX),
    ("ctl", &[], 512),
];

fn look(member: &mut Member, key: &str, lives: &Lives, faults: &mut Faults) -> Result<()> {
    let Some((prefix, compact, size)) = KINDS.into_iter().find(|(prefix, ..)| key.starts_with(prefix)) else {
        faults.add(false, "are none of ours", "give other data a Redis of its own", key);
        return Ok(());
    };
    let encoding: Option<String> = ask(member, "OBJECT ENCODING", key, faults)?;
    if !compact.is_empty() && encoding.is_some_and(|encoding| !compact.contains(&encoding.as_str())) {
        let cure = "hash-max-listpack-entries 64, hash-max-listpack-value 640, set-max-intset-entries 1024; \
                    a key that is there changes when the server is started again";
        faults.add(false, "are not in the compact encoding", cure, key);
    }
    let bytes: Option<u64> = ask(member, "MEMORY USAGE", key, faults)?;
    if bytes.is_some_and(|bytes| bytes > size) {
        faults.add(false, "are far larger than the sizing counts with", "mt5fleet size measures anew", key);
    }
    time_to_live(member, (key, prefix), lives, faults)
}

/// What is asked of a key that may have expired meanwhile, unless the command is refused.
fn ask<T: FromRedisValue>(
    member: &mut Member,
    command: &'static str,
    key: &str,
    faults: &mut Faults,
) -> Result<Option<T>> {
    if faults.refused.contains_key(command) {
        return Ok(None);
    }
    let words: Vec<&str> = command.split(' ').chain([key]).collect();
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
    let life: i64 = member.ask(&["PTTL", key])?;
    if life == -2 {
        return Ok(());
    }
    let ends = life >= 0;
    match prefix {
        "is:{" if !ends => {
            let cure = "somebody wrote them without PEXPIRE; a live terminal writes its own anew";
            let what = "are instances that never die, they have no time to live";
            faults.mend(true, what, cure, key, ("DEL", ""));
        }
        "wm:{" if !ends => {
            let cure = "they outlive every record by 35 days; the next commit does it itself";
            faults.mend(false, "are watermarks without a time to live", cure, key, ("EXPIRE", NOTE_SECONDS));
        }
        // The governor's lease ends with its holder.
        "ctl" if key == LEASE => {}
        "ss:{" if !ends => {
            let cure = "was a signal written by hand? a live source does it itself";
            let what = "are streams that stay though their source may be silent";
            faults.mend(false, what, cure, key, ("PEXPIRE", &lives.signals));
        }
        "fp:{" | "sa:{" if !ends => {
            let (what, cure) =
                ("are notes of readers without a time to live", "a reader at work does it itself");
            faults.mend(false, what, cure, key, ("EXPIRE", NOTE_SECONDS));
        }
        "fl:{" if !ends => {
            let cure = "a follower that lives takes its lease anew";
            let what = "are leases that never end, their followers stand by for ever";
            faults.mend(true, what, cure, key, ("DEL", ""));
        }
        "to:{" | "tc:{" | "sd:{" | "sl:{" | "il" | "ctl" if ends => {
            let (what, cure) = ("will vanish whole, they must not have a time to live", "who gave them one?");
            faults.mend(true, what, cure, key, ("PERSIST", ""));
        }
        "ts:{" => {
            let open = is_open(member, key)?;
            if open && ends {
                let (what, cure) = ("are open positions that will expire", "who gave them a time to live?");
                faults.mend(true, what, cure, key, ("PERSIST", ""));
            }
            if !open && !ends {
                let cure = "nothing else removes them";
                let what = "are closed positions without a time to live";
                faults.mend(false, what, cure, key, ("PEXPIRE", &lives.closed));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether a position is in its instance's set of open ones.
fn is_open(member: &mut Member, key: &str) -> RedisResult<bool> {
    let (hash, position) = key.rsplit_once(':').unwrap_or((key, ""));
    let open = hash.replacen("ts:", "to:", 1);
    member.ask(&["SISMEMBER", &open, position])
}
