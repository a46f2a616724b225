//! A lease: of several programs only the holder of a key acts. It expires when its holder dies. If the governor's lease
//! `ctl:lease` is evicted, two governors act for a moment, which is harmless: both write the same directives.

use std::time::Duration;

use anyhow::Result;
use mt5_redis::config::Address;
use redis::RedisError;

use crate::observe::nodes::Nodes;

/// The governor's key, beside `ctl`.
pub const KEY: &str = "ctl:lease";

/// Takes or extends a lease at the node that owns its key. Returns whether `name` holds it.
pub fn take(nodes: &mut Nodes, owner: &Address, key: &str, name: &str, time: Duration) -> Result<bool> {
    let ms = time.as_millis() as u64;
    let taken = nodes.ask(owner, redis::cmd("SET").arg(key).arg(name).arg("NX").arg("PX").arg(ms));
    // A full server stores nothing new, and still extends what it has.
    let full = match taken {
        Ok(Some::<String>(_)) => return Ok(true),
        Ok(None) => None,
        Err(error) if error.downcast_ref().and_then(RedisError::code) == Some("OOM") => Some(error),
        Err(error) => return Err(error),
    };
    let extended = if_mine(nodes, owner, key, name, redis::cmd("PEXPIRE").arg(key).arg(ms))?;
    match full {
        Some(error) if !extended => Err(error),
        _ => Ok(extended),
    }
}

/// Gives a lease back, if `name` holds it.
pub fn give_back(nodes: &mut Nodes, owner: &Address, key: &str, name: &str) -> Result<()> {
    if_mine(nodes, owner, key, name, redis::cmd("DEL").arg(key)).map(|_| ())
}

/// Runs a command while `name` holds the lease. Returns whether it ran.
pub fn if_mine(
    nodes: &mut Nodes,
    owner: &Address,
    key: &str,
    name: &str,
    command: &redis::Cmd,
) -> Result<bool> {
    nodes.ask::<()>(owner, redis::cmd("WATCH").arg(key))?;
    let holder: Option<String> = nodes.ask(owner, redis::cmd("GET").arg(key))?;
    if holder.as_deref() != Some(name) {
        nodes.ask::<()>(owner, &redis::cmd("UNWATCH"))?;
        return Ok(false);
    }
    Ok(nodes.transact::<redis::Value>(owner, command)?.is_some())
}
