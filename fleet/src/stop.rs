//! Ctrl-C and termination signals. They only set a flag, so that servers and terminals are stopped in order.

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

/// Whether a stop was requested.
pub fn requested() -> bool {
    REQUESTED.load(Relaxed)
}

/// An error if a stop was requested.
pub fn check() -> Result<()> {
    if requested() {
        bail!("interrupted");
    }
    Ok(())
}
