//! What the fuzz targets reach of the crate's inside. It is there in their builds alone.

use std::io::{self, Read};
use std::path::Path;

use redis::Value;

use crate::error::Result;
use crate::lane::{Journal, Limits, Opened};
use crate::link::reply::Replies;

/// A journal's records, by sequence number and payload, and the number the next one gets.
pub struct Found {
    /// What can be read, in order.
    pub records: Vec<(u64, Vec<u8>)>,
    /// The sequence number of the next record.
    pub next: u64,
}

/// Opens the journal in `folder`, reads it, and appends `payloads`.
pub fn journal(folder: &Path, payloads: &[&[u8]]) -> Result<Found> {
    let limits = Limits { segment_bytes: 4096, max_bytes: 64 << 10, ..Limits::default() };
    let Opened { journal, mut appender, .. } = Journal::open(folder, &limits)?;
    let mut reader = journal.reader(1);
    let (mut records, mut bytes) = (Vec::new(), Vec::new());
    while let Some(sequence) = reader.next(&mut bytes) {
        records.push((sequence, bytes.clone()));
    }
    let next = appender.next();
    for payload in payloads {
        // A journal at its limit refuses, which is an answer too.
        let _ = appender.append(payload);
    }
    Ok(Found { records, next })
}

/// What a server says, so many bytes at a time.
struct Said<'a> {
    bytes: &'a [u8],
    at_once: usize,
}

impl Read for Said<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.at_once.min(self.bytes.len()).min(into.len());
        into[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

/// Reads replies of at most `limit` bytes from what a server says, `at_once` bytes at a time, until it says no reply.
/// With `every` of so many elements of a list kept, or all of them.
pub fn replies(bytes: &[u8], at_once: usize, limit: usize, every: Option<usize>) -> Vec<Value> {
    let (mut said, mut replies) = (Said { bytes, at_once }, Replies::new(limit));
    let mut read = Vec::new();
    loop {
        let reply = match every {
            None => replies.next(&mut said),
            Some(every) => {
                replies.next_sparse(&mut said, |at| at % every == 0).map(|sparse| sparse.into_value())
            }
        };
        match reply {
            Ok(reply) => read.push(reply),
            Err(_) => return read,
        }
    }
}

/// What a reply to CLUSTER SLOTS says, in numbers: how many ranges of slots.
pub fn slots(reply: Value) -> Option<usize> {
    crate::link::ranges_of_slots(reply)
}
