//! The wish to stop: Ctrl-C, or a termination by the system. It only sets a flag, so that whoever runs
//! servers or terminals ends them in order.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, Result, bail};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, SIGTERM and SIGHUP set the flag instead of ending the process.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(request).context("cannot listen for Ctrl-C")
}

/// Sets the flag.
pub fn request() {
    REQUESTED.store(true, Relaxed);
}

/// Whether somebody wants to stop.
pub fn requested() -> bool {
    REQUESTED.load(Relaxed)
}

/// An error if somebody wants to stop.
pub fn check() -> Result<()> {
    if requested() {
        bail!("interrupted");
    }
    Ok(())
}
