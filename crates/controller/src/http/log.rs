//! One line for each request: method, route pattern, status, time and the session's id. Never the query, a header or a
//! body: links have their token in the query.

use std::str::FromStr as _;

use anteroom_protocol::SessionId;
use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;

/// Logs a request when it is answered; a stream when it begins.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    let session = request.uri().path().split('/').find_map(|part| SessionId::from_str(part).ok());
    let response = next.run(request).await;
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_millis());
    match session {
        _ if route == "/healthz" => tracing::debug!(%method, route, status, ms, "request"),
        Some(session) => tracing::info!(%method, route, status, ms, %session, "request"),
        None => tracing::info!(%method, route, status, ms, "request"),
    }
    response
}
