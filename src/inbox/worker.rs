//! A worker: one reader of a consumer group over the streams of all sources. The group's readers share the signals,
//! take over from each other, and need the operator's permissions.
//!
//! A [`Worker`] promises that each signal is handed out until it is acknowledged, also after the group was lost with a
//! server; and that it deletes nothing that another group or a follower has not passed. Two readers of a group do
//! not know of each other's work at once, so a signal may be handed out twice: its key tells.

mod acknowledged;
mod acknowledger;
mod dead_letters;
mod in_flight;
mod join;
mod shard;
mod trimmer;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, unbounded};
use parking_lot::Mutex;

use super::item::{Delivery, Item, Place, Report, Start, name};
use super::reader_name::ReaderName;
use crate::background;
use crate::codes::MT5REDIS_ERR_THREAD;
use crate::config::Config;
use crate::error::{Error, Result};
use acknowledger::{Acknowledger, Order};
pub use dead_letters::{DeadLetter, DeadLetters};
use in_flight::InFlight;
use shard::ShardReader;

/// What a reader is to do.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The consumer group, 1 to 64 of `A-Z a-z 0-9 . _ : @ -`. Its readers share the signals.
    pub group: String,
    /// This reader's own name in the group, of the same letters. What it has not acknowledged comes again
    /// to the next reader of the same name.
    pub consumer: String,
    /// Where to start.
    pub start: Start,
    /// How many signals may be handed out and not acknowledged, waiting ones included; at least 1. A read that was on
    /// its way may exceed it.
    pub prefetch: usize,
    /// After how long without a sign of life another reader's signals are taken over; none: never.
    pub take_over: Option<Duration>,
    /// Whether what was acknowledged is deleted, once every other group and every follower has passed it.
    pub delete: bool,
}

/// A reader of all sources.
pub struct Worker {
    in_flight: Arc<InFlight>,
    orders: Sender<Order>,
    /// The one shard that is read by who waits, so that no thread has to wake another one.
    own: Option<Mutex<ShardReader>>,
    threads: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts reading the signals of this configuration. Connecting goes on in the background.
    pub fn start(config: &Config, options: WorkerOptions, report: Report) -> Result<Self> {
        name("group", &options.group)?;
        name("consumer", &options.consumer)?;
        let text = format!("worker {} of group {}", options.consumer, options.group);
        let name = ReaderName::take(&config.rtss.endpoint, text, "")?;
        let (orders, inbound) = unbounded();
        let in_flight = Arc::new(InFlight::new(options, name, report));
        let mut reader = Self { in_flight, orders, own: None, threads: Vec::new() };
        for shard in 0..config.rtss_shards {
            let one = ShardReader::new(config, shard, reader.in_flight.clone(), reader.orders.clone());
            if config.rtss_shards == 1 {
                reader.own = Some(Mutex::new(one));
            } else {
                reader.spawn(format!("mt5redis-in{shard}"), move || one.run())?;
            }
        }
        let acknowledger = Acknowledger::new(config, reader.in_flight.clone(), inbound);
        reader.spawn("mt5redis-ack".into(), move || acknowledger.run())?;
        Ok(reader)
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> Result<()> {
        self.in_flight.name.enter();
        let ending = self.in_flight.clone();
        let end = move |outcome: std::result::Result<(), String>| {
            if let Err(panic) = outcome {
                (ending.report)(format!("signals come no more: a defect, please report it: {panic}"));
                ending.end();
            }
            ending.name.leave();
        };
        let thread = background::start(name, body, end).map_err(|error| {
            self.in_flight.end();
            self.in_flight.name.leave();
            Error::new(MT5REDIS_ERR_THREAD, format!("no thread could be started for reading: {error}"))
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// The next item, waiting for it at most this long; it may return without one earlier. Where it reads by
    /// itself and the server is away, an attempt to connect may take longer.
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
            // The turn is another's, if one waits: it checked under the lock, so it is waiting already.
            self.in_flight.filled.notify_one();
            return item;
        }
        if !timeout.is_zero() {
            self.in_flight.filled.wait_for(&mut state, timeout);
        }
        state.items.pop_front()
    }

    /// Says that a signal was acted on: it comes no more. The server hears of it soon after; one that dies
    /// before hands the signal out again.
    pub fn acknowledge(&self, place: Place) {
        let _ = self.orders.send(Order::Acknowledge(place));
    }

    /// Says that a signal is to come again, to this reader, after a while.
    pub fn again(&self, delivery: &Delivery, after: Duration) {
        let (place, deliveries) = (delivery.place, delivery.deliveries + 1);
        let _ = self.orders.send(Order::Again { place, deliveries, at: Instant::now() + after });
    }

    /// Puts a signal that nobody can act on among the dead letters.
    pub fn bury(&self, place: Place, deliveries: u64, error: &str) {
        let _ = self.orders.send(Order::Bury { place, deliveries, error: error.to_owned() });
    }

    /// How many signals came twice and were handed out once.
    pub fn duplicates(&self) -> u64 {
        self.in_flight.lock().duplicates
    }

    /// How many are handed out, or wait here, and are not acknowledged at the server.
    pub fn open(&self) -> usize {
        self.in_flight.lock().open.len()
    }

    /// How many sources it reads.
    pub fn reading(&self) -> usize {
        self.in_flight.lock().sources.values().map(Vec::len).sum()
    }

    /// Ends the threads in their own time: acknowledgements are still sent, as far as the server answers.
    pub fn end(&self) {
        self.in_flight.end();
        let _ = self.orders.send(Order::Wake);
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
