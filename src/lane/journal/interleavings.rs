//! The journal's two ends in every order that loom finds (`make model`). Its memory is watched: a test fails if a byte
//! is read while it is written. A segment holds one record here, so each append rolls over.
//!
//! These defects were seen to be caught: `Journal::last` stored or loaded `Relaxed` (a record is not found), and the
//! committed length of a map stored or loaded `Relaxed` (a byte is read while it is written).

use std::sync::Arc;

use loom::thread;

use super::*;
use crate::config::JournalSync;
use crate::lane::sync::Ordering;

const ONE_RECORD: u64 = 64;

fn model(max_bytes: u64, check: impl Fn(Arc<Journal>, Appender) + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { segment_bytes: ONE_RECORD, max_bytes, sync: JournalSync::Os };
        let Opened { journal, appender, .. } = Journal::open(folder.path(), &limits).unwrap();
        check(journal, appender);
    });
}

fn append(appender: &mut Appender) {
    let sequence = appender.next();
    assert_eq!(appender.append(&sequence.to_le_bytes()), Ok(sequence));
}

/// Reads the records that are there, which must include all up to `last`.
fn read(journal: &Arc<Journal>, reader: &mut Reader, mut wanted: u64) -> u64 {
    let (last, mut bytes) = (journal.last(), Vec::new());
    while let Some(sequence) = reader.next(&mut bytes) {
        assert_eq!((sequence, &bytes[..]), (wanted, &wanted.to_le_bytes()[..]), "no record is passed over");
        wanted += 1;
    }
    assert!(wanted > last, "record {wanted} of {last} was not found");
    wanted
}

#[test]
fn a_reader_finds_every_record_while_it_is_appended() {
    model(1 << 20, |journal, mut appender| {
        let reading = journal.clone();
        let other = thread::spawn(move || {
            let mut reader = reading.reader(1);
            let wanted = read(&reading, &mut reader, 1);
            (reader, wanted)
        });
        append(&mut appender);
        append(&mut appender);
        let (mut reader, wanted) = other.join().unwrap();
        assert_eq!(read(&journal, &mut reader, wanted), 3);
    });
}

#[test]
fn what_is_acknowledged_is_released_beside_the_appender() {
    model(1 << 20, |journal, mut appender| {
        append(&mut appender);
        let reading = journal.clone();
        let other = thread::spawn(move || {
            let mut reader = reading.reader(1);
            let wanted = read(&reading, &mut reader, 1);
            reading.acknowledge(wanted - 1);
            reading.release(wanted - 1);
            wanted
        });
        append(&mut appender);
        let wanted = other.join().unwrap();
        assert_eq!(journal.acknowledged(), wanted - 1);
        assert_eq!(read(&journal, &mut journal.reader(wanted), wanted), 3);
    });
}

#[test]
fn two_threads_never_make_two_segments_for_one_need() {
    // The limit is two. If both threads made one, the journal would pass it or refuse the record.
    model(2 * ONE_RECORD, |journal, mut appender| {
        append(&mut appender);
        let preparing = journal.clone();
        let other = thread::spawn(move || preparing.prepare().unwrap());
        append(&mut appender);
        other.join().unwrap();
        assert_eq!(journal.bytes(), 2 * ONE_RECORD);
        assert_eq!(journal.next_file.load(Ordering::Relaxed), 3);
    });
}
