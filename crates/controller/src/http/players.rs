//! What players on pages of other origins need (CORS, Fetch standard section 3.3), for the WHEP addresses only. Such a
//! player brings the owner's token; a cookie never works across origins: the gate refuses it, and without
//! `Access-Control-Allow-Credentials` no browser shows its page an answer to one.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

/// An offer.
pub(crate) const SDP: &str = "application/sdp";
/// Candidates.
pub(crate) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, If-Match";
const EXPOSED_HEADERS: &str = "Location, ETag, Link, Retry-After, Accept-Post, Accept-Patch";
/// How long a browser may remember what is allowed, seconds.
const MAX_AGE: &str = "600";

/// Which of the WHEP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `/api/session/{id}/whep`
    Endpoint,
    /// `/api/session/{id}/whep/{view}`
    View,
}

impl Place {
    pub(crate) fn of(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("/api/session/")?.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some("whep"), None, None) => Some(Self::Endpoint),
            (Some(_), Some("whep"), Some(_), None) => Some(Self::View),
            _ => None,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Endpoint => "OPTIONS, POST",
            Self::View => "OPTIONS, PATCH, DELETE",
        }
    }

    /// Marks an answer, a refusal too: a player has to see why.
    pub(crate) fn mark(self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        match self {
            Self::Endpoint => headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP)),
            Self::View => headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT)),
        };
    }
}

/// Whether pages of other origins may call this, with a token.
pub(crate) fn may_call(path: &str) -> bool {
    Place::of(path).is_some()
}

/// The answer to OPTIONS at a WHEP address: the same for everybody, since a browser asks it without the token.
pub(crate) fn options(request: &Request) -> Option<Response> {
    let place = Place::of(request.uri().path()).filter(|_| *request.method() == Method::OPTIONS)?;
    let methods = HeaderValue::from_static(place.methods());
    let headers = [
        (header::ALLOW, methods.clone()),
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS)),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE)),
    ];
    Some((StatusCode::OK, headers).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whep_addresses_are_open_to_other_origins() {
        assert_eq!(Place::of("/api/session/ses_1/whep"), Some(Place::Endpoint));
        assert_eq!(Place::of("/api/session/ses_1/whep/vie_1"), Some(Place::View));
        for other in [
            "/",
            "/api/session/ses_1",
            "/api/session/ses_1/whep/vie_1/x",
            "/api/session/whep",
            "/api/session/ses_1/events",
            "/x/api/session/ses_1/whep",
            "/api/session/ses_1/x/whep",
            "/api/webrtc/session/ses_1/whep",
        ] {
            assert!(!may_call(other), "{other}");
        }
    }
}
