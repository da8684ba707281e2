//! The guest's calls, on the guest's listener. A machine's token opens its own session's calls and nothing else; when
//! its session ends, the token opens nothing any more.

use std::sync::Arc;

use anteroom_protocol::{
    Epoch,
    guest::{Assignment, CapturedCredential, Pastes, Reports, StopOrder},
    signaling::{AnswerWithCandidates, CandidateLog, CandidatesInEpoch, OfferInEpoch, Side},
    view::{ViewLog, ViewReply},
};
use axum::{Json as Body, extract::State, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    extract::{InSession, Json, OfView, Params},
    gate::Machine,
    negotiate::{AfterCandidate, polled},
    openapi::Problems,
    problems::Answer,
};
use crate::{
    Caller, Controller,
    poll::{LogPosition, clamped},
    signaling::AnswerStored,
};

type Use = State<Arc<Controller>>;

/// How long to wait.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AtMost {
    /// Seconds, at most 25; 0 when it is left out.
    wait: Option<u64>,
}

/// What the machine is for; a pooled one waits until a session needs it. Asking is the agent's first word.
#[utoipa::path(
    get, path = "/api/guest/assignment", tag = "guest", params(AtMost),
    responses((status = 200, description = "What the machine is for.", body = Assignment), (status = 204, description = "Not yet."), Problems)
)]
pub(crate) async fn assignment(
    State(controller): Use,
    machine: Machine,
    Params(of): Params<AtMost>,
) -> Answer<Response> {
    Ok(polled(controller.assignment(&machine.id, clamped(of.wait)).await?))
}

/// What happened in the machine, in order. Each may be repeated.
#[utoipa::path(
    post, path = "/api/guest/reports", tag = "guest", request_body = Reports,
    responses((status = 204, description = "Taken."), Problems)
)]
pub(crate) async fn reports(
    State(controller): Use,
    machine: Machine,
    Json(reports): Json<Reports>,
) -> Answer<StatusCode> {
    controller.reports(&machine.own()?, reports).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The credential's files, after a sign-in or as a run has changed them. 204 means that the vault has them durably.
#[utoipa::path(
    post, path = "/api/guest/credential", tag = "guest", request_body = CapturedCredential,
    responses((status = 204, description = "The vault has it durably."), Problems)
)]
pub(crate) async fn credential(
    State(controller): Use,
    machine: Machine,
    Json(captured): Json<CapturedCredential>,
) -> Answer<StatusCode> {
    controller.capture(&machine.own()?, captured).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The files of a run's credential.
#[utoipa::path(
    get, path = "/api/guest/credential", tag = "guest",
    responses((status = 200, description = "The files.", body = CapturedCredential), Problems)
)]
pub(crate) async fn credential_of_run(State(controller): Use, machine: Machine) -> Answer<Body<CapturedCredential>> {
    Ok(Body(controller.credential_of_run(&machine.own()?).await?))
}

/// The wish to end the machine's run, once there is one.
#[utoipa::path(
    get, path = "/api/guest/stop", tag = "guest", params(AtMost),
    responses((status = 200, description = "It is to end.", body = StopOrder), (status = 204, description = "Not yet."), Problems)
)]
pub(crate) async fn get_stop(State(controller): Use, machine: Machine, Params(of): Params<AtMost>) -> Answer<Response> {
    let is_wanted = controller.next_stop(&machine.own()?, clamped(of.wait)).await?;
    Ok(polled(is_wanted.then_some(StopOrder { stop: true })))
}

/// What the person has pasted, once there is more.
#[utoipa::path(
    get, path = "/api/guest/pastes", tag = "guest", params(AfterEntry),
    responses((status = 200, description = "Those above `after`.", body = Pastes), (status = 204, description = "Not yet."), Problems)
)]
pub(crate) async fn get_pastes(
    State(controller): Use,
    machine: Machine,
    Params(of): Params<AfterEntry>,
) -> Answer<Response> {
    Ok(polled(controller.next_pastes(&machine.own()?, of.after, clamped(of.wait)).await?))
}

/// After which epoch, and how long to wait.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AfterEpoch {
    /// The newest epoch that the guest has seen; 0 when it has seen none.
    #[param(required = false)]
    #[serde(default = "no_epoch")]
    after: Epoch,
    /// Seconds, at most 25; 0 when it is left out.
    wait: Option<u64>,
}

fn no_epoch() -> Epoch {
    Epoch::NONE
}

