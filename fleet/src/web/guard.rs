//! Every request passes here: who calls, and whether a browser was tricked into calling. Every answer gets headers that
//! forbid the page to load or run anything foreign.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{Caller, TooMany};
use super::problem::Problem;
use super::serve::Room;

/// The header in which a browser repeats its session's secret.
pub const CSRF: &str = "x-csrf-token";
/// What anybody may ask without being known.
const PUBLIC: [&str; 2] = ["/api/v1/session", "/api/v1/openapi.json"];

/// The headers of every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets a request through, or refuses it.
pub async fn guard(
    State(room): State<Arc<Room>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match check(&room, peer.ip(), &mut request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Checks a request, and notes who calls.
fn check(room: &Room, address: IpAddr, request: &mut Request) -> Result<(), Problem> {
    let headers = request.headers();
    let host = text(headers, &header::HOST).or(request.uri().authority().map(|host| host.as_str()));
    if room.access.open && !host.is_some_and(is_loopback) {
        // A foreign site's name may point here, and its scripts could then read everything.
        let words = "without tokens this server answers only as localhost, 127.0.0.1 or [::1]: pass --tokens";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, words));
    }
    let changes = ![Method::GET, Method::HEAD].contains(request.method());
    if changes {
        refuse_foreign(headers, host)?;
    }
    let path = request.uri().path();
    if !path.starts_with("/api/") {
        return Ok(());
    }
    let token = text(headers, &header::AUTHORIZATION).map(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" }
    });
    let cookie = cookie(headers, room.cookie_name());
    let caller = room.access.caller(address, token, cookie).map_err(|why| too_many(&why))?;
    let name = caller.as_ref().map_or_else(|| address.to_string(), |caller| limited(caller, address));
    if !room.access.requests.take(&name) {
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests: wait a few seconds"));
    }
    let Some(caller) = caller else {
        return match PUBLIC.contains(&path) {
            true => Ok(()),
            false => Err(Problem::new(StatusCode::UNAUTHORIZED, "log in with a token first")),
        };
    };
    if changes && let Some(login) = &caller.session {
        let repeated = headers.get(CSRF).is_some_and(|told| told.as_bytes() == login.csrf.as_bytes());
        if !repeated {
            return Err(Problem::forbidden(format!("the header {CSRF} lacks the session's secret")));
        }
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

/// Whose requests are counted together: all of a token's, and of those without one each address'.
fn limited(caller: &Caller, address: IpAddr) -> String {
    match &caller.session {
        Some(_) => format!("session of {}", caller.name),
        None => format!("{} at {address}", caller.name),
    }
}

/// Refuses a change that another site asks a browser for.
fn refuse_foreign(headers: &HeaderMap, host: Option<&str>) -> Result<(), Problem> {
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    let foreign_site = site.is_some_and(|site| !["same-origin", "none"].contains(&site));
    let origin = text(headers, &header::ORIGIN);
    let foreign_origin =
        origin.is_some_and(|origin| origin.split_once("://").map(|(_, place)| place) != host);
    match foreign_site || foreign_origin {
        true => Err(Problem::forbidden("another site asks for this: open the page itself")),
        false => Ok(()),
    }
}

/// Why a token was not accepted.
pub fn too_many(why: &TooMany) -> Problem {
    match why {
        TooMany::WrongToken => Problem::new(StatusCode::UNAUTHORIZED, "the token is unknown"),
        TooMany::Failures => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many wrong tokens from this address: wait a minute",
        ),
    }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a host with an optional port means this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_names_are_loopback() {
        for host in ["localhost", "LOCALHOST:8433", "127.0.0.1:8433", "127.9.9.9", "[::1]:8433", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "localhost.evil.com", "evil.com:8433", "10.0.0.1", "[::2]:1", "127.0.0.1.evil.com", "::1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_change_must_come_from_the_page_itself() {
        let asked = |site: Option<&'static str>, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            refuse_foreign(&headers, Some("h:1")).is_ok()
        };
        assert!(asked(None, None), "a program, which has no cookie");
        assert!(asked(Some("same-origin"), Some("https://h:1")) && asked(Some("none"), None));
        for site in ["cross-site", "same-site"] {
            assert!(!asked(Some(site), None), "{site}");
        }
        for origin in ["https://h:2", "https://evil", "null"] {
            assert!(!asked(None, Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; mt5fleet=x=y;b=2"));
        assert_eq!(cookie(&headers, "mt5fleet"), Some("x=y"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "fleet"), None);
    }
}
