//! Each call of the guest, with what its answers mean.

use anteroom_protocol::{
    Epoch, SessionId, ViewId,
    guest::{Assignment, CapturedCredential, Pastes, Report, Reports},
    limits,
    problem::Problem,
    signaling::{AnswerWithCandidates, CandidateLog, CandidatesInEpoch, OfferInEpoch},
    view::{ViewLog, ViewReply},
};
use reqwest::StatusCode;

use super::{Answered, Call, Controller, Ended, json};

/// The problem that says that the session has ended.
const ENDED: &str = "/problems/ended";

/// The problem that says that the machine is kept for a look.
const KEPT: &str = "/problems/kept";

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFate {
    /// It is the epoch's answer, now or since before.
    Taken,
    /// The epoch is superseded, or has another answer.
    Stale,
}

/// What became of an answer to a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewFate {
    /// Its viewer gets it.
    Taken,
    /// The view is over, or has another answer.
    Over,
}

/// What became of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialFate {
    /// The vault has it durably.
    Saved,
    /// It is not taken.
    Refused {
        /// The controller's words.
        detail: String,
    },
}

impl Controller {
    /// What the machine is for, if that is known: a pooled one has no session yet.
    ///
    /// # Errors
    /// When the session has ended, or the controller does not know this machine.
    pub async fn assignment_by_now(&self) -> Result<Option<Assignment>, Ended> {
        self.assignment_within(0).await
    }

    /// What the machine is for, however long it takes until a session needs it.
    ///
    /// # Errors
    /// As [`Self::assignment_by_now`].
    pub async fn assignment(&self) -> Result<Assignment, Ended> {
        loop {
            if let Some(assignment) = self.assignment_within(limits::MAX_WAIT_S).await? {
                return Ok(assignment);
            }
        }
    }

    async fn assignment_within(&self, seconds: u64) -> Result<Option<Assignment>, Ended> {
        let query = format!("wait={seconds}");
        let answered = self.call(&Call::long_poll("assignment", "/api/guest/assignment".to_owned(), query)).await;
        match answered.outcome() {
            Outcome::Done if answered.status == StatusCode::NO_CONTENT => Ok(None),
            Outcome::Done => answered.parse().map(Some),
            outcome @ (Outcome::Stale | Outcome::Refused | Outcome::Ended) => Err(answered.ended(outcome)),
        }
    }

