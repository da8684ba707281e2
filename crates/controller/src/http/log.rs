//! One line for each request: method, route pattern, status, time and the session's id. Never the query, a header or a
//! body: links have their token in the query.

use std::str::FromStr as _;

use anteroom_protocol::SessionId;
use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
};
use tokio::time::Instant;

/// What is known of a request when it comes.
pub(crate) struct Line {
    began: Instant,
    method: Method,
    route: Option<MatchedPath>,
    session: Option<SessionId>,
}

impl Line {
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            began: Instant::now(),
            method: request.method().clone(),
            route: request.extensions().get().cloned(),
            session: request.uri().path().split('/').find_map(|part| SessionId::from_str(part).ok()),
        }
    }

    /// Logs a request when it is answered; a stream when it begins.
    pub(crate) fn write(self, status: StatusCode) {
        let Self { began, method, route, session } = self;
        let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
        let (status, ms) = (status.as_u16(), began.elapsed().as_millis());
        match session {
            _ if route == "/healthz" => tracing::debug!(%method, route, status, ms, "request"),
            Some(session) => tracing::info!(%method, route, status, ms, %session, "request"),
            None => tracing::info!(%method, route, status, ms, "request"),
        }
    }
}
