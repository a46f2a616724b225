//! mt5-redis: MetaTrader 5 state and signals in Redis, without ever waiting for the network.
//!
//! The crate is a C library that an Expert Advisor loads; `include/mt5_redis.h` is its interface. The rooms, in the order
//! in which a record passes them:
//!
//! - [`abi`]: the exported functions, and every `unsafe` but the journal's
//! - `session`: one Expert Advisor's handle
//! - `engine`: three lanes, shared by all sessions with one configuration
//! - `lane`: queue, journal, batch, watermark, and a policy each for RIS, RTS and RTSS
//! - `link`: servers, connections, commands, replies, and errors by what to do about them
//!
//! [`inbox`] is the way back; workers are the crate `mt5-redis-worker`. [`model`] is what can be said. Beside
//! them stand `pressure`, `halt`, `clock`, [`config`], `events`, `stats`, [`error`], [`codes`] and `background`, which starts every
//! thread. `docs/architecture.md` has the picture and the words.

#![deny(missing_docs, unsafe_code)]

#[allow(unsafe_code)]
pub mod abi;
pub mod background;
mod clock;
pub mod codes;
pub mod config;
mod engine;
pub mod error;
mod events;
#[cfg(fuzzing)]
pub mod fuzzing;
mod halt;
pub mod inbox;
mod lane;
pub mod link;
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
