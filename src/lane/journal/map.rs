//! Mapped files: who may read and write which of their bytes.
//!
//! A [`Map`] is a file with a committed length. The bytes below it never change, and any thread may read them. The
//! bytes above belong to the map's one [`Tail`]. So no byte is read while it is written. If another program cuts the
//! file short, reading faults: nothing here can prevent that.

#![allow(unsafe_code)]

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder;
use super::memory::Memory;
use crate::lane::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A mapped file. Its last user unmaps it, and then deletes it if it was condemned: Windows does not delete a mapped
/// file.
pub(super) struct Map {
    // Before `file`: fields are dropped in the order of their declaration.
    memory: Memory,
    file: Condemnable,
    length: usize,
    committed: AtomicUsize,
}

/// A file that counts in the journal's size until it is dropped.
struct Condemnable {
    path: PathBuf,
    condemned: AtomicBool,
    bytes: u64,
    total: Arc<AtomicU64>,
}

impl Drop for Condemnable {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
        if self.condemned.load(Ordering::Relaxed) {
            // If this fails, the next open finds that nobody needs the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Map {
    /// Maps an existing file and adds its size to `total`. All of it is committed.
    pub(super) fn open(path: &Path, total: &Arc<AtomicU64>) -> io::Result<Self> {
        let file = folder::open(path, OpenOptions::new().read(true).write(true))?;
        let bytes = file.metadata()?.len();
        let length = usize::try_from(bytes).map_err(io::Error::other)? & !7;
        let memory = Memory::map(&file, length)?;
        total.fetch_add(bytes, Ordering::Relaxed);
        let condemned = AtomicBool::new(false);
        let file = Condemnable { path: path.to_owned(), condemned, bytes, total: total.clone() };
        Ok(Self { memory, file, length, committed: AtomicUsize::new(length) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// The file's length, rounded down to whole words.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Bytes below this offset may be read.
    pub(super) fn committed(&self) -> usize {
        self.committed.load(Ordering::Acquire)
    }

    /// Copies committed bytes.
    pub(super) fn read(&self, from: usize, into: &mut [u8]) {
        let end = from.checked_add(into.len());
        assert!(end.is_some_and(|end| end <= self.committed()), "only committed bytes may be read");
        // SAFETY: nobody writes below the committed length.
        unsafe { self.memory.read(from, into) }
    }

    /// Eight committed bytes as a number.
    pub(super) fn word(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        self.read(at, &mut word);
        u64::from_le_bytes(word)
    }

    /// Commits the bytes below `end`. Without a [`Tail`], nothing is ever added.
    pub(super) fn seal(self, end: usize) -> Arc<Self> {
        self.committed.store(end, Ordering::Release);
        Arc::new(self)
    }

    /// Zeroes the bytes from `end` on and makes them writable. This also brings their pages into memory, so that no
    /// caller waits for that.
    pub(super) fn into_tail(self, end: usize) -> Tail {
        assert!(end <= self.length && end.is_multiple_of(8));
        // SAFETY: this function alone holds the map.
        unsafe { self.memory.zero(end, self.length - end) }
        Tail { at: end, map: self.seal(end) }
    }

    /// Has the file deleted once nobody uses it.
    pub(super) fn condemn(&self) {
        self.file.condemned.store(true, Ordering::Relaxed);
    }

    /// Waits until these bytes are on the disk.
    pub(super) fn flush(&self, from: usize, to: usize) -> io::Result<()> {
        self.memory.flush(from, to - from)
    }
}

/// The right to add to a map. Each map has at most one.
pub(super) struct Tail {
    map: Arc<Map>,
    at: usize,
}

impl Tail {
    pub(super) fn map(&self) -> &Arc<Map> {
        &self.map
    }

    /// How many more bytes fit.
    pub(super) fn room(&self) -> usize {
        self.map.length - self.at
    }

    /// From now on nothing fits.
    pub(super) fn exhaust(&mut self) {
        self.at = self.map.length;
    }

    /// Adds `mark`, `number` and `bytes`, and zeros to a whole word. The mark is stored last and in one piece, so a mark
    /// that is there says that everything is there. The caller has checked the room.
    #[inline]
    pub(super) fn push(&mut self, mark: u64, number: u64, bytes: &[u8]) {
        assert!(16 + bytes.len() <= self.room(), "the caller has checked the room");
        let end = (self.at + 16 + bytes.len()).next_multiple_of(8);
        let memory = &self.map.memory;
        // SAFETY: at..end is above the committed length, where only this tail writes and nobody reads.
        unsafe {
            memory.write(self.at + 8, &number.to_le_bytes());
            memory.write(self.at + 16, bytes);
            memory.publish(self.at, mark);
        }
        self.at = end;
        self.map.committed.store(end, Ordering::Release);
    }
}

/// A small file of four numbers, each read and written in one piece.
pub(super) struct Words(Memory);

impl Words {
    const COUNT: usize = 4;

    /// Maps the file. If it is missing or too short, it is made of zeros.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = folder::open(path, &mut options)?;
        if file.metadata()?.len() < 8 * Self::COUNT as u64 {
            io::Write::write_all(&mut file, &[0; 8 * Self::COUNT])?;
        }
        Memory::map(&file, 8 * Self::COUNT).map(Self)
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < Self::COUNT);
        // SAFETY: these words are used as atomics only.
        unsafe { self.0.word(8 * index) }
    }

    pub(super) fn get(&self, index: usize) -> u64 {
        u64::from_le(self.word(index).load(Ordering::Acquire))
    }

    pub(super) fn set(&self, index: usize, value: u64) {
        self.word(index).store(value.to_le(), Ordering::Release);
    }

    /// Waits until the numbers are on the disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.0.flush(0, 8 * Self::COUNT)
    }
}
