//! Which level a node needs, and the fleet's level over time: it rises at once and falls one step after each quiet
//! period.

use std::time::{Duration, Instant};

use redis::RedisError;

use crate::observe::sample::Seen;

/// Thresholds of levels 1, 2 and 3.
const MEMORY: [f64; 3] = [0.80, 0.90, 0.97];
/// A busy server still serves: CPU alone never asks for level 3, latency does.
const CPU: [f64; 3] = [0.75, 0.92, f64::INFINITY];
const PING_MS: [u128; 3] = [20, 100, 500];
/// The bundled configurations refuse writes at 10 s.
const REPLICA_LAG_S: [u64; 3] = [5, 8, 10];

/// The level that a node needs, and why.
pub fn judge(seen: &Seen) -> (u8, String) {
    let memory = seen.memory().unwrap_or(0.0);
    let ping = seen.now.ping.as_millis();
    let mut reasons = vec![
        (reached(|at| memory >= MEMORY[at]), format!("memory is at {:.0} %", memory * 100.0)),
        (reached(|at| seen.cpu >= CPU[at]), format!("CPU is at {:.0} %", seen.cpu * 100.0)),
        (reached(|at| ping >= PING_MS[at]), format!("a PING takes {ping} ms")),
        (
            reached(|at| seen.now.replica_lag_s() >= REPLICA_LAG_S[at]),
            format!("a replica is {} s behind", seen.now.replica_lag_s()),
        ),
    ];
    if seen.new_oom_errors > 0 {
        reasons.push((3, format!("{} writes were refused because memory was full", seen.new_oom_errors)));
    }
    if seen.new_evictions > 0 {
        reasons.push((2, format!("{} keys were evicted", seen.new_evictions)));
    }
    if seen.new_rejections > 0 {
        reasons.push((1, format!("{} connections were rejected", seen.new_rejections)));
    }
    reasons.into_iter().max_by_key(|(level, _)| *level).expect("there are some")
}

/// The level that a node needs if it does not answer. A busy, loading or slow node needs less load; an absent one
/// gets none anyway.
pub fn judge_failure(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<RedisError>() {
        Some(error) if error.is_timeout() => 3,
        Some(error) if matches!(error.code(), Some("BUSY" | "LOADING")) => 2,
        _ => 0,
    }
}

fn reached(is: impl Fn(usize) -> bool) -> u8 {
    (0..3).rev().find(|&at| is(at)).map_or(0, |at| at as u8 + 1)
}

/// The fleet's level.
pub struct Calm {
    level: u8,
    quiet: Duration,
    quiet_since: Option<Instant>,
}

impl Calm {
    pub fn new(quiet: Duration) -> Self {
        Self { level: 0, quiet, quiet_since: None }
    }

    pub fn level(&self) -> u8 {
        self.level
    }

    pub fn step(&mut self, now: Instant, wanted: u8) -> u8 {
        if wanted >= self.level {
            (self.level, self.quiet_since) = (wanted, None);
        } else {
            let since = *self.quiet_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= self.quiet {
                self.level -= 1;
                self.quiet_since = Some(now);
            }
        }
        self.level
    }
}

#[cfg(test)]
mod tests {
    use mt5_redis::config::Address;

    use super::*;
    use crate::observe::sample::{Replica, Sample};

    fn with(sample: Sample) -> Seen {
        Seen { now: sample, ..Default::default() }
    }

    #[test]
    fn each_symptom_needs_its_level() {
        let address = Address { host: "replica".into(), port: 6379 };
        let late = Replica { address, lag_s: 6, lag_bytes: 0 };
        let memory = |used| with(Sample { used_memory: used, max_memory: 100, ..Default::default() });
        for (seen, level, words) in [
            (Seen::default(), 0, ""),
            (memory(79), 0, ""),
            (memory(80), 1, "memory is at 80 %"),
            (memory(98), 3, "memory is at 98 %"),
            (with(Sample { used_memory: 98, ..Default::default() }), 0, ""),
            (Seen { cpu: 0.8, ..Default::default() }, 1, "CPU"),
            (Seen { cpu: 5.0, ..Default::default() }, 2, "CPU"),
            (with(Sample { ping: Duration::from_millis(150), ..Default::default() }), 2, "PING takes 150 ms"),
            (with(Sample { replicas: vec![late], ..Default::default() }), 1, "replica"),
            (Seen { new_oom_errors: 1, ..Default::default() }, 3, "memory was full"),
            (Seen { new_evictions: 1, ..Default::default() }, 2, "evicted"),
            (Seen { new_rejections: 1, ..Default::default() }, 1, "rejected"),
        ] {
            let (found, why) = judge(&seen);
            assert_eq!(found, level, "{why}");
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn it_rises_at_once_and_falls_slowly() {
        let (start, mut calm) = (Instant::now(), Calm::new(Duration::from_secs(10)));
        let mut at = |second: u64, wanted| calm.step(start + Duration::from_secs(second), wanted);
        assert_eq!(at(0, 2), 2);
        assert_eq!((at(1, 0), at(10, 0), at(11, 0)), (2, 2, 1));
        assert_eq!((at(15, 1), at(24, 0), at(25, 0), at(34, 0)), (1, 1, 1, 0));
    }

    #[test]
    fn a_busy_or_loading_server_needs_less_load() {
        for (text, level) in [("LOADING", 2), ("BUSY", 2), ("NOAUTH", 0)] {
            let reply = redis::parse_redis_value(format!("-{text} for now\r\n").as_bytes()).unwrap();
            let error = reply.extract_error().unwrap_err();
            assert_eq!(judge_failure(&anyhow::Error::from(error).context("asked")), level, "{text}");
        }
    }
}
