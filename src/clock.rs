//! How far this machine's clock is from the servers' clocks. Lanes report each server's answer to TIME. An event says
//! once that the clock is off, and once that it is right again. Every heartbeat carries the difference. Nothing here
//! corrects a time, and nothing runs in a caller's thread.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use redis::Value;

use crate::events::Events;
use crate::model::LaneName;
use crate::model::instance::MT5REDIS_CLOCK_LIMIT_MS;

/// A clock that was off is right again at this difference, ms. It is below the limit, so that a clock at the limit does
/// not cause one event after the other.
const RIGHT_MS: i64 = 1_500;
/// An answer that took longer than this is ignored.
const BELIEVED: Duration = Duration::from_millis(500);
/// A difference is valid for this long. A lane without records does not ask for the time.
const LASTS: Duration = Duration::from_secs(60);

/// The clock differences that an engine's lanes measured.
pub(crate) struct Skew {
    /// The site of each lane. Lanes of one site share a reading.
    sites: [String; 3],
    readings: Mutex<[Option<Reading>; 3]>,
    events: Arc<Events>,
}

#[derive(Clone, Copy)]
struct Reading {
    /// This machine's clock minus the server's.
    ms: i64,
    at: Instant,
    /// Whether an event said that the clock is off.
    off: bool,
}

impl Skew {
    pub(crate) fn new(sites: [String; 3], events: Arc<Events>) -> Self {
        Self { sites, readings: Mutex::default(), events }
    }

    /// Notes that a lane's server, asked at `asked`, has just answered that its clock is at `server_ms`.
    pub(crate) fn heard(&self, lane: LaneName, server_ms: u64, asked: Instant) {
        // In this order: the round trip covers the reading of our clock.
        let own_ms = own_ms();
        self.judge(lane, server_ms as i64, own_ms as i64, asked.elapsed(), Instant::now());
    }

    fn judge(&self, lane: LaneName, server_ms: i64, own_ms: i64, round_trip: Duration, now: Instant) {
        if round_trip > BELIEVED {
            return;
        }
        let half = round_trip.as_millis() as i64 / 2;
        let ms = own_ms.saturating_sub(server_ms).saturating_sub(half);
        // A difference within the round trip or the rounding is none.
        let ms = if ms.abs() <= half + 1 { 0 } else { ms };
        let site = &self.sites[lane as usize];
        let at = self.sites.iter().position(|known| known == site).expect("the lane's own at least");
        let mut readings = self.readings.lock();
        let was_off = readings[at].is_some_and(|reading| reading.off);
        let off = ms.abs() > if was_off { RIGHT_MS } else { MT5REDIS_CLOCK_LIMIT_MS };
        readings[at] = Some(Reading { ms, at: now, off });
        drop(readings);
        if off != was_off {
            self.events.tell(if off { wrong(ms, site) } else { right(ms, site) });
        }
    }

    /// This machine's clock minus that of the server from which it differs most, ms. 0 if no recent difference is known.
    pub(crate) fn ms(&self) -> i64 {
        self.worst(Instant::now())
    }

    fn worst(&self, now: Instant) -> i64 {
        let readings = self.readings.lock();
        let recent = readings.iter().flatten().filter(|reading| now - reading.at <= LASTS);
        recent.map(|reading| reading.ms).max_by_key(|ms| ms.abs()).unwrap_or(0)
    }
}

fn wrong(ms: i64, site: &str) -> String {
    let (ms, way, harm) = match ms {
        0.. => (ms, "ahead of", "readers refuse its signals as coming from the future"),
        _ => (-ms, "behind", "its signals are too old for readers"),
    };
    format!(
        "this machine's clock is {ms} ms {way} the server's: {harm}. As its administrator: net start w32time, then w32tm \
         /resync ({site})"
    )
}

fn right(ms: i64, site: &str) -> String {
    format!("this machine's clock is right again: {} ms from the server's ({site})", ms.abs())
}

