//! No record stays in the journal while the lane's thread sleeps: the hand-over in every order loom finds.
//!
//! The [`Bell`] is the real one; the queue is a model, because crossbeam's channel knows nothing of loom: a
//! channel of one place with crossbeam-channel's atomics (`flavors/array.rs`: start_send, start_recv,
//! is_empty, is_full). `accept` stands for [`Lane::accept`](super::Lane::accept): append, which ends with
//! `last.store`, then try_send unless it is full, then the bell. `fill` stands for `Source::fill`: try_recv, `is_behind` with its fence, then
//! sleep. Loom weakens sequentially consistent accesses, so those of crossbeam's queue that the bell relies on
//! are fences here. A thread that nobody wakes is a deadlock, which loom reports.

use std::sync::Arc;
use std::time::Duration;

use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicUsize, fence};
use loom::thread;

use super::bell::Bell;

const LAP: usize = 2;

struct Queue {
    head: AtomicUsize,
    tail: AtomicUsize,
    stamp: AtomicUsize,
    sequence: AtomicUsize,
    last: AtomicUsize,
    bell: Bell,
}

impl Queue {
    fn new() -> Self {
        let number = || AtomicUsize::new(0);
        let (head, tail, stamp, sequence, last) = (number(), number(), number(), number(), number());
        Self { head, tail, stamp, sequence, last, bell: Bell::new() }
    }

    fn try_send(&self, sequence: usize) {
        let tail = self.tail.load(Relaxed);
        loop {
            let stamp = self.stamp.load(Acquire);
            if stamp == tail {
                self.tail.compare_exchange(tail, tail + LAP, SeqCst, Relaxed).expect("one sender");
                self.sequence.store(sequence, Relaxed);
                self.stamp.store(tail + 1, Release);
                fence(SeqCst);
                return;
            }
            fence(SeqCst);
            if self.head.load(Relaxed) + LAP == tail {
                return;
            }
            thread::yield_now();
        }
    }

    fn try_recv(&self) -> Option<usize> {
        let head = self.head.load(Relaxed);
        loop {
            if self.stamp.load(Acquire) == head + 1 {
                self.head.compare_exchange(head, head + LAP, SeqCst, Relaxed).expect("one receiver");
                let sequence = self.sequence.load(Relaxed);
                self.stamp.store(head + LAP, Release);
                return Some(sequence);
            }
            fence(SeqCst);
            if self.tail.load(Relaxed) == head {
                return None;
            }
            thread::yield_now();
        }
    }

    fn is_empty(&self) -> bool {
        fence(SeqCst);
        self.head.load(Relaxed) == self.tail.load(Relaxed)
    }

    fn is_full(&self) -> bool {
        let tail = self.tail.load(Relaxed);
        self.head.load(Relaxed) + LAP == tail
    }

    fn accept(&self, sequence: usize) {
        self.last.store(sequence, Release);
        let is_full = self.is_full() && {
            fence(SeqCst);
            self.is_full()
        };
        if !is_full {
            self.try_send(sequence);
        }
        self.bell.filled();
    }

    /// Takes records until it has all of them.
    fn fill(&self, all: usize) {
        self.bell.belongs_to_this_thread();
        let mut next = 1;
        while next <= all {
            if let Some(sequence) = self.try_recv() {
                next = next.max(sequence + 1);
                continue;
            }
            fence(SeqCst);
            let last = self.last.load(Acquire);
            if last >= next {
                next = last + 1;
                continue;
            }
            self.bell.sleep(Duration::MAX, || !self.is_empty());
        }
    }
}

#[test]
fn no_record_waits_for_a_sleeping_thread() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let queue = Arc::new(Queue::new());
        let filling = queue.clone();
        let worker = thread::spawn(move || filling.fill(3));
        for sequence in 1..=3 {
            queue.accept(sequence);
        }
        worker.join().unwrap();
    });
}

#[test]
fn no_thread_sleeps_through_the_bell() {
    loom::model(|| {
        let bell = Arc::new(Bell::new());
        let sleeping = bell.clone();
        let worker = thread::spawn(move || {
            sleeping.belongs_to_this_thread();
            while !sleeping.sleep(Duration::MAX, || false) {}
        });
        bell.ring();
        worker.join().unwrap();
    });
}