    /// What the person has pasted above number `after`, however long it takes to come.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn next_pastes(&self, after: u32) -> Result<Pastes, Ended> {
        loop {
            let query = format!("after={after}&wait={}", limits::MAX_WAIT_S);
            let answered = self.call(&Call::long_poll("pastes", "/api/guest/pastes".to_owned(), query)).await;
            match answered.outcome() {
                Outcome::Done if answered.status == StatusCode::NO_CONTENT => {}
                Outcome::Done => return answered.parse(),
                outcome @ (Outcome::Stale | Outcome::Refused | Outcome::Ended) => return Err(answered.ended(outcome)),
            }
        }
    }

    /// The files of a run's credential, or why there are none.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn credential_of_run(&self) -> Result<Result<CapturedCredential, String>, Ended> {
        let answered = self.call(&Call::get("run's credential", "/api/guest/credential")).await;
        match answered.outcome() {
            Outcome::Done => answered.parse().map(Ok),
            Outcome::Stale | Outcome::Refused => Ok(Err(answered.detail())),
            outcome @ Outcome::Ended => Err(answered.ended(outcome)),
        }
    }

    /// Waits for the wish to end the run, however long it takes to come.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn stop_order(&self) -> Result<(), Ended> {
        loop {
            let query = format!("wait={}", limits::MAX_WAIT_S);
            let answered = self.call(&Call::long_poll("stop", "/api/guest/stop".to_owned(), query)).await;
            match answered.outcome() {
                Outcome::Done if answered.status == StatusCode::NO_CONTENT => {}
                Outcome::Done => return Ok(()),
                outcome @ (Outcome::Stale | Outcome::Refused | Outcome::Ended) => return Err(answered.ended(outcome)),
            }
        }
    }

    /// Waits for the session's end, after its wish to stop was heard.
    pub async fn session_end(&self) -> Ended {
        loop {
            match self.next_pastes(0).await {
                Ok(_) => {}
                Err(ended) => return ended,
            }
        }
    }

    /// The first offer of an epoch above `after`, however long it takes to come.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn next_offer(&self, session: &SessionId, after: Epoch) -> Result<OfferInEpoch, Ended> {
        loop {
            let query = format!("after={after}&wait={}", limits::MAX_WAIT_S);
            let path = format!("/api/webrtc/session/{session}/offer");
            let answered = self.call(&Call::long_poll("offer", path, query)).await;
            match answered.outcome() {
                Outcome::Done if answered.status == StatusCode::NO_CONTENT => {}
                Outcome::Done => return answered.parse(),
                outcome @ (Outcome::Stale | Outcome::Refused | Outcome::Ended) => return Err(answered.ended(outcome)),
            }
        }
    }

    /// Hands in the answer to an epoch's offer.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn answer(&self, session: &SessionId, answer: &AnswerWithCandidates) -> Result<AnswerFate, Ended> {
        let body = json(answer);
        let path = format!("/api/webrtc/session/{session}/answer");
        let answered = self.call(&Call::post("answer", path, &body)).await;
        match answered.outcome() {
            Outcome::Done => Ok(AnswerFate::Taken),
            Outcome::Stale => Ok(AnswerFate::Stale),
            outcome @ (Outcome::Refused | Outcome::Ended) => Err(answered.ended(outcome)),
        }
    }

    /// Hands in candidates of ours. `false` when the epoch is superseded.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn candidates(&self, session: &SessionId, candidates: &CandidatesInEpoch) -> Result<bool, Ended> {
        let body = json(candidates);
        let path = format!("/api/webrtc/session/{session}/candidate");
        let answered = self.call(&Call::post("candidate", path, &body)).await;
        match answered.outcome() {
            Outcome::Done => Ok(true),
            Outcome::Stale => Ok(false),
            outcome @ (Outcome::Refused | Outcome::Ended) => Err(answered.ended(outcome)),
        }
    }

    /// The viewer's candidates of an epoch above `after`, when there are some; `None` when the epoch is
    /// superseded.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn viewer_candidates(
        &self,
        session: &SessionId,
        epoch: Epoch,
        after: u32,
    ) -> Result<Option<CandidateLog>, Ended> {
        loop {
            let query = format!("epoch={epoch}&after={after}&wait={}", limits::MAX_WAIT_S);
            let path = format!("/api/webrtc/session/{session}/candidates/browser");
            let answered = self.call(&Call::long_poll("candidates", path, query)).await;
            match answered.outcome() {
                Outcome::Done if answered.status == StatusCode::NO_CONTENT => {}
                Outcome::Done => {
                    let log: CandidateLog = answered.parse()?;
                    if log.complete || !log.candidates.is_empty() {
                        return Ok(Some(log));
                    }
                }
                Outcome::Stale => return Ok(None),
                outcome @ (Outcome::Refused | Outcome::Ended) => return Err(answered.ended(outcome)),
            }
        }
    }

    /// What happened to views after `after`, however long it takes to come. A controller that refuses to tell knows no
    /// views: it is logged, and there are none.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn views(&self, after: u32) -> Result<ViewLog, Ended> {
        loop {
            let query = format!("after={after}&wait={}", limits::MAX_WAIT_S);
            let answered = self.call(&Call::long_poll("views", "/api/guest/views".to_owned(), query)).await;
            match answered.outcome() {
                Outcome::Done if answered.status == StatusCode::NO_CONTENT => {}
                Outcome::Done => {
                    let log: ViewLog = answered.parse()?;
                    if !log.entries.is_empty() {
                        return Ok(log);
                    }
                }
                Outcome::Stale | Outcome::Refused => {
                    tracing::error!(status = %answered.status, detail = answered.detail(), "views were refused");
                    std::future::pending().await
                }
                outcome @ Outcome::Ended => return Err(answered.ended(outcome)),
            }
        }
    }

    /// Says what becomes of a view's offer.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn answer_view(&self, view: &ViewId, reply: &ViewReply) -> Result<ViewFate, Ended> {
        let body = json(reply);
        let answered = self.call(&Call::post("view answer", format!("/api/guest/views/{view}/answer"), &body)).await;
        match answered.outcome() {
            Outcome::Done => Ok(ViewFate::Taken),
            Outcome::Stale => Ok(ViewFate::Over),
            Outcome::Refused => {
                tracing::error!(%view, status = %answered.status, detail = answered.detail(), "an answer was refused");
                Ok(ViewFate::Over)
            }
            outcome @ Outcome::Ended => Err(answered.ended(outcome)),
        }
    }

    /// Hands in reports, in order. A controller that refuses them has its reason, and the next ones may pass:
    /// it is logged, and the machine goes on.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn reports(&self, reports: Vec<Report>) -> Result<(), Ended> {
        let body = json(&Reports { reports });
        let answered = self.call(&Call::post("reports", "/api/guest/reports", &body)).await;
        match answered.outcome() {
            Outcome::Done => Ok(()),
            Outcome::Stale | Outcome::Refused => {
                tracing::error!(status = %answered.status, detail = answered.detail(), "reports were refused");
                Ok(())
            }
            outcome @ Outcome::Ended => Err(answered.ended(outcome)),
        }
    }

    /// Hands in the credential, until it is durably stored or refused.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn credential(&self, credential: &CapturedCredential) -> Result<CredentialFate, Ended> {
        let body = json(credential);
        let answered = self.call(&Call::post("credential", "/api/guest/credential", &body)).await;
        match answered.outcome() {
            Outcome::Done => Ok(CredentialFate::Saved),
            Outcome::Stale | Outcome::Refused => Ok(CredentialFate::Refused { detail: answered.detail() }),
            outcome @ Outcome::Ended => Err(answered.ended(outcome)),
        }
    }
}

