//! The journal as its two ends see it. Damage and killed processes are in the files beside this one.

mod damage;
mod process;
mod producer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::{fs, io, thread};

use super::opening::LEAP;
use super::segment::HEADER;
use super::*;
use crate::codes::*;
use crate::config::JournalSync;
use crate::error::Result;

const SMALL: Limits = Limits { segment_bytes: 4096, max_bytes: 1 << 20, sync: JournalSync::Os };

/// A payload that depends on its sequence number, in contents and length.
fn payload(sequence: u64) -> Vec<u8> {
    let length = 1 + (sequence * 37 % 300) as usize;
    (0..length).map(|at| (sequence as usize * 31 + at) as u8).collect()
}

/// A journal after the open and the look back, as the lane's thread has it.
struct Ready {
    journal: Arc<Journal>,
    appender: Appender,
    lost: u64,
    notes: Vec<String>,
}

/// Opens a sound journal.
fn open(path: &Path) -> Ready {
    let ready = open_with(path, &SMALL).unwrap();
    assert_eq!(ready.notes, [""; 0], "a sound journal");
    assert_eq!(ready.lost, 0);
    ready
}

fn open_with(path: &Path, limits: &Limits) -> Result<Ready> {
    let Opened { journal, appender, mut notes, .. } = Journal::open(path, limits)?;
    let losses = journal.look_back(|| true)?.expect("nobody stops it");
    notes.extend(losses.notes);
    Ok(Ready { journal, appender, lost: losses.count, notes })
}

fn fill(appender: &mut Appender, count: u64) {
    for _ in 0..count {
        let sequence = appender.next();
        assert_eq!(appender.append(&payload(sequence)), Ok(sequence));
    }
}

/// The numbers that a reader finds from `sequence` on. Checks their payloads.
fn read(journal: &Arc<Journal>, sequence: u64) -> Vec<u64> {
    let mut reader = journal.reader(sequence);
    let (mut found, mut bytes) = (Vec::new(), Vec::new());
    while let Some(sequence) = reader.next(&mut bytes) {
        assert_eq!(bytes, payload(sequence), "record {sequence}");
        found.push(sequence);
    }
    found
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "journal")).collect();
    paths.sort();
    paths
}

#[test]
fn records_come_back_in_order_over_many_segments_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    assert_eq!((journal.first(), journal.last(), journal.acknowledged()), (1, 0, 0));
    assert!(read(&journal, 1).is_empty());
    fill(&mut appender, 1000);
    assert!(segments(folder.path()).len() > 30);
    assert_eq!(read(&journal, 1), (1..=1000).collect::<Vec<_>>());
    assert_eq!(read(&journal, 777), (777..=1000).collect::<Vec<_>>());
    assert!(read(&journal, 1001).is_empty());
    let producer = journal.producer().to_owned();
    assert_eq!(producer.len(), 16);
    drop((journal, appender));

    let Ready { journal, mut appender, lost, .. } = open(folder.path());
    assert_eq!((journal.first(), journal.last(), appender.next(), lost), (1, 1000, 1001, 0));
    assert_eq!(journal.producer(), producer);
    fill(&mut appender, 10);
    assert_eq!(read(&journal, 990), (990..=1010).collect::<Vec<_>>());
}

#[test]
fn an_empty_payload_and_the_longest_one() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    let longest = 4096 - HEADER - record::OVERHEAD;
    assert_eq!(appender.append(&vec![7; longest + 1]), Err(Refused::TooLong(longest + 1, longest)));
    // However many bytes a segment has left, an empty record fits there or goes to the next one.
    let mut expected = Vec::new();
    for length in (0..600).map(|n| if n % 3 == 0 { n % 64 } else { 0 }).chain([longest, 0]) {
        appender.append(&vec![7; length]).unwrap();
        expected.push(length);
    }
    let mut reader = journal.reader(1);
    let mut bytes = Vec::new();
    let lengths: Vec<_> = std::iter::from_fn(|| reader.next(&mut bytes).map(|_| bytes.len())).collect();
    assert_eq!(lengths, expected);
}

#[test]
fn a_reader_keeps_up_with_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    const COUNT: u64 = 50_000;
    thread::scope(|scope| {
        scope.spawn(|| {
            while appender.next() <= COUNT {
                match appender.append(&payload(appender.next())) {
                    Ok(_) => {}
                    Err(Refused::Full(_)) => thread::yield_now(),
                    Err(other) => panic!("{other}"),
                }
            }
        });
        let mut reader = journal.reader(1);
        let mut bytes = Vec::new();
        let mut expected = 1;
        while expected <= COUNT {
            let Some(sequence) = reader.next(&mut bytes) else { continue };
            assert_eq!((sequence, &bytes), (expected, &payload(expected)));
            expected += 1;
            if sequence % 100 == 0 {
                journal.acknowledge(sequence);
                journal.release(sequence);
            }
        }
    });
    assert!(segments(folder.path()).len() < 10);
}

