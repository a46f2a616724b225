//! One governor acts at a time: who holds the key `ctl:lease`. It ends by itself when its holder dies; it may
//! be evicted, and then two act for a moment, which is harmless: a directive is the same whoever writes it.

use std::time::Duration;

use anyhow::Result;
use redis::Connection;

/// The key, beside `ctl`.
pub const KEY: &str = "ctl:lease";

/// Takes the lease, or keeps it. Returns whether `name` has it now.
pub fn take(connection: &mut Connection, name: &str, time: Duration) -> Result<bool> {
    let ms = time.as_millis() as u64;
    let taken: Option<String> =
        redis::cmd("SET").arg(KEY).arg(name).arg("NX").arg("PX").arg(ms).query(connection)?;
    if taken.is_some() {
        return Ok(true);
    }
    if_mine(connection, name, redis::cmd("PEXPIRE").arg(KEY).arg(ms))
}

/// Gives the lease back, if `name` has it.
pub fn give_back(connection: &mut Connection, name: &str) -> Result<()> {
    if_mine(connection, name, redis::cmd("DEL").arg(KEY)).map(|_| ())
}

/// Runs a command if the lease is `name`'s, and still is when the command runs.
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
