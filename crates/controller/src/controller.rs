//! The heart of every use case: load a session, have it decide, commit, wake who waits.

use std::sync::Arc;

use anteroom_protocol::{MachineId, SessionId, UnixMillis, UserId, run::LeaseHolder};
use anteroom_session::{Change, Decision, Input, Refusal, Session, Write, is_worth_a_look};
use anteroom_store::{CommitError, Extras, Store, Stored};
use anteroom_vault::KeyRing;
use tokio::time::Instant;

use crate::{
    Catalogue, Error, Settings,
    error::Noun,
    hosts::RefusedHosts,
    pieces::LiveSessions,
    pool::Pool,
    ports::{Clock, Entropy},
    relays::{NoRelays, Reach, Relays},
    signal::Signal,
    starting::Starting,
    terminal::Terminals,
    timer::Timer,
    wake::{Waiter, Wakers},
    wanted::Wanted,
};

/// How often a decision is made again because somebody else was first. Writers of one session are its page, its guest,
/// the reconciler and the timer; each retry means that one of them got on.
pub(crate) const MAX_CONFLICTS: u32 = 32;

/// What the program fills in.
#[derive(Clone)]
pub struct Ports {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
}

/// Whose call it is, and so which sessions it may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A person: their own sessions.
    Person(UserId),
    /// A machine: the session that it serves.
    Machine(SessionId),
    /// Reconciler and timer: all.
    Controller,
}

impl Caller {
    fn may_touch(&self, session: &Session) -> bool {
        match self {
            Self::Person(user) => session.owner == *user,
            Self::Machine(served) => session.id == *served,
            Self::Controller => true,
        }
    }
}

/// The use cases, on top of the ports.
pub struct Controller {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) catalogue: Catalogue,
    pub(crate) ring: KeyRing,
    pub(crate) settings: Settings,
    pub(crate) timer: Timer,
    pub(crate) relays: Arc<dyn Relays>,
    pub(crate) reach: Reach,
    pub(crate) pool: Pool,
    /// Those for whose first picture the pool waits.
    pub(crate) starting: Starting,
    pub(crate) refused: RefusedHosts,
    pub(crate) terminals: Terminals,
    wakers: Wakers,
    /// What commits want of machines.
    pub(crate) machines_wanted: Wanted,
    /// Given when somebody has left the queue.
    pub(crate) queue_moved: Signal,
    closing: Signal,
}

/// A session as it is after an input, and what the input wrote.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) session: Session,
    pub(crate) writes: Vec<Write>,
}

impl Controller {
    /// Puts the use cases together. Nothing happens yet.
    #[must_use]
    pub fn new(ports: Ports, catalogue: Catalogue, ring: KeyRing, settings: Settings) -> Arc<Self> {
        Self::with_relays(ports, catalogue, ring, settings, Arc::new(NoRelays), Reach::default())
    }

    /// The same, with relays for viewers. Whoever relays asks `reach` what a credential may reach.
    #[must_use]
    pub fn with_relays(
        ports: Ports,
        catalogue: Catalogue,
        ring: KeyRing,
        settings: Settings,
        relays: Arc<dyn Relays>,
        reach: Reach,
    ) -> Arc<Self> {
        Arc::new(Self {
            store: ports.store,
            clock: ports.clock,
            entropy: ports.entropy,
            catalogue,
            ring,
            settings,
            timer: Timer::default(),
            relays,
            reach,
            pool: Pool::default(),
            starting: Starting::default(),
            refused: RefusedHosts::default(),
            terminals: Terminals::default(),
            wakers: Wakers::default(),
            machines_wanted: Wanted::default(),
            queue_moved: Signal::default(),
            closing: Signal::default(),
        })
    }

