//! A person's use cases with a sign-in: start, look, offer anew, cancel, and the list of what can be connected.

use anteroom_protocol::{
    Epoch, MachineId, ProviderId, SessionId, TicketId, UserId,
    provider::{MethodKind, Provider},
    session::{ConnectionReport, SessionState, SessionView},
    signaling::{OfferWithCandidates, SdpDigest, check_candidates, check_sdp},
};
use anteroom_session::{Change, Decision, Input, Session};
use anteroom_store::{CommitError, Extras};
use serde::{Deserialize, Serialize};

use crate::{
    Caller, Controller, CredentialView, Error,
    controller::{Decided, Uncommitted},
    error::Noun,
    idempotency::check_key,
    ports::random,
};

/// How many of a person's newest sessions are looked through for live ones; more than can live at once.
const RECENT_SESSIONS: u32 = 64;
/// Pooled machines that others may be first to, one after the other; the last try makes a new one.
const MAX_MACHINES_TRIED: u32 = 4;

/// What a click on *Connect* sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartSignIn {
    /// What is to be connected.
    pub provider: ProviderId,
    /// How the person wants to sign in, which is remembered. Without it: with a desktop where the provider has that method,
    /// else by its first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<MethodKind>,
    /// The page's offer, for a sign-in with a desktop. Without one such a session waits for it, and no machine is made.
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
    /// How one can sign in, in the order of the provider's file.
    pub methods: Vec<MethodKind>,
    /// The one that the person chose last, else the first.
    pub method: MethodKind,
    /// Whether it can be run when it is connected.
    pub runnable: bool,
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
        let (provider, method) = self.checked(&request, key.as_deref())?;
        if let Some(key) = &key
            && let Some(earlier) = self.store.session_by_key(user, key).await?
        {
            return self.started_before(user, &earlier, &request, method).await;
        }
        let session = self.new_session(user, provider, method);
        let extras = Extras { idempotency_key: key, chooses_method: request.method.is_some(), ..Extras::default() };
        let mut source = Source::of(method, request.webrtc_offer.is_some());
        for tries in 1..=MAX_MACHINES_TRIED {
            let machine = self.machine_from(source, tries == MAX_MACHINES_TRIED).await?;
            let taken = machine.clone();
            let change = self.first_change(&session, request.webrtc_offer.clone(), machine)?;
            let extras = change.as_ref().map_or(extras.clone(), |change| self.placed(change, extras.clone()));
            match self.store.create_session(&session, change.as_ref(), extras).await {
                Ok(()) => return Ok(self.stored(user, session, change, &request)),
                Err(CommitError::Repeated(earlier)) => {
                    return self.started_before(user, &earlier, &request, method).await;
                }
                Err(CommitError::NoCapacity(_)) if taken.is_some() && tries < MAX_MACHINES_TRIED => {
                    taken.iter().for_each(|machine| self.pool.put_back(machine));
                    source = source.next();
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

    /// A machine from there; none when the session has to wait for a place. The last try takes no pooled one, which others
    /// may be first to.
    async fn machine_from(&self, source: Source, is_last_try: bool) -> Result<Option<MachineId>, Error> {
        match source {
            Source::Queue => Ok(None),
            Source::Pool | Source::New if !self.store.queue(1).await?.is_empty() => Ok(None),
            Source::Pool if !is_last_try => self.machine_for_session().await.map(Some),
            Source::Pool | Source::New => Ok(Some(self.new_machine())),
        }
    }

    fn checked(&self, request: &StartSignIn, key: Option<&str>) -> Result<(&Provider, MethodKind), Error> {
        check_key(key)?;
        if let Some(offer) = &request.webrtc_offer {
            check_offer("webrtcOffer.", offer)?;
        }
        let provider =
            self.catalogue.get(&request.provider).ok_or_else(|| Error::UnknownProvider(request.provider.clone()))?;
        Ok((provider, method_of(request, provider)?))
    }

    fn new_session(&self, user: &UserId, provider: &Provider, method: MethodKind) -> Session {
        let id = SessionId::from_random(random(&*self.entropy));
        let deadlines = self.settings.deadlines.for_provider(provider);
        Session::new(id, user.clone(), (provider.id.clone(), method), deadlines, self.now())
    }

    fn first_change(
        &self,
        session: &Session,
        offer: Option<OfferWithCandidates>,
        machine: Option<MachineId>,
    ) -> Result<Option<Change>, Error> {
        let input = match offer {
            Some(offer) => offer_input(offer, machine),
            None if !session.has_desktop() => Input::Begin { machine },
            // Without an offer there is no machine (invariant offer-first).
            None => return Ok(None),
        };
        match session.handle(input, self.now())? {
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
        method: MethodKind,
    ) -> Result<SignInStarted, Error> {
        let session = self.load(&Caller::Person(user.clone()), earlier).await?.session;
        let first = self.store.offer(earlier, Epoch(1)).await?;
        let same_offer = request.webrtc_offer.as_ref().is_none_or(|again| {
            let digest = SdpDigest::of(again.offer.sdp.expose());
            first.is_some_and(|first| SdpDigest::of(first.sdp.expose()) == digest)
        });
        if session.provider != request.provider || session.method != method || !same_offer {
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
        if session.run.is_some() {
            return Err(Error::NotFound(Noun::Session));
        }
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
        let chosen = self.store.chosen_methods(user).await?;
        let mut live: Vec<_> = self.store.sessions_of(user, RECENT_SESSIONS).await?;
        live.retain(|stored| stored.session.end().is_none() && stored.session.run.is_none());
        let card = |provider: &Provider| ProviderView {
            id: provider.id.clone(),
            name: provider.name.clone(),
            vendor: provider.vendor.clone(),
            description: provider.description.clone(),
            methods: provider.login.kinds().collect(),
            method: preferred(provider, &chosen),
            runnable: provider.run.is_some(),
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

/// Where the machine of a new session comes from.
#[derive(Clone, Copy)]
enum Source {
    /// One that is new: a light one is made faster than a desktop is replaced in the pool.
    New,
    /// The pool, where there is one, else a new one.
    Pool,
    /// There is no place.
    Queue,
}

impl Source {
    fn of(method: MethodKind, has_offer: bool) -> Self {
        if method.has_desktop() && has_offer { Self::Pool } else { Self::New }
    }

    /// Where to look when there was no place. Pooled machines hold places too.
    fn next(self) -> Self {
        match self {
            Self::New => Self::Pool,
            Self::Pool | Self::Queue => Self::Queue,
        }
    }
}

/// The method of a request, which the provider must have.
fn method_of(request: &StartSignIn, provider: &Provider) -> Result<MethodKind, Error> {
    let has = |kind: &MethodKind| provider.login.kinds().any(|known| known == *kind);
    let invalid =
        |field: &str, problem: &str| Err(Error::Invalid { field: field.to_owned(), problem: problem.to_owned() });
    let desktop = Some(MethodKind::Desktop).filter(has);
    match request.method.or(desktop).or_else(|| provider.login.kinds().next()) {
        Some(method) if !has(&method) => invalid("method", "is none of the provider's; GET /api/providers lists them"),
        Some(method) if !method.has_desktop() && request.webrtc_offer.is_some() => {
            invalid("webrtcOffer", "belongs to a sign-in with a desktop; this one has none")
        }
        Some(method) => Ok(method),
        None => invalid("provider", "has no method to sign in"),
    }
}

/// The method that was chosen last, while the provider has it.
fn preferred(provider: &Provider, chosen: &[(ProviderId, MethodKind)]) -> MethodKind {
    let last = chosen.iter().find(|(id, _)| *id == provider.id).map(|(_, method)| *method);
    let mut kinds = provider.login.kinds();
    last.filter(|last| provider.login.kinds().any(|kind| kind == *last)).or_else(|| kinds.next()).unwrap_or_default()
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
