//! Relays for viewers: who gets credentials, and what each credential may reach at this moment.
//!
//! A page makes its offer with the click, before its session exists. So it holds a *ticket*, whose credentials open
//! nothing until the click has stored the offer; from then on they open that session's machine, as those for the session
//! itself do. What may be reached is told by the machines' rows and kept in memory only: after a restart the rows tell
//! it again, and pages whose ticket is forgotten make their next connection with credentials for their session.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anteroom_protocol::{
    SessionId, TicketId, UnixMillis, UserId,
    ice::{IceServer, IceServers},
};

use serde::Serialize;

use crate::{Caller, Controller, Error, ports::random};

/// Tickets that are remembered; the oldest is forgotten first. Each open dashboard holds one.
const MAX_TICKETS: usize = 4096;

/// Whose credentials they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A session that exists.
    Session(SessionId),
    /// A page before its click.
    Ticket(TicketId),
}

/// Relays with credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issued {
    /// In the order in which they are to be tried; empty when there is no relay.
    pub servers: Vec<IceServer>,
    /// When the credentials stop opening connections.
    pub expires_at: Option<UnixMillis>,
}

/// Hands out relays with credentials. The relay itself stands outside.
pub trait Relays: Send + Sync + 'static {
    /// Relays for `holder`; `page_host` is the name by which its page was reached, without port.
    fn issue(&self, page_host: &str, holder: &Holder, now: UnixMillis) -> Issued;

    /// What relays there are, and what is wrong with them, for a page that was reached by this name.
    fn describe(&self, page_host: &str, now: UnixMillis) -> ConnectionFacts;
}

/// What the server knows of the ways to it. The browser's own tests tell the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ConnectionFacts {
    /// Which relay there is.
    pub relay: RelayKind,
    /// Its addresses, without credentials.
    pub urls: Vec<String>,
    /// What is well, doubtful or wrong in the configuration.
    pub findings: Vec<Finding>,
}

/// Which relay there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RelayKind {
    /// None: only browsers that reach the machines' own addresses get a picture.
    #[default]
    None,
    /// The one in this program.
    Embedded,
    /// A TURN server elsewhere.
    External,
    /// Both.
    Both,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// How it is.
    pub level: Level,
    /// What was looked at and what was seen.
    pub what: String,
    /// What to do; empty when all is well.
    pub remedy: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Well.
    Ok,
    /// It works, but not for everybody, or not for long.
    Warning,
    /// It does not work.
    Error,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn ok(what: impl Into<String>) -> Self {
        Self { level: Level::Ok, what: what.into(), remedy: String::new() }
    }

    /// It works, but not for everybody, or not for long.
    #[must_use]
    pub fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Warning, what: what.into(), remedy: remedy.into() }
    }

    /// It does not work.
    #[must_use]
    pub fn error(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Error, what: what.into(), remedy: remedy.into() }
    }
}

/// No relay: viewers reach their machines without, or not at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRelays;

impl Relays for NoRelays {
    fn issue(&self, _page_host: &str, _holder: &Holder, _now: UnixMillis) -> Issued {
        Issued::default()
    }

    fn describe(&self, _page_host: &str, _now: UnixMillis) -> ConnectionFacts {
        ConnectionFacts::default()
    }
}

/// What each holder may reach. The relay asks it while packets wait, so that it answers from memory.
#[derive(Clone, Debug, Default)]
pub struct Reach(Arc<Mutex<Reachable>>);

#[derive(Debug, Default)]
struct Reachable {
    machines: HashMap<SessionId, Ipv4Addr>,
    tickets: HashMap<TicketId, Ticket>,
    /// In the order in which they were given.
    given: VecDeque<TicketId>,
}

#[derive(Debug)]
struct Ticket {
    owner: UserId,
    session: Option<SessionId>,
}

impl Reach {
    /// The one address that the holder may reach now; none before its machine is planned and after its session's end.
    #[must_use]
    pub fn peer(&self, holder: &Holder) -> Option<IpAddr> {
        let reachable = self.lock();
        let session = match holder {
            Holder::Session(session) => session,
            Holder::Ticket(ticket) => reachable.tickets.get(ticket)?.session.as_ref()?,
        };
        reachable.machines.get(session).copied().map(IpAddr::V4)
    }

    /// A machine serves the session at this address.
    pub(crate) fn open(&self, session: &SessionId, address: Ipv4Addr) {
        self.lock().machines.insert(session.clone(), address);
    }

    /// The session has ended, or its machine is not wanted any more.
    pub(crate) fn close(&self, session: &SessionId) {
        self.lock().machines.remove(session);
    }

