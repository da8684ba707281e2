//! A person's use cases with runs: open one, look at them, stop one; and the leases of credentials that have one holder at a
//! time (invariant one-holder).
//!
//! A take-over asks the holder's machine first: what it has changed is saved, and only when it is proved gone the credential
//! is leased anew. So two machines never have one credential.

use std::{sync::Arc, time::Duration};

use anteroom_protocol::{
    ProviderId, SessionId, UnixMillis, UserId,
    run::{LeaseHolder, MAX_ARGUMENT_BYTES, MAX_ARGUMENTS, RunState, RunView},
    session::Reason,
    terminal::{Background, MAX_SIDE, TerminalSize},
};
use anteroom_session::{Decision, Input, Refusal, Run, Session};
use anteroom_store::{CommitError, CredentialRow, Extras, Full, LeaseRow, WantedLease};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    Caller, Controller, Error, controller::Uncommitted, error::Noun, idempotency::check_key, ports::random,
    wake::Waiter,
};

/// How many of a person's newest sessions are looked through for runs.
const RECENT_SESSIONS: u32 = 200;
/// How long the machine of a run that has ended may take to be gone: its driver destroys it in 0.1 s.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a run that is taken over may take to save what it has changed, and to be gone. It ends within
/// its own deadline for saving.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(30);
/// Pooled machines that others may be first to, one after the other.
const MAX_TRIES: u32 = 4;

/// What a click on *Open* sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRun {
    /// Whose CLI.
    pub provider: ProviderId,
    /// What is added to the provider's command; at most 256, together at most 64 KiB.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// One prompt, in place of arguments: the CLI answers it and ends.
    #[serde(default)]
    pub prompt: Option<String>,
    /// Cells in a row of the terminal, 1 to 1000.
    #[serde(default = "usual_columns")]
    pub columns: u16,
    /// Rows of the terminal, 1 to 1000.
    #[serde(default = "usual_rows")]
    pub rows: u16,
    /// What the terminal is drawn on, for programs that ask.
    #[serde(default)]
    pub background: Background,
    /// Whether the CLI runs on a terminal, which is usual but for prompts. Without one its input, output and errors are pipes,
    /// for one program.
    #[serde(default)]
    pub terminal: Option<bool>,
    /// Whether a run that holds the credential is stopped. What it has changed is saved first, which may take some seconds.
    #[serde(default)]
    pub take_over: bool,
}

fn usual_columns() -> u16 {
    80
}

fn usual_rows() -> u16 {
    24
}

impl Controller {
    /// Starts a run. With a key, a repeated request finds the run that the first one made.
    ///
    /// # Errors
    /// Nothing is connected there, another run holds the credential, no capacity, a key of another request; nothing is stored
    /// then.
    pub async fn start_run(&self, user: &UserId, request: StartRun, key: Option<String>) -> Result<RunView, Error> {
        let size = checked(&request)?;
        check_key(key.as_deref())?;
        let StartRun { provider, arguments, prompt, terminal, background, take_over, .. } = request;
        let terminal = terminal.unwrap_or(prompt.is_none());
        let arguments = match &prompt {
            Some(prompt) => self.prompt_arguments(&provider, prompt)?,
            None => arguments,
        };
        let run = |now| Run { background, ..Run::new(arguments.clone(), size, terminal, now) };
        if let Some(key) = &key
            && let Some(earlier) = self.store.session_by_key(user, key).await?
        {
            return self.begun_before(user, &earlier, &provider, &run(self.now())).await;
        }
        match self.begin_run(user, &provider, (take_over, key), run).await {
            // The same request at the same time was first.
            Err(Error::Repeated(earlier)) => self.begun_before(user, &earlier, &provider, &run(self.now())).await,
            begun => begun,
        }
    }

    /// The answer to a repeated request is that of the first one, as far as time has not gone on.
    async fn begun_before(
        &self,
        user: &UserId,
        earlier: &SessionId,
        provider: &ProviderId,
        again: &Run,
    ) -> Result<RunView, Error> {
        let session = self.load(&Caller::Person(user.clone()), earlier).await?.session;
        let is_same = session.provider == *provider
            && session.run.as_ref().is_some_and(|first| {
                (&first.arguments, first.terminal, first.check) == (&again.arguments, again.terminal, again.check)
            });
        if is_same { view_of(&session) } else { Err(Error::KeyReused) }
    }

    fn prompt_arguments(&self, provider: &ProviderId, prompt: &str) -> Result<Vec<String>, Error> {
        let found = self.catalogue.get(provider).ok_or_else(|| Error::UnknownProvider(provider.clone()))?;
        let arguments = found.run.as_ref().and_then(|run| run.prompt_arguments(prompt));
        arguments.ok_or_else(|| Error::NoPrompts(provider.clone()))
    }

