//! View-only connections of a session: any number of viewers beside the one that types. A view is no epoch and never
//! changes its session.
//!
//! ```text
//!             guest: answered              viewer goes away, or too many came
//!   offered ──────────────────► answered ──────────────────────────────────► closed
//!      │ guest: not yet, unusable
//!      ├──────────────────────────────► refused
//!      └── viewer goes away, no answer in time, too many came ──► closed
//! ```
//!
//! Whatever the guest has to know is an entry of the session's log; entries have one order for all its views. The end
//! of the session ends its views without a word: nothing reaches a guest after that.
//!
//! Missing on purpose: a way out of `refused` and `closed`, a second answer, another ICE session in the same view (a
//! new view is one request as well, and a fresh transport), and anything that the session would notice.

use anteroom_protocol::{
    SessionId, UnixMillis, ViewId, limits,
    sdpfrag::{Fragment, ice_ufrags},
    session::SessionState,
    signaling::{Answer, Candidate, InvalidSignal, Offer, SdpDigest},
    view::{ViewEntry, ViewEntryKind, ViewReply},
};
use serde::{Deserialize, Serialize};

use crate::{CandidateLogState, Refusal, Session};

/// How long a viewer's request waits for the guest. A warm guest answers within 40 ms; one whose transport is being
/// made takes a second or two.
pub const ANSWER_MS: i64 = 10_000;

/// Hexadecimal digits of an entity tag: 128 bits.
const TAG_CHARS: usize = 32;

/// One view-only connection. Descriptions and candidates themselves are in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Its id.
    pub id: ViewId,
    /// Whose desktop it shows.
    pub session: SessionId,
    /// When its offer was stored.
    pub since: UnixMillis,
    /// Its offer.
    pub offer_digest: SdpDigest,
    /// Where it stands.
    pub state: ViewState,
    /// The ICE user fragments of its offer.
    ufrags: Vec<String>,
    /// Its viewer's candidates.
    candidates: CandidateLogState,
}

/// Where a view stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ViewState {
    /// The guest has not answered.
    Offered,
    /// The guest has.
    Answered {
        /// Which answer it was.
        answer_digest: SdpDigest,
    },
    /// The guest can't show it.
    Refused {
        /// Why.
        why: WhyRefused,
    },
    /// It is over.
    Closed,
}

/// Why a guest does not show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum WhyRefused {
    /// There is no picture yet.
    NotYet,
    /// The offer asks for nothing that the machine can send.
    Unusable {
        /// What is missing.
        detail: String,
    },
}

/// A session's views, as far as a decision needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Views {
    /// The last sequence number of the log; 0 when it is empty.
    pub last: u32,
    /// Those that are offered or answered, the oldest first.
    pub open: Vec<View>,
}

/// What is to be stored, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewChange {
    /// As they are from now on.
    pub views: Vec<View>,
    /// The answer of one of them.
    pub answer: Option<(ViewId, Answer)>,
    /// To be appended to the session's log of views.
    pub entries: Vec<ViewEntry>,
}

