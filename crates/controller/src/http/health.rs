//! For whoever runs the service: is it there, and can it work?

use std::time::Duration;

use axum::{extract::State, http::StatusCode};

use super::{
    Edge,
    problems::{Answer, not_ready},
};

/// How long a part may take to answer.
const PART_TIMEOUT: Duration = Duration::from_secs(2);

/// The process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Store and driver answer.
pub(crate) async fn ready(State(edge): State<Edge>) -> Answer<StatusCode> {
    match tokio::time::timeout(PART_TIMEOUT, edge.controller.store_answers()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the store does not answer");
            return Err(not_ready("store"));
        }
        Err(_) => return Err(not_ready("store")),
    }
    match tokio::time::timeout(PART_TIMEOUT, edge.driver.list()).await {
        Ok(Ok(_)) => Ok(StatusCode::NO_CONTENT),
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the driver does not answer");
            Err(not_ready("driver"))
        }
        Err(_) => Err(not_ready("driver")),
    }
}
