//! Forms a Cluster of six empty nodes. For a Cluster that exists already it only waits.

use anyhow::{Context, Result};
use redis::{Connection, InfoDict};

use super::{server, wait};

const MASTERS: usize = 3;
/// The slots of a Cluster.
const SLOTS: usize = 16_384;

/// Forms a Cluster, with the second half as replicas of the first, and waits until it is healthy.
pub(super) fn form(ports: &[u16]) -> Result<()> {
    let mut nodes = ports.iter().map(|&port| server::connect(port)).collect::<Result<Vec<_>>>()?;
    if info(&mut nodes[0], "cluster_slots_assigned")? == "0" {
        introduce(&mut nodes, ports)?;
        let ids = nodes[..MASTERS].iter_mut().map(id).collect::<Result<Vec<_>>>()?;
        for (replica, master) in nodes[MASTERS..].iter_mut().zip(ids) {
            redis::cmd("CLUSTER").arg("REPLICATE").arg(master).exec(replica)?;
        }
    }
    wait(|| {
        for (node, port) in nodes.iter_mut().zip(ports) {
            let info: InfoDict = redis::cmd("INFO").arg("replication").query(node)?;
            let online = match info.get::<String>("role").as_deref() {
                Some("master") => info.get::<u32>("connected_slaves").unwrap_or(0) > 0,
                _ => info.get::<String>("master_link_status").is_some_and(|status| status == "up"),
            };
            let state = self::info(node, "cluster_state")?;
            // It takes some seconds until every node knows the replicas.
            let nodes: String = redis::cmd("CLUSTER").arg("NODES").query(node)?;
            let replicas = nodes.matches("slave ").count();
            if !online || state != "ok" || replicas != ports.len() - MASTERS {
                return Ok(Some(format!(
                    "the node on port {port} reports cluster_state:{state}, replication online: {online}, {replicas} replicas"
                )));
            }
        }
        Ok(None)
    })
}

/// Assigns slots to the masters and introduces all nodes to each other.
fn introduce(nodes: &mut [Connection], ports: &[u16]) -> Result<()> {
    for (at, node) in nodes.iter_mut().enumerate() {
        redis::cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(at + 1).exec(node)?;
        if at < MASTERS {
            let slots: Vec<usize> = (SLOTS * at / MASTERS..SLOTS * (at + 1) / MASTERS).collect();
            redis::cmd("CLUSTER").arg("ADDSLOTS").arg(slots).exec(node)?;
        }
    }
    for node in nodes.iter_mut() {
        for port in ports {
            redis::cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(port).exec(node)?;
        }
    }
    wait(|| {
        for node in nodes.iter_mut() {
            let known = info(node, "cluster_known_nodes")?;
            if known != ports.len().to_string() || info(node, "cluster_slots_assigned")? != SLOTS.to_string()
            {
                return Ok(Some(format!("a node knows {known} of {} nodes", ports.len())));
            }
        }
        Ok(None)
    })
}

fn id(node: &mut Connection) -> Result<String> {
    Ok(redis::cmd("CLUSTER").arg("MYID").query(node)?)
}

/// One line of CLUSTER INFO.
fn info(node: &mut Connection, name: &str) -> Result<String> {
    let info: String = redis::cmd("CLUSTER").arg("INFO").query(node)?;
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(str::to_owned).with_context(|| format!("CLUSTER INFO has no {name}"))
}
