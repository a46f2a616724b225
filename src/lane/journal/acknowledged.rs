//! The last sequence number that needs no sending, in the file `acknowledged`.

use std::io;
use std::path::Path;

use super::map::Words;
use crate::lane::sync::{AtomicU64, Ordering};

pub(super) struct Acknowledged {
    words: Words,
    value: AtomicU64,
}

impl Acknowledged {
    /// Opens the file. The number is 0 if the file is new or neither place is whole.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let words = Words::open(path)?;
        let value = read(&words, 0).max(read(&words, 1)).unwrap_or(0);
        Ok(Self { words, value: AtomicU64::new(value) })
    }

    pub(super) fn get(&self) -> u64 {
        self.value.load(Ordering::Acquire)
    }

    /// Moves the number forward, never back. Called by one thread at a time.
    pub(super) fn set(&self, sequence: u64) {
        if sequence <= self.get() {
            return;
        }
        // The place that has no number or the older one.
        let place = usize::from(read(&self.words, 0) > read(&self.words, 1));
        self.words.set(2 * place, sequence);
        self.words.set(2 * place + 1, check(sequence));
        self.value.store(sequence, Ordering::Release);
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        self.words.flush()
    }
}

fn read(words: &Words, place: usize) -> Option<u64> {
    let value = words.get(2 * place);
    (words.get(2 * place + 1) == check(value)).then_some(value)
}

fn check(value: u64) -> u64 {
    !u64::from(crc32c::crc32c(&value.to_le_bytes())) ^ value << 32
}
