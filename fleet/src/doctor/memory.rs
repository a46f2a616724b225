//! How full each server is, whether it would hold the fleet, and whether it turned anybody away.

use anyhow::Result;

use super::{Finding, Member, Patient};
use crate::up::{Topology, sizing};

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let terminals = patient.terminals;
    let mut findings = Vec::new();
    for place in &mut patient.places {
        let cluster = place.is_cluster();
        for member in &place.members {
            findings.push(fill(member));
            findings.extend(headroom(member, cluster, terminals));
            findings.extend(evicted(member));
            findings.extend(fragmented(member));
            findings.extend(clients(member, cluster, terminals));
        }
    }
    Ok(findings)
}

fn fill(member: &Member) -> Finding {
    let (used, limit) = (member.number("used_memory"), member.number("maxmemory"));
    let address = &member.address;
    if limit == 0 {
        return Finding::red(address, "has no maxmemory: it grows until the system kills it")
            .cure("mt5fleet up --terminals N computes one; the table in docs/deployment.md has more");
    }
    let percent = used * 100 / limit;
    let text = format!("uses {} of {} MiB ({percent} %)", used >> 20, limit >> 20);
    match percent {
        90.. => Finding::red(address, text).cure("raise maxmemory now, or lower the retention"),
        75.. => Finding::yellow(address, text).cure("raise maxmemory soon, or lower the retention"),
        _ => Finding::green(address, text),
    }
}

/// Whether it has room for the fleet when it trades as much as `sizing` says.
fn headroom(member: &Member, cluster: bool, terminals: u64) -> Option<Finding> {
    let limit = member.number("maxmemory");
    let topology = if cluster { Topology::Cluster } else { Topology::Single };
    let lanes = if cluster { &["cluster"][..] } else { &member.lanes[..] };
    let needed: u64 = lanes.iter().map(|lane| sizing::limits(topology, lane, terminals).max_memory).sum();
    let text = format!("{terminals} terminals need up to {} MiB here", needed >> 20);
    (limit > 0).then(|| {
        if needed > limit {
            Finding::yellow(&member.address, format!("{text}, maxmemory is {} MiB", limit >> 20))
                .cure(format!("CONFIG SET maxmemory {needed}, and in its file"))
        } else {
            Finding::green(&member.address, format!("{text}, and have them"))
        }
    })
}

fn evicted(member: &Member) -> Option<Finding> {
    let keys = member.number("evicted_keys");
    (keys > 0).then(|| {
        let text = format!("has evicted {keys} keys for want of memory since its start");
        if member.lanes == ["ris"] {
            Finding::yellow(&member.address, text)
                .cure("raise maxmemory: instances looked dead that were not")
        } else {
            Finding::red(&member.address, text).cure("maxmemory-policy noeviction, and more memory")
        }
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
        findings.push(
            Finding::red(
                &member.address,
                format!("has turned {rejected} connections away: maxclients is {limit}"),
            )
            .cure("raise maxclients and the limit of open files (LimitNOFILE)"),
        );
    }
    if limit > 0 && (needed > limit * 8 / 10 || now > limit * 8 / 10) {
        let text = format!("{now} clients now, {terminals} terminals bring {needed}, maxclients is {limit}");
        findings.push(
            Finding::yellow(&member.address, text)
                .cure(format!("CONFIG SET maxclients {}", needed.max(now) * 5 / 4 + 128)),
        );
    }
    findings
}
