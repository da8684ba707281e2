//! The page's files, for people with access; for others a page that says how to get it.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Edge,
    problems::{self, Answer},
};
use crate::{error::Noun, ports::PageFile};

/// Files below `assets/` have their digest in their name.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Others are asked for each time.
const ASK_AGAIN: &str = "no-cache";

/// Whether a path is the API's: its refusals are problem documents, not pages.
pub(crate) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/") || path == "/readyz"
}

/// A file of the page; `/` is `index.html`.
pub(crate) async fn serve(State(edge): State<Edge>, request: Request) -> Answer<Response> {
    let path = request.uri().path();
    if is_api(path) {
        return Err(problems::missing(Noun::Address));
    }
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        return Err(problems::method_not_allowed(request.method().clone()).await);
    }
    let name = if path == "/" { "index.html" } else { path.trim_start_matches('/') };
    match edge.page.file(name) {
        Some(file) => Ok(response(name, file)),
        None => Err(problems::missing(Noun::Address)),
    }
}

fn response(name: &str, file: PageFile) -> Response {
    let cache = if name.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    let media_type =
        HeaderValue::try_from(file.media_type).unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, HeaderValue::from_static(cache))];
    (headers, Body::from(file.bytes)).into_response()
}

/// Why there is no page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoAccess {
    /// The browser has no cookie, or one that has expired.
    NoCookie,
    /// The link was used before, or has expired.
    UsedLink,
}

/// What a browser without access sees.
pub(crate) fn no_access(why: NoAccess) -> Response {
    let why = match why {
        NoAccess::NoCookie => "This browser is not signed in.",
        NoAccess::UsedLink => "This link has been used before, or has expired.",
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Anteroom</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\"></head>\n\
         <body><main><h1>Anteroom</h1><p>{why}</p>\n<p>Run <code>anteroom link</code> where Anteroom runs, and open the \
         link that it prints. It works once.</p></main></body>\n</html>\n"
    );
    let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
    (StatusCode::UNAUTHORIZED, media_type, html).into_response()
}
