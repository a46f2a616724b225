//! What readers hand out, and the names of readers.

use std::fmt;
use std::sync::Arc;

use crate::codes::MT5REDIS_ERR_GROUP;
use crate::error::{Error, Result};
use crate::model::InstanceId;
use crate::model::key::{self, Key};
use crate::model::received::Received;

/// Longest name of a follower, a group or a consumer, bytes.
pub const NAME_LIMIT: usize = 64;

/// An entry above this size, bytes, is not a signal and is not kept.
pub const LARGEST_ENTRY: usize = 64 * 1024;

/// Where a reader starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next signal.
    New,
    /// With the oldest signal that the stream still holds.
    Beginning,
    /// Where the follower or the group stopped; a new one starts with the oldest signal.
    Resume,
}

/// The id of an entry in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    /// Ms of the server's clock.
    pub ms: u64,
    /// Counts the entries of one ms.
    pub number: u64,
}

impl EntryId {
    /// Reads an id as Redis writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let (ms, number) = text.split_once('-')?;
        Some(Self { ms: ms.parse().ok()?, number: number.parse().ok()? })
    }

    /// The id before this one: a read that starts after it includes this one.
    pub fn before(self) -> Self {
        match (self.ms, self.number.checked_sub(1)) {
            (ms, Some(number)) => Self { ms, number },
            (0, None) => self,
            (ms, None) => Self { ms: ms - 1, number: u64::MAX },
        }
    }
}

/// As Redis writes it.
impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.number)
    }
}

/// Where a signal is: the stream of its source, and its entry there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The source, which alone writes this stream.
    pub source: InstanceId,
    /// The source's shard.
    pub shard: u16,
    /// The entry.
    pub id: EntryId,
}

impl Place {
    /// The entry's id as Redis writes it.
    pub fn entry(&self) -> String {
        self.id.to_string()
    }

    /// The key of the stream.
    pub fn stream(&self) -> Key {
        key::signals(self.shard, self.source.as_str())
    }
}

/// What a reader hands out.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A signal to act on and then to acknowledge.
    Signal(Box<Delivery>),
    /// An entry that is not a signal, and why. It must be acknowledged too.
    Unreadable(Place, String),
    /// Signals that were deleted before they were handed out.
    Gap(Gap),
}

/// A signal that is handed out.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Where it is.
    pub place: Place,
    /// How often it was handed out, this time included. A follower only knows 1 (the first time) and 2 (it may have been
    /// handed out before).
    pub deliveries: u64,
    /// The signal.
    pub signal: Received,
}

/// Signals that were deleted before they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Their source.
    pub source: InstanceId,
    /// How many at most: a terminal that signals for several instances counts them together.
    pub signals: u64,
    /// Their producer and the lowest and highest number that may be missing, where known.
    pub numbers: Option<(String, u64, u64)>,
}

impl Gap {
    /// The producer's signals above the first number, up to the second.
    pub fn of(source: InstanceId, producer: &str, (above, until): (u64, u64)) -> Self {
        Self { source, signals: until - above, numbers: Some((producer.to_owned(), above + 1, until)) }
    }

    /// So many signals that were delivered and not acknowledged.
    pub fn of_pending(source: InstanceId, signals: u64) -> Self {
        Self { source, signals, numbers: None }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, signals, numbers } = self;
        let source = source.as_str();
        match numbers {
            Some((_, from, to)) if from == to => {
                write!(f, "signal {from} of {source} was deleted before it was read")
            }
            Some((_, from, to)) => write!(
                f,
                "up to {signals} signals of {source}, {from} to {to}, were deleted before they were read"
            ),
            None => write!(f, "{signals} signals of {source} were deleted before they were acknowledged"),
        }
    }
}

/// Receives one line for each event: a server that is away, a permission that is missing.
pub type Report = Arc<dyn Fn(String) + Send + Sync>;

/// Refuses a name that is too long or has other letters than those of names.
pub fn check_name(field: &str, text: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:@-".contains(c);
    if text.is_empty() || text.len() > NAME_LIMIT || !text.chars().all(allowed) {
        return Err(Error::new(
            MT5REDIS_ERR_GROUP,
            format!("{field} \"{text}\" is refused: pass 1 to {NAME_LIMIT} of A-Z a-z 0-9 . _ : @ -"),
        ));
    }
    Ok(())
}
