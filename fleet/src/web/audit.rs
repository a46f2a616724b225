//! The audit stream: who did what, and why. It is on the rts server, which keeps a log of its writes.
//!
//! An entry is written before the action, so that nothing is done unrecorded; if the action fails, a second entry says so.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use redis::{FromRedisValue, Value};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Caller;
use super::problem::Problem;
use super::serve::Room;
use crate::observe::nodes::{Nodes, answer_about_key};
use crate::output;

/// The stream's key.
pub const KEY: &str = "audit";
/// About the most entries that are kept.
const LENGTH: u64 = 100_000;
/// The most entries of one answer.
const PAGE: usize = 500;
/// The most characters of a text that is shown.
const TEXT: usize = 2_000;

/// An action that somebody asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// The entry's id in the stream; its first part is the server's clock, ms since 1970 UTC
    pub id: String,
    /// The name of the token
    pub who: String,
    /// The address that it came from
    pub from: String,
    /// What was asked for
    pub what: String,
    /// On what: `all`, or ids
    pub on: String,
    /// The reason that was given
    pub why: String,
    /// Empty, or why it failed
    pub failed: String,
}

/// Adds an entry. Returns its id.
pub fn write(
    nodes: &mut Nodes,
    caller: &Caller,
    what: &str,
    on: &str,
    why: &str,
    failed: &str,
) -> Result<String> {
    let mut add = redis::cmd("XADD");
    add.arg(KEY).arg("MAXLEN").arg("~").arg(LENGTH).arg("*");
    let from = caller.address.to_string();
    for (name, value) in [
        ("who", &*caller.name),
        ("from", &*from),
        ("what", what),
        ("on", on),
        ("why", why),
        ("failed", failed),
    ] {
        add.arg(name).arg(value);
    }
    nodes.ask_owner(&add)
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
pub struct Wanted {
    /// Only entries before this id
    before: Option<String>,
    /// At most so many; 100 unless it is given, and at most 500
    count: Option<usize>,
}

/// The latest actions, the newest first
#[utoipa::path(get, path = "/audit", tag = "audit", params(Wanted), responses(
    (status = 200, description = "the entries", body = [Entry]),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn list(
    State(room): State<Arc<Room>>,
    Extension(_caller): Extension<Caller>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let before = match wanted.before {
        None => "+".to_owned(),
        Some(id) if id.len() <= 41 && id.chars().all(|c| c.is_ascii_digit() || c == '-') => format!("({id}"),
        Some(_) => return Err(Problem::bad("before is no id of an entry")),
    };
    let count = wanted.count.unwrap_or(100).clamp(1, PAGE);
    room.work(move |room| read(room, &before, count)).await.map(Json)
}

fn read(room: &Room, before: &str, count: usize) -> Result<Vec<Entry>, Problem> {
    let [_, mut nodes, _] = Nodes::lanes(&room.config);
    let range = redis::cmd("XREVRANGE").arg(KEY).arg(before).arg("-").arg("COUNT").arg(count).clone();
    let answer = nodes.refresh().and_then(|_| nodes.ask_all(&[(KEY, range)]));
    let answer = answer.and_then(|mut answers| answer_about_key(answers.remove(0)));
    let answer = answer.map_err(|error| Problem::upstream(&nodes.describe(&error)))?;
    let entries =
        answer.and_then(|value| Vec::<(String, HashMap<String, Value>)>::from_redis_value(value).ok());
    Ok(entries.unwrap_or_default().into_iter().map(entry).collect())
}

/// An entry. Somebody else may have written it, so any text may be there, or none.
fn entry((id, fields): (String, HashMap<String, Value>)) -> Entry {
    let text = |name: &str| {
        let value = fields.get(name).cloned().and_then(|value| String::from_redis_value(value).ok());
        output::sanitized(&value.unwrap_or_default()).chars().take(TEXT).collect()
    };
    Entry {
        id,
        who: text("who"),
        from: text("from"),
        what: text("what"),
        on: text("on"),
        why: text("why"),
        failed: text("failed"),
    }
}
