//! What readers hand out, and the names that they go by.

use std::sync::Arc;

use crate::codes::MT5REDIS_ERR_GROUP;
use crate::error::{Error, Result};
use crate::model::InstanceId;
use crate::model::received::Received;

/// Longest name of a follower, a group or a consumer, bytes.
pub const NAME_LIMIT: usize = 64;

/// An entry above this size is no signal, and not kept.
pub(super) const LARGEST_ENTRY: usize = 64 * 1024;

/// An entry's id in its stream: ms of the server's clock, and a number.
pub(super) type Id = (u64, u64);

/// Where a reader starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is given from now on.
    New,
    /// With the oldest signal that is kept.
    Beginning,
    /// Where the follower or the group was; a new one starts with the oldest signal that is kept.
    Resume,
}

/// Where a signal stands: its source's stream, and its id in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The source: whose stream it is.
    pub source: InstanceId,
    /// The source's shard.
    pub shard: u16,
    /// The entry's id, ms of the server's clock and a number.
    pub id: (u64, u64),
}

impl Place {
    /// The entry's id as Redis writes it.
    pub fn entry(&self) -> String {
        entry(self.id)
    }
}

/// An id as Redis writes it.
pub(super) fn entry((ms, number): Id) -> String {
    format!("{ms}-{number}")
}

/// The id before this one, behind which a read begins with it.
pub(super) fn before((ms, number): Id) -> Id {
    match number.checked_sub(1) {
        Some(number) => (ms, number),
        None => (ms.saturating_sub(1), if ms == 0 { 0 } else { u64::MAX }),
    }
}

/// What a reader hands out.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A signal to act on, and then to acknowledge.
    Signal(Box<Delivery>),
    /// An entry that is no signal, with the reason. It waits for an acknowledgement like one.
    Unreadable(Place, String),
    /// Signals that are gone and were never handed out.
    Gap(Gap),
}

/// A signal on its way to who acts on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Where it stands.
    pub place: Place,
    /// How often it was handed out; 1: for the first time. A follower cannot report more than that it may have been
    /// handed out before: 2.
    pub deliveries: u64,
    /// The signal.
    pub signal: Received,
}

/// Signals that were deleted before they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Whose signals.
    pub source: InstanceId,
    /// How many at most: a terminal that signals for several instances numbers them together.
    pub signals: u64,
    /// Their producer, and the lowest and the highest number that may be missing, as far as that can be told.
    pub numbers: Option<(String, u64, u64)>,
}

impl Gap {
    /// Those of a producer, above the first number and up to the second.
    pub(super) fn of(source: InstanceId, producer: &str, (above, until): (u64, u64)) -> Self {
        Self { source, signals: until - above, numbers: Some((producer.to_owned(), above + 1, until)) }
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { source, signals, numbers } = self;
        let source = source.as_str();
        match numbers {
            Some((_, from, to)) if from == to => {
                write!(f, "signal {from} of {source} was deleted before it was read")
            }
            Some((_, from, to)) => {
                write!(
                    f,
                    "up to {signals} signals of {source}, {from} to {to}, were deleted before they were read"
                )
            }
            None => write!(f, "{signals} signals of {source} were deleted before they were acknowledged"),
        }
    }
}

/// Who is told what a reader meets: a server that is away, a permission that is missing.
pub type Report = Arc<dyn Fn(String) + Send + Sync>;

/// Refuses what cannot be a name.
pub(super) fn name(field: &str, text: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:@-".contains(c);
    if text.is_empty() || text.len() > NAME_LIMIT || !text.chars().all(allowed) {
        return Err(Error::new(
            MT5REDIS_ERR_GROUP,
            format!("{field} \"{text}\" is refused: pass 1 to {NAME_LIMIT} of A-Z a-z 0-9 . _ : @ -"),
        ));
    }
    Ok(())
}
