//! Whether the instances of this process are halted (`docs/halt.md`). [`Halts`] keeps the last order about each instance
//! with an open session, and [`memory`] keeps it on the disk. Only an order ends a halt: neither a restart nor an outage nor
//! a server that lost its data does. The ris lane asks Redis; nothing here knows about a connection. The question whether an
//! instance is halted takes a short lock and waits for neither the disk nor the network.

mod answer;
mod memory;
mod watch;

pub(crate) use answer::Answer;
pub(crate) use watch::{Halts, Watched};
