//! The parts of the fault harness, in the order in which a record meets them: what is said, who says it and
//! writes down the answers, what is done to the way, and who judges what arrived.

pub mod content;
pub mod events;
pub mod ledger;
pub mod oracle;
pub mod planted;
pub mod producer;
pub mod proxy;
pub mod reader;
pub mod scenario;
pub mod values;

pub mod backlog;
pub mod cluster;
pub mod deaths;
pub mod disk;
pub mod failover;
pub mod mixture;
pub mod network;
pub mod power;
pub mod refusals;
