//! The terminals' clocks, as their heartbeats report them.

use anyhow::Result;

use super::{Finding, Patient};

/// The most instances that are named.
const NAMED: usize = 5;
const CURE: &str = "on its machine, as administrator: net start w32time, then w32tm /resync; on Linux: timedatectl \
                    set-ntp true. If all are off by the same time, the server's clock is wrong";

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut alive = match &patient.alive {
        Ok(alive) => alive.clone(),
        Err(why) => return Ok(vec![Finding::yellow("", format!("the clocks were not checked: {why}"))]),
    };
    let count = alive.len();
    alive.sort_by_key(|(name, heartbeat)| (-heartbeat.clock_ms.abs(), name.clone()));
    let wrong: Vec<String> = alive
        .iter()
        .filter_map(|(name, heartbeat)| Some(format!("{name} is {}", heartbeat.clock_error()?)))
        .collect();
    if wrong.is_empty() {
        return Ok(vec![Finding::green("", format!("the clocks of all {count} instances are right"))]);
    }
    let named = wrong.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if wrong.len() > NAMED { format!(" and {} more", wrong.len() - NAMED) } else { String::new() };
    let text = format!("the clocks of {} of {count} instances are wrong: {named}{more}", wrong.len());
    Ok(vec![Finding::red("", text).cure(CURE)])
}
