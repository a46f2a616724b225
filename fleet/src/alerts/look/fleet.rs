//! The heartbeats of all instances, and who has none any more.

use anyhow::Result;
use mt5_redis::config::Config;
use mt5_redis::model::key;

use super::Look;
use crate::alerts::condition::Fact;
use crate::alerts::rules::{self, Limits, MISSED_MS};
use crate::observe::instances;
use crate::observe::names;
use crate::observe::nodes::Nodes;

pub fn place(config: &Config, limits: &Limits) -> Look {
    let [mut nodes, ..] = Nodes::lanes(config);
    let (ttl_ms, limits) = (config.ris_ttl.as_millis() as u64, limits.clone());
    Box::new(move || look(&mut nodes, ttl_ms, &limits).map_err(|error| nodes.describe(&error)))
}

fn look(nodes: &mut Nodes, ttl_ms: u64, limits: &Limits) -> Result<Vec<Fact>> {
    nodes.refresh()?;
    let seen = instances::read(nodes)?;
    let now_ms = nodes.now_ms()?;
    // Anybody may add names to the list. Only the instance itself writes its history of equity, so it was there once.
    let mut missed = seen.dead;
    missed.retain(|(_, last_ms)| now_ms.saturating_sub(*last_ms) <= MISSED_MS);
    let histories: Vec<String> = missed.iter().map(|(name, _)| key::equity(name).to_string()).collect();
    let real = names::existing(nodes, &histories)?;
    let mut is_real = histories.iter().map(|key| real.contains(key.as_str()));
    missed.retain(|_| is_real.next() == Some(true));
    Ok(rules::instances(&seen.alive, &missed, now_ms, ttl_ms, limits))
}
