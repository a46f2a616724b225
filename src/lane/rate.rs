//! A limit on what a lane sends, for a thin line: records and bytes a second, with a burst of one second's worth. A
//! batch is paid for after it was sent, so it may overdraw the limit once.

use std::time::{Duration, Instant};

use crate::config::RateLimit;

pub(super) struct Rate {
    records: Option<Bucket>,
    bytes: Option<Bucket>,
}

struct Bucket {
    per_second: f64,
    /// Below 0, nothing may be sent.
    left: f64,
    at: Instant,
}

impl Rate {
    pub(super) fn new(limit: RateLimit, now: Instant) -> Self {
        let bucket = |per_second: Option<u64>| {
            per_second.map(|count| Bucket { per_second: count as f64, left: count as f64, at: now })
        };
        Self { records: bucket(limit.records), bytes: bucket(limit.bytes) }
    }

    /// Until when nothing may be sent; none: now.
    pub(super) fn closed_until(&mut self, now: Instant) -> Option<Instant> {
        let buckets = [&mut self.records, &mut self.bytes].into_iter().flatten();
        buckets.filter_map(|bucket| bucket.closed_until(now)).max()
    }

    /// How many records and bytes a batch may have, within the given maximum.
    pub(super) fn batch(&self, records: usize, bytes: usize) -> (usize, usize) {
        let limited = |bucket: &Option<Bucket>, most: usize| match bucket {
            Some(bucket) => most.min(bucket.left.max(1.0) as usize),
            None => most,
        };
        (limited(&self.records, records), limited(&self.bytes, bytes))
    }

    /// Notes what was sent.
    pub(super) fn sent(&mut self, records: usize, bytes: usize) {
        let both = [(&mut self.records, records), (&mut self.bytes, bytes)];
        for (bucket, amount) in both {
            if let Some(bucket) = bucket {
                bucket.left -= amount as f64;
            }
        }
    }
}

impl Bucket {
    fn closed_until(&mut self, now: Instant) -> Option<Instant> {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + gained).min(self.per_second);
        self.at = now;
        // At least a whole unit, or the whole bucket: less is not worth a round trip.
        let missing = 1.0 - self.left;
        (missing > 0.0).then(|| now + Duration::from_secs_f64(missing / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_goes_out_than_the_rate_allows() {
        let start = Instant::now();
        let mut rate = Rate::new(RateLimit { records: Some(100), bytes: None }, start);
        let (mut now, mut sent) = (start, 0);
        while now < start + Duration::from_secs(10) {
            match rate.closed_until(now) {
                Some(until) => now = until,
                None => {
                    let (records, _) = rate.batch(512, 1 << 20);
                    assert!((1..=100).contains(&records));
                    rate.sent(records, 0);
                    sent += records;
                }
            }
        }
        // A second's worth at once, then the rate.
        assert!((1090..=1101).contains(&sent), "{sent}");
    }

    #[test]
    fn an_overdrawn_second_is_paid_for() {
        let start = Instant::now();
        let mut rate = Rate::new(RateLimit { records: None, bytes: Some(1000) }, start);
        assert_eq!(rate.closed_until(start), None);
        rate.sent(1, 5000);
        let until = rate.closed_until(start).unwrap();
        assert!(until > start + Duration::from_secs(4), "{:?}", until - start);
        assert_eq!(rate.closed_until(until + Duration::from_millis(1)), None);
    }

    #[test]
    fn without_a_limit_everything_goes() {
        let start = Instant::now();
        let mut rate = Rate::new(RateLimit::default(), start);
        rate.sent(1 << 30, 1 << 40);
        assert_eq!(rate.closed_until(start), None);
        assert_eq!(rate.batch(512, 1 << 18), (512, 1 << 18));
    }
}
