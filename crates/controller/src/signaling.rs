//! Answers and candidates: what either side brings.

use anteroom_protocol::{
    Epoch, SessionId, UserId,
    signaling::{
        AnswerWithCandidates, CandidateLog, CandidatesInEpoch, LoggedCandidate, Side, check_candidates, check_sdp,
    },
};
use anteroom_session::{Input, Write};

use crate::{Caller, Controller, Error};

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerStored {
    /// It is the epoch's one answer now.
    First,
    /// It was already.
    Again,
}

impl Controller {
    /// Stores the guest's answer (invariant one-answer).
    ///
    /// # Errors
    /// A wrong description, another epoch or offer than the current one, another answer than the stored one, an end.
    pub(crate) async fn answer(&self, id: &SessionId, answer: AnswerWithCandidates) -> Result<AnswerStored, Error> {
        check_sdp(answer.answer.sdp.expose())
            .map_err(|problem| Error::Signal { field: "answer.sdp".to_owned(), problem })?;
        check_candidates(&answer.candidates)
            .map_err(|problem| Error::Signal { field: "candidates".to_owned(), problem })?;
        let AnswerWithCandidates { answer, candidates, epoch, offer_digest } = answer;
        let input = Input::Answer { epoch, offer_digest, answer, candidates };
        let decided = self.decide(&Caller::Machine(id.clone()), id, input).await?;
        let first = decided.writes.iter().any(|write| matches!(write, Write::Answer { .. }));
        Ok(if first { AnswerStored::First } else { AnswerStored::Again })
    }

    /// Appends the page's candidates; returns those that were new.
    ///
    /// # Errors
    /// Wrong candidates, another epoch than the current one, a complete or full log, an end.
    pub(crate) async fn browser_candidates(
        &self,
        user: &UserId,
        id: &SessionId,
        candidates: CandidatesInEpoch,
    ) -> Result<CandidateLog, Error> {
        self.append(&Caller::Person(user.clone()), id, Side::Browser, candidates).await
    }

    /// Appends the guest's candidates; returns those that were new.
    ///
    /// # Errors
    /// As with [`Self::browser_candidates`].
    pub(crate) async fn vm_candidates(
        &self,
        id: &SessionId,
        candidates: CandidatesInEpoch,
    ) -> Result<CandidateLog, Error> {
        self.append(&Caller::Machine(id.clone()), id, Side::Vm, candidates).await
    }

    async fn append(
        &self,
        caller: &Caller,
        id: &SessionId,
        side: Side,
        posted: CandidatesInEpoch,
    ) -> Result<CandidateLog, Error> {
        check_candidates(&posted.candidates)
            .map_err(|problem| Error::Signal { field: "candidates".to_owned(), problem })?;
        let CandidatesInEpoch { epoch, candidates } = posted;
        let decided = self.decide(caller, id, Input::Candidates { side, epoch, candidates }).await?;
        let log = decided.session.epoch.as_ref().map(|epoch| epoch.log(side));
        Ok(CandidateLog {
            candidates: written(&decided.writes, epoch, side),
            next: log.map_or(0, |log| log.last),
            complete: log.is_some_and(|log| log.complete),
        })
    }
}

fn written(writes: &[Write], of_epoch: Epoch, of_side: Side) -> Vec<LoggedCandidate> {
    let mut all = Vec::new();
    for write in writes {
        if let Write::Candidates { epoch, side, candidates } = write
            && (*epoch, *side) == (of_epoch, of_side)
        {
            all.extend(candidates.iter().cloned());
        }
    }
    all
}
