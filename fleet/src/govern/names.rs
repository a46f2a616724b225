//! The shared lists: `il`, the instances, and `sl:{k}`, the sources of a shard. Every terminal's user may add names to
//! them, so a name is a hint: whoever reads one believes it only where the instance's own key is there. Names that are
//! none are passed over at once, and a look ends whatever the list holds.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use mt5_redis::model::InstanceId;
use redis::Value;

use super::nodes::Nodes;

/// How many names one command reads, about: it must not hold up the signals behind it.
const PAGE: u32 = 250;
/// How many names that can be one's a look takes in.
const LOOK: usize = 200_000;
/// How many others it remembers, to remove them.
const STRANGE: usize = 1000;

/// A list as it was found.
#[derive(Default)]
pub struct Names {
    /// Instances by name, with their scores.
    pub instances: HashMap<String, f64>,
    /// Some of the names that no instance can have.
    pub strange: Vec<Vec<u8>>,
    /// How many of those there are.
    pub strangers: usize,
}

/// Reads a list.
pub fn read(nodes: &mut Nodes, list: &str) -> Result<Names> {
    let mut names = Names::default();
    let mut cursor = "0".to_owned();
    loop {
        let (next, page): (String, Vec<(Vec<u8>, f64)>) =
            nodes.ask_owner(redis::cmd("ZSCAN").arg(list).arg(&cursor).arg("COUNT").arg(PAGE))?;
        for (name, score) in page {
            match std::str::from_utf8(&name).ok().filter(|name| InstanceId::new(name).is_ok()) {
                Some(name) => drop(names.instances.insert(name.to_owned(), score)),
                None => {
                    names.strangers += 1;
                    names.strange.extend((names.strange.len() < STRANGE).then_some(name));
                }
            }
        }
        cursor = next;
        if cursor == "0" || names.instances.len() >= LOOK {
            return Ok(names);
        }
    }
}

/// Which of these keys there are.
pub fn existing<'a>(nodes: &mut Nodes, keys: &'a [String]) -> Result<HashSet<&'a str>> {
    let ask = |key: &'a String| (key.as_str(), redis::cmd("EXISTS").arg(key).clone());
    let answers = nodes.ask_all(&keys.iter().map(ask).collect::<Vec<_>>())?;
    let there = |answer: &Result<Value, _>| matches!(answer, Ok(Value::Int(1..)));
    Ok(keys.iter().zip(&answers).filter(|(_, answer)| there(answer)).map(|(key, _)| key.as_str()).collect())
}

/// Removes names from a list. Returns how many went.
pub fn remove(nodes: &mut Nodes, list: &str, names: &[Vec<u8>]) -> Result<u64> {
    let mut removed = 0;
    for some in names.chunks(PAGE as usize) {
        removed += nodes.ask_owner::<u64>(redis::cmd("ZREM").arg(list).arg(some))?;
    }
    Ok(removed)
}
