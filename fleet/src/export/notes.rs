//! What an export could not write, and why: entries that are no records, and records that were deleted before they were
//! read. Anybody may cause any number of them, so they are counted by table and instance.

use std::collections::BTreeMap;

/// A count, and the first of them in words.
type Counts = BTreeMap<(&'static str, String), (u64, String)>;

#[derive(Default)]
pub struct Notes {
    unreadable: Counts,
    missing: Counts,
}

impl Notes {
    /// Notes what is no record.
    pub fn unreadable(&mut self, table: &'static str, instance: &str, why: String) {
        self.unreadable.entry((table, instance.to_owned())).or_insert((0, why)).0 += 1;
    }

    /// Notes that records are missing.
    pub fn missing(&mut self, table: &'static str, instance: &str, between: String) {
        self.missing.entry((table, instance.to_owned())).or_insert((0, between)).0 += 1;
    }

    /// A line for each, and forgets them.
    pub fn drain(&mut self) -> Vec<String> {
        let unreadable =
            std::mem::take(&mut self.unreadable).into_iter().map(|((table, name), (count, why))| {
                format!("{table} of {name}: {count} unreadable, the first: {why}")
            });
        let missing = std::mem::take(&mut self.missing).into_iter().map(|((table, name), (count, first))| {
            format!("{table} of {name}: {count} gaps, the first: {first}")
        });
        unreadable.chain(missing).collect()
    }
}
