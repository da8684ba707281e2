//! Who may come in. A person brings the owner's cookie or a token, a machine its own token; without one nothing but
//! `/healthz` answers. A link (`/?token=...`) is used up here, once, and becomes a cookie.
//!
//! Two more doors that other sites' pages must not pass: the Host header must name this server (DNS rebinding), and a
//! call that changes something must come from this page (its Origin). WHEP players stand on other pages: their
//! addresses take the owner's token from any origin, and the cookie from this page only.

use std::{collections::BTreeSet, sync::Arc};

use anteroom_protocol::{MachineId, SessionId, UserId};
use anteroom_session::machine::Wanted;
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Edge, page,
    players::{self, Place},
    problems::{self, Answer, Failure},
    scope,
};
use crate::{COOKIE_LIFETIME_MS, Token, error::Noun, tokens::Visit};

/// The cookie's name. A cookie belongs to a host, whatever the port.
const COOKIE: &str = "anteroom";

/// The names (with port, as in the Host header) under which a listener may be called. Clones are the same names: each
/// request that waits has some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Arc<BTreeSet<String>>);

impl Hosts {
    /// Takes `host:port`, or a host alone for the scheme's own port.
    #[must_use]
    pub fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect()))
    }

    fn have(&self, host: &str) -> bool {
        self.0.contains(&host.to_ascii_lowercase())
    }
}

/// The person who calls.
pub(crate) struct Person(pub(crate) UserId);

/// The person who calls, and what they may do.
pub(crate) struct Visiting(pub(crate) Visit);

/// Whoever opens a terminal, signed in or not.
pub(crate) struct Visitor(Option<UserId>);

impl Visitor {
    /// The person, if it is one.
    pub(crate) fn user(&self) -> Option<&UserId> {
        self.0.as_ref()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Answer<Self> {
        Ok(Self(parts.extensions.get::<UserId>().cloned()))
    }
}

/// The machine that calls, and its session, once it has one.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) id: MachineId,
    session: Option<SessionId>,
}

impl Machine {
    /// The session in the path, if it is the machine's own: it learns of no other.
    pub(crate) fn only(self, named: &SessionId) -> Answer<SessionId> {
        self.session.filter(|own| own == named).ok_or_else(|| problems::missing(Noun::Session))
    }

