//! The current level of one engine, and what it asks of heartbeats and prices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use super::directive::Directive;
use super::level::{HEAVY, Hysteresis, NORMAL, Readings, Reason, SLOW, judge, name};
use crate::events::Events;
use crate::model::InstanceId;
use crate::model::LaneName;

/// The heartbeat interval where no caller states one.
const HEARTBEAT_MS: u32 = 1000;
/// The bounds of the time between two questions about halts.
const HALTS_EVERY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// How far apart a position's prices are at level 1.
const PRICE_EVERY: Duration = Duration::from_secs(1);

/// The pressure of one engine.
pub(crate) struct Pressure {
    level: AtomicU8,
    highest: AtomicU8,
    changes: AtomicU64,
    /// The interval of heartbeats without pressure, ms.
    heartbeat_ms: AtomicU32,
    /// The longer interval that a caller was given last, ms.
    stretched_ms: AtomicU32,
    /// How long each lane's commits take, µs.
    commit_us: [AtomicU64; 3],
    journal_percent: [AtomicU8; 3],
    /// The longest time between two heartbeats: half of the instance's time to live.
    heartbeat_limit: Duration,
    state: Mutex<State>,
    events: Arc<Events>,
}

struct State {
    lanes: [Readings; 3],
    own: Hysteresis,
    /// The governor's directives, for all instances and for those of this process.
    directives: Vec<(Option<InstanceId>, Directive)>,
}

/// The pressure's part of the statistics.
#[derive(Serialize)]
pub(crate) struct PressureStats {
    level: u8,
    own: u8,
    directive: u8,
    highest: u8,
    changes: u64,
}

impl Pressure {
    pub(crate) fn new(events: Arc<Events>, quiet: Duration, instance_ttl: Duration) -> Self {
        Self {
            level: AtomicU8::new(NORMAL),
            highest: AtomicU8::new(NORMAL),
            changes: AtomicU64::new(0),
            heartbeat_ms: AtomicU32::new(HEARTBEAT_MS),
            stretched_ms: AtomicU32::new(0),
            commit_us: Default::default(),
            journal_percent: Default::default(),
            heartbeat_limit: instance_ttl / 2,
            state: Mutex::new(State {
                lanes: [Readings::default(); 3],
                own: Hysteresis::new(quiet),
                directives: Vec::new(),
            }),
            events,
        }
    }

    /// The level as of the last look.
    pub(crate) fn level(&self) -> u8 {
        self.level.load(Relaxed)
    }

    /// How long a lane's commits take as of its last look, µs.
    pub(crate) fn commit_us(&self, lane: LaneName) -> u64 {
        self.commit_us[lane as usize].load(Relaxed)
    }

    /// How much of its limit is pending in the fuller journal as of the last look, percent.
    pub(crate) fn journal_percent(&self) -> u8 {
        self.journal_percent.iter().map(|percent| percent.load(Relaxed)).max().unwrap_or(0)
    }

    /// Takes what a lane sees now. Returns the level.
    pub(crate) fn seen(&self, lane: LaneName, readings: Readings, now: Instant) -> u8 {
        self.commit_us[lane as usize].store(readings.commit.as_micros() as u64, Relaxed);
        self.journal_percent[lane as usize].store((readings.journal * 100.0) as u8, Relaxed);
        let mut state = self.state.lock();
        state.lanes[lane as usize] = readings;
        self.settle(&mut state, now)
    }

    /// Takes the governor's directive for all (no instance) or for one.
    pub(crate) fn told(&self, whom: Option<InstanceId>, directive: Option<Directive>, now: Instant) {
        let mut state = self.state.lock();
        state.directives.retain(|(known, _)| *known != whom);
        state.directives.extend(directive.map(|directive| (whom, directive)));
        self.settle(&mut state, now);
    }

    fn settle(&self, state: &mut State, now: Instant) -> u8 {
        let lanes = [LaneName::Ris, LaneName::Rts, LaneName::Rtss];
        let (lane, (wanted, cause)) = lanes
            .into_iter()
            .map(|lane| (lane, judge(&state.lanes[lane as usize])))
            .max_by_key(|(_, (level, _))| *level)
            .expect("there are three");
        let own = state.own.step(now, wanted);
        state.directives.retain(|(_, directive)| directive.until > now);
        let told = state.directives.iter().map(|(_, directive)| directive.level).max().unwrap_or(NORMAL);
        let level = own.max(told);
        let before = self.level.swap(level, Relaxed);
        if level != before {
            self.highest.fetch_max(level, Relaxed);
            self.changes.fetch_add(1, Relaxed);
            let why = match level > before {
                true if told > own => "the governor's directive".to_owned(),
                true => format!("{lane}: {}", Reason(cause, &state.lanes[lane as usize])),
                false if told > own => "the governor's directive still asks for it".to_owned(),
                false => "it has been calmer for a while".to_owned(),
            };
            let name = name(level);
            self.events.tell(format!("pressure is at level {level} ({name}), before at {before}: {why}"));
        }
        level
    }

    /// Learns the heartbeat interval from a heartbeat. A caller that slows down because of pressure must not be
    /// slowed down again for it, nor for good.
    pub(crate) fn heartbeat_comes_every(&self, interval_ms: i32) {
        let told = u32::try_from(interval_ms).ok().filter(|&interval| interval > 0).unwrap_or(HEARTBEAT_MS);
        let free = self.level() == NORMAL && told != self.stretched_ms.load(Relaxed);
        if free || told < self.heartbeat_ms.load(Relaxed) {
            self.heartbeat_ms.store(told, Relaxed);
        }
    }

