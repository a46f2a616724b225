//! Dead letters: records that the server will never accept, put aside so that the lane can continue.
//!
//! They are in the journal's folder, in `dead.jsonl`, one JSON object a line: when, where, why, and the record with
//! the names of `docs/wire-format.md`. `mt5fleet deadletters files` shows them. A record counts as done only when its
//! letter is on the disk. So after a kill a letter may be there twice, with the same producer and sequence. The
//! library removes nothing here: that is the operator's decision. Until the file is moved away, no number from the
//! first letter on counts as committed.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Journal;
use super::journal::open_file;
use crate::codes::MT5REDIS_ERR_JOURNAL;
use crate::error::{Error, Result};

/// Beyond this size letters are refused, and the lane holds until a person has looked at the file.
const LIMIT: u64 = 16 << 20;

/// How many numbers are remembered without a file.
const IN_MEMORY: usize = 1 << 16;

/// The letters of one lane.
pub(super) struct DeadLetters {
    /// The file; a lane without a journal has none.
    path: Option<PathBuf>,
    producer: String,
    /// The sequence numbers of all letters so far.
    sequences: Mutex<BTreeSet<u64>>,
    /// The lowest number still in the file; `u64::MAX`: none.
    first: AtomicU64,
    /// How many were written since the lane was opened.
    count: AtomicU64,
}

/// A record, and why it was refused.
#[derive(Serialize)]
pub(super) struct Letter<'a> {
    pub(super) lane: String,
    pub(super) server: &'a str,
    pub(super) sequence: u64,
    pub(super) error: &'a str,
    pub(super) record: Value,
}

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    /// When it was put aside, ms since 1970 UTC.
    time_ms: u64,
    producer: &'a str,
    #[serde(flatten)]
    letter: &'a Letter<'a>,
}

/// The parts of a line that are read back.
#[derive(Deserialize)]
struct Name {
    producer: String,
    sequence: u64,
}

impl DeadLetters {
    /// Opens the letters beside a journal and reads those of its producer.
    pub(super) fn open(journal: &Journal) -> Result<Self> {
        let path = journal.folder().join("dead.jsonl");
        let sequences = known(&path, journal).map_err(|error| {
            let text = format!("{} cannot be read: {error}; repair it, or move it away", path.display());
            Error::new(MT5REDIS_ERR_JOURNAL, text)
        })?;
        Ok(Self::of(Some(path), journal.producer(), sequences))
    }

    /// For a lane without a journal: no letter is written, but the numbers are known.
    pub(super) fn without_file() -> Self {
        Self::of(None, "", BTreeSet::new())
    }

    fn of(path: Option<PathBuf>, producer: &str, sequences: BTreeSet<u64>) -> Self {
        let first = AtomicU64::new(sequences.first().copied().unwrap_or(u64::MAX));
        let (producer, sequences, count) = (producer.to_owned(), Mutex::new(sequences), AtomicU64::new(0));
        Self { path, producer, sequences, first, count }
    }

    /// The file, if there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether this record is a dead letter.
    pub(super) fn contains(&self, sequence: u64) -> bool {
        self.sequences.lock().contains(&sequence)
    }

    /// The lowest number in the file; `u64::MAX`: none, or somebody has moved the file away.
    pub(super) fn first(&self) -> u64 {
        self.first.load(Ordering::Acquire)
    }

    /// How many were written since the lane was opened.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Checks whether somebody has moved the file away.
    pub(super) fn look(&self) {
        if let Some(path) = self.path()
            && self.first() < u64::MAX
            && fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        {
            self.first.store(u64::MAX, Ordering::Release);
        }
    }

    /// Writes letters, all or none. They are on the disk when this returns.
    pub(super) fn add(&self, letters: &[Letter]) -> io::Result<()> {
        let is_new = match self.path() {
            Some(path) => self.append(path, letters)?,
            None => false,
        };
        let mut sequences = self.sequences.lock();
        sequences.extend(letters.iter().map(|letter| letter.sequence));
        while self.path.is_none() && sequences.len() > IN_MEMORY {
            sequences.pop_first();
        }
        let lowest = letters.iter().map(|letter| letter.sequence).min().unwrap_or(u64::MAX);
        self.first.store(if is_new { lowest } else { lowest.min(self.first()) }, Ordering::Release);
        self.count.fetch_add(letters.len() as u64, Ordering::Release);
        Ok(())
    }