    fn give(&self, ticket: TicketId, owner: UserId) {
        let mut reachable = self.lock();
        if reachable.given.len() >= MAX_TICKETS
            && let Some(oldest) = reachable.given.pop_front()
        {
            reachable.tickets.remove(&oldest);
        }
        reachable.given.push_back(ticket.clone());
        reachable.tickets.insert(ticket, Ticket { owner, session: None });
    }

    /// The owner's ticket belongs to their session from now on. A ticket of somebody else, or of another session,
    /// stays as it is: a page that holds one gets its picture without a relay, or by its next connection.
    pub(crate) fn bind(&self, ticket: &TicketId, owner: &UserId, session: &SessionId) {
        let mut reachable = self.lock();
        if let Some(ticket) = reachable.tickets.get_mut(ticket)
            && ticket.owner == *owner
            && ticket.session.is_none()
        {
            ticket.session = Some(session.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reachable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Controller {
    /// What credentials may reach, for the relay.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach.clone()
    }

    /// Relays for a session of the person's, or for the one that their next click makes.
    ///
    /// # Errors
    /// There is no such session of theirs.
    pub async fn ice_servers(
        &self,
        user: &UserId,
        page_host: &str,
        session: Option<&SessionId>,
    ) -> Result<IceServers, Error> {
        let (holder, ticket) = match session {
            Some(id) => {
                self.load(&Caller::Person(user.clone()), id).await?;
                (Holder::Session(id.clone()), None)
            }
            None => {
                let ticket = TicketId::from_random(random(&*self.entropy));
                (Holder::Ticket(ticket.clone()), Some(ticket))
            }
        };
        let Issued { servers, expires_at } = self.relays.issue(page_host, &holder, self.now());
        let ticket = ticket.filter(|_| !servers.is_empty());
        if let Some(ticket) = &ticket {
            self.reach.give(ticket.clone(), user.clone());
        }
        Ok(IceServers { ice_servers: servers, ticket, expires_at })
    }

    /// What the server knows of the ways to it.
    pub(crate) fn connection_facts(&self, page_host: &str) -> ConnectionFacts {
        self.relays.describe(page_host, self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 87, 0, 2);

    fn ids() -> (UserId, SessionId, TicketId) {
        (UserId::from_random([1; 16]), SessionId::from_random([2; 16]), TicketId::from_random([3; 16]))
    }

    #[test]
    fn a_ticket_reaches_nothing_before_its_click_and_its_sessions_machine_after_it() {
        let (reach, (user, session, ticket)) = (Reach::default(), ids());
        let holder = Holder::Ticket(ticket.clone());
        reach.give(ticket.clone(), user.clone());
        reach.open(&session, ADDRESS);
        assert_eq!(reach.peer(&holder), None);
        reach.bind(&ticket, &user, &session);
        assert_eq!(reach.peer(&holder), Some(ADDRESS.into()));
        reach.close(&session);
        assert_eq!(reach.peer(&holder), None, "the session has ended");
    }

    #[test]
    fn a_ticket_of_somebody_else_or_of_another_session_is_not_bound() {
        let (reach, (user, session, ticket)) = (Reach::default(), ids());
        let other = SessionId::from_random([9; 16]);
        reach.give(ticket.clone(), user.clone());
        reach.open(&session, ADDRESS);
        reach.open(&other, Ipv4Addr::new(10, 87, 0, 3));
        reach.bind(&ticket, &UserId::from_random([7; 16]), &session);
        assert_eq!(reach.peer(&Holder::Ticket(ticket.clone())), None);
        reach.bind(&ticket, &user, &session);
        reach.bind(&ticket, &user, &other);
        assert_eq!(reach.peer(&Holder::Ticket(ticket)), Some(ADDRESS.into()));
    }

    #[test]
    fn tickets_are_bounded_and_the_oldest_goes_first() {
        let (reach, (user, session, first)) = (Reach::default(), ids());
        reach.open(&session, ADDRESS);
        reach.give(first.clone(), user.clone());
        let numbered = |n: usize| TicketId::from_random((n as u128).to_be_bytes());
        for n in 0..MAX_TICKETS {
            reach.give(numbered(n), user.clone());
        }
        reach.bind(&first, &user, &session);
        assert_eq!(reach.peer(&Holder::Ticket(first)), None);
        let newest = numbered(MAX_TICKETS - 1);
        reach.bind(&newest, &user, &session);
        assert_eq!(reach.peer(&Holder::Ticket(newest)), Some(ADDRESS.into()));
    }
}
