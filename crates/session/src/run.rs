//! A run: a session whose machine runs a CLI with a credential that is there, in place of a sign-in that brings one.
//!
//! ```text
//!             a place          agent spoke, CLI started       a stop, a take-over, nobody there
//!  queued ──────────► starting ────────────────────────► running ─────────────────────────────► saving
//!     │                  │                                  │ CLI ended                            │ CLI ended, deadline
//!     └── stop ──────────┴── stop, machine lost ────────────┴──────────────────────────────────────┴──────────► ended
//! ```
//!
//! It has the phases of a sign-in, and its queue, machine and deadlines are decided by the same code. A stop asks the machine
//! first, because the CLI may have changed its credential a moment ago: `saving` is the time for that.
//!
//! Missing on purpose: an end of `running` by a stop alone, and a credential that ends a run.

use anteroom_protocol::{
    CredentialId, UnixMillis,
    guest::Report,
    limits,
    run::{RunState, RunView},
    session::{Reason, ReasonCode, SessionEventKind, Step},
    terminal::{Background, TerminalSize},
};
use serde::{Deserialize, Serialize};

use crate::{
    Phase, Refusal, Session,
    session::{Draft, End},
};

/// What is true of runs only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What is added to the provider's command.
    pub arguments: Vec<String>,
    /// The terminal's first size.
    pub size: TerminalSize,
    /// What it is drawn on.
    #[serde(default)]
    pub background: Background,
    /// Whether there is one.
    pub terminal: bool,
    /// Whether it only finds out whether the credential works.
    #[serde(default)]
    pub check: bool,
    /// When the CLI began.
    pub started_at: Option<UnixMillis>,
    /// When it was last seen that somebody uses it.
    pub used_at: UnixMillis,
    /// Why it is being stopped.
    pub stopping: Option<Reason>,
    /// What the CLI ended with.
    pub exit_code: Option<i32>,
    /// How many versions of its credential it has brought.
    pub write_backs: u32,
    /// Whether its CLI left no whole credential.
    #[serde(default)]
    pub left_no_credential: bool,
}

impl Run {
    /// One that has not begun.
    #[must_use]
    pub fn new(arguments: Vec<String>, size: TerminalSize, terminal: bool, now: UnixMillis) -> Self {
        Self {
            arguments,
            size,
            background: Background::default(),
            terminal,
            check: false,
            started_at: None,
            used_at: now,
            stopping: None,
            exit_code: None,
            write_backs: 0,
            left_no_credential: false,
        }
    }

    /// One that only finds out whether the credential works.
    #[must_use]
    pub fn check(size: TerminalSize, now: UnixMillis) -> Self {
        Self { check: true, ..Self::new(Vec::new(), size, true, now) }
    }
}

impl Session {
    /// The run for its owner; none of a sign-in.
    #[must_use]
    pub fn run_view(&self) -> Option<RunView> {
        let run = self.run.as_ref()?;
        Some(RunView {
            run_id: self.id.clone(),
            provider: self.provider.clone(),
            arguments: run.arguments.clone(),
            terminal: run.terminal,
            check: run.check,
            state: run_state(&self.phase, run),
            created_at: self.created_at,
            started_at: run.started_at,
            ended_at: self.end().map(|end| end.at),
            exit_code: run.exit_code,
            reason: self.end().map(|end| end.reason.clone()).or_else(|| run.stopping.clone()),
        })
    }

    /// Whether the agent is to end the run's CLI.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.stopping.is_some())
    }
}

fn run_state(phase: &Phase, run: &Run) -> RunState {
    match phase {
        Phase::Queued { .. } => RunState::Queued,
        Phase::WaitingForOffer | Phase::Starting { .. } => RunState::Starting,
        Phase::SigningIn { .. } if run.started_at.is_none() => RunState::Starting,
        Phase::SigningIn { .. } => RunState::Running,
        Phase::Saving { .. } => RunState::Saving,
        Phase::Ended(End { .. }) => RunState::Ended,
    }
}

/// What happens to a run. Each is called for sessions that have one.
impl Draft {
    fn run(&mut self) -> Result<&mut Run, Refusal> {
        self.session.run.as_mut().ok_or(Refusal::NotNow)
    }

    /// What belongs to sign-ins says nothing here.
    pub(crate) fn run_report(&mut self, report: Report) -> Result<(), Refusal> {
        let now = self.now;
        match report {
            Report::CliStarted => {
                let run = self.run()?;
                run.started_at.get_or_insert(now);
                run.used_at = now;
                self.step(Step::CliStarted);
                Ok(())
            }
            Report::CliNotStarted { detail } => self.end_run(ReasonCode::CliNotStarted, detail),
            Report::CliExited { code, .. } => {
                self.run()?.exit_code = Some(code);
                self.end_run(ReasonCode::Exited, format!("The CLI ended with exit code {code}."))
            }
            Report::DesktopReady
            | Report::BrowserReady
            | Report::DesktopFailed { .. }
            | Report::UrlFound { .. }
            | Report::UrlOpened
            | Report::CodeFound { .. }
            | Report::PasteRefused { .. } => Ok(()),
            Report::CredentialMissing { .. } => {
                self.run()?.left_no_credential = true;
                Ok(())
            }
        }
    }

    /// Whoever wanted it stopped is its reason, whatever the CLI said then.
    fn end_run(&mut self, code: ReasonCode, detail: String) -> Result<(), Refusal> {
        let reason = self.run()?.stopping.clone().unwrap_or(Reason { code, detail });
        self.end(reason.code, reason.detail)
    }

    /// Asks the machine to end it, or ends it where no CLI can be there yet.
    pub(crate) fn stop_run(&mut self, code: ReasonCode, detail: &str) -> Result<(), Refusal> {
        match self.session.phase {
            Phase::WaitingForOffer | Phase::Queued { .. } | Phase::Starting { .. } => self.end(code, detail.to_owned()),
            Phase::SigningIn { .. } => {
                self.run()?.stopping = Some(Reason { code, detail: detail.to_owned() });
                self.enter(Phase::Saving { since: self.now });
                Ok(())
            }
            // The first reason stays.
            Phase::Saving { .. } => Ok(()),
            Phase::Ended(_) => unreachable!("an ended session handles nothing"),
        }
    }

    pub(crate) fn taken_over(&mut self) -> Result<(), Refusal> {
        self.run()?;
        self.stop_run(ReasonCode::TakenOver, "Another run of yours has taken the credential over.")
    }

    /// Somebody sees it or types.
    pub(crate) fn used(&mut self) -> Result<(), Refusal> {
        let now = self.now;
        let run = self.run()?;
        run.used_at = now;
        Ok(())
    }

    /// The next version of its credential is stored with this.
    pub(crate) fn written_back(&mut self, credential: CredentialId) -> Result<(), Refusal> {
        match self.session.phase {
            Phase::SigningIn { .. } | Phase::Saving { .. } => {}
            Phase::WaitingForOffer | Phase::Queued { .. } | Phase::Starting { .. } | Phase::Ended(_) => {
                return Err(Refusal::NotNow);
            }
        }
        if self.session.credential.as_ref() != Some(&credential) {
            return Err(Refusal::NotNow);
        }
        let run = self.run()?;
        if run.write_backs >= limits::MAX_WRITE_BACKS {
            return Err(Refusal::TooManyWriteBacks);
        }
        run.write_backs += 1;
        self.event(SessionEventKind::Credential { credential });
        Ok(())
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
