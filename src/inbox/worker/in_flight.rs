//! What the threads of a worker share with who asks for signals: what waits, and what was handed out and not
//! acknowledged.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::WorkerOptions;
use crate::inbox::item::{Item, Place, Report};
use crate::inbox::reader_name::ReaderName;
use crate::model::InstanceId;

/// How many acknowledged signals are remembered: more than a terminal sends again within a minute.
const RECENT: usize = 65_536;

/// A worker's shared state.
pub(super) struct InFlight {
    pub(super) options: WorkerOptions,
    pub(super) name: Arc<ReaderName>,
    pub(super) report: Report,
    stop: AtomicBool,
    state: Mutex<State>,
    /// An item came.
    pub(super) filled: Condvar,
    /// There is room, or an end.
    room: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) items: VecDeque<Item>,
    /// What was handed out or waits here, and was not acknowledged.
    pub(super) open: HashMap<Place, Open>,
    /// While somebody reads again what this reader was given before: what was acknowledged meanwhile, and may still
    /// be in the reply.
    settled: HashSet<Place>,
    looking_back: usize,
    /// The shards of which a reply was lost that held signals of ours.
    pub(super) unseen: HashSet<u16>,
    /// What this reader acknowledged lately, for a server that forgot: the source, and the signal's name there.
    recent: VecDeque<(InstanceId, String)>,
    recent_names: HashSet<(InstanceId, String)>,
    /// The sources that are read, by shard.
    pub(super) sources: HashMap<u16, Vec<InstanceId>>,
    pub(super) duplicates: u64,
}

/// A signal that is not acknowledged.
#[derive(Clone)]
pub(super) struct Open {
    /// What names it in its source, whatever its id: see [`evidence`](super::evidence).
    pub(super) name: String,
    /// The entry, for its letter; empty if it was too large to be kept.
    pub(super) fields: Vec<Vec<u8>>,
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
    }

    pub(super) fn ended(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// How many more signals may be fetched.
    pub(super) fn free(&self) -> usize {
        self.options.prefetch.max(1).saturating_sub(self.lock().open.len())
    }

    /// Waits a little for room; says how much there is.
    pub(super) fn wait_for_room(&self, most: Duration) -> usize {
        let mut state = self.lock();
        let limit = self.options.prefetch.max(1);
        if state.open.len() >= limit && !self.ended() {
            self.room.wait_for(&mut state, most);
        }
        limit.saturating_sub(state.open.len())
    }

    /// Waits until the end, this long at most.
    pub(super) fn pause(&self, most: Duration) {
        let mut state = self.lock();
        self.room.wait_while_for(&mut state, |_| !self.ended(), most);
    }

    /// Takes in what is to be handed out.
    pub(super) fn take(&self, item: Item, open: Option<(Place, Open)>) {
        let mut state = self.lock();
        state.open.extend(open);
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
    }

    /// Whether a signal is in somebody's hands here, or was a moment ago.
    pub(super) fn is_known(&self, place: &Place) -> bool {
        let state = self.lock();
        state.open.contains_key(place) || state.settled.contains(place)
    }

    /// Whether a signal is in somebody's hands here.
    pub(super) fn is_open(&self, place: &Place) -> bool {
        self.lock().open.contains_key(place)
    }

    /// Whether another entry with the same signal is in somebody's hands here.
    pub(super) fn has_copy(&self, name: &str, place: &Place) -> bool {
        let is_copy = |(other, open): (&Place, &Open)| {
            other != place && other.source == place.source && open.name == name
        };
        self.lock().open.iter().any(is_copy)
    }

    /// From here on what is acknowledged is remembered, until [`looked_back`](Self::looked_back).
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

    /// Whether this reader acknowledged a signal lately.
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
        self.done(places);
    }

    /// These are in nobody's hands here any more.
    pub(super) fn done(&self, places: &[Place]) {
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
