//! A watermark: the key that says what a server has of one instance's records. It is set by the transaction that writes
//! them, and under watch from before that, so that nobody else sets it unseen.
//!
//! It stands for every record up to its number: in Redis, superseded, held back under pressure, or put aside. Redis
//! executes the rest of a transaction of which it refuses a command, the SET of the watermark too. So the rule: where a
//! record was refused, the watermark is set back to before the lowest of these, at once, and nothing else is sent until
//! that is done. It is set forward again when the record is in Redis, or its letter on the disk. Whatever dies
//! in between:
//!
//! - this process, or the connection, before it is set back: what the answer said is not known any more. The next
//!   connection asks the records themselves, as far as their kind can tell (`Policy::last_written`).
//! - ... after it: the record is sent again, and what came after it in the same transaction too, but for signals: a
//!   stream that refuses one refuses all that follow, so nothing after it is there.
//! - ... when the letter is written, and the watermark not yet set forward: the record is sent no more, its letter
//!   is known; what came after it is sent again, states that say the same.
//!
//! Another instance in the same transaction has a watermark of its own, which stays. Another connection, whose bytes
//! arrive late, makes the setting back void, or is void itself: then everything is asked for.

use redis::Value;

use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::link::resp::Commands;
use crate::model::key::Key;

/// A watermark outlives every record it may have to vouch for: 35 days.
const WATERMARK_SECONDS: &str = "3024000";

/// Lets a watermark live for its full time again, though nothing may be written for long.
pub(in crate::lane) fn renew(link: &mut Link, key: &str) -> Result<(), Failure> {
    match link.ask(&["PEXPIRE", key, &format!("{WATERMARK_SECONDS}000")]) {
        Err(failure) if matches!(failure.class, Class::Reconnect | Class::Refresh) => Err(failure),
        // A user may be without that permission.
        _ => Ok(()),
    }
}

/// Watches a watermark: a transaction after that is void if anybody else has set it.
pub(in crate::lane) fn watch(link: &mut Link, key: &str) -> Result<(), Failure> {
    link.ask(&["WATCH", key]).map(drop).map_err(|failure| failure.without("WATCH"))
}

/// What it says; none if there is none.
pub(in crate::lane) fn read(link: &mut Link, key: &str) -> Result<Option<u64>, Failure> {
    match link.ask(&["GET", key]) {
        Ok(Value::BulkString(text)) => {
            Ok(Some(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)))
        }
        Ok(_) => Ok(None),
        // Somebody's list or hash: the next SET replaces it.
        Err(failure) if failure.class == Class::Reject => Ok(Some(0)),
        Err(failure) => Err(failure),
    }
}

/// Writes the command that sets it.
pub(in crate::lane) fn set(key: &str, number: u64, commands: &mut Commands) {
    commands.begin();
    commands.argument(b"SET");
    commands.argument(key.as_bytes());
    commands.integer(number as i64);
    commands.argument(b"EX");
    commands.argument(WATERMARK_SECONDS.as_bytes());
    commands.end();
}

/// Sets one that is watched, in a transaction of its own, after which these are watched again.
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
    commands.send(link, server)?;
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
