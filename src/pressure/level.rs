//! From one lane's readings to a level, and from a changing level to one that does not flap. Both depend on nothing but
//! their arguments.

use std::fmt;
use std::time::{Duration, Instant};

use crate::link::failure::Refusal;

/// All is accepted.
pub(crate) const NORMAL: u8 = 0;
/// Heartbeats half as often, price-only updates once a second.
pub(crate) const SLOW: u8 = 1;
/// No price-only updates.
pub(crate) const HEAVY: u8 = 2;
/// Heartbeats just often enough to stay alive.
pub(crate) const CRITICAL: u8 = 3;

/// A level's name for the log.
pub(crate) fn name(level: u8) -> &'static str {
    ["normal", "slow", "heavy", "critical"][usize::from(level.min(CRITICAL))]
}

/// What one lane sees at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Readings {
    /// How full the queue is, 0 to 1; 0 beside a journal.
    pub(crate) queue: f64,
    /// How much of the journal's limit is pending, 0 to 1.
    pub(crate) journal: f64,
    /// The age of the oldest pending record.
    pub(crate) lag: Duration,
    /// The current round trip of a batch.
    pub(crate) latency: Duration,
    /// The usual round trip.
    pub(crate) baseline: Duration,
    /// The level that the server's last refusal asks for.
    pub(crate) reply: u8,
    /// How long commits take, for display: the latency, or the lag if that is longer.
    pub(crate) commit: Duration,
}

/// What raised a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Queue,
    Journal,
    Lag,
    Latency,
    Reply,
}

/// The thresholds of levels 1, 2 and 3.
const QUEUE: [f64; 3] = [0.5, 0.75, 0.9];
/// A full journal refuses calls, so the highest level comes well before.
const JOURNAL: [f64; 3] = [0.1, 0.25, 0.5];
const LAG: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// Multiples of the usual latency...
const LATENCY: [u32; 3] = [8, 16, 32];
/// ...and at least this long: a busy machine alone turns one millisecond into ten.
const LATENCY_FLOOR: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];

/// The level that a lane's readings ask for, and the cause.
pub(crate) fn judge(readings: &Readings) -> (u8, Cause) {
    let slow = |at: usize| readings.latency >= LATENCY_FLOOR[at].max(readings.baseline * LATENCY[at]);
    let candidates = [
        (readings.reply.min(CRITICAL), Cause::Reply),
        (reached(|at| readings.journal >= JOURNAL[at]), Cause::Journal),
        (reached(|at| readings.queue >= QUEUE[at]), Cause::Queue),
        (reached(|at| readings.lag >= LAG[at]), Cause::Lag),
        (reached(slow), Cause::Latency),
    ];
    // The first cause with the highest level.
    candidates.into_iter().rev().max_by_key(|(level, _)| *level).expect("there are some")
}

fn reached(is: impl Fn(usize) -> bool) -> u8 {
    (0..3).rev().find(|&at| is(at)).map_or(NORMAL, |at| at as u8 + 1)
}

/// The level that a server's refusal asks for.
pub(crate) fn of_refusal(refusal: Option<Refusal>) -> u8 {
    match refusal {
        // Nothing can be written until a person makes room.
        Some(Refusal::OutOfMemory) => CRITICAL,
        Some(Refusal::Strained) => HEAVY,
        Some(Refusal::Reconfiguring) => SLOW,
        _ => NORMAL,
    }
}

/// A cause with its figures, for the log.
pub(crate) struct Reason<'a>(pub(crate) Cause, pub(crate) &'a Readings);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Readings { queue, journal, lag, latency, baseline, .. } = self.1;
        match self.0 {
            Cause::Queue => write!(f, "its queue is {:.0} % full", queue * 100.0),
            Cause::Journal => write!(f, "{:.0} % of its journal waits", journal * 100.0),
            Cause::Lag => write!(f, "commits are {:.1} s behind", lag.as_secs_f64()),
            Cause::Latency => {
                write!(f, "the server takes {} ms, usually {:.1}", latency.as_millis(), ms(*baseline))
            }
            Cause::Reply => f.write_str("the server refuses to write"),
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A level that rises at once and falls step by step, each step after a quiet time. If it must rise again soon, the
/// quiet time doubles, so that a load in waves holds the level and does not make it swing.
pub(crate) struct Hysteresis {
    level: u8,
    quiet: Duration,
    /// The current quiet time: `quiet` or longer.
    patience: Duration,
    quiet_since: Option<Instant>,
    fell: Option<Instant>,
}

/// How many times the quiet time may double.
const DOUBLINGS: u32 = 3;

impl Hysteresis {
    pub(crate) fn new(quiet: Duration) -> Self {
        Self { level: NORMAL, quiet, patience: quiet, quiet_since: None, fell: None }
    }

    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    /// The new level, given the wanted one.
    pub(crate) fn step(&mut self, now: Instant, wanted: u8) -> u8 {
        let since_fall = self.fell.map(|fell| now.saturating_duration_since(fell));
        if wanted > self.level {
            if since_fall.is_some_and(|time| time < self.patience * 2) {
                self.patience = (self.patience * 2).min(self.quiet * (1 << DOUBLINGS));
            }
            self.level = wanted;
            self.quiet_since = None;
        } else if wanted == self.level {
            self.quiet_since = None;
            if self.level == NORMAL && since_fall.is_some_and(|time| time > self.patience * 4) {
                (self.patience, self.fell) = (self.quiet, None);
            }
        } else {
            let since = *self.quiet_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= self.patience {
                self.level -= 1;
                self.fell = Some(now);
                self.quiet_since = Some(now);
            }
        }
        self.level
    }
}

#[cfg(test)]
mod tests;
