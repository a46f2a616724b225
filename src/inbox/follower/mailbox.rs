//! What the threads of a follower share with the Expert Advisor: its [`State`] under one lock, and who is woken when it
//! changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::position::{Position, Taken};
use super::state::{Followed, State, Waiting};
use super::subscription::Subscription;
use crate::config::Config;
use crate::inbox::item::{EntryId, Place, Report};
use crate::inbox::reader_name::ReaderName;
use crate::inbox::reply::Entry;
use crate::model::InstanceId;

/// Not known yet, or no longer: the server is not reached.
pub const MT5REDIS_ROLE_CONNECTING: i32 = 0;
/// This terminal acts: it is handed the signals.
pub const MT5REDIS_ROLE_ACTING: i32 = 1;
/// Another terminal acts under the same name. This one takes over when the other is gone.
pub const MT5REDIS_ROLE_STANDBY: i32 = 2;

/// How many signals may be read and not acknowledged; a read that was on its way may exceed it.
pub(super) const PREFETCH: usize = 256;

pub(super) struct Mailbox {
    pub(super) subscription: Subscription,
    pub(super) shards: u16,
    /// How long signals are kept.
    retention: Duration,
    pub(super) name: Arc<ReaderName>,
    pub(super) report: Report,
    stop: AtomicBool,
    /// The server's clock minus ours, ms.
    pub(super) ahead_ms: AtomicI64,
    state: Mutex<State>,
    /// Wakes the reading threads: the role, the room or the sources changed.
    reading: Condvar,
    /// Wakes the coordinator.
    coordinating: Condvar,
}

/// What a thread is to read next.
pub(super) struct Turn {
    pub(super) epoch: u64,
    /// The sources, and the entries to read after.
    pub(super) streams: Vec<(InstanceId, EntryId)>,
    pub(super) room: usize,
}

