//! The nodes of a lane, masters and replicas, sampled again and again.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use mt5_redis::config::Address;

use super::nodes::Nodes;
use super::sample::{self, Replica, Sample, Seen};

/// A Redis node.
pub struct Node {
    pub lane: &'static str,
    pub address: String,
    /// How far behind it is; none for a master.
    pub replica: Option<Replica>,
    /// What it shows, or why it does not answer.
    pub seen: Result<Seen, String>,
}

/// Looks at the nodes of all lanes. A server of several lanes is there once, with the first of them.
pub fn look(lanes: &mut [Lane]) -> Vec<Node> {
    // Side by side: a lane whose nodes do not answer takes seconds.
    let found = thread::scope(|threads| {
        let lanes: Vec<_> = lanes.iter_mut().map(|lane| threads.spawn(|| lane.look())).collect();
        lanes.into_iter().map(|lane| lane.join().expect("a look does not panic")).collect::<Vec<_>>()
    });
    let mut nodes: Vec<Node> = Vec::new();
    for node in found.into_iter().flatten() {
        let same = |other: &Node| !node.address.is_empty() && other.address == node.address;
        if !nodes.iter().any(same) {
            nodes.push(node);
        }
    }
    nodes
}

/// A lane's nodes with their samples of the look before.
pub struct Lane {
    pub nodes: Nodes,
    samples: HashMap<Address, (Instant, Sample)>,
}

impl Lane {
    pub fn new(nodes: Nodes) -> Self {
        Self { nodes, samples: HashMap::new() }
    }

    /// The masters, each followed by its replicas.
    fn look(&mut self) -> Vec<Node> {
        let lane = self.nodes.lane;
        let masters = match self.nodes.refresh() {
            Ok(masters) => masters,
            Err(error) => {
                let seen = Err(self.nodes.describe(&error));
                return vec![Node { lane, address: String::new(), replica: None, seen }];
            }
        };
        let mut found = Vec::new();
        for address in masters {
            let seen = self.sample(&address);
            let replicas = seen.as_ref().map_or(Vec::new(), |seen| seen.now.replicas.clone());
            found.push(Node { lane, address: address.to_string(), replica: None, seen });
            found.extend(replicas.into_iter().map(|replica| Node {
                lane,
                address: replica.address.to_string(),
                seen: self.sample(&replica.address),
                replica: Some(replica),
            }));
        }
        found
    }

    fn sample(&mut self, address: &Address) -> Result<Seen, String> {
        let now = Instant::now();
        let sample = sample::take(&mut self.nodes, address).map_err(|error| self.nodes.describe(&error))?;
        let before = self.samples.insert(address.clone(), (now, sample.clone()));
        let time = before.as_ref().map_or(Duration::ZERO, |(then, _)| now - *then);
        Ok(Seen::since(before.as_ref().map(|(_, sample)| sample), sample, time))
    }
}
