//! `anteroom run`: a provider's CLI on a machine, with the credential that is connected, used from this shell. On a terminal it
//! is the terminal of the run; otherwise standard input, output and error are carried as they are, for scripts.
//!
//! What the person is to read goes to standard error. The exit code is the CLI's own.

use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    time::Duration,
};

use anteroom_protocol::{
    ProviderId,
    run::{RunState, RunView},
    session::ReasonCode,
    terminal::{BYTES, ERRORS, FromViewer, MAX_TYPED_BYTES, TerminalSize, ViewerWords},
};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, StatusCode};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use serde_json::json;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{CallError, Server, Socket};

/// What a terminal has that does not say.
const USUAL: TerminalSize = TerminalSize { columns: 80, rows: 24 };
/// How long a run that was stopped may take to save what it has changed.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a terminal's connection that is lost is tried again.
const RETRY_FOR: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(500);
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// 128 and the number of SIGINT, as shells say it.
const INTERRUPTED: i32 = 130;
/// Undoes what a CLI that was killed may have left on: the other screen, mouse, pasting, a cursor that is not seen, colours.
const RESET: &[u8] =
    b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[?1l\x1b>\x1b[0m";
const CLEAR: &[u8] = b"\x1b[0m\x1b[H\x1b[2J";
const CTRL_C: u8 = 3;

/// Why there is no exit code of the CLI.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// Another run holds the credential.
    #[error("{detail} From a shell, that is --take-over.")]
    InUse {
        /// The server's words.
        detail: String,
    },
    /// It ended otherwise.
    #[error("{0}")]
    Ended(String),
    /// The connection is lost, and what it carried with it.
    #[error("the connection to the server was lost; the run {0} goes on there, and its page shows it")]
    Lost(String),
    /// This shell's terminal.
    #[error("this terminal can't be used: {0}")]
    Terminal(#[from] io::Error),
    /// The server was asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Runs it to its end; the CLI's exit code.
///
/// # Errors
/// Why there is none.
pub(crate) async fn run(
    server: &Server,
    provider: &ProviderId,
    arguments: Vec<String>,
    take_over: bool,
) -> Result<i32, RunError> {
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let TerminalSize { columns, rows } = size();
    let body = json!({
        "provider": provider, "arguments": arguments, "columns": columns, "rows": rows,
        "terminal": is_terminal, "takeOver": take_over,
    });
    let run: RunView = server.tell_slowly("/api/runs", &body).await.map_err(in_use)?;
    if run.state == RunState::Queued {
        eprintln!("All places for machines are taken; the run waits for one.");
    }
    let raw = if is_terminal { Some(Raw::enter()?) } else { None };
    let ended = Running { server, run: &run, typed: typed(), is_terminal }.until_it_ends().await;
    drop(raw);
    ended
}

fn in_use(error: CallError) -> RunError {
    let is_in_use = |kind: &str| kind == "/problems/credential-in-use";
    if let CallError::Refused { kind, detail, .. } = &error
        && is_in_use(kind)
    {
        return RunError::InUse { detail: detail.clone() };
    }
    error.into()
}

/// The size of this shell's terminal.
fn size() -> TerminalSize {
    let size = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stdin()));
    let size = size.map(|size| TerminalSize { columns: size.ws_col, rows: size.ws_row });
    size.ok().filter(|size| size.is_possible()).unwrap_or(USUAL)
}

/// A terminal that gives each key as it is, until it is dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = io::stdout().write_all(RESET).and_then(|()| io::stdout().flush());
        // There is nobody to tell when the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// What comes from the standard input; no bytes are its end. It is read by a thread that ends with the process.
fn typed() -> mpsc::Receiver<Vec<u8>> {
    let (sender, typed) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut bytes = vec![0; MAX_TYPED_BYTES / 4];
            let read = stdin.read(&mut bytes).unwrap_or(0);
            bytes.truncate(read);
            if sender.blocking_send(bytes).is_err() || read == 0 {
                return;
            }
        }
    });
    typed
}

struct Running<'a> {
    server: &'a Server,
    run: &'a RunView,
    typed: mpsc::Receiver<Vec<u8>>,
    is_terminal: bool,
}

/// Why a connection came to its end.
enum End {
    /// The CLI ended.
    Exited(i32),
    /// The run ended, or there is none.
    Over,
    /// Somebody wants it to end.
    Stop,
    /// The connection was lost.
    Lost,
}

/// What wakes a run besides its connection.
struct Signals {
    resized: Signal,
    interrupted: Signal,
    terminated: Signal,
    hung_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            hung_up: signal(SignalKind::hangup())?,
        })
    }
}

