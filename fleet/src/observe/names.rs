//! The shared lists: `il` with the instances, and `sl:{k}` with the sources of a shard. Every terminal's user may add
//! names, so a name is only a hint: a reader believes it if the instance's own key exists. Invalid names are skipped,
//! and reading is bounded however long the list is.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use mt5_redis::model::InstanceId;
use redis::Value;

use super::nodes::{Nodes, PIPELINE};

/// About how many names one command reads: it must not delay the signals behind it.
const PAGE: u32 = 250;
/// The most valid names that are read.
const MOST: usize = 200_000;
/// The most invalid names that are remembered, for removal.
const INVALID: usize = 1000;

/// The longest invalid name that is remembered, bytes.
const LONGEST: usize = 16 << 10;

/// The names in a list.
#[derive(Default)]
pub struct Names {
    /// Valid names with their scores.
    pub instances: HashMap<String, f64>,
    /// Some of the names that no instance can have.
    pub invalid: Vec<Vec<u8>>,
    /// How many of those there are.
    pub invalid_count: usize,
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
                    names.invalid_count += 1;
                    let keep = names.invalid.len() < INVALID && name.len() <= LONGEST;
                    names.invalid.extend(keep.then_some(name));
                }
            }
        }
        cursor = next;
        if cursor == "0" || names.instances.len() >= MOST {
            return Ok(names);
        }
    }
}

/// Which of these keys exist.
pub fn existing<'a>(nodes: &mut Nodes, keys: &'a [String]) -> Result<HashSet<&'a str>> {
    let ask = |key: &'a String| (key.as_str(), redis::cmd("EXISTS").arg(key).clone());
    let mut existing = HashSet::new();
    for keys in keys.chunks(PIPELINE) {
        let answers = nodes.ask_all(&keys.iter().map(ask).collect::<Vec<_>>())?;
        for (key, answer) in keys.iter().zip(answers) {
            if matches!(answer?, Value::Int(1..)) {
                existing.insert(key.as_str());
            }
        }
    }
    Ok(existing)
}

/// Removes names from a list; returns how many were removed.
pub fn remove(nodes: &mut Nodes, list: &str, names: &[Vec<u8>]) -> Result<u64> {
    let mut removed = 0;
    for some in names.chunks(PAGE as usize) {
        removed += nodes.ask_owner::<u64>(redis::cmd("ZREM").arg(list).arg(some))?;
    }
    Ok(removed)
}
