//! Masters, replicas and Sentinels: whether writes are possible, replicated, and safe from a master's failure.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use mt5_redis::config::{Address, Endpoint, Site};
use redis::RedisResult;

use super::settings::set;
use super::site::allowed;
use super::{Finding, Member, Patient, Place};
use crate::errors::server_reply;
use crate::observe::connect::Connection;

/// A replica that lacks more than this has been behind for seconds.
const LAG_BYTES: u64 = 16 << 20;

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for place in &mut patient.places {
        let Place { endpoint, members, sentinels, .. } = place;
        match &endpoint.site {
            Site::Server(_) => findings.extend(members.iter().map(|member| lone(member, endpoint))),
            Site::Sentinel { master, .. } => {
                findings.extend(quorum(sentinels, master, endpoint)?);
                findings.extend(
                    members.iter().filter(|member| member.is_master()).map(|master| followed(master, true)),
                );
            }
            Site::Cluster(_) => {
                for member in members.iter_mut() {
                    findings.extend(cluster(member)?);
                }
                findings.extend(
                    members.iter().filter(|member| member.is_master()).map(|master| followed(master, false)),
                );
            }
        }
        findings.extend(members.iter().filter(|member| !member.is_master()).map(following));
    }
    Ok(findings)
}

fn lone(member: &Member, endpoint: &Endpoint) -> Finding {
    if member.number("cluster_enabled") == 1 {
        let mut finding =
            Finding::red(&member.address, "is a node of a Cluster: it redirects the bridge to other nodes");
        finding.cure = endpoint.advice("MOVED ");
        finding
    } else if member.is_master() {
        Finding::green(&member.address, "is a master")
    } else {
        Finding::red(&member.address, "is a replica: it refuses every write")
            .cure("configure its master's address, or its Sentinels")
    }
}

/// Whether the Sentinels agree, and would still have a majority without one of them.
fn quorum(
    sentinels: &mut [(Address, Connection)],
    master: &str,
    endpoint: &Endpoint,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut masters = BTreeSet::new();
    for (address, sentinel) in sentinels.iter_mut() {
        let view: RedisResult<HashMap<String, String>> =
            redis::cmd("SENTINEL").arg("MASTER").arg(master).query(sentinel);
        let view = match view {
            Ok(view) => view,
            Err(error) => {
                let words = server_reply(&error);
                let text = format!("knows no master named {master}: {words}");
                let cure = "the name in the configuration must match `sentinel monitor`";
                let cure = endpoint.advice(&words).unwrap_or_else(|| cure.to_owned());
                findings.push(Finding::red(&*address, text).cure(cure));
                continue;
            }
        };
        let value = |name: &str| view.get(name).map_or("", String::as_str);
        masters.insert(format!("{}:{}", value("ip"), value("port")));
        let others: usize = value("num-other-sentinels").parse().unwrap_or(0);
        let quorum: RedisResult<String> = redis::cmd("SENTINEL").arg("CKQUORUM").arg(master).query(sentinel);
        findings.push(match quorum {
            Err(error) => Finding::red(&*address, format!("{master}: no failover is possible: {error}")),
            Ok(_) if others < 2 => {
                Finding::yellow(&*address, format!("{master}: only {} Sentinels", others + 1))
                    .cure("run three, so that two can still agree without the third")
            }
            Ok(_) => Finding::green(&*address, format!("{master}: {} Sentinels have a quorum", others + 1)),
        });
    }
    if masters.len() > 1 {
        let named = masters.into_iter().collect::<Vec<_>>().join(", ");
        findings.push(
            Finding::red("", format!("the Sentinels name different masters for {master}: {named}"))
                .cure("wait a minute; if it persists, run SENTINEL RESET on the wrong one"),
        );
    }
    Ok(findings)
}

