//! What Redis shows of its servers, of the fleet's instances and of their streams. This room reads and does not
//! judge: [`govern`](crate::govern), [`top`](crate::top) and [`doctor`](crate::doctor) do that.
//!
//! - [`connect`]: one connection, as the bridge would make it
//! - [`nodes`]: the masters of a lane; sends each command to the node that owns its key
//! - [`lane`]: all nodes of a lane, sampled again and again
//! - [`sample`]: what one node reports about itself
//! - [`names`]: the shared lists of names, which anybody may fill
//! - [`instances`]: the last heartbeat of every instance
//! - [`pages`]: the entries of streams
//! - [`streams`]: the signal streams with their groups and followers

pub mod connect;
pub mod instances;
pub mod lane;
pub mod names;
pub mod nodes;
pub mod pages;
pub mod sample;
pub mod streams;
