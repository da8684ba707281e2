//! Asks the real [`Session::handle`], once for each session and question: it is a function of its arguments, so that
//! its decisions can be remembered. Sessions are kept once each and compared by their fingerprint.

use std::{
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use ahash::{AHashMap, RandomState};
use anteroom_protocol::{
    Epoch, ProviderId, SessionId, UserId,
    provider::MethodKind,
    session::{ConnectionState, ReasonCode, SessionEventKind, SessionState, Step},
    signaling::Side,
};
use anteroom_session::{Change, Deadlines, Decision, Refusal, Session, Write};

use crate::{
    ask::{Ask, attempt_of, found_of, transport_of},
    broken::Broken,
    clock::{NOW, lapses, without_times},
    names::{Attempt, Found, Transport, Whose},
};

/// A session that was met, and what the other parties may see of it.
#[derive(Debug)]
pub(crate) struct Known {
    id: u32,
    print: u64,
    pub(crate) session: Session,
    pub(crate) facts: Facts,
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Known {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

/// What is read of a session all the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) end: Option<ReasonCode>,
    pub(crate) state: SessionState,
    pub(crate) epoch: u8,
    pub(crate) answered: bool,
    pub(crate) connection: ConnectionState,
    pub(crate) has_machine: bool,
    pub(crate) cli_succeeded: bool,
    /// The newest epoch's logs: their last numbers.
    pub(crate) browser: u8,
    pub(crate) vm: u8,
}

/// What a question came to.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// To be stored.
    Changed(Arc<Changed>),
    /// Nothing new.
    Same,
    /// Refused.
    Refused(Refused),
}

impl Clone for Verdict {
    fn clone(&self) -> Self {
        match self {
            Self::Changed(changed) => Self::Changed(changed.clone()),
            Self::Same => Self::Same,
            Self::Refused(refused) => Self::Refused(*refused),
        }
    }
}

/// A refusal, as far as the parties tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Refused {
    /// It has ended; whether by a saved credential.
    Ended { saved: bool },
    /// The epoch is superseded.
    Stale { current: u8 },
    /// Another page was there.
    TakenOver { current: u8 },
    /// Anything else.
    Otherwise,
}

/// A change, by names.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) session: Arc<Known>,
    pub(crate) writes: Vec<Named>,
}

/// One thing to store.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    Offer { epoch: u8, attempt: Attempt },
    Answer { epoch: u8, transport: Transport },
    Candidates { whose: Whose, epoch: u8, found: Vec<(u32, Found)> },
    Event { id: u32, is_end: bool },
    Queue,
    Plan,
    Saw,
    Retire,
}

/// The memory of one model.
pub(crate) struct Decider {
    broken: Option<Broken>,
    known: Mutex<AHashMap<String, Arc<Known>>>,
    decided: RwLock<AHashMap<(u32, Ask), Verdict>>,
    lapses: RwLock<AHashMap<u32, Arc<[Verdict]>>>,
}

/// A session as the click makes it.
pub(crate) fn first_session() -> Session {
    let provider: ProviderId = "codex".parse().expect("a provider's id");
    let (session, owner) = (SessionId::from_random([1; 16]), UserId::from_random([2; 16]));
    Session::new(session, owner, (provider, MethodKind::Desktop), Deadlines::for_sign_in(900), NOW)
}

fn small(number: u32) -> u8 {
    u8::try_from(number).expect("the model stays small")
}

fn epoch_of(epoch: Epoch) -> u8 {
    small(epoch.0)
}

impl Decider {
    pub(crate) fn new(broken: Option<Broken>) -> Self {
        Self { broken, known: Mutex::default(), decided: RwLock::default(), lapses: RwLock::default() }
    }

    /// A session before its first offer.
    pub(crate) fn first(&self) -> Arc<Known> {
        self.know(&first_session())
    }

    /// How many different sessions were met.
    pub(crate) fn sessions(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What the session decides.
    pub(crate) fn decide(&self, known: &Arc<Known>, ask: Ask) -> Verdict {
        if let Ask::Lapse(index) = ask {
            return self.lapses(known)[usize::from(index)].clone();
        }
        let key = (known.id, ask);
        if let Some(verdict) = self.decided.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return verdict.clone();
        }
        let verdict = self.ask(known, ask);
        self.decided.write().unwrap_or_else(PoisonError::into_inner).insert(key, verdict.clone());
        verdict
    }

    fn ask(&self, known: &Arc<Known>, ask: Ask) -> Verdict {
        let input = ask.input().expect("lapses are decided elsewhere");
        let (session, input) = match self.broken {
            Some(broken) => broken.before(known.session.clone(), input),
            None => (known.session.clone(), input),
        };
        match session.handle(input, NOW) {
            Ok(Decision::Changed(change)) => self.name(*change),
            Ok(Decision::Same) => Verdict::Same,
            Err(refusal) => Verdict::Refused(refused(&refusal)),
        }
    }

