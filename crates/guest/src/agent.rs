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
//! A pooled machine is assigned when a session needs it; everything that needs no assignment is up by then. A light machine, whose
//! session has no desktop, has none of media, X server and browser; what the person has pasted is waited for in their place.
//!
//! A run has its own ways in place of the sign-in's: see [`crate::run`].
//!
//! The session's end, told by the controller, is the only regular end: after a credential is saved the browser
//! still shows the provider's last page, and after a failure the person may want to read it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anteroom_protocol::{
    Secret,
    guest::{Assignment, Boot, Report, RunPlan, Work},
    provider::{CredentialRules, LoginPlan},
};
use tokio::sync::{mpsc, watch};

use crate::{
    browser,
    capture::{Capture, as_captured},
    controller::{ClientError, Controller, CredentialFate, Ended},
    desktop::{self, Display},
    layout::{Layout, cli_environment, machine_environment},
    login::{self, LoginEvent, LoginSetup, cut},
    media::Config,
    reports::{self, Reporter},
    run,
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
    let has_desktop = known.as_ref().is_none_or(has_desktop);
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
        ended = machine.viewers(displays.clone()), if has_desktop => ended,
        ended = async { machine.assignment().await; outbound.deliver(&controller).await } => ended,
        ended = machine.desktop(&displays_in), if has_desktop => ended,
        ended = machine.browser(displays.clone(), pages), if has_desktop => ended,
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

    /// A CLI with a credential that is there.
    async fn run(&self, plan: RunPlan, credential: CredentialRules, mut asked: mpsc::Receiver<Asked>) -> Ended {
        let around = machine_environment(&self.layout, &self.boot.environment);
        let around = run::Around {
            boot: &self.boot,
            controller: &self.controller,
            reporter: &self.reporter,
            home: &self.layout.home,
            environment: cli_environment(&self.layout, &around, &plan.environment),
        };
        tokio::select! {
            ended = run::run(around, plan, credential) => ended,
            // Nobody sees this machine's browser: a CLI that is refused prints its page's address.
            () = async { while let Some(asked) = asked.recv().await { drop(asked); } std::future::pending().await } => {
                unreachable!("it waits for ever")
            }
        }
    }

    /// The CLI, from its start to its saved credential.
    async fn sign_in(
        &self,
        displays: watch::Receiver<Option<Display>>,
        asked: mpsc::Receiver<Asked>,
        pages: mpsc::Sender<String>,
    ) -> Ended {
        let Assignment { work, credential, .. } = self.assignment().await;
        let login = match work {
            Work::SignIn { login } => login,
            Work::Run { run } => return self.run(run, credential, asked).await,
        };
        let Some(around) = self.around(&login, displays).await else { return std::future::pending().await };
        let (pasted_in, pasted) = mpsc::channel(MAX_WAITING);
        tokio::select! {
            ended = self.pastes(&login, pasted_in) => ended,
            ended = async {
                let environment = cli_environment(&self.layout, &around, &login.method.environment);
                match self.prepare(&login, credential.clone()) {
                    Ok(capture) => {
                        if self.run_cli((&login, &credential), environment, (asked, pasted), &pages).await == Some(0)
                            && let Err(ended) = self.save(capture).await
                        {
                            return ended;
                        }
                    }
                    Err(detail) => self.reporter.report(Report::CliNotStarted { detail: cut(detail) }).await,
                }
                std::future::pending().await
            } => ended,
        }
    }

    /// The environment around the CLI: the desktop's, once that is there.
    async fn around(
        &self,
        login: &LoginPlan,
        mut displays: watch::Receiver<Option<Display>>,
    ) -> Option<BTreeMap<String, String>> {
        if login.method.kind.has_desktop() {
            desktop::next_display(&mut displays, 0).await.map(|display| display.environment)
        } else {
            Some(machine_environment(&self.layout, &self.boot.environment))
        }
    }

    /// What the person has pasted, to the CLI. Where nobody asks for offers, this hears of the session's end.
    async fn pastes(&self, login: &LoginPlan, pasted: mpsc::Sender<Secret<String>>) -> Ended {
        if login.method.kind.has_desktop() {
            return std::future::pending().await;
        }
        let mut last = 0;
        loop {
            match self.controller.next_pastes(last).await {
                Ok(pastes) => {
                    last = pastes.next;
                    for paste in pastes.pastes {
                        // When the CLI has ended, nobody needs it.
                        let _ = pasted.send(paste.text).await;
                    }
                }
                Err(ended) => return ended,
            }
        }
    }

    /// Seed files, and then the watch: what was seeded is not taken for the CLI's work.
    fn prepare(&self, login: &LoginPlan, credential: CredentialRules) -> Result<Capture, String> {
        let files = login.files.iter().map(|file| (file.path.as_str(), file.content.as_bytes()));
        login::write_files(&self.layout.home, files).map_err(|error| error.to_string())?;
        Capture::begin(&self.layout.home, credential).map_err(|error| error.to_string())
    }

    /// Runs the CLI to its end and returns its exit code, if it ran.
    async fn run_cli(
        &self,
        (login, credential): (&LoginPlan, &CredentialRules),
        environment: BTreeMap<String, String>,
        (asked, pasted): (mpsc::Receiver<Asked>, mpsc::Receiver<Secret<String>>),
        pages: &mpsc::Sender<String>,
    ) -> Option<i32> {
        let (plan, credential, home) = (login.clone(), credential.clone(), self.layout.home.clone());
        let setup = LoginSetup { plan, environment, home, credential };
        let (events_in, mut events) = mpsc::channel(MAX_WAITING);
        let told = async {
            let mut code = None;
            while let Some(event) = events.recv().await {
                if let LoginEvent::Exited { code: exited, .. } = &event {
                    code = Some(*exited);
                }
                self.tell(event, login.method.kind.has_desktop().then_some(pages)).await;
            }
            code
        };
        tokio::join!(login::run(setup, asked, pasted, events_in), told).1
    }

    /// Reports it. Pages are for the machine's browser, where there is one.
    async fn tell(&self, event: LoginEvent, pages: Option<&mpsc::Sender<String>>) {
        let report = match event {
            LoginEvent::Started => Report::CliStarted,
            LoginEvent::NotStarted { detail } => Report::CliNotStarted { detail: cut(detail) },
            LoginEvent::Url { found } => {
                if let Some(pages) = pages.filter(|_| !found.open_already) {
                    // The browser's part keeps the other end for the agent's whole life.
                    let _ = pages.send(found.url.clone()).await;
                }
                Report::UrlFound { url: found.url, source: found.source }
            }
            LoginEvent::Code { code } => Report::CodeFound { code },
            LoginEvent::PasteRefused { detail } => Report::PasteRefused { detail: cut(detail) },
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

/// Whether the person sees the machine's desktop.
fn has_desktop(assignment: &Assignment) -> bool {
    assignment.work.has_desktop()
}

fn say_assigned(assignment: &Assignment) {
    tracing::info!(session = %assignment.session_id, "assigned");
}
