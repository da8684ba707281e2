//! A person's use cases with a sign-in: start, look, offer anew, cancel, and the list of what can be connected.

use anteroom_protocol::{
    Epoch, MachineId, ProviderId, SessionId, TicketId, UserId,
    provider::Provider,
    session::{ConnectionReport, SessionState, SessionView},
    signaling::{OfferWithCandidates, SdpDigest, check_candidates, check_sdp},
};
use anteroom_session::{Change, Decision, Input, Session};
use anteroom_store::{CommitError, Extras};
use serde::{Deserialize, Serialize};

use crate::{
    Caller, Controller, CredentialView, Error,
    controller::{Decided, Uncommitted},
    ports::random,
};

/// How many of a person's newest sessions are looked through for live ones; more than can live at once.
const RECENT_SESSIONS: u32 = 64;
/// Pooled machines that others may be first to, one after the other; the last try makes a new one.
const MAX_MACHINES_TRIED: u32 = 4;
/// The longest idempotency key. A UUID has 36 characters.
const MAX_KEY_BYTES: usize = 128;

/// What a click on *Connect* sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartSignIn {
    /// What is to be connected.
    pub provider: ProviderId,
    /// The page's offer. Without one the session waits for it, and no machine is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webrtc_offer: Option<OfferWithCandidates>,
    /// The ticket that the page's relay credentials came with: they reach this session's machine from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_ticket: Option<TicketId>,
}

/// The session that a click has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInStarted {
    /// Its id.
    pub session_id: SessionId,
    /// The offer's epoch; 0 while the session waits for an offer.
    pub epoch: Epoch,
    /// Where it stands.
    pub state: SessionState,
}

/// A provider's card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderView {
    /// Its id.
    pub id: ProviderId,
    /// Its name for people.
    pub name: String,
    /// Who runs it.
    pub vendor: String,
    /// One sentence.
    pub description: String,
    /// What is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialView>,
    /// The newest sign-in that has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionView>,
}

impl Controller {
    /// Starts a sign-in. With a key, a repeated request finds the session that the first one made.
    ///
    /// # Errors
    /// Unknown provider, a wrong offer, no capacity, a key of another request; nothing is stored then.
    pub async fn start(
        &self,
        user: &UserId,
        request: StartSignIn,
        key: Option<String>,
    ) -> Result<SignInStarted, Error> {
        let provider = self.checked(&request, key.as_deref())?;
        if let Some(key) = &key
            && let Some(earlier) = self.store.session_by_key(user, key).await?
        {
            return self.started_before(user, &earlier, &request).await;
        }
        let session = self.new_session(user, provider);
        let extras = Extras { idempotency_key: key, ..Extras::default() };
        let mut queues = false;
        for tries in 1..=MAX_MACHINES_TRIED {
            // Without an offer there is no machine (invariant offer-first).
            let machine = match (&request.webrtc_offer, queues) {
                (Some(_), false) if tries < MAX_MACHINES_TRIED => self.machine_unless_queued().await?,
                (Some(_), true) => None,
                (Some(_) | None, _) => Some(self.new_machine()),
            };
            let taken = machine.clone();
            let change = self.first_change(&session, request.webrtc_offer.clone(), machine)?;
            let extras = change.as_ref().map_or(extras.clone(), |change| self.placed(change, extras.clone()));
            match self.store.create_session(&session, change.as_ref(), extras).await {
                Ok(()) => return Ok(self.stored(user, session, change, &request)),
                Err(CommitError::Repeated(earlier)) => return self.started_before(user, &earlier, &request).await,
                Err(CommitError::NoCapacity(_)) if taken.is_some() && tries < MAX_MACHINES_TRIED => {
                    taken.iter().for_each(|machine| self.pool.put_back(machine));
                    queues = true;
                }
                Err(CommitError::MachineTaken(machine)) => {
                    tracing::debug!(%machine, "a pooled machine was bound or retired first");
                }
                Err(error) => {
                    return Err(match Uncommitted::from(error) {
                        Uncommitted::Conflict => Error::Busy(tries),
                        Uncommitted::Error(error) => error,
                    });
                }
            }
        }
        Err(Error::Busy(MAX_MACHINES_TRIED))
    }

    fn stored(&self, user: &UserId, new: Session, change: Option<Change>, request: &StartSignIn) -> SignInStarted {
        let (session, writes) = change.map_or((new, Vec::new()), |change| (change.session, change.writes));
        self.committed(&session, &writes);
        self.bind_ticket(user, &session.id, request);
        started(&session)
    }

    fn bind_ticket(&self, user: &UserId, session: &SessionId, request: &StartSignIn) {
        if let Some(ticket) = &request.relay_ticket {
            self.reach.bind(ticket, user, session);
        }
    }

    fn checked(&self, request: &StartSignIn, key: Option<&str>) -> Result<&Provider, Error> {
        if key.is_some_and(|key| {
            key.is_empty() || key.len() > MAX_KEY_BYTES || !key.bytes().all(|b| b.is_ascii_graphic())
        }) {
            return Err(Error::Invalid {
                field: "Idempotency-Key".to_owned(),
                problem: format!("must be 1 to {MAX_KEY_BYTES} visible ASCII characters"),
            });
        }
        if let Some(offer) = &request.webrtc_offer {
            check_offer("webrtcOffer.", offer)?;
        }
        self.catalogue.get(&request.provider).ok_or_else(|| Error::UnknownProvider(request.provider.clone()))
    }

