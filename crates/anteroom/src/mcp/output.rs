//! What a run without a terminal writes, to its end, kept up to a bound.

use std::time::Duration;

use anteroom_protocol::{
    SessionId,
    run::RunView,
    terminal::{BYTES, ERRORS, FromViewer, ViewerWords},
};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde::Serialize;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{CallError, Server, Socket};

/// What an agent can read of each: the end of it, where the answer stands.
const MAX_BYTES: usize = 128 * 1024;
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A run's output and its end.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    run_id: SessionId,
    exit_code: Option<i32>,
    /// Why there is no exit code, or who has stopped it.
    reason: Option<String>,
    output: String,
    errors: String,
    /// Whether the beginnings are left out.
    is_cut: bool,
}

/// Reads it to its end.
pub(super) async fn of(server: &Server, id: &SessionId) -> Result<Written, CallError> {
    let (mut output, mut errors) = (Tail::default(), Tail::default());
    // A run that has ended before says so by a close code.
    let mut socket = server.socket(&format!("/api/runs/{id}/terminal"), "columns=80&rows=24").await?;
    // There is no input.
    say(&mut socket, &FromViewer::Typed(Vec::new())).await;
    let mut read = 0;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(message) = message else { continue };
        let tail = match message.split_first() {
            Some((&BYTES, bytes)) => Some((&mut output, bytes)),
            Some((&ERRORS, bytes)) => Some((&mut errors, bytes)),
            Some(_) | None => None,
        };
        if let Some((tail, bytes)) = tail {
            tail.push(bytes);
            read += bytes.len() as u64;
            say(&mut socket, &FromViewer::Drawn(read)).await;
        } else if matches!(ViewerWords::read(&message), Ok(ViewerWords::Ended { .. })) {
            break;
        }
    }
    let run: RunView = server.read(Method::GET, &format!("/api/runs/{id}")).await?;
    Ok(Written {
        run_id: run.run_id,
        exit_code: run.exit_code,
        reason: run.reason.map(|reason| reason.detail),
        is_cut: output.is_cut || errors.is_cut,
        output: output.text(),
        errors: errors.text(),
    })
}

/// That it can't be said is heard as the connection's end.
async fn say(socket: &mut Socket, said: &FromViewer) {
    let _ = timeout(SEND_TIMEOUT, socket.send(Message::Binary(said.message().into()))).await;
}

/// The end of what was written.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let over = self.bytes.len().saturating_sub(MAX_BYTES);
        // Not for each byte that is too many.
        if over > MAX_BYTES {
            self.cut(over);
        }
    }

    fn cut(&mut self, over: usize) {
        self.is_cut |= over > 0;
        self.bytes.drain(..over);
    }

    fn text(mut self) -> String {
        self.cut(self.bytes.len().saturating_sub(MAX_BYTES));
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
