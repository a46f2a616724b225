//! The primitives that callers and a lane's thread share: the standard library's and parking_lot's, or under `--cfg
//! loom` those of loom, which tries every order of two threads' steps (`make model`).

use std::time::Duration;

#[cfg(not(loom))]
pub(super) use crossbeam_channel::{Receiver, Sender, bounded};
#[cfg(not(loom))]
pub(super) use parking_lot::Mutex;
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(not(loom))]
pub(super) use std::thread::{Thread, current as current_thread};

#[cfg(loom)]
pub(super) use super::channel::{Receiver, Sender, bounded};
#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(loom)]
pub(super) use loom::thread::{Thread, current as current_thread};

/// Parks the thread for at most this long. Loom has no time.
pub(super) fn park(most: Duration) {
    #[cfg(not(loom))]
    std::thread::park_timeout(most);
    #[cfg(loom)]
    {
        let _ = most;
        loom::thread::park();
    }
}

/// Loom's flag with a fence before each load: loom weakens sequentially consistent loads.
#[cfg(loom)]
pub(super) struct AtomicBool(loom::sync::atomic::AtomicBool);

#[cfg(loom)]
impl AtomicBool {
    pub(super) fn new(value: bool) -> Self {
        Self(loom::sync::atomic::AtomicBool::new(value))
    }

    pub(super) fn load(&self, order: Ordering) -> bool {
        if order == Ordering::SeqCst {
            fence(Ordering::SeqCst);
        }
        self.0.load(order)
    }

    pub(super) fn store(&self, value: bool, order: Ordering) {
        self.0.store(value, order);
    }

    pub(super) fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value, order)
    }
}

/// Loom's mutex in the shape of parking_lot's.
#[cfg(loom)]
pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

#[cfg(loom)]
impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("no thread panicked")
    }

    pub(super) fn try_lock(&self) -> Option<loom::sync::MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().expect("no thread panicked")
    }
}
