//! The two ends of a run's terminal as WebSockets: its viewers on the person's listener, its agent on the guest's. Each
//! connection carries messages to and from the run's relay, and decides nothing.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom_protocol::{
    SessionId, UserId,
    run::RunState,
    terminal::{FromAgent, FromViewer, MAX_MESSAGE_BYTES, MAX_TYPED_BYTES, TerminalSize, ToAgent, ViewerWords},
};
use axum::{
    body::Bytes,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    response::Response,
};
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::openapi::Problems;
use super::{
    extract::{InRun, Params},
    gate::{Machine, Visitor},
    problems::Answer,
};
use crate::{
    Caller, Controller, Error,
    terminal::{Relay, Seat, Terminal},
    wake::Waiter,
};

type Use = State<Arc<Controller>>;

/// How often a viewer that draws nothing is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often a silent connection is asked whether it is there: proxies in front cut it after 30 or 60 s.
const PING: Duration = Duration::from_secs(15);
/// Who has not answered for so long is gone.
const SILENT: Duration = Duration::from_secs(45);
/// How long one message may take into a connection that is there.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Close codes for reasons that a page can't see in the reply to its request.
const NOT_SIGNED_IN: u16 = 4401;
const NO_SUCH_RUN: u16 = 4404;
const RUN_ENDED: u16 = 4410;
const NOT_UNDERSTOOD: u16 = 1002;
const SERVER_STOPS: u16 = 1012;
const GOES: u16 = 1000;

/// The size of the viewer.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shown {
    /// Cells in a row, 1 to 1000.
    columns: u16,
    /// Rows, 1 to 1000.
    rows: u16,
}

/// The run's terminal as a WebSocket of binary messages: to the server 0x00 typed bytes, 0x01 `{"kind":"resize","columns","rows"}`,
/// 0x02 how many bytes of output were drawn (64 bits, big-endian); from it 0x00 output, 0x01 `screen`, `size` and `ended`. Why it
/// is refused is said by a close code: 4401 no access, 4404 no such run, 4410 the run has ended.
#[utoipa::path(
    get, path = "/api/runs/{id}/terminal", tag = "person", params(("id" = String, Path), Shown),
    responses((status = 101, description = "The terminal."), Problems)
)]
pub(crate) async fn view_terminal(
    State(controller): Use,
    visitor: Visitor,
    InRun(id): InRun,
    Params(shown): Params<Shown>,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    let size = TerminalSize { columns: shown.columns, rows: shown.rows };
    let upgrade = upgrade.max_message_size(MAX_TYPED_BYTES + 1).max_frame_size(MAX_TYPED_BYTES + 1);
    Ok(upgrade.on_upgrade(async move |socket| {
        let mut end = Socket { socket };
        let code = match visitor.user() {
            None => NOT_SIGNED_IN,
            Some(_) if !size.is_possible() => NOT_UNDERSTOOD,
            Some(user) => show(&controller, user, &id, size, &mut end).await,
        };
        end.close(code).await;
    }))
}

async fn show(controller: &Controller, user: &UserId, id: &SessionId, size: TerminalSize, end: &mut Socket) -> u16 {
    let waiter = controller.waiter(id);
    match controller.run(user, id).await {
        Ok(run) if run.state == RunState::Ended => RUN_ENDED,
        Ok(_) => {
            let seat = controller.terminals.of(id).join(size);
            Viewing { controller, user, id, waiter, seat, heard_at: Instant::now() }.serve(end).await
        }
        Err(Error::NotFound(_)) => NO_SUCH_RUN,
        Err(error) => {
            tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "the run of a terminal can't be read");
            SERVER_STOPS
        }
    }
}

/// One viewer, from its first message to its last.
struct Viewing<'a> {
    controller: &'a Controller,
    user: &'a UserId,
    id: &'a SessionId,
    waiter: Waiter,
    seat: Seat,
    heard_at: Instant,
}

/// Why a connection ends.
type Ends = Result<(), u16>;

