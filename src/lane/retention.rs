//! How long acknowledged records stay in the journal: until they have been safe for a while.
//!
//! A master can acknowledge a record and die before a replica has it. So a record is kept for some time after its
//! commit. That time runs only while commits succeed on the same server: an outage, an idle night or a failover drops
//! nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One mark a second is fine enough for a retention of a minute.
const STEP: Duration = Duration::from_secs(1);

pub(super) struct Retention {
    keep: Duration,
    /// How long commits have succeeded on this server, in all.
    served: Duration,
    last_success: Option<Instant>,
    /// The id of the server's run. Another run is another history.
    run_id: String,
    /// Pairs: after this much service, everything up to this sequence number was committed.
    marks: VecDeque<(Duration, u64)>,
}

impl Retention {
    pub(super) fn new(keep: Duration) -> Self {
        Self {
            keep,
            served: Duration::ZERO,
            last_success: None,
            run_id: String::new(),
            marks: VecDeque::new(),
        }
    }

    /// Notes a connection to this run of a server. On another run the time starts again.
    pub(super) fn connected(&mut self, run_id: String) {
        if run_id != self.run_id {
            self.run_id = run_id;
            self.marks.iter_mut().for_each(|mark| mark.0 = self.served);
        }
    }

    /// Nothing succeeds any more.
    pub(super) fn interrupted(&mut self) {
        self.last_success = None;
    }

    /// Notes that the server answered and has everything up to `committed` in memory. Returns the sequence number up to
    /// which records have been safe for long enough.
    pub(super) fn succeeded(&mut self, now: Instant, committed: u64) -> Option<u64> {
        if let Some(last) = self.last_success.replace(now) {
            self.served += now - last;
        }
        if self.marks.back().is_none_or(|&(at, up_to)| up_to < committed && self.served >= at + STEP) {
            self.marks.push_back((self.served, committed));
        }
        let mut released = None;
        while let Some(&(at, up_to)) = self.marks.front()
            && self.served >= at + self.keep
        {
            released = Some(up_to);
            self.marks.pop_front();
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(60);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_record_is_released_after_a_minute_of_service() {
        let start = Instant::now();
        let mut retention = Retention::new(KEEP);
        retention.connected("a".into());
        assert_eq!(retention.succeeded(start, 10), None);
        assert_eq!(retention.succeeded(start + seconds(30), 20), None);
        assert_eq!(retention.succeeded(start + seconds(59), 30), None);
        assert_eq!(retention.succeeded(start + seconds(60), 30), Some(10));
        assert_eq!(retention.succeeded(start + seconds(90), 30), Some(20));
    }

    #[test]
    fn an_outage_does_not_count() {
        let start = Instant::now();
        let mut retention = Retention::new(KEEP);
        retention.connected("a".into());
        retention.succeeded(start, 10);
        retention.interrupted();
        retention.connected("a".into());
        assert_eq!(retention.succeeded(start + seconds(3600), 10), None);
        assert_eq!(retention.succeeded(start + seconds(3660), 10), Some(10));
    }

    #[test]
    fn another_server_starts_the_time_anew() {
        let start = Instant::now();
        let mut retention = Retention::new(KEEP);
        retention.connected("a".into());
        retention.succeeded(start, 10);
        retention.succeeded(start + seconds(50), 10);
        retention.interrupted();
        retention.connected("b".into());
        assert_eq!(retention.succeeded(start + seconds(55), 10), None);
        assert_eq!(retention.succeeded(start + seconds(70), 10), None);
        assert_eq!(retention.succeeded(start + seconds(115), 10), Some(10));
    }
}
