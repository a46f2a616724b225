//! How to reach Redis: the servers that a lane writes to, commands as bytes, replies, and errors by what to do about
//! them.
//!
//! An instance's records go to one server: the configured one, the master that the sentinels name, or the node of a
//! Cluster that owns the key's slot (`servers`, `sentinel`, `cluster`). One thread uses a link. Every wait has a
//! time-out, and the first I/O error ends the connection, because later replies could not be told apart. A link does
//! not try again by itself, and it does not know what the commands mean.

mod bounded;
mod cluster;
pub(crate) mod commands;
mod connection;
mod exchange;
pub mod failure;
mod info;
mod permanent;
pub(crate) mod reply;
mod resolve;
mod sentinel;
mod servers;
mod stream;

pub use bounded::BoundedConnection;
pub(crate) use servers::Link;
#[cfg(fuzzing)]
pub(crate) use servers::ranges_of_slots;
