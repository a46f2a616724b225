//! The watermark's commands. A transaction sets the watermark of the records that it writes. The key is watched from
//! before that, so that nobody else sets it unseen.
//!
//! A watermark covers every record up to its number: in Redis, superseded, or a dead letter. When Redis refuses a
//! command of a transaction, it executes the rest, including the watermark's SET. So the rule: if a record was
//! refused, the watermark is set back to before the lowest one at once, and nothing else is sent until that is done.
//! It is set forward again when the record is in Redis, or its letter is on the disk. Whatever dies in between:
//!
//! - The process or the connection, before the watermark is set back: nobody knows the answer any more. The next
//!   connection looks at the records themselves, as far as their kind allows (`Policy::last_written`).
//! - ... after that: the record is sent again, and so are the records behind it in the same transaction. No signal is
//!   sent twice, because a stream that refuses one entry refuses all that follow.
//! - ... when the letter is written and the watermark is not set forward yet: the record is not sent again, because its
//!   letter is known. The records behind it are sent again: states that say the same.
//!
//! Other instances in the same transaction have their own watermarks, which stay. If another connection's bytes arrive
//! late, either they or the correction are void; then everything is read again.

use redis::Value;

use crate::link::Link;
use crate::link::commands::Commands;
use crate::link::failure::{Class, Failure};
use crate::model::key::Key;

/// A watermark outlives every record that it covers: 35 days.
const WATERMARK_SECONDS: &str = "3024000";

/// Restarts a watermark's time to live.
pub(in crate::lane) fn renew(link: &mut Link, key: &str) -> Result<(), Failure> {
    match link.ask(&["PEXPIRE", key, &format!("{WATERMARK_SECONDS}000")]) {
        Err(failure) if matches!(failure.class, Class::Reconnect | Class::Refresh) => Err(failure),
        // The user may lack that permission.
        _ => Ok(()),
    }
}

/// Watches a watermark: the next transaction is void if anybody else sets it before.
pub(in crate::lane) fn watch(link: &mut Link, key: &str) -> Result<(), Failure> {
    link.ask(&["WATCH", key]).map(drop).map_err(|failure| failure.without("WATCH"))
}

/// The watermark's number; none if there is no watermark.
pub(in crate::lane) fn read(link: &mut Link, key: &str) -> Result<Option<u64>, Failure> {
    match link.ask(&["GET", key]) {
        Ok(Value::BulkString(text)) => {
            Ok(Some(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)))
        }
        Ok(_) => Ok(None),
        // Not a string: the next SET replaces it.
        Err(failure) if failure.class == Class::Reject => Ok(Some(0)),
        Err(failure) => Err(failure),
    }
}

/// Writes the command that sets a watermark.
pub(in crate::lane) fn set(key: &str, number: u64, commands: &mut Commands) {
    commands.begin();
    commands.argument(b"SET");
    commands.argument(key.as_bytes());
    commands.integer(number as i64);
    commands.argument(b"EX");
    commands.argument(WATERMARK_SECONDS.as_bytes());
    commands.end();
}

/// Sets a watched watermark in a transaction of its own, and then watches all of `watched` again.
pub(in crate::lane) fn correct(
    link: &mut Link,
    key: &str,
    number: u64,
    watched: &[Key],
) -> Result<(), Failure> {
    let server = link.route(key)?;
    let mut again = Vec::new();
    for key in watched {
        if link.route(key)? == server {
            again.push(key);
        }
    }
    let mut commands = Commands::new();
    commands.command([b"MULTI".as_slice()]);
    set(key, number, &mut commands);
    commands.command([b"EXEC".as_slice()]);
    again.iter().for_each(|key| commands.command([b"WATCH".as_slice(), key.as_bytes()]));
    link.send(server, &mut commands)?;
    let replies = (0..3 + again.len()).map(|_| link.receive(server)).collect::<Result<Vec<_>, _>>()?;
    let refused = replies.iter().find_map(|reply| match reply {
        Value::ServerError(error) => Some(Failure::of_reply(error)),
        Value::Array(inner) => inner.iter().find_map(|reply| match reply {
            Value::ServerError(error) => Some(Failure::of_reply(error)),
            _ => None,
        }),
        _ => None,
    });
    match (refused, &replies[2]) {
        (Some(failure), _) if failure.class == Class::Reject => {
            Err(Failure { class: Class::Hold, ..failure })
        }
        (Some(failure), _) => Err(failure),
        (None, Value::Array(_)) => Ok(()),
        (None, _) => Err(Failure::new(Class::Refresh, format!("{key} was set by another connection"))),
    }
}
