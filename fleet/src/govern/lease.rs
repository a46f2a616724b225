//! The lease: of several governors only the holder of the key `ctl:lease` acts. It expires when its holder dies. If it
//! is evicted, two governors act for a moment, which is harmless: both write the same directives.

use std::time::Duration;

use anyhow::Result;
use redis::Connection;

/// The key, beside `ctl`.
pub const KEY: &str = "ctl:lease";

/// Takes or extends the lease. Returns whether `name` holds it.
pub fn take(connection: &mut Connection, name: &str, time: Duration) -> Result<bool> {
    let ms = time.as_millis() as u64;
    let taken: Option<String> =
        redis::cmd("SET").arg(KEY).arg(name).arg("NX").arg("PX").arg(ms).query(connection)?;
    if taken.is_some() {
        return Ok(true);
    }
    if_mine(connection, name, redis::cmd("PEXPIRE").arg(KEY).arg(ms))
}

/// Gives the lease back, if `name` holds it.
pub fn give_back(connection: &mut Connection, name: &str) -> Result<()> {
    if_mine(connection, name, redis::cmd("DEL").arg(KEY)).map(|_| ())
}

/// Runs a command while `name` holds the lease. Returns whether it ran.
fn if_mine(connection: &mut Connection, name: &str, command: &redis::Cmd) -> Result<bool> {
    redis::cmd("WATCH").arg(KEY).exec(connection)?;
    let holder: Option<String> = redis::cmd("GET").arg(KEY).query(connection)?;
    if holder.as_deref() != Some(name) {
        redis::cmd("UNWATCH").exec(connection)?;
        return Ok(false);
    }
    let done: Option<(i64,)> = redis::pipe().atomic().add_command(command.clone()).query(connection)?;
    Ok(done.is_some())
}
