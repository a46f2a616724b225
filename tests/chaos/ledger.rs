//! What a caller was answered, written down by the caller itself: one `write` a call, which survives the end
//! of the process at any instruction.
//!
//! The answer to a call and the intent of the next are written together. So of a killed caller at most its
//! last call has no answer, and that one may have been accepted or not. Linux can end a write at a page's edge when its
//! process is killed, so a part of a record may be left; the next caller takes it away.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The lanes with a guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    Rts,
    Rtss,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this sequence number.
    Accepted(u64),
    /// Accepted, but the machine stopped before it had to be on the disk.
    Perhaps(u64),
    /// With this code.
    Refused(i64),
    /// Not accepted: a price that was not due under pressure.
    Thinned,
    /// The process was killed in between.
    Unknown,
}

/// A call that was made, or was about to be.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub caller: usize,
    pub lane: Lane,
    pub number: u64,
    pub outcome: Outcome,
}

const BYTES: usize = 24;
const INTENT: u64 = 0;
const ANSWER: u64 = 2;

/// The ledger of one caller, for writing.
pub struct Ledger {
    file: File,
    bytes: Vec<u8>,
}

fn path(folder: &Path, caller: usize) -> PathBuf {
    folder.join(format!("ledger.{caller}"))
}

impl Ledger {
    pub fn open(folder: &Path, caller: usize) -> Self {
        let file = File::options().create(true).append(true).open(path(folder, caller)).expect("a file");
        let length = file.metadata().expect("a length").len();
        file.set_len(length - length % BYTES as u64).expect("it can be cut");
        Self { file, bytes: Vec::new() }
    }

    fn add(&mut self, kind: u64, number: u64, answer: i64) -> &mut Self {
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(number.to_le_bytes());
        self.bytes.extend(answer.to_le_bytes());
        self
    }

    /// A call will be made. It is on its way to the file with [`write`](Self::write).
    pub fn intend(&mut self, lane: Lane, number: u64) -> &mut Self {
        self.add(INTENT + lane as u64, number, 0)
    }

    /// The call was answered.
    pub fn answered(&mut self, lane: Lane, number: u64, answer: i64) -> &mut Self {
        self.add(ANSWER + lane as u64, number, answer)
    }

    pub fn write(&mut self) {
        self.file.write_all(&self.bytes).expect("the ledger's disk has room");
        self.bytes.clear();
    }
}

/// Reads what all callers wrote down.
pub fn read(folder: &Path, callers: usize) -> Vec<Call> {
    (0..callers).flat_map(|caller| read_one(folder, caller)).collect()
}

/// Reads what one caller wrote down.
pub fn read_one(folder: &Path, caller: usize) -> Vec<Call> {
    let bytes = fs::read(path(folder, caller)).unwrap_or_default();
    let mut calls: Vec<Call> = Vec::new();
    for record in bytes.chunks_exact(BYTES) {
        let word = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes"));
        let (kind, number, answer) = (word(0), word(8), word(16) as i64);
        let lane = if kind % 2 == 0 { Lane::Rts } else { Lane::Rtss };
        match kind - kind % 2 {
            INTENT => calls.push(Call { caller, lane, number, outcome: Outcome::Unknown }),
            _ => {
                let call = calls.last_mut().expect("an intent before its answer");
                assert_eq!((call.lane, call.number), (lane, number), "an answer follows its intent");
                call.outcome = match u64::try_from(answer) {
                    Ok(0) => Outcome::Thinned,
                    Ok(sequence) => Outcome::Accepted(sequence),
                    Err(_) => Outcome::Refused(answer),
                };
            }
        }
    }
    calls
}

/// The next number for a caller that starts again: none is ever used twice.
pub fn next(calls: &[Call], lane: Lane) -> u64 {
    calls.iter().rev().find(|call| call.lane == lane).map_or(0, |call| call.number + 1)
}

#[test]
fn a_part_of_a_record_is_taken_away() {
    let folder = tempfile::tempdir().expect("a folder");
    Ledger::open(folder.path(), 0).intend(Lane::Rts, 0).write();
    let mut file = File::options().append(true).open(path(folder.path(), 0)).expect("a file");
    file.write_all(&[2; 8]).expect("room");
    Ledger::open(folder.path(), 0).intend(Lane::Rts, 1).answered(Lane::Rts, 1, 7).write();
    let found = read_one(folder.path(), 0).iter().map(|call| (call.number, call.outcome)).collect::<Vec<_>>();
    assert_eq!(found, [(0, Outcome::Unknown), (1, Outcome::Accepted(7))]);
}
