//! How a caller wakes the lane's thread, and how that thread sleeps. If the thread is awake, a call reads one flag.
//! If it is asleep, the call makes the one system call that wakes it.
//!
//! No record waits for a sleeping thread: the thread sets the flag and then looks at the queue; a caller fills the
//! queue and then looks at the flag. At least one of them sees the other, because flag and queue are accessed in
//! sequentially consistent order. The channel's own blocking receive is built alike, but wakes its receiver while
//! holding a lock that the receiver then waits for. So the lane does not use it.

use std::time::{Duration, Instant};

use super::sync::{AtomicBool, Mutex, Ordering, Thread, current_thread, park};

/// What wakes a lane's thread.
pub(super) struct Bell {
    /// The thread sleeps, or is about to.
    asleep: AtomicBool,
    /// The bell rang since the thread slept last. It needs no ordering of its own: the caller that rings and the thread
    /// that goes to sleep both swap `asleep`, and the later swap sees the earlier one, and this with it.
    rung: AtomicBool,
    sleeper: Mutex<Option<Thread>>,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), rung: AtomicBool::new(false), sleeper: Mutex::new(None) }
    }

    /// The current thread is the one that sleeps here.
    pub(super) fn belongs_to_this_thread(&self) {
        *self.sleeper.lock() = Some(current_thread());
    }

    /// Wakes the thread after the queue was filled.
    #[inline]
    pub(super) fn filled(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Wakes the thread, or prevents its next sleep, for another reason than a record.
    pub(super) fn ring(&self) {
        self.rung.store(true, Ordering::Relaxed);
        self.wake();
    }

    #[cold]
    fn wake(&self) {
        // One of several callers does it.
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Some(sleeper) = &*self.sleeper.lock()
        {
            sleeper.unpark();
        }
    }

    /// Sleeps until `come` returns true, the bell rings, or `most` has passed. Returns whether the bell rang.
    pub(super) fn sleep(&self, most: Duration, come: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        self.asleep.swap(true, Ordering::SeqCst);
        let mut left = most;
        if !come() && !self.rung.load(Ordering::Relaxed) {
            while self.asleep.load(Ordering::SeqCst) && !left.is_zero() {
                park(left);
                left = most.saturating_sub(start.elapsed());
            }
        }
        self.asleep.store(false, Ordering::SeqCst);
        self.rung.swap(false, Ordering::Relaxed)
    }
}
