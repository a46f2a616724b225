//! `mt5fleet web` at real servers: its values are those of Redis, who may do what, what a command does, and what strangers
//! and other sites cannot do. The page itself is tested in a browser (`tests/browser.rs`).

mod access;
mod client;
mod commands;
mod copying;
mod document;
mod fleet;
#[path = "../guarded/mod.rs"]
mod guarded;
mod instance;
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod trends;
mod users;
