//! The terminal's connection to the controller. It comes back by itself for as long as the run lasts; the controller may be
//! away, and the CLI goes on meanwhile. It knows nothing of what it carries but its length.

use std::{io, time::Duration};

use anteroom_protocol::{
    Secret,
    guest::Boot,
    terminal::{AGENT_WINDOW_BYTES, FromAgent, TerminalSize, ToAgent, errors, output},
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest as _, http::HeaderValue},
};

/// A connection in the host's own network is there in some milliseconds.
const CONNECT_DEADLINE: Duration = Duration::from_secs(4);
/// How long one message may take into a connection that is there.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// Pauses between two tries.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(500)];

/// In which steps the controller hears of what the CLI has taken.
const TAKEN_STEP: u64 = 64 * 1024;

type Socket = WebSocketStream<TcpStream>;

/// The connection, or the way to it.
pub(super) struct Link {
    way: Way,
    state: State,
}

/// Where the controller is.
#[derive(Clone)]
struct Way {
    address: String,
    token: Secret<String>,
}

enum State {
    Connecting {
        connecting: JoinHandle<Socket>,
        /// Whether there was a connection before.
        again: bool,
    },
    Open {
        socket: Box<Socket>,
        /// Bytes of output and screens.
        sent: u64,
        /// How many of them somebody has drawn.
        drawn: u64,
        /// Whether the controller has said if somebody is there.
        heard: bool,
        /// Bytes that were typed, and of how many of them the controller knows that they were taken.
        typed: u64,
        told: u64,
    },
}

impl Link {
    /// Begins to connect.
    pub(super) fn new(boot: &Boot) -> Self {
        let address = boot.controller_url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let way = Way { address, token: boot.token.clone() };
        let state = State::Connecting { connecting: tokio::spawn(connect(way.clone())), again: false };
        Self { way, state }
    }

    /// What comes next: an order, or none when the connection has changed. Loses nothing when it is dropped in between.
    pub(super) async fn next(&mut self) -> Option<ToAgent> {
        let socket = match &mut self.state {
            State::Connecting { connecting, .. } => {
                // It ends in a connection, or goes on; one that panicked has said so in the log.
                let Ok(socket) = connecting.await else { return std::future::pending().await };
                self.state =
                    State::Open { socket: Box::new(socket), sent: 0, drawn: 0, heard: false, typed: 0, told: 0 };
                return None;
            }
            State::Open { socket, .. } => socket,
        };
        let message = match socket.next().await {
            Some(Ok(Message::Binary(message))) => message,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return None,
            Some(Ok(Message::Text(_) | Message::Close(_)) | Err(_)) | None => {
                self.lost();
                return None;
            }
        };
        match (ToAgent::read(&message), &mut self.state) {
            (Ok(ToAgent::Drawn(count)), State::Open { drawn, heard, .. }) => {
                (*drawn, *heard) = (count, true);
                None
            }
            (Ok(ToAgent::Draw), State::Open { heard, .. }) => {
                *heard = true;
                Some(ToAgent::Draw)
            }
            (Ok(ToAgent::Typed(bytes)), State::Open { typed, .. }) => {
                *typed += bytes.len() as u64;
                Some(ToAgent::Typed(bytes))
            }
            (Ok(order), _) => Some(order),
            (Err(_), _) => {
                tracing::warn!("the controller's message is none of a terminal; is it of the same version?");
                self.lost();
                None
            }
        }
    }

    /// Whether more may be sent. Without a connection there is nobody to wait for.
    pub(super) fn has_room(&self) -> bool {
        match &self.state {
            State::Connecting { .. } => true,
            State::Open { sent, drawn, .. } => sent.saturating_sub(*drawn) < AGENT_WINDOW_BYTES,
        }
    }

    /// Whether everything that was sent is drawn, or nobody is there to draw it. Before the first connection that is not known:
    /// whoever has opened the run may wait to see it.
    pub(super) fn is_drawn(&self) -> bool {
        match &self.state {
            State::Connecting { again, .. } => *again,
            State::Open { sent, drawn, heard, .. } => *heard && sent == drawn,
        }
    }

    /// Tells how much of what was typed the CLI has taken: all but so much. Not for every key.
    pub(super) async fn taken_but(&mut self, unread: usize) {
        let State::Open { typed, told, .. } = &mut self.state else { return };
        let taken = typed.saturating_sub(unread as u64);
        if taken >= *told + TAKEN_STEP {
            *told = taken;
            self.send(FromAgent::taken(taken), 0).await;
        }
    }

    /// Sends what the CLI wrote to its standard error.
    pub(super) async fn errors(&mut self, bytes: &[u8]) {
        self.send(errors(bytes), bytes.len()).await;
    }

    /// Sends what the CLI wrote.
    pub(super) async fn output(&mut self, bytes: &[u8]) {
        self.send(output(bytes), bytes.len()).await;
    }

    /// Sends the whole screen.
    pub(super) async fn screen(&mut self, size: TerminalSize, drawing: &[u8]) {
        self.send(FromAgent::screen(size, drawing), drawing.len()).await;
    }

    async fn send(&mut self, message: Vec<u8>, length: usize) {
        let State::Open { socket, sent, .. } = &mut self.state else { return };
        *sent += length as u64;
        if !matches!(timeout(SEND_DEADLINE, socket.send(Message::Binary(message.into()))).await, Ok(Ok(()))) {
            self.lost();
        }
    }

    fn lost(&mut self) {
        tracing::info!("the terminal's connection is lost; it comes again");
        self.state = State::Connecting { connecting: tokio::spawn(connect(self.way.clone())), again: true };
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let State::Connecting { connecting, .. } = &self.state {
            connecting.abort();
        }
    }
}

/// Until there is one.
async fn connect(way: Way) -> Socket {
    for pause in PAUSES.iter().chain(std::iter::repeat(&PAUSES[PAUSES.len() - 1])) {
        match timeout(CONNECT_DEADLINE, try_once(&way)).await {
            Ok(Ok(socket)) => return socket,
            Ok(Err(_)) | Err(_) => sleep(*pause).await,
        }
    }
    unreachable!("pauses don't end")
}

/// The error has nothing of the token: it is in a header that nobody prints.
async fn try_once(way: &Way) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{}/api/guest/terminal", way.address).into_client_request()?;
    let bearer = Secret::new(format!("Bearer {}", way.token.expose()));
    let mut value = HeaderValue::from_str(bearer.expose())?;
    value.set_sensitive(true);
    request.headers_mut().insert("authorization", value);
    let stream = TcpStream::connect(&way.address).await.map_err(tungstenite::Error::Io)?;
    stream.set_nodelay(true).map_err(|error: io::Error| tungstenite::Error::Io(error))?;
    Ok(client_async(request, stream).await?.0)
}
