//! Strict parsing at the edge: wrong shapes, unknown fields and too much of anything are problem documents that name
//! the field, and repeat nothing of what came.

use std::time::Duration;

use anteroom_protocol::{CredentialId, MachineId, SessionId, TokenId, ViewId, signaling::Side};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::problems::{Answer, Failure, missing};
use crate::error::Noun;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest path of a field in a problem document. Ours have below 40 characters; a name from outside may be long.
const MAX_FIELD_CHARS: usize = 100;

/// A JSON body of exactly this shape.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        check_media_type(&request, "application/json")?;
        let body = read(request, state).await?;
        // Serde takes an array for an object whose fields are in order; our clients send objects.
        if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(malformed(".", "expected an object"));
        }
        let mut json = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| malformed(&error.path().to_string(), &error.inner().to_string()))?;
        json.end().map_err(|error| malformed(".", &error.to_string()))?;
        Ok(Self(value))
    }
}

/// A body of text with this media type.
pub(crate) async fn text(request: Request, media_type: &str) -> Answer<String> {
    check_media_type(&request, media_type)?;
    String::from_utf8(read(request, &()).await?.into()).map_err(|_| malformed(".", "expected text in UTF-8"))
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Answer<Bytes> {
    let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
    body.map_err(|_| too_slow())?.map_err(|rejection| unread(rejection.status()))
}

fn check_media_type(request: &Request, wanted: &str) -> Answer<()> {
    let named = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Another media type",
            format!("Send the body as {wanted}."),
        ))
    }
}

fn too_slow() -> Failure {
    let detail = format!("The body did not arrive within {} s. Send it again.", BODY_TIMEOUT.as_secs());
    Failure::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The body took too long", detail)
}

fn unread(status: StatusCode) -> Failure {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = "The body is larger than this call takes.";
        Failure::new(status, "too-large", "The body is too large", detail)
    } else {
        let detail = "The body could not be read to its end. Send it again.";
        Failure::new(StatusCode::BAD_REQUEST, "malformed", "The request is malformed", detail)
    }
}

/// A query string of exactly these parameters.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Answer<Self> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|rejection| {
            let said = std::error::Error::source(&rejection).map(ToString::to_string).unwrap_or_default();
            let (field, message) = said.split_once(": ").unwrap_or((".", &said));
            malformed(field, message)
        })
    }
}

/// The key with which a request is known again. One that is no text can't be taken, which the use case says.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default().to_owned())
}

/// The session in the path. One that can't be an id is one that doesn't exist.
pub(crate) struct InSession(pub(crate) SessionId);

impl<S: Send + Sync> FromRequestParts<S> for InSession {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let id = Path::<SessionId>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| missing(Noun::Session))
    }
}

/// The run in the path. One that can't be an id is one that doesn't exist.
pub(crate) struct InRun(pub(crate) SessionId);

impl<S: Send + Sync> FromRequestParts<S> for InRun {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let id = Path::<SessionId>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| missing(Noun::Run))
    }
}

/// The session and the side in the path.
pub(crate) struct InLog(pub(crate) SessionId, pub(crate) Side);

impl<S: Send + Sync> FromRequestParts<S> for InLog {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let both = Path::<(SessionId, Side)>::from_request_parts(parts, state).await;
        both.map(|Path((id, side))| Self(id, side)).map_err(|_| missing(Noun::Session))
    }
}

/// The session and its view in the path.
pub(crate) struct InView(pub(crate) SessionId, pub(crate) ViewId);

impl<S: Send + Sync> FromRequestParts<S> for InView {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let both = Path::<(SessionId, ViewId)>::from_request_parts(parts, state).await;
        both.map(|Path((id, view))| Self(id, view)).map_err(|_| missing(Noun::View))
    }
}

/// The view in the path.
pub(crate) struct OfView(pub(crate) ViewId);

impl<S: Send + Sync> FromRequestParts<S> for OfView {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let id = Path::<ViewId>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| missing(Noun::View))
    }
}

/// The credential in the path.
pub(crate) struct OfCredential(pub(crate) CredentialId);

impl<S: Send + Sync> FromRequestParts<S> for OfCredential {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let id = Path::<CredentialId>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| missing(Noun::Credential))
    }
}

/// The personal token in the path.
pub(crate) struct OfToken(pub(crate) TokenId);

impl<S: Send + Sync> FromRequestParts<S> for OfToken {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let id = Path::<TokenId>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| missing(Noun::Token))
    }
}

/// The machine in the path.
pub(crate) struct OfMachine(pub(crate) MachineId);

impl<S: Send + Sync> FromRequestParts<S> for OfMachine {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let id = Path::<MachineId>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| missing(Noun::Machine))
    }
}

/// Says what was expected where. The deserializer's own message may repeat a value, which may be a secret.
fn malformed(path: &str, message: &str) -> Failure {
    let (field, problem) = without_values(path, message);
    let failure = Failure::new(StatusCode::BAD_REQUEST, "malformed", "The request is malformed", problem);
    if field.is_empty() { failure } else { failure.field(field) }
}

fn without_values(path: &str, message: &str) -> (String, String) {
    let mut field = if path == "." { String::new() } else { path.to_owned() };
    let said = message.split(" at line ").next().unwrap_or_default();
    let problem = if let Some(name) = said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        field = if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
        "This field is missing.".to_owned()
    } else if said.starts_with("unknown field") {
        format!("There is no such field here; expected {}.", expected(said))
    } else if said.starts_with("not a ") {
        // Our own ids say what they expect, and nothing of what came.
        format!("This is {said}.")
    } else if said.starts_with("duplicate field") {
        "This field is there twice.".to_owned()
    } else if said.contains("expected ") {
        format!("The value is none that fits; expected {}.", expected(said))
    } else {
        "This can't be read.".to_owned()
    };
    (field.chars().take(MAX_FIELD_CHARS).collect(), problem)
}

/// What stands behind the last "expected": it comes after the value, so no value can stand there.
fn expected(said: &str) -> &str {
    said.rsplit_once("expected ").map_or("another one", |(_, expected)| expected)
}

#[cfg(test)]
#[path = "extract_tests.rs"]
mod tests;
