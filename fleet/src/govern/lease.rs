//! The lease: of several governors only the holder of the key `ctl:lease` acts. It expires when its holder dies. If it
//! is evicted, two governors act for a moment, which is harmless: both write the same directives.

use std::time::Duration;

use anyhow::Result;
use mt5_redis::config::Address;

use crate::observe::nodes::Nodes;

/// The key, beside `ctl`.
pub const KEY: &str = "ctl:lease";

/// Takes or extends the lease at the node that owns it. Returns whether `name` holds it.
pub fn take(nodes: &mut Nodes, owner: &Address, name: &str, time: Duration) -> Result<bool> {
    let ms = time.as_millis() as u64;
    let taken: Option<String> =
        nodes.ask(owner, redis::cmd("SET").arg(KEY).arg(name).arg("NX").arg("PX").arg(ms))?;
    if taken.is_some() {
        return Ok(true);
    }
    if_mine(nodes, owner, name, redis::cmd("PEXPIRE").arg(KEY).arg(ms))
}

/// Gives the lease back, if `name` holds it.
pub fn give_back(nodes: &mut Nodes, owner: &Address, name: &str) -> Result<()> {
    if_mine(nodes, owner, name, redis::cmd("DEL").arg(KEY)).map(|_| ())
}

/// Runs a command while `name` holds the lease. Returns whether it ran.
fn if_mine(nodes: &mut Nodes, owner: &Address, name: &str, command: &redis::Cmd) -> Result<bool> {
    nodes.ask::<()>(owner, redis::cmd("WATCH").arg(KEY))?;
    let holder: Option<String> = nodes.ask(owner, redis::cmd("GET").arg(KEY))?;
    if holder.as_deref() != Some(name) {
        nodes.ask::<()>(owner, &redis::cmd("UNWATCH"))?;
        return Ok(false);
    }
    Ok(nodes.transact::<i64>(owner, command)?.is_some())
}
