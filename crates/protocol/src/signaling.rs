//! The WebRTC signaling objects, nested alike on both sides: `{offer: {type, sdp}, candidates: [...]}`.
//!
//! An offer is a handle to one live `RTCPeerConnection`, not a document (RFC 9429): it can be answered once,
//! by one answer, for that connection. SDP prints nothing when logged: it holds ICE passwords and addresses.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Epoch, Secret, limits};

/// The literal `"offer"`; anything else in `type` is refused when it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OfferType {
    /// `"offer"`
    Offer,
}

/// The literal `"answer"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AnswerType {
    /// `"answer"`
    Answer,
}

/// A session description that the viewer made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Always `"offer"`.
    #[serde(rename = "type")]
    pub kind: OfferType,
    /// SDP (RFC 8866), at most [`limits::MAX_SDP_BYTES`].
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sdp: Secret<String>,
}

/// A session description that the guest made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Always `"answer"`.
    #[serde(rename = "type")]
    pub kind: AnswerType,
    /// SDP (RFC 8866), at most [`limits::MAX_SDP_BYTES`].
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sdp: Secret<String>,
}

/// SHA-256 of an offer's or answer's SDP, in lower-case hexadecimal. An answer names its offer by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct SdpDigest(pub String);

impl SdpDigest {
    /// The digest of an SDP's bytes.
    #[must_use]
    pub fn of(sdp: &str) -> Self {
        Self(Sha256::digest(sdp.as_bytes()).iter().map(|b| format!("{b:02x}")).collect())
    }
}

/// `RTCIceCandidateInit` as browsers serialise it. An empty `candidate` means end-of-candidates (RFC 8838).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Candidate {
    /// `candidate:...` (RFC 8839), or empty for end-of-candidates.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub candidate: Secret<String>,
    /// The media section's `a=mid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The media section's index.
    #[serde(default, rename = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    /// The ICE user fragment that the candidate belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

impl Candidate {
    /// Whether this marks the end of its side's candidates.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.candidate.expose().is_empty()
    }
}

/// Which side's candidates a log holds. The page is `browser`, the guest is `vm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The viewer's page.
    Browser,
    /// The machine's guest agent.
    Vm,
}

/// A candidate with its place in its log: 1 for the first, without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoggedCandidate {
    /// The server's sequence number.
    pub seq: u32,
    /// The candidate.
    #[serde(flatten)]
    pub candidate: Candidate,
}

/// The offer as a person posts it: the description and the candidates known by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OfferWithCandidates {
    /// The description.
    pub offer: Offer,
    /// At most [`limits::MAX_CANDIDATES_PER_REQUEST`]; later ones are posted one by one.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// The newest epoch that the page knows: refused when another page has made a newer one, so that two pages never
    /// fight for one desktop. Left out, the offer takes the desktop over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Epoch>,
}

/// The offer as the guest reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OfferInEpoch {
    /// The description.
    pub offer: Offer,
    /// All of the browser's candidates so far; `candidates/browser?after=<last seq>` goes on from there.
    pub candidates: Vec<LoggedCandidate>,
    /// The epoch that the answer must name.
    pub epoch: Epoch,
}

/// The answer as the guest posts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerWithCandidates {
    /// The description.
    pub answer: Answer,
    /// The candidates known by then.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// The epoch that is answered.
    pub epoch: Epoch,
    /// Digest of the offer that is answered: an answer to another description is refused (invariant one-answer).
    pub offer_digest: SdpDigest,
}

/// The answer as the page reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerInEpoch {
    /// The description.
    pub answer: Answer,
    /// All of the guest's candidates so far.
    pub candidates: Vec<LoggedCandidate>,
    /// The epoch that it answers.
    pub epoch: Epoch,
}

/// Candidates as either side posts them; the caller's token says which side it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CandidatesInEpoch {
    /// The epoch they belong to; those of a superseded epoch are refused.
    pub epoch: Epoch,
    /// In order. The last may be the end marker.
    pub candidates: Vec<Candidate>,
}

/// A piece of a candidate log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CandidateLog {
    /// Those with a sequence number above `after`.
    pub candidates: Vec<LoggedCandidate>,
    /// What to send as `after` next time.
    pub next: u32,
    /// Whether the log ends here: its last entry is the end marker.
    pub complete: bool,
}

/// Why a signaling object is refused before anything is changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignal {
    /// SDP above the limit.
    #[error("the SDP has {bytes} bytes; at most {} are taken", limits::MAX_SDP_BYTES)]
    SdpTooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not SDP, or SDP without what a connection needs.
    #[error("the SDP lacks {missing}; send what RTCPeerConnection made, unchanged")]
    SdpLacks {
        /// What was looked for.
        missing: &'static str,
    },
    /// Candidate above the limit.
    #[error("a candidate has {bytes} bytes; at most {} are taken", limits::MAX_CANDIDATE_BYTES)]
    CandidateTooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not a candidate line.
    #[error("a candidate does not begin with \"candidate:\"; send RTCIceCandidate.toJSON(), unchanged")]
    NotACandidate,
    /// Too many in one request.
    #[error("{count} candidates in one request; at most {} are taken", limits::MAX_CANDIDATES_PER_REQUEST)]
    TooManyCandidates {
        /// How many came.
        count: usize,
    },
}

/// Checks that a text is the SDP of a WebRTC description: it has a version line, a media section, and the
/// ICE and DTLS lines without which no connection can come up (RFC 8866, RFC 8839, RFC 8122).
///
/// # Errors
/// Says what is missing, or that the text is too long.
pub fn check_sdp(sdp: &str) -> Result<(), InvalidSignal> {
    if sdp.len() > limits::MAX_SDP_BYTES {
        return Err(InvalidSignal::SdpTooLong { bytes: sdp.len() });
    }
    if !(sdp.starts_with("v=0\r\n") || sdp.starts_with("v=0\n")) {
        return Err(InvalidSignal::SdpLacks { missing: "its first line, v=0" });
    }
    for (start, missing) in [
        ("m=", "a media section (m=)"),
        ("a=ice-ufrag:", "ICE credentials (a=ice-ufrag)"),
        ("a=ice-pwd:", "ICE credentials (a=ice-pwd)"),
        ("a=fingerprint:", "a DTLS fingerprint (a=fingerprint)"),
    ] {
        if !sdp.lines().any(|line| line.starts_with(start)) {
            return Err(InvalidSignal::SdpLacks { missing });
        }
    }
    Ok(())
}

/// Checks a request's candidates: how many, how long, and that each is a candidate line or the end marker.
///
/// # Errors
/// Names the first that is wrong.
pub fn check_candidates(candidates: &[Candidate]) -> Result<(), InvalidSignal> {
    if candidates.len() > limits::MAX_CANDIDATES_PER_REQUEST {
        return Err(InvalidSignal::TooManyCandidates { count: candidates.len() });
    }
    candidates.iter().try_for_each(|candidate| {
        let line = candidate.candidate.expose();
        let attached: usize = candidate.sdp_mid.as_ref().map_or(0, String::len)
            + candidate.username_fragment.as_ref().map_or(0, String::len);
        if line.len() + attached > limits::MAX_CANDIDATE_BYTES {
            Err(InvalidSignal::CandidateTooLong { bytes: line.len() + attached })
        } else if candidate.is_end() || line.starts_with("candidate:") {
            Ok(())
        } else {
            Err(InvalidSignal::NotACandidate)
        }
    })
}

#[cfg(test)]
#[path = "signaling_tests.rs"]
mod tests;
