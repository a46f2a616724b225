//! Copying: what each follower did with the signals of each source, from the execution reports, and how far behind it reads.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::{Extension, Json};
use mt5_redis::model::report::OUTCOMES;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Caller;
use super::problem::Problem;
use super::serve::Room;
use crate::observe::nodes::Nodes;
use crate::observe::streams;
use crate::output;
use crate::reports::figures::{Figures, Row as Counted, quantile};
use crate::reports::gather;
use crate::reports::read::Reader;

/// How old a signal without a report must be to be counted as unreported, as in `mt5fleet reports`.
const UNREPORTED: Duration = Duration::from_secs(60);
/// How long an answer is given again, since it reads all reports.
const KEPT: Duration = Duration::from_secs(10);
/// The longest time that is looked back, s: reports are kept for a week.
const LONGEST_S: u64 = 7 * 86_400;
/// The shares of the quantiles.
const SHARES: [f64; 5] = [0.1, 0.5, 0.9, 0.99, 1.0];
/// Up to where the bars of a histogram reach: of delays, ms, and of slippages, points. A last bar has what is above.
const DELAYS: [f32; 11] =
    [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 30_000.0];
const SLIPPAGES: [f32; 11] = [-20.0, -10.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 10.0, 20.0];

/// What followers did with signals.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Copying {
    /// When it was looked at, by the server's clock, ms since 1970 UTC
    pub time_ms: u64,
    pub since_s: u64,
    pub copies: Vec<Copies>,
    /// Up to where the bars of `delay_counts` reach, ms; the last bar has what is above
    pub delay_bounds: Vec<f32>,
    /// Up to where the bars of `slippage_counts` reach, points; the last bar has what is above
    pub slippage_bounds: Vec<f32>,
    /// Why signals were not executed, most frequent first
    pub reasons: Vec<Reason>,
    /// What could not be read
    pub unreadable: Vec<String>,
}

/// What one follower did with the signals of one source in one symbol.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Copies {
    pub follower: String,
    pub source: String,
    /// The follower's symbol; of unreported signals the source's
    pub symbol: String,
    /// How far behind it reads the source, ms; null: it has not read it, or reads it no more
    pub lag_ms: Option<u64>,
    /// Reports with a traded volume
    pub fills: usize,
    /// How many signals are past a minute without a report
    pub unreported: u64,
    /// How many reports have each outcome
    pub outcomes: BTreeMap<&'static str, u64>,
    /// From the signal to the fill, ms: what 10, 50, 90, 99 and 100 of 100 fills do not exceed; empty without fills
    pub delay_ms: Vec<f32>,
    /// How much worse the price was than the wanted one, points: likewise
    pub slippage: Vec<f32>,
    /// How many fills had such delays
    pub delay_counts: Vec<u64>,
    /// How many fills had such slippages
    pub slippage_counts: Vec<u64>,
}

/// Why signals were not executed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reason {
    pub follower: String,
    /// With N in place of each number
    pub reason: String,
    pub count: u64,
}

/// How far back.
#[derive(Deserialize, IntoParams)]
pub struct Since {
    /// Seconds, by the time when a report reached Redis; 86400 unless it is given, at most 604800
    since_s: Option<u64>,
}

/// The last answer for each time.
pub type Answers = Mutex<HashMap<u64, (Instant, Copying)>>;

