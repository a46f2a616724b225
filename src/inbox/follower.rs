//! A follower: the subscription of one Expert Advisor to the sources that it names. At the server it needs only the
//! permissions to read their streams and to write its own position.
//!
//! It promises to hand out each signal until it is acknowledged and not afterwards, the signals of a source in their
//! order, and a gap once, before the signal that shows it. Of two terminals that follow under one name only one is handed
//! signals at a time. Signals that the Expert Advisor does not want are acknowledged at once and counted.
//!
//! A [`shard`] reader puts signals into the [`mailbox`], which keeps the [`state`] and with it a [`position`] in each source; the
//! [`coordinator`] holds the [`lease`] and stores the positions.

mod coordinator;
mod lease;
mod mailbox;
mod position;
mod shard;
mod state;
mod stored;
mod subscription;
mod survey;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;

use super::item::{Delivery, Gap, Place, Report};
use super::reader_name::ReaderName;
use crate::background;
use crate::clock::own_ms;
use crate::codes::{MT5REDIS_ERR_RECEIVED, MT5REDIS_ERR_THREAD};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::instance::MT5REDIS_CLOCK_LIMIT_MS;
use crate::model::key;
use crate::model::signal::MT5REDIS_ACTION_CLOSE;
use coordinator::Coordinator;
pub use mailbox::{MT5REDIS_ROLE_ACTING, MT5REDIS_ROLE_CONNECTING, MT5REDIS_ROLE_STANDBY};
use mailbox::{Mailbox, PREFETCH};
use shard::ShardReader;
use state::Waiting;
use subscription::SourceFilter;
pub(crate) use subscription::Subscription;
pub use subscription::{MT5REDIS_START_BEGINNING, MT5REDIS_START_NEW, MT5REDIS_START_RESUME};

/// How many unwanted signals one call passes over at most: it must not take long.
const PASSED_OVER: usize = 512;
/// A signal that is further ahead of the server's clock has a wrong time, ms.
const FUTURE_MS: i64 = MT5REDIS_CLOCK_LIMIT_MS;

/// A signal that was received.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReceivedSignal {
    /// What `mt5redis_acknowledge` takes.
    pub number: i64,
    /// The producer that numbered the signal, as a number. Together with the instance and `sequence` it identifies the
    /// signal and its copies.
    pub producer: i64,
    /// Its number at its producer.
    pub sequence: i64,
    /// When it was given, ms since 1970 UTC.
    pub time_ms: i64,
    /// After this time nobody should act on it, ms since 1970 UTC; 0: the reader decides.
    pub expiry_ms: i64,
    /// How long ago it was given or reached Redis, whichever is longer, by the server's clock, ms.
    pub age_ms: i64,
    /// Magic number of the Expert Advisor that gave it.
    pub magic: i64,
    /// The position that `CLOSE` and `MODIFY` apply to; 0 for all of this symbol and magic.
    pub position: i64,
    /// Volume, lots; 0 in `CLOSE` means all.
    pub volume: f64,
    /// Price when it was given; 0: market.
    pub price: f64,
    /// Stop loss; 0: none.
    pub stop_loss: f64,
    /// Take profit; 0: none.
    pub take_profit: f64,
    /// One of `MT5REDIS_ACTION_*`.
    pub action: i32,
    /// Its broker's clock minus UTC, s.
    pub server_offset_s: i32,
    /// 1: it is handed out for the first time; 2: it may have been handed out before, and was not acknowledged.
    pub deliveries: i32,
    /// The shard of its source.
    pub shard: i32,
    /// Volume of the position, or of the pending order, before the event, lots.
    pub volume_before: f64,
    /// The same after the event: what it is now.
    pub volume_after: f64,
    /// Average entry price of the position now; the limit price of a stop-limit order.
    pub entry_price: f64,
    /// What happened: one of `MT5REDIS_SIGNAL_*`; 0: the signal does not say, and the other fields from `volume_before` on
    /// are 0, too.
    pub event: i32,
    /// Side of the position after the event, or of the pending order: one of `MT5REDIS_SIDE_*`.
    pub side: i32,
    /// Kind of the pending order: one of `MT5REDIS_ORDER_*`; 0 for a position.
    pub order_type: i32,
    /// 1: the event was found by comparing with the account, so it happened while nobody watched. 0: it was seen.
    pub found: i32,
}

