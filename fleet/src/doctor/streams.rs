//! The signals: whether anybody reads them, keeps up, and takes care of what nobody could process.

use std::collections::HashMap;

use anyhow::Result;
use redis::{RedisResult, Value, from_redis_value};

use super::{Finding, Member, Patient};

/// A group that is further behind than this loses signals to trimming, at full rate, within minutes.
const FAR_BEHIND: u64 = 100_000;

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let (shards, cap) = (patient.config.rtss_shards, patient.config.rtss_max_length);
    let mut findings = Vec::new();
    for member in patient.masters().filter(|member| member.lanes.contains(&"rtss")) {
        for shard in 0..shards {
            findings.extend(stream(member, shard, cap)?);
            let letters: RedisResult<u64> = member.ask(&["XLEN", &format!("sd:{{{shard}}}")]);
            if let Ok(count @ 1..) = letters {
                findings.push(
                    Finding::yellow(
                        &member.address,
                        format!("sd:{{{shard}}} has {count} signals that no worker could process"),
                    )
                    .cure(format!("XRANGE sd:{{{shard}}} - + COUNT 10 shows them")),
                );
            }
        }
    }
    Ok(findings)
}

fn stream(member: &mut Member, shard: u16, cap: u64) -> Result<Vec<Finding>> {
    let key = format!("ss:{{{shard}}}");
    // Another node of a Cluster has it, or nobody has signalled yet.
    let Ok(length @ 1..) = member.ask::<u64>(&["XLEN", &key]) else { return Ok(Vec::new()) };
    let mut findings = Vec::new();
    let address = member.address.clone();
    if length > cap + cap / 100 + 200 {
        findings.push(
            Finding::yellow(&address, format!("{key} has {length} signals, more than rtss.max_length {cap}"))
                .cure("nobody trims it: do terminals with another configuration write to it?"),
        );
    } else if length > cap / 10 * 9 {
        findings.push(
            Finding::yellow(
                &address,
                format!("{key} has {length} signals and is cut at {cap}, before their hour is over"),
            )
            .cure("raise rtss.max_length, or rtss.shards on a Cluster"),
        );
    }
    let groups: Vec<HashMap<String, Value>> = member.ask(&["XINFO", "GROUPS", &key])?;
    if groups.is_empty() {
        findings.push(
            Finding::yellow(&address, format!("nobody reads {key}: it has {length} signals and no group"))
                .cure(format!("start a worker, or XGROUP CREATE {key} NAME $")),
        );
    }
    for group in groups {
        let name: String =
            group.get("name").and_then(|name| from_redis_value(name.clone()).ok()).unwrap_or_default();
        let number = |field: &str| -> Option<u64> {
            group.get(field).and_then(|value| from_redis_value(value.clone()).ok())
        };
        let consumers = number("consumers").unwrap_or(0);
        let waiting = number("pending").unwrap_or(0);
        // Redis stops counting where entries were deleted that the group has not read: all there are, at most.
        let lag = number("lag").unwrap_or(length.saturating_sub(waiting));
        let text =
            format!("group {name} of {key}: {consumers} consumers, {waiting} unacknowledged, {lag} behind");
        findings.push(if consumers == 0 {
            Finding::yellow(&address, text)
                .cure("start its workers, or XGROUP DESTROY it: it holds trimming up")
        } else if lag.max(waiting) > FAR_BEHIND {
            Finding::yellow(&address, text).cure("more workers: what is older than an hour goes unread")
        } else {
            Finding::green(&address, text)
        });
    }
    Ok(findings)
}
