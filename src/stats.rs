//! A lane's counters, as JSON for `mt5redis_stats`. `docs/statistics.md` explains each key.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde::Serialize;

/// A lane's counters, since its engine started.
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) connected: AtomicBool,
    /// Heartbeats and prices that were not due under pressure.
    pub(crate) thinned: AtomicU64,
    superseded: AtomicU64,
    rejected: AtomicU64,
    batches: AtomicU64,
    bytes: AtomicU64,
    /// Time from a batch's first byte to its last reply, µs.
    exchange_us: Mutex<Histogram<u32>>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        // A minute is the longest time-out. Two digits keep the histogram at a few KiB.
        let exchange_us = Histogram::new_with_bounds(1, 60_000_000, 2).expect("the bounds are valid");
        Self {
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            connected: AtomicBool::new(false),
            thinned: AtomicU64::new(0),
            superseded: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            exchange_us: Mutex::new(exchange_us),
        }
    }

    /// Counts a batch that was sent.
    pub(crate) fn batch(&self, bytes: usize, took: Duration, superseded: u64, rejected: usize) {
        self.batches.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.superseded.fetch_add(superseded, Relaxed);
        self.rejected.fetch_add(rejected as u64, Relaxed);
        self.exchange_us.lock().saturating_record(took.as_micros() as u64);
    }

    pub(crate) fn snapshot(&self, server: String, producer: &str, committed: u64, waiting: u64) -> LaneStats {
        let exchange_us = self.exchange_us.lock();
        let accepted = self.accepted.load(Relaxed);
        LaneStats {
            server,
            producer: producer.to_owned(),
            connected: self.connected.load(Relaxed),
            accepted,
            committed,
            waiting,
            refused: self.refused.load(Relaxed),
            thinned: self.thinned.load(Relaxed),
            superseded: self.superseded.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            lost: self.lost.load(Relaxed),
            connects: self.connects.load(Relaxed),
            batches: self.batches.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            exchange_us: Exchange {
                p50: exchange_us.value_at_quantile(0.5),
                p99: exchange_us.value_at_quantile(0.99),
                max: exchange_us.max(),
            },
        }
    }
}

/// A lane's counters at one moment.
#[derive(Serialize)]
pub(crate) struct LaneStats {
    server: String,
    producer: String,
    connected: bool,
    accepted: u64,
    committed: u64,
    waiting: u64,
    refused: u64,
    thinned: u64,
    superseded: u64,
    rejected: u64,
    lost: u64,
    connects: u64,
    batches: u64,
    bytes: u64,
    exchange_us: Exchange,
}

#[derive(Serialize)]
struct Exchange {
    p50: u64,
    p99: u64,
    max: u64,
}
