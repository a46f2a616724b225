//! A worker: one reader of a consumer group over the streams of all sources. The readers of the group share the signals
//! and take over from each other. They need the operator's permissions.
//!
//! A [`Worker`] promises to hand out each signal until it is acknowledged, even after a server lost the group, and to
//! delete nothing that another group or a follower has not passed. Two workers of a group learn of each other's work
//! with a delay, so a signal may be handed out twice: its key tells.
//!
//! [`shard`] reads, [`acknowledger`] writes, and both share what is [`in_flight`]. [`join`] finds or makes the group;
//! [`acknowledged`] stores what it did, should a server lose it; [`trimmer`] deletes what everybody has passed.
//! [`dead_letters`] is for people.

#![deny(missing_docs, unsafe_code)]

mod acknowledged;
mod acknowledger;
mod claims;
mod dead_letters;
mod in_flight;
mod join;
mod shard;
mod trimmer;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mt5_redis::background;
use mt5_redis::codes::MT5REDIS_ERR_THREAD;
use mt5_redis::config::Config;
use mt5_redis::error::{Error, Result};
use mt5_redis::inbox::item::{Delivery, Item, Place, Report, Start, check_name};
use mt5_redis::inbox::reader_name::ReaderName;
use parking_lot::Mutex;

use acknowledger::Acknowledger;
pub use dead_letters::{DeadLetter, DeadLetters};
use in_flight::InFlight;
use shard::ShardReader;

/// What a worker reads, and how.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The consumer group, 1 to 64 of `A-Z a-z 0-9 . _ : @ -`. Its workers share the signals.
    pub group: String,
    /// This worker's name in the group, of the same letters. The next worker with this name is handed what this one did not
    /// acknowledge.
    pub consumer: String,
    /// Where to start.
    pub start: Start,
    /// How many signals may be fetched and not acknowledged; at least 1. A read that was on its way may exceed it.
    pub prefetch: usize,
    /// How long another worker may show no sign of life before its signals are taken over; none: for ever.
    pub take_over: Option<Duration>,
    /// Whether to delete acknowledged signals, once every other group and every follower has passed them.
    pub delete: bool,
}

/// A reader of all sources as one of a group.
pub struct Worker {
    in_flight: Arc<InFlight>,
    /// With one shard, its reader runs in the thread that calls [`next`](Self::next): no thread has to wake another.
    own: Option<Mutex<ShardReader>>,
    threads: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts reading. Connecting goes on in the background.
    pub fn start(config: &Config, options: WorkerOptions, report: Report) -> Result<Self> {
        check_name("group", &options.group)?;
        check_name("consumer", &options.consumer)?;
        let text = format!("worker {} of group {}", options.consumer, options.group);
        let name = ReaderName::take(&config.rtss.endpoint, text, "")?;
        let in_flight = Arc::new(InFlight::new(options, name, report));
        let mut worker = Self { in_flight: in_flight.clone(), own: None, threads: Vec::new() };
        for shard in 0..config.rtss_shards {
            let reader = ShardReader::new(config, shard, in_flight.clone());
            if config.rtss_shards == 1 {
                worker.own = Some(Mutex::new(reader));
            } else {
                worker.spawn(format!("mt5redis-in{shard}"), move || reader.run())?;
            }
        }
        let acknowledger = Acknowledger::new(config, in_flight);
        worker.spawn("mt5redis-ack".into(), move || acknowledger.run())?;
        Ok(worker)
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> Result<()> {
        self.in_flight.name.thread_starts();
        let ending = self.in_flight.clone();
        let end = move |outcome: std::result::Result<(), String>| {
            if let Err(panic) = outcome {
                (ending.report)(format!("no more signals are read: a defect, please report it: {panic}"));
                ending.end();
            }
            ending.name.thread_ended();
        };
        let thread = background::start(name, body, end).map_err(|error| {
            self.in_flight.end();
            self.in_flight.name.thread_ended();
            Error::new(MT5REDIS_ERR_THREAD, format!("a thread for reading cannot be started: {error}"))
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// The next item. Waits at most this long, and may return none earlier; an attempt to connect to a server that is away
    /// may take longer.
    pub fn next(&self, timeout: Duration) -> Option<Item> {
        let mut state = self.in_flight.lock();
        if let Some(item) = state.items.pop_front() {
            return Some(item);
        }
        if let Some(mut shard) = self.own.as_ref().and_then(Mutex::try_lock)
            && !self.in_flight.ended()
        {
            drop(state);
            shard.turn(timeout);
            drop(shard);
            let item = self.in_flight.lock().items.pop_front();
            // Another caller reads next. It checked under the lock, so it is already waiting and is woken by this.
            self.in_flight.filled.notify_one();
            return item;
        }
        if !timeout.is_zero() {
            self.in_flight.filled.wait_for(&mut state, timeout);
        }
        state.items.pop_front()
    }

    /// Says that a signal was acted on, so that it is not handed out again. The server learns it soon afterwards; if this
    /// process dies before, the signal is handed out again.
    pub fn acknowledge(&self, place: Place) {
        self.in_flight.acknowledge(place);
    }

    /// Hands a signal out again, to this worker, after a while.
    pub fn again(&self, delivery: &Delivery, after: Duration) {
        self.in_flight.again(delivery.place, delivery.deliveries + 1, Instant::now() + after);
    }

    /// Moves a signal that nobody can act on to the dead letters.
    pub fn bury(&self, place: Place, deliveries: u64, error: &str) {
        self.in_flight.bury(place, deliveries, error);
    }

    /// How many second copies were dropped.
    pub fn duplicates(&self) -> u64 {
        self.in_flight.lock().duplicates
    }

    /// How many signals are fetched and not yet acknowledged at the server.
    pub fn open(&self) -> usize {
        self.in_flight.lock().open.len()
    }

    /// How many sources it reads.
    pub fn reading(&self) -> usize {
        self.in_flight.lock().sources.values().map(Vec::len).sum()
    }

    /// Ends the threads without waiting for them. They still send acknowledgements, as far as the server answers.
    pub fn end(&self) {
        self.in_flight.end();
    }

    /// [`end`](Self::end)s and waits for the threads.
    pub fn stop(mut self) {
        self.end();
        for thread in std::mem::take(&mut self.threads) {
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}
