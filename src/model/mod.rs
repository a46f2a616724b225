//! What can be said to Redis: the state of an instance, of a trade, and a signal.
//!
//! Each record is a plain struct that crosses the C ABI as it is, plus the texts that came beside it. A
//! record is checked once, where it enters; behind this module every value is finite, in range and
//! short. Keys and encodings are here too, so that `docs/wire-format.md` has one place to agree with.
//! Nothing here knows a queue, a thread or a connection.

pub mod check;
pub mod encoding;
pub mod instance;
pub(crate) mod journal_layout;
pub mod key;
pub(crate) mod lane_name;
pub mod received;
pub mod signal;
pub mod trade;

pub use instance::{InstanceId, InstanceState};
pub(crate) use lane_name::LaneName;
pub use signal::Signal;
pub use trade::TradeState;

/// Version of the field tables in `docs/wire-format.md`, field `v` of every record.
pub(crate) const SCHEMA: u8 = 2;

/// What every record says of its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The record's number in its lane; starts at 1 and has no gaps.
    pub sequence: u64,
    /// When the Expert Advisor made the call, ms since 1970 UTC.
    pub time_ms: i64,
}
