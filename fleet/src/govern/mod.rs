//! `mt5fleet govern`: watches every node of a configuration, asks the fleet to send less before a server is
//! overloaded, and keeps the streams and the list of instances short.
//!
//! It asks by directives that expire, so a governor that dies leaves nothing behind. Several governors may run; one
//! of them acts.
//!
//! - [`command`]: its options and its loop; [`governor`]: one round
//! - [`judge`]: from a node's sample to the level it needs, and from there to the fleet's level
//! - [`directives`], [`lease`]: what it writes into Redis, and which governor may write
//! - [`fleet`]: which instances send most, and which names to remove
//! - [`trim`]: what may be deleted from the streams, and which groups are late
//! - [`export`], [`serve`]: metrics for Prometheus; [`log`]: events as JSON lines

mod command;
pub(crate) mod directives;
mod export;
mod fleet;
mod governor;
mod judge;
pub(crate) mod lease;
mod log;
mod serve;
mod trim;

pub use command::{Options, govern};
