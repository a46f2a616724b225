//! Looks at everything that may be wrong, each place in a thread of its own, so that a server that hangs delays nothing
//! else. They look only while this program holds the lease.
//!
//! - [`fleet`]: heartbeats; [`drawdown`]: the histories of equity
//! - [`copying`]: followers' positions and dead letters; [`reports`]: followers' reports; [`doctor`]: the doctor's findings

mod copying;
mod drawdown;
mod fleet;
mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use mt5_redis::config::Config;

use super::condition::{Condition, Fact};
use super::rules::{self, Limits};
use crate::{doctor, stop};

/// What was found at a place.
pub struct Found {
    /// The holder's term in which it was looked at.
    pub term: u64,
    pub place: &'static str,
    pub conditions: Arc<BTreeSet<Condition>>,
    /// All facts of these conditions, or why nobody knows.
    pub facts: Result<Vec<Fact>, String>,
}

/// Looks at a place: all facts that are there, or why nobody knows.
type Look = Box<dyn FnMut() -> Result<Vec<Fact>, String> + Send>;

/// The longest share of the time that a place is looked at: a tenth.
const REST: u32 = 10;
/// At least so often a place is looked at, unless it takes long.
const RARELY: Duration = Duration::from_secs(60);
/// How soon the end and a new term are noticed.
const SLICE: Duration = Duration::from_millis(50);

/// The threads that look.
pub struct Looking {
    /// The term of this holder; 0: it does not hold the lease.
    pub term: Arc<AtomicU64>,
}

impl Looking {
    /// Starts a thread for each place with a condition that is told. It looks twice within the shortest time that one of them
    /// must last.
    pub fn start<E: Send + 'static>(
        source: &str,
        config: &Config,
        limits: &Limits,
        lasting: &BTreeMap<Condition, Duration>,
        events: &Sender<E>,
        event: fn(Found) -> E,
    ) -> Self {
        use Condition::*;
        let term = Arc::new(AtomicU64::new(0));
        let options =
            doctor::Options { config: source.to_owned(), root: "/".into(), ..doctor::Options::default() };
        let examine = move || {
            let found = doctor::examine(&options).map_err(|error| format!("{error:#}"))?;
            Ok(rules::findings(&found))
        };
        let places: [(&str, &[Condition], u64, Look); 5] = [
            (
                "heartbeats",
                &[Silent, Disconnected, Forbidden, Clock, Margin, Halted, Journal],
                2,
                fleet::place(config, limits),
            ),
            ("equity", &[Drawdown], 5, drawdown::place(config, limits)),
            ("followers", &[Lag, Gap, DeadLetter], 3, copying::place(config, limits)),
            ("reports", &[Guard, Unreported], 5, reports::place(config, limits)),
            ("the doctor", &[Finding], 5, Box::new(examine)),
        ];
        for (place, conditions, seconds, mut look) in places {
            let conditions: BTreeSet<_> =
                conditions.iter().copied().filter(|condition| lasting.contains_key(condition)).collect();
            if conditions.is_empty() {
                continue;
            }
            let shortest = conditions.iter().filter_map(|condition| lasting.get(condition)).min();
            let every =
                shortest.map_or(RARELY, |time| (*time / 2).clamp(Duration::from_secs(seconds), RARELY));
            let (term, events) = (term.clone(), events.clone());
            let conditions = Arc::new(conditions);
            thread::spawn(move || {
                while !stop::requested() {
                    let now = term.load(Relaxed);
                    if now == 0 {
                        thread::sleep(SLICE);
                        continue;
                    }
                    let began = Instant::now();
                    let facts = look();
                    let found = Found { term: now, place, conditions: conditions.clone(), facts };
                    if events.send(event(found)).is_err() {
                        return;
                    }
                    let next = Instant::now() + every.max(began.elapsed() * REST);
                    while Instant::now() < next && term.load(Relaxed) == now && !stop::requested() {
                        thread::sleep(SLICE);
                    }
                }
            });
        }
        Self { term }
    }
}
