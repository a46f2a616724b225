//! The table `[alerts]` of the configuration file. Everything is checked at the start; an error names file, line, key and
//! reason, and never a secret. `docs/alerts.md` explains every key.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};
use jiff::tz::TimeZone;
use mt5_redis::config::{self, Section, Setting};

use super::condition::Condition;
use super::delivery::Sink;
use super::hours::{self, Quiet};
use super::rules::Limits;
use super::sinks;
use super::state::Timing;

/// The result of reading a key.
pub type Read<T> = mt5_redis::error::Result<T>;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// What `[alerts]` says.
pub struct Settings {
    pub limits: Limits,
    pub timing: Timing,
    pub sinks: Vec<Sink>,
}

/// Reads the table from the configuration that a command was given. None: it is a URL, or has no such table.
pub fn read(source: &str) -> Result<Option<Settings>> {
    let text = source.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).trim();
    if text.is_empty() || text.contains("://") {
        return Ok(None);
    }
    config::table(Path::new(text), "alerts", |table| table.is_there().then(|| settings(table)).transpose())
        .map_err(|error| anyhow!("{error}"))
}

fn settings(table: &Section) -> Read<Settings> {
    let mut limits = Limits::default();
    let mut lasting = BTreeMap::new();
    let mut all = Vec::new();
    for condition in Condition::all() {
        let own = table.table(condition.name())?;
        if let Some(time) = of_condition(&own, condition, &mut limits)? {
            lasting.insert(condition, time);
        }
        all.push(own);
    }
    let mut timing = Timing {
        lasting,
        group: Duration::from_secs(10),
        most_per_hour: 30,
        quiet: Quiet::default(),
        urgent: [].into(),
    };
    table.duration("group", Duration::ZERO..=3_600 * SECOND, &mut timing.group)?;
    table.number("most_per_hour", 1..=1_000, &mut timing.most_per_hour)?;
    let zone = table.get("zone").map(|zone| self::zone(&zone)).transpose()?;
    if let Some(quiet) = table.get("quiet") {
        let refused = || quiet.refused(format!("is not a time of the week: write {}", hours::FORM));
        timing.quiet = Quiet::read(quiet.plain()?, zone.unwrap_or(TimeZone::UTC)).ok_or_else(refused)?;
    }
    if let Some(urgent) = table.get("urgent") {
        let refused = || {
            let names: Vec<_> = Condition::all().map(Condition::name).collect();
            urgent.refused(format!("is not a list of conditions: write some of {}", names.join(", ")))
        };
        let names = urgent.list().ok_or_else(refused)?.into_iter();
        timing.urgent = names.map(|name| Condition::named(name).ok_or_else(refused)).collect::<Read<_>>()?;
    }
    let list = table.table("sinks")?;
    let mut sinks = Vec::new();
    for name in list.keys() {
        let own = list.table(name)?;
        sinks.push(sinks::read(name, &own)?);
        all.push(own);
    }
    all.push(list);
    let every: Vec<&Section> = std::iter::once(table).chain(&all).collect();
    Section::refuse_unknown(&every)?;
    if sinks.is_empty() {
        let advice = "says nobody to tell: add a table [alerts.sinks.NAME]";
        return Err(table.refused(advice));
    }
    Ok(Settings { limits, timing, sinks })
}

/// A condition's own table. None: it is not told.
fn of_condition<'a>(own: &Section<'a>, condition: Condition, limits: &mut Limits) -> Read<Option<Duration>> {
    let (mut told, mut time) = (true, condition.usual_time());
    own.choice("tell", [("on", true), ("off", false)], &mut told)?;
    own.duration("for", Duration::ZERO..=DAY, &mut time)?;
    match condition {
        Condition::Margin => own.number("below", 1..=1_000_000, &mut limits.margin)?,
        Condition::Drawdown => {
            own.number("above", 1..=100, &mut limits.drawdown)?;
            // The history has 48 hours of minutes.
            own.duration("within", 60 * SECOND..=2 * DAY, &mut limits.drawdown_within)?;
        }
        Condition::Lag => own.duration("above", SECOND..=DAY, &mut limits.lag)?,
        Condition::Unreported => own.duration("after", SECOND..=1_800 * SECOND, &mut limits.unreported)?,
        Condition::Journal => own.number("above", 1..=100, &mut limits.journal)?,
        _ => {}
    }
    Ok(told.then_some(time))
}

fn zone(setting: &Setting) -> Read<TimeZone> {
    let name = setting.plain()?;
    TimeZone::get(name).map_err(|_| {
        setting.refused(format!(
            "= {name:?} is no time zone: write a name such as \"Europe/Berlin\", or \"UTC\""
        ))
    })
}

#[cfg(test)]
#[path = "configuration_tests.rs"]
mod tests;
