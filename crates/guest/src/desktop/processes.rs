//! X server and window manager as processes. Both are killed when their value is dropped.

use std::{
    os::fd::{AsRawFd as _, OwnedFd},
    process::Stdio,
    time::Duration,
};

use anteroom_protocol::guest::DesktopSize;
use rustix::{io::FdFlags, pipe::PipeFlags};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    process::{Child, Command},
    time::timeout,
};

use super::{DesktopError, Display, WINDOW_MANAGER_DEADLINE, Windows, X_DEADLINE};
use crate::{child_log, layout::Layout};

/// A killed process is gone at once, unless the kernel holds it.
const STOP_DEADLINE: Duration = Duration::from_secs(5);
/// The longest that `-displayfd` says: a number of at most five digits and a line feed.
const MAX_DISPLAY_BYTES: usize = 16;

/// A running X server that answers.
pub struct XServer {
    child: Child,
    number: u16,
}

impl XServer {
    /// Starts it and waits until it says its number, which it does once it takes connections.
    ///
    /// # Errors
    /// When it is not there, ends, or says nothing in time.
    pub async fn start(layout: &Layout, size: DesktopSize) -> Result<Self, DesktopError> {
        const PART: &str = "X server";
        let (program, first) = layout.x_server.split_first().ok_or(DesktopError::NoProgram(PART))?;
        let start_error = |source| DesktopError::Start { program: program.clone(), source };
        let (said, says) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|error| start_error(error.into()))?;
        let mut command = quiet(program);
        command.args(first).args(layout.display.map(|number| format!(":{number}"))).args(arguments(size));
        command.env_clear().env("PATH", &layout.path);
        command.arg("-displayfd").arg(says.as_raw_fd().to_string());
        pass_on(&mut command, says);
        let mut child = command.spawn().map_err(start_error)?;
        // With it goes our own copy of the descriptor, so that the X server's end is the end of what it says.
        drop(command);
        child_log::follow(&mut child, "Xvfb");
        let reader = pipe::Receiver::from_owned_fd(said).map_err(start_error)?;
        let number = timeout(X_DEADLINE, read_number(reader))
            .await
            .map_err(|_| DesktopError::NotReady { part: PART, after: X_DEADLINE })?;
        match number {
            Some(number) => Ok(Self { child, number }),
            None => Err(ended(&mut child, PART).await),
        }
    }

    /// The display's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// As in `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> String {
        format!(":{}", self.number)
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> DesktopError {
        ended(&mut self.child, "X server").await
    }

    /// Ends it and waits until it is gone: until then its number is taken.
    pub async fn stop(mut self) {
        if timeout(STOP_DEADLINE, self.child.kill()).await.is_err() {
            tracing::warn!("the X server did not end when it was killed");
        }
    }
}

/// Only the local socket; no screen saver, which would hide the desktop after ten minutes; and no OpenGL, which
/// the browser does without and which costs start time and memory.
fn arguments(size: DesktopSize) -> Vec<String> {
    let screen = format!("{}x{}x24", size.width, size.height);
    let text = ["-screen", "0", &screen, "-dpi", "96", "-nolisten", "tcp", "-noreset", "-s", "0", "-extension", "GLX"];
    text.iter().map(|word| (*word).to_owned()).collect()
}

/// Lets the child inherit a descriptor under its number. It stays ours until the command is dropped.
fn pass_on(command: &mut Command, fd: OwnedFd) {
    // SAFETY: fcntl is async-signal-safe, and the descriptor lives as long as the closure that owns it.
    unsafe {
        command.pre_exec(move || {
            rustix::io::fcntl_setfd(&fd, FdFlags::empty())?;
            Ok(())
        });
    }
}

async fn read_number(mut from: pipe::Receiver) -> Option<u16> {
    let mut text = Vec::new();
    while !text.contains(&b'\n') && text.len() < MAX_DISPLAY_BYTES {
        text.push(from.read_u8().await.ok()?);
    }
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// A running window manager that manages.
pub struct WindowManager {
    child: Child,
}

impl WindowManager {
    /// Starts it and waits until the root window bears its mark.
    ///
    /// # Errors
    /// When it is not there, ends, or does not manage in time.
    pub async fn start(layout: &Layout, display: &Display) -> Result<Self, DesktopError> {
        const PART: &str = "window manager";
        let windows = Windows::connect(&display.name)?;
        let (program, arguments) = layout.window_manager.split_first().ok_or(DesktopError::NoProgram(PART))?;
        let mut command = quiet(program);
        command.args(arguments).env_clear().envs(&display.environment);
        let mut child = command.spawn().map_err(|source| DesktopError::Start { program: program.clone(), source })?;
        child_log::follow(&mut child, "window manager");
        tokio::select! {
            ready = timeout(WINDOW_MANAGER_DEADLINE, windows.managed()) => match ready {
                Ok(ready) => ready?,
                Err(_) => return Err(DesktopError::NotReady { part: PART, after: WINDOW_MANAGER_DEADLINE }),
            },
            ended = ended(&mut child, PART) => return Err(ended),
        }
        Ok(Self { child })
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> DesktopError {
        ended(&mut self.child, "window manager").await
    }
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn ended(child: &mut Child, part: &'static str) -> DesktopError {
    let how = match child.wait().await {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    DesktopError::Ended { part, how }
}
