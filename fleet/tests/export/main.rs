//! `mt5fleet export` against what Redis has: nothing is missing and nothing is there twice.

mod files;
mod fleet;
mod follow;
mod postgres;
mod readers;
mod secret;
mod server;
#[path = "../support/mod.rs"]
mod support;
