//! Which node of a Cluster owns a slot: any node that answers and sees a working Cluster tells.
//!
//! The nodes are those in the configuration and in the last slot map, and no others: a node that has left gets
//! neither a question nor a password. An invalid slot map is ignored.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use redis::{FromRedisValue, Value};

use super::connection::Connection;
use super::failure::{Class, Failure};
use crate::config::{Address, Endpoint};
use crate::model::key::SLOTS;

/// The most nodes of a slot map: more than Redis recommends.
const NODES: usize = 1024;
/// The most nodes that are asked before the lane reports that none answers: of the last slot map, and of the
/// configured.
const ASKED: usize = 4;

/// The slots of a Cluster.
pub(super) struct Slots {
    seeds: Vec<Address>,
    ranges: Vec<Range>,
}

/// A range of slots and its nodes, the master first.
pub(super) struct Range {
    slots: RangeInclusive<u16>,
    nodes: Vec<Address>,
}

impl Slots {
    pub(super) fn new(seeds: &[Address]) -> Self {
        Self { seeds: seeds.to_vec(), ranges: Vec::new() }
    }

    /// The master of a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<&Address> {
        self.ranges.iter().find(|range| range.slots.contains(&slot)).map(|range| &range.nodes[0])
    }

    /// The masters of all slots.
    pub(super) fn masters(&self) -> Vec<Address> {
        let mut masters: Vec<Address> = Vec::new();
        for range in &self.ranges {
            if !masters.contains(&range.nodes[0]) {
                masters.push(range.nodes[0].clone());
            }
        }
        masters
    }

    pub(super) fn is_master(&self, address: &Address) -> bool {
        self.ranges.iter().any(|range| range.nodes[0] == *address)
    }

    /// Whether this is a known node of the Cluster.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.seeds.contains(address) || self.ranges.iter().any(|range| range.nodes.contains(address))
    }

    /// Asks a node over an open connection.
    pub(super) fn ask(&mut self, node: &Address, connection: &mut Connection) -> Result<(), Failure> {
        // A node without a majority has an old map. A user who may not ask relies on MOVED.
        if let Ok(Value::BulkString(state)) = connection.ask(&["CLUSTER", "INFO"])
            && state.windows(b"cluster_state:fail".len()).any(|window| window == b"cluster_state:fail")
        {
            return Err(Failure::new(Class::Refresh, format!("CLUSTERDOWN says {node}")));
        }
        self.ranges = read(connection.ask(&["CLUSTER", "SLOTS"])?, node)
            .ok_or_else(|| Failure::lost(format!("{node} answers CLUSTER SLOTS with something else")))?;
        Ok(())
    }

    /// Asks some nodes in turn, each with a deadline, until one answers. The next call asks others.
    pub(super) fn ask_any(&mut self, endpoint: &Endpoint, name: &str) -> Result<(), Failure> {
        let listed: HashSet<&Address> = self.ranges.iter().flat_map(|range| &range.nodes).collect();
        // Shuffled, so that terminals do not all ask the same node.
        let mut nodes = some(listed.into_iter().collect());
        nodes.extend(some(self.seeds.iter().collect()));
        let mut last = None;
        for node in nodes {
            let asked = Connection::open(&node, endpoint, name)
                .map_err(Failure::while_connecting)
                .and_then(|mut connection| self.ask(&node, &mut connection));
            match asked {
                Ok(()) => return Ok(()),
                Err(failure) => last = Some(Failure { text: format!("{node}: {}", failure.text), ..failure }),
            }
        }
        Err(last.expect("a Cluster has at least one seed"))
    }
}

/// A random choice of them.
fn some(mut nodes: Vec<&Address>) -> Vec<Address> {
    fastrand::shuffle(&mut nodes);
    nodes.into_iter().take(ASKED).cloned().collect()
}

/// The ranges in `node`'s reply; none if it is invalid.
pub(super) fn read(reply: Value, node: &Address) -> Option<Vec<Range>> {
    let Value::Array(entries) = reply else { return None };
    let range = |entry| {
        let Value::Array(entry) = entry else { return None };
        let mut entry = entry.into_iter();
        let (first, last) = (number(entry.next()?)?, number(entry.next()?)?);
        let nodes = entry.map(|value| address(value, node)).collect::<Option<Vec<_>>>()?;
        (!nodes.is_empty() && first <= last && last < SLOTS).then_some(Range { slots: first..=last, nodes })
    };
    if entries.len() > usize::from(SLOTS) {
        return None;
    }
    let ranges = entries.into_iter().map(range).collect::<Option<Vec<_>>>()?;
    let nodes: HashSet<&Address> = ranges.iter().flat_map(|range| &range.nodes).collect();
    (nodes.len() <= NODES).then_some(ranges)
}

/// A slot or a port.
fn number(value: Value) -> Option<u16> {
    let Value::Int(number) = value else { return None };
    number.try_into().ok()
}

/// A node's address. Without a host, it is the host that was asked.
fn address(value: Value, asked: &Address) -> Option<Address> {
    let Value::Array(parts) = value else { return None };
    let mut parts = parts.into_iter();
    let host = Option::<String>::from_redis_value(parts.next()?).ok()?;
    let port = number(parts.next()?)?;
    let host = host.filter(|host| !["", "?"].contains(&host.as_str())).unwrap_or_else(|| asked.host.clone());
    Address::new(host, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn node(host: Value, port: i64) -> Value {
        Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(vec![])])
    }

    #[test]
    fn slots_have_owners() {
        let reply = Value::Array(vec![
            Value::Array(vec![Value::Int(0), Value::Int(99), node(text("a"), 1), node(text("b"), 2)]),
            Value::Array(vec![Value::Int(200), Value::Int(16383), node(Value::Nil, 3)]),
        ]);
        let asked = Address { host: "asked".into(), port: 9 };
        let slots = Slots { ranges: read(reply, &asked).unwrap(), seeds: vec![asked.clone()] };
        let owner = |slot| slots.owner(slot).map(Address::to_string);
        assert_eq!(owner(0).as_deref(), Some("a:1"));
        assert_eq!(owner(99).as_deref(), Some("a:1"));
        assert_eq!(owner(100), None);
        assert_eq!(owner(16383).as_deref(), Some("asked:3"));
        let listed = &slots.ranges[0].nodes;
        assert!(slots.is_master(&listed[0]) && !slots.is_master(&listed[1]));
        assert!(slots.has(&listed[1]) && slots.has(&asked));
        assert!(!slots.has(&Address { host: "a".into(), port: 2 }));
    }

    #[test]
    fn strange_answers_are_no_slots() {
        let asked = Address { host: "asked".into(), port: 9 };
        for reply in [
            Value::Nil,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(1)])]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(99_999), node(text("a"), 1)])]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(1), Value::Nil])]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(16_384), node(text("a"), 1)])]),
            Value::Array(vec![Value::Array(vec![Value::Int(2), Value::Int(1), node(text("a"), 1)])]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(1), node(text("a"), 0)])]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(1), node(text("a\n"), 1)])]),
            Value::Array(vec![
                Value::Array(vec![Value::Int(0), Value::Int(1), node(text("a"), 1)]);
                usize::from(SLOTS) + 1
            ]),
            Value::Array(
                (1..=NODES as i64 + 1)
                    .map(|port| Value::Array(vec![Value::Int(0), Value::Int(1), node(text("a"), port)]))
                    .collect(),
            ),
        ] {
            assert!(read(reply, &asked).is_none());
        }
    }
}