    /// Ends all long polls and event streams, so that a graceful shutdown does not wait for them.
    pub fn close(&self) {
        self.closing.give();
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// What the store says.
    pub async fn store_answers(&self) -> Result<(), Error> {
        self.store.machines(None, 1).await?;
        Ok(())
    }

    pub(crate) fn ports(&self) -> Ports {
        Ports { store: self.store.clone(), clock: self.clock.clone(), entropy: self.entropy.clone() }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub(crate) fn waiter(&self, session: &SessionId) -> Waiter {
        self.wakers.waiter(session, &self.closing)
    }

    /// The place of the one who keeps this machine.
    pub(crate) fn keeper(&self, machine: &MachineId) -> Waiter<MachineId> {
        self.machines_wanted.keeper(machine, &self.closing)
    }

    /// The session, if the caller may touch it.
    pub(crate) async fn load(&self, caller: &Caller, id: &SessionId) -> Result<Stored, Error> {
        let stored = self.store.session(id).await?;
        stored.filter(|stored| caller.may_touch(&stored.session)).ok_or(Error::NotFound(Noun::Session))
    }

    /// Has the session decide on an input, and commits what it decides; decides again when somebody else was first.
    pub(crate) async fn decide(&self, caller: &Caller, id: &SessionId, input: Input) -> Result<Decided, Error> {
        for _ in 0..MAX_CONFLICTS {
            let stored = self.load(caller, id).await?;
            match self.commit(&stored, input.clone(), Extras::default()).await {
                Ok(decided) => return Ok(decided),
                Err(Uncommitted::Conflict) => {}
                Err(Uncommitted::Error(error)) => return Err(error),
            }
        }
        Err(Error::Busy(MAX_CONFLICTS))
    }

    /// One try of [`Self::decide`] on a session that was loaded.
    pub(crate) async fn commit(&self, stored: &Stored, input: Input, extras: Extras) -> Result<Decided, Uncommitted> {
        let change = match stored.session.handle(input, self.now())? {
            Decision::Same => return Ok(Decided { session: stored.session.clone(), writes: Vec::new() }),
            Decision::Changed(change) => *change,
        };
        self.store.commit(stored.version, &change, self.placed(&change, extras)).await?;
        self.committed(&change.session, &change.writes);
        if stored.session.queued_since().is_some() && change.session.queued_since().is_none() {
            // Those behind it have moved up.
            self.queue_moved.give();
        }
        Ok(Decided { session: change.session, writes: change.writes })
    }

    /// Extras with a placement, when the change plans a machine, with the length of the queue, when it joins that, and with
    /// how many machines are kept, when it ends in a failure.
    pub(crate) fn placed(&self, change: &Change, extras: Extras) -> Extras {
        let plans = change.writes.iter().any(|write| matches!(write, Write::PlanMachine(_)));
        let joins = change.writes.contains(&Write::JoinQueue);
        let end = change.session.end().map(|end| end.reason.code);
        Extras {
            // A run's machine has the person's credential, which it is not to hold without a lease.
            keep_failed: end
                .filter(|code| change.session.run.is_none() && is_worth_a_look(*code))
                .map(|_| self.settings.keep.machines),
            placement: plans.then(|| self.settings.placement.clone()),
            max_queued: joins.then_some(self.settings.max_queued),
            ..extras
        }
    }

    /// After a commit: wakes who waits for the session, for its deadline, or for a machine's row.
    pub(crate) fn committed(&self, session: &Session, writes: &[Write]) {
        self.timer.set(&session.id, session.next_tick());
        self.wakers.wake(&session.id);
        if writes.iter().any(|write| matches!(write, Write::PlanMachine(_))) {
            self.starting.begin(&session.id, Instant::now());
        } else if (session.has_begun() || session.end().is_some()) && self.starting.end(&session.id) {
            self.machines_wanted.ring();
        }
        if session.end().is_some() {
            self.reach.close(&session.id);
            self.refused.forget_all(&session.id);
            self.terminals.forget(&session.id);
        }
        for write in writes {
            match write {
                Write::PlanMachine(machine) | Write::RetireMachine(machine) => self.machines_wanted.of(machine),
                // There may be a place by now, and the reconciler is to look.
                Write::JoinQueue => self.machines_wanted.ring(),
                Write::Offer { .. }
                | Write::Answer { .. }
                | Write::Candidates { .. }
                | Write::Paste(_)
                | Write::Event(_)
                | Write::SawMachine(_) => {}
            }
        }
    }

    /// After a commit to the session's views, which leaves the session itself as it is.
    pub(crate) fn views_committed(&self, id: &SessionId) {
        self.wakers.wake(id);
    }

    /// What whoever follows the session sees has changed beside the session itself.
    pub(crate) fn wake(&self, id: &SessionId) {
        self.wakers.wake(id);
    }

    /// After the controller was away: no deadline of machine or agent counts the time in which nobody could have met
    /// it. Call it once, before anything else runs.
    ///
    /// # Errors
    /// What the store says.
    pub async fn resume(&self) -> Result<(), Error> {
        let mut live = LiveSessions::of(&*self.store);
        loop {
            let piece = live.next().await?;
            if piece.is_empty() {
                return Ok(());
            }
            for stored in piece {
                match self.decide(&Caller::Controller, &stored.session.id, Input::Resumed).await {
                    Ok(_) | Err(Error::Refused(Refusal::Ended(_))) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// The deadline of a long poll that starts now.
    pub(crate) fn poll_deadline(wait: std::time::Duration) -> Instant {
        Instant::now() + wait
    }
}

/// Why one try did not commit.
#[derive(Debug)]
pub(crate) enum Uncommitted {
    /// Somebody else was first: load again and decide again.
    Conflict,
    /// It won't get better by trying again.
    Error(Error),
}

impl From<Refusal> for Uncommitted {
    fn from(refusal: Refusal) -> Self {
        Self::Error(refusal.into())
    }
}

impl From<CommitError> for Uncommitted {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) | CommitError::CredentialConflict(_) => Self::Conflict,
            // Only the creation of a session brings a key, and it looks at this error itself.
            CommitError::Repeated(made) => Self::Error(Error::Repeated(made)),
            CommitError::NoCapacity(full) => Self::Error(Error::NoCapacity(full)),
            // Only the creation of a session names a pooled machine, and it looks at this error itself.
            CommitError::MachineTaken(_) => Self::Conflict,
            CommitError::LeaseHeld(held) => {
                Self::Error(Error::CredentialInUse(LeaseHolder { run_id: held.session, since: held.since }))
            }
            CommitError::Store(error) => Self::Error(error.into()),
        }
    }
}
