//! The instances: which of them send most, and which names the list may drop.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use mt5_redis::model::key;

use super::directives::for_one;
use crate::observe::instances::{self, Heartbeat, Instances};
use crate::observe::names;
use crate::observe::nodes::Nodes;

/// The noisiest instances are this part of all: a fifth.
const NOISIEST: usize = 5;
/// The most instances without a heartbeat that the list keeps.
const DEAD: usize = 10_000;
/// How far a clock may be ahead before its time counts as invented.
const FUTURE: Duration = Duration::from_secs(86_400);
/// Names that are removed together.
const CHUNK: usize = 500;

/// The instances as of the last look.
#[derive(Default)]
pub(super) struct Fleet {
    pub(super) seen: Instances,
    /// How many state records each live instance sends a second.
    noise: HashMap<String, f64>,
    looked: Option<Instant>,
}

impl Fleet {
    /// Reads the list and every heartbeat.
    pub(super) fn look(&mut self, nodes: &mut Nodes) -> Result<()> {
        let seen = instances::read(nodes)?;
        let now = Instant::now();
        self.noise.clear();
        if let Some(looked) = self.looked.replace(now) {
            let seconds = (now - looked).as_secs_f64().max(0.001);
            let before: HashMap<_, _> =
                self.seen.alive.drain(..).map(|(name, beat)| (name, beat.trades)).collect();
            self.noise =
                seen.alive.iter().filter_map(|(name, beat)| noise(name, beat, &before, seconds)).collect();
        }
        self.seen = seen;
        Ok(())
    }

    /// The fifth of the instances that sends most, and at least one.
    pub(super) fn noisiest(&self) -> Vec<String> {
        let mut noise: Vec<_> = self.noise.iter().collect();
        noise.sort_by(|one, other| other.1.total_cmp(one.1).then(one.0.cmp(other.0)));
        let count = self.seen.alive.len().div_ceil(NOISIEST);
        noise.into_iter().take(count).map(|(instance, _)| instance.clone()).collect()
    }

    /// The names that the list may drop: those that died more than `after` ago, those whose last heartbeat is far in
    /// the future, and of the rest all but the ten thousand that died last. Anybody may add names to the list.
    pub(super) fn forgettable(&self, now_ms: u64, after: Duration) -> Vec<&str> {
        let oldest = now_ms.saturating_sub(after.as_millis() as u64);
        let latest = now_ms + FUTURE.as_millis() as u64;
        let (kept, future): (Vec<_>, Vec<_>) = self.seen.dead.iter().partition(|(_, last)| *last <= latest);
        let old = kept.iter().enumerate().filter(|(at, (_, last))| *at >= DEAD || *last < oldest);
        future.iter().chain(old.map(|(_, dead)| dead)).map(|(instance, _)| instance.as_str()).collect()
    }
}

fn noise(name: &str, beat: &Heartbeat, before: &HashMap<String, u64>, seconds: f64) -> Option<(String, f64)> {
    let trades = beat.trades.saturating_sub(*before.get(name)?) as f64 / seconds;
    Some((name.to_owned(), trades + 1000.0 / beat.interval_ms as f64))
}

/// Removes instances from the list, with their directives, unless they have come back. Returns how many were removed.
pub(super) fn forget(nodes: &mut Nodes, instances: &[String]) -> Result<u64> {
    let mut removed = 0;
    for instances in instances.chunks(CHUNK) {
        let keys: Vec<String> = instances.iter().map(|name| key::instance(name).to_string()).collect();
        let alive = names::existing(nodes, &keys)?;
        let pairs = instances.iter().zip(&keys);
        let gone: Vec<&String> =
            pairs.filter(|(_, key)| !alive.contains(key.as_str())).map(|(instance, _)| instance).collect();
        let directives: Vec<String> = gone.iter().map(|instance| for_one(instance)).collect();
        let delete = |key: &String| redis::cmd("DEL").arg(key).clone();
        let commands: Vec<_> = directives.iter().map(|key| (key.as_str(), delete(key))).collect();
        nodes.ask_all(&commands)?.into_iter().try_for_each(|answer| answer.map(drop))?;
        let names: Vec<Vec<u8>> = gone.iter().map(|instance| instance.as_bytes().to_vec()).collect();
        removed += names::remove(nodes, key::INSTANCE_LIST, &names)?;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_dead_the_latest_stay_and_nobody_from_the_future() {
        let now = 100 * 86_400_000;
        let dead = |name: &str, last| (name.to_owned(), last);
        let mut fleet = Fleet::default();
        fleet.seen.dead = vec![dead("future", u64::MAX), dead("fast", now + 3_600_000)];
        fleet.seen.dead.extend((0..DEAD as u64).map(|at| dead(&format!("{at}.Demo"), now - at)));
        fleet.seen.dead.push(dead("old", 1000));
        let forgettable = fleet.forgettable(now, Duration::from_secs(86_400));
        assert_eq!(forgettable, ["future".to_owned(), format!("{}.Demo", DEAD - 1), "old".to_owned()]);
    }

    #[test]
    fn the_noisiest_come_first() {
        let mut fleet = Fleet::default();
        for (instance, noise) in [("a", 1.0), ("b", 9.0), ("c", 5.0), ("d", 2.0), ("e", 2.0), ("f", 2.0)] {
            fleet.seen.alive.push((instance.into(), Heartbeat::default()));
            fleet.noise.insert(instance.into(), noise);
        }
        assert_eq!(fleet.noisiest(), ["b", "c"]);
    }
}
