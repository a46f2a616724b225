//! The last sequence number that needs no sending any more, in the file `acknowledged`.

use std::io;
use std::path::Path;

use super::map::Words;
use crate::lane::sync::{AtomicU64, Ordering};

pub(super) struct Acknowledged {
    words: Words<4>,
    value: AtomicU64,
}

impl Acknowledged {
    /// Opens the file. None is known when it is new or neither place is whole.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<u64>)> {
        let words = Words::open(path)?;
        let known = [0, 1].into_iter().filter_map(|place| read(&words, place)).max();
        Ok((Self { words, value: AtomicU64::new(known.unwrap_or(0)) }, known))
    }

    pub(super) fn get(&self) -> u64 {
        self.value.load(Ordering::Acquire)
    }

    /// Only ever forward. One thread at a time.
    pub(super) fn set(&self, sequence: u64) {
        if sequence <= self.get() {
            return;
        }
        // The place with the older number, or with none.
        let place = usize::from(read(&self.words, 0) > read(&self.words, 1));
        self.words.set(2 * place, sequence);
        self.words.set(2 * place + 1, check(sequence));
        self.value.store(sequence, Ordering::Release);
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        self.words.flush()
    }
}

fn read(words: &Words<4>, place: usize) -> Option<u64> {
    let value = words.get(2 * place);
    (words.get(2 * place + 1) == check(value)).then_some(value)
}

fn check(value: u64) -> u64 {
    !u64::from(crc32c::crc32c(&value.to_le_bytes())) ^ value << 32
}
