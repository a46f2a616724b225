//! The routes, and the document that describes them. Each route is written once: the router and the document come from the
//! same list.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router, middleware};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::session::LIFE;
use super::access::{Caller, Role};
use super::problem::{Body, Problem};
use super::serve::Room;
use super::watch::Fleet;
use super::{act, alerts, audit, copying, guard, instance, letters, live, page, servers, trends};

/// The largest body of a request, bytes.
const BODY: usize = 256 << 10;

/// All routes: the API, and the page.
pub fn router(room: Arc<Room>) -> Router {
    let (api, document) = described();
    let document = Json(document);
    Router::new()
        .nest("/api/v1", api)
        .route("/api/v1/openapi.json", axum::routing::get(async move || document))
        .fallback(page::file)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(room.clone(), guard::guard))
        .with_state(room)
}

/// The OpenAPI document, and the routes that it describes.
fn described() -> (Router<Arc<Room>>, OpenApi) {
    let info = InfoBuilder::new()
        .title("mt5fleet")
        .version("1")
        .description(Some(
            "A fleet of MetaTrader 5 terminals. Log in by POST /session, or send a token with each request: \
             Authorization: Bearer <token>. Times are ms since 1970 UTC.",
        ))
        .build();
    let servers = [utoipa::openapi::Server::new("/api/v1")];
    let document = OpenApiBuilder::new().info(info).servers(Some(servers)).build();
    OpenApiRouter::with_openapi(document)
        .routes(routes!(session, log_in, log_out))
        .routes(routes!(fleet))
        .routes(routes!(live::changes))
        .routes(routes!(trends::trends))
        .routes(routes!(instance::equity))
        .routes(routes!(instance::positions))
        .routes(routes!(instance::trades))
        .routes(routes!(instance::events))
        .routes(routes!(instance::signals))
        .routes(routes!(instance::reports))
        .routes(routes!(act::preview))
        .routes(routes!(act::act))
        .routes(routes!(copying::copying))
        .routes(routes!(servers::servers))
        .routes(routes!(servers::streams))
        .routes(routes!(servers::doctor))
        .routes(routes!(letters::list, letters::settle))
        .routes(routes!(alerts::alerts))
        .routes(routes!(audit::list))
        .split_for_parts()
}

/// Who the caller is.
#[derive(Debug, Serialize, ToSchema)]
struct Session {
    /// The name of the token; null: nobody is logged in
    name: Option<String>,
    role: Option<Role>,
    /// Whether the caller may act
    operate: bool,
    /// The secret that each change must repeat in the header x-csrf-token; null: none is needed
    csrf: Option<String>,
}

impl Session {
    fn of(room: &Room, caller: Option<&Caller>) -> Self {
        Self {
            name: caller.map(|caller| caller.name.clone()),
            role: caller.map(|caller| caller.role),
            operate: caller.is_some_and(|caller| room.check_operate(caller).is_ok()),
            csrf: caller.and_then(|caller| caller.session.as_ref()).map(|login| login.csrf.clone()),
        }
    }
}

/// A token, to log in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Entrance {
    token: String,
}

/// Who the caller is, and what the caller may do
#[utoipa::path(get, path = "/session", tag = "session", responses(
    (status = 200, description = "the session, or that there is none", body = Session),
))]
async fn session(State(room): State<Arc<Room>>, caller: Option<Extension<Caller>>) -> Json<Session> {
    Json(Session::of(&room, caller.as_deref()))
}

/// Logs in: the answer sets a cookie
#[utoipa::path(post, path = "/session", tag = "session", request_body = Entrance, responses(
    (status = 200, description = "the session", body = Session),
    (status = 401, description = "the token is unknown", body = Problem),
    (status = 429, description = "too many wrong tokens", body = Problem),
))]
async fn log_in(
    State(room): State<Arc<Room>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Body(entrance): Body<Entrance>,
) -> Result<Response, Problem> {
    let found = room.access.with_token(peer.ip(), entrance.token.trim());
    let mut caller = found.map_err(|why| guard::too_many(&why))?;
    let begun = room.access.sessions.begin(&caller.name, caller.role);
    let cookie = begun.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    caller.session = room.access.sessions.find(&cookie);
    let set = set_cookie(&room, &cookie, LIFE.as_secs());
    Ok(([(header::SET_COOKIE, set)], Json(Session::of(&room, Some(&caller)))).into_response())
}

/// Logs out
#[utoipa::path(delete, path = "/session", tag = "session", responses(
    (status = 204, description = "the session is over"),
))]
async fn log_out(State(room): State<Arc<Room>>, headers: HeaderMap) -> Response {
    if let Some(cookie) = guard::cookie(&headers, room.cookie_name()) {
        room.access.sessions.end(cookie);
    }
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, set_cookie(&room, "", 0))]).into_response()
}

/// A cookie that scripts cannot read and that other sites cannot make a browser send.
fn set_cookie(room: &Room, cookie: &str, seconds: u64) -> String {
    let secure = if room.secure { "; Secure" } else { "" };
    format!("{}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}", room.cookie_name())
}

/// All instances
#[utoipa::path(get, path = "/fleet", tag = "fleet", responses(
    (status = 200, description = "the fleet, as of the last look; looks are at most a second apart", body = Fleet),
))]
async fn fleet(State(room): State<Arc<Room>>, Extension(caller): Extension<Caller>) -> Response {
    let look = room.looks.borrow().clone();
    let json = look.whole(caller.role.sees_money()).to_owned();
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}
