//! The administrator's calls: machines of all people.

use anteroom_protocol::MachineId;
use axum::{
    Json as Body,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
};

use super::{
    Edge,
    extract::OfMachine,
    gate::Person,
    openapi::Problems,
    problems::{Answer, Failure},
};
use crate::{Error, MachineList, MachineLog};

/// The person who calls, if they are the administrator.
pub(crate) struct Administrator;

impl FromRequestParts<Edge> for Administrator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Answer<Self> {
        let Person(user) = Person::from_request_parts(parts, edge).await?;
        if edge.controller.is_administrator(&user).await? { Ok(Self) } else { Err(Error::NotAdministrator.into()) }
    }
}

/// All machines that there are, with what they use now, and those that failed lately. Takes half a second, in which
/// computing time is measured.
#[utoipa::path(get, path = "/api/machines", tag = "person", responses((status = 200, description = "All of them.", body = MachineList), Problems))]
pub(crate) async fn list(_: Administrator, State(edge): State<Edge>) -> Answer<Body<MachineList>> {
    Ok(Body(edge.controller.machine_list(&*edge.driver).await?))
}

/// What a machine wrote, secrets masked: one that is there until now, one that failed until its end.
#[utoipa::path(
    get, path = "/api/machines/{id}/logs", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "Its end.", body = MachineLog), Problems)
)]
pub(crate) async fn logs(
    _: Administrator,
    State(edge): State<Edge>,
    OfMachine(id): OfMachine,
) -> Answer<Body<MachineLog>> {
    Ok(Body(edge.controller.machine_log(&*edge.driver, &id).await?))
}

/// Stops a machine: its session ends with that reason. 409 while its credential is being saved.
#[utoipa::path(
    post, path = "/api/machines/{id}/stop", tag = "person", params(("id" = String, Path)),
    responses((status = 204, description = "It is being stopped."), Problems)
)]
pub(crate) async fn stop(_: Administrator, State(edge): State<Edge>, OfMachine(id): OfMachine) -> Answer<StatusCode> {
    edge.controller.stop_machine(&id).await?;
    said("stopped", &id)
}

/// Destroys a machine; of one that is gone, forgets its log. 409 while its credential is being saved.
#[utoipa::path(
    delete, path = "/api/machines/{id}", tag = "person", params(("id" = String, Path)),
    responses((status = 204, description = "It is being destroyed, or its log is forgotten."), Problems)
)]
pub(crate) async fn destroy(
    _: Administrator,
    State(edge): State<Edge>,
    OfMachine(id): OfMachine,
) -> Answer<StatusCode> {
    edge.controller.destroy_machine(&id).await?;
    said("destroyed", &id)
}

/// An operator who wonders why a sign-in ended finds it in the log.
fn said(what: &str, machine: &MachineId) -> Answer<StatusCode> {
    tracing::info!(%machine, what, "an administrator has dealt with a machine");
    Ok(StatusCode::NO_CONTENT)
}
