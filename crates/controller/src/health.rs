//! Whether credentials work: what runs show of it, and runs that are made to find out.
//!
//! A check is a run of the CLI's own check command, with the lease and the machine that any run has. What is noted belongs to
//! one version: the next one, by a sign-in, a write-back or a way back, begins without it. Many a check command only reads the file, so
//! that one that is content takes back what an earlier check has said, and never what a run has shown.

use anteroom_protocol::{
    CredentialId, ProviderId, SessionId, UserId, guest::Report, run::RunView, terminal::TerminalSize,
};
use anteroom_session::{Run, Session};
use anteroom_store::CredentialRow;

use crate::{Caller, Controller, Error, error::Noun};

/// Nobody looks at the terminal of a check.
const CHECK_SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

/// What a report says of the credential of a run.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Works,
    Trouble(String),
}

impl Controller {
    /// Has the CLI itself find out whether the credential works, in a machine of its own. The card tells what it found.
    ///
    /// # Errors
    /// There is none of theirs, its provider's file has no check, a run holds it, no capacity.
    pub async fn check_credential(&self, user: &UserId, id: &CredentialId) -> Result<RunView, Error> {
        let row = self.own_credential(user, id).await?;
        let provider = self.catalogue.get(&row.provider).ok_or_else(|| Error::UnknownProvider(row.provider.clone()))?;
        if !self.is_checkable(&provider.id) {
            return Err(Error::NotCheckable(row.provider));
        }
        self.begin_run(user, &row.provider, (false, None), |now| Run::check(CHECK_SIZE, now)).await
    }

    pub(crate) fn is_checkable(&self, provider: &ProviderId) -> bool {
        self.catalogue.get(provider).is_some_and(|provider| provider.check_plan(CHECK_SIZE).is_some())
    }

    /// The newest version of the person's credential.
    pub(crate) async fn own_credential(&self, user: &UserId, id: &CredentialId) -> Result<CredentialRow, Error> {
        let newest = self.store.credential_versions(user, id).await?.into_iter().next();
        newest.ok_or(Error::NotFound(Noun::Credential))
    }

    /// Takes from a run's report what it says of its credential.
    pub(crate) async fn note_health(&self, id: &SessionId, report: &Report) -> Result<(), Error> {
        if !matches!(report, Report::CliExited { .. } | Report::CredentialMissing { .. }) {
            return Ok(());
        }
        let session = self.load(&Caller::Machine(id.clone()), id).await?.session;
        let Some(finding) = finding(&session, report, || self.check_command(&session)) else { return Ok(()) };
        let Some(newest) = self.store.credential_for(&session.owner, &session.provider).await? else { return Ok(()) };
        if !self.has_version(&session, &newest).await? {
            return Ok(());
        }
        let trouble = match &finding {
            Finding::Works if !newest.trouble.as_ref().is_some_and(|said| self.is_of_check(&session, said)) => {
                return Ok(());
            }
            Finding::Works => None,
            Finding::Trouble(trouble) => Some(trouble.as_str()),
        };
        Ok(self.store.note_trouble(&newest.id, newest.version, trouble).await?)
    }

    /// Whether an earlier check has said this.
    fn is_of_check(&self, session: &Session, trouble: &str) -> bool {
        trouble.starts_with(&failed_check(&self.check_command(session)))
    }

    fn check_command(&self, session: &Session) -> String {
        let plan = self.catalogue.get(&session.provider).and_then(|provider| provider.check_plan(CHECK_SIZE));
        plan.map(|plan| plan.command.join(" ")).unwrap_or_default()
    }

    /// Whether the run has this version: nobody has signed in anew meanwhile.
    async fn has_version(&self, session: &Session, newest: &CredentialRow) -> Result<bool, Error> {
        let leased = self.store.lease(&newest.id).await?;
        Ok(match leased {
            Some(lease) => lease.session == session.id && lease.version == newest.version,
            None => session.credential.as_ref() == Some(&newest.id) && newest.saved_at <= session.created_at,
        })
    }
}

/// What a failed check is told with, up to its exit code.
fn failed_check(command: &str) -> String {
    format!("{command} ended with exit code ")
}

/// A check that was stopped has found nothing, and other runs end with whatever they like.
fn finding(session: &Session, report: &Report, command: impl FnOnce() -> String) -> Option<Finding> {
    let run = session.run.as_ref().filter(|_| session.end().is_none())?;
    match report {
        Report::CredentialMissing { detail } => Some(Finding::Trouble(detail.clone())),
        Report::CliExited { .. } if !run.check || run.stopping.is_some() || run.left_no_credential => None,
        Report::CliExited { code: 0, .. } => Some(Finding::Works),
        Report::CliExited { code, .. } => Some(Finding::Trouble(format!("{}{code}.", failed_check(&command())))),
        Report::DesktopReady
        | Report::BrowserReady
        | Report::DesktopFailed { .. }
        | Report::CliStarted
        | Report::CliNotStarted { .. }
        | Report::UrlFound { .. }
        | Report::UrlOpened
        | Report::CodeFound { .. }
        | Report::PasteRefused { .. } => None,
    }
}
