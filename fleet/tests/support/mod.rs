//! What the tests of mt5fleet stand on: servers on ports of a test's own, and waiting with a deadline.
#![allow(dead_code, reason = "each test binary uses its part")]

#[path = "../../../tests/support/port.rs"]
pub mod port;

use std::thread;
use std::time::{Duration, Instant};

use mt5fleet::up::{Plan, Servers, Topology};

/// How long a test waits for what must come to pass. Far beyond what it takes, for slow machines.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Waits until `condition` holds; panics with `what` if it never does.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came to pass: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A server for each lane.
pub fn servers() -> Servers {
    Servers::start_here(&plan(Topology::Single, None)).expect("redis-server runs")
}

/// The servers of a topology, for a fleet of this size.
pub fn plan(topology: Topology, terminals: Option<u64>) -> Plan {
    Plan { topology, terminals, ports: Some(port::free_ports(topology.names().len())) }
}