/// What a call for the next signal finds.
pub(crate) enum Next {
    Nothing,
    Signal(ReceivedSignal, Box<Delivery>),
    Gap(Gap),
}

pub(crate) struct Follower {
    mailbox: Arc<Mailbox>,
    /// The signals that were handed out and not acknowledged, by their numbers.
    open: Mutex<HashMap<i64, Place>>,
    last_number: AtomicI64,
    /// It was reported that nothing is acknowledged.
    stuck: AtomicBool,
    received: AtomicU64,
    late: AtomicU64,
    filtered: AtomicU64,
    missed: AtomicU64,
}

impl Follower {
    /// Starts following as this instance. Connecting goes on in the background.
    pub(crate) fn start(
        config: &Config,
        instance: &str,
        subscription: Subscription,
        report: Report,
    ) -> Result<Self> {
        let text = format!("follower {}", subscription.follower);
        let name = ReaderName::take(&config.rtss.endpoint, text, instance)?;
        let shards: BTreeSet<u16> = match &subscription.sources {
            SourceFilter::All => (0..config.rtss_shards).collect(),
            SourceFilter::Named(sources) => {
                sources.iter().map(|source| key::shard(source.as_str(), config.rtss_shards)).collect()
            }
        };
        let mailbox = Arc::new(Mailbox::new(config, subscription, name, report));
        for shard in shards {
            let reader = ShardReader::new(config, mailbox.clone(), shard, instance);
            spawn(&mailbox, format!("mt5redis-in{shard}"), move || reader.run())?;
        }
        let coordinator = Coordinator::new(config, mailbox.clone(), instance);
        spawn(&mailbox, "mt5redis-ack".into(), move || coordinator.run())?;
        Ok(Self {
            mailbox,
            open: Mutex::default(),
            last_number: AtomicI64::new(0),
            stuck: AtomicBool::new(false),
            received: AtomicU64::new(0),
            late: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        })
    }

    /// The next signal that is wanted, if one is here and this terminal acts.
    pub(crate) fn next(&self) -> Next {
        for _ in 0..PASSED_OVER {
            match self.mailbox.next() {
                None => {
                    self.report_if_stuck();
                    break;
                }
                Some(Waiting::Gap(gap, _)) => {
                    self.missed.fetch_add(gap.signals, Relaxed);
                    self.mailbox.report_named(&gap);
                    return Next::Gap(gap);
                }
                Some(Waiting::Signal(delivery)) => match self.accept(&delivery) {
                    Some(signal) => return Next::Signal(signal, delivery),
                    None => self.mailbox.acknowledge(delivery.place),
                },
            }
        }
        Next::Nothing
    }

    /// An Expert Advisor that acknowledges nothing would wait for ever without knowing why.
    fn report_if_stuck(&self) {
        let stuck = self.mailbox.lock().open >= PREFETCH && self.role() == MT5REDIS_ROLE_ACTING;
        if !self.stuck.swap(stuck, Relaxed) && stuck {
            self.mailbox.report_named(format_args!(
                "no more are fetched, as {PREFETCH} wait to be acknowledged: call mt5redis_acknowledge for each signal \
                 that was acted on"
            ));
        }
    }