/// What a master reports about its replicas.
fn followed(master: &Member, sentinel: bool) -> Finding {
    let replicas = master.number("connected_slaves");
    // Redis counts good replicas only if min-replicas-to-write is set.
    let good = master.known("min_slaves_good_slaves");
    let wanted: u64 = match master.settings.get("min-replicas-to-write") {
        Some(text) => text.parse().unwrap_or(0),
        None => u64::from(good.is_some()),
    };
    let near = if wanted > 0 { good.unwrap_or(0) } else { replicas };
    let address = &master.address;
    if near < wanted {
        Finding::red(
            address,
            format!("refuses writes: {near} replicas are in sync, min-replicas-to-write is {wanted}"),
        )
        .cure("restart the replica; until then the bridges keep records in their journals")
    } else if replicas == 0 {
        Finding::yellow(address, "is a master without a replica: no failover is possible")
            .cure("start a replica")
    } else if sentinel && wanted == 0 && !master.lanes.contains(&"ris") {
        let text = "acknowledges writes while cut off from its replica (min-replicas-to-write 0)";
        set(master, Finding::yellow(address, text), "min-replicas-to-write", "1")
    } else if let Some((replica, bytes)) = farthest_behind(master).filter(|&(_, bytes)| bytes > LAG_BYTES) {
        Finding::yellow(address, format!("its replica {replica} is {} MiB behind", bytes >> 20))
            .cure("check the network between them and the replica's disk")
    } else {
        Finding::green(address, format!("is a master with {replicas} replica(s)"))
    }
}

/// The replica that lacks most and how many bytes, from its master: a replica does not know.
fn farthest_behind(master: &Member) -> Option<(String, u64)> {
    let written = master.number("master_repl_offset");
    let lines = (0..master.number("connected_slaves")).map(|at| master.text(&format!("slave{at}")));
    let lags = lines.filter_map(|line| {
        let value = |name: &str| line.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let offset: u64 = value("offset")?.parse().ok()?;
        Some((format!("{}:{}", value("ip")?, value("port")?), written.saturating_sub(offset)))
    });
    lags.max_by_key(|&(_, bytes)| bytes)
}

fn following(replica: &Member) -> Finding {
    let address = &replica.address;
    if replica.text("master_link_status") != "up" {
        return Finding::red(address, "has lost the connection to its master")
            .cure("read its log: is the master running, and is masterauth right?");
    }
    Finding::green(
        address,
        format!("follows {}:{}", replica.text("master_host"), replica.text("master_port")),
    )
}

/// Whether a node sees the whole Cluster.
fn cluster(member: &mut Member) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut ask = |what: &str, missed: &str| -> Result<Option<String>> {
        let (text, refused) = allowed(member.ask(&["CLUSTER", what]))?;
        findings.extend(refused.map(|why| {
            let text = format!("refuses CLUSTER {what} ({why}): {missed} was not checked");
            Finding::yellow(&member.address, text)
        }));
        Ok(text)
    };
    let state = ask("INFO", "whether it sees the whole Cluster")?;
    let nodes = ask("NODES", "whether nodes have failed")?;
    if let Some(text) = state {
        let value = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or("")
        };
        if value("cluster_state") != "ok" || value("cluster_slots_ok") != "16384" {
            let line = member.cluster_command(&["--cluster", "fix", &member.address.to_string()]);
            let text = format!(
                "cluster_state:{}, {} of 16384 slots are served",
                value("cluster_state"),
                value("cluster_slots_ok")
            );
            let finding = Finding::red(&member.address, text).cure("restart the missing nodes first");
            findings.push(finding.run(line));
        }
    }
    for line in nodes.unwrap_or_default().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let [id, node, flags, ..] = words[..]
            && flags.split(',').any(|flag| flag == "fail")
        {
            let node = node.split(['@', ',']).next().unwrap_or_default();
            findings.push(
                Finding::yellow(&member.address, format!("sees a failed node: {node}"))
                    .cure("or restart it; it is forgotten once every node has run this within a minute")
                    .run(member.command(&["CLUSTER", "FORGET", id])),
            );
        }
    }
    Ok(findings)
}