impl Mailbox {
    pub(super) fn new(
        config: &Config,
        subscription: Subscription,
        name: Arc<ReaderName>,
        report: Report,
    ) -> Self {
        Self {
            subscription,
            shards: config.rtss_shards,
            retention: config.rtss_retention,
            name,
            report,
            stop: AtomicBool::new(false),
            ahead_ms: AtomicI64::new(0),
            state: Mutex::default(),
            reading: Condvar::new(),
            coordinating: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Reports a line that begins with the follower's name.
    pub(super) fn report_named(&self, line: impl std::fmt::Display) {
        (self.report)(format!("signals of follower {}: {line}", self.subscription.follower));
    }

    pub(super) fn ended(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Ends the threads without waiting for them.
    pub(super) fn end(&self) {
        self.stop.store(true, Relaxed);
        self.name.end();
        // Under the lock, so that no thread checks before and waits after.
        self.lock().settle_gap();
        self.reading.notify_all();
        self.coordinating.notify_all();
    }

    pub(super) fn thread_ended(&self) {
        self.name.thread_ended();
        drop(self.lock());
        self.reading.notify_all();
    }

    /// Waits until every thread has ended, at most this long.
    pub(super) fn wait_for_end(&self, timeout: Duration) {
        let mut state = self.lock();
        self.reading.wait_while_for(&mut state, |_| self.name.threads() > 0, timeout);
    }

    /// What is to be handed out next, if this terminal acts.
    pub(super) fn next(&self) -> Option<Waiting> {
        let mut state = self.lock();
        if state.settle_gap() {
            self.coordinating.notify_one();
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

    pub(super) fn acknowledge(&self, place: Place) {
        if self.lock().acknowledge(place) {
            self.reading.notify_all();
            self.coordinating.notify_one();
        }
    }

    /// Waits until there is something to read in this shard, at most this long.
    pub(super) fn turn(&self, shard: u16, most: Duration) -> Option<Turn> {
        let mut state = self.lock();
        for waited in [false, true] {
            if self.ended() {
                return None;
            }
            let room = PREFETCH.saturating_sub(state.open);
            if room > 0 && state.acts() {
                let streams = state.readable(shard);
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

    /// Takes in what was read of a source. `all` says that the stream had no more.
    pub(super) fn take(&self, epoch: u64, source: InstanceId, entries: Vec<Entry>, all: bool) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(one) = state.followed.get_mut(&source).filter(|_| state.epoch == epoch) else { return };
        let mut skipped = Vec::new();
        for (id, fields) in entries {
            if id <= one.position.read() {
                continue;
            }
            let place = Place { source, shard: one.shard, id };
            let (gap, signal) = match one.position.take(place, &fields.unwrap_or_default(), self.retention) {
                Taken::Signal(gap, delivery) => (gap, Some(delivery)),
                Taken::Duplicate(gap) => {
                    state.duplicates += 1;
                    (gap, None)
                }
                Taken::Unreadable(reason) => {
                    state.unreadable += 1;
                    skipped.push((place, reason));
                    (None, None)
                }
                Taken::Rejected(reason) => {
                    state.rejected += 1;
                    skipped.push((place, reason));
                    (None, None)
                }
            };
            state.waiting.extend(gap.map(|gap| Waiting::Gap(gap, place)));
            if let Some(delivery) = signal {
                state.open += 1;
                state.waiting.push_back(Waiting::Signal(delivery));
            } else {
                // An entry that nobody acts on moves the position too. The coordinator need not be woken for it.
                state.unwritten.insert(source);
            }
        }
        if all {
            one.position.reached_the_end();
        }
        let line = one.report_skipped(&skipped);
        drop(guard);
        line.into_iter().for_each(|line| (self.report)(line));
    }

    /// Asks the coordinator to find out which stream a refused read is due to.
    pub(super) fn ask_for_survey(&self) {
        self.lock().survey = true;
        self.coordinating.notify_one();
    }

    /// Waits until the coordinator has something to do, at most until then.
    pub(super) fn wait_for_work(&self, until: Instant) {
        let mut state = self.lock();
        let idle = |state: &mut State| state.unwritten.is_empty() && !state.survey && !self.ended();
        self.coordinating.wait_while_until(&mut state, idle, until);
    }

    /// From now on this terminal acts, from these positions. `from_another`: another terminal acknowledged last.
    pub(super) fn act(
        &self,
        positions: BTreeMap<InstanceId, (u16, Position)>,
        until: Instant,
        from_another: bool,
    ) {
        let mut state = self.lock();
        state.clear();
        state.acting_until = Some(until);
        state.takeovers += i32::from(from_another || state.stands_by);
        state.stands_by = false;
        state.survey = true;
        let followed = |(source, (shard, position))| (source, Followed::new(shard, position));
        state.followed = positions.into_iter().map(followed).collect();
        self.name.set_role(MT5REDIS_ROLE_ACTING);
        drop(state);
        self.reading.notify_all();
    }

    /// This terminal goes on acting, until then at least.
    pub(super) fn act_on(&self, until: Instant) {
        let mut state = self.lock();
        let paused = !state.acts();
        state.acting_until = Some(until);
        drop(state);
        if paused {
            self.name.set_role(MT5REDIS_ROLE_ACTING);
            self.reading.notify_all();
        }
    }

    /// Another terminal acts. Returns whether that is news.
    pub(super) fn stand_by(&self) -> bool {
        let mut state = self.lock();
        state.acting_until = None;
        state.clear();
        self.name.set_role(MT5REDIS_ROLE_STANDBY);
        !std::mem::replace(&mut state.stands_by, true)
    }

    /// More sources were found.
    pub(super) fn follow(&self, found: Vec<(InstanceId, u16)>) {
        let mut state = self.lock();
        for (source, shard) in found {
            state.followed.entry(source).or_insert(Followed::new(shard, Position::default()));
            state.unwritten.insert(source);
        }
        drop(state);
        self.reading.notify_all();
    }

    /// The role, one of `MT5REDIS_ROLE_*`.
    pub(super) fn role(&self) -> i32 {
        let state = self.lock();
        match (state.acts(), state.stands_by) {
            (true, _) => MT5REDIS_ROLE_ACTING,
            (_, true) => MT5REDIS_ROLE_STANDBY,
            _ => MT5REDIS_ROLE_CONNECTING,
        }
    }
}