impl Viewing<'_> {
    async fn serve(mut self, end: &mut Socket) -> u16 {
        let (mut look, mut ping) = (interval(LOOK), interval(PING));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let soon = tokio::time::Instant::now() + Duration::from_secs(u64::from(u32::MAX));
        loop {
            let outcome = tokio::select! {
                biased;
                Some(message) = self.seat.outbox.recv() => end.send(Message::Binary(message)).await,
                message = end.socket.recv() => self.heard(message).await,
                _ = self.waiter.changed_before(soon) => self.run_changed(end).await,
                _ = look.tick() => {
                    self.seat.terminal.with(|relay| relay.look(Instant::now()));
                    // Who looks at it uses it.
                    self.note().await;
                    Ok(())
                }
                _ = ping.tick() => self.ping(end).await,
            };
            if let Err(code) = outcome {
                return code;
            }
        }
    }

    async fn heard(&mut self, message: Option<Result<Message, axum::Error>>) -> Ends {
        self.heard_at = Instant::now();
        let message = match message {
            Some(Ok(Message::Binary(message))) => message,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Text(_))) => return Err(NOT_UNDERSTOOD),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(GOES),
        };
        let (number, terminal) = (self.seat.number, &self.seat.terminal);
        match FromViewer::read(&message).map_err(|_| NOT_UNDERSTOOD)? {
            FromViewer::Typed(bytes) => {
                // Whoever types without end while the agent is away waits here, and is heard again then.
                timeout(SEND_TIMEOUT, terminal.types(number, bytes)).await.map_err(|_| NOT_UNDERSTOOD)?;
                self.note().await;
            }
            FromViewer::Resize(size) => terminal.with(|relay| relay.resize(number, size)),
            FromViewer::Drawn(drawn) => {
                terminal.with(|relay| relay.drawn(number, drawn, Instant::now())).map_err(|_| NOT_UNDERSTOOD)?;
            }
        }
        Ok(())
    }

    async fn note(&self) {
        if self.seat.terminal.with(|relay| relay.is_noteworthy(Instant::now())) {
            self.controller.note_use(self.id).await;
        }
    }

    /// At the run's end everything that it wrote comes first.
    async fn run_changed(&mut self, end: &mut Socket) -> Ends {
        if self.waiter.is_closing() {
            return Err(SERVER_STOPS);
        }
        let run = self.controller.run(self.user, self.id).await.map_err(|_| SERVER_STOPS)?;
        if run.state != RunState::Ended {
            return Ok(());
        }
        while let Ok(message) = self.seat.outbox.try_recv() {
            end.send(Message::Binary(message)).await?;
        }
        let Some(exit_code) = run.exit_code else { return Err(RUN_ENDED) };
        end.send(Message::Binary(ViewerWords::Ended { exit_code }.message().into())).await?;
        Err(GOES)
    }

    async fn ping(&self, end: &mut Socket) -> Ends {
        if self.heard_at.elapsed() > SILENT {
            return Err(GOES);
        }
        end.send(Message::Ping(Bytes::new())).await
    }
}

/// The agent's end of its run's terminal, a WebSocket.
#[utoipa::path(
    get, path = "/api/guest/terminal", tag = "guest",
    responses((status = 101, description = "The terminal."), Problems)
)]
pub(crate) async fn connect_terminal(
    State(controller): Use,
    machine: Machine,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    let id = machine.own()?;
    controller.going_on(&Caller::Machine(id.clone()), &id).await?;
    let upgrade = upgrade.max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(async move |socket| {
        let mut end = Socket { socket };
        let code = carry(&controller, &id, &mut end).await;
        end.close(code).await;
    }))
}

/// Carries the agent's messages until the run ends, or the agent comes by another connection.
async fn carry(controller: &Controller, id: &SessionId, end: &mut Socket) -> u16 {
    let mut waiter = controller.waiter(id);
    let terminal = controller.terminals.of(id);
    terminal.replaced.notify_waiters();
    let mut replaced = pin!(terminal.replaced.notified());
    replaced.as_mut().enable();
    terminal.with(Relay::agent_came);
    // An older connection has let go of the keys by now.
    let Ok(mut keys) = timeout(SEND_TIMEOUT, terminal.keys.lock()).await else { return SERVER_STOPS };
    let far = tokio::time::Instant::now() + Duration::from_secs(u64::from(u32::MAX));
    loop {
        let outcome = tokio::select! {
            biased;
            () = &mut replaced => return GOES,
            () = terminal.ordered.notified() => give_orders(&terminal, end).await,
            Some(typed) = keys.recv(), if terminal.with(|relay| relay.takes_keys()) => {
                terminal.with(|relay| relay.gave_keys(typed.len() as u64));
                end.send(Message::Binary(ToAgent::Typed(typed).message().into())).await
            }
            message = end.socket.recv() => agent_said(controller, id, &terminal, message).await,
            _ = waiter.changed_before(far) => has_ended(controller, id, &waiter).await,
        };
        if let Err(code) = outcome {
            return code;
        }
    }
}

async fn give_orders(terminal: &Terminal, end: &mut Socket) -> Ends {
    for order in terminal.with(Relay::orders) {
        end.send(Message::Binary(order.message().into())).await?;
    }
    Ok(())
}

async fn agent_said(
    controller: &Controller,
    id: &SessionId,
    terminal: &Terminal,
    message: Option<Result<Message, axum::Error>>,
) -> Ends {
    let message = match message {
        Some(Ok(Message::Binary(message))) => message,
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
        Some(Ok(Message::Text(_))) => return Err(NOT_UNDERSTOOD),
        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(GOES),
    };
    match FromAgent::read(&message).map_err(|_| NOT_UNDERSTOOD)? {
        FromAgent::Output => {
            let notes = terminal.with(|relay| {
                relay.output(&message);
                relay.is_noteworthy(Instant::now())
            });
            if notes {
                controller.note_use(id).await;
            }
        }
        FromAgent::Taken(count) => terminal.with(|relay| relay.took_keys(count)).map_err(|_| NOT_UNDERSTOOD)?,
        FromAgent::Screen(size, drawing) => terminal.with(|relay| relay.screen(size, &drawing)),
    }
    Ok(())
}

async fn has_ended(controller: &Controller, id: &SessionId, waiter: &Waiter) -> Ends {
    if waiter.is_closing() {
        return Err(SERVER_STOPS);
    }
    match controller.going_on(&Caller::Controller, id).await {
        Ok(_) => Ok(()),
        Err(_) => Err(RUN_ENDED),
    }
}

/// A WebSocket whose every message has a deadline.
struct Socket {
    socket: WebSocket,
}

impl Socket {
    async fn send(&mut self, message: Message) -> Ends {
        match timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(GOES),
        }
    }

    async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code, reason: axum::extract::ws::Utf8Bytes::from_static("") };
        // Who is gone already needs no word.
        let _ = self.send(Message::Close(Some(frame))).await;
    }
}
