//! Joins a group on the streams of sources: finds it, makes it, or makes it again where a server lost it.

use std::collections::HashSet;

use mt5_redis::inbox::client::{Client, command, good, refusal, server_ms};
use mt5_redis::inbox::item::Start;
use mt5_redis::link::failure::{Failure, Refusal};
use mt5_redis::model::{InstanceId, key};

use super::WorkerOptions;
use super::acknowledged;

/// What came of joining the group on one stream.
pub(super) enum Joined {
    Member {
        /// Of the signals that the group will hand out, the names of those that were acknowledged, perhaps before it was
        /// lost.
        done: HashSet<String>,
        /// The group did not exist.
        made: bool,
        /// The group did not exist, and never did before.
        new: bool,
    },
    /// There is no stream, so there can be no group.
    NoStream,
}

/// Joins the group on these streams of one shard. Only a worker that has just started, `first`, chooses where to begin.
pub(super) fn join(
    client: &mut Client,
    options: &WorkerOptions,
    shard: u16,
    sources: &[InstanceId],
    first: bool,
) -> Result<Vec<Joined>, Failure> {
    let group = &options.group;
    let list = key::sources(shard);
    let streams: Vec<_> = sources.iter().map(|source| key::signals(shard, source.as_str())).collect();
    let stored: Vec<_> = sources.iter().map(|source| acknowledged::key_of(shard, source, group)).collect();
    let mut asked = vec![command(["TIME"])];
    asked.extend(stored.iter().map(acknowledged::mark));
    let mut marks = client.exchange(&list, &asked)?;
    let now = server_ms(&good(marks.remove(0))?).unwrap_or(0);
    // A refusal does not prove that nothing was acknowledged.
    let marks = marks.into_iter().map(good).collect::<Result<Vec<_>, _>>()?;
    let starts: Vec<_> = marks.iter().map(acknowledged::start_of).collect();

    let start = if first { options.start } else { Start::Resume };
    let (mut prepare, mut create) = (Vec::new(), Vec::new());
    for (at, stream) in streams.iter().enumerate() {
        let (mark, id) = match (start, starts[at]) {
            (Start::New, _) => (now, "$".to_owned()),
            (Start::Resume, Some(id)) => (0, id.to_string()),
            _ => (0, "0".to_owned()),
        };
        prepare.extend(acknowledged::first_mark(&stored[at], mark));
        // It acknowledges nothing, but a worker that may not acknowledge must not take signals.
        prepare.push(command(["XACK", stream, group, "0-1"]));
        create.push(command(["XGROUP", "CREATE", stream, group, &id]));
    }
    client.exchange(&list, &prepare)?.into_iter().try_for_each(|reply| good(reply).map(drop))?;
    let mut made = Vec::new();
    for (at, reply) in client.exchange(&list, &create)?.into_iter().enumerate() {
        made.push(match refusal(&reply) {
            Some(Refusal::NoStream) => None,
            Some(Refusal::GroupExists) => {
                if start != Start::Resume {
                    let id = if start == Start::New { "$" } else { "0" };
                    client.ask(&list, command(["XGROUP", "SETID", &streams[at], group, id]))?;
                }
                Some(false)
            }
            _ => good(reply).map(|_| Some(true))?,
        });
    }
    // A group that exists is asked too: whoever made it again may have died before everything was handed out.
    let asked = stored.iter().zip(&starts).filter_map(|(key, start)| Some((key, (*start)?)));
    let asked = if start == Start::Resume { asked.collect() } else { Vec::new() };
    let mut done = acknowledged::since(client, &list, &asked)?.into_iter();
    let member = |(made, is_known): (Option<bool>, bool)| {
        let done = if is_known { done.next().unwrap_or_default() } else { HashSet::new() };
        match made {
            Some(made) => Joined::Member { done, made, new: made && !is_known },
            None => Joined::NoStream,
        }
    };
    Ok(made.into_iter().zip(starts.iter().map(Option::is_some)).map(member).collect())
}