    /// The signal, numbered, if it is wanted.
    fn accept(&self, delivery: &Delivery) -> Option<ReceivedSignal> {
        let Delivery { place, deliveries, signal: received } = delivery;
        let (signal, subscription) = (&received.signal, &self.mailbox.subscription);
        if !subscription.matches(received) {
            self.filtered.fetch_add(1, Relaxed);
            return None;
        }
        let now = own_ms() as i64 + self.mailbox.ahead_ms.load(Relaxed);
        // It may have waited for Redis in its terminal, or for us in Redis.
        let age_ms = (now - signal.time_ms).max(now.saturating_sub_unsigned(place.id.ms)).max(0);
        let expired = signal.expiry_ms > 0 && now > signal.expiry_ms;
        // If its terminal's clock is wrong, nobody knows how old it is.
        let future = signal.time_ms > now + FUTURE_MS;
        let (max_age_ms, close) = (subscription.max_age_ms, signal.action == MT5REDIS_ACTION_CLOSE);
        if expired || max_age_ms > 0 && (age_ms > max_age_ms || future) || future && !close {
            self.late.fetch_add(1, Relaxed);
            if future {
                (self.mailbox.report)(format!(
                    "signal {} of {} is skipped: its time is {} s ahead of the server's, so its terminal's clock is wrong",
                    received.idempotency_key(),
                    received.instance,
                    (signal.time_ms - now) / 1000
                ));
            }
            return None;
        }
        self.received.fetch_add(1, Relaxed);
        let number = self.last_number.fetch_add(1, Relaxed) + 1;
        self.open.lock().insert(number, *place);
        Some(ReceivedSignal {
            number,
            producer: received.producer_number(),
            sequence: received.sequence as i64,
            time_ms: signal.time_ms,
            expiry_ms: signal.expiry_ms,
            age_ms,
            magic: signal.magic,
            position: signal.position,
            volume: signal.volume,
            price: signal.price,
            stop_loss: signal.stop_loss,
            take_profit: signal.take_profit,
            action: signal.action,
            server_offset_s: signal.server_offset_s,
            deliveries: i32::try_from(*deliveries).unwrap_or(i32::MAX),
            shard: place.shard.into(),
            volume_before: signal.volume_before,
            volume_after: signal.volume_after,
            entry_price: signal.entry_price,
            event: signal.event,
            side: signal.side,
            order_type: signal.order_type,
            found: signal.found,
        })
    }

    /// Says that a signal was acted on.
    pub(crate) fn acknowledge(&self, number: i64) -> Result<()> {
        let Some(place) = self.open.lock().remove(&number) else {
            let text = format!(
                "no signal {number} waits to be acknowledged: pass the number of a signal that was received, once"
            );
            return Err(Error::new(MT5REDIS_ERR_RECEIVED, text));
        };
        self.mailbox.acknowledge(place);
        Ok(())
    }

    /// What this terminal does under the follower's name, one of `MT5REDIS_ROLE_*`.
    pub(crate) fn role(&self) -> i32 {
        self.mailbox.role()
    }

    /// How often this terminal has taken over from another one since it follows.
    pub(crate) fn takeovers(&self) -> i32 {
        self.mailbox.lock().takeovers
    }

    /// Ends the threads without waiting for them.
    pub(crate) fn end(&self) {
        self.mailbox.end();
    }

    /// After the end: waits until the acknowledgements are written, at most this long.
    pub(crate) fn wait(&self, timeout: Duration) {
        self.mailbox.wait_for_end(timeout);
    }

    pub(crate) fn stats(&self) -> serde_json::Value {
        let role = ["connecting", "acting", "standby"][self.role() as usize];
        let state = self.mailbox.lock();
        json!({
            "role": role,
            "received": self.received.load(Relaxed),
            "late": self.late.load(Relaxed),
            "filtered": self.filtered.load(Relaxed),
            "duplicates": state.duplicates,
            "unreadable": state.unreadable,
            "rejected": state.rejected,
            "missed": self.missed.load(Relaxed),
            "unacknowledged": self.open.lock().len(),
            "reading": state.reached.len(),
        })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(mailbox: &Arc<Mailbox>, name: String, body: impl FnOnce() + Send + 'static) -> Result<()> {
    mailbox.name.thread_starts();
    let ending = mailbox.clone();
    let end = move |outcome: std::result::Result<(), String>| {
        if let Err(panic) = outcome {
            ending.report_named(format_args!("no more are read: a defect, please report it: {panic}"));
            ending.end();
        }
        ending.thread_ended();
    };
    background::start(name, body, end).map(drop).map_err(|error| {
        mailbox.thread_ended();
        mailbox.end();
        Error::new(MT5REDIS_ERR_THREAD, format!("a thread for reading cannot be started: {error}"))
    })
}

const _: () = assert!(size_of::<ReceivedSignal>() == 152);
