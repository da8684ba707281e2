//! Follows a session's event stream as a browser does: again and again, from the last event that it has, until there
//! will be no more.

use std::{sync::Arc, time::Duration};

use anteroom_protocol::{
    Epoch, SessionId,
    session::{QueuePlace, SessionEvent, SessionEventKind},
};
use axum::{Router, body::Body, response::Response};
use futures_util::StreamExt as _;
use tokio::{sync::mpsc, task::AbortHandle};
use tower::ServiceExt as _;

use crate::{
    call::{Call, Door, Reply},
    scene::Scene,
};

const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// The pause before a stream that broke is asked for again.
const REOPEN: Duration = Duration::from_secs(1);
/// How often a stream breaks off by itself, in seconds between two breaks.
const BREAKS_AFTER_S: std::ops::RangeInclusive<u64> = 1..=120;

/// What concerns a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Epoch(Epoch),
    Ended,
}

/// A piece of a stream, or how it began or ended.
enum Piece {
    Status(u16),
    Bytes(Vec<u8>),
    End,
}

/// Reads the whole log, however often the stream breaks.
pub(crate) async fn follow(scene: Arc<Scene>, who: String, session: SessionId, tell: mpsc::UnboundedSender<News>) {
    let mut reader = Reader { scene, who, session, log: Vec::new(), tell };
    while !reader.read_once().await {
        tokio::time::sleep(REOPEN).await;
    }
    reader.scene.heard(&reader.who, &reader.session, &reader.log, true);
}

struct Reader {
    scene: Arc<Scene>,
    who: String,
    session: SessionId,
    log: Vec<SessionEvent>,
    tell: mpsc::UnboundedSender<News>,
}

/// A reader that goes away takes its stream with it.
struct Hangup(AbortHandle);

impl Drop for Hangup {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Reader {
    /// One connection; true when there will be no more events.
    async fn read_once(&mut self) -> bool {
        let last = self.log.last().map(|event| event.id);
        let path = format!("/api/session/{}/events", self.session);
        let call = Call { last_event: last, ..Call::get(Door::Person, &self.scene.owner, path, CALL_DEADLINE) };
        let breaks = self.scene.dice.number(BREAKS_AFTER_S);
        let weather = self.scene.weather();
        let breaks = if weather.lost + weather.reply_lost > 0 { Duration::from_secs(breaks) } else { Duration::MAX };
        let (pieces, mut stream) = mpsc::unbounded_channel();
        let there = self.scene.clone();
        let work =
            self.scene.server.take(Door::Person, |router| async move { serve(there, router, call, pieces).await });
        let Some(work) = work else { return false };
        let _hangup = Hangup(work);
        let status = tokio::time::timeout(CALL_DEADLINE, stream.recv()).await;
        let Ok(Some(Piece::Status(status))) = status else { return false };
        match status {
            200 => {
                // A break is a part of the network's weather like any other.
                let _ = tokio::time::timeout(breaks, self.read(&mut stream)).await;
                false
            }
            204 => true,
            _ => false,
        }
    }

    async fn read(&mut self, stream: &mut mpsc::UnboundedReceiver<Piece>) {
        let mut text = String::new();
        while let Some(piece) = stream.recv().await {
            match piece {
                Piece::Bytes(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
                Piece::End => return self.scene.stream_ended(&self.who, &self.session, &self.log),
                Piece::Status(_) => {}
            }
            while let Some((message, rest)) = text.split_once("\n\n") {
                let (message, rest) = (message.to_owned(), rest.to_owned());
                self.hear(&message);
                text = rest;
            }
        }
    }

    fn hear(&mut self, message: &str) {
        let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        // A comment keeps the connection open.
        let Some(data) = field("data") else { return };
        if field("event") == Some("place") {
            return self.hear_place(data, field("id"));
        }
        let Ok(event) = serde_json::from_str::<SessionEvent>(data) else {
            return self.scene.broken("events", format!("{}: not an event: {message}", self.who));
        };
        if field("id") != Some(&event.id.to_string()) {
            self.scene.broken("events", format!("{}: the id is not the event's: {message}", self.who));
        }
        match &event.kind {
            SessionEventKind::Epoch { epoch } => {
                let _ = self.tell.send(News::Epoch(*epoch));
            }
            SessionEventKind::State { reason: Some(reason), .. } => {
                self.scene.ended(&self.session, reason.code, Some(event.at));
                let _ = self.tell.send(News::Ended);
            }
            SessionEventKind::State { reason: None, .. }
            | SessionEventKind::Step { .. }
            | SessionEventKind::Answer { .. }
            | SessionEventKind::Trouble { .. }
            | SessionEventKind::Url { .. }
            | SessionEventKind::DeviceCode { .. }
            | SessionEventKind::Pasted { .. }
            | SessionEventKind::PasteRefused { .. }
            | SessionEventKind::Credential { .. } => {}
        }
        self.log.push(event);
        self.scene.heard(&self.who, &self.session, &self.log, false);
    }
}

impl Reader {
    /// No part of the log: it has no number, and nobody goes on after it.
    fn hear_place(&self, data: &str, id: Option<&str>) {
        self.scene.referee.count("places told");
        if serde_json::from_str::<QueuePlace>(data).is_err() || id.is_some() {
            self.scene.broken("events", format!("{}: no place: {data}", self.who));
        }
    }
}

/// The controller's side.
async fn serve(scene: Arc<Scene>, router: Router, call: Call, pieces: mpsc::UnboundedSender<Piece>) {
    let began = scene.referee.look(tokio::time::Instant::now());
    let response: Response<Body> = router.oneshot(call.request()).await.unwrap_or_else(|never| match never {});
    let status = response.status().as_u16();
    if status != 200 {
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.map(|bytes| bytes.to_vec());
        scene.replied(&call, &Reply { status, body: body.unwrap_or_default() }, &began);
        let _ = pieces.send(Piece::Status(status));
        return;
    }
    let _ = pieces.send(Piece::Status(status));
    let mut body = response.into_body().into_data_stream();
    while let Some(Ok(bytes)) = body.next().await {
        if pieces.send(Piece::Bytes(bytes.to_vec())).is_err() {
            return;
        }
    }
    let _ = pieces.send(Piece::End);
}
