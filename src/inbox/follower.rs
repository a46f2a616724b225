//! A subscription of one Expert Advisor: what it wants to see of the signals, and how old they may be. What
//! it does not want is acknowledged at once and counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::json;

use super::{Delivery, Gap, Item, Options, Place, Reader, Start, Tell};
use crate::codes::{MT5REDIS_ERR_MAX_AGE, MT5REDIS_ERR_RECEIVED, MT5REDIS_ERR_START};
use crate::config::Config;
use crate::error::{Error, Result};

/// Start with the signals that are given from now on.
pub const MT5REDIS_START_NEW: i32 = 0;
/// Start with the oldest signal that is kept.
pub const MT5REDIS_START_BEGINNING: i32 = 1;
/// Go on where the group was; a new group starts with the oldest signal that is kept.
pub const MT5REDIS_START_RESUME: i32 = 2;

/// How many signals are fetched in advance.
const PREFETCH: usize = 256;
/// How many unwanted signals one call passes over at most: it must not take long.
const PASSED_OVER: usize = 512;

/// A signal that was received.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReceivedSignal {
    /// What `mt5redis_acknowledge` takes.
    pub number: i64,
    /// Who numbered the signal, as a number; with `sequence` the same for every copy of it, and no other's.
    pub producer: i64,
    /// Its number at its producer.
    pub sequence: i64,
    /// When it was given, ms since 1970 UTC.
    pub time_ms: i64,
    /// After this time nobody should act on it, ms since 1970 UTC; 0: the reader decides.
    pub expiry_ms: i64,
    /// How long ago it was given or came to Redis, whichever is longer, ms.
    pub age_ms: i64,
    /// Magic number of the Expert Advisor that gave it.
    pub magic: i64,
    /// The position that `CLOSE` and `MODIFY` mean; 0 for all of this symbol and magic.
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
    /// 1: it is handed out for the first time; more: it came before and was not acknowledged.
    pub deliveries: i32,
    /// The shard it was in.
    pub shard: i32,
}

/// What an Expert Advisor wants.
pub(crate) struct Wish {
    pub(crate) group: String,
    /// Its name in the group.
    pub(crate) consumer: String,
    /// The instances to follow; empty: all.
    pub(crate) instances: Vec<String>,
    /// The symbols to follow; empty: all.
    pub(crate) symbols: Vec<String>,
    /// The magic number to follow; 0: all.
    pub(crate) magic: i64,
    /// How old a signal may be, ms; 0: any age.
    pub(crate) max_age_ms: i64,
}

/// What a call for the next signal finds.
pub(crate) enum Next {
    Nothing,
    Signal(ReceivedSignal, Box<Delivery>),
    Gap(Gap),
}

/// One subscription.
pub(crate) struct Follower {
    reader: Reader,
    wish: Wish,
    tell: Tell,
    /// The signals handed out, by their numbers.
    open: Mutex<HashMap<i64, Place>>,
    last_number: AtomicI64,
    /// It was told that nothing is acknowledged.
    stuck: AtomicBool,
    received: AtomicU64,
    late: AtomicU64,
    filtered: AtomicU64,
    unreadable: AtomicU64,
    missed: AtomicU64,
}

impl Follower {
    pub(crate) fn start(config: &Config, wish: Wish, start: i32, tell: Tell) -> Result<Self> {
        let start = match start {
            MT5REDIS_START_NEW => Start::New,
            MT5REDIS_START_BEGINNING => Start::Beginning,
            MT5REDIS_START_RESUME => Start::Resume,
            _ => {
                return Err(Error::new(
                    MT5REDIS_ERR_START,
                    format!("start {start} does not exist: pass one of MT5REDIS_START_* (0, 1, 2)"),
                ));
            }
        };
        if wish.max_age_ms < 0 {
            return Err(Error::new(
                MT5REDIS_ERR_MAX_AGE,
                format!("max_age_ms {} is negative: pass milliseconds, or 0 for any age", wish.max_age_ms),
            ));
        }
        let options = Options {
            group: wish.group.clone(),
            consumer: wish.consumer.clone(),
            start,
            prefetch: PREFETCH,
            take_over: None,
            // Who else reads the stream, and how, a follower does not know.
            delete: false,
            in_advance: true,
        };
        Ok(Self {
            reader: Reader::start(config, options, tell.clone())?,
            wish,
            tell,
            open: Mutex::default(),
            last_number: AtomicI64::new(0),
            stuck: AtomicBool::new(false),
            received: AtomicU64::new(0),
            late: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        })
    }

