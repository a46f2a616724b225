//! A lane's own measurements: how far commits are behind, how long the server takes compared with its usual time, and
//! what it refuses. The lane's thread reports each exchange; any thread may look.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::level::Readings;

/// How often the last accepted number is noted: fine enough for a lag of a second.
const MARK_EVERY: Duration = Duration::from_millis(100);
/// How many such marks are kept: a minute's worth, far beyond the highest level.
const MARKS: usize = 600;
/// The current latency is the median of this many exchanges.
const RECENT: usize = 5;
/// Older exchanges do not count.
const FORGET: Duration = Duration::from_secs(10);
/// An exchange that takes this long counts before it ends.
const STALL: Duration = Duration::from_millis(500);
/// How fast the usual latency follows the current one, downwards and upwards.
const LEARN_DOWN: f64 = 1.0 / 8.0;
const LEARN_UP: f64 = 1.0 / 512.0;
/// The most it rises at once, as a share of itself: one stall does not change what is usual.
const RISE: f64 = 0.01;

/// What the lane knows when somebody looks.
pub(crate) struct Seen {
    pub(crate) accepted: u64,
    pub(crate) committed: u64,
    /// How full the queue is, 0 to 1; 0 beside a journal.
    pub(crate) queue: f64,
    /// How much of the journal's limit is pending, 0 to 1.
    pub(crate) journal: f64,
}

#[derive(Default)]
pub(crate) struct Gauge {
    /// Pairs: when, and the last number accepted by then that is not committed yet.
    marks: VecDeque<(Instant, u64)>,
    last_mark: Option<Instant>,
    /// How long the last exchanges took, s.
    recent: VecDeque<f64>,
    last_exchange: Option<Instant>,
    /// When the current exchange began.
    began: Option<Instant>,
    /// The usual latency, s; 0: unknown.
    baseline: f64,
    reply: u8,
}

