//! How full each server is, whether it would hold the fleet, and whether it turned anybody away.

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

/// The memory that it needs when the fleet trades as much as `sizing` says.
fn needed(member: &Member, cluster: bool, terminals: u64) -> u64 {
    let topology = if cluster { Topology::Cluster } else { Topology::Single };
    let lanes = if cluster { &["cluster"][..] } else { &member.lanes[..] };
    lanes.iter().map(|lane| sizing::limits(topology, lane, terminals).max_memory).sum()
}

fn fill(member: &Member, needed: u64) -> Finding {
    let address = &member.address;
    let (Some(used), Some(limit)) = (member.known("used_memory"), member.known("maxmemory")) else {
        return Finding::yellow(
            address,
            "does not tell how much memory it has and uses: that was not checked",
        )
        .cure("its provider's console may show it");
    };
    // It fills two thirds of that, should it need more than the fleet is expected to.
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
        Finding::green(&member.address, format!("{text}, and have them"))
    })
}

/// Counts are kept until the server starts again: what is mended would be told for months.
fn count_anew(member: &Member, finding: Finding) -> Finding {
    if member.is_managed() { finding } else { finding.run(member.command(&["CONFIG", "RESETSTAT"])) }
}

fn evicted(member: &Member) -> Option<Finding> {
    let keys = member.number("evicted_keys");
    (keys > 0).then(|| {
        let text = format!("has evicted {keys} keys for want of memory since its start");
        let finding = if member.lanes == ["ris"] {
            Finding::yellow(&member.address, text)
                .cure("raise maxmemory first: instances looked dead that were not")
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
        Finding::yellow(&member.address, format!("wastes {} MiB in holes (ratio {ratio})", wasted >> 20))
            .cure("deploy/defrag.conf, if its allocator can; else a restart of the replica and a failover")
    })
}

fn clients(member: &Member, cluster: bool, terminals: u64) -> Vec<Finding> {
    let (now, limit) = (member.number("connected_clients"), member.number("maxclients"));
    let rejected = member.number("rejected_connections");
    let lanes = if cluster { 3 } else { member.lanes.len() as u64 };
    let needed = terminals * lanes;
    let mut findings = Vec::new();
    if rejected > 0 {
        let text = format!("has turned {rejected} connections away: maxclients is {limit}");
        let finding = Finding::red(&member.address, text)
            .cure("raise maxclients and the limit of open files (LimitNOFILE) first");
        findings.push(count_anew(member, finding));
    }
    if limit > 0 && (needed > limit * 8 / 10 || now > limit * 8 / 10) {
        let text = format!("{now} clients now, {terminals} terminals bring {needed}, maxclients is {limit}");
        let enough = needed.max(now) * 5 / 4 + 128;
        findings.push(set(member, Finding::yellow(&member.address, text), "maxclients", &enough.to_string()));
    }
    findings
}
