//! How large a journal may grow, and whether it survives a power cut.

use crate::config::JournalSync;

/// The smallest segment. Loom's time grows with the number of words.
const SMALLEST: u64 = if cfg!(loom) { 64 } else { 4096 };

/// The sizes of a journal, and what `sync` promises.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) segment_bytes: u64,
    /// All segments together, those made ahead included. At least two segments.
    pub(crate) max_bytes: u64,
    pub(crate) sync: JournalSync,
}

impl Limits {
    /// The same in whole words, with room for two segments.
    pub(super) fn rounded(mut self) -> Self {
        self.segment_bytes = self.segment_bytes.next_multiple_of(8).max(SMALLEST);
        self.max_bytes = self.max_bytes.max(2 * self.segment_bytes);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment_bytes: 256 << 10, max_bytes: 256 << 20, sync: JournalSync::Os }
    }
}