/// What followers did with signals
#[utoipa::path(get, path = "/copying", tag = "copying", params(Since), responses(
    (status = 200, description = "the figures, at most 10 seconds old", body = Copying),
    (status = 422, description = "the time is out of range", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn copying(
    State(room): State<Arc<Room>>,
    Extension(_caller): Extension<Caller>,
    Query(since): Query<Since>,
) -> Result<Json<Copying>, Problem> {
    let since_s = since.since_s.unwrap_or(86_400);
    // A few times only, so that nobody can make it read and keep without end.
    if ![3_600, 21_600, 86_400, LONGEST_S].contains(&since_s) {
        return Err(Problem::bad("since_s is 3600, 21600, 86400 or 604800"));
    }
    room.work(move |room| {
        // Who comes meanwhile waits for the same answer.
        let mut answers = room.copying.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((at, answer)) = answers.get(&since_s)
            && at.elapsed() < KEPT
        {
            return Ok(answer.clone());
        }
        let answer = read(room, since_s)?;
        answers.insert(since_s, (Instant::now(), answer.clone()));
        Ok(answer)
    })
    .await
    .map(Json)
}

fn read(room: &Room, since_s: u64) -> Result<Copying, Problem> {
    let mut reader = Reader::new(&room.config);
    let told = |reader: &Reader, error: &anyhow::Error| Problem::upstream(&reader.told(error).to_string());
    let time_ms = reader.connect().map_err(|error| told(&reader, &error))?;
    let figures = gather(&mut reader, time_ms, Duration::from_secs(since_s), UNREPORTED)
        .map_err(|error| told(&reader, &error))?;
    let [_, _, mut nodes] = Nodes::lanes(&room.config);
    let lags = lags(&mut nodes, room.config.rtss_shards)
        .map_err(|error| Problem::upstream(&nodes.describe(&error)))?;
    Ok(shown(figures, &lags, time_ms, since_s))
}

/// How far behind each follower reads each source, ms.
type Lags = HashMap<(String, String), u64>;

fn lags(nodes: &mut Nodes, shards: u16) -> anyhow::Result<Lags> {
    nodes.refresh()?;
    let followers = streams::followers(nodes)?;
    let look = streams::look(nodes, shards, &[])?;
    let mut lags = Lags::new();
    for key in &followers {
        let Some(follower) = key.strip_prefix("fp:{").and_then(|rest| rest.strip_suffix('}')) else {
            continue;
        };
        for position in streams::positions(nodes, key, &look.streams)? {
            let of_this = |stream: &&streams::Stream| stream.source == position.source;
            let last = look.streams.iter().find(of_this).map_or((0, 0), |stream| stream.last);
            lags.insert((follower.to_owned(), position.source), streams::lag(last, position.read));
        }
    }
    Ok(lags)
}

fn shown(figures: Figures, lags: &Lags, time_ms: u64, since_s: u64) -> Copying {
    let unreadable = figures.unreadable.iter().map(|(name, (count, why))| {
        output::sanitized(&format!("{name}: {count} unreadable, the first: {why}"))
    });
    let mut reasons: Vec<Reason> = figures
        .reasons
        .iter()
        .map(|((follower, reason), &count)| Reason {
            follower: follower.clone(),
            reason: output::sanitized(reason),
            count,
        })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    let copies = figures.rows.iter().map(|((follower, source, symbol), row)| {
        let lag_ms = lags.get(&(follower.clone(), source.clone())).copied();
        let Counted { delays, slippages, outcomes, unreported } = row;
        let quantiles = |values: &[f32]| {
            SHARES
                .iter()
                .filter_map(|&share| quantile(values, share))
                .filter(|value| value.is_finite())
                .collect()
        };
        Copies {
            follower: follower.clone(),
            source: output::sanitized(source),
            symbol: output::sanitized(symbol),
            lag_ms,
            fills: delays.len(),
            unreported: *unreported,
            outcomes: OUTCOMES.iter().map(|(_, name, _)| *name).zip(outcomes.iter().copied()).collect(),
            delay_ms: quantiles(delays),
            slippage: quantiles(slippages),
            delay_counts: counts(delays, &DELAYS),
            slippage_counts: counts(slippages, &SLIPPAGES),
        }
    });
    Copying {
        time_ms,
        since_s,
        copies: copies.collect(),
        delay_bounds: DELAYS.to_vec(),
        slippage_bounds: SLIPPAGES.to_vec(),
        reasons,
        unreadable: unreadable.collect(),
    }
}

/// How many values each bar has.
fn counts(values: &[f32], bounds: &[f32]) -> Vec<u64> {
    let mut counts = vec![0; bounds.len() + 1];
    for value in values {
        counts[bounds.partition_point(|bound| bound < value)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bar_that_reaches_it() {
        assert_eq!(counts(&[-5.0, 0.0, 0.1, 1.0, 1.1, 9.0], &[0.0, 1.0]), [2, 2, 2]);
    }
}
