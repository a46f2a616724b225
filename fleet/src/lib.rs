//! The companion of mt5-redis: starts and watches Redis servers, simulates a fleet of terminals that use the library
//! through its C ABI, and checks independently that Redis holds what the library accepted.
//!
//! For operators:
//! - [`up`]: Redis servers in one of three topologies, from the configurations in `deploy/`
//! - [`doctor`]: inspects servers; [`top`]: the fleet on one screen; [`observe`]: what both see
//! - [`govern`]: throttles the fleet before a server is overloaded, and trims streams
//! - [`halt`]: stops new positions, for all or for one, and shows who obeys
//! - [`web`]: the fleet in a browser, and a JSON API
//! - [`alerts`]: tells people when something is wrong
//! - [`work`]: delivers signals to programs, as one of a group of workers
//! - [`reports`]: what followers did with signals; [`equity`]: the history of an account's equity
//! - [`deadletters`]: records that a server refused for good
//! - [`acl`]: Redis users with the fewest permissions
//! - [`export`]: trades, events, signals, reports and equity as files, or as tables in PostgreSQL
//! - [`size`]: the memory that an instance, a position and a signal need
//!
//! For proof:
//! - [`simulate`]: many terminals, each a process; [`library`]: the built library, called as a terminal does
//! - [`ledger`]: what a terminal's library accepted; [`history`]: what a copying account executed; [`oracle`]: compares
//!   them with Redis
//! - [`demo`]: servers, terminals and the verdict in one command
//!
//! [`output`]: everything that is printed; [`errors`]: errors in words; [`stop`]: Ctrl-C.

#![deny(unsafe_code, clippy::print_stdout, clippy::print_stderr)]

pub mod acl;
pub mod alerts;
pub mod deadletters;
pub mod demo;
pub mod doctor;
pub mod equity;
pub mod errors;
pub mod export;
pub mod govern;
pub mod halt;
pub mod history;
pub mod ledger;
#[allow(unsafe_code)]
pub mod library;
pub mod observe;
pub mod oracle;
pub mod output;
pub mod reports;
pub mod simulate;
pub mod size;
pub mod stop;
pub mod top;
pub mod up;
pub mod web;
pub mod work;
