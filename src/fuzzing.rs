//! What the fuzz targets reach of the crate's inside. It is there in their builds alone.

use std::path::Path;

use crate::error::Result;
use crate::lane::{Journal, Limits, Opened};

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
