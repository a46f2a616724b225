//! The page: files that `make web` builds and the program embeds.

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// A file of the page.
struct File {
    name: &'static str,
    /// Its content compressed by gzip.
    packed: &'static [u8],
    plain: &'static [u8],
    /// A sum of its content.
    tag: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Whether the page was there when the program was built.
pub const IS_BUILT: bool = !FILES.is_empty();

/// What is served in place of a page that was not built.
const MISSING: &str = "The page is not in this program, only the API: see /api/v1/openapi.json.\n\
    To have the page, run `make web`, which needs Node.js and npm, and build mt5fleet again.\n";

/// A file of the page. Every path that names none is the page itself, which shows what the path says.
pub async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || path == "api" {
        return Problem::no_such_route().into_response();
    }
    let find = |name: &str| FILES.iter().find(|file| file.name == name);
    let found = match find(path) {
        None if path.contains('.') && !path.starts_with("instance/") => None,
        None => find("index.html"),
        found => found,
    };
    let Some(file) = found else {
        let words = if IS_BUILT { "there is no such file\n" } else { MISSING };
        return (StatusCode::NOT_FOUND, words).into_response();
    };
    let tag = format!("\"{}\"", file.tag);
    let common = [
        (header::CONTENT_TYPE, kind(file.name).to_owned()),
        // A new version must be seen at once; an old one is not sent again.
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::VARY, "accept-encoding".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    match accepted.is_some_and(|accepted| accepted.contains("gzip")) {
        true => (common, [(header::CONTENT_ENCODING, "gzip")], file.packed).into_response(),
        false => (common, file.plain).into_response(),
    }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
