//! What the threads of a follower share with who asks for signals: the role that it plays, its position in each
//! source, and the signals that wait to be handed out.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::position::{Position, Taken};
use super::subscription::Subscription;
use crate::config::Config;
use crate::inbox::item::{Delivery, Gap, Id, Place, Report, Start, before};
use crate::inbox::reader_name::ReaderName;
use crate::inbox::reply::Entry;
use crate::model::InstanceId;

/// Not known yet, or not any more: the server is not reached.
pub const MT5REDIS_ROLE_CONNECTING: i32 = 0;
/// This terminal acts: it is handed the signals.
pub const MT5REDIS_ROLE_ACTING: i32 = 1;
/// Another terminal acts by the same name. This one stands by, and takes over when the other is gone.
pub const MT5REDIS_ROLE_STANDBY: i32 = 2;

/// How often the entries of one source that are passed over are told of.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Why a source is barred behind whose newest entry nobody can read.
pub(super) const TOO_LARGE: &str = "an entry is larger than a reply may be, and from the future";

/// Which sources a follower follows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SourceFilter {
    /// Every source there is.
    All,
    /// Named.
    Named(Vec<InstanceId>),
}

/// A follower's shared state.
pub(super) struct Mailbox {
    /// The follower's name, by which position and lease are kept.
    pub(super) follower: String,
    pub(super) sources: SourceFilter,
    pub(super) start: Start,
    pub(super) shards: u16,
    /// How long signals are kept.
    pub(super) retention: Duration,
    /// How many signals may be read and not acknowledged; a read that was on its way may exceed it.
    pub(super) prefetch: usize,
    pub(super) name: Arc<ReaderName>,
    pub(super) report: Report,
    stop: AtomicBool,
    /// The server's clock minus ours, ms.
    pub(super) ahead_ms: AtomicI64,
    state: Mutex<State>,
    /// Wakes the reading threads: the role, the room or the sources changed.
    reading: Condvar,
    /// Wakes the acknowledger.
    writing: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// Whether this terminal acts, and until when at least.
    acting_until: Option<Instant>,
    stands_by: bool,
    /// Each time that positions are taken from Redis another one: what was read for an earlier one is of no use.
    epoch: u64,
    followed: BTreeMap<InstanceId, Followed>,
    waiting: VecDeque<Waiting>,
    /// Signals that were read and not acknowledged.
    open: usize,
    /// The gap that was handed out last. Whoever asks for the next signal knows of it.
    gap: Option<Place>,
    /// The sources whose position is not written.
    unwritten: BTreeSet<InstanceId>,
    /// A look at the streams is wanted at once.
    pub(super) survey: bool,
    /// The shards that were read.
    reached: HashSet<u16>,
    pub(super) counts: Counts,
}

/// One source as a follower has it.
#[derive(Default)]
struct Followed {
    shard: u16,
    position: Position,
    /// Why it cannot be read for the time being.
    barred: Option<String>,
    /// When it was last told that entries were passed over, and how many since.
    complained: Option<Instant>,
    passed_over: u64,
}

/// What waits to be handed out.
pub(super) enum Waiting {
    Signal(Box<Delivery>),
    Gap(Gap, Place),
}

/// What is counted.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) duplicates: u64,
    pub(super) unreadable: u64,
    pub(super) rejected: u64,
}

/// What a thread is to read next.
pub(super) struct Turn {
    pub(super) epoch: u64,
    pub(super) streams: Vec<(InstanceId, Id)>,
    pub(super) room: usize,
}

