//! The CLI on its terminal, and what goes between that and the viewers: keys, sizes, output, and the whole screen for those who
//! come later. The grid here answers what the CLI asks its terminal, whether somebody looks or not.

use std::time::Duration;

use anteroom_protocol::terminal::{Background, TerminalSize, ToAgent};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use super::link::Link;
use crate::{
    login::exit_code,
    terminal::{Pty, PtyChild, Questions, Screen},
};

/// Rows above the screen that are drawn for who comes later. At 200 columns it is some 200 kB.
const HISTORY_ROWS: usize = 2000;
/// How long a CLI that was asked to end may take; it may still write its credential.
const GRACE: Duration = Duration::from_secs(5);
/// How long the last output of a CLI that has ended is waited for, when a process that it left behind keeps the terminal open.
const LAST_WORDS_DEADLINE: Duration = Duration::from_millis(500);
/// How long viewers may take to draw it: what is on its way to them when the machine goes is lost.
const DRAWN_DEADLINE: Duration = Duration::from_secs(2);

/// The CLI and its terminal.
pub(super) struct Line {
    pty: Pty,
    child: PtyChild,
    screen: Screen,
    size: TerminalSize,
    /// Whether nobody writes to the terminal any more.
    silent: bool,
    questions: Questions,
}

impl Line {
    pub(super) fn new(pty: Pty, child: PtyChild, size: TerminalSize, background: Background) -> Self {
        let screen = Screen::with_history(size.columns, size.rows, HISTORY_ROWS).drawn_on(background);
        Self { pty, child, screen, size, silent: false, questions: Questions::default() }
    }

    /// Serves viewers until the CLI ends, and returns its exit code; 128 + signal when it was killed.
    pub(super) async fn serve(mut self, link: &mut Link, stopped: &mut watch::Receiver<bool>) -> i32 {
        let mut kill_at = None;
        let status = loop {
            let held_back = self.screen.held_back_until();
            tokio::select! {
                biased;
                order = link.next() => self.obey(order, link).await,
                step = self.pty.step(), if !self.silent && link.has_room() => self.stepped(step, link).await,
                () = until(held_back.map(Instant::from)) => self.draw_held_back(),
                () = wanted(stopped), if kill_at.is_none() => {
                    self.child.hang_up();
                    kill_at = Some(Instant::now() + GRACE);
                }
                () = until(kill_at) => {
                    tracing::warn!("the CLI did not end when its terminal hung up; it is killed");
                    self.child.kill();
                    kill_at = Some(Instant::now() + GRACE);
                }
                status = self.child.wait() => break status,
            }
        };
        self.last_words(link).await;
        status.map_or(-1, exit_code)
    }

    async fn obey(&mut self, order: Option<ToAgent>, link: &mut Link) {
        match order {
            Some(ToAgent::Typed(bytes)) => {
                if !self.pty.type_bytes(&bytes) {
                    tracing::warn!("the CLI does not read what is typed; some of it is lost");
                }
                link.taken_but(self.pty.unread()).await;
            }
            Some(ToAgent::Resize(size)) => {
                self.size = size;
                self.screen.resize(size.columns, size.rows);
                if let Err(error) = self.pty.resize((size.columns, size.rows)) {
                    tracing::warn!(%error, "the terminal's size can't be set");
                }
            }
            Some(ToAgent::Draw) => {
                // Who comes now sees no beginning of what a synchronised update holds back.
                self.draw_held_back();
                link.screen(self.size, &self.screen.draw(HISTORY_ROWS)).await;
            }
            Some(ToAgent::Drawn(_)) | None => {}
        }
    }

    fn draw_held_back(&mut self) {
        let answers = self.screen.draw_held_back();
        self.pty.answer(&answers);
    }

    /// The CLI wrote something, or took what was typed.
    async fn stepped(&mut self, step: std::io::Result<Option<Vec<u8>>>, link: &mut Link) {
        match step.transpose() {
            Some(bytes) => self.wrote(bytes, link).await,
            None => link.taken_but(self.pty.unread()).await,
        }
    }

    async fn wrote(&mut self, bytes: std::io::Result<Vec<u8>>, link: &mut Link) {
        match bytes {
            Ok(bytes) if bytes.is_empty() => self.silent = true,
            Ok(bytes) => {
                let answers = self.screen.feed(&bytes);
                self.pty.answer(&answers);
                let shown = self.questions.taken_out_of(&bytes);
                if !shown.is_empty() {
                    link.output(&shown).await;
                }
                link.taken_but(self.pty.unread()).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the CLI's terminal can't be read any more");
                self.silent = true;
            }
        }
    }

    /// What the CLI wrote before it ended, as far as somebody sees it.
    async fn last_words(&mut self, link: &mut Link) {
        let until = Instant::now() + LAST_WORDS_DEADLINE;
        let drawn_until = Instant::now() + DRAWN_DEADLINE;
        while !self.silent || !link.is_drawn() {
            let has_room = !self.silent && link.has_room();
            let deadline = if has_room { until } else { drawn_until };
            let step = async {
                tokio::select! {
                    biased;
                    order = link.next() => Step::Order(order),
                    bytes = self.pty.read(), if has_room => Step::Wrote(bytes),
                }
            };
            match timeout_at(deadline, step).await {
                Ok(Step::Order(order)) => self.obey(order, link).await,
                Ok(Step::Wrote(bytes)) => self.wrote(bytes, link).await,
                Err(_) if has_room => self.silent = true,
                Err(_) => return,
            }
        }
    }
}

enum Step {
    Order(Option<ToAgent>),
    Wrote(std::io::Result<Vec<u8>>),
}

/// Waits until the run is to end.
pub(super) async fn wanted(stopped: &mut watch::Receiver<bool>) {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending().await
    }
}

/// Waits until a time, or for ever.
pub(super) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
