//! Reading signals: a consumer group over all shards, for workers and for followers.
//!
//! A [`Reader`] fetches signals, in advance or in who waits for them, and hands out [`Item`]s: signals, each at least once
//! until somebody acknowledges it, and gaps, so that a signal that was trimmed before it was read is never
//! passed over in silence. Signals of one shard come in their order, unless they come again. It drops
//! duplicates that it saw itself; it does not know what other readers of its group did.

mod follower;
mod keeper;
pub mod letters;
mod reply;
mod seen;
mod shard;
mod wire;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::{Condvar, Mutex};

use crate::codes::{MT5REDIS_ERR_GROUP, MT5REDIS_ERR_THREAD};
use crate::config::Config;
use crate::error::{Error, Result};
pub use crate::model::received::Received;
pub(crate) use follower::{Follower, Next, Wish, describe};
pub use follower::{MT5REDIS_START_BEGINNING, MT5REDIS_START_NEW, MT5REDIS_START_RESUME, ReceivedSignal};
use keeper::{Keeper, Order};
use seen::Seen;
use shard::ShardReader;

/// The readers of this process. One that ended may still wait at the server, and would be handed what its
/// successor of the same name is to get.
static READERS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Longest name of a group or a consumer, bytes.
pub const NAME_LIMIT: usize = 64;

/// Where a reader starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is given from now on.
    New,
    /// With the oldest signal that is kept.
    Beginning,
    /// Where the group was; a new group at the oldest signal that is kept.
    Resume,
}

/// What a reader is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The consumer group, 1 to 64 of `A-Z a-z 0-9 . _ : @ -`. Its readers share the signals.
    pub group: String,
    /// This reader's own name in the group, of the same letters. What it has not acknowledged comes again
    /// to the next reader of the same name.
    pub consumer: String,
    /// Where to start.
    pub start: Start,
    /// How many signals may be handed out and not acknowledged, waiting ones included; at least 1.
    pub prefetch: usize,
    /// After how long without a sign of life another reader's signals are taken over; none: never.
    pub take_over: Option<Duration>,
    /// Whether what was acknowledged is deleted, if no other group reads the stream.
    pub delete: bool,
    /// Whether threads fetch signals before somebody asks. Without, and with one shard only, who waits in
    /// [`Reader::next`] reads from the server itself, so that no thread has to wake another one.
    pub in_advance: bool,
}

/// Where a signal stands: its shard and its id in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The shard.
    pub shard: u16,
    /// The entry's id, ms of the server's clock and a number.
    pub id: (u64, u64),
}

impl Place {
    /// The entry's id as Redis writes it.
    pub fn entry(&self) -> String {
        format!("{}-{}", self.id.0, self.id.1)
    }
}

/// What a reader hands out.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A signal to act on, and then to acknowledge.
    Signal(Box<Delivery>),
    /// An entry that is no signal, with the reason. It waits for an acknowledgement like one.
    Unreadable(Place, String),
    /// Signals that are gone and were never handed out.
    Gap(Gap),
}

/// A signal on its way to who acts on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Where it stands.
    pub place: Place,
    /// How often it was handed to a reader of this group; 1: for the first time.
    pub deliveries: u64,
    /// The signal.
    pub signal: Received,
}

/// Signals that were deleted before this group read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// In which shard.
    pub shard: u16,
    /// How many; none: the server cannot tell.
    pub signals: Option<u64>,
}

/// A reader of all shards.
pub struct Reader {
    shared: Arc<Shared>,
    orders: Sender<Order>,
    /// The one shard that is read by who waits.
    own: Option<Mutex<ShardReader>>,
    threads: Vec<JoinHandle<()>>,
}

/// Who is told what a reader meets: a server that is away, a permission that is missing.
pub type Tell = Arc<dyn Fn(String) + Send + Sync>;

/// What the threads of a reader share.
struct Shared {
    options: Options,
    tell: Tell,
    stop: AtomicBool,
    /// The server's clock minus ours, ms.
    ahead_ms: AtomicI64,
    queue: Mutex<Queue>,
    filled: Condvar,
    room: Condvar,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    /// What was handed out or waits here, and was not acknowledged.
    open: HashMap<Place, Instant>,
    seen: Seen,
    duplicates: u64,
    /// Shards that found their group and read.
    reading: HashSet<u16>,
    /// Shards where more was read than the server has written down.
    unwritten: HashSet<u16>,
    /// After the end: what was acknowledged is sent, or given up.
    kept: bool,
}

