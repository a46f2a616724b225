//! The records: the state of an instance, the state of a trade, a deal, a signal, and the report of what a follower did
//! with one.
//!
//! Each record is a plain struct that crosses the C ABI as it is, with the texts that came beside it. It is checked once,
//! where it enters: behind this module every value is finite, in range and short. The keys and encodings of Redis are
//! here too, so that `docs/wire-format.md` has one place to agree with, and so is the journal's layout of a record.
//! Nothing here knows about a queue, a thread or a connection.

pub mod check;
pub mod deal;
pub mod encoding;
mod entry;
pub mod equity;
pub mod event;
pub mod halt;
pub mod instance;
pub(crate) mod journal_layout;
pub mod key;
pub(crate) mod lane_name;
pub(crate) mod message;
mod numbers;
pub mod received;
pub mod report;
pub mod reported;
pub mod signal;
mod tag;
pub mod trade;
pub mod traded;

pub use deal::Deal;
pub use event::TradeEvent;
pub use instance::{InstanceId, InstanceState};
pub(crate) use lane_name::LaneName;
pub use report::ExecutionReport;
pub use signal::Signal;
pub(crate) use tag::Tag;
pub use trade::TradeState;

/// The version of the field tables in `docs/wire-format.md`; field `v` of every record.
pub(crate) const SCHEMA: u8 = 2;

/// The number and time of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The record's number in its lane. It starts at 1 and has no gaps.
    pub sequence: u64,
    /// When the Expert Advisor made the call, ms since 1970 UTC.
    pub time_ms: i64,
}
