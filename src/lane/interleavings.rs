//! No record stays in the journal while the lane's thread sleeps: the hand-over in every order that loom finds.
//!
//! What runs is the real thing: [`Lane::accept`], [`Intake::fill`], the journal and the bell. Only crossbeam's channel
//! has a stand-in, see `channel.rs`. A thread that nobody wakes is a deadlock, which loom reports.
//!
//! Each of these changes was seen to end in one:
//!
//! - without the fence between the two looks at the queue in `Lane::is_full`, or without the second look;
//! - without the fence in `Intake::journal_has`;
//! - `Bell::filled` loads the flag `Relaxed`;
//! - `Bell::sleep` does not look at the queue before it sleeps, or swaps the flag `Relaxed`;
//! - `Bell::wake` swaps the flag `Relaxed`.
//!
//! With `Journal::last` stored or loaded `Relaxed`, records are passed over; with the committed length of a map so,
//! bytes are read while they are written.

use std::sync::Arc;
use std::time::Duration;

use loom::thread;

use super::batch::Batch;
use super::bell::Bell;
use super::intake::Intake;
use super::plain;
use crate::events::Events;

#[test]
fn no_record_waits_for_a_sleeping_thread() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let folder = tempfile::tempdir().unwrap();
        let lane = plain::lane(folder.path(), &Arc::new(Events::default()), 1);
        let (shared, journal) = (lane.shared.clone(), lane.journal.clone());
        let worker = thread::spawn(move || {
            shared.bell.belongs_to_this_thread();
            let mut intake = Intake::new(shared, journal, 1);
            let mut batch = Batch::new();
            while intake.next() <= 3 {
                intake.fill(&mut batch, 3, usize::MAX, Duration::MAX);
            }
            assert_eq!(batch.records(), [1, 2, 3]);
        });
        for sequence in 1..=3 {
            assert_eq!(lane.accept(|sequence| sequence).unwrap(), sequence);
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
