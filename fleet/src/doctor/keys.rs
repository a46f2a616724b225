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
            look(member, key, &mut faults)?;
        }
        for (command, missed) in [("OBJECT ENCODING", "encodings"), ("MEMORY USAGE", "sizes")] {
            if let Some(why) = faults.refused.remove(command) {
                let text = format!("refuses {command} ({why}): the keys' {missed} were not checked");
                findings.push(Finding::yellow(&member.address, text));
            }
        }
        let light = |vital| if vital { Light::Red } else { Light::Yellow };
        for ((vital, fault, cure), found) in faults.found {
            let some = found.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            let text = format!("{} of {} keys looked at {fault}: {some}", found.len(), keys.len());
            findings.push(Finding::new(light(vital), &member.address, text).cure(cure));
        }
        findings.push(Finding::green(&member.address, format!("{} keys were looked at", keys.len())));
    }
    Ok(findings)
}

#[derive(Default)]
struct Faults {
    /// Keys by what is wrong with them, whether that is vital, and what cures it.
    found: BTreeMap<(bool, &'static str, &'static str), Vec<String>>,
    /// Commands that are refused, and why.
    refused: BTreeMap<&'static str, String>,
}

impl Faults {
    fn add(&mut self, vital: bool, fault: &'static str, cure: &'static str, key: &str) {
        self.found.entry((vital, fault, cure)).or_default().push(key.to_owned());
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

fn look(member: &mut Member, key: &str, faults: &mut Faults) -> Result<()> {
    let Some((prefix, compact, size)) = KINDS.into_iter().find(|(prefix, ..)| key.starts_with(prefix)) else {
        faults.add(false, "are none of ours", "give other data a Redis of its own", key);
        return Ok(());
    };
    let encoding: Option<String> = ask(member, "OBJECT ENCODING", key, faults)?;
    if !compact.is_empty() && encoding.is_some_and(|encoding| !compact.contains(&encoding.as_str())) {
        let cure = "hash-max-listpack-entries 64, hash-max-listpack-value 640, set-max-intset-entries 1024; \
                    a key changes when it is written anew";
        faults.add(false, "are not in the compact encoding", cure, key);
    }
    let bytes: Option<u64> = ask(member, "MEMORY USAGE", key, faults)?;
    if bytes.is_some_and(|bytes| bytes > size) {
        faults.add(false, "are far larger than the sizing counts with", "mt5fleet size measures anew", key);
    }
    time_to_live(member, key, prefix, faults)
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
    if answer.as_ref().is_err_and(|error| error.to_string().contains("no such key")) {
        return Ok(None);
    }
    let (answer, refused) = allowed(answer)?;
    faults.refused.extend(refused.map(|why| (command, why)));
    Ok(answer.flatten())
}

fn time_to_live(member: &mut Member, key: &str, prefix: &str, faults: &mut Faults) -> Result<()> {
    let life: i64 = member.ask(&["PTTL", key])?;
    if life == -2 {
        return Ok(());
    }
    let lives = life >= 0;
    match prefix {
        "is:{" if !lives => {
            let cure = "somebody wrote them without PEXPIRE: DEL, a live terminal writes its own anew";
            faults.add(true, "are instances that never die, they have no time to live", cure, key);
        }
        "wm:{" if !lives => {
            faults.add(false, "are watermarks without a time to live", "EXPIRE them after 35 days", key);
        }
        // The governor's lease ends with its holder.
        "ctl" if key == LEASE => {}
        "ss:{" if !lives => {
            let cure =
                "a signal written by hand? PEXPIRE them after rtss.retention; a live source does it itself";
            faults.add(false, "are streams that stay though their source may be silent", cure, key);
        }
        "fp:{" | "sa:{" if !lives => {
            faults.add(
                false,
                "are notes of readers without a time to live",
                "EXPIRE them after 35 days",
                key,
            );
        }
        "fl:{" if !lives => {
            let cure = "DEL them: a follower that lives takes its lease anew";
            faults.add(true, "are leases that never end, their followers stand by for ever", cure, key);
        }
        "to:{" | "tc:{" | "sd:{" | "sl:{" | "il" | "ctl" if lives => {
            faults.add(true, "will vanish whole, they must not have a time to live", "PERSIST them", key);
        }
        "ts:{" => {
            let open = is_open(member, key)?;
            if open && lives {
                faults.add(true, "are open positions that will expire", "PERSIST them", key);
            }
            if !open && !lives {
                let cure = "EXPIRE them after 30 days: nothing else removes them";
                faults.add(false, "are closed positions without a time to live", cure, key);
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