/// The answer to TIME, ms since 1970. None: the answer is something else.
pub fn server_ms(answer: &Value) -> Option<u64> {
    let Value::Array(parts) = answer else { return None };
    let [seconds, micros] = parts.as_slice() else { return None };
    let number = |value: &Value| match value {
        Value::BulkString(text) => str::from_utf8(text).ok()?.parse::<u64>().ok(),
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    number(seconds)?.checked_mul(1000)?.checked_add(number(micros)? / 1000)
}

/// This machine's clock, ms since 1970.
pub(crate) fn own_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: i64 = 1_763_800_000_000;

    fn skew() -> Skew {
        Skew::new(["a:1", "a:1", "b:2"].map(str::to_owned), Arc::default())
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn lines(skew: &Skew) -> Vec<String> {
        let mut cursor = 0;
        std::iter::from_fn(|| skew.events.next(&mut cursor, |_| true)).collect()
    }

    #[test]
    fn half_of_the_round_trip_is_subtracted() {
        let (skew, now) = (skew(), Instant::now());
        skew.judge(LaneName::Ris, SERVER, SERVER + 5_200, ms(400), now);
        assert_eq!(skew.worst(now), 5_000);
        skew.judge(LaneName::Ris, SERVER, SERVER - 5_000, ms(400), now);
        assert_eq!(skew.worst(now), -5_200);
        for own in [SERVER - 1, SERVER, SERVER + 200, SERVER + 401] {
            skew.judge(LaneName::Ris, SERVER, own, ms(400), now);
            assert_eq!(skew.worst(now), 0, "the round trip may account for all of it: {own}");
        }
    }

    #[test]
    fn a_slow_answer_is_ignored() {
        let (skew, now) = (skew(), Instant::now());
        skew.judge(LaneName::Ris, SERVER, SERVER + 3_000_000, ms(501), now);
        assert_eq!(skew.worst(now), 0);
        assert_eq!(lines(&skew), [""; 0]);
    }

    #[test]
    fn a_clock_at_the_limit_causes_one_event() {
        let (skew, now) = (skew(), Instant::now());
        for differs in [0, 2_000, 2_001, 1_999, 2_100, 1_501, 1_500, 1_999, -2_001, -1_501, 3] {
            skew.judge(LaneName::Rtss, SERVER, SERVER + differs, ms(0), now);
        }
        let lines = lines(&skew);
        let begin: Vec<_> = lines.iter().map(|line| line.split(" the server").next().unwrap()).collect();
        let told = [
            "this machine's clock is 2001 ms ahead of",
            "this machine's clock is right again: 1500 ms from",
            "this machine's clock is 2001 ms behind",
            "this machine's clock is right again: 3 ms from",
        ];
        assert_eq!(begin, told);
        assert!(lines.iter().all(|line| line.len() < 220), "no line is cut: {lines:?}");
    }

    #[test]
    fn lanes_of_one_server_share_a_reading_and_the_worst_server_counts() {
        let (skew, now) = (skew(), Instant::now());
        skew.judge(LaneName::Ris, SERVER, SERVER + 4_000, ms(0), now);
        skew.judge(LaneName::Rts, SERVER, SERVER + 4_000, ms(0), now);
        skew.judge(LaneName::Rtss, SERVER, SERVER - 9_000, ms(0), now);
        assert_eq!(lines(&skew).len(), 2);
        assert_eq!(skew.worst(now), -9_000);
        skew.judge(LaneName::Ris, SERVER, SERVER + 4_000, ms(0), now + LASTS * 2);
        assert_eq!(skew.worst(now + LASTS * 2), 4_000, "an old reading does not count");
    }

    #[test]
    fn a_time_is_two_numbers() {
        let text = |text: &str| Value::BulkString(text.into());
        let time = Value::Array(vec![text("1763800000"), text("123456")]);
        assert_eq!(server_ms(&time), Some(1_763_800_000_123));
        for nothing in [
            Value::Nil,
            Value::Int(7),
            Value::Array(vec![text("1763800000")]),
            Value::Array(vec![text("x"), text("1")]),
            Value::Array(vec![text("18446744073709551615"), text("1")]),
        ] {
            assert_eq!(server_ms(&nothing), None, "{nothing:?}");
        }
        assert!(own_ms() > 1_763_800_000_123);
    }
}
