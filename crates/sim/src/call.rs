//! Requests of pages and agents, and what comes back.

use std::time::Duration;

use anteroom_protocol::{problem::Problem, session::ReasonCode};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::server::{GUEST_HOST, PERSON_HOST};

/// Which listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Person,
    Guest,
}

/// One request, which may be sent again as it is.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) door: Door,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) key: Option<String>,
    pub(crate) last_event: Option<u32>,
    pub(crate) body: Option<String>,
    /// For a long poll: how long it waits for its object.
    pub(crate) wait: Option<Duration>,
    /// How long its sender waits for an answer.
    pub(crate) deadline: Duration,
}

impl Call {
    pub(crate) fn get(door: Door, token: &str, path: impl Into<String>, deadline: Duration) -> Self {
        Self {
            door,
            method: Method::GET,
            path: path.into(),
            token: token.to_owned(),
            key: None,
            last_event: None,
            body: None,
            wait: None,
            deadline,
        }
    }

    pub(crate) fn post(mut self, body: &impl Serialize) -> Self {
        self.method = Method::POST;
        self.body = Some(serde_json::to_string(body).expect("our types are JSON"));
        self
    }

    pub(crate) fn delete(mut self) -> Self {
        self.method = Method::DELETE;
        self
    }

    /// Makes it a long poll: the path ends in its query by now.
    pub(crate) fn waiting(mut self, seconds: u64, slack: Duration) -> Self {
        self.path = format!("{}{}wait={seconds}", self.path, if self.path.ends_with('?') { "" } else { "&" });
        self.wait = Some(Duration::from_secs(seconds));
        self.deadline = Duration::from_secs(seconds) + slack;
        self
    }

    pub(crate) fn request(&self) -> Request<Body> {
        let host = match self.door {
            Door::Person => PERSON_HOST,
            Door::Guest => GUEST_HOST,
        };
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::HOST, host)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(last) = self.last_event {
            request = request.header("last-event-id", last.to_string());
        }
        let body = match &self.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.clone())
            }
            None => Body::empty(),
        };
        request.body(body).expect("a path and tokens without control characters")
    }

    /// For the trace: the method and the path without ids' middles.
    pub(crate) fn name(&self) -> String {
        let short = |part: &str| match part.strip_prefix("ses_") {
            Some(random) if random.len() >= 26 => format!("ses_{}{}", &random[..4], &random[26..]),
            Some(_) | None => part.to_owned(),
        };
        let path: Vec<_> = self.path.split('/').map(short).collect();
        format!("{} {}", self.method, path.join("/"))
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn problem(&self) -> Option<Problem> {
        if self.status < 400 { None } else { serde_json::from_slice(&self.body).ok() }
    }

    /// The kind of problem, without the place where it is described.
    pub(crate) fn kind(&self) -> String {
        let kind = self.problem().map(|problem| problem.kind).unwrap_or_default();
        kind.strip_prefix("/problems/").unwrap_or(&kind).to_owned()
    }

    pub(crate) fn end(&self) -> Option<ReasonCode> {
        self.problem().and_then(|problem| problem.reason).map(|reason| reason.code)
    }

    /// Whether it says no more than "not now".
    pub(crate) fn is_passing(&self) -> bool {
        self.status >= 500 && self.kind() != "no-capacity"
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }
}