impl Gauge {
    /// Notes that an exchange begins.
    pub(crate) fn began(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// Notes that the exchange has ended, with all replies or without.
    pub(crate) fn ended(&mut self, now: Instant) {
        let Some(began) = self.began.take() else { return };
        let took = now.saturating_duration_since(began).as_secs_f64();
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
        self.last_exchange = Some(now);
        if self.recent.len() < RECENT {
            return;
        }
        let difference = took - self.baseline;
        self.baseline = match self.baseline {
            0.0 => self.median(),
            _ if difference < 0.0 => self.baseline + difference * LEARN_DOWN,
            baseline => baseline + (difference * LEARN_UP).min(baseline * RISE),
        };
    }

    /// Notes the level that the server's last answer asks for; 0 if it is no refusal.
    pub(crate) fn replied(&mut self, level: u8) {
        self.reply = level;
    }

    fn median(&self) -> f64 {
        // On the stack: a heartbeat's call looks too and must not allocate.
        let mut recent = [f64::INFINITY; RECENT];
        recent.iter_mut().zip(&self.recent).for_each(|(place, &took)| *place = took);
        recent.sort_by(f64::total_cmp);
        if self.recent.is_empty() { 0.0 } else { recent[self.recent.len() / 2] }
    }

    pub(crate) fn look(&mut self, now: Instant, seen: &Seen) -> Readings {
        while self.marks.front().is_some_and(|&(_, accepted)| accepted <= seen.committed) {
            self.marks.pop_front();
        }
        let waiting = seen.accepted.saturating_sub(seen.committed);
        let due = self.last_mark.is_none_or(|last| now.saturating_duration_since(last) >= MARK_EVERY);
        if due && waiting > 0 && self.marks.len() < MARKS {
            self.marks.push_back((now, seen.accepted));
            self.last_mark = Some(now);
        }
        let fresh = self.last_exchange.is_some_and(|last| now.saturating_duration_since(last) < FORGET);
        let enough = fresh && self.recent.len() == RECENT && self.baseline > 0.0;
        let under_way = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        let stall = if under_way >= STALL { under_way } else { Duration::ZERO };
        let median = self.median();
        let latency = if enough { median } else { 0.0 };
        let lag = self.marks.front().map_or(Duration::ZERO, |&(at, _)| now.saturating_duration_since(at));
        Readings {
            queue: seen.queue,
            journal: seen.journal,
            lag,
            latency: Duration::from_secs_f64(latency).max(stall),
            baseline: Duration::from_secs_f64(self.baseline),
            reply: self.reply,
            commit: Duration::from_secs_f64(median).max(stall).max(lag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pressure::level::judge;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn seen(accepted: u64, committed: u64) -> Seen {
        Seen { accepted, committed, queue: 0.0, journal: 0.0 }
    }

    /// Exchanges that take this many ms each, one after the other.
    fn exchange(gauge: &mut Gauge, now: &mut Instant, took: &[u64]) {
        for &took in took {
            gauge.began(*now);
            *now += ms(took);
            gauge.ended(*now);
        }
    }

    #[test]
    fn the_lag_is_the_age_of_what_waits_longest() {
        let (start, mut gauge) = (Instant::now(), Gauge::default());
        gauge.look(start, &seen(10, 0));
        gauge.look(start + ms(500), &seen(20, 0));
        assert_eq!(gauge.look(start + ms(2000), &seen(30, 0)).lag, ms(2000));
        assert_eq!(gauge.look(start + ms(2000), &seen(30, 10)).lag, ms(1500));
        assert_eq!(gauge.look(start + ms(2100), &seen(30, 30)).lag, ms(0));
    }

    #[test]
    fn latency_is_held_against_what_is_usual_here() {
        let (mut now, mut gauge) = (Instant::now(), Gauge::default());
        exchange(&mut gauge, &mut now, &[2; 50]);
        let readings = gauge.look(now, &seen(0, 0));
        assert_eq!((readings.latency, readings.baseline), (ms(2), ms(2)));
        // One slow exchange does not count. Several mean a slow server, and do not become usual soon.
        exchange(&mut gauge, &mut now, &[300]);
        assert_eq!(judge(&gauge.look(now, &seen(0, 0))).0, 0);
        exchange(&mut gauge, &mut now, &[2, 2]);
        assert_eq!(judge(&gauge.look(now, &seen(0, 0))).0, 0);
        exchange(&mut gauge, &mut now, &[300; 20]);
        assert_eq!(judge(&gauge.look(now, &seen(0, 0))).0, 2);
        // After a while without exchanges the latency is unknown.
        assert_eq!(judge(&gauge.look(now + ms(11_000), &seen(0, 0))).0, 0);
    }

    #[test]
    fn how_long_commits_take_is_known_from_the_first_and_for_good() {
        let (mut now, mut gauge) = (Instant::now(), Gauge::default());
        assert_eq!(gauge.look(now, &seen(0, 0)).commit, ms(0));
        exchange(&mut gauge, &mut now, &[3]);
        assert_eq!(gauge.look(now, &seen(1, 1)).commit, ms(3));
        now += ms(60_000);
        assert_eq!(gauge.look(now, &seen(1, 1)).commit, ms(3));
        gauge.look(now, &seen(2, 1));
        assert_eq!(gauge.look(now + ms(700), &seen(3, 1)).commit, ms(700));
    }

    #[test]
    fn a_stall_counts_while_it_lasts() {
        let (mut now, mut gauge) = (Instant::now(), Gauge::default());
        exchange(&mut gauge, &mut now, &[2; 10]);
        gauge.began(now);
        assert_eq!(judge(&gauge.look(now + ms(400), &seen(0, 0))).0, 0);
        assert_eq!(judge(&gauge.look(now + ms(1200), &seen(0, 0))).0, 3);
        gauge.ended(now + ms(1300));
        assert_eq!(judge(&gauge.look(now + ms(1300), &seen(0, 0))).0, 0);
    }
}
