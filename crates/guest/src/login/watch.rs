//! The CLI's terminal during a sign-in: what is found on it, what is typed, and its last words.

use std::{
    io,
    time::{Duration, Instant},
};

use anteroom_protocol::{Secret, provider::LoginPlan};
use tokio::{
    task::JoinHandle,
    time::{sleep_until, timeout_at},
};

use super::{
    LoginEvent,
    callback::{self, Pasted},
    chooser::{Chooser, Verdict},
    light::{Light, Told},
    mask::masked_tail,
    replies::Replies,
    urls::urls_on,
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

/// The terminal, its grid, and what is looked for on it.
pub(super) struct Watch {
    pty: Pty,
    /// Whether nobody writes to the terminal any more.
    silent: bool,
    screen: Screen,
    finder: Finder,
    replies: Replies,
    /// The CLI's callback, while it is asked for.
    asking: Option<JoinHandle<Result<(), String>>>,
}

/// What the person is to have: a page in the machine's browser, or link and code for their own.
enum Finder {
    Desktop(Chooser),
    Light(Light),
}

impl Watch {
    pub(super) fn new(pty: Pty, plan: LoginPlan) -> Self {
        let screen = Screen::new(terminal::COLUMNS, terminal::ROWS);
        let finder = if plan.method.kind.has_desktop() {
            Finder::Desktop(Chooser::new(plan.url_hosts))
        } else {
            Finder::Light(Light::new(&plan.method, plan.url_hosts))
        };
        Self { pty, silent: false, screen, finder, replies: Replies::new(plan.method.replies), asking: None }
    }

    /// The next thing on the terminal: output, or a time that has come; and what it brought. Dropping it in between loses
    /// nothing, because it awaits nothing after it has taken something.
    pub(super) async fn step(&mut self) -> Option<LoginEvent> {
        let held_back = self.screen.held_back_until();
        let next = [held_back, self.finder.due_at(), self.replies.due_at()].into_iter().flatten().min();
        tokio::select! {
            bytes = self.pty.read(), if !self.silent => self.heard(bytes),
            () = until(next) => return self.time_has_come(Instant::now()),
            asked = ended(&mut self.asking) => {
                self.asking = None;
                return asked.err().map(|detail| LoginEvent::PasteRefused { detail });
            }
        }
        None
    }

    fn heard(&mut self, bytes: io::Result<Vec<u8>>) {
        match bytes {
            Ok(bytes) if bytes.is_empty() => self.silent = true,
            Ok(bytes) => {
                let answers = self.screen.feed(&bytes);
                self.pty.answer(&answers);
                self.look(Instant::now());
            }
            Err(error) => {
                tracing::warn!(%error, "the CLI's terminal can't be read any more");
                self.silent = true;
            }
        }
    }

    fn time_has_come(&mut self, now: Instant) -> Option<LoginEvent> {
        if self.screen.held_back_until().is_some_and(|until| until <= now) {
            let answers = self.screen.draw_held_back();
            self.pty.answer(&answers);
            self.look(now);
        } else if self.replies.due_at().is_some_and(|due| due <= now) {
            self.reply(now);
        }
        self.finder.due(now)
    }

    fn look(&mut self, now: Instant) {
        self.finder.look(&self.screen, now);
        if !self.replies.are_none() {
            self.reply(now);
        }
    }

    fn reply(&mut self, now: Instant) {
        let last = self.screen.rows().pop().map_or_else(String::new, |row| row.text);
        if let Some(reply) = self.replies.to(&last, now) {
            self.pty.type_text(&reply);
        }
    }

    pub(super) fn asked(&mut self, asked: Asked) -> Option<LoginEvent> {
        let (taken, event) = self.finder.asked(&asked.url, Instant::now());
        // A browser command that has given up waiting gets no reply, and needs none.
        let _ = asked.reply.send(taken);
        event
    }

    /// What the person has brought: an address of the CLI's callback goes there, anything else to the terminal.
    pub(super) fn pasted(&mut self, text: &Secret<String>) -> Option<LoginEvent> {
        let refused = match callback::read(text.expose(), self.finder.url()) {
            // Asked twice, a CLI that has its tokens already may end in an error.
            Pasted::Callback(_) if self.asking.is_some() => {
                "The tool has been given an address before and still checks it."
            }
            Pasted::Callback(url) => {
                self.asking = Some(tokio::spawn(callback::ask(url)));
                return None;
            }
            Pasted::Stray(why) => why,
            Pasted::Text if self.pty.type_text(&self.typed(text.expose())) => return None,
            Pasted::Text => "The tool does not read what is typed.",
        };
        Some(LoginEvent::PasteRefused { detail: refused.to_owned() })
    }

    /// A pasted text with Enter after it. A CLI that asks where a paste ends takes an Enter that comes with it for a part of it.
    fn typed(&self, text: &str) -> String {
        if self.screen.brackets_pastes() { format!("\x1b[200~{text}\x1b[201~\r") } else { format!("{text}\r") }
    }

    /// Reads what the CLI wrote before it ended.
    pub(super) async fn last_words(&mut self) {
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

    /// What a person would read, also what has scrolled away.
    pub(super) fn rows(&self) -> Vec<String> {
        self.screen.rows().into_iter().map(|row| row.text).collect()
    }

    pub(super) fn tail(&self) -> String {
        masked_tail(&self.rows(), TAIL_ROWS)
    }
}

impl Finder {
    fn look(&mut self, screen: &Screen, now: Instant) {
        let urls = || {
            let mut urls = screen.links();
            urls.extend(urls_on(&screen.rows()));
            urls
        };
        match self {
            Self::Desktop(chooser) if chooser.wants_printed() => chooser.printed(&urls(), now),
            Self::Desktop(_) => {}
            Self::Light(light) => light.screen(screen.rows().iter().map(|row| row.text.as_str()), &urls(), now),
        }
    }

    fn due_at(&self) -> Option<Instant> {
        match self {
            Self::Desktop(chooser) => chooser.due_at(),
            Self::Light(light) => light.due_at(),
        }
    }

    fn due(&mut self, now: Instant) -> Option<LoginEvent> {
        match self {
            Self::Desktop(chooser) => chooser.due(now).map(|found| LoginEvent::Url { found }),
            Self::Light(light) => light.due(now).map(|told| match told {
                Told::Url(found) => LoginEvent::Url { found },
                Told::Code(code) => LoginEvent::Code { code },
            }),
        }
    }

    /// Whether the browser command is told that its page is opened, and what it brought.
    fn asked(&mut self, url: &str, now: Instant) -> (bool, Option<LoginEvent>) {
        let refused = match self {
            Self::Desktop(chooser) => match chooser.asked(url) {
                Verdict::Open(found) => return (true, Some(LoginEvent::Url { found })),
                Verdict::KnownAlready => return (true, None),
                Verdict::Refused(why) => why,
            },
            Self::Light(light) => match light.asked(url, now) {
                Ok(()) => return (true, None),
                Err(why) => why,
            },
        };
        tracing::warn!(why = %refused, "a page that the CLI asked for is not opened");
        (false, None)
    }

    /// The sign-in URL that the person uses, where it is their own browser that they use.
    fn url(&self) -> Option<&str> {
        match self {
            Self::Desktop(_) => None,
            Self::Light(light) => light.url(),
        }
    }
}

/// Waits for the end of what is asked, or for ever. One that panicked has said so in the log.
async fn ended(asking: &mut Option<JoinHandle<Result<(), String>>>) -> Result<(), String> {
    match asking {
        Some(asking) => asking.await.unwrap_or(Ok(())),
        None => std::future::pending().await,
    }
}

/// Waits until a time, or for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
