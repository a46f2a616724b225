//! What is wrong now, as the program that tells alerts last stored it.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Caller;
use super::problem::Problem;
use super::serve::Room;
use crate::alerts::lease;
use crate::alerts::state::Phase;
use crate::observe::nodes::Nodes;
use crate::output;

/// The alerts.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Alerts {
    /// Which program tells them; null: none has in the last week
    pub by: Option<String>,
    /// What is wrong now, and what is over but not told yet
    pub firing: Vec<Alert>,
    pub sinks: Vec<Sink>,
    /// What could not be looked at, or does not get its messages
    pub trouble: Vec<String>,
}

/// Something that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alert {
    /// The condition's name in the configuration
    pub condition: &'static str,
    /// The condition in words
    pub title: &'static str,
    /// Whom or what it concerns
    pub subject: String,
    /// What is wrong
    pub text: String,
    /// Since when it is wrong, by the server's clock, ms since 1970 UTC
    pub since_ms: u64,
    /// Whether it has been told
    pub told: bool,
    /// Whether it is over, which will be told
    pub over: bool,
}

/// Who gets messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sink {
    pub name: String,
    pub kind: String,
    /// How many messages wait for it
    pub waiting: usize,
    /// Why the last delivery failed; null: it did not
    pub failed: Option<String>,
    /// Since when none succeeds, ms since 1970 UTC
    pub failed_since_ms: Option<u64>,
}

/// What is wrong now, and who is told
#[utoipa::path(get, path = "/alerts", tag = "alerts", responses(
    (status = 200, description = "the alerts, as of a second ago", body = Alerts),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn alerts(
    State(room): State<Arc<Room>>,
    Extension(_caller): Extension<Caller>,
) -> Result<Json<Alerts>, Problem> {
    room.work(|room| {
        let [_, mut nodes, _] = Nodes::lanes(&room.config);
        let stored = nodes.refresh().and_then(|_| lease::read(&mut nodes));
        let stored = stored.map_err(|error| Problem::upstream(&nodes.describe(&error)))?;
        Ok(stored.map(shown).unwrap_or_default())
    })
    .await
    .map(Json)
}

fn shown(stored: lease::Stored) -> Alerts {
    let lease::Stored { by, sinks, trouble, state, queue, .. } = stored;
    let firing = state.firing().map(|alert| Alert {
        condition: alert.condition.name(),
        title: alert.condition.title(),
        subject: output::sanitized(&alert.subject),
        text: output::sanitized(&alert.text),
        since_ms: alert.since_ms,
        told: alert.told,
        over: alert.phase == Phase::Over,
    });
    let sinks = sinks.into_iter().map(|(name, kind)| Sink {
        waiting: queue.waiting(&name),
        failed: queue.failure(&name).map(|failure| output::sanitized(&failure.why)),
        failed_since_ms: queue.failure(&name).map(|failure| failure.since_ms),
        name: output::sanitized(&name),
        kind: output::sanitized(&kind),
    });
    Alerts {
        by: Some(output::sanitized(&by)),
        firing: firing.collect(),
        sinks: sinks.collect(),
        trouble: trouble.iter().map(|why| output::sanitized(why)).collect(),
    }
}
