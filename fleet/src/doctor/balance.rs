//! Whether slots and memory are spread evenly over the masters of a Cluster, and no slot was left half-migrated. A
//! Cluster does not rebalance itself, so the finding prints the command.

use anyhow::Result;

use super::site::allowed;
use super::{Finding, Member, Patient, shell};

/// How far a master's slots may be off the mean, in percent; `redis-cli --cluster rebalance` has the same threshold.
const SLOTS_PERCENT: u64 = 10;
/// A smaller difference is not worth a migration.
const MEMORY: u64 = 64 << 20;

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for place in patient.places.iter_mut().filter(|place| place.is_cluster()) {
        let shell = shell::cluster(&place.endpoint);
        let mut masters = Vec::new();
        for member in place.members.iter_mut().filter(|member| member.is_master()) {
            let (nodes, refused) = allowed(member.ask::<String>(&["CLUSTER", "NODES"]))?;
            masters.extend(nodes.map(|nodes| Share::of(member, &nodes)));
            findings.extend(refused.map(|why| {
                let text = format!("refuses CLUSTER NODES ({why}): its share of the slots was not checked");
                Finding::yellow(&member.address, text)
            }));
        }
        findings.extend(masters.iter().filter(|master| master.moving > 0).map(|master| {
            Finding::yellow(&master.address, format!("{} slots are half-migrated", master.moving))
                .cure("only if no resharding is running")
                .run(shell::line(&shell, &["--cluster", "fix", &master.address]))
        }));
        findings.extend(uneven(&masters, &shell));
    }
    Ok(findings)
}

struct Share {
    address: String,
    id: String,
    slots: u64,
    moving: usize,
    memory: u64,
}

impl Share {
    fn of(member: &Member, nodes: &str) -> Self {
        let own = nodes.lines().find(|line| line.contains("myself")).unwrap_or_default();
        let words: Vec<&str> = own.split(' ').collect();
        let ranges = words.get(8..).unwrap_or_default();
        let count = |range: &&str| match range.split_once('-') {
            Some((first, last)) => Some(last.parse::<u64>().ok()? + 1 - first.parse::<u64>().ok()?),
            None => range.parse::<u64>().ok().map(|_| 1),
        };
        Self {
            address: member.address.to_string(),
            id: words[0].to_owned(),
            slots: ranges.iter().filter(|range| !range.starts_with('[')).filter_map(count).sum(),
            moving: ranges.iter().filter(|range| range.starts_with('[')).count(),
            memory: member.number("used_memory"),
        }
    }
}

fn uneven(masters: &[Share], shell: &str) -> Option<Finding> {
    let first = masters.first()?;
    let count = masters.len() as u64;
    let slots = masters.iter().map(|master| master.slots).sum::<u64>() / count;
    let memory = masters.iter().map(|master| master.memory).sum::<u64>() / count;
    let rebalance = |more: &[&str]| {
        let words = ["--cluster", "rebalance", &first.address, "--cluster-use-empty-masters"];
        shell::line(shell, &[&words, more].concat())
    };
    let shares = masters.iter().map(|master| format!("{} {}", master.address, master.slots));
    let shares = shares.collect::<Vec<_>>().join(", ");
    if masters.iter().any(|master| master.slots.abs_diff(slots) * 100 > slots * SLOTS_PERCENT) {
        return Some(
            Finding::yellow("", format!("the slots are spread unevenly: {shares}")).run(rebalance(&[])),
        );
    }
    let fullest = masters.iter().max_by_key(|master| master.memory)?;
    if fullest.memory > MEMORY + 2 * memory {
        let text = format!(
            "{} holds {} MiB, the average is {}",
            fullest.address,
            fullest.memory >> 20,
            memory >> 20
        );
        let weight = format!("{}=0.5", fullest.id);
        return Some(Finding::yellow("", text).run(rebalance(&["--cluster-weight", &weight])));
    }
    Some(Finding::green("", format!("the slots are spread evenly: {shares}")))
}