    /// The least time between heartbeats at this level; none: as they come.
    pub(crate) fn heartbeats_every(&self, level: u8) -> Option<Duration> {
        let usual = Duration::from_millis(self.heartbeat_ms.load(Relaxed).into());
        let factor = match level {
            NORMAL => return None,
            SLOW => 2,
            HEAVY => 4,
            _ => return Some(self.heartbeat_limit.max(usual)),
        };
        Some((usual * factor).min(self.heartbeat_limit).max(usual))
    }

    /// The time between two questions about halts: as between two heartbeats without pressure, which does not change it.
    pub(crate) fn halts_every(&self) -> Duration {
        let [least, most] = HALTS_EVERY;
        Duration::from_millis(self.heartbeat_ms.load(Relaxed).into()).clamp(least, most)
    }

    /// The least time between a position's prices at this level, `Duration::MAX` for no prices; none: as they come.
    pub(crate) fn prices_every(level: u8) -> Option<Duration> {
        match level {
            NORMAL => None,
            SLOW => Some(PRICE_EVERY),
            _ => Some(Duration::MAX),
        }
    }

    /// How often a lane accepts heartbeats or prices, ms: 0 as they come, `i32::MAX` not now.
    pub(crate) fn interval_ms(&self, lane: LaneName) -> i32 {
        let every = match lane {
            LaneName::Ris => {
                let usual = Duration::from_millis(self.heartbeat_ms.load(Relaxed).into());
                let stretched = self.heartbeats_every(self.level());
                if let Some(stretched) = stretched {
                    self.stretched_ms.store(stretched.as_millis() as u32, Relaxed);
                }
                Some(stretched.unwrap_or(usual))
            }
            LaneName::Rts => Self::prices_every(self.level()),
            LaneName::Rtss => None,
        };
        every.map_or(0, |every| i32::try_from(every.as_millis()).unwrap_or(i32::MAX))
    }

    pub(crate) fn stats(&self) -> PressureStats {
        let state = self.state.lock();
        let directives = state.directives.iter().map(|(_, directive)| directive.level);
        PressureStats {
            level: self.level(),
            own: state.own.level(),
            directive: directives.max().unwrap_or(NORMAL),
            highest: self.highest.load(Relaxed),
            changes: self.changes.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(10);

    fn pressure() -> Pressure {
        Pressure::new(Arc::default(), QUIET, Duration::from_secs(90))
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_higher_of_what_is_seen_and_what_is_told_counts() {
        let (now, pressure) = (Instant::now(), pressure());
        let calm = Readings::default();
        let lagging = Readings { lag: seconds(6), ..calm };
        assert_eq!(pressure.seen(LaneName::Rts, lagging, now), 2);
        pressure.told(None, Some(Directive { level: 1, until: now + seconds(60) }), now);
        assert_eq!(pressure.level(), 2);
        pressure.told(InstanceId::new("1").ok(), Some(Directive { level: 3, until: now + seconds(5) }), now);
        assert_eq!(pressure.level(), 3);
        // The directive ends by itself, and so does the one below it.
        assert_eq!(pressure.seen(LaneName::Rts, calm, now + seconds(6)), 2);
        assert_eq!(pressure.seen(LaneName::Rts, calm, now + seconds(30)), 1, "the quiet time");
        assert_eq!(pressure.seen(LaneName::Rts, calm, now + seconds(45)), 1, "the directive for all");
        assert_eq!(pressure.seen(LaneName::Rts, calm, now + seconds(61)), 0);
        let stats = pressure.stats();
        assert_eq!((stats.highest, stats.changes), (3, 5));
    }

    #[test]
    fn a_directive_that_is_taken_back_ends_at_once() {
        let (now, pressure) = (Instant::now(), pressure());
        pressure.told(None, Some(Directive { level: 2, until: now + seconds(60) }), now);
        pressure.told(None, None, now);
        assert_eq!(pressure.level(), 0);
    }

    #[test]
    fn heartbeats_are_stretched_but_never_beyond_half_a_life() {
        let (now, pressure) = (Instant::now(), pressure());
        pressure.heartbeat_comes_every(5000);
        assert_eq!(pressure.interval_ms(LaneName::Ris), 5000);
        for (level, ms) in [(1, 10_000), (2, 20_000), (3, 45_000)] {
            pressure.told(None, Some(Directive { level, until: now + seconds(60) }), now);
            assert_eq!(pressure.interval_ms(LaneName::Ris), ms);
            // The caller slows down, which does not double the interval again.
            pressure.heartbeat_comes_every(ms);
            assert_eq!(pressure.interval_ms(LaneName::Ris), ms);
        }
        assert_eq!(pressure.interval_ms(LaneName::Rts), i32::MAX);
        assert_eq!(pressure.interval_ms(LaneName::Rtss), 0);
        // Pressure ends while the caller still uses the longer interval, which must not become its usual one.
        pressure.told(None, None, now);
        pressure.heartbeat_comes_every(45_000);
        assert_eq!(pressure.interval_ms(LaneName::Ris), 5000);
        pressure.heartbeat_comes_every(7000);
        assert_eq!(pressure.interval_ms(LaneName::Ris), 7000);
    }
}
