//! How a caller wakes the lane's thread, and how that thread sleeps. A call that finds it awake pays for one
//! look at a flag; one that finds it asleep makes the one call to the system that wakes it.
//!
//! It promises that nobody sleeps over a record: the sleeper lies down first and looks at the queue then, a
//! caller fills the queue first and looks at the sleeper then. Both look in the one order that all sequentially
//! consistent accesses have. The queue's own are such, and its receivers, which the lane does not use, sleep by
//! the same reasoning; but they are woken with a lock in hand, for which they then wait.

use std::time::{Duration, Instant};

use super::sync::{AtomicBool, Mutex, Ordering, Thread, current_thread, park};

pub(super) struct Bell {
    asleep: AtomicBool,
    rung: AtomicBool,
    sleeper: Mutex<Option<Thread>>,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), rung: AtomicBool::new(false), sleeper: Mutex::new(None) }
    }

    /// From now on it is this thread that sleeps here.
    pub(super) fn belongs_to_this_thread(&self) {
        *self.sleeper.lock() = Some(current_thread());
    }

    /// Wakes the sleeper after something was put where it looks.
    #[inline]
    pub(super) fn filled(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Wakes the sleeper, or keeps it from its next sleep, for another reason than a record.
    pub(super) fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.wake();
    }

    #[cold]
    fn wake(&self) {
        // Of several callers one does it.
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Some(sleeper) = &*self.sleeper.lock()
        {
            sleeper.unpark();
        }
    }

    /// Sleeps until `come` says that there is something, until somebody rings, or until so much time has passed.
    /// Returns whether somebody rang.
    pub(super) fn sleep(&self, most: Duration, come: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        self.asleep.swap(true, Ordering::SeqCst);
        let mut left = most;
        if !come() && !self.rung.load(Ordering::SeqCst) {
            while self.asleep.load(Ordering::SeqCst) && !left.is_zero() {
                park(left);
                left = most.saturating_sub(start.elapsed());
            }
        }
        self.asleep.store(false, Ordering::SeqCst);
        self.rung.swap(false, Ordering::SeqCst)
    }
}