    /// Returns whether the file was empty.
    fn append(&self, path: &Path, letters: &[Letter]) -> io::Result<bool> {
        let time_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let mut file = open_file(path, OpenOptions::new().read(true).append(true).create(true))?;
        let length = file.metadata()?.len();
        let mut lines = Vec::new();
        if length > 0 {
            // A torn line ends here.
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                lines.push(b'\n');
            }
        }
        for letter in letters {
            serde_json::to_writer(&mut lines, &Line { time_ms, producer: &self.producer, letter })?;
            lines.push(b'\n');
        }
        if length + lines.len() as u64 > LIMIT {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!("it is at its limit of {LIMIT} bytes: see what it holds, then move it away"),
            ));
        }
        file.write_all(&lines)?;
        file.sync_data()?;
        Ok(length == 0)
    }
}

/// The records of this journal that are dead letters, under each name the journal has had.
fn known(path: &Path, journal: &Journal) -> io::Result<BTreeSet<u64>> {
    let mut sequences = BTreeSet::new();
    let file = match open_file(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(sequences),
        Err(error) => return Err(error),
    };
    for line in BufReader::new(file.take(LIMIT)).split(b'\n') {
        // A torn line belongs to a record that is sent again, and refused again.
        if let Ok(name) = serde_json::from_slice::<Name>(&line?)
            && (name.producer == journal.producer()
                || journal
                    .earlier()
                    .iter()
                    .any(|earlier| name.producer == earlier.name && name.sequence <= earlier.last))
        {
            sequences.insert(name.sequence);
        }
    }
    Ok(sequences)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::{Journal, Limits};

    fn open(folder: &Path) -> DeadLetters {
        DeadLetters::open(&Journal::open(folder, &Limits::default()).unwrap().journal).unwrap()
    }

    fn letter(sequence: u64) -> Letter<'static> {
        let record = serde_json::json!({ "q": sequence });
        Letter { lane: "rtss".into(), server: "h:1", sequence, error: "WRONGTYPE why", record }
    }

    #[test]
    fn letters_are_remembered_by_their_producer_and_half_a_line_harms_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let letters = open(folder.path());
        assert!(!letters.contains(7));
        letters.add(&[letter(6), letter(7)]).unwrap();
        assert!(letters.contains(7));
        let mut text = fs::read_to_string(letters.path().unwrap()).unwrap();
        text.push_str("{\"sequence\":8,\"producer\":");
        fs::write(letters.path().unwrap(), text).unwrap();

        let letters = open(folder.path());
        letters.add(&[letter(9)]).unwrap();
        let again = open(folder.path());
        assert_eq!([6, 7, 8, 9].map(|sequence| again.contains(sequence)), [true, true, false, true]);
        assert_eq!((again.first(), again.count(), letters.count()), (6, 0, 1));
        let stranger = tempfile::tempdir().unwrap();
        fs::copy(letters.path().unwrap(), stranger.path().join("dead.jsonl")).unwrap();
        assert!(!open(stranger.path()).contains(7));
    }

    #[test]
    fn letters_that_somebody_has_dealt_with_are_known_and_count_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let letters = open(folder.path());
        letters.add(&[letter(6), letter(7)]).unwrap();
        letters.look();
        assert_eq!(letters.first(), 6);
        fs::rename(letters.path().unwrap(), folder.path().join("dealt-with")).unwrap();
        letters.look();
        assert_eq!((letters.first(), letters.contains(7)), (u64::MAX, true));
        letters.add(&[letter(9)]).unwrap();
        assert_eq!(letters.first(), 9);
        // Nobody dealt with it in time.
        fs::remove_file(letters.path().unwrap()).unwrap();
        letters.add(&[letter(11)]).unwrap();
        assert_eq!((letters.first(), letters.count()), (11, 4));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let letters = open(folder.path());
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "precious").unwrap();
        std::os::unix::fs::symlink(&elsewhere, letters.path().unwrap()).unwrap();
        assert!(letters.add(&[letter(1)]).unwrap_err().to_string().contains("a link"));
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
        fs::remove_file(letters.path().unwrap()).unwrap();
        letters.add(&[letter(1)]).unwrap();
        use std::os::unix::fs::MetadataExt;
        assert_eq!(fs::metadata(letters.path().unwrap()).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_full_file_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let letters = open(folder.path());
        fs::write(letters.path().unwrap(), vec![b'\n'; LIMIT as usize]).unwrap();
        let error = letters.add(&[letter(1)]).unwrap_err();
        assert!(error.to_string().contains("limit"), "{error}");
        assert!(!letters.contains(1));
    }
}
