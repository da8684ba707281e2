//! The agent's composition: what runs at the same time, and what waits for what.
//!
//! ```text
//! boot ─┬─ assignment ─┬─ signaling: offer ► answer ► candidates, for every epoch    (until the session ends)
//!       │              ├─ views: offer ► answer, candidates, end, for all who watch  (until the session ends)
//!       │              ├─ reports, in order                                          (until the session ends)
//!       │              └─ sign-in: (X server is up) seed files ► CLI ► URLs ──────┐
//!       │                           CLI's end ► capture ► credential ► wait for the session's end
//!       └─ media engine, desktop: X server ► window manager ─► browser ◄─ pages ──┘
//! ```
//!
//! A pooled machine is assigned when a session needs it; everything that needs no assignment is up by then.
//!
//! The session's end, told by the controller, is the only regular end: after a credential is saved the browser
//! still shows the provider's last page, and after a failure the person may want to read it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anteroom_protocol::{
    Secret,
    guest::{Assignment, Boot, CapturedCredential, CapturedFile, Report},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::sync::{mpsc, watch};

use crate::{
    browser,
    capture::{Capture, Files},
    controller::{ClientError, Controller, CredentialFate, Ended},
    desktop::{self, Display},
    layout::{Layout, cli_environment},
    login::{self, LoginEvent, LoginSetup, cut},
    media::Config,
    reports::{self, Reporter},
    shim::{self, Asked},
    signaling::{self, Stage},
};

/// Pages on their way to the browser, browser commands on their way to the sign-in, and the sign-in's events:
/// each a handful in a whole sign-in.
const MAX_WAITING: usize = 16;

/// Why the agent could not do its work at all. A desktop or a CLI that fails is reported instead.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The boot document.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The socket for browser commands.
    #[error("the socket for browser commands could not be made in {directory}: {source}")]
    Socket {
        /// Where it was tried.
        directory: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}

/// Runs until the session ends.
///
/// # Errors
/// When the agent lacks what it needs to begin.
pub async fn run(boot: Boot, layout: Layout) -> Result<Ended, AgentError> {
    let controller = Controller::new(&boot)?;
    let known = match controller.assignment_by_now().await {
        Ok(known) => known,
        Err(ended) => return Ok(ended),
    };
    known.iter().for_each(say_assigned);
    let listener = shim::listen(&layout.open_socket())
        .map_err(|source| AgentError::Socket { directory: layout.runtime_directory.clone(), source })?;
    let (asked_in, asked) = mpsc::channel(MAX_WAITING);
    let (pages_in, pages) = mpsc::channel(MAX_WAITING);
    let (displays_in, displays) = watch::channel(None);
    let (reporter, outbound) = reports::queue();
    let (assigned, _) = watch::channel(known);
    let machine = Machine { boot, layout, assigned, controller: controller.clone(), reporter };
    Ok(tokio::select! {
        ended = machine.wait_for_assignment() => ended,
        ended = machine.viewers(displays.clone()) => ended,
        ended = async { machine.assignment().await; outbound.deliver(&controller).await } => ended,
        ended = machine.desktop(&displays_in) => ended,
        ended = machine.browser(displays.clone(), pages) => ended,
        ended = machine.sign_in(displays, asked, pages_in) => ended,
        ended = async { shim::serve(listener, asked_in).await; std::future::pending().await } => ended,
    })
}

/// What the parts share. Each part ends only with the session.
struct Machine {
    boot: Boot,
    layout: Layout,
    assigned: watch::Sender<Option<Assignment>>,
    controller: Controller,
    reporter: Reporter,
}

impl Machine {
    /// Asks what the machine is for, however long it is for nobody.
    async fn wait_for_assignment(&self) -> Ended {
        if self.assigned.borrow().is_none() {
            tracing::info!("waits for a session");
            match self.controller.assignment().await {
                Ok(assignment) => {
                    say_assigned(&assignment);
                    self.assigned.send_replace(Some(assignment));
                }
                Err(ended) => return ended,
            }
        }
        std::future::pending().await
    }

    /// What the machine is for, once that is known.
    async fn assignment(&self) -> Assignment {
        let mut assigned = self.assigned.subscribe();
        let known = assigned.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
        match known {
            Some(assignment) => assignment,
            None => std::future::pending().await,
        }
    }

    /// Media and signaling.
    async fn viewers(&self, displays: watch::Receiver<Option<Display>>) -> Ended {
        let config = Config { address: self.boot.address, size: self.boot.desktop, engine: self.boot.engine };
        let stage = match Stage::start(config).await {
            Ok(stage) => stage,
            Err(error) => return self.desktop_failed(error.to_string()).await,
        };
        tokio::select! {
            ended = self.signaling(&stage) => ended,
            ended = self.show_displays(&stage, displays) => ended,
        }
    }

    async fn signaling(&self, stage: &Stage) -> Ended {
        let session = self.assignment().await.session_id;
        tokio::select! {
            ended = signaling::serve(&self.controller, &session, stage) => ended,
            ended = signaling::serve_views(&self.controller, stage) => ended,
        }
    }

    async fn show_displays(&self, stage: &Stage, mut displays: watch::Receiver<Option<Display>>) -> Ended {
        let mut shown = 0;
        while let Some(display) = desktop::next_display(&mut displays, shown).await {
            shown = display.generation;
            if let Err(error) = stage.show(display.name).await {
                return self.desktop_failed(error.to_string()).await;
            }
        }
        std::future::pending().await
    }

