//! A controller for tests: gives the answers that it was told, in order, and remembers what it was asked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anteroom_protocol::{
    Secret,
    guest::{Boot, DesktopSize, MediaEngine},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::Controller;

/// The token of the machines in these tests.
pub(crate) const TOKEN: &str = "token-of-this-machine";

/// One call as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) call: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A running one. It stops listening when it is dropped.
pub(crate) struct Scripted {
    script: Script,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Scripted {
    /// Listens on a free port of the loopback interface.
    pub(crate) async fn start(answers: Vec<(u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, answers)
    }

    /// Listens where another one did.
    pub(crate) async fn start_at(address: SocketAddr, answers: Vec<(u16, Value)>) -> Self {
        Self::serve(TcpListener::bind(address).await.unwrap(), answers)
    }

    fn serve(listener: TcpListener, answers: Vec<(u16, Value)>) -> Self {
        let script = Script { answers: Arc::new(Mutex::new(answers.into())), ..Script::default() };
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(script.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { script, address, server }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.seen.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.call).collect()
    }

    pub(crate) fn client(&self) -> Controller {
        client_of(self.address)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn client_of(address: SocketAddr) -> Controller {
    let boot = Boot {
        controller_url: format!("http://{address}"),
        token: Secret::new(TOKEN.to_owned()),
        address: [127, 0, 0, 1].into(),
        desktop: DesktopSize { width: 800, height: 600 },
        environment: Vec::new(),
        engine: MediaEngine::Str0m,
    };
    Controller::new(&boot).unwrap()
}

/// The answer to whatever comes after the last one that was told.
pub(crate) fn ended() -> (u16, Value) {
    let reason = json!({"code": "cancelled-by-person", "detail": "You cancelled."});
    (410, json!({"type": "/problems/ended", "title": "x", "status": 410, "detail": "x", "reason": reason}))
}

async fn answer(
    State(script): State<Script>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1], String) {
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    script.seen.lock().unwrap().push(Seen {
        call: format!("{method} {uri}"),
        authorization: authorization.unwrap_or_default(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    });
    let (status, body) = script.answers.lock().unwrap().pop_front().unwrap_or_else(ended);
    // Heeded in redirects only.
    let location = [("location", "/elsewhere")];
    (StatusCode::from_u16(status).unwrap(), location, if body.is_null() { String::new() } else { body.to_string() })
}
