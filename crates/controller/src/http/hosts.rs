//! The person's calls about what a restricted machine reaches.

use std::sync::Arc;

use axum::{Json as Body, extract::State};

use super::{
    extract::{InSession, Json, Params},
    gate::Person,
    openapi::Problems,
    problems::Answer,
};
use crate::{AllowHost, Controller, HostsView};

type Use = State<Arc<Controller>>;

/// What was refused to the session's machine lately, and what the person allows.
#[utoipa::path(
    get, path = "/api/session/{id}/hosts", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "What is known.", body = HostsView), Problems)
)]
pub(crate) async fn hosts(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
) -> Answer<Body<HostsView>> {
    Ok(Body(controller.hosts(&user, &id).await?))
}

/// Allows a host for the session's machine, and for all later ones of this person and provider. The same again is fine.
#[utoipa::path(
    post, path = "/api/session/{id}/hosts", tag = "person", params(("id" = String, Path)), request_body = AllowHost,
    responses((status = 200, description = "It is allowed.", body = HostsView), Problems)
)]
pub(crate) async fn allow(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
    Json(request): Json<AllowHost>,
) -> Answer<Body<HostsView>> {
    Ok(Body(controller.allow_host(&user, &id, &request.host).await?))
}

/// Which host.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneHost {
    /// As it was allowed.
    #[param(value_type = String)]
    host: anteroom_protocol::HostPattern,
}

/// Takes an allowed host back, for later questions of all machines of this person and provider.
#[utoipa::path(
    delete, path = "/api/session/{id}/hosts", tag = "person", params(("id" = String, Path), OneHost),
    responses((status = 200, description = "It is not allowed any more.", body = HostsView), Problems)
)]
pub(crate) async fn disallow(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
    Params(of): Params<OneHost>,
) -> Answer<Body<HostsView>> {
    Ok(Body(controller.disallow_host(&user, &id, &of.host).await?))
}