impl Running<'_> {
    async fn until_it_ends(mut self) -> Result<i32, RunError> {
        let mut signals = Signals::new()?;
        loop {
            let end = match self.server.socket(&self.path("/terminal"), &query()).await {
                Ok(mut socket) => self.serve(&mut socket, &mut signals).await?,
                Err(CallError::Away { .. } | CallError::Silent(_)) => End::Lost,
                Err(error) => return Err(error.into()),
            };
            match end {
                End::Exited(code) => {
                    self.say_why().await;
                    return Ok(code);
                }
                End::Over => return self.outcome().await,
                End::Stop => return self.stop().await,
                End::Lost if self.is_terminal => self.wait_for_the_server().await?,
                End::Lost => return Err(RunError::Lost(self.run.run_id.to_string())),
            }
        }
    }

    /// Carries what comes on both sides.
    async fn serve(&mut self, socket: &mut Socket, signals: &mut Signals) -> Result<End, RunError> {
        let (mut drawn, mut reads) = (0_u64, true);
        loop {
            let said = tokio::select! {
                biased;
                message = socket.next() => match message {
                    Some(Ok(message)) => match self.heard(message, &mut drawn)? {
                        Heard::Nothing => continue,
                        Heard::Output => FromViewer::Drawn(drawn),
                        Heard::End(end) => return Ok(end),
                    },
                    Some(Err(_)) | None => return Ok(End::Lost),
                },
                Some(bytes) = self.typed.recv(), if reads => {
                    reads = !bytes.is_empty();
                    FromViewer::Typed(bytes)
                }
                _ = signals.resized.recv(), if self.is_terminal => FromViewer::Resize(size()),
                _ = signals.interrupted.recv() => return Ok(End::Stop),
                _ = signals.terminated.recv() => return Ok(End::Stop),
                _ = signals.hung_up.recv() => return Ok(End::Stop),
            };
            let sent = timeout(SEND_TIMEOUT, socket.send(Message::Binary(said.message().into()))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return Ok(End::Lost);
            }
        }
    }

    fn heard(&self, message: Message, drawn: &mut u64) -> Result<Heard, RunError> {
        let message = match message {
            Message::Binary(message) => message,
            Message::Close(frame) => {
                let code = frame.map_or(0, |frame| u16::from(frame.code));
                return Ok(Heard::End(if matches!(code, 4401 | 4404 | 4410) { End::Over } else { End::Lost }));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_) => return Ok(Heard::Nothing),
        };
        match message.split_first() {
            Some((&BYTES, bytes)) => write(&mut io::stdout().lock(), bytes, drawn),
            Some((&ERRORS, bytes)) => write(&mut io::stderr().lock(), bytes, drawn),
            Some(_) | None => match ViewerWords::read(&message) {
                Ok(ViewerWords::Ended { exit_code }) => Ok(Heard::End(End::Exited(exit_code))),
                Ok(ViewerWords::Screen { .. }) if self.is_terminal => {
                    write(&mut io::stdout().lock(), CLEAR, &mut 0)?;
                    Ok(Heard::Nothing)
                }
                Ok(ViewerWords::Screen { .. } | ViewerWords::Size { .. }) => Ok(Heard::Nothing),
                Err(_) => Ok(Heard::End(End::Lost)),
            },
        }
    }

    /// Says who ended it, where it was not the CLI. That it can't be asked changes nothing.
    async fn say_why(&self) {
        let run = self.server.read::<RunView>(Method::GET, &self.path("")).await;
        let reason = run.ok().and_then(|run| run.reason);
        if let Some(reason) = reason.filter(|reason| reason.code != ReasonCode::Exited) {
            let line_end = if self.is_terminal { "\r\n" } else { "\n" };
            eprint!("{}{line_end}", reason.detail);
        }
    }

    /// Why it ended, where its connection did not say.
    async fn outcome(&self) -> Result<i32, RunError> {
        let run: RunView = self.server.read(Method::GET, &self.path("")).await?;
        match (run.exit_code, run.reason) {
            (Some(code), _) => Ok(code),
            (None, Some(reason)) => Err(RunError::Ended(reason.detail)),
            (None, None) => Err(RunError::Lost(run.run_id.to_string())),
        }
    }

    /// Ends it, and waits until what it has changed is saved.
    async fn stop(&self) -> Result<i32, RunError> {
        match self.server.have(Method::DELETE, &self.path("")).await {
            Ok(()) | Err(CallError::Refused { status: StatusCode::GONE, .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let ended = async {
            loop {
                let run: RunView = self.server.read(Method::GET, &self.path("")).await?;
                if run.state == RunState::Ended {
                    return Ok::<_, RunError>(());
                }
                sleep(RETRY).await;
            }
        };
        let _ = timeout(STOP_TIMEOUT, ended).await;
        Ok(INTERRUPTED)
    }

    /// Until the server is there again. Ctrl-C leaves; the run goes on.
    async fn wait_for_the_server(&mut self) -> Result<(), RunError> {
        let run = self.run.run_id.to_string();
        let lost = || RunError::Lost(run);
        eprint!("\r\nThe server is away; waiting for it. Ctrl-C leaves, and the run goes on.\r\n");
        let (server, path, typed) = (self.server, self.path(""), &mut self.typed);
        let back = async {
            while server.read::<RunView>(Method::GET, &path).await.is_err() {
                sleep(RETRY).await;
            }
        };
        let left = async {
            while let Some(bytes) = typed.recv().await {
                if bytes.is_empty() || bytes.contains(&CTRL_C) {
                    return;
                }
            }
        };
        tokio::select! {
            () = back => Ok(()),
            () = left => Err(lost()),
            () = sleep(RETRY_FOR) => Err(lost()),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/runs/{}{rest}", self.run.run_id)
    }
}

enum Heard {
    Nothing,
    /// Output that is written.
    Output,
    End(End),
}

/// Written at once: a prompt is seen, and who reads slowly holds up the CLI and nobody else.
fn write(to: &mut impl io::Write, bytes: &[u8], drawn: &mut u64) -> Result<Heard, RunError> {
    *drawn += bytes.len() as u64;
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Ok(()) => Ok(Heard::Output),
        // Whoever read it has seen enough, as with any program in a pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Heard::End(End::Stop)),
        Err(error) => Err(error.into()),
    }
}

fn query() -> String {
    let TerminalSize { columns, rows } = size();
    format!("columns={columns}&rows={rows}")
}
