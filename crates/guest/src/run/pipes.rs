//! The CLI with pipes in place of a terminal, for a program that has its input and output. It starts when that program is there,
//! and its output waits for it, so that none is lost.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anteroom_protocol::{
    guest::RunPlan,
    terminal::{TerminalSize, ToAgent},
};
use rustix::process::{Pid, Signal};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    line::{until, wanted},
    link::Link,
};
use crate::login::exit_code;

/// What is read at once.
const READ_BYTES: usize = 16 * 1024;
/// How long a CLI that was asked to end may take; it may still write its credential.
const GRACE: Duration = Duration::from_secs(5);
/// How long the output of a CLI that has ended is waited for: a process that it left behind may keep its pipes open.
const LAST_WORDS_DEADLINE: Duration = Duration::from_millis(500);
/// How long the program may take to read it.
const DRAWN_DEADLINE: Duration = Duration::from_secs(60);
/// 128 and the number of SIGHUP, as shells say it.
const HUNG_UP: i32 = 129;
/// There is nothing to draw, and so no size.
const NO_SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

/// The CLI and its pipes.
pub(super) struct Pipes {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// Input that the CLI has not read yet; bounded by the controller, which waits for it.
    unread: Vec<u8>,
    /// Whether there will be no more.
    is_whole: bool,
}

/// Waits for the program, and starts the CLI. The exit code when it was stopped before.
pub(super) async fn start(
    plan: &RunPlan,
    environment: &BTreeMap<String, String>,
    home: &Path,
    link: &mut Link,
    stopped: &mut watch::Receiver<bool>,
) -> Result<Result<Pipes, i32>, String> {
    let mut early = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = wanted(stopped) => return Ok(Err(HUNG_UP)),
            order = link.next() => match order {
                Some(ToAgent::Draw) => break link.screen(NO_SIZE, &[]).await,
                Some(ToAgent::Typed(bytes)) => early.push(bytes),
                Some(ToAgent::Resize(_) | ToAgent::Drawn(_)) | None => {}
            },
        }
    }
    let mut pipes = Pipes::spawn(&plan.command, environment, home)?;
    for bytes in early {
        pipes.take(bytes);
    }
    Ok(Ok(pipes))
}

impl Pipes {
    fn spawn(command: &[String], environment: &BTreeMap<String, String>, home: &Path) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("the provider's run.command is empty")?;
        let mut child = Command::new(program);
        child.args(arguments).env_clear().envs(environment).current_dir(home).process_group(0).kill_on_drop(true);
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        crate::priority::ordinary(&mut child);
        let mut child = child.spawn().map_err(|source| {
            format!(
                "{program} could not be started: {source}; is it installed in the image, on the PATH, and executable?"
            )
        })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok(Self { child, stdin, stdout, stderr, unread: Vec::new(), is_whole: false })
    }

    /// Serves the program until the CLI ends, and returns its exit code.
    pub(super) async fn serve(mut self, link: &mut Link, stopped: &mut watch::Receiver<bool>) -> i32 {
        let mut kill_at = None;
        let status = loop {
            tokio::select! {
                biased;
                order = link.next() => self.obey(order, link).await,
                wrote = wrote(&mut self.stdout, &mut self.stderr), if link.has_room() => send(wrote, link).await,
                taken = feed(&mut self.stdin, &self.unread) => self.took(taken, link).await,
                () = wanted(stopped), if kill_at.is_none() => {
                    self.signal(Signal::HUP);
                    kill_at = Some(Instant::now() + GRACE);
                }
                () = until(kill_at) => {
                    tracing::warn!("the CLI did not end when it was told to; it is killed");
                    self.signal(Signal::KILL);
                    kill_at = Some(Instant::now() + GRACE);
                }
                status = self.child.wait() => break status,
            }
        };
        self.last_words(link).await;
        status.map_or(-1, |status: ExitStatus| exit_code(status))
    }

    async fn obey(&mut self, order: Option<ToAgent>, link: &mut Link) {
        match order {
            Some(ToAgent::Typed(bytes)) => self.take(bytes),
            Some(ToAgent::Draw) => link.screen(NO_SIZE, &[]).await,
            Some(ToAgent::Resize(_) | ToAgent::Drawn(_)) | None => {}
        }
        self.close_when_whole();
    }

    /// No bytes are the end of them.
    fn take(&mut self, bytes: Vec<u8>) {
        self.is_whole |= bytes.is_empty();
        self.unread.extend(bytes);
        self.close_when_whole();
    }

    fn close_when_whole(&mut self) {
        if self.is_whole && self.unread.is_empty() {
            self.stdin = None;
        }
    }

    async fn took(&mut self, taken: io::Result<usize>, link: &mut Link) {
        match taken {
            Ok(count) => drop(self.unread.drain(..count)),
            // It reads no more; what is left is nobody's.
            Err(_) => {
                self.unread.clear();
                self.stdin = None;
            }
        }
        self.close_when_whole();
        link.taken_but(self.unread.len()).await;
    }

    /// What the CLI wrote before it ended, and until the program has read it.
    async fn last_words(&mut self, link: &mut Link) {
        let (until, drawn_until) = (Instant::now() + LAST_WORDS_DEADLINE, Instant::now() + DRAWN_DEADLINE);
        while self.stdout.is_some() || self.stderr.is_some() || !link.is_drawn() {
            let reads = link.has_room() && (self.stdout.is_some() || self.stderr.is_some());
            tokio::select! {
                biased;
                order = link.next() => self.obey(order, link).await,
                wrote = wrote(&mut self.stdout, &mut self.stderr), if reads => send(wrote, link).await,
                () = sleep_until(until), if reads => (self.stdout, self.stderr) = (None, None),
                () = sleep_until(drawn_until) => return,
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id
            && let Err(error) = rustix::process::kill_process_group(id, signal)
        {
            tracing::debug!(%error, "the CLI's processes are gone");
        }
    }
}

/// What the CLI wrote.
enum Wrote {
    Output(Vec<u8>),
    Errors(Vec<u8>),
    /// One of both is closed.
    Nothing,
}

/// The next of both; never when both are closed.
async fn wrote(stdout: &mut Option<ChildStdout>, stderr: &mut Option<ChildStderr>) -> Wrote {
    tokio::select! {
        bytes = read(stdout) => if bytes.is_empty() { *stdout = None; Wrote::Nothing } else { Wrote::Output(bytes) },
        bytes = read(stderr) => if bytes.is_empty() { *stderr = None; Wrote::Nothing } else { Wrote::Errors(bytes) },
    }
}

async fn read(from: &mut Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(from) = from else { return std::future::pending().await };
    let mut bytes = Vec::with_capacity(READ_BYTES);
    // An error is an end: there is nothing more to read.
    let _ = from.read_buf(&mut bytes).await;
    bytes
}

async fn send(wrote: Wrote, link: &mut Link) {
    match wrote {
        Wrote::Output(bytes) => link.output(&bytes).await,
        Wrote::Errors(bytes) => link.errors(&bytes).await,
        Wrote::Nothing => {}
    }
}

/// Writes as much as the CLI takes; never when there is nothing to write.
async fn feed(stdin: &mut Option<ChildStdin>, unread: &[u8]) -> io::Result<usize> {
    match stdin {
        Some(stdin) if !unread.is_empty() => stdin.write(unread).await,
        Some(_) | None => std::future::pending().await,
    }
}