    /// Leases the credential, where it has one holder at a time, and stores the run.
    pub(crate) async fn begin_run(
        &self,
        user: &UserId,
        provider: &ProviderId,
        (take_over, key): (bool, Option<String>),
        run: impl Fn(UnixMillis) -> Run,
    ) -> Result<RunView, Error> {
        let provider = self.catalogue.get(provider).ok_or_else(|| Error::UnknownProvider(provider.clone()))?;
        if provider.run.is_none() {
            return Err(Error::NotRunnable(provider.id.clone()));
        }
        let deadline = Instant::now() + if take_over { TAKE_OVER_TIMEOUT } else { RELEASE_TIMEOUT };
        loop {
            let credential = self.store.credential_for(user, &provider.id).await?;
            let credential = credential.ok_or_else(|| Error::NotConnected(provider.id.clone()))?;
            let lease = provider
                .credential
                .rotates
                .then(|| WantedLease { credential: credential.id.clone(), version: credential.version });
            if lease.is_some()
                && let Some(held) = self.store.lease(&credential.id).await?
            {
                self.have_released(held, take_over, deadline).await?;
                continue;
            }
            let extras = Extras { lease, idempotency_key: key.clone(), ..Extras::default() };
            match self.store_run(user, &credential, run(self.now()), extras).await {
                // Somebody else was first.
                Err(Error::CredentialInUse(_)) => {}
                stored => return stored,
            }
        }
    }

    /// Waits until a lease is given back, which its run does by itself when it ends.
    async fn have_released(&self, held: LeaseRow, take_over: bool, deadline: Instant) -> Result<(), Error> {
        let in_use = || Error::CredentialInUse(holder(&held));
        let mut waiter = self.waiter(&held.session);
        let session = self.load(&Caller::Controller, &held.session).await?.session;
        if session.end().is_none() && !session.is_stopping() {
            if !take_over {
                return Err(in_use());
            }
            match self.decide(&Caller::Controller, &held.session, Input::TakeOver).await {
                Ok(_) | Err(Error::Refused(Refusal::Ended(_))) => {}
                Err(error) => return Err(error),
            }
        }
        while self.store.lease(&held.credential).await?.is_some_and(|lease| lease.session == held.session) {
            if !waiter.changed_before(deadline).await {
                return Err(in_use());
            }
        }
        Ok(())
    }

    async fn store_run(
        &self,
        user: &UserId,
        credential: &CredentialRow,
        run: Run,
        extras: Extras,
    ) -> Result<RunView, Error> {
        let of = (credential.provider.clone(), credential.id.clone());
        let id = SessionId::from_random(random(&*self.entropy));
        let deadlines = self.settings.deadlines.for_run(self.settings.runs.idle_ms);
        let session = Session::new_run(id, user.clone(), of, run, deadlines, self.now());
        let mut waits = !self.store.queue(1).await?.is_empty();
        for _ in 0..MAX_TRIES {
            let machine = if waits { None } else { Some(self.machine_for_session().await?) };
            let Decision::Changed(change) = session.handle(Input::Begin { machine: machine.clone() }, self.now())?
            else {
                return Err(Error::Busy(1));
            };
            let extras = self.placed(&change, extras.clone());
            match self.store.create_session(&session, Some(&change), extras).await {
                Ok(()) => {
                    self.committed(&change.session, &change.writes);
                    return view_of(&change.session);
                }
                Err(CommitError::NoCapacity(Full::Machines | Full::Owner)) if machine.is_some() => {
                    machine.iter().for_each(|machine| self.pool.put_back(machine));
                    waits = true;
                }
                Err(CommitError::MachineTaken(_)) => {}
                Err(error) => {
                    return Err(match Uncommitted::from(error) {
                        Uncommitted::Conflict => Error::Busy(1),
                        Uncommitted::Error(error) => error,
                    });
                }
            }
        }
        Err(Error::Busy(MAX_TRIES))
    }

    /// The run for its owner, ended or not.
    ///
    /// # Errors
    /// There is none of theirs.
    pub async fn run(&self, user: &UserId, id: &SessionId) -> Result<RunView, Error> {
        view_of(&self.load_run(user, id).await?)
    }

    pub(crate) async fn load_run(&self, user: &UserId, id: &SessionId) -> Result<Session, Error> {
        let loaded = self.load(&Caller::Person(user.clone()), id).await;
        match loaded {
            Ok(stored) if stored.session.run.is_some() => Ok(stored.session),
            Ok(_) | Err(Error::NotFound(_)) => Err(Error::NotFound(Noun::Run)),
            Err(error) => Err(error),
        }
    }

