//! A file's bytes in memory: the journal's unsafe operations. [`map`](super::map) decides who may use which bytes and
//! when, and keeps every range inside the file.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

/// A mapped file of whole words.
pub(super) struct Memory(MmapRaw);

impl Memory {
    pub(super) fn map(file: &File, length: usize) -> io::Result<Self> {
        MmapOptions::new().len(length).map_raw(file).map(Self)
    }

    fn at(&self, from: usize, length: usize) -> *mut u8 {
        debug_assert!(from.checked_add(length).is_some_and(|end| end <= self.0.len()), "inside the map");
        self.0.as_mut_ptr().wrapping_add(from)
    }

    /// Copies bytes out.
    ///
    /// # Safety
    /// They are inside the map, and nobody writes them meanwhile.
    #[inline]
    pub(super) unsafe fn read(&self, from: usize, into: &mut [u8]) {
        // SAFETY: the caller's promise.
        unsafe { ptr::copy_nonoverlapping(self.at(from, into.len()), into.as_mut_ptr(), into.len()) }
    }

    /// Copies bytes in.
    ///
    /// # Safety
    /// They are inside the map, and nobody else uses them meanwhile.
    #[inline]
    pub(super) unsafe fn write(&self, to: usize, bytes: &[u8]) {
        // SAFETY: the caller's promise.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(to, bytes.len()), bytes.len()) }
    }

    /// Stores a word in one piece, after everything that was stored before it.
    ///
    /// # Safety
    /// It is inside the map, and everybody else uses it as an atomic only.
    #[inline]
    pub(super) unsafe fn publish(&self, to: usize, word: u64) {
        // SAFETY: the caller's promise.
        unsafe { self.word(to) }.store(word.to_le(), Ordering::Release);
    }

    /// A word as an atomic.
    ///
    /// # Safety
    /// It is inside the map, and everybody uses it as an atomic only.
    #[inline]
    pub(super) unsafe fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at.is_multiple_of(8));
        // SAFETY: it is aligned, because a map starts at a page; the rest is the caller's promise.
        unsafe { AtomicU64::from_ptr(self.at(at, 8).cast()) }
    }

    /// Zeroes bytes.
    ///
    /// # Safety
    /// They are inside the map, and nobody else uses them meanwhile.
    pub(super) unsafe fn zero(&self, from: usize, length: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.at(from, length).write_bytes(0, length) }
    }

    /// Waits until these bytes are on the disk.
    pub(super) fn flush(&self, from: usize, length: usize) -> io::Result<()> {
        self.0.flush_range(from, length)
    }
}
