//! One sign-in with the provider's own CLI: starts it on its terminal, finds its URL, sees its end.
//!
//! It never speaks OAuth and never opens anything itself: what happens is told as [`LoginEvent`]s. What a person brings from
//! their own browser is typed into the CLI's terminal, or taken to the CLI's callback.

mod callback;
mod chooser;
mod light;
mod mask;
mod replies;
mod seed;
mod shown;
mod urls;
mod watch;

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt as _, path::PathBuf, process::ExitStatus};

use anteroom_protocol::{
    Secret,
    provider::{CredentialRules, LoginPlan},
    session::DeviceCode,
};
use tokio::sync::mpsc;

pub use self::{
    chooser::{Chooser, Found, PRINTED_GRACE, Verdict},
    mask::{cut, mask, masked_tail},
    seed::{SeedError, write_files},
    urls::{Refused, sign_in_url, urls_on},
};
use self::{shown::Shown, watch::Watch};
use crate::{shim::Asked, terminal};

/// What happens during a sign-in, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginEvent {
    /// The CLI runs.
    Started,
    /// It could not be started; nothing else follows.
    NotStarted {
        /// What was tried and what was seen.
        detail: String,
    },
    /// A sign-in URL; each is to be opened unless it is open already.
    Url {
        /// What was found.
        found: Found,
    },
    /// A code for the person's own browser; a later one takes its place.
    Code {
        /// Code and page.
        code: DeviceCode,
    },
    /// What the person has pasted does not help.
    PasteRefused {
        /// Why, and what to do.
        detail: String,
    },
    /// The CLI ended; nothing else follows.
    Exited {
        /// Its exit code; 128 + signal when it was killed.
        code: i32,
        /// The last rows of its screen, masked.
        detail: String,
    },
}

/// Who signs in, and where.
pub struct LoginSetup {
    /// The method, and the provider's rules.
    pub plan: LoginPlan,
    /// The CLI's environment, whole.
    pub environment: BTreeMap<String, String>,
    /// The home directory, where the CLI starts.
    pub home: PathBuf,
    /// What the credential is: some CLIs only show it.
    pub credential: CredentialRules,
}

/// Runs the sign-in, its seed files being there, to the CLI's end. `asked` brings what the shims were given, `pasted` what the
/// person has brought from their own browser.
pub async fn run(
    setup: LoginSetup,
    mut asked: mpsc::Receiver<Asked>,
    mut pasted: mpsc::Receiver<Secret<String>>,
    events: mpsc::Sender<LoginEvent>,
) {
    let size = (terminal::COLUMNS, terminal::ROWS);
    let (pty, mut child) = match terminal::spawn(&setup.plan.method.command, &setup.environment, &setup.home, size) {
        Ok(started) => started,
        Err(error) => {
            let _ = events.send(LoginEvent::NotStarted { detail: error.to_string() }).await;
            return;
        }
    };
    let _ = events.send(LoginEvent::Started).await;
    let shown = Shown::new(&setup.credential);
    let mut watch = Watch::new(pty, setup.plan);
    let status = loop {
        let event = tokio::select! {
            biased;
            Some(asked) = asked.recv() => watch.asked(asked),
            Some(text) = pasted.recv() => watch.pasted(&text),
            event = watch.step() => event,
            status = child.wait() => break status,
        };
        if let Some(event) = event {
            let _ = events.send(event).await;
        }
    };
    watch.last_words().await;
    let code = status.map_or(-1, exit_code);
    if code == 0
        && let Err(error) = shown.write(&setup.home, &watch.rows())
    {
        // The credential is missing then, which is reported.
        tracing::warn!(%error, "what the CLI has shown is not kept");
    }
    let _ = events.send(LoginEvent::Exited { code, detail: watch.tail() }).await;
}

/// The code as shells say it.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
