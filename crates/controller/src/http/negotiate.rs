//! The person's side of a negotiation.

use std::sync::Arc;

use anteroom_protocol::{
    Epoch,
    session::ConnectionReport,
    signaling::{AnswerInEpoch, CandidateLog, CandidatesInEpoch, OfferWithCandidates},
};
use axum::{
    Json as Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    extract::{InLog, InSession, Json, Params},
    gate::Person,
    openapi::Problems,
    problems::Answer,
    views::OfferStored,
};
use crate::{
    Caller, Controller,
    poll::{LogPosition, clamped},
};

type Use = State<Arc<Controller>>;

/// Which epoch's answer, and how long to wait.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfEpoch {
    /// The epoch of the offer.
    pub(crate) epoch: Epoch,
    /// Seconds, at most 25; 0 when it is left out.
    pub(crate) wait: Option<u64>,
}

/// Which piece of a candidate log, and how long to wait.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AfterCandidate {
    /// The epoch of the log.
    pub(crate) epoch: Epoch,
    /// The last sequence number that the caller has; 0 when it has none.
    #[param(required = false)]
    #[serde(default)]
    pub(crate) after: u32,
    /// Seconds, at most 25; 0 when it is left out.
    pub(crate) wait: Option<u64>,
}

/// The object, or 204 for "not yet".
pub(crate) fn polled<T: Serialize>(found: Option<T>) -> Response {
    match found {
        Some(found) => Body(found).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// A new offer: a new epoch. The same offer again is the same epoch.
#[utoipa::path(
    post, path = "/api/webrtc/session/{id}/offer", tag = "person", params(("id" = String, Path)),
    request_body = OfferWithCandidates, responses((status = 201, description = "It is stored.", body = OfferStored), Problems)
)]
pub(crate) async fn post_offer(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
    Json(offer): Json<OfferWithCandidates>,
) -> Answer<(StatusCode, Body<OfferStored>)> {
    let epoch = controller.offer(&user, &id, offer).await?;
    Ok((StatusCode::CREATED, Body(OfferStored { epoch })))
}

/// The answer to the offer of an epoch. 409 when a newer offer has superseded it, 410 when the session has ended.
#[utoipa::path(
    get, path = "/api/webrtc/session/{id}/answer", tag = "person", params(("id" = String, Path), OfEpoch),
    responses((status = 200, description = "The answer.", body = AnswerInEpoch), (status = 204, description = "Not yet."), Problems)
)]
pub(crate) async fn get_answer(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
    Params(of): Params<OfEpoch>,
) -> Answer<Response> {
    Ok(polled(controller.answer_to(&user, &id, of.epoch, clamped(of.wait)).await?))
}

/// The caller's candidates: the page's on the person's listener, the guest's on the guest's. Returns those that were new, with their sequence numbers.
#[utoipa::path(
    post, path = "/api/webrtc/session/{id}/candidate", tags = ["person", "guest"], params(("id" = String, Path)),
    request_body = CandidatesInEpoch, responses((status = 200, description = "The piece.", body = CandidateLog), Problems)
)]
pub(crate) async fn post_browser_candidates(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
    Json(candidates): Json<CandidatesInEpoch>,
) -> Answer<Body<CandidateLog>> {
    Ok(Body(controller.browser_candidates(&user, &id, candidates).await?))
}

/// A piece of a candidate log: of the guest's (`vm`), or of the page's own (`browser`).
#[utoipa::path(
    get, path = "/api/webrtc/session/{id}/candidates/{side}", tag = "person",
    params(("id" = String, Path), ("side" = anteroom_protocol::signaling::Side, Path), AfterCandidate),
    responses((status = 200, description = "The piece.", body = CandidateLog), (status = 204, description = "Not yet."), Problems)
)]
pub(crate) async fn get_candidates(
    State(controller): Use,
    Person(user): Person,
    InLog(id, side): InLog,
    Params(of): Params<AfterCandidate>,
) -> Answer<Response> {
    let at = LogPosition { epoch: of.epoch, side, after: of.after };
    Ok(polled(controller.more_candidates(&Caller::Person(user), &id, at, clamped(of.wait)).await?))
}

/// How far the viewer's connection has come. `connected` is a decoded frame, and only the viewer sees it.
#[utoipa::path(
    post, path = "/api/webrtc/session/{id}/connection", tag = "person", params(("id" = String, Path)),
    request_body = ConnectionReport, responses((status = 204, description = "Stored."), Problems)
)]
pub(crate) async fn post_connection(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
    Json(report): Json<ConnectionReport>,
) -> Answer<StatusCode> {
    controller.connection(&user, &id, report).await?;
    Ok(StatusCode::NO_CONTENT)
}
