//! The person's calls but the negotiation's.

use std::sync::Arc;

use anteroom_protocol::{access::Scope, ice::IceServers, run::RunView, session::SessionView};
use axum::{
    Json as Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};

use super::{
    extract::{InSession, Json, OfCredential, Params, idempotency_key},
    gate::{Person, Visiting},
    openapi::Problems,
    problems::{Answer, missing},
    views::{CredentialVersions, Credentials, Me, Providers, User},
};
use crate::{
    ConnectionFacts, Controller, CredentialView, PastedText, RestoreVersion, SignInStarted, StartSignIn, error::Noun,
};

type Use = State<Arc<Controller>>;

/// Who is signed in.
#[utoipa::path(get, path = "/api/me", tag = "person", responses((status = 200, description = "Who is signed in.", body = Me), Problems))]
pub(crate) async fn me(State(controller): Use, Person(user): Person) -> Body<Me> {
    Body(Me { user: User { id: user, name: controller.settings.owner_name.clone() } })
}

/// What can be connected, what is, and what is being.
#[utoipa::path(get, path = "/api/providers", tag = "person", responses((status = 200, description = "All of them.", body = Providers), Problems))]
pub(crate) async fn providers(State(controller): Use, Visiting(visit): Visiting) -> Answer<Body<Providers>> {
    let mut providers = controller.providers(&visit.user).await?;
    if !visit.scopes.allow(Scope::Connect) {
        // Whoever has a sign-in's link or code may end it as somebody else.
        for session in providers.iter_mut().filter_map(|provider| provider.session.as_mut()) {
            (session.login_url, session.device_code) = (None, None);
        }
    }
    Ok(Body(Providers { providers }))
}

/// What is connected: metadata only.
#[utoipa::path(get, path = "/api/credentials", tag = "person", responses((status = 200, description = "All of them.", body = Credentials), Problems))]
pub(crate) async fn credentials(State(controller): Use, Person(user): Person) -> Answer<Body<Credentials>> {
    Ok(Body(Credentials { credentials: controller.credentials(&user).await? }))
}

/// Forgets a credential.
#[utoipa::path(
    delete, path = "/api/credentials/{id}", tag = "person", params(("id" = String, Path)),
    responses((status = 204, description = "It is forgotten."), Problems)
)]
pub(crate) async fn remove_credential(
    State(controller): Use,
    Person(user): Person,
    OfCredential(id): OfCredential,
) -> Answer<StatusCode> {
    controller.remove_credential(&user, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The kept versions of a credential.
#[utoipa::path(
    get, path = "/api/credentials/{id}/versions", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "The newest first.", body = CredentialVersions), Problems)
)]
pub(crate) async fn credential_versions(
    State(controller): Use,
    Person(user): Person,
    OfCredential(id): OfCredential,
) -> Answer<Body<CredentialVersions>> {
    Ok(Body(CredentialVersions { versions: controller.credential_versions(&user, &id).await? }))
}

/// Goes back to an earlier version, which becomes the next one. 409 with `holder` while a run holds the credential.
#[utoipa::path(
    post, path = "/api/credentials/{id}/restore", tag = "person", params(("id" = String, Path)),
    request_body = RestoreVersion,
    responses((status = 200, description = "The credential.", body = CredentialView), Problems)
)]
pub(crate) async fn restore_credential(
    State(controller): Use,
    Person(user): Person,
    OfCredential(id): OfCredential,
    Json(request): Json<RestoreVersion>,
) -> Answer<Body<CredentialView>> {
    Ok(Body(controller.restore_credential(&user, &id, &request).await?))
}

/// Has the CLI itself find out whether the credential works, in a run of its own. 409 with `holder` while a run holds the
/// credential.
#[utoipa::path(
    post, path = "/api/credentials/{id}/check", tag = "person", params(("id" = String, Path)),
    responses((status = 201, description = "The run that finds it out.", body = RunView), Problems)
)]
pub(crate) async fn check_credential(
    State(controller): Use,
    Person(user): Person,
    OfCredential(id): OfCredential,
) -> Answer<(StatusCode, Body<RunView>)> {
    Ok((StatusCode::CREATED, Body(controller.check_credential(&user, &id).await?)))
}

/// Starts a sign-in. With the page's offer a machine is planned in the same transaction; without one the session waits
/// for `POST /api/webrtc/session/{id}/offer`.
#[utoipa::path(
    post, path = "/api/vm/auth", tag = "person",
    params(("Idempotency-Key" = Option<String>, Header, description = "A repeated request with the same key finds the session of the first.")),
    request_body = StartSignIn,
    responses((status = 201, description = "It is stored.", body = SignInStarted), Problems)
)]
pub(crate) async fn start(
    State(controller): Use,
    Person(user): Person,
    headers: HeaderMap,
    Json(request): Json<StartSignIn>,
) -> Answer<(StatusCode, Body<SignInStarted>)> {
    Ok((StatusCode::CREATED, Body(controller.start(&user, request, idempotency_key(&headers)).await?)))
}

/// The session, ended or not.
#[utoipa::path(
    get, path = "/api/session/{id}", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "The session.", body = SessionView), Problems)
)]
pub(crate) async fn session(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
) -> Answer<Body<SessionView>> {
    Ok(Body(controller.view(&user, &id).await?))
}

/// Cancels the sign-in. 409 while its credential is being saved, 410 when it has ended.
#[utoipa::path(
    delete, path = "/api/session/{id}", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "The session.", body = SessionView), Problems)
)]
pub(crate) async fn cancel(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
) -> Answer<Body<SessionView>> {
    Ok(Body(controller.cancel(&user, &id).await?))
}

/// Gives the CLI a text that the person has brought from their own browser. 409 when the session does not wait for one.
#[utoipa::path(
    post, path = "/api/session/{id}/paste", tag = "person", params(("id" = String, Path)), request_body = PastedText,
    responses((status = 204, description = "The CLI is given it."), Problems)
)]
pub(crate) async fn paste(
    State(controller): Use,
    Person(user): Person,
    InSession(id): InSession,
    Json(pasted): Json<PastedText>,
) -> Answer<StatusCode> {
    controller.paste(&user, &id, &pasted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// For which session.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfSession {
    /// The session's id. Without one the credentials are for the session that the next click makes: it sends `ticket` as
    /// `relayTicket`.
    session: Option<String>,
}

/// Relays with short-lived credentials, which reach one session's machine and nothing else.
#[utoipa::path(
    get, path = "/api/webrtc/ice-servers", tag = "person", params(OfSession),
    responses((status = 200, description = "All of them.", body = IceServers), Problems)
)]
pub(crate) async fn ice_servers(
    State(controller): Use,
    Person(user): Person,
    headers: HeaderMap,
    Params(of): Params<OfSession>,
) -> Answer<Body<IceServers>> {
    let session = of.session.map(|id| id.parse().map_err(|_| missing(Noun::Session))).transpose()?;
    Ok(Body(controller.ice_servers(&user, host_of(&headers), session.as_ref()).await?))
}

/// What the server knows of the ways to it: its relays, and what is wrong with their configuration.
#[utoipa::path(
    get, path = "/api/connection", tag = "person",
    responses((status = 200, description = "What is known.", body = ConnectionFacts), Problems)
)]
pub(crate) async fn connection_facts(
    State(controller): Use,
    Person(_): Person,
    headers: HeaderMap,
) -> Body<ConnectionFacts> {
    Body(controller.connection_facts(host_of(&headers)))
}

/// The name by which the page was reached, without port. The gate has checked it.
pub(crate) fn host_of(headers: &HeaderMap) -> &str {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}