    /// The person's runs, the newest first: those that are there, and those that ended lately.
    ///
    /// # Errors
    /// What the store says.
    pub async fn runs(&self, user: &UserId) -> Result<Vec<RunView>, Error> {
        let sessions = self.store.sessions_of(user, RECENT_SESSIONS).await?;
        Ok(sessions.iter().filter_map(|stored| stored.session.run_view()).collect())
    }

    /// Has a run end. What it has changed of its credential is saved first.
    ///
    /// # Errors
    /// There is none of theirs, or it has ended.
    pub async fn stop_run(&self, user: &UserId, id: &SessionId) -> Result<RunView, Error> {
        self.load_run(user, id).await?;
        view_of(&self.decide(&Caller::Person(user.clone()), id, Input::Cancel).await?.session)
    }

    /// Who holds a credential.
    pub(crate) async fn holder_of(&self, row: &CredentialRow) -> Result<Option<LeaseHolder>, Error> {
        Ok(self.store.lease(&row.id).await?.as_ref().map(holder))
    }

    /// The agent waits for the wish to end its run; false when there was none in time.
    pub(crate) async fn next_stop(&self, id: &SessionId, wait: Duration) -> Result<bool, Error> {
        let (mut waiter, deadline) = (self.waiter(id), Self::poll_deadline(wait));
        loop {
            if self.going_on(&Caller::Machine(id.clone()), id).await?.is_stopping() {
                return Ok(true);
            }
            if !waiter.changed_before(deadline).await {
                return Ok(false);
            }
        }
    }

    /// Notes that somebody uses a run. That it can't be noted ends nothing.
    pub(crate) async fn note_use(&self, id: &SessionId) {
        match self.decide(&Caller::Controller, id, Input::Used).await {
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => {
                tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "the use of a run is not noted");
            }
        }
    }

    /// The place of somebody who follows a run's states.
    pub(crate) async fn follow_run(self: Arc<Self>, user: &UserId, id: &SessionId) -> Result<RunFollower, Error> {
        let waiter = self.waiter(id);
        self.load_run(user, id).await?;
        Ok(RunFollower { controller: self, waiter, id: id.clone(), told: None })
    }
}

/// A state of a run, in its stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RunEvent {
    /// Where it stands now.
    State {
        /// The state.
        state: RunState,
        /// Why it ended, or is being stopped.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// What the CLI ended with.
        #[serde(rename = "exitCode", skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
}

/// Reads a run's states, and waits for more.
pub(crate) struct RunFollower {
    controller: Arc<Controller>,
    waiter: Waiter,
    id: SessionId,
    told: Option<RunState>,
}

/// How often a follower looks again though nobody woke it: another controller may have committed.
const REREAD: Duration = Duration::from_secs(30);

impl RunFollower {
    /// The next state: the present one first. None after the end, or when the controller shuts down.
    pub(crate) async fn next(&mut self) -> Result<Option<RunEvent>, Error> {
        while self.told != Some(RunState::Ended) && !self.waiter.is_closing() {
            let session = self.controller.load(&Caller::Controller, &self.id).await?.session;
            let view = view_of(&session)?;
            if self.told != Some(view.state) {
                self.told = Some(view.state);
                let RunView { state, reason, exit_code, .. } = view;
                return Ok(Some(RunEvent::State { state, reason, exit_code }));
            }
            self.waiter.changed_before(Instant::now() + REREAD).await;
        }
        Ok(None)
    }
}

pub(crate) fn holder(lease: &LeaseRow) -> LeaseHolder {
    LeaseHolder { run_id: lease.session.clone(), since: lease.since }
}

fn view_of(session: &Session) -> Result<RunView, Error> {
    session.run_view().ok_or(Error::NotFound(Noun::Run))
}

fn checked(request: &StartRun) -> Result<TerminalSize, Error> {
    let invalid = |field: &str, problem: String| Err(Error::Invalid { field: field.to_owned(), problem });
    let size = TerminalSize { columns: request.columns, rows: request.rows };
    let texts = request.arguments.iter().chain(&request.prompt);
    let bytes: usize = texts.clone().map(String::len).sum();
    if !size.is_possible() {
        invalid("columns", format!("and rows must be 1 to {MAX_SIDE}"))
    } else if request.arguments.len() > MAX_ARGUMENTS || bytes > MAX_ARGUMENT_BYTES {
        invalid("arguments", format!("may be {MAX_ARGUMENTS}, with {MAX_ARGUMENT_BYTES} bytes together"))
    } else if texts.clone().any(|text| text.contains('\0')) {
        invalid("arguments", "and prompts can't hold a null character".to_owned())
    } else if request.prompt.is_some() && !request.arguments.is_empty() {
        invalid("prompt", "stands in place of arguments; send one of them".to_owned())
    } else if request.prompt.as_ref().is_some_and(|prompt| prompt.trim().is_empty()) {
        invalid("prompt", "is blank".to_owned())
    } else {
        Ok(size)
    }
}
