//! Files in memory, and every `unsafe` of the journal.
//!
//! A [`Map`] is a file with a committed length: the bytes below it never change again and anyone may read
//! them, the bytes above belong to the one [`Tail`] of the map. So no byte is ever read while it is written.
//! What is stored is in the page cache at once and survives the process; [`Map::flush`] makes it survive a
//! power cut. It cannot help when another program cuts the file short: then reading faults.

#![allow(unsafe_code)]

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use memmap2::{MmapOptions, MmapRaw};

/// A mapped file. When the last user is gone it is unmapped, and then deleted if it was condemned: Windows
/// deletes no file that is mapped.
pub(super) struct Map {
    // Before `file`: fields are dropped in the order they are declared.
    raw: MmapRaw,
    file: Condemnable,
    length: usize,
    committed: AtomicUsize,
}

/// A file that counts for the size on disk until it is deleted.
struct Condemnable {
    path: PathBuf,
    condemned: AtomicBool,
    bytes: u64,
    total: Arc<AtomicU64>,
}

impl Drop for Condemnable {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
        if *self.condemned.get_mut() {
            // What cannot be deleted now is recognised as superfluous at the next open.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Map {
    /// Maps an existing file and adds its size to `total`. All of it is committed, whatever it is.
    pub(super) fn open(path: &Path, total: &Arc<AtomicU64>) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = file.metadata()?.len();
        let length = usize::try_from(bytes).map_err(io::Error::other)? & !7;
        let raw = MmapOptions::new().len(length).map_raw(&file)?;
        total.fetch_add(bytes, Ordering::Relaxed);
        let condemned = AtomicBool::new(false);
        let file = Condemnable { path: path.to_owned(), condemned, bytes, total: total.clone() };
        Ok(Self { raw, file, length, committed: AtomicUsize::new(length) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// The file's length, rounded down to whole words.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Up to where it may be read.
    pub(super) fn committed(&self) -> usize {
        self.committed.load(Ordering::Acquire)
    }

    /// Copies bytes that are committed.
    pub(super) fn read(&self, from: usize, into: &mut [u8]) {
        let end = from.checked_add(into.len());
        assert!(end.is_some_and(|end| end <= self.committed()), "only what is committed may be read");
        // SAFETY: the range is inside the map, and nobody writes below the committed length.
        unsafe { ptr::copy_nonoverlapping(self.raw.as_ptr().add(from), into.as_mut_ptr(), into.len()) }
    }

    /// Eight committed bytes as a number.
    pub(super) fn word(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        self.read(at, &mut word);
        u64::from_le_bytes(word)
    }

    /// Declares what is beyond `end` to be nothing, and nothing will ever be added.
    pub(super) fn seal(self, end: usize) -> Arc<Self> {
        self.committed.store(end, Ordering::Release);
        Arc::new(self)
    }

    /// Zeroes what is beyond `end` and makes it writable.
    pub(super) fn into_tail(self, end: usize) -> Tail {
        assert!(end <= self.length && end.is_multiple_of(8));
        // Page by page this also brings them into memory, so that no caller waits for that.
        // SAFETY: end..length is inside the map, which this function alone holds.
        unsafe { self.raw.as_mut_ptr().add(end).write_bytes(0, self.length - end) }
        Tail { at: end, map: self.seal(end) }
    }

    /// Deletes the file as soon as nobody uses it.
    pub(super) fn condemn(&self) {
        self.file.condemned.store(true, Ordering::Relaxed);
    }

    /// Waits until these bytes are on the disk.
    pub(super) fn flush(&self, from: usize, to: usize) -> io::Result<()> {
        self.raw.flush_range(from, to - from)
    }
}

/// The right to add to a map. There is only one for each.
pub(super) struct Tail {
    map: Arc<Map>,
    at: usize,
}

impl Tail {
    pub(super) fn map(&self) -> &Arc<Map> {
        &self.map
    }

    /// How many bytes can still be added.
    pub(super) fn room(&self) -> usize {
        self.map.length - self.at
    }

    /// Adds `number` and `bytes` behind `mark`, which is stored last and in one piece: a mark that is there
    /// says that all is there. The next one starts at a whole word. The caller has checked the room.
    #[inline]
    pub(super) fn push(&mut self, mark: u64, number: u64, bytes: &[u8]) {
        assert!(16 + bytes.len() <= self.room(), "the caller has checked the room");
        let end = (self.at + 16 + bytes.len()).next_multiple_of(8);
        let base = self.map.raw.as_mut_ptr();
        // SAFETY: at..end is inside the map: the length is a multiple of eight, as `at` is. It is beyond the
        // committed length, where only this tail writes and nobody reads. `at` is a multiple of eight and a
        // map starts at a page, so the words are aligned; the mark's word is written by this store alone.
        unsafe {
            let start = base.add(self.at);
            start.add(8).cast::<u64>().write(number.to_le());
            ptr::copy_nonoverlapping(bytes.as_ptr(), start.add(16), bytes.len());
            AtomicU64::from_ptr(start.cast()).store(mark.to_le(), Ordering::Release);
        }
        self.at = end;
        self.map.committed.store(end, Ordering::Release);
    }
}

/// A small file of numbers, each read and written in one piece.
pub(super) struct Words<const N: usize>(MmapRaw);

impl<const N: usize> Words<N> {
    /// Maps the file; makes it, all zero, if it is not there or too short.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if file.metadata()?.len() < 8 * N as u64 {
            io::Write::write_all(&mut file, &vec![0; 8 * N])?;
        }
        MmapOptions::new().len(8 * N).map_raw(&file).map(Self)
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < N);
        // SAFETY: inside the map and aligned; these words are only ever used as atomics.
        unsafe { AtomicU64::from_ptr(self.0.as_mut_ptr().cast::<u64>().add(index)) }
    }

    pub(super) fn get(&self, index: usize) -> u64 {
        u64::from_le(self.word(index).load(Ordering::Acquire))
    }

    pub(super) fn set(&self, index: usize, value: u64) {
        self.word(index).store(value.to_le(), Ordering::Release);
    }

    /// Waits until the numbers are on the disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
