//! How far followers are behind, what they missed, and the signals that no worker could process.

use std::collections::HashMap;

use anyhow::Result;
use mt5_redis::config::Config;
use mt5_redis::inbox::item::EntryId;
use mt5_redis::model::{InstanceId, key};
use redis::{FromRedisValue, Value};

use super::Look;
use crate::alerts::condition::Fact;
use crate::alerts::rules::{self, Limits, Missed};
use crate::observe::nodes::{Nodes, answer_about_key};
use crate::observe::streams;

pub fn place(config: &Config, limits: &Limits) -> Look {
    let [_, _, mut nodes] = Nodes::lanes(config);
    let (shards, limits) = (config.rtss_shards, limits.clone());
    Box::new(move || look(&mut nodes, shards, &limits).map_err(|error| nodes.describe(&error)))
}

fn look(nodes: &mut Nodes, shards: u16, limits: &Limits) -> Result<Vec<Fact>> {
    nodes.refresh()?;
    let streams = streams::look(nodes, shards, &[])?.streams;
    let last: HashMap<&str, _> = streams.iter().map(|stream| (stream.source.as_str(), stream.last)).collect();
    let (mut lags, mut missed) = (HashMap::new(), Vec::new());
    for key in streams::followers(nodes)? {
        let Some(follower) = key.strip_prefix("fp:{").and_then(|rest| rest.strip_suffix('}')) else {
            continue;
        };
        // No terminal writes any other.
        let instance = follower.split(':').next().unwrap_or_default();
        if InstanceId::new(instance).is_err() {
            continue;
        }
        for position in streams::positions(nodes, &key, &streams)? {
            let last = last.get(position.source.as_str()).copied().unwrap_or_default();
            let (follower, source) = (follower.to_owned(), position.source);
            lags.insert((follower.clone(), source.clone()), streams::lag(last, position.read));
            missed.push(Missed { follower, source, count: position.missing, last: position.last_missing });
        }
    }
    let mut facts = rules::lags(&lags, limits);
    facts.extend(rules::gaps(&missed));
    facts.extend(rules::letters(&letters(nodes, shards)?));
    Ok(facts)
}

/// The dead letters of each shard: how many, and the number of the last.
fn letters(nodes: &mut Nodes, shards: u16) -> Result<Vec<(u16, u64, u64)>> {
    let mut found = Vec::new();
    for shard in 0..shards {
        let key = key::dead_letters(shard);
        let count = redis::cmd("XLEN").arg(key.as_str()).clone();
        let last = redis::cmd("XREVRANGE").arg(key.as_str()).arg("+").arg("-").arg("COUNT").arg(1).clone();
        let answers = nodes.ask_all(&[(key.as_str(), count), (key.as_str(), last)])?;
        let mut answers = answers.into_iter().map(answer_about_key);
        let mut next = || answers.next().expect("an answer to each command");
        let count = next()?.and_then(|value| u64::from_redis_value(value).ok()).unwrap_or(0);
        let last = next()?.and_then(|value| Vec::<(String, Value)>::from_redis_value(value).ok());
        let last = last.and_then(|entries| EntryId::parse(&entries.first()?.0)).unwrap_or_default();
        found.push((shard, count, (last.ms << 20).wrapping_add(last.number)));
    }
    Ok(found)
}
