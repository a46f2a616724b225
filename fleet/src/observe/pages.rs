//! Streams, a page at a time, from whichever server has them. Whoever may write a stream can write anything into it, so a
//! stream that cannot be read says nothing about the others.

use anyhow::Result;
use mt5_redis::inbox::item::EntryId;
use mt5_redis::inbox::reply::entries;
use redis::{RedisResult, Value};

use super::nodes::{Nodes, answer_about_key};
use crate::errors::server_reply;

/// The most entries of one stream in one answer.
pub const PAGE: usize = 500;
/// The most streams that should be read in one exchange.
pub const TOGETHER: usize = 20;

/// The entries of a stream from its place on, or why they cannot be read.
pub type Page = Result<Vec<(EntryId, Vec<Vec<u8>>)>, String>;

/// A page of each of these streams, from the place beside it on. A stream that does not exist has no entries.
pub fn read(nodes: &mut Nodes, streams: &[(String, &str)]) -> Result<Vec<Page>> {
    let commands: Vec<_> = streams
        .iter()
        .map(|(stream, from)| {
            let mut range = redis::cmd("XRANGE");
            range.arg(stream).arg(from).arg("+").arg("COUNT").arg(PAGE);
            (stream.as_str(), range)
        })
        .collect();
    let page = |answer: RedisResult<Value>| match answer {
        // Somebody wrote entries that are too large.
        Err(error) if error.is_io_error() => Ok(Err(server_reply(&error))),
        answer => {
            let page = entries(&answer_about_key(answer)?.unwrap_or(Value::Nil)).into_iter();
            Ok(Ok(page.map(|(id, entry)| (id, entry.unwrap_or_default())).collect()))
        }
    };
    nodes.ask_all(&commands)?.into_iter().map(page).collect()
}
