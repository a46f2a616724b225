//! The crate's internals for the fuzz targets, in their builds only.

use std::io::{self, Read};
use std::path::Path;

use redis::Value;

use crate::error::Result;
use crate::lane::{Journal, Limits, Opened};
use crate::link::reply::Replies;

/// The contents of a journal.
pub struct Found {
    /// The records that can be read, by sequence number and payload, in order.
    pub records: Vec<(u64, Vec<u8>)>,
    /// The sequence number of the next record.
    pub next: u64,
}

/// Opens the journal in `folder`, reads it, and appends `payloads`.
pub fn journal(folder: &Path, payloads: &[&[u8]]) -> Result<Found> {
    let limits = Limits { segment_bytes: 4096, max_bytes: 64 << 10, ..Limits::default() };
    let Opened { journal, mut appender, .. } = Journal::open(folder, &limits)?;
    journal.look_back(|| true)?;
    let mut reader = journal.reader(1);
    let (mut records, mut bytes) = (Vec::new(), Vec::new());
    while let Some(sequence) = reader.next(&mut bytes) {
        records.push((sequence, bytes.clone()));
    }
    let next = appender.next();
    for payload in payloads {
        // A journal at its limit may refuse.
        let _ = appender.append(payload);
    }
    Ok(Found { records, next })
}

/// A server's bytes, of which a read returns at most `at_once`.
struct Chunks<'a> {
    bytes: &'a [u8],
    at_once: usize,
}

impl Read for Chunks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.at_once.min(self.bytes.len()).min(into.len());
        into[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

/// Reads replies of at most `limit` bytes from a server's bytes, `at_once` bytes at a time, until something is no reply.
/// `every`: keeps only every so many elements of a list.
pub fn replies(bytes: &[u8], at_once: usize, limit: usize, every: Option<usize>) -> Vec<Value> {
    let (mut chunks, mut replies) = (Chunks { bytes, at_once }, Replies::new(limit));
    let mut read = Vec::new();
    loop {
        let reply = match every {
            None => replies.next(&mut chunks),
            Some(every) => {
                replies.next_sparse(&mut chunks, |at| at % every == 0).map(|sparse| sparse.into_value())
            }
        };
        match reply {
            Ok(reply) => read.push(reply),
            Err(_) => return read,
        }
    }
}

/// How many ranges of slots a reply to CLUSTER SLOTS has, if it can be one.
pub fn slots(reply: Value) -> Option<usize> {
    crate::link::ranges_of_slots(reply)
}