impl Mailbox {
    pub(super) fn new(
        config: &Config,
        subscription: &Subscription,
        prefetch: usize,
        name: Arc<ReaderName>,
        report: Report,
    ) -> Self {
        Self {
            follower: subscription.follower.clone(),
            sources: subscription.sources.clone(),
            start: subscription.start,
            shards: config.rtss_shards,
            retention: config.rtss_retention,
            prefetch,
            name,
            report,
            stop: AtomicBool::new(false),
            ahead_ms: AtomicI64::new(0),
            state: Mutex::default(),
            reading: Condvar::new(),
            writing: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn ended(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Ends the threads in their own time.
    pub(super) fn end(&self) {
        self.stop.store(true, Relaxed);
        self.name.end();
        // With the lock nobody misses it between a look and a wait.
        self.lock().settle_gap();
        self.reading.notify_all();
        self.writing.notify_all();
    }

    /// A thread is done.
    pub(super) fn leave(&self) {
        self.name.leave();
        drop(self.lock());
        self.reading.notify_all();
    }

    /// Waits until every thread is done, this long at most.
    pub(super) fn wait_for_end(&self, timeout: Duration) {
        let mut state = self.lock();
        self.reading.wait_while_for(&mut state, |_| self.name.threads() > 0, timeout);
    }

    /// What is next, if this terminal acts.
    pub(super) fn next(&self) -> Option<Waiting> {
        let mut state = self.lock();
        if state.settle_gap() {
            self.writing.notify_one();
        }
        if !state.acts() {
            return None;
        }
        let next = state.waiting.pop_front()?;
        if let Waiting::Gap(_, place) = &next {
            state.gap = Some(*place);
        }
        Some(next)
    }

    /// A signal was acted on.
    pub(super) fn acknowledge(&self, place: Place) {
        let mut state = self.lock();
        let done =
            state.followed.get_mut(&place.source).is_some_and(|one| one.position.acknowledge(place.id));
        if done {
            state.open -= 1;
            state.unwritten.insert(place.source);
            drop(state);
            self.reading.notify_all();
            self.writing.notify_one();
        }
    }

    /// Waits until there is something to read in this shard, this long at most.
    pub(super) fn turn(&self, shard: u16, most: Duration) -> Option<Turn> {
        let mut state = self.lock();
        for waited in [false, true] {
            if self.ended() {
                return None;
            }
            let room = self.prefetch.saturating_sub(state.open);
            if room > 0 && state.acts() {
                let streams = state.streams(shard);
                if !streams.is_empty() {
                    return Some(Turn { epoch: state.epoch, streams, room });
                }
            }
            if !waited {
                self.reading.wait_for(&mut state, most);
            }
        }
        None
    }

    /// Takes in what was read of a source. `all` says whether that was all there is.
    pub(super) fn take(&self, epoch: u64, source: InstanceId, entries: Vec<Entry>, all: bool) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(one) = state.followed.get_mut(&source).filter(|_| state.epoch == epoch) else { return };
        let mut passed_over = Vec::new();
        for (id, fields) in entries {
            if id <= one.position.read() {
                continue;
            }
            let place = Place { source, shard: one.shard, id };
            let (gap, signal) = match one.position.take(place, &fields.unwrap_or_default(), self.retention) {
                Taken::Signal(gap, delivery) => (gap, Some(delivery)),
                Taken::Duplicate(gap) => {
                    state.counts.duplicates += 1;
                    (gap, None)
                }
                Taken::Unreadable(reason) => {
                    state.counts.unreadable += 1;
                    passed_over.push((place, reason));
                    (None, None)
                }
                Taken::Rejected(reason) => {
                    state.counts.rejected += 1;
                    passed_over.push((place, reason));
                    (None, None)
                }
            };
            state.waiting.extend(gap.map(|gap| Waiting::Gap(gap, place)));
            if let Some(delivery) = signal {
                state.open += 1;
                state.waiting.push_back(Waiting::Signal(delivery));
            } else {
                // What nobody has to act on moves the position, in its own time.
                state.unwritten.insert(source);
            }
        }
        if all {
            one.position.reached_the_end();
        }
        let told = one.complain(&passed_over);
        drop(guard);
        told.into_iter().for_each(|line| (self.report)(line));
    }

    pub(super) fn reads(&self, shard: u16) {
        self.lock().reached.insert(shard);
    }

    /// A read was refused: somebody should find out which stream is to blame.
    pub(super) fn ask_for_survey(&self) {
        self.lock().survey = true;
        self.writing.notify_one();
    }

    /// Waits until the acknowledger has something to do, at most until then.
    pub(super) fn wait_for_work(&self, until: Instant) {
        let mut state = self.lock();
        let idle = |state: &mut State| state.unwritten.is_empty() && !state.survey && !self.ended();
        self.writing.wait_while_until(&mut state, idle, until);
    }

    /// This terminal acts from now on, from these positions.
    pub(super) fn act(&self, positions: BTreeMap<InstanceId, (u16, Position)>, until: Instant) {
        let mut state = self.lock();
        state.epoch += 1;
        state.acting_until = Some(until);
        state.stands_by = false;
        state.clear();
        state.survey = true;
        let followed =
            |(source, (shard, position))| (source, Followed { shard, position, ..Default::default() });
        state.followed = positions.into_iter().map(followed).collect();
        self.name.play(MT5REDIS_ROLE_ACTING as u8);
        drop(state);
        self.reading.notify_all();
    }

    /// It goes on acting, until then at least.
    pub(super) fn act_on(&self, until: Instant) {
        let mut state = self.lock();
        let paused = !state.acts();
        state.acting_until = Some(until);
        drop(state);
        if paused {
            self.name.play(MT5REDIS_ROLE_ACTING as u8);
            self.reading.notify_all();
        }
    }

    /// Another terminal acts. Returns whether that is news.
    pub(super) fn stand_by(&self) -> bool {
        let mut state = self.lock();
        state.epoch += 1;
        state.acting_until = None;
        state.clear();
        self.name.play(MT5REDIS_ROLE_STANDBY as u8);
        !std::mem::replace(&mut state.stands_by, true)
    }

    /// More sources were found.
    pub(super) fn follow(&self, found: Vec<(InstanceId, u16, Position)>) {
        let mut state = self.lock();
        for (source, shard, position) in found {
            state.followed.entry(source).or_insert(Followed { shard, position, ..Default::default() });
            state.unwritten.insert(source);
        }
        drop(state);
        self.reading.notify_all();
    }

    /// The positions that are to be written, or every one.
    pub(super) fn unwritten(&self, every: bool) -> Vec<(InstanceId, String)> {
        let mut state = self.lock();
        let unwritten = std::mem::take(&mut state.unwritten);
        let one = |(source, one): (&InstanceId, &Followed)| (*source, one.position.to_string());
        if every {
            return state.followed.iter().map(one).collect();
        }
        unwritten.iter().filter_map(|source| state.followed.get_key_value(source)).map(one).collect()
    }

    /// Named were not written.
    pub(super) fn not_written(&self, positions: &[(InstanceId, String)]) {
        self.lock().unwritten.extend(positions.iter().map(|(source, _)| *source));
    }

    /// The role, one of `MT5REDIS_ROLE_*`.
    pub(super) fn role(&self) -> i32 {
        let state = self.lock();
        if state.acts() {
            MT5REDIS_ROLE_ACTING
        } else if state.stands_by {
            MT5REDIS_ROLE_STANDBY
        } else {
            MT5REDIS_ROLE_CONNECTING
        }
    }
}

impl State {
    fn acts(&self) -> bool {
        self.acting_until.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// In how many shards it reads.
    pub(super) fn reading(&self) -> usize {
        self.reached.len()
    }

    /// The sources that are followed.
    pub(super) fn sources(&self) -> HashSet<InstanceId> {
        self.followed.keys().copied().collect()
    }

    /// The sources of a shard, and where each was read up to.
    pub(super) fn followed(&self, shard: u16) -> Vec<(InstanceId, Id)> {
        let here = self.followed.iter().filter(|(_, one)| one.shard == shard);
        here.map(|(source, one)| (*source, one.position.read())).collect()
    }

    /// The gap that was handed out last was told. Returns whether there was one.
    fn settle_gap(&mut self) -> bool {
        let Some(place) = self.gap.take() else { return false };
        let told = self.followed.get_mut(&place.source).is_some_and(|one| one.position.told(place.id));
        if told {
            self.unwritten.insert(place.source);
        }
        told
    }

    fn streams(&self, shard: u16) -> Vec<(InstanceId, Id)> {
        let here = self.followed.iter().filter(|(_, one)| one.shard == shard && one.barred.is_none());
        here.map(|(source, one)| (*source, one.position.read())).collect()
    }

    /// A source cannot be read, or can again. Returns whether that is news.
    pub(super) fn bar(&mut self, source: &InstanceId, reason: Option<String>) -> bool {
        let Some(one) = self.followed.get_mut(source) else { return false };
        let news = one.barred != reason;
        one.barred = reason;
        news
    }

    /// The newest entry of a source can be read. Where an older one barred it, it goes on with this one.
    pub(super) fn newest(&mut self, source: &InstanceId, id: Id) {
        if self.followed.get(source).is_some_and(|one| one.barred.as_deref() == Some(TOO_LARGE)) {
            self.skip(source, before(id));
        }
    }

    /// The stream of a source ends before what was read of it.
    pub(super) fn rewind(&mut self, source: &InstanceId) {
        self.followed.get_mut(source).into_iter().for_each(|one| one.position.rewind());
        // What is on its way was asked for from the old place.
        self.epoch += 1;
    }

    /// What cannot be read of a source is passed over.
    pub(super) fn skip(&mut self, source: &InstanceId, id: Id) {
        self.followed.get_mut(source).into_iter().for_each(|one| one.position.skip_to(id));
        self.epoch += 1;
    }

    fn clear(&mut self) {
        self.survey = false;
        self.waiting.clear();
        self.unwritten.clear();
        self.followed.clear();
        self.gap = None;
        self.open = 0;
    }
}

impl Followed {
    /// What is told of entries that were passed over: the first, and later how many there were.
    fn complain(&mut self, passed_over: &[(Place, String)]) -> Option<String> {
        let (place, reason) = passed_over.first()?;
        self.passed_over += passed_over.len() as u64;
        if self.complained.is_some_and(|last| last.elapsed() < COMPLAIN_EVERY) {
            return None;
        }
        self.complained = Some(Instant::now());
        let count = std::mem::take(&mut self.passed_over);
        let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        Some(format!("entry {} of {} is passed over: {reason}{more}", place.entry(), place.source.as_str()))
    }
}
