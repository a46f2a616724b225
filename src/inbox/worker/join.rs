//! A group on the streams of sources: found, made, or made anew where it was lost.

use std::collections::HashSet;

use super::WorkerOptions;
use super::acknowledged;
use crate::inbox::client::{Client, command, good, refusal, server_ms};
use crate::inbox::item::{Id, Start, entry};
use crate::link::failure::{Failure, Refusal};
use crate::model::InstanceId;
use crate::model::key;

/// What came of joining a source's group.
pub(super) enum Joined {
    /// It is there.
    Member {
        /// Of what it will be handed, the signals with these names were acknowledged, perhaps before it was lost.
        done: HashSet<String>,
        /// It was made.
        made: bool,
        /// Nobody ever was in it.
        new: bool,
    },
    /// There is no stream, so there can be no group.
    Gone,
}

/// Joins the group on these streams of one shard. `first` says that the reader has just started, so that it may say
/// where to begin.
pub(super) fn join(
    client: &mut Client,
    options: &WorkerOptions,
    shard: u16,
    sources: &[InstanceId],
    first: bool,
) -> Result<Vec<Joined>, Failure> {
    let group = &options.group;
    let list = key::sources(shard);
    let keys: Vec<_> = sources.iter().map(|source| key::signals(shard, source.as_str())).collect();
    let evidence: Vec<_> = sources.iter().map(|source| acknowledged::key_of(shard, source, group)).collect();
    let mut asked = vec![command(["TIME"])];
    asked.extend(evidence.iter().map(acknowledged::mark));
    let mut answers = client.exchange(&list, &asked)?;
    let now = server_ms(&good(answers.remove(0))?).unwrap_or(0);

    let start = if first { options.start } else { Start::Resume };
    // A refusal does not say that nothing was acknowledged.
    let marks = answers.into_iter().map(good).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = marks.iter().map(acknowledged::place_of).collect();
    let mut commands = Vec::new();
    for (at, stream) in keys.iter().enumerate() {
        let place = match (start, places[at]) {
            (Start::New, _) => "$".to_owned(),
            (Start::Resume, Some(place)) => entry(place),
            _ => "0".to_owned(),
        };
        let mark = if start == Start::New { now } else { 0 };
        commands.push(acknowledged::first_mark(&evidence[at], mark));
        commands.push(command(["XGROUP", "CREATE", stream, group, &place]));
    }
    let replies = client.exchange(&list, &commands)?;
    let mut made = Vec::new();
    for (at, reply) in replies.into_iter().skip(1).step_by(2).enumerate() {
        made.push(if refusal(&reply) == Some(Refusal::GroupExists) {
            if start != Start::Resume {
                let place = if start == Start::New { "$" } else { "0" };
                client.ask(&list, command(["XGROUP", "SETID", &keys[at], group, place]))?;
            }
            Some(false)
        } else if refusal(&reply) == Some(Refusal::NoStream) {
            None
        } else {
            good(reply)?;
            Some(true)
        });
    }
    // Also of one that is there: whoever made it anew may have died before it had handed all out.
    let asked = evidence.iter().zip(&places).filter_map(|(key, place)| Some((key, (*place)?)));
    let asked = if start == Start::Resume { asked.collect() } else { Vec::new() };
    let mut done = acknowledged::since(client, &list, &asked)?.into_iter();
    let member = |(made, place): (Option<bool>, &Option<Id>)| {
        let done = if place.is_some() { done.next().unwrap_or_default() } else { HashSet::new() };
        match made {
            Some(made) => Joined::Member { done, made, new: made && place.is_none() },
            None => Joined::Gone,
        }
    };
    Ok(made.into_iter().zip(&places).map(member).collect())
}
