//! What CLIs take for the browser: `anteroom-guest open-url URL`, started by `xdg-open` and its relatives.
//!
//! The shim hands the URL to the agent over a Unix socket and ends; the agent decides whether it is opened.
//! A message is the URL and the end of the stream; the reply is one byte. Anybody in the machine could
//! connect: the socket's directory is the machine's user's, and what comes is checked like any input.

use std::{
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anteroom_protocol::limits;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

/// Shims that are heard at once. CLIs open one page; some start a second browser command when the first is slow.
const MAX_CONNECTIONS: usize = 8;
/// How long a shim may take to say its URL, which it has in its arguments.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(5);
/// How long the shim waits for the reply: the agent answers before anything is opened.
const REPLY_DEADLINE: Duration = Duration::from_secs(10);
const TAKEN: u8 = b'+';
const REFUSED: u8 = b'-';

/// A URL that a CLI wants opened, and whether it will be.
#[derive(Debug)]
pub struct Asked {
    /// As the CLI gave it.
    pub url: String,
    /// `true` when it is taken. Dropping it refuses.
    pub reply: oneshot::Sender<bool>,
}

/// Makes the socket in a directory that only this user can enter.
///
/// # Errors
/// When the directory or the socket can't be made.
pub fn listen(socket: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = socket.parent() {
        std::fs::create_dir_all(directory)?;
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))?;
    }
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    UnixListener::bind(socket)
}

/// Serves shims until it is dropped.
pub async fn serve(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let asked = asked.clone();
                connections.spawn(async move {
                    let _place = place;
                    if let Err(error) = answer(stream, asked).await {
                        tracing::warn!(%error, "a browser command was not understood");
                    }
                });
            }
            Err(error) => tracing::warn!(%error, "a browser command could not connect"),
        }
    }
}

async fn answer(mut stream: UnixStream, asked: mpsc::Sender<Asked>) -> io::Result<()> {
    let mut message = Vec::new();
    // One byte above the limit shows that it was exceeded.
    let limit = limits::MAX_URL_BYTES as u64 + 1;
    timeout(MESSAGE_DEADLINE, (&mut stream).take(limit).read_to_end(&mut message)).await??;
    let taken = match parse(message) {
        Some(url) => {
            let (reply, taken) = oneshot::channel();
            asked.send(Asked { url, reply }).await.is_ok() && taken.await.unwrap_or(false)
        }
        None => false,
    };
    stream.write_all(&[if taken { TAKEN } else { REFUSED }]).await
}

/// The URL of a message, if it is text of a bearable length without control characters.
#[must_use]
pub fn parse(message: Vec<u8>) -> Option<String> {
    if message.is_empty() || message.len() > limits::MAX_URL_BYTES {
        return None;
    }
    String::from_utf8(message).ok().filter(|url| !url.chars().any(char::is_control))
}

/// The shim's side: hands the first URL among the arguments to the agent.
///
/// # Errors
/// Says what was missing or that the agent refused; the CLI then shows its URL by other means.
pub fn open_url(socket: &Path, arguments: &[String]) -> Result<(), OpenError> {
    let url = arguments.iter().find(|argument| argument.contains("://")).ok_or(OpenError::NoUrl)?;
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(REPLY_DEADLINE))?;
    stream.set_write_timeout(Some(REPLY_DEADLINE))?;
    // A refusal of a too long message may come before all of it is written; the reply says it, not the pipe.
    let _ = stream.write_all(url.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    let mut reply = [0];
    stream.read_exact(&mut reply)?;
    if reply == [TAKEN] { Ok(()) } else { Err(OpenError::Refused) }
}

/// Why the shim did not get its URL opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none among its arguments.
    #[error("no URL was given; only web addresses can be opened here")]
    NoUrl,
    /// The agent is not there.
    #[error("the agent of this machine could not be asked to open the page: {0}")]
    Agent(#[from] io::Error),
    /// The agent said no.
    #[error("the page is none of this sign-in's; it is not opened by itself")]
    Refused,
}

#[cfg(test)]
#[path = "shim_tests.rs"]
mod tests;
