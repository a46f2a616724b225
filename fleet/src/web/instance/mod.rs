//! One instance: its equity, positions, closed trades, trade events, signals, and reports of what it copied. Everything is read
//! when it is asked for, a page at a time.
//!
//! - [`rows`]: the answers' rows
//! - [`read`]: reads them from Redis

mod read;
mod rows;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use mt5_redis::model::InstanceId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Caller;
use super::problem::Problem;
use super::serve::Room;
use rows::{Equity, Event, Report, Signal, Trade};

/// The most rows of one answer.
const MOST: usize = 500;

/// Some rows, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// As `after` it asks for the rows that follow; null: there are none
    pub next: Option<String>,
    /// How many cannot be read, and why the first cannot; null: all can
    pub unreadable: Option<String>,
}

/// The open positions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Positions {
    /// How many there are
    pub count: u64,
    /// At most 500 of them, by identifier
    pub positions: Vec<Trade>,
    /// How many cannot be read, and why the first cannot; null: all can
    pub unreadable: Option<String>,
}

/// Which rows.
#[derive(Deserialize, IntoParams)]
pub struct Wanted {
    /// `next` of the answer before; without it the newest
    after: Option<String>,
    /// At most so many; 100 unless it is given, and at most 500
    count: Option<usize>,
}

impl Wanted {
    fn count(&self) -> usize {
        self.count.unwrap_or(100).clamp(1, MOST)
    }

    /// Where the newest of the wanted entries of a stream may be.
    fn end(&self) -> Result<String, Problem> {
        match &self.after {
            None => Ok("+".to_owned()),
            Some(id) if id.len() <= 41 && id.chars().all(|c| c.is_ascii_digit() || c == '-') => {
                Ok(format!("({id}"))
            }
            Some(_) => Err(Problem::bad("after is no next of an answer")),
        }
    }

    /// How many rows of a sorted set come before.
    fn skipped(&self) -> Result<usize, Problem> {
        let after = self.after.as_deref().unwrap_or("0");
        let skipped = after.parse().ok().filter(|skipped| *skipped <= 10_000_000);
        skipped.ok_or_else(|| Problem::bad("after is no next of an answer"))
    }
}

/// Which samples of the equity.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// One a minute, of the last 48 hours
    Minutes,
    /// One an hour, of the last year
    Hours,
}

/// Which samples.
#[derive(Deserialize, IntoParams)]
pub struct Samples {
    #[param(inline)]
    period: Period,
}

fn known(id: &str) -> Result<(), Problem> {
    InstanceId::new(id).map(|_| ()).map_err(|error| Problem::bad(error.to_string()))
}

/// The equity of an instance, a sample a minute or an hour
#[utoipa::path(get, path = "/instances/{id}/equity", tag = "instance", params(("id" = String, Path), Samples), responses(
    (status = 200, description = "the samples", body = Equity),
    (status = 422, description = "no instance has such an id", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn equity(
    State(room): State<Arc<Room>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(Samples { period }): Query<Samples>,
) -> Result<Json<Equity>, Problem> {
    known(&id)?;
    let money = caller.role.sees_money();
    room.work(move |room| read::equity(&room.config, &id, period, money)).await.map(Json)
}

/// The open positions of an instance
#[utoipa::path(get, path = "/instances/{id}/positions", tag = "instance", params(("id" = String, Path)), responses(
    (status = 200, description = "the positions as they are now", body = Positions),
    (status = 422, description = "no instance has such an id", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn positions(
    State(room): State<Arc<Room>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Positions>, Problem> {
    known(&id)?;
    let money = caller.role.sees_money();
    room.work(move |room| read::positions(&room.config, &id, money)).await.map(Json)
}

/// The closed positions of an instance, the last one to close first
#[utoipa::path(get, path = "/instances/{id}/trades", tag = "instance", params(("id" = String, Path), Wanted), responses(
    (status = 200, description = "the positions; between two answers some may come twice", body = Page<Trade>),
    (status = 422, description = "no instance has such an id, or after is wrong", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn trades(
    State(room): State<Arc<Room>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Trade>>, Problem> {
    known(&id)?;
    let money = caller.role.sees_money();
    room.work(move |room| read::trades(&room.config, &id, &wanted, money)).await.map(Json)
}

/// What happened to the trades of an instance
#[utoipa::path(get, path = "/instances/{id}/events", tag = "instance", params(("id" = String, Path), Wanted), responses(
    (status = 200, description = "openings, changes, closings and deals", body = Page<Event>),
    (status = 422, description = "no instance has such an id, or after is wrong", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn events(
    State(room): State<Arc<Room>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Event>>, Problem> {
    known(&id)?;
    let money = caller.role.sees_money();
    room.work(move |room| read::events(&room.config, &id, &wanted, money)).await.map(Json)
}

/// The signals that an instance gave
#[utoipa::path(get, path = "/instances/{id}/signals", tag = "instance", params(("id" = String, Path), Wanted), responses(
    (status = 200, description = "the signals", body = Page<Signal>),
    (status = 422, description = "no instance has such an id, or after is wrong", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn signals(
    State(room): State<Arc<Room>>,
    Extension(_caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Signal>>, Problem> {
    known(&id)?;
    room.work(move |room| read::signals(&room.config, &id, &wanted)).await.map(Json)
}

/// What an instance did with the signals that it follows
#[utoipa::path(get, path = "/instances/{id}/reports", tag = "instance", params(("id" = String, Path), Wanted), responses(
    (status = 200, description = "the reports", body = Page<Report>),
    (status = 422, description = "no instance has such an id, or after is wrong", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn reports(
    State(room): State<Arc<Room>>,
    Extension(_caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Report>>, Problem> {
    known(&id)?;
    room.work(move |room| read::reports(&room.config, &id, &wanted)).await.map(Json)
}
