//! A person's calls with runs, and the stream of a run's states.

use std::sync::Arc;

use anteroom_protocol::run::RunView;
use axum::{
    Json as Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use serde::Serialize;

use super::{
    events::KEEP_ALIVE,
    extract::{InRun, Json, idempotency_key},
    gate::Person,
    openapi::Problems,
    problems::Answer,
};
use crate::{
    Controller,
    runs::{RunEvent, RunFollower, StartRun},
};

type Use = State<Arc<Controller>>;

/// A person's runs.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct RunList {
    /// The newest first; those that ended lately too.
    runs: Vec<RunView>,
}

/// Starts a run: a CLI in a machine of its own, with the person's credential. 409 with `holder` when another run holds a
/// credential that has one holder at a time.
#[utoipa::path(
    post, path = "/api/runs", tag = "person",
    params(("Idempotency-Key" = Option<String>, Header, description = "A repeated request with the same key finds the run of the first.")),
    request_body = StartRun,
    responses((status = 201, description = "It is on its way.", body = RunView), Problems)
)]
pub(crate) async fn start_run(
    State(controller): Use,
    Person(user): Person,
    headers: HeaderMap,
    Json(request): Json<StartRun>,
) -> Answer<(StatusCode, Body<RunView>)> {
    Ok((StatusCode::CREATED, Body(controller.start_run(&user, request, idempotency_key(&headers)).await?)))
}

/// The person's runs.
#[utoipa::path(get, path = "/api/runs", tag = "person", responses((status = 200, description = "All of them.", body = RunList), Problems))]
pub(crate) async fn list_runs(State(controller): Use, Person(user): Person) -> Answer<Body<RunList>> {
    Ok(Body(RunList { runs: controller.runs(&user).await? }))
}

/// The run, ended or not.
#[utoipa::path(
    get, path = "/api/runs/{id}", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "The run.", body = RunView), Problems)
)]
pub(crate) async fn show_run(State(controller): Use, Person(user): Person, InRun(id): InRun) -> Answer<Body<RunView>> {
    Ok(Body(controller.run(&user, &id).await?))
}

/// Stops a run. What it has changed of its credential is saved first. 410 when it has ended.
#[utoipa::path(
    delete, path = "/api/runs/{id}", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "The run.", body = RunView), Problems)
)]
pub(crate) async fn stop_run(State(controller): Use, Person(user): Person, InRun(id): InRun) -> Answer<Body<RunView>> {
    Ok(Body(controller.stop_run(&user, &id).await?))
}

/// The run's state, and each that follows. The stream ends with the run.
#[utoipa::path(
    get, path = "/api/runs/{id}/events", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "The states.", body = RunEvent, content_type = "text/event-stream"), Problems)
)]
pub(crate) async fn follow_run(State(controller): Use, Person(user): Person, InRun(id): InRun) -> Answer<Response> {
    let follower = controller.follow_run(&user, &id).await?;
    Ok(Sse::new(states(follower)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn states(follower: RunFollower) -> impl Stream<Item = Result<Event, axum::Error>> {
    stream::unfold(follower, |mut follower| async move {
        match follower.next().await {
            Ok(event) => event.map(|event| (Event::default().json_data(event), follower)),
            // The reader comes again, and is told the present state first.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a stream of a run's states breaks off");
                None
            }
        }
    })
}
