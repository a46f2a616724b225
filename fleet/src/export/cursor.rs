//! How far a stream has been read, and its entries as records.

use mt5_redis::inbox::item::EntryId;

use super::chain::Chain;
use super::notes::Notes;
use super::rows::Record;
use super::source::{self, Stream};
use crate::observe::pages::{PAGE, Page};

pub struct Cursor {
    pub stream: Stream,
    pub chain: Chain,
    /// Where to read on, as `XRANGE` takes it; none: the stream cannot be read.
    from: Option<String>,
    /// How many of the entries that were there at the beginning have not been read; what comes later is not waited for.
    left: u64,
}

impl Cursor {
    /// A stream that is read from this id on, and how long it is.
    pub fn new(stream: Stream, from: EntryId, length: u64) -> Self {
        Self { stream, chain: Chain::default(), from: Some(from.to_string()), left: length }
    }

    /// Where to read on; none: it cannot be read.
    pub fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    /// Whether all has been read that was there at the beginning.
    pub fn has_caught_up(&self) -> bool {
        self.left == 0
    }

    /// Takes the next page: its records, the place behind it, and how much less is left to read.
    pub fn take(&mut self, page: Page, notes: &mut Notes) -> (Vec<Record>, Option<EntryId>, u64) {
        let (table, instance) = (self.stream.table.name(), self.stream.instance.as_str());
        let page = page.unwrap_or_else(|why| {
            notes.unreadable(table, instance, why);
            self.from = None;
            Vec::new()
        });
        let mut records = Vec::new();
        for (id, entry) in &page {
            match source::record(&self.stream, *id, entry) {
                Ok(record) => {
                    if let Some(gap) = self.chain.take(&record) {
                        notes.missing(table, instance, gap);
                    }
                    records.push(record);
                }
                Err(why) => notes.unreadable(table, instance, why),
            }
        }
        let last = page.last().map(|(last, _)| *last);
        if let Some(last) = last {
            self.from = Some(format!("({last}"));
        }
        let read = if page.len() < PAGE { self.left } else { self.left.min(page.len() as u64) };
        self.left -= read;
        (records, last, read)
    }
}
