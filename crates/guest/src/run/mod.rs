//! A run in its machine: the person's credential is put in place, the CLI runs on a terminal that viewers see, and what it
//! changes of the credential is handed in at once and again at its end.
//!
//! ```text
//! files, credential ► CLI ─┬─ terminal ◄─► controller's viewers    (until the CLI ends, or is made to)
//!                          └─ credential's files ► vault           (at each change)
//!   the last change ► vault ► the CLI's end is reported
//! ```
//!
//! The CLI's end is reported last: until then the controller waits for what the CLI may have changed. This module never logs
//! a byte of a credential or of what is on the terminal.

mod keep;
mod line;
mod link;
mod pipes;

use std::{collections::BTreeMap, path::Path};

use anteroom_protocol::{
    guest::{Boot, CapturedCredential, Report, RunPlan},
    provider::CredentialRules,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::sync::watch;

use self::{keep::Keeper, line::Line, link::Link};
use crate::{
    controller::{Controller, Ended},
    login::{cut, write_files},
    reports::Reporter,
    terminal,
};

/// What a run stands on.
pub struct Around<'a> {
    /// How the controller is reached.
    pub boot: &'a Boot,
    /// Its calls.
    pub controller: &'a Controller,
    /// Where reports go.
    pub reporter: &'a Reporter,
    /// The home directory.
    pub home: &'a Path,
    /// The CLI's environment, whole.
    pub environment: BTreeMap<String, String>,
}

/// Runs the CLI to its end, and waits for the session's.
pub async fn run(around: Around<'_>, plan: RunPlan, rules: CredentialRules) -> Ended {
    let (stop, stopped) = watch::channel(false);
    tokio::select! {
        ended = hear_stop(around.controller, &stop) => ended,
        ended = work(&around, plan, rules, stopped) => ended,
    }
}

/// The session's end comes this way too.
async fn hear_stop(controller: &Controller, stop: &watch::Sender<bool>) -> Ended {
    if let Err(ended) = controller.stop_order().await {
        return ended;
    }
    tracing::info!("the run is to end");
    stop.send_replace(true);
    controller.session_end().await
}

async fn work(around: &Around<'_>, plan: RunPlan, rules: CredentialRules, mut stopped: watch::Receiver<bool>) -> Ended {
    let mut keeper = match put_in_place(around, &plan, rules).await {
        Ok(keeper) => keeper,
        Err(Failed::Session(ended)) => return ended,
        Err(Failed::Here(detail)) => return not_started(around, detail).await,
    };
    let mut link = Link::new(around.boot);
    let environment = match environment(around, &plan) {
        Ok(environment) => environment,
        Err(detail) => return not_started(around, detail).await,
    };
    let ran = tokio::select! {
        ran = run_cli(around, (&plan, &environment), &mut link, &mut stopped) => ran,
        () = keeper.keep(around.controller) => unreachable!("it keeps for ever"),
    };
    match ran {
        Ok(code) => {
            tracing::info!(code, "the CLI ended");
            if let Err(problem) = keeper.finish(around.controller).await {
                let detail = cut(format!("The CLI left no whole credential: {problem}."));
                around.reporter.report(Report::CredentialMissing { detail }).await;
            }
            around.reporter.report(Report::CliExited { code, detail: String::new() }).await;
            std::future::pending().await
        }
        Err(detail) => not_started(around, detail).await,
    }
}

async fn not_started(around: &Around<'_>, detail: String) -> Ended {
    around.reporter.report(Report::CliNotStarted { detail: cut(detail) }).await;
    std::future::pending().await
}

/// From the CLI's start to its exit code; says what could not be started.
async fn run_cli(
    around: &Around<'_>,
    (plan, environment): (&RunPlan, &BTreeMap<String, String>),
    link: &mut Link,
    stopped: &mut watch::Receiver<bool>,
) -> Result<i32, String> {
    if plan.terminal {
        let size = (plan.size.columns, plan.size.rows);
        let (pty, child) =
            terminal::spawn(&plan.command, environment, around.home, size).map_err(|error| error.to_string())?;
        around.reporter.report(Report::CliStarted).await;
        return Ok(Line::new(pty, child, plan.size, plan.background).serve(link, stopped).await);
    }
    // The program may take as long as it likes to come.
    around.reporter.report(Report::CliStarted).await;
    match pipes::start(plan, environment, around.home, link, stopped).await? {
        Ok(pipes) => Ok(pipes.serve(link, stopped).await),
        Err(code) => Ok(code),
    }
}

/// The CLI's environment, with what the provider wants there of the credential.
fn environment(around: &Around<'_>, plan: &RunPlan) -> Result<BTreeMap<String, String>, String> {
    let mut environment = around.environment.clone();
    for (name, path) in &plan.environment_files {
        let value = std::fs::read_to_string(around.home.join(path))
            .map_err(|error| format!("{path}, which is to be {name} in the environment, could not be read: {error}"))?;
        environment.insert(name.clone(), value.trim().to_owned());
    }
    Ok(environment)
}

enum Failed {
    /// The session has ended.
    Session(Ended),
    /// Something could not be done in this machine; says what.
    Here(String),
}

/// The provider's files, the credential's, and the watch over these.
async fn put_in_place(around: &Around<'_>, plan: &RunPlan, rules: CredentialRules) -> Result<Keeper, Failed> {
    let here = |error: &dyn std::fmt::Display| Failed::Here(error.to_string());
    let credential = around.controller.credential_of_run().await.map_err(Failed::Session)?.map_err(Failed::Here)?;
    let seeds = plan.files.iter().map(|file| (file.path.as_str(), file.content.as_bytes()));
    write_files(around.home, seeds).map_err(|error| here(&error))?;
    let files = decoded(&credential).ok_or_else(|| Failed::Here("the credential can't be read".to_owned()))?;
    let injected = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    write_files(around.home, injected).map_err(|error| here(&error))?;
    Keeper::new(around.home, rules, plan.writes_back).map_err(|error| here(&error))
}

fn decoded(credential: &CapturedCredential) -> Option<Vec<(String, Vec<u8>)>> {
    let decode = |file: &anteroom_protocol::guest::CapturedFile| {
        Some((file.path.clone(), BASE64_STANDARD.decode(file.base64.expose()).ok()?))
    };
    credential.files.iter().map(decode).collect()
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
