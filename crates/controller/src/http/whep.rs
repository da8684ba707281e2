//! The desktop for any WHEP player, view only (draft-ietf-wish-whep-03; RFC 9725 says how the same is done with
//! WHIP). A POST opens a view, PATCH brings its candidates, DELETE ends it.

use std::sync::Arc;

use anteroom_protocol::ice::IceServer;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    extract::{InSession, InView, text},
    gate::Person,
    openapi::Problems,
    person::host_of,
    players::{FRAGMENT, SDP},
    problems::Answer,
};
use crate::{Controller, views::Watching};

type Use = State<Arc<Controller>>;

/// Opens a view-only connection to the session's desktop: the body is the player's offer. 409 with Retry-After as
/// long as there is no picture, 504 when the machine does not answer. Of more than 16 views the oldest is closed.
#[utoipa::path(
    post, path = "/api/session/{id}/whep", tag = "person", params(("id" = String, Path)),
    request_body(content = String, content_type = "application/sdp", description = "The player's offer."),
    responses(
        (
            status = 201, description = "The answer, with all of the machine's candidates.", body = String,
            content_type = "application/sdp",
            headers(
                ("Location" = String, description = "The view: for PATCH and DELETE."),
                ("ETag" = String, description = "Names the ICE session: for If-Match."),
                ("Link" = String, description = "A relay with credentials (rel=\"ice-server\"), once for each."),
            )
        ),
        Problems,
    )
)]
pub(crate) async fn open(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
    request: Request,
) -> Answer<Response> {
    // First of all whether there is such a session: a stranger learns nothing from what is wrong with a body.
    controller.view(&user, &id).await?;
    let page_host = host_of(request.headers()).to_owned();
    let offer = text(request, SDP).await?;
    let Watching { view, answer, tag } = controller.watch(&user, &id, offer).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(header::LOCATION, plain(format!("/api/session/{id}/whep/{view}")));
    headers.insert(header::ETAG, plain(tag));
    for link in controller.ice_servers_for(&id, &page_host).iter().flat_map(links) {
        headers.append(header::LINK, link);
    }
    Ok((StatusCode::CREATED, headers, answer.sdp.expose().clone()).into_response())
}

/// More candidates of the player (trickle ICE). 428 without If-Match, 412 when it names another ICE session, 422 for
/// a restart of ICE: a new POST takes its place.
#[utoipa::path(
    patch, path = "/api/session/{id}/whep/{view}", tag = "person",
    params(("id" = String, Path), ("view" = String, Path), ("If-Match" = String, Header, description = "The ETag that came with the view, or *.")),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "RFC 8840, section 9."),
    responses((status = 204, description = "They are stored."), Problems)
)]
pub(crate) async fn trickle(
    State(controller): Use,
    Person(user): Person,
    InView(id, view): InView,
    request: Request,
) -> Answer<StatusCode> {
    controller.view(&user, &id).await?;
    let if_match = listed(request.headers());
    let fragment = text(request, FRAGMENT).await?;
    controller.trickle_view(&user, &id, &view, if_match.as_deref(), &fragment).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the view. Once is as good as twice.
#[utoipa::path(
    delete, path = "/api/session/{id}/whep/{view}", tag = "person", params(("id" = String, Path), ("view" = String, Path)),
    responses((status = 200, description = "It is over."), Problems)
)]
pub(crate) async fn close(
    State(controller): Use,
    Person(user): Person,
    InView(id, view): InView,
) -> Answer<StatusCode> {
    controller.close_view(&user, &id, &view).await?;
    Ok(StatusCode::OK)
}

/// All If-Match lines as one list (RFC 9110, section 5.3). What is no text names no tag of ours.
fn listed(headers: &HeaderMap) -> Option<String> {
    let lines: Vec<_> =
        headers.get_all(header::IF_MATCH).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// An address or tag of ours.
fn plain(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("ids and digests have no character that a header can't have")
}

/// One Link for each address of a relay (RFC 9725, section 4.6). One that a header can't say is left out.
fn links(server: &IceServer) -> Vec<HeaderValue> {
    let parameter = |name, value: &str| format!("; {name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    let mut credentials = server.username.as_deref().map_or_else(String::new, |name| parameter("username", name));
    if let Some(credential) = &server.credential {
        credentials += &parameter("credential", credential.expose());
        credentials += "; credential-type=\"password\"";
    }
    let link = |url: &String| HeaderValue::try_from(format!("<{url}>; rel=\"ice-server\"{credentials}")).ok();
    let mut links: Vec<_> = server.urls.iter().filter_map(link).collect();
    links.iter_mut().for_each(|link| link.set_sensitive(true));
    links
}

#[cfg(test)]
#[path = "whep_tests.rs"]
mod tests;
