//! A stand-in for crossbeam's channel under `--cfg loom`, which crossbeam does not support: one slot, with the
//! atomics of crossbeam-channel's `flavors/array.rs` (start_send, start_recv, is_empty, is_full), for one sender and
//! one receiver at a time. Loom weakens sequentially consistent accesses, so each such load has a fence before it, as
//! in `sync`. The fences by which crossbeam finds the channel full or empty are left out: crossbeam does not promise
//! them, so the lane must have its own.

use std::sync::{Arc, Mutex};

use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicUsize, fence};
use loom::thread;

const LAP: usize = 2;

struct Place<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    stamp: AtomicUsize,
    value: Mutex<Option<T>>,
}

pub(super) struct Sender<T>(Arc<Place<T>>);

pub(super) struct Receiver<T>(Arc<Place<T>>);

/// A channel of one slot, whatever capacity is asked for.
pub(super) fn bounded<T>(_places: usize) -> (Sender<T>, Receiver<T>) {
    let number = || AtomicUsize::new(0);
    let place = Place { head: number(), tail: number(), stamp: number(), value: Mutex::new(None) };
    let place = Arc::new(place);
    (Sender(place.clone()), Receiver(place))
}

impl<T> Sender<T> {
    pub(super) fn try_send(&self, value: T) -> Result<(), T> {
        let Place { head, tail, stamp, value: place } = &*self.0;
        let at = tail.load(Relaxed);
        loop {
            if stamp.load(Acquire) == at {
                tail.compare_exchange(at, at + LAP, SeqCst, Relaxed).expect("one sender");
                *place.lock().expect("nobody panicked") = Some(value);
                stamp.store(at + 1, Release);
                return Ok(());
            }
            if head.load(Relaxed) + LAP == at {
                return Err(value);
            }
            thread::yield_now();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        let at = self.0.tail.load(Relaxed);
        self.0.head.load(Relaxed) + LAP == at
    }
}

impl<T> Receiver<T> {
    pub(super) fn try_recv(&self) -> Result<T, ()> {
        let Place { head, tail, stamp, value } = &*self.0;
        let at = head.load(Relaxed);
        loop {
            if stamp.load(Acquire) == at + 1 {
                head.compare_exchange(at, at + LAP, SeqCst, Relaxed).expect("one receiver");
                let value = value.lock().expect("nobody panicked").take().expect("it was sent");
                stamp.store(at + LAP, Release);
                return Ok(value);
            }
            if tail.load(Relaxed) == at {
                return Err(());
            }
            thread::yield_now();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        fence(SeqCst);
        self.0.head.load(Relaxed) == self.0.tail.load(Relaxed)
    }

    pub(super) fn len(&self) -> usize {
        usize::from(!self.is_empty())
    }
}
