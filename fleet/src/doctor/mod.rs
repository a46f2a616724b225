//! `mt5fleet doctor`: inspects the servers of a configuration the way an experienced operator does. It changes nothing.
//!
//! [`examine`] finds the servers ([`site`]) and runs the checks, each a file of its own. A check returns findings:
//! green is as it should be, yellow will hurt one day or under load, red hurts now or loses data. [`finding`] prints
//! them; [`shell`] writes the command lines that fix them.

mod balance;
mod certificates;
mod clocks;
mod eviction;
mod examine;
mod finding;
mod host;
mod keys;
mod memory;
mod persistence;
mod reach;
mod roles;
mod settings;
mod shell;
mod site;
mod streams;
mod versions;

pub use examine::{Options, doctor, examine};
pub use finding::{Finding, Light};
pub use settings::AT_START;

use examine::Patient;
use site::{Member, Place};
