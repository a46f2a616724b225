//! How full each server is, whether it has room for the fleet, and whether it rejected connections.

use anyhow::Result;

use super::settings::set;
use super::{Finding, Member, Patient};
use crate::up::{Topology, sizing};

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let terminals = patient.terminals;
    let mut findings = Vec::new();
    for place in &mut patient.places {
        let cluster = place.is_cluster();
        for member in &place.members {
            let needed = needed(member, cluster, terminals);
            findings.push(fill(member, needed));
            findings.extend(headroom(member, needed, terminals));
            findings.extend(evicted(member));
            findings.extend(fragmented(member));
            findings.extend(clients(member, cluster, terminals));
        }
    }
    Ok(findings)
}

/// The memory that it needs if the fleet trades as much as `sizing` assumes.
fn needed(member: &Member, cluster: bool, terminals: u64) -> u64 {
    let topology = if cluster { Topology::Cluster } else { Topology::Single };
    let lanes = if cluster { &["cluster"][..] } else { &member.lanes[..] };
    lanes.iter().map(|lane| sizing::limits(topology, lane, terminals).max_memory).sum()
}

fn fill(member: &Member, needed: u64) -> Finding {
    let address = &member.address;
    let (Some(used), Some(limit)) = (member.known("used_memory"), member.known("maxmemory")) else {
        return Finding::yellow(address, "does not report its memory use: memory was not checked")
            .cure("check it in its provider's console");
    };
    // At least half as much again as it uses now, if the fleet is larger than planned.
    let enough = needed.max(used / 2 * 3).to_string();
    if limit == 0 {
        let finding = Finding::red(address, "has no maxmemory: it grows until the system kills it");
        return set(member, finding, "maxmemory", &enough);
    }
    let percent = used * 100 / limit;
    let text = format!("uses {} of {} MiB ({percent} %)", used >> 20, limit >> 20);
    match percent {
        90.. => set(member, Finding::red(address, text), "maxmemory", &enough),
        75.. => set(member, Finding::yellow(address, text), "maxmemory", &enough),
        _ => Finding::green(address, text),
    }
}

/// Whether it has room for the fleet.
fn headroom(member: &Member, needed: u64, terminals: u64) -> Option<Finding> {
    let limit = member.known("maxmemory").filter(|&limit| limit > 0)?;
    let text = format!("{terminals} terminals need up to {} MiB here", needed >> 20);
    Some(if needed > limit {
        let text = format!("{text}, maxmemory is {} MiB", limit >> 20);
        set(member, Finding::yellow(&member.address, text), "maxmemory", &needed.to_string())
    } else {
        Finding::green(&member.address, format!("{text}, and it has room"))
    })
}

/// Redis counts until it is restarted, so a fixed fault would be reported for months: reset the counters.
fn count_anew(member: &Member, finding: Finding) -> Finding {
    if member.is_managed() { finding } else { finding.run(member.command(&["CONFIG", "RESETSTAT"])) }
}

fn evicted(member: &Member) -> Option<Finding> {
    let keys = member.number("evicted_keys");
    (keys > 0).then(|| {
        let text = format!("has evicted {keys} keys since its start because memory was full");
        let finding = if member.lanes == ["ris"] {
            Finding::yellow(&member.address, text).cure("raise maxmemory first: live instances looked dead")
        } else {
            Finding::red(&member.address, text)
                .cure("set maxmemory-policy to noeviction and raise maxmemory first")
        };
        count_anew(member, finding)
    })
}

fn fragmented(member: &Member) -> Option<Finding> {
    let ratio: f64 = member.info.get("mem_fragmentation_ratio").unwrap_or(1.0);
    let wasted = member.number("mem_fragmentation_bytes");
    (ratio > 1.5 && wasted > 100 << 20).then(|| {
        Finding::yellow(
            &member.address,
            format!("loses {} MiB to fragmentation (ratio {ratio})", wasted >> 20),
        )
        .cure(
            "include deploy/defrag.conf if its allocator supports it; else restart the replica and fail over",
        )
    })
}

fn clients(member: &Member, cluster: bool, terminals: u64) -> Vec<Finding> {
    let (now, limit) = (member.number("connected_clients"), member.number("maxclients"));
    let rejected = member.number("rejected_connections");
    let lanes = if cluster { 3 } else { member.lanes.len() as u64 };
    let needed = terminals * lanes;
    let mut findings = Vec::new();
    if rejected > 0 {
        let text = format!("has rejected {rejected} connections: maxclients is {limit}");
        let finding = Finding::red(&member.address, text)
            .cure("raise maxclients and the open-file limit (LimitNOFILE) first");
        findings.push(count_anew(member, finding));
    }
    if limit > 0 && (needed > limit * 8 / 10 || now > limit * 8 / 10) {
        let text = format!("{now} clients now, {terminals} terminals need {needed}, maxclients is {limit}");
        let enough = needed.max(now) * 5 / 4 + 128;
        findings.push(set(member, Finding::yellow(&member.address, text), "maxclients", &enough.to_string()));
    }
    findings
}
