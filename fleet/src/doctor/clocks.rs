//! The terminals' clocks, as their heartbeats tell them: who is off by more than readers bear.

use anyhow::Result;

use super::{Finding, Patient};
use crate::govern::nodes::Nodes;
use crate::top::fleet::{self, Heartbeat};

/// So many instances are named.
const NAMED: usize = 5;
const CURE: &str = "on its machine, as administrator: net start w32time, then w32tm /resync; on Linux: timedatectl \
                    set-ntp true. Are all of them off alike, it is the server's clock";

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut nodes = Nodes::new("ris", &patient.config.ris.endpoint);
    let looked = nodes.refresh().and_then(|_| fleet::look(&mut nodes));
    Ok(match looked {
        Ok((instances, _)) => {
            let alive = instances.into_iter().filter_map(|seen| Some((seen.name, seen.heartbeat?)));
            vec![judge(alive.collect())]
        }
        Err(error) => {
            vec![Finding::yellow("", format!("the clocks cannot be looked at: {}", nodes.told(&error)))]
        }
    })
}

fn judge(mut alive: Vec<(String, Heartbeat)>) -> Finding {
    let count = alive.len();
    alive.sort_by_key(|(name, heartbeat)| (-heartbeat.clock_ms.abs(), name.clone()));
    let off: Vec<String> = alive
        .iter()
        .filter_map(|(name, heartbeat)| Some(format!("{name} {}", heartbeat.clock_is()?)))
        .collect();
    if off.is_empty() {
        return Finding::green("", format!("of {count} instances no clock is off"));
    }
    let named = off.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if off.len() > NAMED { format!(" and {} more", off.len() - NAMED) } else { String::new() };
    let text =
        format!("the clocks of {} of {count} instances are off, by the server's: {named}{more}", off.len());
    Finding::red("", text).cure(CURE)
}
