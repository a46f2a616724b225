//! Each setting that matters against that of `deploy/`, with the reason that stands there.

use anyhow::Result;
use mt5_redis::config::Site;

use super::{Finding, Member, Patient};
use crate::up::files;

/// What an operator decides: where a server is, how large it is, what its machine has.
const THEIRS: [&str; 8] = [
    "port",
    "bind",
    "maxmemory",
    "maxclients",
    "io-threads",
    "cluster-config-file",
    "save",
    "replica-priority",
];
/// With another value than ours for these, data is lost.
const VITAL: [&str; 2] = ["maxmemory-policy", "appendonly"];

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for place in &mut patient.places {
        let site = place.endpoint.site.clone();
        for member in &mut place.members {
            if member.settings.is_empty() {
                findings.push(
                    Finding::yellow(&member.address, "does not show its settings to this user")
                        .cure("ask as the user of `mt5fleet acl --doctor`"),
                );
                continue;
            }
            findings.extend(compare(member, &ours(&site, &member.lanes)));
        }
    }
    Ok(findings)
}

/// Our settings for a server.
fn ours(site: &Site, lanes: &[&str]) -> Vec<(String, String)> {
    let mut settings = match (site, lanes) {
        // One file for all lanes: nothing is evicted, everything logged.
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
    settings.retain(|(name, _)| !THEIRS.contains(&name.as_str()));
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
        let host = &member.address.host;
        findings.push(finding.cure(format!(
            "redis-cli -h {host} -p {} CONFIG SET {name} {value}, and in its file",
            member.address.port
        )));
    }
    findings.push(Finding::green(&member.address, format!("{same} settings are as in deploy/")));
    findings
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