    /// The next signal that is wanted, if one is here.
    pub(crate) fn next(&self) -> Next {
        for _ in 0..PASSED_OVER {
            match self.reader.next(Duration::ZERO) {
                None => {
                    self.tell_if_stuck();
                    break;
                }
                Some(Item::Gap(gap)) => {
                    self.missed.fetch_add(gap.signals.unwrap_or(0), Relaxed);
                    (self.tell)(format!("signals of group {}: {}", self.wish.group, describe(gap)));
                    return Next::Gap(gap);
                }
                Some(Item::Unreadable(place, reason)) => {
                    self.unreadable.fetch_add(1, Relaxed);
                    (self.tell)(format!(
                        "entry {} of shard {} is passed over: {reason}",
                        place.entry(),
                        place.shard
                    ));
                    self.reader.acknowledge(place);
                }
                Some(Item::Signal(delivery)) => {
                    if let Some(signal) = self.wanted(&delivery) {
                        return Next::Signal(signal, delivery);
                    }
                    self.reader.acknowledge(delivery.place);
                }
            }
        }
        Next::Nothing
    }

    /// An Expert Advisor that acknowledges nothing would wait for ever, and not know for what.
    fn tell_if_stuck(&self) {
        let stuck = self.open.lock().len() >= PREFETCH;
        if !self.stuck.swap(stuck, Relaxed) && stuck {
            (self.tell)(format!(
                "signals of group {}: {PREFETCH} wait to be acknowledged, and no more are fetched before: call \
                 mt5redis_acknowledge for each signal that was acted on",
                self.wish.group
            ));
        }
    }

    fn wanted(&self, delivery: &Delivery) -> Option<ReceivedSignal> {
        let Delivery { place, deliveries, signal: received } = delivery;
        let signal = &received.signal;
        let one_of = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        if !one_of(&self.wish.instances, &received.instance)
            || !one_of(&self.wish.symbols, &received.symbol)
            || self.wish.magic != 0 && self.wish.magic != signal.magic
        {
            self.filtered.fetch_add(1, Relaxed);
            return None;
        }
        let now = now_ms() + self.reader.server_ahead_ms();
        // A signal may have waited for Redis in its terminal, or for us in Redis; a clock that is wrong must
        // not make it younger.
        let age_ms = (now - signal.time_ms).max(now - place.id.0 as i64).max(0);
        let expired = signal.expiry_ms > 0 && now > signal.expiry_ms;
        if expired || self.wish.max_age_ms > 0 && age_ms > self.wish.max_age_ms {
            self.late.fetch_add(1, Relaxed);
            return None;
        }
        self.received.fetch_add(1, Relaxed);
        let number = self.last_number.fetch_add(1, Relaxed) + 1;
        self.open.lock().insert(number, *place);
        Some(ReceivedSignal {
            number,
            producer: producer_number(&received.producer),
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
        })
    }

    /// Says that a signal was acted on.
    pub(crate) fn acknowledge(&self, number: i64) -> Result<()> {
        match self.open.lock().remove(&number) {
            Some(place) => {
                self.reader.acknowledge(place);
                Ok(())
            }
            None => Err(Error::new(
                MT5REDIS_ERR_RECEIVED,
                format!("no signal {number} waits for an acknowledgement: pass the number of one, once"),
            )),
        }
    }

    /// Ends the threads in their own time.
    pub(crate) fn end(&self) {
        self.reader.end();
    }

    /// After the end: waits until the acknowledgements are sent, this long at most.
    pub(crate) fn wait(&self, timeout: Duration) {
        self.reader.wait(timeout);
    }

    /// What it counts.
    pub(crate) fn stats(&self) -> serde_json::Value {
        json!({
            "received": self.received.load(Relaxed),
            "late": self.late.load(Relaxed),
            "filtered": self.filtered.load(Relaxed),
            "duplicates": self.reader.duplicates(),
            "unreadable": self.unreadable.load(Relaxed),
            "missed": self.missed.load(Relaxed),
            "unacknowledged": self.open.lock().len(),
            "reading": self.reader.reading(),
        })
    }
}

/// A gap in words.
pub(crate) fn describe(gap: Gap) -> String {
    match gap.signals {
        Some(signals) => {
            format!("{signals} signals of shard {} were deleted before they were read", gap.shard)
        }
        None => format!("the group of shard {} was gone: signals may be missing", gap.shard),
    }
}

/// A producer as a number: a name of this library is one already, any other is made one (FNV-1a).
fn producer_number(name: &str) -> i64 {
    let ours = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = match u64::from_str_radix(name, 16) {
        Ok(number) if ours => number,
        _ => name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }),
    };
    number as i64
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

const _: () = assert!(size_of::<ReceivedSignal>() == 112);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn producers_of_others_have_numbers_too() {
        assert_eq!(producer_number("00000000000000ff"), 255);
        let numbers = ["python", "excel", "", "ff", "+0000000000000ff"].map(producer_number);
        assert!(numbers.iter().all(|number| *number != 0 && *number != 255), "{numbers:?}");
        assert_eq!(numbers.iter().collect::<std::collections::HashSet<_>>().len(), numbers.len());
    }
}
