//! No record stays in the journal while the lane's thread sleeps: the hand-over in every order loom finds.
//!
//! It is a model, not the code itself, because crossbeam's channel knows nothing of loom. `Queue` is a
//! channel of one place with crossbeam-channel's atomics (`flavors/array.rs`: start_send, start_recv, and the
//! waker's registration). `accept` stands for [`Lane::accept`](super::Lane::accept): append, which ends with
//! `last.store`, then try_send. `fill` stands for `Source::fill`: try_recv, `is_behind` with its fence, then
//! sleep. Loom weakens sequentially consistent accesses, so those of crossbeam's registration are fences here.

use std::sync::Arc;

use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicUsize, fence};
use loom::thread;

const LAP: usize = 2;

struct Queue {
    head: AtomicUsize,
    tail: AtomicUsize,
    stamp: AtomicUsize,
    sequence: AtomicUsize,
    /// Which sleep of the lane's thread this is; 0: it is awake.
    sleeps: AtomicUsize,
    /// The sleep that somebody ended.
    woken: AtomicUsize,
    last: AtomicUsize,
}

impl Queue {
    fn new() -> Self {
        let number = || AtomicUsize::new(0);
        let (head, tail, stamp, sequence, last) = (number(), number(), number(), number(), number());
        Self { head, tail, stamp, sequence, sleeps: number(), woken: number(), last }
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
                let sleep = self.sleeps.load(Relaxed);
                if sleep > 0 {
                    self.woken.store(sleep, Relaxed);
                }
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

    fn accept(&self, sequence: usize) {
        self.last.store(sequence, Release);
        self.try_send(sequence);
    }

    /// Takes what is there. Returns the next sequence number when it goes to sleep, and which sleep that is.
    fn fill(&self) -> (usize, usize) {
        let (mut next, mut sleep) = (1, 0);
        loop {
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
            sleep += 1;
            self.sleeps.store(sleep, Relaxed);
            fence(SeqCst);
            if self.head.load(Relaxed) == self.tail.load(Relaxed) {
                return (next, sleep);
            }
            self.sleeps.store(0, Relaxed);
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
        let worker = thread::spawn(move || filling.fill());
        for sequence in 1..=3 {
            queue.accept(sequence);
        }
        let (next, sleep) = worker.join().unwrap();
        assert!(
            next == 4 || queue.woken.load(Relaxed) == sleep,
            "asleep at {next} of 3, and nobody wakes it"
        );
    });
}
