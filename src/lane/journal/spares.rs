//! Segments that are made ahead of their use, so that no caller waits for one.

use std::io;

use super::appender::Refused;
use super::folder::fault;
use super::log::{Access, Journal};
use super::segment::Spare;
use crate::config::JournalSync;
use crate::lane::sync::Ordering::Relaxed;

/// How many segments are made ahead at most.
const MOST_AHEAD: u64 = 8;

impl Journal {
    /// Makes the next segments, unless there are enough, it is too early, or the limit forbids it. Called now and then:
    /// this is also how a journal whose disk was full begins to accept again.
    pub(crate) fn prepare(&self) -> Result<(), Refused> {
        let access = self.access.lock();
        if *access == Access::HandedOver {
            return Ok(());
        }
        let _making = self.making.lock();
        loop {
            let ahead = self.spares.lock().len();
            // An idle terminal does not pay for a second segment. A disk that was full is tried at once.
            let idle = usize::from(!self.is_half_used());
            let more = ahead + idle < self.reserve.load(Relaxed);
            let needed = more || ahead == 0 && self.disk_error.lock().is_some();
            if !needed {
                break;
            }
            if !self.has_room() {
                return Ok(());
            }
            let made = self.try_make()?;
            self.spares.lock().push_back(made);
        }
        *self.disk_error.lock() = None;
        Ok(())
    }

    fn is_half_used(&self) -> bool {
        let segments = self.segments.lock();
        let used = segments.back().map_or(0, |segment| segment.map.committed() as u64);
        2 * used >= self.limits.segment_bytes
    }

    /// Whether the limit allows another segment.
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

    /// Makes a segment, or notes why that failed.
    fn try_make(&self) -> Result<Spare, Refused> {
        self.make().map_err(|error| {
            let refused = Refused::Disk(fault(self.folder.path(), "cannot take more", &error).to_string());
            *self.disk_error.lock() = Some(refused.clone());
            refused
        })
    }

    /// The error of the last attempt to make a segment.
    fn check_disk(&self) -> Result<(), Refused> {
        self.disk_error.lock().clone().map_or(Ok(()), Err)
    }

    /// The next segment: one made ahead, or one made now.
    pub(super) fn take_spare(&self) -> Result<Spare, Refused> {
        let made_ahead = || self.spares.lock().pop_front();
        if let Some(spare) = made_ahead() {
            return Ok(spare);
        }
        let _making = match self.making.try_lock() {
            Some(making) => making,
            None => {
                // Another thread is making one. If the disk was full, that may fail again: do not wait for it.
                self.check_disk()?;
                self.making.lock()
            }
        };
        let spare = made_ahead();
        if spare.is_none() {
            self.check_disk()?;
            if !self.has_room() {
                return Err(Refused::Full(self.limits.max_bytes));
            }
        }
        // This caller waited for the disk. The next burst finds more segments.
        let most = (self.limits.max_bytes / self.limits.segment_bytes / 8).clamp(1, MOST_AHEAD) as usize;
        if self.reserve.load(Relaxed) < most {
            self.reserve.fetch_add(1, Relaxed);
        }
        spare.map_or_else(|| self.try_make(), Ok)
    }
}
