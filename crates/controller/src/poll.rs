//! Long polls: each answers with the object, "not yet" after waiting, or "ended, because" (invariant no-null). Never
//! with an object of another epoch.

use std::time::Duration;

use anteroom_protocol::{
    Epoch, SessionId, UserId, limits,
    session::{QueuePlace, SessionEvent},
    signaling::{AnswerInEpoch, CandidateLog, OfferInEpoch, Side},
};
use anteroom_session::{EpochState, Refusal, Session};

use crate::{Caller, Controller, Error, HostsView, error::Noun, signal::Listener, wake::Waiter};

/// Events read from the store at once. A sign-in has about thirty.
const EVENTS_PER_READ: u32 = 256;

/// Which piece of which log is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogPosition {
    pub(crate) epoch: Epoch,
    pub(crate) side: Side,
    pub(crate) after: u32,
}

/// How often a follower looks again though nobody woke it: another controller may have committed.
const REREAD: Duration = Duration::from_secs(30);

/// How long a caller may wait: what they ask for, and at most [`limits::MAX_WAIT_S`].
pub(crate) fn clamped(seconds: Option<u64>) -> Duration {
    Duration::from_secs(seconds.unwrap_or(0).min(limits::MAX_WAIT_S))
}

impl Controller {
    /// The guest waits for an offer of a newer epoch than `after`.
    pub(crate) async fn next_offer(
        &self,
        id: &SessionId,
        after: Epoch,
        wait: Duration,
    ) -> Result<Option<OfferInEpoch>, Error> {
        let (mut waiter, deadline) = (self.waiter(id), Self::poll_deadline(wait));
        loop {
            let epoch = self.going_on(&Caller::Machine(id.clone()), id).await?.current_epoch();
            if epoch > after {
                return self.read_offer(id, epoch).await.map(Some);
            }
            if !waiter.changed_before(deadline).await {
                return Ok(None);
            }
        }
    }

    async fn read_offer(&self, id: &SessionId, epoch: Epoch) -> Result<OfferInEpoch, Error> {
        // Candidates first: those that come in between are read from the log later, and none is lost.
        let candidates = self.store.candidates(id, epoch, Side::Browser, 0).await?;
        let offer = self.store.offer(id, epoch).await?.ok_or(Error::NotFound(Noun::Session))?;
        Ok(OfferInEpoch { offer, candidates, epoch })
    }

    /// The page waits for the answer to its offer.
    pub(crate) async fn answer_to(
        &self,
        user: &UserId,
        id: &SessionId,
        epoch: Epoch,
        wait: Duration,
    ) -> Result<Option<AnswerInEpoch>, Error> {
        let (mut waiter, deadline) = (self.waiter(id), Self::poll_deadline(wait));
        loop {
            if self.is_answered(user, id, epoch).await? {
                return self.read_answer(id, epoch).await.map(Some);
            }
            if !waiter.changed_before(deadline).await {
                return Ok(None);
            }
        }
    }

    /// Nothing of the session is kept: ten thousand pages wait between two looks.
    async fn is_answered(&self, user: &UserId, id: &SessionId, epoch: Epoch) -> Result<bool, Error> {
        let session = self.going_on(&Caller::Person(user.clone()), id).await?;
        Ok(current(&session, epoch)?.answer_digest.is_some())
    }

    async fn read_answer(&self, id: &SessionId, epoch: Epoch) -> Result<AnswerInEpoch, Error> {
        let candidates = self.store.candidates(id, epoch, Side::Vm, 0).await?;
        let answer = self.store.answer(id, epoch).await?.ok_or(Error::NotFound(Noun::Session))?;
        Ok(AnswerInEpoch { answer, candidates, epoch })
    }

    /// Either side waits for more of a candidate log.
    pub(crate) async fn more_candidates(
        &self,
        caller: &Caller,
        id: &SessionId,
        at: LogPosition,
        wait: Duration,
    ) -> Result<Option<CandidateLog>, Error> {
        let (mut waiter, deadline) = (self.waiter(id), Self::poll_deadline(wait));
        loop {
            let (last, complete) = self.log_end(caller, id, at).await?;
            if last > at.after || complete {
                let next = last.max(at.after);
                let mut candidates = self.store.candidates(id, at.epoch, at.side, at.after).await?;
                // What was appended after the session was read belongs to the next piece.
                candidates.retain(|logged| logged.seq <= next);
                return Ok(Some(CandidateLog { candidates, next, complete }));
            }
            if !waiter.changed_before(deadline).await {
                return Ok(None);
            }
        }
    }

