//! The browser in which the person signs in: Chromium as a person would start it.
//!
//! No automation and no remote debugging switch is ever given: sign-in pages refuse such browsers, and whoever
//! reaches a debugging port owns the sign-in. Its own sandbox stays on. Pages are opened by a second
//! `chromium URL`, which hands the URL to the running one and ends.

use std::{collections::BTreeMap, io, process::Stdio, time::Duration};

use anteroom_protocol::guest::Report;
use tokio::{
    process::{Child, Command},
    sync::{mpsc, watch},
    time::{Instant, timeout},
};

use crate::{
    child_log,
    desktop::{Display, Restarts, Windows, WindowsError, next_display},
    layout::Layout,
    priority,
    reports::Reporter,
};

/// How long the start waits for the first page. A quick CLI has its URL 0.2 s after its start; beginning with it saves
/// the start page and the second process (0.3 s). A slow CLI takes seconds, and then the browser is up long before.
pub const FIRST_PAGE_GRACE: Duration = Duration::from_millis(800);
/// How long the browser may take to its window: 0.6 s alone, 13 s were seen with a dozen machines starting.
const WINDOW_DEADLINE: Duration = Duration::from_secs(40);
/// How long the second `chromium URL` may take to hand its URL over.
const HAND_OVER_DEADLINE: Duration = Duration::from_secs(20);
/// Tries to hand one URL over before the browser is started anew with it.
const MAX_HAND_OVERS: usize = 2;
/// Below this, shared memory on /dev/shm runs out with a few pages, and the browser's processes crash.
const ENOUGH_SHARED_MEMORY_BYTES: u64 = 512 * 1024 * 1024;
/// In the window's class, in lower case.
const WINDOW_CLASS: &str = "chromium";

/// What a person's own browser would do in the background, in bubbles and on first start has no place here.
const SWITCHES: [&str; 21] = [
    "--ozone-platform=x11",
    "--start-maximized",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-gpu",
    "--disable-session-crashed-bubble",
    "--hide-crash-restore-bubble",
    "--metrics-recording-only",
    "--noerrdialogs",
    // There is no keyring in the machine, and asking for one waits for it.
    "--password-store=basic",
    "--force-device-scale-factor=1",
    // One page at a time: a spare renderer is a tenth of a second of both cores, at the worst moment.
    "--disable-features=Translate,MediaRouter,OptimizationHints,AutofillServerCommunication,\
     CertificateTransparencyComponentUpdater,InterestFeedContentSuggestions,SpareRendererForSitePerProcess",
    "--lang=en-US",
];

