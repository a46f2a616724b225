//! How a caller wakes the lane's thread, and how that thread sleeps. A call that finds it awake pays for one
//! look at a flag; one that finds it asleep makes the one call to the system that wakes it.
//!
//! It promises that no record waits for a sleeper: who sleeps says so and then looks at the queue, who calls fills
//! the queue and then looks for a sleeper. At least one of them sees the other, because flag and queue are accessed
//! in sequentially consistent order. The queue's own receivers sleep by the same reasoning, but are woken
//! with a lock in hand, for which they then wait: that is why the lane does not use them.

use std::time::{Duration, Instant};

use super::sync::{AtomicBool, Mutex, Ordering, Thread, current_thread, park};

/// What wakes a lane's thread.
pub(super) struct Bell {
    /// Its thread sleeps, or is about to.
    asleep: AtomicBool,
    /// Somebody rang since it slept last. It needs no order of its own: of the swaps of `asleep`, one by who rings and
    /// one by who is about to sleep, the second sees the first, and with it this.
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
        self.rung.store(true, Ordering::Relaxed);
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
