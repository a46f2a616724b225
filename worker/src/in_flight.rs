//! What the threads of a worker share with the callers: the signals that were fetched and not acknowledged, those that
//! wait to be handed out, and what is to be done with those that were.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use mt5_redis::inbox::item::{Delivery, Item, LARGEST_ENTRY, Place, Report};
use mt5_redis::inbox::reader_name::ReaderName;
use mt5_redis::inbox::sequences::{Context, SeenSequences, Verdict};
use mt5_redis::model::InstanceId;
use mt5_redis::model::received::Received;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::WorkerOptions;

/// How many acknowledged signals are remembered: more than a terminal sends again within a minute.
const RECENT: usize = 65_536;

/// A worker's shared state.
pub(super) struct InFlight {
    pub(super) options: WorkerOptions,
    pub(super) name: Arc<ReaderName>,
    pub(super) report: Report,
    stop: AtomicBool,
    state: Mutex<State>,
    /// Signals an item, or the end.
    pub(super) filled: Condvar,
    /// Signals room for more, or the end.
    room: Condvar,
    /// Signals a task, or the end.
    tasked: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) items: VecDeque<Item>,
    /// The signals that are not acknowledged at the server.
    pub(super) open: HashMap<Place, Open>,
    /// What is to be done with them.
    tasks: Tasks,
    /// While somebody reads again what this worker was given before: what was acknowledged meanwhile and may still be in
    /// the reply.
    settled: HashSet<Place>,
    looking_back: usize,
    /// The shards in which a reply was lost that held signals for us.
    pub(super) unseen: HashSet<u16>,
    /// The names of the signals that this worker acknowledged lately, for a server that forgot them.
    recent: VecDeque<(InstanceId, String)>,
    recent_names: HashSet<(InstanceId, String)>,
    /// The sources that are read, by shard.
    pub(super) sources: HashMap<u16, Vec<InstanceId>>,
    pub(super) duplicates: u64,
}

/// A signal that is not acknowledged.
#[derive(Clone)]
pub(super) struct Open {
    /// Identifies it in its source, whatever its id: see [`acknowledged`](super::acknowledged).
    pub(super) name: String,
    /// The entry, for its dead letter; empty if it was too large to be kept.
    pub(super) fields: Vec<Vec<u8>>,
}

/// What the acknowledger is to do.
#[derive(Default)]
pub(super) struct Tasks {
    /// Acknowledge these, and store their names with that where they have one.
    pub(super) done: Vec<(Place, Option<String>)>,
    /// Hand these out again at a time, as their so many-th delivery.
    pub(super) again: Vec<(Instant, Place, u64)>,
    /// Move these to the dead letters: how often they were delivered, and the last error.
    pub(super) dead: Vec<(Place, u64, String)>,
}

impl Tasks {
    /// How many do not wait for a time.
    pub(super) fn urgent(&self) -> usize {
        self.done.len() + self.dead.len()
    }
}

