//! One sign-in with the provider's own CLI: starts it on its terminal, finds its URL, sees its end.
//!
//! It never speaks OAuth and never opens anything itself: what happens is told as [`LoginEvent`]s.

mod chooser;
mod mask;
mod seed;
mod urls;

use std::{
    collections::BTreeMap,
    io,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anteroom_protocol::provider::Login;
use tokio::{
    sync::mpsc,
    time::{sleep_until, timeout_at},
};

pub use self::{
    chooser::{Chooser, Found, PRINTED_GRACE, Verdict},
    mask::{cut, mask, masked_tail},
    seed::{SeedError, write_seed_files},
    urls::{Refused, sign_in_url, urls_on},
};
use crate::{
    shim::Asked,
    terminal::{self, Pty, Screen},
};

/// Rows of the CLI's screen that its end is reported with.
const TAIL_ROWS: usize = 12;
/// How long the last output of a CLI that has ended is waited for, when a process that it left behind keeps
/// the terminal open.
const LAST_WORDS_DEADLINE: Duration = Duration::from_millis(500);

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
    /// The provider's rules.
    pub login: Login,
    /// The CLI's environment, whole.
    pub environment: BTreeMap<String, String>,
    /// The home directory, where the CLI starts.
    pub home: PathBuf,
}

/// Runs the sign-in, its seed files being there, to the CLI's end. `asked` brings what the shims were given.
pub async fn run(setup: LoginSetup, mut asked: mpsc::Receiver<Asked>, events: mpsc::Sender<LoginEvent>) {
    let size = (terminal::COLUMNS, terminal::ROWS);
    let (pty, mut child) = match terminal::spawn(&setup.login.command, &setup.environment, &setup.home, size) {
        Ok(started) => started,
        Err(error) => {
            let _ = events.send(LoginEvent::NotStarted { detail: error.to_string() }).await;
            return;
        }
    };
    let _ = events.send(LoginEvent::Started).await;
    let mut watch = Watch::new(pty, setup.login.url_hosts);
    let status = loop {
        let found = tokio::select! {
            biased;
            Some(asked) = asked.recv() => watch.asked(asked),
            found = watch.step() => found,
            status = child.wait() => break status,
        };
        if let Some(found) = found {
            let _ = events.send(LoginEvent::Url { found }).await;
        }
    };
    watch.last_words().await;
    let code = status.map_or(-1, exit_code);
    let _ = events.send(LoginEvent::Exited { code, detail: watch.tail() }).await;
}

/// The code as shells say it.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// The terminal, its grid, and the choice among the URLs that are seen.
struct Watch {
    pty: Pty,
    /// Whether nobody writes to the terminal any more.
    silent: bool,
    screen: Screen,
    chooser: Chooser,
}

impl Watch {
    fn new(pty: Pty, hosts: Vec<String>) -> Self {
        let screen = Screen::new(terminal::COLUMNS, terminal::ROWS);
        Self { pty, silent: false, screen, chooser: Chooser::new(hosts) }
    }

    /// The next thing on the terminal: output, or a time that has come; and the URL that it brought. Dropping
    /// it in between loses nothing, because it awaits nothing after it has taken something.
    async fn step(&mut self) -> Option<Found> {
        let held_back = self.screen.held_back_until();
        let due = self.chooser.due_at();
        let next = [held_back, due].into_iter().flatten().min();
        tokio::select! {
            bytes = self.pty.read(), if !self.silent => self.heard(bytes),
            () = until(next) => return self.time_has_come(Instant::now()),
        }
        None
    }

    fn heard(&mut self, bytes: io::Result<Vec<u8>>) {
        match bytes {
            Ok(bytes) if bytes.is_empty() => self.silent = true,
            Ok(bytes) => {
                let answers = self.screen.feed(&bytes);
                self.pty.answer(&answers);
                self.look_for_urls(Instant::now());
            }
            Err(error) => {
                tracing::warn!(%error, "the CLI's terminal can't be read any more");
                self.silent = true;
            }
        }
    }

    fn time_has_come(&mut self, now: Instant) -> Option<Found> {
        if self.screen.held_back_until().is_some_and(|until| until <= now) {
            let answers = self.screen.draw_held_back();
            self.pty.answer(&answers);
            self.look_for_urls(now);
        }
        self.chooser.due(now)
    }

    fn look_for_urls(&mut self, now: Instant) {
        if self.chooser.wants_printed() {
            let mut urls = self.screen.links();
            urls.extend(urls_on(&self.screen.rows()));
            self.chooser.printed(&urls, now);
        }
    }

    fn asked(&mut self, asked: Asked) -> Option<Found> {
        let (taken, found) = match self.chooser.asked(&asked.url) {
            Verdict::Open(found) => (true, Some(found)),
            Verdict::KnownAlready => (true, None),
            Verdict::Refused(why) => {
                tracing::warn!(%why, "a page that the CLI asked for is not opened");
                (false, None)
            }
        };
        // A browser command that has given up waiting gets no reply, and needs none.
        let _ = asked.reply.send(taken);
        found
    }

    /// Reads what the CLI wrote before it ended.
    async fn last_words(&mut self) {
        let until = tokio::time::Instant::now() + LAST_WORDS_DEADLINE;
        while !self.silent {
            match timeout_at(until, self.pty.read()).await {
                Ok(bytes) => self.heard(bytes),
                Err(_) => {
                    tracing::info!("a process that the CLI left behind keeps its terminal open");
                    break;
                }
            }
        }
        let _ = self.screen.draw_held_back();
    }

    fn tail(&self) -> String {
        let rows: Vec<String> = self.screen.rows().into_iter().map(|row| row.text).collect();
        masked_tail(&rows, TAIL_ROWS)
    }
}

/// Waits until a time, or for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
