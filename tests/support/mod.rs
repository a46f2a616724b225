//! What the integration tests stand on: real Redis servers, the library through its C ABI, and waiting
//! with a deadline.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod bridge;
pub mod certificates;
pub mod cluster;
pub mod encrypted;
pub mod fake;
pub mod follower;
pub mod late;
pub mod mixture;
pub mod port;
pub mod process;
pub mod producers;
pub mod proxy;
pub mod recorder;
pub mod sentinels;
pub mod server;
pub mod terminal;
pub mod wine;

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must come to pass. Far beyond what it takes, for slow machines.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds; panics with `what` if it never does.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came to pass: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// A configuration file with this text; it goes with the folder.
pub fn configuration(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mt5-redis.toml");
    std::fs::write(&path, text).expect("a file");
    let path = path.to_str().expect("a plain path").to_owned();
    (folder, path)
}

/// Whether there is time for more than what every change needs.
pub fn long() -> bool {
    std::env::var("MT5REDIS_LONG").is_ok_and(|long| long == "yes")
}