    /// What time alone can do to the session; each once.
    pub(crate) fn lapses(&self, known: &Arc<Known>) -> Arc<[Verdict]> {
        if let Some(found) = self.lapses.read().unwrap_or_else(PoisonError::into_inner).get(&known.id) {
            return found.clone();
        }
        let mut found: Vec<Verdict> = Vec::new();
        for decision in lapses(&known.session) {
            if let Decision::Changed(change) = decision {
                let verdict = self.name(*change);
                if !found.iter().any(|other| becomes(other) == becomes(&verdict)) {
                    found.push(verdict);
                }
            }
        }
        let found: Arc<[Verdict]> = found.into();
        self.lapses.write().unwrap_or_else(PoisonError::into_inner).insert(known.id, found.clone());
        found
    }

    fn name(&self, mut change: Change) -> Verdict {
        if let Some(broken) = self.broken {
            broken.after(&mut change);
        }
        let writes = change.writes.iter().map(named).collect();
        Verdict::Changed(Arc::new(Changed { session: self.know(&change.session), writes }))
    }

    fn know(&self, session: &Session) -> Arc<Known> {
        let (session, key) = without_times(session);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&key) {
            return found.clone();
        }
        let id = u32::try_from(known.len()).expect("memory ends before");
        let print = RandomState::with_seeds(1, 2, 3, 4).hash_one(&key);
        let facts = facts(&session);
        let new = Arc::new(Known { id, print, session, facts });
        known.insert(key, new.clone());
        new
    }
}

fn becomes(verdict: &Verdict) -> Option<u32> {
    match verdict {
        Verdict::Changed(changed) => Some(changed.session.id),
        Verdict::Same | Verdict::Refused(_) => None,
    }
}

fn refused(refusal: &Refusal) -> Refused {
    match refusal {
        Refusal::Ended(reason) => Refused::Ended { saved: reason.code == ReasonCode::Saved },
        Refusal::StaleEpoch { current } => Refused::Stale { current: epoch_of(*current) },
        Refusal::TakenOver { current } => Refused::TakenOver { current: epoch_of(*current) },
        Refusal::NoSuchEpoch { .. }
        | Refusal::AnotherOffer { .. }
        | Refusal::AlreadyAnswered { .. }
        | Refusal::NotAnswered { .. }
        | Refusal::CandidatesComplete
        | Refusal::TooManyCandidates
        | Refusal::TooManyEpochs
        | Refusal::NotNow
        | Refusal::NoDesktop
        | Refusal::TooManyPastes
        | Refusal::TooManyWriteBacks
        | Refusal::Saving => Refused::Otherwise,
    }
}

fn named(write: &Write) -> Named {
    match write {
        Write::Offer { epoch, offer } => Named::Offer { epoch: epoch_of(*epoch), attempt: attempt_of(offer) },
        Write::Answer { epoch, answer } => Named::Answer { epoch: epoch_of(*epoch), transport: transport_of(answer) },
        Write::Candidates { epoch, side, candidates } => Named::Candidates {
            whose: match side {
                Side::Browser => Whose::Browser,
                Side::Vm => Whose::Vm,
            },
            epoch: epoch_of(*epoch),
            found: candidates.iter().map(|logged| (logged.seq, found_of(&logged.candidate))).collect(),
        },
        Write::Event(event) => Named::Event { id: event.id, is_end: ends(&event.kind) },
        Write::Paste(_) => unreachable!("the model's sign-ins have a desktop"),
        Write::JoinQueue => Named::Queue,
        Write::PlanMachine(_) => Named::Plan,
        Write::SawMachine(_) => Named::Saw,
        Write::RetireMachine(_) => Named::Retire,
    }
}

fn ends(kind: &SessionEventKind) -> bool {
    match kind {
        SessionEventKind::State { state, .. } => state.is_terminal(),
        SessionEventKind::Step { .. }
        | SessionEventKind::Epoch { .. }
        | SessionEventKind::Answer { .. }
        | SessionEventKind::Trouble { .. }
        | SessionEventKind::Url { .. }
        | SessionEventKind::DeviceCode { .. }
        | SessionEventKind::Pasted { .. }
        | SessionEventKind::PasteRefused { .. }
        | SessionEventKind::Credential { .. } => false,
    }
}

fn facts(session: &Session) -> Facts {
    let view = session.view();
    let log = |side| session.epoch.as_ref().map_or(0, |epoch| small(epoch.log(side).last));
    Facts {
        end: session.end().map(|end| end.reason.code),
        state: view.state,
        epoch: epoch_of(view.epoch),
        answered: session.epoch.as_ref().is_some_and(|epoch| epoch.answer_digest.is_some()),
        connection: view.connection,
        has_machine: view.machine.is_some(),
        cli_succeeded: view.steps.iter().any(|reached| reached.step == Step::CliSucceeded),
        browser: log(Side::Browser),
        vm: log(Side::Vm),
    }
}
