//! A simulated fleet: many terminals, each a process of its own that calls the built library.
//!
//! - [`fleet`]: starts the terminals, watches them and gathers their ledgers; [`view`] shows them meanwhile
//! - [`terminal`]: one terminal's process
//! - [`market`]: what happens to its account; [`agent`]: what an Expert Advisor publishes of it
//! - [`publisher`]: the signals of an account that others copy; [`follower`]: the copies
//! - [`configuration`]: the configuration as the terminals get it
//! - [`slow_redis`]: a proxy that makes a server slow

mod agent;
mod configuration;
mod fleet;
mod follower;
mod market;
mod publisher;
mod slow_redis;
pub mod terminal;
mod view;

pub use fleet::{Outcome, Size, run};
pub use slow_redis::SlowRedis;
pub use view::View;
