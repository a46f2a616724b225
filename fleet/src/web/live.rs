//! Changes of the fleet as server-sent events: first the whole of it, and then what differs. Who misses a look gets the
//! whole again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::WatchStream;

use super::access::Caller;
use super::problem::Problem;
use super::serve::Room;
use super::watch::Fleet;
use crate::stop;

/// Time between two signs of life on a stream without changes.
const ALIVE: Duration = Duration::from_secs(10);

/// The fleet's changes, as server-sent events
///
/// The first event is called `fleet` and has all of it, as `/fleet` does. After each look, twice a second, an event `changes` follows, with the
/// changed fields of each instance in `changed`, by id, those of its heartbeat in `changed.<id>.beat`, and in `gone` the ids
/// that are no longer there. If a reader is too slow for one of them, it gets the whole again.
#[utoipa::path(get, path = "/fleet/changes", tag = "fleet", responses(
    (status = 200, description = "the events", content_type = "text/event-stream", body = Fleet),
    (status = 503, description = "too many readers", body = Problem),
))]
pub async fn changes(
    State(room): State<Arc<Room>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let Ok(place) = room.streams.clone().try_acquire_owned() else {
        let words = "too many pages are open: close some";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, words));
    };
    let money = caller.role.sees_money();
    let mut last = None;
    let looks = WatchStream::new(room.looks.clone());
    let events = looks.filter(|look| look.number() > 0).map_while(move |look| {
        let _place = &place;
        // The end of a session ends what it sees.
        let over = caller.session.as_ref().is_some_and(|login| !room.access.sessions.is_alive(login));
        if over || stop::requested() {
            return None;
        }
        let follows = last == Some(look.number() - 1);
        last = Some(look.number());
        let (name, data) =
            if follows { ("changes", look.changes(money)) } else { ("fleet", look.whole(money)) };
        Some(Ok::<_, Infallible>(Event::default().event(name).data(data)))
    });
    let alive = KeepAlive::new().interval(ALIVE);
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    // Proxies must pass each event on at once.
    response.headers_mut().insert("x-accel-buffering", "no".parse().expect("a valid header"));
    Ok(response)
}
