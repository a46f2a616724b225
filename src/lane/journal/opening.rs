//! Opens a journal: locks its folder, recovers what is in it, and decides under which name and where its numbers continue.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::acknowledged::Acknowledged;
use super::appender::Appender;
use super::file_system;
use super::folder::{Folder, fault};
use super::limits::Limits;
use super::log::{Access, Journal};
use super::producer::Names;
use super::recovery;
use super::segment::HEADER;
use crate::error::Result;
use crate::lane::sync::{AtomicU64, AtomicUsize, Mutex};

/// How far numbers leap when some may have been given of which no trace is left.
pub(super) const LEAP: u64 = 1_000_000_000;

/// An opened journal.
pub(crate) struct Opened {
    pub(crate) journal: Arc<Journal>,
    pub(crate) appender: Appender,
    /// What an operator should know about the journal.
    pub(crate) notes: Vec<String>,
    /// What an operator should know about the file system.
    pub(crate) warning: Option<String>,
}

impl Journal {
    /// Opens the journal in a folder, or makes one there.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Opened> {
        let folder = Folder::lock(path)?;
        let file = path.join("acknowledged");
        let acknowledged =
            Acknowledged::open(&file).map_err(|error| fault(&file, "cannot be opened", &error))?;
        let is_known = acknowledged.get() > 0;
        let unsure = folder.may_lack_the_last();
        let bytes = Arc::new(AtomicU64::new(0));
        let found = recovery::recover(path, acknowledged.get(), is_known && !unsure, &bytes)?;
        let used = is_known || found.segment.is_some();
        let first = found.older.as_ref().map_or(found.next, |older| older.first);
        let (names, note) = Names::open(path, first, used.then_some(found.next - 1))?;
        let mut notes = Vec::from_iter(note);
        let leap = used && (unsure || found.segment.is_none());
        if leap {
            notes.push(format!(
                "{}: the machine stopped before the journal was closed, or files were removed. The newest records may \
                 be lost. Sequence numbers continue a billion higher",
                path.display()
            ));
        }

        let next = if leap { found.next + LEAP } else { found.next };
        let journal = Self {
            segments: Mutex::new(found.segment.into_iter().collect()),
            older: Mutex::new(found.older.map(Arc::new)),
            spares: Mutex::new(VecDeque::new()),
            making: Mutex::new(()),
            reserve: AtomicUsize::new(1),
            disk_error: Mutex::new(None),
            limits: limits.rounded(),
            names,
            given: next - 1,
            last: AtomicU64::new(found.last),
            next_file: AtomicU64::new(found.next_file),
            acknowledged,
            bytes,
            synced: Mutex::new((0, 0)),
            access: Mutex::new(Access::Open),
            folder,
        };
        let tail = match found.tail {
            Some(tail) if !leap => tail,
            _ => {
                let spare =
                    journal.make().map_err(|error| fault(path, "has no room for a segment", &error))?;
                let (segment, tail) = spare.begin(next, journal.last());
                journal.segments.lock().push_back(segment);
                tail
            }
        };
        // The header, which has the leap, must be on the disk before `opened` names this run of the machine.
        tail.map().flush(0, HEADER).map_err(|error| fault(path, "cannot be written", &error))?;
        journal.folder.note_opened()?;
        let warning = file_system::warning(tail.map().path());
        let journal = Arc::new(journal);
        let appender = Appender { tail, next, handed_over: false, journal: journal.clone() };
        Ok(Opened { journal, appender, notes, warning })
    }
}
