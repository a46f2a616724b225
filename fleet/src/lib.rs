//! The companion of mt5-redis: Redis servers with one command, a fleet of simulated terminals that use the
//! library through its C ABI, and an independent check that Redis holds what the library accepted.
//!
//! - [`up`]: the servers in one of three arrangements, from the configurations in `deploy/`
//! - [`size`]: what an instance, a position and a signal weigh in Redis
//! - [`library`]: the built library, loaded and called as a terminal does it
//! - [`market`], [`agent`]: what happens to a simulated account, and what an Expert Advisor publishes of it
//! - [`terminal`]: one terminal, a process of its own, which writes a [`ledger`] of all that was accepted
//! - [`simulate`], [`table`]: many terminals, and the view of them; [`slow`]: a Redis that cannot keep up
//! - [`oracle`]: reads Redis by another connection and compares it with the ledgers
//! - [`deadletters`]: the records that a server refused for good
//! - [`work`]: signals handed to programs by a group of workers, and their dead letters
//! - [`govern`]: asks the fleet to send less before a server falls over
//! - [`acl`]: users for Redis that can do their own work and nothing else
//! - [`doctor`]: looks at servers as an experienced operator does; [`top`]: the fleet on one screen
//! - [`errors`]: an error in words, with what to change; [`output`]: everything that is printed
//! - [`demo`]: all of it, with a verdict in one line

#![deny(unsafe_code, clippy::print_stdout, clippy::print_stderr)]

pub mod acl;
pub mod agent;
pub mod deadletters;
pub mod demo;
pub mod doctor;
pub mod errors;
pub mod govern;
pub mod ledger;
#[allow(unsafe_code)]
pub mod library;
pub mod market;
pub mod oracle;
pub mod output;
pub mod simulate;
pub mod size;
pub mod slow;
pub mod stop;
pub mod table;
pub mod terminal;
pub mod top;
pub mod up;
pub mod work;