impl Reader {
    /// Starts reading the signals of this configuration. Connecting goes on in the background.
    pub fn start(config: &Config, options: Options, tell: Tell) -> Result<Self> {
        name("group", &options.group)?;
        name("consumer", &options.consumer)?;
        let shared = Arc::new(Shared {
            options,
            tell,
            stop: AtomicBool::new(false),
            ahead_ms: AtomicI64::new(0),
            queue: Mutex::default(),
            filled: Condvar::new(),
            room: Condvar::new(),
        });
        let mut readers = READERS.lock();
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(Arc::downgrade(&shared));
        drop(readers);
        let (orders, inbound): (Sender<Order>, Receiver<Order>) = unbounded();
        let mut reader = Self { shared, orders, own: None, threads: Vec::new() };
        for shard in 0..config.rtss_shards {
            let one = ShardReader::new(config, shard, reader.shared.clone(), reader.orders.clone());
            if config.rtss_shards == 1 && !reader.shared.options.in_advance {
                reader.own = Some(Mutex::new(one));
            } else {
                reader.spawn(format!("mt5redis-in{shard}"), move || one.run())?;
            }
        }
        let keeper = Keeper::new(config, reader.shared.clone(), inbound);
        reader.spawn("mt5redis-keep".into(), move || keeper.run())?;
        Ok(reader)
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = thread::Builder::new().name(name).spawn(body).map_err(|error| {
            self.shared.end();
            Error::new(MT5REDIS_ERR_THREAD, format!("no thread could be started for reading: {error}"))
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// The next item, waiting for it at most this long; it may return without one earlier. Where it reads by
    /// itself and the server is away, an attempt to connect may take longer.
    pub fn next(&self, timeout: Duration) -> Option<Item> {
        let mut queue = self.shared.queue.lock();
        if let Some(item) = queue.items.pop_front() {
            return Some(item);
        }
        if let Some(mut shard) = self.own.as_ref().and_then(Mutex::try_lock)
            && !self.shared.ended()
        {
            drop(queue);
            shard.turn(timeout);
            drop(shard);
            let item = self.shared.queue.lock().items.pop_front();
            // The turn is another's, if one waits. It saw the shard in use with the queue in its hands, so by
            // now it hears us.
            self.shared.filled.notify_one();
            return item;
        }
        if !timeout.is_zero() {
            self.shared.filled.wait_for(&mut queue, timeout);
        }
        queue.items.pop_front()
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
        self.shared.queue.lock().duplicates
    }

    /// How many are handed out, or wait here, and are not acknowledged at the server.
    pub fn open(&self) -> usize {
        self.shared.queue.lock().open.len()
    }

    /// In how many shards it reads.
    pub fn reading(&self) -> usize {
        self.shared.queue.lock().reading.len()
    }

    /// The server's clock minus this machine's, ms.
    pub fn server_ahead_ms(&self) -> i64 {
        self.shared.ahead_ms.load(Relaxed)
    }

    /// Ends the threads in their own time: acknowledgements are still sent, as far as the server answers.
    pub fn end(&self) {
        self.shared.end();
        let _ = self.orders.send(Order::Wake);
    }

    /// After the [`end`](Self::end): waits until the acknowledgements are sent, this long at most.
    pub fn wait(&self, timeout: Duration) {
        let mut queue = self.shared.queue.lock();
        self.shared.room.wait_while_for(&mut queue, |queue| !queue.kept, timeout);
    }

    /// [`end`](Self::end)s and waits for the threads.
    pub fn stop(mut self) {
        self.end();
        for thread in std::mem::take(&mut self.threads) {
            let _ = thread.join();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn end(&self) {
        self.stop.store(true, Relaxed);
        self.room.notify_all();
        self.filled.notify_all();
    }

    fn ended(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Whether a reader of the same name has ended, and still reads or acknowledges.
    fn is_preceded(&self) -> bool {
        let readers: Vec<_> = READERS.lock().iter().filter_map(Weak::upgrade).collect();
        let same = |other: &Options| {
            (&other.group, &other.consumer) == (&self.options.group, &self.options.consumer)
        };
        readers.iter().any(|other| {
            let ended = other.ended() && same(&other.options);
            ended && {
                let queue = other.queue.lock();
                !queue.reading.is_empty() || !queue.kept
            }
        })
    }

    /// How many more signals may be fetched.
    fn free(&self) -> usize {
        self.options.prefetch.max(1).saturating_sub(self.queue.lock().open.len())
    }

    /// Waits a little for room; says how much there is.
    fn wait_for_room(&self, most: Duration) -> usize {
        let mut queue = self.queue.lock();
        let limit = self.options.prefetch.max(1);
        if queue.open.len() >= limit {
            self.room.wait_for(&mut queue, most);
        }
        limit.saturating_sub(queue.open.len())
    }

    /// Takes an item in. Says whether it is a duplicate, which was not taken.
    fn take(&self, item: Item) -> bool {
        let mut queue = self.queue.lock();
        let place = match &item {
            Item::Signal(delivery) => {
                let Delivery { place, signal, deliveries } = &**delivery;
                if queue.open.contains_key(place) && *deliveries <= 1 {
                    return false;
                }
                if !signal.retried && !queue.seen.first(&signal.producer, signal.sequence, *place) {
                    queue.duplicates += 1;
                    return true;
                }
                Some(*place)
            }
            Item::Unreadable(place, _) => Some(*place),
            Item::Gap(_) => None,
        };
        if let Some(place) = place {
            queue.open.insert(place, Instant::now());
        }
        queue.items.push_back(item);
        drop(queue);
        self.filled.notify_one();
        false
    }

    /// Whether a signal is known here as one to be acknowledged.
    fn is_open(&self, place: &Place) -> bool {
        self.queue.lock().open.contains_key(place)
    }

    fn done(&self, places: &[Place]) {
        let mut queue = self.queue.lock();
        places.iter().for_each(|place| {
            queue.open.remove(place);
        });
        drop(queue);
        self.room.notify_all();
    }
}

fn name(field: &str, text: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:@-".contains(c);
    if text.is_empty() || text.len() > NAME_LIMIT || !text.chars().all(allowed) {
        return Err(Error::new(
            MT5REDIS_ERR_GROUP,
            format!("{field} \"{text}\" is refused: pass 1 to {NAME_LIMIT} of A-Z a-z 0-9 . _ : @ -"),
        ));
    }
    Ok(())
}
