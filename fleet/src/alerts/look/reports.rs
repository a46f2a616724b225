//! What followers report: signals without a report, and guards that refused an opening.

use std::time::Duration;

use anyhow::Result;
use mt5_redis::config::Config;

use super::Look;
use crate::alerts::condition::Fact;
use crate::alerts::rules::{self, Guards, Limits};
use crate::reports::gather_with;
use crate::reports::read::Reader;

/// How far back reports and signals count.
const SINCE: Duration = Duration::from_secs(3_600);

pub fn place(config: &Config, limits: &Limits) -> Look {
    let (config, limits) = (config.clone(), limits.clone());
    Box::new(move || {
        let mut reader = Reader::new(&config);
        look(&mut reader, &limits).map_err(|error| reader.told(&error).to_string())
    })
}

fn look(reader: &mut Reader, limits: &Limits) -> Result<Vec<Fact>> {
    let now_ms = reader.connect()?;
    let mut guards = Guards::default();
    let figures = gather_with(reader, now_ms, SINCE, limits.unreported, &mut |follower, id, entry| {
        if let Ok(report) = entry {
            guards.note(follower, (id.ms << 20).wrapping_add(id.number), report);
        }
    })?;
    let mut facts = guards.facts();
    facts.extend(rules::unreported(&figures, limits));
    Ok(facts)
}