/// Why the browser is not there.
#[derive(Debug, thiserror::Error)]
enum BrowserError {
    #[error("the browser could not be started: {0}; is it in the image?")]
    Start(#[source] io::Error),
    #[error("the browser ended ({0})")]
    Ended(String),
    #[error("the browser had no window within {} s", WINDOW_DEADLINE.as_secs())]
    NoWindow,
    #[error("the browser took no URL in {MAX_HAND_OVERS} tries")]
    Deaf,
    #[error(transparent)]
    Windows(#[from] WindowsError),
}

/// Keeps a browser on the desktop, the first one after `grace` for its first page, and opens what comes from `pages` in it. A browser that a person closes is
/// started again with the page that they were on their way to. Returns only when it can't be kept up, with
/// the reason, or when nobody sends pages any more.
pub async fn supervise(
    layout: &Layout,
    grace: Duration,
    mut displays: watch::Receiver<Option<Display>>,
    mut pages: mpsc::Receiver<String>,
    reporter: &Reporter,
) -> String {
    let mut restarts = Restarts::default();
    let mut page: Option<String> = None;
    loop {
        let Some(display) = next_display(&mut displays, 0).await else { return "the desktop has ended".to_owned() };
        let mut run = Run { layout, grace, display: &display, reporter, page: &mut page };
        let ended = tokio::select! {
            ended = run.until_it_ends(&mut pages) => ended,
            // The browser ends with its X server, which is nothing to be counted here.
            _ = displays.wait_for(|now| now.as_ref() != Some(&display)) => continue,
        };
        if displays.borrow().as_ref() != Some(&display) {
            continue;
        }
        tracing::warn!(%ended, "the browser is started anew");
        if !restarts.again(Instant::now().into()) {
            return ended.to_string();
        }
    }
}

/// One browser process, from its start to its end.
struct Run<'a> {
    layout: &'a Layout,
    grace: Duration,
    display: &'a Display,
    reporter: &'a Reporter,
    /// The page that the person is on the way to; the next browser begins with it.
    page: &'a mut Option<String>,
}

impl Run<'_> {
    async fn until_it_ends(&mut self, pages: &mut mpsc::Receiver<String>) -> BrowserError {
        match self.try_until_it_ends(pages).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn try_until_it_ends(
        &mut self,
        pages: &mut mpsc::Receiver<String>,
    ) -> Result<std::convert::Infallible, BrowserError> {
        if self.page.is_none()
            && let Ok(Some(page)) = timeout(self.grace, pages.recv()).await
        {
            *self.page = Some(page);
        }
        let first = self.page.clone().unwrap_or_else(|| self.layout.start_page.clone());
        let mut browser = self.start(&first)?;
        self.window(&mut browser).await?;
        self.reporter.report(Report::BrowserReady).await;
        if self.page.is_some() {
            self.reporter.report(Report::UrlOpened).await;
        }
        loop {
            let page = tokio::select! {
                ended = ended(&mut browser) => return Err(ended),
                Some(page) = pages.recv() => page,
            };
            *self.page = Some(page.clone());
            tokio::select! {
                ended = ended(&mut browser) => return Err(ended),
                handed = self.hand_over(&page) => handed?,
            }
            self.reporter.report(Report::UrlOpened).await;
        }
    }

    async fn window(&self, browser: &mut Child) -> Result<(), BrowserError> {
        let windows = Windows::connect(&self.display.name)?;
        tokio::select! {
            mapped = timeout(WINDOW_DEADLINE, windows.mapped(WINDOW_CLASS)) => match mapped {
                Ok(mapped) => Ok(mapped?),
                Err(_) => Err(BrowserError::NoWindow),
            },
            ended = ended(browser) => Err(ended),
        }
    }

    fn start(&self, page: &str) -> Result<Child, BrowserError> {
        let mut child = command(self.layout, &self.display.environment, page).spawn().map_err(BrowserError::Start)?;
        child_log::follow(&mut child, "chromium");
        Ok(child)
    }

    /// Runs the second `chromium URL` until one has handed it over.
    async fn hand_over(&self, page: &str) -> Result<(), BrowserError> {
        for _ in 0..MAX_HAND_OVERS {
            let mut second = self.start(page)?;
            match timeout(HAND_OVER_DEADLINE, second.wait()).await {
                Ok(Ok(status)) if status.success() => return Ok(()),
                Ok(Ok(status)) => tracing::warn!(%status, "the page was not handed over"),
                Ok(Err(error)) => tracing::warn!(%error, "the page was not handed over"),
                Err(_) => tracing::warn!("the page was not handed over in time"),
            }
        }
        Err(BrowserError::Deaf)
    }
}

fn command(layout: &Layout, environment: &BTreeMap<String, String>, page: &str) -> Command {
    let mut words = layout.browser.iter();
    let mut command = Command::new(words.next().map_or("chromium", String::as_str));
    command.args(words).args(SWITCHES);
    command.arg(format!("--user-data-dir={}", layout.home.join(".config/chromium").display()));
    if !has_enough_shared_memory() {
        command.arg("--disable-dev-shm-usage");
    }
    // The page stands behind `--`: whatever it is, it is no switch.
    command.arg("--").arg(page).env_clear().envs(environment);
    priority::ordinary(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn has_enough_shared_memory() -> bool {
    rustix::fs::statvfs("/dev/shm")
        .is_ok_and(|room| room.f_bavail.saturating_mul(room.f_frsize) >= ENOUGH_SHARED_MEMORY_BYTES)
}

async fn ended(browser: &mut Child) -> BrowserError {
    match browser.wait().await {
        Ok(status) => BrowserError::Ended(status.to_string()),
        Err(error) => BrowserError::Ended(error.to_string()),
    }
}

#[cfg(test)]
#[path = "browser_tests.rs"]
mod tests;