/// Why nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewRefusal {
    /// What the session, or a candidate log, refuses.
    #[error(transparent)]
    Session(#[from] Refusal),
    /// The offer can't be one.
    #[error(transparent)]
    Signal(#[from] InvalidSignal),
    /// The machine shows nothing yet.
    #[error("there is no picture yet")]
    NoPicture,
    /// The guest says that the offer asks for nothing that it has.
    #[error("the machine can't send what the offer asks for: {detail}")]
    Unusable {
        /// What is missing.
        detail: String,
    },
    /// The guest did not answer in time; the view is closed.
    #[error("the machine did not answer within {} s", ANSWER_MS / 1000)]
    NoAnswer,
    /// The session's log of views is full.
    #[error("too many views in one session")]
    TooMany,
    /// The view is over.
    #[error("the view is closed")]
    Closed,
    /// The answer was made for another description than the view's offer.
    #[error("the answer names another offer than that of the view")]
    AnotherOffer,
    /// The guest has said something else before.
    #[error("the view has another answer already")]
    AlreadyAnswered,
    /// The request names no ICE session.
    #[error("the request names no entity tag")]
    NoTag,
    /// The request was made for another ICE session.
    #[error("the request names another entity tag than the view's")]
    AnotherTag,
    /// The fragment belongs to another ICE session.
    #[error("the fragment belongs to another ICE session")]
    IceRestart,
}

impl View {
    /// A view whose offer is to be stored.
    fn new(session: SessionId, id: ViewId, offer: &Offer, now: UnixMillis) -> Result<Self, InvalidSignal> {
        Ok(Self {
            id,
            session,
            since: now,
            offer_digest: SdpDigest::of(offer.sdp.expose()),
            state: ViewState::Offered,
            ufrags: ice_ufrags(offer.sdp.expose())?,
            candidates: CandidateLogState::default(),
        })
    }

    /// Whether the guest has to know of its end.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.state {
            ViewState::Offered | ViewState::Answered { .. } => true,
            ViewState::Refused { .. } | ViewState::Closed => false,
        }
    }

    /// The strong entity tag of its ICE session (RFC 9725, section 4.3.1), quotes included. It follows from what is
    /// stored, so that it stays the same through a restart.
    #[must_use]
    pub fn tag(&self) -> String {
        let mut digest = SdpDigest::of(&format!("{} {}", self.id, self.ufrags.join(" "))).0;
        digest.truncate(TAG_CHARS);
        format!("\"{digest}\"")
    }

    /// Checks a request's If-Match (RFC 9110, section 13.1.1): `*`, or a list with this tag. A weak one is another.
    ///
    /// # Errors
    /// There is none, or it names another ICE session.
    pub fn check_tag(&self, if_match: Option<&str>) -> Result<(), ViewRefusal> {
        let named = if_match.ok_or(ViewRefusal::NoTag)?.trim();
        let tag = self.tag();
        // Our own tag has no comma, so that a part of a list is it or is another one's.
        if named == "*" || named.split(',').any(|one| one.trim() == tag) {
            Ok(())
        } else {
            Err(ViewRefusal::AnotherTag)
        }
    }

    fn is(&self, state: ViewState) -> Self {
        Self { state, ..self.clone() }
    }

    fn owns(&self, ufrag: &str) -> bool {
        self.ufrags.iter().any(|own| own == ufrag)
    }
}

/// Whether the session can be viewed: a machine must be there whose guest can be asked.
///
/// # Errors
/// It has ended, or there is no picture yet.
pub fn check_session(session: &Session) -> Result<(), ViewRefusal> {
    if let Some(end) = session.end() {
        return Err(Refusal::Ended(end.reason.clone()).into());
    }
    if !session.has_desktop() {
        return Err(Refusal::NoDesktop.into());
    }
    match session.state() {
        SessionState::SigningIn | SessionState::Saving => Ok(()),
        SessionState::WaitingForOffer
        | SessionState::Queued
        | SessionState::Starting
        | SessionState::Succeeded
        | SessionState::Failed
        | SessionState::Cancelled
        | SessionState::TimedOut => Err(ViewRefusal::NoPicture),
    }
}

impl Views {
    /// A viewer made an offer. When there are [`limits::MAX_VIEWS`] already, the oldest is closed: most players never say
    /// that they go, so that the oldest are the ones that nobody watches, while who comes now surely does. Refusing
    /// the new one instead would lock everybody out after a few reloads.
    ///
    /// # Errors
    /// The offer names no ICE session, or the log is full.
    pub fn open(
        &self,
        session: &SessionId,
        id: ViewId,
        offer: Offer,
        now: UnixMillis,
    ) -> Result<ViewChange, ViewRefusal> {
        let view = View::new(session.clone(), id, &offer, now)?;
        let surplus = (self.open.len() + 1).saturating_sub(limits::MAX_VIEWS);
        let mut log = Log::after(self.last);
        let mut views = Vec::new();
        for oldest in self.open.iter().take(surplus) {
            log.push(&oldest.id, ViewEntryKind::Closed);
            views.push(oldest.is(ViewState::Closed));
        }
        log.push(&view.id, ViewEntryKind::Offered { offer });
        views.push(view);
        Ok(ViewChange { views, answer: None, entries: log.within_bounds()? })
    }

