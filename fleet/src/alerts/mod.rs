//! Alerts: tells people when something is wrong, and when it is over. `mt5fleet web` and `mt5fleet govern` run it, if the
//! configuration has a table `[alerts]`; if both run, one of them tells.
//!
//! What is told is judged from what Redis shows. It does not judge what a terminal keeps to itself.
//!
//! - [`condition`]: what may be wrong; [`rules`]: what is wrong now
//! - [`state`]: when that is told; [`hours`]: quiet hours; [`message`]: in which words
//! - [`delivery`]: to whom
//! - [`configuration`], [`sinks`]: what the configuration says
//! - [`look`]: looks at everything; [`lease`]: which program tells, and what was told; [`run`]: all of it together
//! - [`command`]: `mt5fleet alerts`

pub mod command;
pub mod condition;
pub mod configuration;
pub mod delivery;
pub mod hours;
pub mod lease;
mod look;
pub mod message;
pub mod rules;
mod run;
mod sinks;
pub mod state;

pub use run::{Running, start};
