//! The history of an instance's equity: samples of minutes, for two days, and of hours, for a year.

use anyhow::Result;
use mt5_redis::model::equity::EquityHistory;
use mt5_redis::model::key;
use redis::Value;

use super::notes::Notes;
use super::rows;
use super::source::{Source, told};
use super::tables::Row;
use crate::observe::nodes::answer_about_key;

/// The samples from this time on, ms since 1970 UTC, and the time of the newest.
pub fn read(
    source: &mut Source,
    instance: &str,
    from_ms: i64,
    notes: &mut Notes,
) -> Result<(Vec<Row>, Option<i64>)> {
    let nodes = &mut source.ris;
    let key = key::equity(instance);
    let ask = [(key.as_str(), redis::cmd("GET").arg(key.as_str()).clone())];
    let now_ms = nodes.now_ms().map_err(|error| told(nodes, &error))?;
    let answer = nodes.ask_all(&ask).map_err(|error| told(nodes, &error))?.remove(0);
    let answer = match answer {
        Err(error) if error.is_io_error() => Some(Value::Nil),
        answer => answer_about_key(answer).map_err(|error| told(nodes, &error))?,
    };
    let Some(Value::BulkString(bytes)) = answer else {
        notes.unreadable("equity", instance, "it is no text, or too large".to_owned());
        return Ok((Vec::new(), None));
    };
    let history = match EquityHistory::read(&bytes, i64::try_from(now_ms).unwrap_or(i64::MAX)) {
        Ok(history) => history,
        Err(why) => {
            notes.unreadable("equity", instance, why);
            return Ok((Vec::new(), None));
        }
    };
    let EquityHistory { minutes, hours } = history;
    let newest = minutes.iter().chain(&hours).map(|sample| sample.time_ms).max();
    let hours = hours.into_iter().map(|sample| ("hour", sample));
    let all = hours.chain(minutes.into_iter().map(|sample| ("minute", sample)));
    let wanted = all.filter(|(_, sample)| sample.time_ms >= from_ms);
    Ok((wanted.map(|(period, sample)| rows::sample(instance, period, sample)).collect(), newest))
}