    async fn desktop(&self, displays: &watch::Sender<Option<Display>>) -> Ended {
        let size = self.boot.desktop;
        let why = desktop::show(&self.layout, size, &self.boot.environment, displays, &self.reporter).await;
        self.desktop_failed(why).await
    }

    async fn browser(&self, displays: watch::Receiver<Option<Display>>, pages: mpsc::Receiver<String>) -> Ended {
        // Nobody waits for the first page of a pooled machine.
        let grace = if self.assigned.borrow().is_some() { browser::FIRST_PAGE_GRACE } else { Duration::ZERO };
        let why = browser::supervise(&self.layout, grace, displays, pages, &self.reporter).await;
        self.desktop_failed(why).await
    }

    /// Reports it; what becomes of the session is the controller's decision. A machine that has no session yet is of no
    /// use: it ends, and another one is made.
    async fn desktop_failed(&self, why: String) -> Ended {
        tracing::error!(%why, "the desktop failed");
        if self.assigned.borrow().is_none() {
            return Ended(format!("the desktop failed before there was a session: {why}"));
        }
        self.reporter.report(Report::DesktopFailed { detail: cut(why) }).await;
        std::future::pending().await
    }

    /// The CLI, from its start to its saved credential.
    async fn sign_in(
        &self,
        mut displays: watch::Receiver<Option<Display>>,
        asked: mpsc::Receiver<Asked>,
        pages: mpsc::Sender<String>,
    ) -> Ended {
        let assignment = self.assignment().await;
        let Some(display) = desktop::next_display(&mut displays, 0).await else { return std::future::pending().await };
        match self.prepare(&assignment) {
            Ok(capture) => {
                let environment = cli_environment(&self.layout, &display.environment, &assignment.login);
                if self.run_cli(&assignment, environment, asked, &pages).await == Some(0)
                    && let Err(ended) = self.save(capture).await
                {
                    return ended;
                }
            }
            Err(detail) => self.reporter.report(Report::CliNotStarted { detail: cut(detail) }).await,
        }
        std::future::pending().await
    }

    /// Seed files, and then the watch: what was seeded is not taken for the CLI's work.
    fn prepare(&self, assignment: &Assignment) -> Result<Capture, String> {
        login::write_seed_files(&self.layout.home, &assignment.login.files).map_err(|error| error.to_string())?;
        Capture::begin(&self.layout.home, assignment.credential.clone()).map_err(|error| error.to_string())
    }

    /// Runs the CLI to its end and returns its exit code, if it ran.
    async fn run_cli(
        &self,
        assignment: &Assignment,
        environment: BTreeMap<String, String>,
        asked: mpsc::Receiver<Asked>,
        pages: &mpsc::Sender<String>,
    ) -> Option<i32> {
        let setup = LoginSetup { login: assignment.login.clone(), environment, home: self.layout.home.clone() };
        let (events_in, mut events) = mpsc::channel(MAX_WAITING);
        let told = async {
            let mut code = None;
            while let Some(event) = events.recv().await {
                if let LoginEvent::Exited { code: exited, .. } = &event {
                    code = Some(*exited);
                }
                self.tell(event, pages).await;
            }
            code
        };
        tokio::join!(login::run(setup, asked, events_in), told).1
    }

    async fn tell(&self, event: LoginEvent, pages: &mpsc::Sender<String>) {
        let report = match event {
            LoginEvent::Started => Report::CliStarted,
            LoginEvent::NotStarted { detail } => Report::CliNotStarted { detail: cut(detail) },
            LoginEvent::Url { found } => {
                if !found.open_already {
                    // The browser's part keeps the other end for the agent's whole life.
                    let _ = pages.send(found.url.clone()).await;
                }
                Report::UrlFound { url: found.url, source: found.source }
            }
            LoginEvent::Exited { code, detail } => {
                tracing::info!(code, "the CLI ended");
                Report::CliExited { code, detail }
            }
        };
        self.reporter.report(report).await;
    }

    /// Captures and hands in. The end of the CLI is acknowledged first, so that the controller never sees a
    /// credential of a CLI that still runs for it.
    async fn save(&self, capture: Capture) -> Result<(), Ended> {
        let files = match capture.finish().await {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%error, "no credential");
                self.reporter.report(Report::CredentialMissing { detail: cut(error.to_string()) }).await;
                return Ok(());
            }
        };
        self.reporter.acknowledged().await;
        match self.controller.credential(&as_captured(files)).await? {
            CredentialFate::Saved => tracing::info!("the credential is saved"),
            CredentialFate::Refused { detail } => {
                tracing::warn!(detail, "the credential was refused");
                self.reporter.report(Report::CredentialMissing { detail: cut(detail) }).await;
            }
        }
        Ok(())
    }
}

fn say_assigned(assignment: &Assignment) {
    tracing::info!(session = %assignment.session_id, "assigned");
}

fn as_captured(files: Files) -> CapturedCredential {
    let file = |(path, bytes): (String, Vec<u8>)| {
        let bytes = Secret::new(bytes);
        CapturedFile { path, base64: Secret::new(BASE64_STANDARD.encode(bytes.expose())) }
    };
    CapturedCredential { files: files.into_iter().map(file).collect() }
}