/// The newest offer, once its epoch is above `after`.
#[utoipa::path(
    get, path = "/api/webrtc/session/{id}/offer", tag = "guest", params(("id" = String, Path), AfterEpoch),
    responses((status = 200, description = "The offer.", body = OfferInEpoch), (status = 204, description = "Not yet."), Problems)
)]
pub(crate) async fn get_offer(
    State(controller): Use,
    machine: Machine,
    InSession(named): InSession,
    Params(of): Params<AfterEpoch>,
) -> Answer<Response> {
    let id = machine.only(&named)?;
    Ok(polled(controller.next_offer(&id, of.after, clamped(of.wait)).await?))
}

/// The answer to the current epoch's offer. 200 for the same answer again; 409 for a stale one, and for another one.
#[utoipa::path(
    post, path = "/api/webrtc/session/{id}/answer", tag = "guest", params(("id" = String, Path)),
    request_body = AnswerWithCandidates,
    responses((status = 201, description = "Stored."), (status = 200, description = "It was stored before."), Problems)
)]
pub(crate) async fn post_answer(
    State(controller): Use,
    machine: Machine,
    InSession(named): InSession,
    Json(answer): Json<AnswerWithCandidates>,
) -> Answer<StatusCode> {
    let id = machine.only(&named)?;
    Ok(match controller.answer(&id, answer).await? {
        AnswerStored::First => StatusCode::CREATED,
        AnswerStored::Again => StatusCode::OK,
    })
}

/// The guest's candidates. Returns those that were new, with their sequence numbers.
#[utoipa::path(
    post, path = "/api/webrtc/session/{id}/candidate", tag = "guest", params(("id" = String, Path)),
    request_body = CandidatesInEpoch, responses((status = 200, description = "The piece.", body = CandidateLog), Problems)
)]
pub(crate) async fn post_vm_candidates(
    State(controller): Use,
    machine: Machine,
    InSession(named): InSession,
    Json(candidates): Json<CandidatesInEpoch>,
) -> Answer<Body<CandidateLog>> {
    let id = machine.only(&named)?;
    Ok(Body(controller.vm_candidates(&id, candidates).await?))
}

/// A piece of the page's candidate log.
#[utoipa::path(
    get, path = "/api/webrtc/session/{id}/candidates/browser", tag = "guest",
    params(("id" = String, Path), AfterCandidate),
    responses((status = 200, description = "The piece.", body = CandidateLog), (status = 204, description = "Not yet."), Problems)
)]
pub(crate) async fn get_browser_candidates(
    State(controller): Use,
    machine: Machine,
    InSession(named): InSession,
    Params(of): Params<AfterCandidate>,
) -> Answer<Response> {
    let id = machine.only(&named)?;
    let at = LogPosition { epoch: of.epoch, side: Side::Browser, after: of.after };
    Ok(polled(controller.more_candidates(&Caller::Machine(id.clone()), &id, at, clamped(of.wait)).await?))
}

/// After which entry, and how long to wait.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AfterEntry {
    /// The last number that the guest has; 0 when it has none.
    #[param(required = false)]
    #[serde(default)]
    after: u32,
    /// Seconds, at most 25; 0 when it is left out.
    wait: Option<u64>,
}

/// A piece of the session's log of view-only connections.
#[utoipa::path(
    get, path = "/api/guest/views", tag = "guest", params(AfterEntry),
    responses((status = 200, description = "The piece.", body = ViewLog), (status = 204, description = "Not yet."), Problems)
)]
pub(crate) async fn get_views(
    State(controller): Use,
    machine: Machine,
    Params(of): Params<AfterEntry>,
) -> Answer<Response> {
    Ok(polled(controller.next_views(&machine.own()?, of.after, clamped(of.wait)).await?))
}

/// What the guest says to a view's offer. The same again is fine; 409 when it has said something else before, 410 when
/// the view is over.
#[utoipa::path(
    post, path = "/api/guest/views/{view}/answer", tag = "guest", params(("view" = String, Path)),
    request_body = ViewReply, responses((status = 204, description = "Stored."), Problems)
)]
pub(crate) async fn post_view_answer(
    State(controller): Use,
    machine: Machine,
    OfView(view): OfView,
    Json(reply): Json<ViewReply>,
) -> Answer<StatusCode> {
    controller.answer_view(&machine.own()?, &view, reply).await?;
    Ok(StatusCode::NO_CONTENT)
}
