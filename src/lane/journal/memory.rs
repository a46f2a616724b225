//! A file's bytes in memory, and every `unsafe` of the journal. Who may touch which bytes, and when, is the
//! business of [`map`](super::map), which also keeps every range inside the file.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

/// The smallest page of any system.
const PAGE: usize = 4096;

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
    /// They are inside the map and nobody writes them meanwhile.
    #[inline]
    pub(super) unsafe fn read(&self, from: usize, into: &mut [u8]) {
        // SAFETY: the caller's promise.
        unsafe { ptr::copy_nonoverlapping(self.at(from, into.len()), into.as_mut_ptr(), into.len()) }
    }

    /// Copies bytes in.
    ///
    /// # Safety
    /// They are inside the map and nobody else uses them meanwhile.
    #[inline]
    pub(super) unsafe fn write(&self, to: usize, bytes: &[u8]) {
        // SAFETY: the caller's promise.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(to, bytes.len()), bytes.len()) }
    }

    /// Stores a word in one piece, after all that was stored before it.
    ///
    /// # Safety
    /// It is inside the map and nobody else uses it meanwhile, but as an atomic.
    #[inline]
    pub(super) unsafe fn publish(&self, to: usize, word: u64) {
        // SAFETY: the caller's promise.
        unsafe { self.word(to) }.store(word.to_le(), Ordering::Release);
    }

    /// A word as an atomic.
    ///
    /// # Safety
    /// It is inside the map and used as nothing else meanwhile.
    #[inline]
    pub(super) unsafe fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at.is_multiple_of(8));
        // SAFETY: aligned, since a map starts at a page; and the caller's promise.
        unsafe { AtomicU64::from_ptr(self.at(at, 8).cast()) }
    }

    /// Makes bytes zero.
    ///
    /// # Safety
    /// They are inside the map and nobody else uses them meanwhile.
    pub(super) unsafe fn zero(&self, from: usize, length: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.at(from, length).write_bytes(0, length) }
    }

    /// Brings every page into memory, so that no store waits for that, by a zero where there is one.
    ///
    /// # Safety
    /// All of it is zero and nobody else uses it meanwhile.
    pub(super) unsafe fn touch(&self) {
        for page in (0..self.0.len()).step_by(PAGE) {
            // SAFETY: the caller's promise.
            unsafe { self.at(page, 1).write_volatile(0) }
        }
    }

    /// Waits until these bytes are on the disk.
    pub(super) fn flush(&self, from: usize, length: usize) -> io::Result<()> {
        self.0.flush_range(from, length)
    }
}
