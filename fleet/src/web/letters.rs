//! Dead letters: the signals that no worker could process, to list, put back and delete.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use mt5_redis_worker::{DeadLetter, DeadLetters};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Caller;
use super::audit;
use super::problem::{Body, Problem};
use super::serve::Room;
use crate::observe::nodes::Nodes;
use crate::output;

/// The most letters of one answer.
const MOST: usize = 1_000;

/// A signal that no worker could process.
#[derive(Debug, Serialize, ToSchema)]
pub struct Letter {
    /// Its id in its shard; its first part is the server's clock, ms since 1970 UTC
    pub id: String,
    pub shard: u16,
    /// The source of the signal
    pub source: String,
    /// The group of workers that gave it up
    pub group: String,
    /// How often it was handed out
    pub deliveries: u64,
    /// Why the last attempt failed
    pub error: String,
    /// The signal in a few words, or why it is none
    pub signal: String,
}

/// The dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub struct Letters {
    /// How many there are
    pub count: usize,
    /// The newest of them
    pub letters: Vec<Letter>,
}

/// What to do with dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Settle {
    /// Put the signals back at the end of their streams: every group receives them
    Retry,
    /// Delete them
    Drop,
}

/// What to do with which letters, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settling {
    pub what: Settle,
    /// Their shards and ids
    pub letters: Vec<Place>,
    /// The reason, for the audit
    pub why: String,
}

/// Where a letter is.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize, ToSchema)]
pub struct Place {
    pub shard: u16,
    pub id: String,
}

/// How many letters were put back or deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settled {
    pub count: usize,
    /// Why others were not
    pub failed: Vec<String>,
}

/// The signals that no worker could process, the newest first
#[utoipa::path(get, path = "/deadletters", tag = "dead letters", responses(
    (status = 200, description = "the letters", body = Letters),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn list(
    State(room): State<Arc<Room>>,
    Extension(_caller): Extension<Caller>,
) -> Result<Json<Letters>, Problem> {
    let all = room.work(|room| all(&mut DeadLetters::new(&room.config))).await?;
    let count = all.len();
    let mut letters: Vec<Letter> = all.into_iter().map(letter).collect();
    letters.sort_by_key(|letter| std::cmp::Reverse(ms(&letter.id)));
    letters.truncate(MOST);
    Ok(Json(Letters { count, letters }))
}

/// Puts dead letters back, or deletes them
#[utoipa::path(post, path = "/deadletters", tag = "dead letters", request_body = Settling, responses(
    (status = 200, description = "how many", body = Settled),
    (status = 403, description = "the caller may only view", body = Problem),
    (status = 422, description = "the request makes no sense", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn settle(
    State(room): State<Arc<Room>>,
    Extension(caller): Extension<Caller>,
    Body(settling): Body<Settling>,
) -> Result<Json<Settled>, Problem> {
    room.check_operate(&caller)?;
    let why = settling.why.trim();
    if why.is_empty() || why.chars().count() > 200 || why.chars().any(char::is_control) {
        return Err(Problem::bad("the reason has 1 to 200 characters, and no control characters"));
    }
    if settling.letters.is_empty() || settling.letters.len() > MOST {
        return Err(Problem::bad(format!("list 1 to {MOST} letters")));
    }
    room.work(move |room| carry_out(room, &caller, &settling)).await.map(Json)
}

fn all(letters: &mut DeadLetters) -> Result<Vec<DeadLetter>, Problem> {
    letters.all().map_err(|error| Problem::upstream(&error.to_string()))
}

fn carry_out(room: &Room, caller: &Caller, settling: &Settling) -> Result<Settled, Problem> {
    let wanted: HashSet<&Place> = settling.letters.iter().collect();
    let mut letters = DeadLetters::new(&room.config);
    let mut found = all(&mut letters)?;
    found.retain(|letter| wanted.contains(&Place { shard: letter.shard, id: letter.id.clone() }));
    let ids =
        found.iter().map(|letter| format!("{}/{}", letter.shard, letter.id)).collect::<Vec<_>>().join(" ");
    let what = if settling.what == Settle::Retry { "retry dead letters" } else { "delete dead letters" };
    let [_, mut records, _] = Nodes::lanes(&room.config);
    let recorded = records
        .refresh()
        .and_then(|_| audit::write(&mut records, caller, what, &ids, settling.why.trim(), ""));
    if let Err(error) = recorded {
        let why = records.describe(&error);
        return Err(Problem::upstream(&format!(
            "nothing was done: the audit stream cannot be written: {why}"
        )));
    }
    let mut settled = Settled { count: 0, failed: Vec::new() };
    for letter in &found {
        let done = match settling.what {
            Settle::Retry => letters.retry(letter),
            Settle::Drop => letters.drop(letter),
        };
        match done {
            Ok(true) => settled.count += 1,
            Ok(false) => settled.failed.push(format!("{}: it was gone", letter.id)),
            Err(error) => {
                settled.failed.push(format!("{}: {}", letter.id, output::sanitized(&error.to_string())))
            }
        }
    }
    let missing = wanted.len() - found.len();
    if missing > 0 {
        settled.failed.push(format!("{missing} of them were gone"));
    }
    if !settled.failed.is_empty() {
        let failed = settled.failed.join("; ");
        let _ = audit::write(&mut records, caller, what, &ids, settling.why.trim(), &failed);
    }
    Ok(settled)
}

fn letter(letter: DeadLetter) -> Letter {
    let DeadLetter { id, shard, source, group, deliveries, error, signal, .. } = letter;
    let [source, group, error, signal] = [source, group, error, signal].map(|text| output::sanitized(&text));
    Letter { id, shard, source, group, deliveries, error, signal }
}

/// When a letter was written, ms.
fn ms(id: &str) -> u64 {
    id.split('-').next().and_then(|ms| ms.parse().ok()).unwrap_or(0)
}