    /// Its own session, for calls that name none.
    pub(crate) fn own(self) -> Answer<SessionId> {
        self.session.ok_or_else(|| problems::missing(Noun::Session))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Answer<Self> {
        parts.extensions.get::<UserId>().cloned().map(Self).ok_or_else(problems::no_access)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visiting {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Answer<Self> {
        parts.extensions.get::<Visit>().cloned().map(Self).ok_or_else(problems::no_access)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Machine {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Answer<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(problems::no_access)
    }
}

/// The person's door.
pub(crate) async fn person(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let place = Place::of(request.uri().path());
    let mut response = match let_person_in(&edge, &mut request).await {
        Ok(None) => next.run(request).await,
        Ok(Some(instead)) => instead,
        Err(failure) => failure.into_response(),
    };
    if let Some(place) = place {
        place.mark(response.headers_mut());
    }
    response
}

async fn let_person_in(edge: &Edge, request: &mut Request) -> Answer<Option<Response>> {
    let host = named_host(edge, request)?;
    if let Some(options) = players::options(request) {
        return Ok(Some(options));
    }
    let person = match presented(request.headers()) {
        Some((token, how)) => known(edge, &token, how).await?.map(|visit| (visit, how)),
        None => None,
    };
    if let Some(link) = link(request.method(), request.uri()) {
        return open_link(edge, link, person.is_some()).await.map(Some);
    }
    let is_terminal = is_terminal(request);
    let Some((visit, how)) = person else {
        if is_terminal {
            // A page sees no status of a connection that is refused; it is told by a close code.
            return Ok(None);
        }
        return if page::is_api(request.uri().path()) {
            Err(problems::no_access())
        } else {
            Ok(Some(page::no_access(page::NoAccess::NoCookie)))
        };
    };
    let from_anywhere = how == How::Bearer && players::may_call(request.uri().path());
    // A WebSocket begins with GET, and pages of other sites may open one.
    if (!request.method().is_safe() || is_terminal) && !from_anywhere && !comes_from_here(request.headers(), &host, how)
    {
        return Err(problems::foreign_origin());
    }
    if let Some(scope) = scope::needed(request.method(), request.uri().path())
        && !visit.scopes.allow(scope)
    {
        return Err(problems::scope_missing(scope));
    }
    request.extensions_mut().insert(visit.user.clone());
    request.extensions_mut().insert(visit);
    Ok(None)
}

/// Who it is: a person's browser or a command of this program, or a program with a personal token.
async fn known(edge: &Edge, token: &Token, how: How) -> Answer<Option<Visit>> {
    let person = edge.controller.person(token).await?;
    if person.is_some() || how == How::Cookie {
        return Ok(person);
    }
    Ok(edge.controller.program(token).await?)
}

/// The machine's door.
pub(crate) async fn machine(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let machine = match let_machine_in(&edge, &mut request).await {
        Ok(machine) => machine,
        Err(failure) => return failure.into_response(),
    };
    let response = next.run(request).await;
    if response.status() != StatusCode::GONE {
        return response;
    }
    // Its session has ended while this call waited, and the machine may be kept since.
    match edge.controller.kept_because(&machine).await {
        Ok(Some(reason)) => problems::kept(reason).into_response(),
        Ok(None) => response,
        Err(error) => Failure::from(error).into_response(),
    }
}

async fn let_machine_in(edge: &Edge, request: &mut Request) -> Answer<MachineId> {
    named_host(edge, request)?;
    let token = bearer(request.headers()).ok_or_else(problems::no_access)?;
    let row = edge.controller.machine(&token).await?.ok_or_else(problems::no_access)?;
    if row.wanted == Wanted::Kept
        && let Some(reason) = edge.controller.kept_because(&row.id).await?
    {
        return Err(problems::kept(reason));
    }
    request.extensions_mut().insert(Machine { id: row.id.clone(), session: row.session });
    Ok(row.id)
}

/// Whether this opens the terminal of a run.
fn is_terminal(request: &Request) -> bool {
    let path = request.uri().path();
    path.starts_with("/api/runs/") && path.ends_with("/terminal") && request.headers().contains_key(header::UPGRADE)
}

fn named_host(edge: &Edge, request: &Request) -> Answer<String> {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if edge.hosts.have(host) { Ok(host.to_owned()) } else { Err(problems::foreign_host()) }
}

/// How a person showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The browser sends it by itself, also for pages of other sites.
    Cookie,
    /// Only who knows the token can send it.
    Bearer,
}

fn presented(headers: &HeaderMap) -> Option<(Token, How)> {
    bearer(headers).map(|token| (token, How::Bearer)).or_else(|| cookie(headers).map(|token| (token, How::Cookie)))
}

fn bearer(headers: &HeaderMap) -> Option<Token> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::received(token.trim())).flatten()
}

fn cookie(headers: &HeaderMap) -> Option<Token> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).and_then(|(_, value)| Token::received(value))
}

/// A browser sends Origin with everything that changes something; a program with a token need not.
fn comes_from_here(headers: &HeaderMap, host: &str, how: How) -> bool {
    match headers.get(header::ORIGIN) {
        Some(origin) => origin.to_str().is_ok_and(|origin| {
            let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            named.is_some_and(|named| named.eq_ignore_ascii_case(host))
        }),
        None => how == How::Bearer,
    }
}

/// The token of `GET /?token=...`; the outer `None` says that this is another request.
fn link(method: &Method, uri: &Uri) -> Option<Option<Token>> {
    if *method != Method::GET || uri.path() != "/" {
        return None;
    }
    let value = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    Some(Token::received(value))
}

/// The token leaves the address bar at once: the answer is a redirection.
async fn open_link(edge: &Edge, link: Option<Token>, signed_in: bool) -> Answer<Response> {
    let cookie = match link {
        Some(link) => edge.controller.use_link(&link).await?,
        None => None,
    };
    Ok(match cookie {
        Some(cookie) => {
            let mut response = to_page();
            response.headers_mut().insert(header::SET_COOKIE, set_cookie(&cookie));
            response
        }
        // The same link opened again by a browser that it has signed in before.
        None if signed_in => to_page(),
        None => page::no_access(page::NoAccess::UsedLink),
    })
}

fn to_page() -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("/"))]).into_response()
}

fn set_cookie(cookie: &Token) -> HeaderValue {
    let value = cookie.expose();
    let age = COOKIE_LIFETIME_MS / 1000;
    let mut line = HeaderValue::try_from(format!("{COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict"))
        .expect("a token has no character that a header can't have");
    line.set_sensitive(true);
    line
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
