//! Segments that are made ahead of their use, so that no caller waits for one.

use std::io;

use super::folder::fault;
use super::log::Charge;
use super::segment::Spare;
use super::{Journal, Refused};
use crate::config::JournalSync;
use crate::lane::sync::Ordering::Relaxed;

/// How many segments are made ahead at most.
const MOST_AHEAD: u64 = 8;

impl Journal {
    /// Makes the next segments ahead, unless there are enough, it is too early, or the limit forbids it. Called
    /// now and then: this is also how a journal whose disk was full starts to accept again.
    pub(crate) fn prepare(&self) -> std::result::Result<(), Refused> {
        let charge = self.charge.lock();
        if *charge == Charge::HandedOver {
            return Ok(());
        }
        let _making = self.making.lock();
        loop {
            let ahead = self.spares.lock().len();
            // An idle terminal shall not pay for a second segment; a disk that was full is tried at once.
            let idle = usize::from(!self.is_half_used());
            let more = ahead + idle < self.reserve.load(Relaxed);
            let needed = more || ahead == 0 && self.trouble.lock().is_some();
            if !needed {
                break;
            }
            if !self.has_room() {
                return Ok(());
            }
            let made = self.make().map_err(|error| self.failed(&error))?;
            self.spares.lock().push_back(made);
        }
        *self.trouble.lock() = None;
        Ok(())
    }

    fn is_half_used(&self) -> bool {
        let segments = self.segments.lock();
        let used = segments.back().map_or(0, |segment| segment.map.committed() as u64);
        2 * used >= self.limits.segment_bytes
    }

    /// Whether another segment may be made.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes() + self.limits.segment_bytes <= self.limits.max_bytes
    }

    pub(super) fn make(&self) -> io::Result<Spare> {
        let number = self.next_file.fetch_add(1, Relaxed);
        let spare = Spare::create(self.folder.path(), number, self.limits.segment_bytes, &self.bytes)?;
        if self.limits.sync == JournalSync::Disk {
            spare.flush()?;
        }
        Ok(spare)
    }

    fn failed(&self, error: &io::Error) -> Refused {
        let refused = Refused::Disk(fault(self.folder.path(), "cannot take more", error).to_string());
        *self.trouble.lock() = Some(refused.clone());
        refused
    }

    fn trouble(&self) -> Option<Refused> {
        // A function of its own, so that this lock is never held while waiting for the other.
        self.trouble.lock().clone()
    }

    /// The next segment: one made ahead, or one made now.
    pub(super) fn take_spare(&self) -> std::result::Result<Spare, Refused> {
        let made_ahead = || self.spares.lock().pop_front();
        if let Some(spare) = made_ahead() {
            return Ok(spare);
        }
        let _making = match self.making.try_lock() {
            Some(making) => making,
            // One is being made. On a disk that was full that may fail again: no reason to wait.
            None => match self.trouble() {
                Some(refused) => return Err(refused),
                None => self.making.lock(),
            },
        };
        let spare = made_ahead();
        if spare.is_none() {
            if let Some(refused) = self.trouble() {
                return Err(refused);
            }
            if !self.has_room() {
                return Err(Refused::Full(self.limits.max_bytes));
            }
        }
        // This caller waits for the disk; the next burst shall find more.
        let most = (self.limits.max_bytes / self.limits.segment_bytes / 8).clamp(1, MOST_AHEAD) as usize;
        if self.reserve.load(Relaxed) < most {
            self.reserve.fetch_add(1, Relaxed);
        }
        spare.map_or_else(|| self.make().map_err(|error| self.failed(&error)), Ok)
    }
}
