//! A lane: a bounded queue, a thread and a connection of its own, from a call to a commit in Redis.
//!
//! It promises that a record, once it has its sequence number, reaches Redis in the order of these
//! numbers and once, for as long as this process lives; that accepting never waits; and that one lane
//! never waits for another. What is in a record, and how it is written, is the policy's business.

mod batch;
mod bell;
#[cfg(loom)]
mod channel;
mod dead_letters;
mod entry;
mod intake;
#[cfg(all(test, loom))]
mod interleavings;
mod journal;
mod missing;
#[cfg(test)]
mod plain;
mod policy;
mod rate;
mod retention;
mod ris;
mod rts;
mod rtss;
mod shared;
mod status;
mod stream;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod transaction;
mod watermark;
mod worker;

pub(crate) use entry::Lane;
pub(crate) use journal::{Journal, Limits, Opened, create_folder, open_file, sync_folder};
pub(crate) use policy::Policy;
pub(crate) use ris::{Ris, Watch};
pub(crate) use rts::Rts;
pub(crate) use rtss::Rtss;
pub(crate) use status::Status;