    fn new_session(&self, user: &UserId, provider: &Provider) -> Session {
        let id = SessionId::from_random(random(&*self.entropy));
        let deadlines = self.settings.deadlines.for_provider(provider);
        Session::new(id, user.clone(), provider.id.clone(), deadlines, self.now())
    }

    fn first_change(
        &self,
        session: &Session,
        offer: Option<OfferWithCandidates>,
        machine: Option<MachineId>,
    ) -> Result<Option<Change>, Error> {
        let Some(offer) = offer else { return Ok(None) };
        match session.handle(offer_input(offer, machine), self.now())? {
            Decision::Changed(change) => Ok(Some(*change)),
            Decision::Same => Ok(None),
        }
    }

    /// The answer to a repeated request is that of the first one, as far as time has not gone on.
    async fn started_before(
        &self,
        user: &UserId,
        earlier: &SessionId,
        request: &StartSignIn,
    ) -> Result<SignInStarted, Error> {
        let session = self.load(&Caller::Person(user.clone()), earlier).await?.session;
        let first = self.store.offer(earlier, Epoch(1)).await?;
        let same_offer = request.webrtc_offer.as_ref().is_none_or(|again| {
            let digest = SdpDigest::of(again.offer.sdp.expose());
            first.is_some_and(|first| SdpDigest::of(first.sdp.expose()) == digest)
        });
        if session.provider != request.provider || !same_offer {
            return Err(Error::KeyReused);
        }
        self.bind_ticket(user, &session.id, request);
        // Another page may have offered since. Its epoch is not this request's: the answer in it is for the other page.
        let epoch = if request.webrtc_offer.is_some() { Epoch(1) } else { session.current_epoch() };
        Ok(SignInStarted { epoch, ..started(&session) })
    }

    /// Stores a new offer of the page: a new epoch. The same offer again is the same epoch.
    ///
    /// # Errors
    /// A wrong offer, an ended session, no capacity.
    pub async fn offer(&self, user: &UserId, id: &SessionId, offer: OfferWithCandidates) -> Result<Epoch, Error> {
        check_offer("", &offer)?;
        let caller = Caller::Person(user.clone());
        let machine = self.store.queue(1).await?.is_empty().then(|| self.new_machine());
        let has_machine = machine.is_some();
        let decided = match self.decide(&caller, id, offer_input(offer.clone(), machine)).await {
            // The session waits for a place, with its offer.
            Err(Error::NoCapacity(_)) if has_machine => self.decide(&caller, id, offer_input(offer, None)).await,
            decided => decided,
        };
        Ok(decided?.session.current_epoch())
    }

    /// Stores how far the viewer's connection has come.
    ///
    /// # Errors
    /// A superseded or unanswered epoch, an ended session.
    pub async fn connection(&self, user: &UserId, id: &SessionId, report: ConnectionReport) -> Result<(), Error> {
        self.decide(&Caller::Person(user.clone()), id, Input::Connection(report)).await?;
        Ok(())
    }

    /// The session for its owner, ended or not.
    ///
    /// # Errors
    /// There is none of theirs.
    pub async fn view(&self, user: &UserId, id: &SessionId) -> Result<SessionView, Error> {
        let session = self.load(&Caller::Person(user.clone()), id).await?.session;
        Ok(SessionView { ahead: self.ahead(&session).await?, ..session.view() })
    }

    /// Ends the sign-in by the person's wish.
    ///
    /// # Errors
    /// Its credential is being saved, or it has ended.
    pub async fn cancel(&self, user: &UserId, id: &SessionId) -> Result<SessionView, Error> {
        let Decided { session, .. } = self.decide(&Caller::Person(user.clone()), id, Input::Cancel).await?;
        Ok(session.view())
    }

    /// What can be connected, what is, and what is being.
    ///
    /// # Errors
    /// What the store says.
    pub async fn providers(&self, user: &UserId) -> Result<Vec<ProviderView>, Error> {
        let credentials = self.credentials(user).await?;
        let mut live: Vec<_> = self.store.sessions_of(user, RECENT_SESSIONS).await?;
        live.retain(|stored| stored.session.end().is_none());
        let card = |provider: &Provider| ProviderView {
            id: provider.id.clone(),
            name: provider.name.clone(),
            vendor: provider.vendor.clone(),
            description: provider.description.clone(),
            credential: credentials.iter().find(|credential| credential.provider == provider.id).cloned(),
            session: live
                .iter()
                .filter(|stored| stored.session.provider == provider.id)
                .max_by_key(|stored| stored.session.created_at)
                .map(|stored| stored.session.view()),
        };
        Ok(self.catalogue.iter().map(card).collect())
    }
}

fn offer_input(offer: OfferWithCandidates, machine: Option<MachineId>) -> Input {
    Input::Offer { offer: offer.offer, candidates: offer.candidates, after: offer.after, machine }
}

fn started(session: &Session) -> SignInStarted {
    SignInStarted { session_id: session.id.clone(), epoch: session.current_epoch(), state: session.state() }
}

fn check_offer(prefix: &str, offer: &OfferWithCandidates) -> Result<(), Error> {
    check_sdp(offer.offer.sdp.expose())
        .map_err(|problem| Error::Signal { field: format!("{prefix}offer.sdp"), problem })?;
    check_candidates(&offer.candidates)
        .map_err(|problem| Error::Signal { field: format!("{prefix}candidates"), problem })
}
