//! View-only connections: any number of viewers beside the one that types, each with an offer and an answer of its own
//! and no epoch. They come through WHEP (draft-ietf-wish-whep) and never change the session.
//!
//! The guest reads them from one log for each session, in order, by the server's sequence number: an offer, later
//! candidates, an end. `GET /api/guest/views?after=SEQ&wait=SECONDS`, `POST /api/guest/views/{view}/answer`.

use serde::{Deserialize, Serialize};

use crate::{
    ViewId,
    signaling::{Answer, Candidate, Offer, SdpDigest},
};

/// One entry of a session's log of views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ViewEntry {
    /// Its place in the session's log: 1 for the first, without gaps.
    pub seq: u32,
    /// Which connection.
    pub view: ViewId,
    /// What happened to it.
    #[serde(flatten)]
    pub kind: ViewEntryKind,
}

/// What happened to a view-only connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ViewEntryKind {
    /// It began. One fresh transport answers it.
    Offered {
        /// The description.
        offer: Offer,
    },
    /// Its viewer found more candidates. The last may be the end marker.
    Candidates {
        /// In order.
        candidates: Vec<Candidate>,
    },
    /// It is over: its viewer went away, or too many came.
    Closed,
}

/// A piece of a session's log of views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ViewLog {
    /// Those with a sequence number above `after`.
    pub entries: Vec<ViewEntry>,
    /// What to send as `after` next time.
    pub next: u32,
}

/// What the guest says to a view's offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ViewReply {
    /// It can be shown.
    Answered {
        /// Digest of the offer that is answered.
        #[serde(rename = "offerDigest")]
        offer_digest: SdpDigest,
        /// The description, with all candidates of the guest in it.
        answer: Answer,
    },
    /// There is no picture yet.
    NotYet,
    /// The offer asks for nothing that the machine can send.
    Unusable {
        /// What is missing; no SDP.
        detail: String,
    },
}
