//! The configuration: one URL for all three lanes, or a TOML file with a table for each lane.
//!
//! Everything is checked at open. An unknown key or a value out of range is refused with file, line, key and reason.
//! Secrets appear in no error, event or `Debug` output.
//!
//! [`configuration`] is the result. [`file`] reads TOML, [`url`] URLs, [`text_file`] any file that Windows may have written.
//! [`endpoint`] is a Redis site, [`tls`] its certificates, and [`advice`] what to write instead of what failed.

mod advice;
mod configuration;
mod endpoint;
mod file;
mod text_file;
mod tls;
mod url;

pub use advice::WHILE_CONNECTING;
pub use configuration::{Config, JournalConfig, JournalSync, LaneConfig, RateLimit, TradeEvents};
pub use endpoint::{Address, Endpoint, Identity, Secret, Site};
#[doc(hidden)]
pub use file::{Section, Setting, parse, table};
#[doc(hidden)]
pub use text_file::text;
pub use tls::Tls;
