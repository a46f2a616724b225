//! Why a journal accepts no record, and what helps.

use std::fmt;

use crate::codes::MT5REDIS_ERR_JOURNAL_FULL;
use crate::error::Error;

/// Why a record was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The journal is as large as it may be.
    Full(u64),
    /// The system's reason for giving no space. [`Journal::prepare`] tries again.
    Disk(String),
    /// The payload's length, and what a segment holds.
    TooLong(usize, usize),
    /// Another session took the folder over after this one was closed.
    HandedOver,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(bytes) => write!(
                f,
                "the journal is at its limit of {bytes} bytes; records are accepted again when Redis has taken \
                 some, or raise journal.max_bytes"
            ),
            Self::Disk(text) => f.write_str(text),
            Self::HandedOver => {
                f.write_str("this session was closed, and another took the journal over: open it anew")
            }
            Self::TooLong(length, limit) => write!(f, "a record of {length} bytes; a segment takes {limit}"),
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::new(MT5REDIS_ERR_JOURNAL_FULL, refused.to_string())
    }
}