    /// The guest said something to the view's offer. `None`: the same again.
    ///
    /// # Errors
    /// The answer is to another offer, the guest has said something else before, or the view is over.
    pub fn reply(&self, view: &View, reply: ViewReply) -> Result<Option<ViewChange>, ViewRefusal> {
        let (state, answer) = match reply {
            ViewReply::Answered { offer_digest, .. } if offer_digest != view.offer_digest => {
                return Err(ViewRefusal::AnotherOffer);
            }
            ViewReply::Answered { answer, .. } => {
                let answer_digest = SdpDigest::of(answer.sdp.expose());
                (ViewState::Answered { answer_digest }, Some((view.id.clone(), answer)))
            }
            ViewReply::NotYet => (ViewState::Refused { why: WhyRefused::NotYet }, None),
            ViewReply::Unusable { detail } => (ViewState::Refused { why: WhyRefused::Unusable { detail } }, None),
        };
        match &view.state {
            ViewState::Closed => Err(ViewRefusal::Closed),
            same if *same == state => Ok(None),
            ViewState::Answered { .. } | ViewState::Refused { .. } => Err(ViewRefusal::AlreadyAnswered),
            ViewState::Offered => Ok(Some(ViewChange { views: vec![view.is(state)], answer, entries: Vec::new() })),
        }
    }

    /// The viewer found candidates. `None`: there is no new one among them.
    ///
    /// The end marker is not passed on: requests of one viewer may overlap (RFC 9725, section 4.3.1), so that the end in
    /// one says nothing of those that come after it. Guests need none.
    ///
    /// # Errors
    /// They belong to another ICE session, there are too many of them, or the view is over.
    pub fn trickle(&self, view: &View, fragment: Fragment) -> Result<Option<ViewChange>, ViewRefusal> {
        if !view.is_open() {
            return Err(ViewRefusal::Closed);
        }
        if fragment.ufrag.is_some_and(|ufrag| !view.owns(&ufrag)) {
            return Err(ViewRefusal::IceRestart);
        }
        let mut view = view.clone();
        let found = fragment.candidates.into_iter().filter(|candidate| !candidate.is_end()).collect();
        let new = view.candidates.append(found)?;
        if new.is_empty() {
            return Ok(None);
        }
        let candidates: Vec<Candidate> = new.into_iter().map(|logged| logged.candidate).collect();
        let mut log = Log::after(self.last);
        log.push(&view.id, ViewEntryKind::Candidates { candidates });
        Ok(Some(ViewChange { views: vec![view], answer: None, entries: log.within_bounds()? }))
    }

    /// The guest did not answer in time. `None`: it has said something, or the view is over.
    #[must_use]
    pub fn give_up(&self, view: &View) -> Option<ViewChange> {
        match view.state {
            ViewState::Offered => self.close(view),
            ViewState::Answered { .. } | ViewState::Refused { .. } | ViewState::Closed => None,
        }
    }

    /// The viewer went away. `None`: it is over already.
    #[must_use]
    pub fn close(&self, view: &View) -> Option<ViewChange> {
        if !view.is_open() {
            return None;
        }
        let mut log = Log::after(self.last);
        log.push(&view.id, ViewEntryKind::Closed);
        Some(ViewChange { views: vec![view.is(ViewState::Closed)], answer: None, entries: log.entries })
    }
}

/// Entries with their places in the log.
struct Log {
    last: u32,
    entries: Vec<ViewEntry>,
}

impl Log {
    fn after(last: u32) -> Self {
        Self { last, entries: Vec::new() }
    }

    fn push(&mut self, view: &ViewId, kind: ViewEntryKind) {
        self.last += 1;
        self.entries.push(ViewEntry { seq: self.last, view: view.clone(), kind });
    }

    /// Room for the end of each open view is always left.
    fn within_bounds(self) -> Result<Vec<ViewEntry>, ViewRefusal> {
        let ends = u32::try_from(limits::MAX_VIEWS).unwrap_or(u32::MAX);
        if self.last > limits::MAX_VIEW_ENTRIES.saturating_sub(ends) {
            return Err(ViewRefusal::TooMany);
        }
        Ok(self.entries)
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
