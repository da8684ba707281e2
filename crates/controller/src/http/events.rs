//! A session's events as a stream (server-sent events, HTML Living Standard 9.2). Each has its number as id, so that a
//! reader goes on after a break where it was.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anteroom_protocol::session::{QueuePlace, SessionEvent};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Deserialize;

use super::{
    extract::{InSession, Params},
    gate::Person,
    openapi::Problems,
    problems::Answer,
};
use crate::{
    Controller, HostsView,
    poll::{Follower, News},
};

/// Proxies in front commonly cut a silent stream after 30 or 60 s.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a stream that only shows that streams work stays open: a proxy that buffers has nothing to show for so long.
const PROBE_OPEN: Duration = Duration::from_secs(10);

/// Where to go on.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AfterEvent {
    /// The last event that the reader has; the header Last-Event-ID goes before it.
    #[param(required = false)]
    #[serde(default)]
    after: u32,
}

/// The session's events from the first, or from the one after Last-Event-ID. While the session waits for a place, events
/// named `place` without an id say how many are before it (`{"ahead": 2}`), whenever that changes. Where machines are
/// restricted, events named `hosts` without an id say what was refused and what the person allows, whenever that
/// changes. The stream ends when the session has
/// ended and its machine is gone; 204 says that there will be no more, so that a reader does not come again.
#[utoipa::path(
    get, path = "/api/session/{id}/events", tag = "person",
    params(("id" = String, Path), AfterEvent, ("Last-Event-ID" = Option<u32>, Header)),
    responses(
        (status = 200, description = "The events.", body = SessionEvent, content_type = "text/event-stream"),
        (status = 204, description = "There will be no more events."),
        Problems,
    )
)]
pub(crate) async fn follow(
    State(controller): State<Arc<Controller>>,
    Person(user): Person,
    InSession(id): InSession,
    Params(of): Params<AfterEvent>,
    headers: HeaderMap,
) -> Answer<Response> {
    let follower = controller.follow(&user, &id, last_event(&headers).unwrap_or(of.after)).await?;
    if follower.is_at_the_end().await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Sse::new(events(follower)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// One event at once, and then silence: whoever reads sees whether something on the way holds streams back.
#[utoipa::path(
    get, path = "/api/connection/events", tag = "person",
    responses((status = 200, description = "One event.", body = String, content_type = "text/event-stream"), Problems)
)]
pub(crate) async fn probe(Person(_): Person) -> Response {
    let first = stream::once(async { Ok::<_, Infallible>(Event::default().data("{}")) });
    let silence = stream::once(tokio::time::sleep(PROBE_OPEN)).filter_map(|()| async { None });
    Sse::new(first.chain(silence)).into_response()
}

/// A header that is no number comes from another stream: the reader starts anew.
fn last_event(headers: &HeaderMap) -> Option<u32> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

fn events(follower: Follower) -> impl Stream<Item = Result<Event, axum::Error>> {
    let read = stream::unfold(follower, |mut follower| async move {
        match follower.next().await {
            Ok(news) => news.map(|news| (news, follower)),
            // The reader comes again with the last id that it has seen.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "an event stream breaks off");
                None
            }
        }
    });
    read.flat_map(|news| {
        stream::iter(match news {
            News::Events(events) => events.iter().map(encoded).collect::<Vec<_>>(),
            News::Place(place) => vec![placed(place)],
            News::Hosts(hosts) => vec![reached(&hosts)],
        })
    })
}

/// Without an id: it belongs to no log, and a reader goes on after the event before it.
fn placed(place: QueuePlace) -> Result<Event, axum::Error> {
    Event::default().event("place").json_data(place)
}

/// Without an id, for the same reason.
fn reached(hosts: &HostsView) -> Result<Event, axum::Error> {
    Event::default().event("hosts").json_data(hosts)
}

fn encoded(event: &SessionEvent) -> Result<Event, axum::Error> {
    Event::default().id(event.id.to_string()).json_data(event)
}
