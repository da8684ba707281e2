//! The edge: two listeners' routers. The person's serves the page and the person's calls; the guest's serves a
//! machine's calls and nothing else. Handlers extract, authorise, call one use case and convert.
//!
//! Every refusal is a problem document (RFC 9457), made in [`problems`]. The OpenAPI document is made from the very
//! handlers that are routed, so that neither has a call that the other lacks.

mod events;
mod extract;
mod gate;
mod guest;
mod headers;
mod health;
mod hosts;
mod listener;
mod log;
mod machines;
mod negotiate;
pub mod openapi;
mod output;
mod page;
mod person;
mod players;
mod problems;
mod runs;
mod scope;
mod serve;
mod terminal;
mod tokens;
mod views;
mod whep;

use std::sync::Arc;

use anteroom_machines::Driver;
use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request},
    middleware::{self, Next},
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use gate::Hosts;
pub use listener::Bounds;
pub use serve::serve;

use crate::{Controller, ports::Page};
use anteroom_protocol::limits;

/// Base64 of the largest credential, and room for its JSON.
const MAX_CREDENTIAL_BODY_BYTES: usize = limits::MAX_CREDENTIAL_BYTES / 3 * 4 + 64 * 1024;

/// What handlers work with.
#[derive(Clone)]
pub struct Edge {
    /// The use cases.
    pub controller: Arc<Controller>,
    /// Asked by `/readyz` and for the administrator only.
    pub driver: Arc<dyn Driver>,
    /// The page's files.
    pub page: Arc<dyn Page>,
    /// The names under which this listener may be called.
    pub hosts: Hosts,
}

impl FromRef<Edge> for Arc<Controller> {
    fn from_ref(edge: &Edge) -> Self {
        edge.controller.clone()
    }
}

/// The person's listener.
pub fn person_router(edge: Edge) -> Router {
    let (api, _) = person_calls().split_for_parts();
    let gated = api
        .route("/api/openapi.json", axum::routing::get(openapi::document))
        .route("/readyz", axum::routing::get(health::ready))
        .fallback(page::serve)
        .method_not_allowed_fallback(problems::method_not_allowed)
        .layer(DefaultBodyLimit::max(limits::MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(edge.clone(), gate::person));
    outside(gated, edge)
}

/// The guest's listener.
pub fn guest_router(edge: Edge) -> Router {
    let (api, _) = guest_calls().split_for_parts();
    let gated = api
        .fallback(problems::no_such_address)
        .method_not_allowed_fallback(problems::method_not_allowed)
        .layer(DefaultBodyLimit::max(limits::MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(edge.clone(), gate::machine));
    outside(gated, edge)
}

/// What both listeners have around everything.
fn outside(gated: Router<Edge>, edge: Edge) -> Router {
    gated
        .route("/healthz", axum::routing::get(health::alive))
        .method_not_allowed_fallback(problems::method_not_allowed)
        .layer(middleware::from_fn(around))
        .with_state(edge)
}

/// One layer, for each keeps a kilobyte or more of every request that waits.
async fn around(request: Request, next: Next) -> Response {
    let line = log::Line::of(&request);
    let mut response = next.run(request).await;
    headers::secure(response.headers_mut());
    line.write(response.status());
    response
}

fn person_calls() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(person::me))
        .routes(routes!(person::providers))
        .routes(routes!(person::credentials))
        .routes(routes!(person::remove_credential))
        .routes(routes!(person::credential_versions))
        .routes(routes!(person::restore_credential))
        .routes(routes!(person::check_credential))
        .routes(routes!(person::start))
        .routes(routes!(person::session, person::cancel))
        .routes(routes!(person::paste))
        .routes(routes!(events::follow))
        .routes(routes!(hosts::hosts, hosts::allow, hosts::disallow))
        .routes(routes!(person::ice_servers))
        .routes(routes!(person::connection_facts))
        .routes(routes!(events::probe))
        .routes(routes!(negotiate::post_offer))
        .routes(routes!(negotiate::get_answer))
        .routes(routes!(negotiate::post_browser_candidates))
        .routes(routes!(negotiate::get_candidates))
        .routes(routes!(negotiate::post_connection))
        .routes(routes!(runs::list_runs, runs::start_run))
        .routes(routes!(runs::show_run, runs::stop_run))
        .routes(routes!(runs::follow_run))
        .routes(routes!(terminal::view_terminal))
        .routes(routes!(output::read_output))
        .routes(routes!(tokens::list_tokens, tokens::make_token))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(machines::list))
        .routes(routes!(machines::logs))
        .routes(routes!(machines::stop))
        .routes(routes!(machines::destroy))
        .routes(routes!(whep::open))
        .routes(routes!(whep::trickle, whep::close))
}

fn guest_calls() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(guest::assignment))
        .routes(routes!(guest::reports))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(guest::credential, guest::credential_of_run))
                .layer(DefaultBodyLimit::max(MAX_CREDENTIAL_BODY_BYTES)),
        )
        .routes(routes!(guest::get_pastes))
        .routes(routes!(guest::get_stop))
        .routes(routes!(terminal::connect_terminal))
        .routes(routes!(guest::get_offer))
        .routes(routes!(guest::post_answer))
        .routes(routes!(guest::post_vm_candidates))
        .routes(routes!(guest::get_browser_candidates))
        .routes(routes!(guest::get_views))
        .routes(routes!(guest::post_view_answer))
}