#[test]
fn what_is_acknowledged_survives_and_release_deletes_files() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    fill(&mut appender, 200);
    let before = segments(folder.path());
    assert_eq!(journal.bytes(), 4096 * before.len() as u64);
    journal.acknowledge(150);
    journal.acknowledge(120);
    journal.release(100);
    let after = segments(folder.path());
    assert!(after.len() < before.len() && before.ends_with(&after));
    assert_eq!(journal.bytes(), 4096 * after.len() as u64);
    let first = journal.first();
    assert!(first > 80 && first <= 101, "only whole segments go: {first}");
    assert_eq!(read(&journal, 1), (first..=200).collect::<Vec<_>>());

    // A reader keeps its segment until it moves on.
    let mut reader = journal.reader(first);
    let mut bytes = Vec::new();
    assert_eq!(reader.next(&mut bytes), Some(first));
    journal.release(200);
    assert!(segments(folder.path()).len() > 2, "150 are acknowledged");
    journal.acknowledge(200);
    journal.release(200);
    assert_eq!(segments(folder.path()).len(), 2, "the reader's and the last");
    assert_eq!(reader.next(&mut bytes), Some(first + 1));
    drop(reader);
    assert_eq!(segments(folder.path()).len(), 1);
    drop((journal, appender));

    let Ready { journal, appender, .. } = open(folder.path());
    assert_eq!((journal.acknowledged(), journal.last(), appender.next()), (200, 200, 201));
}

#[test]
fn a_full_journal_refuses_and_goes_on_after_a_release() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 5 * 4096, ..SMALL };
    let Ready { journal, mut appender, .. } = open_with(folder.path(), &limits).unwrap();
    for _ in 0..3 {
        journal.prepare().unwrap();
        let refused = loop {
            if let Err(refused) = appender.append(&payload(appender.next())) {
                break refused;
            }
        };
        assert_eq!(refused, Refused::Full(5 * 4096));
        assert_eq!(journal.bytes(), 5 * 4096);
        assert!(appender.append(&payload(appender.next())).is_err());
        journal.acknowledge(journal.last());
        journal.release(journal.last());
        fill(&mut appender, 1);
    }
    assert_eq!(read(&journal, 1).last(), Some(&journal.last()));
}

#[test]
fn a_segment_made_ahead_is_used_and_not_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    journal.prepare().unwrap();
    assert_eq!(segments(folder.path()).len(), 1, "an idle journal has one segment");
    fill(&mut appender, 20);
    assert_eq!(segments(folder.path()).len(), 1);
    journal.prepare().unwrap();
    journal.prepare().unwrap();
    assert_eq!(segments(folder.path()).len(), 2);
    fill(&mut appender, 16);
    assert_eq!(segments(folder.path()).len(), 2, "it rolled over without making a file");
    assert_eq!(journal.segments.lock().len(), 2);
    journal.prepare().unwrap();
    drop((journal, appender));
    assert_eq!(segments(folder.path()).len(), 2);
}

#[test]
fn sync_to_disk_covers_what_was_appended() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { sync: JournalSync::Disk, ..SMALL };
    let Ready { journal, mut appender, .. } = open_with(folder.path(), &limits).unwrap();
    for _ in 0..5 {
        fill(&mut appender, 30);
        journal.sync().unwrap();
        let last = journal.segments.lock().back().unwrap().clone();
        assert_eq!(*journal.synced.lock(), (last.number, last.map.committed()));
    }
}

#[test]
fn a_journal_at_rest_lacks_nothing_though_it_is_never_closed() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    fill(&mut appender, 2);
    let note = || fs::read_to_string(folder.path().join("opened")).unwrap();
    let run = note();
    journal.rest();
    assert_eq!(note(), "closed");
    journal.wake().unwrap();
    assert_eq!(note(), run);
}

#[test]
fn a_segment_made_ahead_is_taken_while_another_is_being_made() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    // A burst found no segment made ahead, so more are made for the next one.
    fill(&mut appender, 100);
    journal.prepare().unwrap();
    let (takes, taken) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        // The disk is slow.
        let making = journal.making.lock();
        scope.spawn(move || {
            fill(&mut appender, 50);
            takes.send(()).unwrap();
        });
        let taken = taken.recv_timeout(std::time::Duration::from_secs(10));
        drop(making);
        taken.expect("nobody waits for the disk");
    });
    assert_eq!(read(&journal, 1), (1..=150).collect::<Vec<_>>());
}

#[test]
fn opening_looks_at_the_last_segment_alone() {
    let folder = tempfile::tempdir().unwrap();
    fill(&mut open(folder.path()).appender, 1000);
    let paths = segments(folder.path());
    assert!(paths.len() > 30);
    // A segment that is read would be refused as another version's.
    for path in &paths[1..paths.len() - 1] {
        let mut file = fs::read(path).unwrap();
        file[7] = b'2';
        fs::write(path, file).unwrap();
    }
    let Opened { journal, mut appender, notes, .. } = Journal::open(folder.path(), &SMALL).unwrap();
    assert_eq!((journal.first(), journal.last(), appender.next()), (1, 1000, 1001));
    assert_eq!(notes, [""; 0]);
    assert_eq!((journal.bytes(), journal.inherited()), (4096 * paths.len() as u64, 1000));
    fill(&mut appender, 100);
    let error = journal.look_back(|| true).err().unwrap();
    assert!(error.to_string().contains("another version"), "{error}");
    assert_eq!(journal.bytes(), 4096 * segments(folder.path()).len() as u64, "nothing is counted twice");
    for path in &paths[1..paths.len() - 1] {
        let mut file = fs::read(path).unwrap();
        file[7] = b'1';
        fs::write(path, file).unwrap();
    }
    let mut files = 0;
    let stopped = journal.look_back(|| {
        files += 1;
        files < 10
    });
    assert!(stopped.unwrap().is_none());
    let losses = journal.look_back(|| true).unwrap().unwrap();
    assert_eq!((losses.count, losses.notes), (0, vec![]));
    assert_eq!(journal.bytes(), 4096 * segments(folder.path()).len() as u64);
    assert_eq!(read(&journal, 1), (1..=1100).collect::<Vec<_>>());
    assert!(journal.look_back(|| panic!("there is nothing to look at")).unwrap().is_some());
}
