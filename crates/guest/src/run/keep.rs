//! Hands in what the CLI makes of its credential: at each change, and once more at the end.
//!
//! A CLI that has refreshed its token has used up the old one, so that no settling time is waited for: whatever is whole by the
//! provider's rules is handed in at once, and what is not is no version. A refusal by the controller ends nothing here.

use std::{path::Path, time::Duration};

use anteroom_protocol::provider::CredentialRules;
use anteroom_vault::rules;
use tokio::time::{Instant, timeout_at};

use crate::{
    capture::{BeginError, Files, Watch, as_captured, read_files},
    controller::{Controller, CredentialFate},
};

/// How long files that change again and again are followed after the CLI's end.
const PATIENCE: Duration = Duration::from_secs(3);

/// A run's credential in the machine.
pub(super) struct Keeper {
    rules: CredentialRules,
    watch: Watch,
    writes_back: bool,
    /// What needs no handing in: the vault has it, or does not want it.
    known: Files,
    changed_at: Option<Instant>,
}

impl Keeper {
    /// Begins to watch the files, which are in place.
    pub(super) fn new(home: &Path, rules: CredentialRules, writes_back: bool) -> Result<Self, BeginError> {
        let watch = Watch::new(home, rules.files.iter().map(|file| file.path.clone()).collect())?;
        let known = read_files(home, &rules)?;
        Ok(Self { rules, watch, writes_back, known, changed_at: None })
    }

    /// Hands in each change, for ever. Dropping it in between loses nothing: [`Self::finish`] looks again.
    pub(super) async fn keep(&mut self, controller: &Controller) {
        loop {
            self.watch.changed().await;
            self.changed_at = Some(Instant::now());
            self.hand_in(controller).await;
        }
    }

    /// After the CLI's end: waits until files that have just changed are quiet, and hands in the last of them. Some CLIs leave
    /// the last write to a process of their own. Says what is wrong when no whole credential is left.
    pub(super) async fn finish(mut self, controller: &Controller) -> Result<(), String> {
        let settle = Duration::from_millis(self.rules.settle_ms.into());
        let deadline = Instant::now() + settle + PATIENCE;
        while let Some(changed_at) = self.changed_at.filter(|at| *at + settle > Instant::now()) {
            let quiet_at = (changed_at + settle).min(deadline);
            // A file that never rests is handed in as it is at the deadline.
            if Instant::now() >= deadline || timeout_at(quiet_at, self.watch.changed()).await.is_err() {
                break;
            }
            self.changed_at = Some(Instant::now());
        }
        self.hand_in(controller).await;
        self.check()
    }

    /// CLIs blank or delete their credential when it is refused, and when a person signs out.
    fn check(&self) -> Result<(), String> {
        let files = read_files(self.watch.home(), &self.rules).map_err(|error| error.to_string())?;
        rules::examine(&self.rules, &files).map(drop).map_err(|problem| problem.to_string())
    }

    async fn hand_in(&mut self, controller: &Controller) {
        if !self.writes_back {
            return;
        }
        let files = match read_files(self.watch.home(), &self.rules) {
            Ok(files) => files,
            Err(error) => return tracing::info!(%error, "the credential can't be read now"),
        };
        if files == self.known {
            return;
        }
        if let Err(problem) = rules::examine(&self.rules, &files) {
            return tracing::info!(%problem, "what the CLI has written is no whole credential");
        }
        match controller.credential(&as_captured(files.clone())).await {
            Ok(CredentialFate::Saved) => tracing::info!("the credential's new version is saved"),
            Ok(CredentialFate::Refused { detail }) => {
                tracing::warn!(detail, "the credential's new version is not taken")
            }
            // Whoever waits for the session's end hears of it.
            Err(_) => return,
        }
        self.known = files;
    }
}
