//! Compares each setting with the files in `deploy/`, and quotes the reason given there.

use anyhow::Result;
use mt5_redis::config::Site;

use super::{Finding, Member, Patient};
use crate::up::files;

/// Settings that are up to the operator.
const THEIRS: [&str; 9] = [
    "port",
    "bind",
    "databases",
    "maxmemory",
    "maxclients",
    "io-threads",
    "cluster-config-file",
    "save",
    "replica-priority",
];
/// Settings with a check of their own.
const ELSEWHERE: [&str; 1] = ["maxmemory-policy"];
/// Settings that lose data if they differ from ours.
const VITAL: [&str; 1] = ["appendonly"];
/// Settings that a server reads only at its start.
pub const AT_START: [&str; 2] = ["tcp-backlog", "cluster-enabled"];

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for place in &mut patient.places {
        let site = place.endpoint.site.clone();
        for member in &mut place.members {
            let ours = ours(&site, &member.lanes);
            findings.extend(hidden(member, &ours));
            findings.extend(compare(member, &ours));
        }
    }
    Ok(findings)
}

/// The settings that cannot be compared because CONFIG is refused.
fn hidden(member: &Member, ours: &[(String, String)]) -> Option<Finding> {
    let why = member.no_settings.as_ref()?;
    let hidden: Vec<&str> = ours
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !member.settings.contains_key(*name))
        .collect();
    let text = format!("hides its settings ({why}): {} were not checked", hidden.len());
    let finding = Finding::yellow(&member.address, text);
    Some(match member.is_managed() {
        true => finding.cure(format!("check them in its provider's console: {}", hidden.join(", "))),
        false => finding.cure("use the user of `mt5fleet acl --doctor`"),
    })
}

/// Our settings for a server.
fn ours(site: &Site, lanes: &[&str]) -> Vec<(String, String)> {
    let mut settings = match (site, lanes) {
        // A server of several lanes: no eviction, and everything in the append-only file.
        (Site::Cluster(_), _) | (_, [_, _, ..]) => files::settings("redis-cluster.conf"),
        (_, lanes) => files::settings(&format!("redis-{}.conf", lanes[0])),
    };
    if !matches!(site, Site::Cluster(_)) {
        settings.retain(|(name, _)| !name.starts_with("cluster-"));
    }
    match site {
        Site::Cluster(_) => {}
        Site::Sentinel { .. } => {
            settings.extend(files::settings("replicated.conf"));
            if lanes != ["ris"] {
                settings.extend(files::settings("two-copies.conf"));
            }
        }
        Site::Server(_) => {
            let replication = files::settings("replicated.conf");
            settings.retain(|(name, _)| !replication.iter().any(|(other, _)| other == name));
        }
    }
    settings.retain(|(name, _)| !THEIRS.contains(&name.as_str()) && !ELSEWHERE.contains(&name.as_str()));
    settings
}

fn compare(member: &Member, ours: &[(String, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut same = 0;
    for (name, value) in ours {
        let older = name.replace("-listpack-", "-ziplist-");
        let Some(found) = member.settings.get(name).or_else(|| member.settings.get(&older)) else { continue };
        if bytes(found) == bytes(value) {
            same += 1;
            continue;
        }
        let reason = files::reason(name).unwrap_or_default();
        let text = format!("{name} is {found}, ours is {value}: {reason}");
        let finding = if VITAL.contains(&name.as_str()) {
            Finding::red(&member.address, text)
        } else {
            Finding::yellow(&member.address, text)
        };
        findings.push(set(member, finding, name, value));
    }
    findings.push(Finding::green(&member.address, format!("{same} settings are as in deploy/")));
    findings
}

/// Adds to a finding how to set `name` to `value`.
pub(super) fn set(member: &Member, finding: Finding, name: &str, value: &str) -> Finding {
    if member.is_managed() {
        return finding.cure(format!(
            "set {name} to {value} in its provider's console, for example in a parameter group"
        ));
    }
    let file = match member.text("config_file").as_str() {
        "" => "its configuration file".to_owned(),
        file => file.to_owned(),
    };
    if AT_START.contains(&name) {
        return finding.cure(format!("write `{name} {value}` into {file} and restart it"));
    }
    finding
        .run(member.command(&["CONFIG", "SET", name, value]))
        .cure(format!("write `{name} {value}` into {file}, or the next restart undoes it"))
}

/// A size as a plain number of bytes, as CONFIG GET answers it.
pub fn bytes(value: &str) -> String {
    for (unit, factor) in [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1u64 << 30)] {
        if let Some(Ok(number)) = value.strip_suffix(unit).map(str::parse::<u64>) {
            return (number * factor).to_string();
        }
    }
    value.to_owned()
}
