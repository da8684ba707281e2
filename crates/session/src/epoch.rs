//! One negotiation: one offer, at most one answer, two candidate logs.
//!
//! ```text
//!            offer            answer             report            report            report
//!   (none) ────────► offered ────────► answered ────────► ice ────────► dtls ────────► frame
//!                       │ newer offer      │ newer offer    │ ...
//!                       └──────────────────┴────────────────┴──► superseded (a new epoch takes its place)
//! ```
//!
//! Each stage after the answer has a deadline that gives it a name when it takes too long, and ends nothing.
//!
//! Missing on purpose: a way back, a second answer, an answer without an offer, and any change of an offer.

use anteroom_protocol::{
    Epoch, UnixMillis, limits,
    session::{ConnectionState, ConnectionTrouble},
    signaling::{Candidate, LoggedCandidate, SdpDigest, Side},
};
use serde::{Deserialize, Serialize};

use crate::Refusal;

/// What is decided about the newest epoch. Descriptions and candidates themselves are in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochState {
    /// Its number.
    pub number: Epoch,
    /// When its offer was stored.
    pub since: UnixMillis,
    /// Its offer.
    pub offer_digest: SdpDigest,
    /// Its answer, once there is one.
    pub answer_digest: Option<SdpDigest>,
    /// How far the viewer says it has come.
    pub connection: ConnectionState,
    /// When it came there; the offer's, then the answer's time before the first report.
    #[serde(default = "long_ago")]
    pub stage_since: UnixMillis,
    /// The stage that has taken too long.
    pub trouble: Option<ConnectionTrouble>,
    /// The page's candidates.
    pub browser: CandidateLogState,
    /// The guest's candidates.
    pub vm: CandidateLogState,
}

/// For sessions that were stored before stages had a time.
fn long_ago() -> UnixMillis {
    UnixMillis(0)
}

impl EpochState {
    pub(crate) fn new(number: Epoch, offer_digest: SdpDigest, now: UnixMillis) -> Self {
        Self {
            number,
            since: now,
            offer_digest,
            answer_digest: None,
            connection: ConnectionState::New,
            stage_since: now,
            trouble: None,
            browser: CandidateLogState::default(),
            vm: CandidateLogState::default(),
        }
    }

    /// The log of one side.
    #[must_use]
    pub fn log(&self, side: Side) -> &CandidateLogState {
        match side {
            Side::Browser => &self.browser,
            Side::Vm => &self.vm,
        }
    }

    pub(crate) fn log_mut(&mut self, side: Side) -> &mut CandidateLogState {
        match side {
            Side::Browser => &mut self.browser,
            Side::Vm => &mut self.vm,
        }
    }
}

/// An append-only log: how long it is, whether it is complete, and what it has, so that a repeated request adds
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateLogState {
    /// The last sequence number; 0 when empty.
    pub last: u32,
    /// Whether the end marker is in it.
    pub complete: bool,
    /// Short digests of its candidates.
    seen: Vec<String>,
}

impl CandidateLogState {
    /// Appends those that are new, in order.
    ///
    /// # Errors
    /// New candidates after the end marker, and more than the log may hold.
    pub(crate) fn append(&mut self, candidates: Vec<Candidate>) -> Result<Vec<LoggedCandidate>, Refusal> {
        let mut logged = Vec::new();
        for candidate in candidates {
            let digest = digest(&candidate);
            if self.seen.contains(&digest) {
                continue;
            }
            if self.complete {
                return Err(Refusal::CandidatesComplete);
            }
            if self.seen.len() >= limits::MAX_CANDIDATES_PER_LOG {
                return Err(Refusal::TooManyCandidates);
            }
            self.complete = candidate.is_end();
            self.last += 1;
            self.seen.push(digest);
            logged.push(LoggedCandidate { seq: self.last, candidate });
        }
        Ok(logged)
    }
}

/// 64 bits tell a few hundred candidates apart. All end markers are one, whatever media section they name.
fn digest(candidate: &Candidate) -> String {
    if candidate.is_end() {
        return String::from("end");
    }
    let text = format!("{:?} {:?} {}", candidate.sdp_mid, candidate.sdp_m_line_index, candidate.candidate.expose());
    let mut digest = SdpDigest::of(&text).0;
    digest.truncate(16);
    digest
}