/// What an answer means for the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// As asked.
    Done,
    /// The epoch that was named is not the current one, or is answered.
    Stale,
    /// The call was wrong.
    Refused,
    /// The session has ended, or the token opens nothing any more, which comes to the same.
    Ended,
}

impl Answered {
    fn outcome(&self) -> Outcome {
        let problem = self.problem();
        let says_ended = problem.as_ref().is_some_and(|problem| problem.kind == ENDED);
        let is_stale = problem.as_ref().is_some_and(|problem| problem.kind != ENDED);
        match self.status {
            status if status.is_success() => Outcome::Done,
            _ if says_ended => Outcome::Ended,
            StatusCode::CONFLICT => Outcome::Stale,
            StatusCode::GONE if is_stale => Outcome::Stale,
            StatusCode::GONE | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Ended,
            _ => Outcome::Refused,
        }
    }

    pub(super) fn says_kept(&self) -> bool {
        self.problem().is_some_and(|problem| problem.kind == KEPT)
    }

    fn problem(&self) -> Option<Problem> {
        if self.status.is_success() { None } else { serde_json::from_slice(self.body.expose()).ok() }
    }

    fn detail(&self) -> String {
        self.problem().map_or_else(|| format!("the controller answered {}", self.status), |problem| problem.detail)
    }

    /// What ends the agent, in words for the machine's log.
    fn ended(&self, outcome: Outcome) -> Ended {
        let reason = self.problem().and_then(|problem| problem.reason);
        match (outcome, reason) {
            (_, Some(reason)) => Ended(format!("the session has ended: {:?}", reason.code)),
            (Outcome::Ended, None) => Ended(format!("the session has ended ({})", self.status)),
            (Outcome::Done | Outcome::Stale | Outcome::Refused, None) => {
                Ended(format!("the controller refused a call that the agent can't do without ({})", self.status))
            }
        }
    }
}
