//! `memory.rs` for `--cfg loom`: words that loom watches. A test fails if a word is read while another thread may be
//! writing it. The words come from the file, which is never written.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64;

pub(super) struct Memory {
    words: Vec<UnsafeCell<u64>>,
    /// The same words where they are used as atomics only.
    atomics: Vec<AtomicU64>,
}

// SAFETY: loom reports every unsynchronized access.
unsafe impl Sync for Memory {}

impl Memory {
    pub(super) fn map(mut file: &File, length: usize) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        bytes.resize(length, 0);
        let numbers =
            || bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight")));
        // Only the file `acknowledged` is this short. Loom need not watch atomics that nobody uses.
        let is_short = length <= 32;
        let atomics = if is_short { numbers().map(AtomicU64::new).collect() } else { Vec::new() };
        Ok(Self { words: numbers().map(UnsafeCell::new).collect(), atomics })
    }

    pub(super) unsafe fn read(&self, from: usize, into: &mut [u8]) {
        for (offset, byte) in into.iter_mut().enumerate() {
            let at = from + offset;
            // SAFETY: loom checks it.
            *byte = self.words[at / 8].with(|word| unsafe { *word }).to_le_bytes()[at % 8];
        }
    }

    pub(super) unsafe fn write(&self, to: usize, bytes: &[u8]) {
        for (offset, byte) in bytes.iter().enumerate() {
            let at = to + offset;
            self.words[at / 8].with_mut(|word| {
                // SAFETY: loom checks it.
                let word = unsafe { &mut *word };
                let mut bytes = word.to_le_bytes();
                bytes[at % 8] = *byte;
                *word = u64::from_le_bytes(bytes);
            });
        }
    }

    pub(super) unsafe fn publish(&self, to: usize, word: u64) {
        // SAFETY: loom checks it.
        unsafe { self.write(to, &word.to_le_bytes()) }
    }

    pub(super) unsafe fn word(&self, at: usize) -> &AtomicU64 {
        &self.atomics[at / 8]
    }

    pub(super) unsafe fn zero(&self, from: usize, length: usize) {
        // SAFETY: loom checks it.
        unsafe { self.write(from, &vec![0; length]) }
    }

    pub(super) fn flush(&self, _from: usize, _length: usize) -> io::Result<()> {
        Ok(())
    }
}
