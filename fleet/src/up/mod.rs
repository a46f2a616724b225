//! `mt5fleet up` and `down`: Redis servers in one of three topologies, from the very files in `deploy/`.
//!
//! - [`command`]: the two commands
//! - [`servers`]: the running servers of a topology: started, watched, restarted after a crash, stopped
//! - [`server`]: one `redis-server` process
//! - [`topology`]: which servers there are, and their configuration files; [`sizing`]: their memory and connections
//! - [`files`]: the embedded files of `deploy/`; [`version`]: adapts them to the installed Redis
//! - [`cluster`], [`sentinel`]: joins the servers and waits until they are healthy
//! - [`reshard`]: moves slots while everybody writes; [`note`]: remembers detached servers

mod cluster;
mod command;
pub mod files;
mod note;
mod reshard;
mod sentinel;
pub mod server;
mod servers;
pub mod sizing;
pub mod topology;
pub mod version;

pub use command::{down, up};
pub use servers::{Plan, Servers, Trouble};
pub use topology::{LANES, Topology};

use servers::wait;