    /// How far the log has come, and whether it is complete.
    async fn log_end(&self, caller: &Caller, id: &SessionId, at: LogPosition) -> Result<(u32, bool), Error> {
        let session = self.going_on(caller, id).await?;
        let log = current(&session, at.epoch)?.log(at.side);
        Ok((log.last, log.complete))
    }

    /// The session, if it has not ended.
    pub(crate) async fn going_on(&self, caller: &Caller, id: &SessionId) -> Result<Session, Error> {
        let session = self.load(caller, id).await?.session;
        match session.end() {
            Some(end) => Err(Refusal::Ended(end.reason.clone()).into()),
            None => Ok(session),
        }
    }

    /// The place of somebody who follows the session's events.
    pub(crate) async fn follow(
        self: std::sync::Arc<Self>,
        user: &UserId,
        id: &SessionId,
        after: u32,
    ) -> Result<Follower, Error> {
        let (waiter, queue) = (self.waiter(id), self.queue_moved.listener());
        self.load(&Caller::Person(user.clone()), id).await?;
        Ok(Follower { controller: self, waiter, queue, session: id.clone(), after, told: None, told_hosts: None })
    }
}

/// The epoch, if it is the current one.
fn current(session: &Session, epoch: Epoch) -> Result<&EpochState, Refusal> {
    let current = session.current_epoch();
    match &session.epoch {
        Some(state) if state.number == epoch => Ok(state),
        Some(_) if epoch < current && epoch != Epoch::NONE => Err(Refusal::StaleEpoch { current }),
        Some(_) | None => Err(Refusal::NoSuchEpoch { current }),
    }
}

/// Reads a session's events, and waits for more.
pub(crate) struct Follower {
    controller: std::sync::Arc<Controller>,
    waiter: Waiter,
    /// Somebody has left the queue.
    queue: Listener,
    session: SessionId,
    after: u32,
    /// The place in the queue that was told last.
    told: Option<u32>,
    /// What was told last of the hosts that its machine reaches.
    told_hosts: Option<HostsView>,
}

/// What a follower hears.
#[derive(Debug)]
pub(crate) enum News {
    /// The next events, at least one.
    Events(Vec<SessionEvent>),
    /// How many are before the session, which waits for a place.
    Place(QueuePlace),
    /// What the session's machine reaches, where machines are restricted.
    Hosts(HostsView),
}

impl Follower {
    /// Whether there will be no more events.
    pub(crate) async fn is_at_the_end(&self) -> Result<bool, Error> {
        let session = self.controller.load(&Caller::Controller, &self.session).await?.session;
        let more = self.controller.store.events(&self.session, self.after, 1).await?;
        Ok(more.is_empty() && is_over(&session))
    }

    /// What comes next. None when there will be nothing: the session has ended and its machine is gone, or the controller
    /// shuts down.
    pub(crate) async fn next(&mut self) -> Result<Option<News>, Error> {
        loop {
            let session = self.controller.load(&Caller::Controller, &self.session).await?.session;
            let events = self.controller.store.events(&self.session, self.after, EVENTS_PER_READ).await?;
            if let Some(last) = events.last() {
                self.after = last.id;
                return Ok(Some(News::Events(events)));
            }
            if is_over(&session) || self.waiter.is_closing() {
                return Ok(None);
            }
            let hosts = self.controller.hosts_of(&session).await?;
            if let Some(hosts) = hosts.filter(|hosts| self.told_hosts.as_ref() != Some(hosts)) {
                self.told_hosts = Some(hosts.clone());
                return Ok(Some(News::Hosts(hosts)));
            }
            let ahead = self.controller.ahead(&session).await?;
            if let Some(ahead) = ahead.filter(|ahead| self.told != Some(*ahead)) {
                self.told = Some(ahead);
                return Ok(Some(News::Place(QueuePlace { ahead })));
            }
            self.wait(ahead.is_some()).await;
        }
    }

    /// No deadline of its own: the session has one, the machine's end has retries, and a reader that goes away drops this.
    /// The far one bounds the wait all the same.
    async fn wait(&mut self, is_queued: bool) {
        let deadline = Controller::poll_deadline(REREAD);
        tokio::select! {
            biased;
            _ = self.waiter.changed_before(deadline) => {}
            () = self.queue.heard(), if is_queued => {}
        }
    }
}

/// Nothing happens to it any more.
fn is_over(session: &Session) -> bool {
    session.end().is_some() && session.machine.is_none()
}
