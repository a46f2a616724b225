//! mt5-redis: MetaTrader 5 state and signals in Redis, without ever waiting for the network.
//!
//! The crate is a C library that an Expert Advisor loads; `include/mt5_redis.h` is its face. The modules,
//! in the order in which a record passes them:
//!
//! - [`abi`]: the exported functions, every `unsafe` but the journal's, no logic
//! - `session`: one Expert Advisor's handle, its instance and its place in the log
//! - `engine`: three lanes, shared by all sessions with one configuration
//! - [`model`]: what a record is, what is allowed in it, how it is named and encoded
//! - `lane`: queue, journal, batch, worker, and a policy each for RIS, RTS and RTSS
//! - `link`: the servers and their connections, commands as bytes, errors by what to do about them
//!
//! [`inbox`] is the way back: signals read by workers, which share them as a consumer group, and by followers, each of which
//! keeps a position of its own.
//!
//! Every thread of the library starts in `background`. Beside that way stand `pressure` (how much of what can wait is sent now), `clock` (how
//! far this machine's is off), [`config`], `events` (the log), `stats`, [`error`] and [`codes`].

#![deny(missing_docs, unsafe_code)]

#[allow(unsafe_code)]
pub mod abi;
mod background;
mod clock;
pub mod codes;
pub mod config;
mod engine;
pub mod error;
mod events;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod inbox;
mod lane;
mod link;
pub mod model;
mod pressure;
mod session;
mod stats;

use std::any::Any;

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}