impl InFlight {
    pub(super) fn new(options: WorkerOptions, name: Arc<ReaderName>, report: Report) -> Self {
        Self {
            options,
            name,
            report,
            stop: AtomicBool::new(false),
            state: Mutex::default(),
            filled: Condvar::new(),
            room: Condvar::new(),
            tasked: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn end(&self) {
        self.stop.store(true, Relaxed);
        self.name.end();
        drop(self.lock());
        self.room.notify_all();
        self.filled.notify_all();
        self.tasked.notify_all();
    }

    pub(super) fn ended(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// How many more signals may be fetched.
    pub(super) fn free(&self) -> usize {
        self.options.prefetch.max(1).saturating_sub(self.lock().open.len())
    }

    /// Waits a little for room. Returns how many signals there is room for.
    pub(super) fn wait_for_room(&self, most: Duration) -> usize {
        let mut state = self.lock();
        let limit = self.options.prefetch.max(1);
        if state.open.len() >= limit && !self.ended() {
            self.room.wait_for(&mut state, most);
        }
        limit.saturating_sub(state.open.len())
    }

    /// Waits for the end, at most this long.
    pub(super) fn pause(&self, most: Duration) {
        let mut state = self.lock();
        self.room.wait_while_for(&mut state, |_| !self.ended(), most);
    }

    /// Adds an item to those that wait, and its signal to those that are open.
    pub(super) fn add(&self, item: Item, open: Option<(Place, Open)>) {
        let mut state = self.lock();
        state.open.extend(open);
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
    }

    /// Adds an entry, whatever its number says.
    pub(super) fn hand_out(&self, place: Place, deliveries: u64, fields: Vec<Vec<u8>>) {
        match readable(place, &fields) {
            Ok(signal) => {
                let name = signal.name();
                let delivery = Delivery { place, deliveries, signal };
                self.add(Item::Signal(Box::new(delivery)), Some((place, Open { name, fields })));
            }
            Err(reason) => {
                let fields = if size(&fields) > LARGEST_ENTRY { Vec::new() } else { fields };
                self.add_unreadable(place, fields, reason);
            }
        }
    }

    /// Adds an entry that is not a signal.
    pub(super) fn add_unreadable(&self, place: Place, fields: Vec<Vec<u8>>, reason: String) {
        let open = Open { name: place.entry(), fields };
        self.add(Item::Unreadable(place, reason), Some((place, open)));
    }

    /// Whether a signal is open, or was a moment ago.
    pub(super) fn is_known(&self, place: &Place) -> bool {
        let state = self.lock();
        state.open.contains_key(place) || state.settled.contains(place)
    }

    pub(super) fn is_open(&self, place: &Place) -> bool {
        self.lock().open.contains_key(place)
    }

    /// Whether another entry with the same signal is open.
    pub(super) fn has_copy(&self, name: &str, place: &Place) -> bool {
        let is_copy = |(other, open): (&Place, &Open)| {
            other != place && other.source == place.source && open.name == name
        };
        self.lock().open.iter().any(is_copy)
    }

    pub(super) fn acknowledge(&self, place: Place) {
        self.order(|state| {
            let name = state.open.get(&place).map(|open| open.name.clone());
            state.tasks.done.push((place, name));
        });
    }

    /// Acknowledges an entry that is gone.
    pub(super) fn settle(&self, place: Place) {
        self.order(|state| state.tasks.done.push((place, None)));
    }

    /// Acknowledges a second copy of what the group has acknowledged.
    pub(super) fn settle_copy(&self, place: Place) {
        self.lock().duplicates += 1;
        self.settle(place);
    }

    pub(super) fn again(&self, place: Place, deliveries: u64, at: Instant) {
        self.order(|state| state.tasks.again.push((at, place, deliveries)));
    }

    pub(super) fn bury(&self, place: Place, deliveries: u64, error: &str) {
        self.order(|state| state.tasks.dead.push((place, deliveries, error.to_owned())));
    }

    fn order(&self, add: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        add(&mut state);
        let tasks = &state.tasks;
        // Between the first and enough of them, the acknowledger has nothing new to do.
        let news = tasks.urgent() == 1 || tasks.urgent() >= self.enough() || !tasks.again.is_empty();
        drop(state);
        if news {
            self.tasked.notify_one();
        }
    }

    /// How many tasks wait for no others: until they are done, there is room for half of the signals at most.
    fn enough(&self) -> usize {
        self.options.prefetch.div_ceil(2)
    }

    /// Waits for tasks, at most this long, then `gather` for more, and moves them, at most so many of each kind. Returns
    /// whether none are left.
    pub(super) fn take_tasks(&self, into: &mut Tasks, wait: Duration, gather: Duration, most: usize) -> bool {
        let mut state = self.lock();
        let less_than = |state: &mut State, count| {
            state.tasks.urgent() < count && state.tasks.again.is_empty() && !self.ended()
        };
        self.tasked.wait_while_for(&mut state, |state| less_than(state, 1), wait);
        self.tasked.wait_while_for(&mut state, |state| less_than(state, self.enough()), gather);
        let Tasks { done, again, dead } = &mut state.tasks;
        into.done.extend(done.drain(..done.len().min(most)));
        into.dead.extend(dead.drain(..dead.len().min(most)));
        into.again.append(again);
        state.tasks.urgent() == 0
    }

    /// From here on acknowledged signals are remembered, until [`looked_back`](Self::looked_back).
    pub(super) fn look_back(&self) {
        self.lock().looking_back += 1;
    }

    pub(super) fn looked_back(&self) {
        let mut state = self.lock();
        state.looking_back -= 1;
        if state.looking_back == 0 {
            state.settled = HashSet::new();
        }
    }

    /// Whether this worker acknowledged a signal lately.
    pub(super) fn has_acknowledged(&self, source: &InstanceId, name: &str) -> bool {
        self.lock().recent_names.contains(&(*source, name.to_owned()))
    }

    /// These are acknowledged at the server.
    pub(super) fn acknowledged(&self, places: &[Place]) {
        let mut state = self.lock();
        for place in places {
            let Some(open) = state.open.get(place) else { continue };
            let name = (place.source, open.name.clone());
            if state.recent_names.insert(name.clone()) {
                state.recent.push_back(name);
            }
        }
        while state.recent.len() > RECENT {
            let oldest = state.recent.pop_front().expect("some");
            state.recent_names.remove(&oldest);
        }
        drop(state);
        self.close(places);
    }

    /// These are no longer open.
    pub(super) fn close(&self, places: &[Place]) {
        let mut state = self.lock();
        for place in places {
            state.open.remove(place);
        }
        if state.looking_back > 0 {
            state.settled.extend(places);
        }
        drop(state);
        self.room.notify_all();
    }
}

fn size(fields: &[Vec<u8>]) -> usize {
    fields.iter().map(Vec::len).sum()
}

/// The signal in an entry, or why it is not one.
pub(super) fn readable(place: Place, fields: &[Vec<u8>]) -> Result<Received, String> {
    let size = size(fields);
    if size > LARGEST_ENTRY {
        return Err(format!("it has {size} bytes, more than {LARGEST_ENTRY}"));
    }
    let signal = Received::decode(fields)?;
    if signal.instance != place.source.as_str() {
        return Err(format!("it names {} as its source", signal.instance));
    }
    match SeenSequences::default().judge(&signal, Context::default()) {
        Verdict::Strange(reason) => Err(reason),
        _ => Ok(signal),
    }
}
