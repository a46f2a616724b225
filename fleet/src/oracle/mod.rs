//! The independent check: reads Redis over connections of its own, decodes the data by `docs/wire-format.md` without
//! the bridge's code, and compares it with the ledgers of what was accepted.
//!
//! It expects servers that were empty before, the default encodings (fields for states, packed for signals), and that
//! nobody writes meanwhile. A record counts as committed when Redis proves it: a signal by its entry, a state by its own
//! values or by those of a later record of the same position or instance.
//!
//! - [`check`]: runs the checks of the three lanes; [`verdict`]: what they found
//! - [`instances`], [`trades`] with its [`events`], [`signals`]: one lane each
//! - [`copies`]: the positions of accounts that copy others
//! - [`reader`]: finds the server of a key; [`values`]: compares accepted values with stored ones

mod check;
pub mod copies;
mod events;
mod instances;
mod reader;
mod signals;
mod trades;
mod values;
mod verdict;

pub use check::{check, check_cluster};
pub use verdict::Verdict;

use reader::Reader;

/// The version of the field tables that this check knows.
const SCHEMA: i64 = 2;
