//! The rows of instances, and by what they are sorted.

use clap::ValueEnum;

use crate::observe::instances::{Heartbeat, Instances};

/// The most instances without a heartbeat that are shown.
const DEAD: usize = 200;

/// A row: an instance, alive or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Instance {
    pub(super) name: String,
    /// Time since its last heartbeat, ms.
    pub(super) age_ms: u64,
    /// None when it has expired.
    pub(super) heartbeat: Option<Heartbeat>,
}

/// The rows for what was read at `now_ms`, and how many more dead names there are: anybody may have added them.
pub(super) fn rows(read: Instances, now_ms: u64) -> (Vec<Instance>, usize) {
    let row = |name, time_ms, heartbeat| Instance { name, age_ms: now_ms.saturating_sub(time_ms), heartbeat };
    let alive = read.alive.into_iter().map(|(name, beat)| row(name, beat.time_ms, Some(beat)));
    let mut rows: Vec<Instance> = alive.collect();
    let hidden = read.dead.len().saturating_sub(DEAD) + read.invalid_count;
    rows.extend(read.dead.into_iter().take(DEAD).map(|(name, time_ms)| row(name, time_ms, None)));
    (rows, hidden)
}

/// The order of the instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By name
    #[default]
    Instance,
    /// Longest without a heartbeat first
    Age,
    /// Highest equity first
    Equity,
    /// Most positions first
    Positions,
    /// Most records waiting to be sent first
    Waiting,
    /// Slowest commits first
    Commit,
    /// Highest throttle level first
    Level,
}

impl Sort {
    /// The order after this one.
    pub(super) fn next(self) -> Self {
        let all = Self::value_variants();
        all[(self as usize + 1) % all.len()]
    }

    /// Sorts rows; equal ones by name.
    pub(super) fn sort(self, rows: &mut [Instance]) {
        let value = |row: &Instance| {
            let heartbeat = row.heartbeat.clone().unwrap_or_default();
            match self {
                Self::Instance => 0.0,
                Self::Age => row.age_ms as f64,
                Self::Equity => heartbeat.equity,
                Self::Positions => heartbeat.positions as f64,
                Self::Waiting => heartbeat.waiting.iter().sum::<u64>() as f64,
                Self::Commit => heartbeat.slowest_us() as f64,
                Self::Level => heartbeat.level as f64,
            }
        };
        rows.sort_by(|one, other| value(other).total_cmp(&value(one)).then(one.name.cmp(&other.name)));
    }
}
