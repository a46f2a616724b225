//! A segment: one file of the journal, made ahead of its use, and its header.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder;
use super::map::{Map, Tail};
use crate::lane::sync::AtomicU64;

/// The file's kind and version.
const MAGIC: [u8; 8] = *b"MT5RJNL1";
pub(super) const HEADER: usize = 40;
const SUFFIX: &str = ".journal";

/// A segment in use. Clones share its file.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) map: Arc<Map>,
    pub(super) number: u64,
    /// Its first sequence number.
    pub(super) first: u64,
    /// The last sequence number before it: `first - 1`, or less if numbers were given up.
    pub(super) previous: u64,
}

/// A segment made ahead.
pub(super) struct Spare {
    tail: Tail,
    number: u64,
}

/// Files of this length or longer are refused.
pub(super) const LONGEST: u64 = 64 << 20;

/// What a segment's header says.
pub(super) enum Header {
    Good {
        /// The file has its original length.
        whole: bool,
        first: u64,
        previous: u64,
    },
    /// It was not written yet, or is damaged.
    None,
    /// Another version of this library wrote it.
    Foreign,
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}{SUFFIX}"))
}

/// The number in a segment's file name.
pub(super) fn number(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(SUFFIX)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

impl Spare {
    /// Makes a file of `bytes` zeros, with its blocks on the disk and its pages in memory.
    pub(super) fn create(folder: &Path, number: u64, bytes: u64, total: &Arc<AtomicU64>) -> io::Result<Self> {
        let path = path(folder, number);
        // Storing into a hole of a sparse file would end the process if the disk is full, so zeros are written.
        let mapped = fill(&path, bytes).and_then(|()| Map::open(&path, total));
        let map = mapped.inspect_err(|_| {
            let _ = fs::remove_file(&path);
        })?;
        Ok(Self { tail: map.into_tail(0), number })
    }

    /// Waits until the empty segment is on the disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        folder::open(self.tail.map().path(), File::options().write(true))?.sync_all()?;
        sync_folder(self.tail.map().path().parent().expect("a segment is in a folder"))
    }

    /// Writes the header: from now on the segment is in use.
    pub(super) fn begin(mut self, first: u64, previous: u64) -> (Segment, Tail) {
        let length = self.tail.map().length() as u64;
        self.tail.push(u64::from_le_bytes(MAGIC), length, &header_rest(length, first, previous));
        (Segment { map: self.tail.map().clone(), number: self.number, first, previous }, self.tail)
    }

    /// Deletes the file.
    pub(super) fn discard(self) {
        self.tail.map().condemn();
    }
}

impl Header {
    pub(super) fn read(map: &Map) -> Self {
        let magic = map.word(0).to_le_bytes();
        if magic[..7] == MAGIC[..7] && magic[7].is_ascii_digit() && magic != MAGIC {
            return Self::Foreign;
        }
        let (length, first, previous) = (map.word(8), map.word(16), map.word(24));
        let mut rest = [0; HEADER - 16];
        map.read(16, &mut rest);
        if magic != MAGIC || rest != header_rest(length, first, previous) || previous >= first {
            return Self::None;
        }
        Self::Good { whole: length == map.length() as u64, first, previous }
    }
}

/// The header after magic and length: first, previous and check.
fn header_rest(length: u64, first: u64, previous: u64) -> [u8; HEADER - 16] {
    let mut rest = [0; HEADER - 16];
    rest[..8].copy_from_slice(&first.to_le_bytes());
    rest[8..16].copy_from_slice(&previous.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), &rest[..16]);
    rest[16..].copy_from_slice(&u64::from(checksum).to_le_bytes());
    rest
}

fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    let mut file = folder::open(path, OpenOptions::new().write(true).create_new(true))?;
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..piece as usize])?;
        left -= piece;
    }
    Ok(())
}

/// Waits until the folder's file names are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows does that by itself, and does not open a folder as a file.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
