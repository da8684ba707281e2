//! Problem documents (RFC 9457): the one shape of an error on the wire.

use serde::{Deserialize, Serialize};

use crate::{Epoch, run::LeaseHolder, session::Reason};

/// `application/problem+json`. `type` is a relative reference that names the kind of problem and is stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// E.g. `/problems/stale-epoch`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words, the same for each of its kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was tried on what, and what to do. Repeats no value that came from outside.
    pub detail: String,
    /// The field that is wrong, as a path: `webrtcOffer.offer.sdp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// With `/problems/stale-epoch` and `/problems/already-answered`: the session's current epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// With `/problems/ended`: why the session ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// With `/problems/credential-in-use`: the run that holds the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<LeaseHolder>,
}
