//! What the relay decides: who may allocate, what an allocation may reach, and what is done with each message. Bytes
//! and time in, [`Output`]s out: no socket, no clock, no randomness, no log line. It never sends to a peer that
//! [`Permits`] didn't name, and it never remembers anything for a client that has not authenticated.
//!
//! ```text
//!            Allocate, authentic and within the quotas
//! (nothing) ─────────────────────────────────────────► Opening ──opened──► Open ──┐
//!     ▲                                                   │                       │ Refresh, CreatePermission,
//!     └──── no socket, connection lost ───────────────────┘                       │ ChannelBind: go on
//!     ▲                                                                           │
//!     └── Refresh with 0, expiry, connection lost, the session's end, ────────────┘
//!         never a peer until the credential expired
//! ```
//!
//! Missing on purpose: TCP to peers (RFC 6062), reservations of ports, DONT-FRAGMENT, mobility. WebRTC uses none of
//! them.

mod allocation;
mod auth;
mod data;
mod message;
mod requests;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anteroom_protocol::{Secret, UnixMillis};
use turn_types::{
    message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND},
    stun::message::{BINDING, MessageClass},
};

use self::{
    allocation::{Allocation, Relayed},
    message::{Refusal, Request},
};
use crate::{Limits, Permits, frames::MAX_FRAME_BYTES, nonce::Nonces, tally::Tally};

/// How often a living allocation's right to its peer is asked for: an ended session's relay is closed within this and
/// one [`Engine::tick`].
const ASK_EVERY: Duration = Duration::from_secs(2);

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since the relay's start, on a clock that only goes forward.
    pub elapsed: Duration,
    /// For the expiry of credentials.
    pub unix: UnixMillis,
}

/// How a client reaches the relay. Two messages with equal paths come from the same client (RFC 8656's five-tuple).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The socket.
    pub via: Via,
    /// The address of ours at which it arrived; answers leave from it.
    pub local: IpAddr,
    /// The client's.
    pub client: SocketAddr,
}

/// The caller's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// A listener of datagrams, by the caller's number.
    Udp(u16),
    /// A connection, by the caller's number, which is not used again. TCP and TLS are alike here.
    Stream(u64),
}

/// An allocation's number; not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AllocationId(u64);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send to a client.
    ToClient {
        /// Where.
        path: Path,
        /// The whole message.
        bytes: Vec<u8>,
        /// Whether it may be dropped.
        kind: Kind,
    },
    /// Send to the machine.
    ToPeer {
        /// From this allocation's socket.
        allocation: AllocationId,
        /// The machine.
        peer: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// Open a socket for an allocation, and say by [`Engine::opened`] what came of it.
    Open {
        /// Whose.
        allocation: AllocationId,
        /// Whether its port must be an even number.
        even: bool,
    },
    /// Close its socket; the allocation is gone.
    Close(AllocationId),
    /// End a connection; it is of no use any more.
    HangUp(Path),
}

/// Kinds of messages to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An answer. Over a stream the client does not ask again, so that it must arrive.
    Answer,
    /// A datagram of the machine's. It may be lost, as in any network.
    Data,
}

/// What the engine is made with.
#[derive(Clone)]
pub struct Settings {
    /// Names the server to clients.
    pub realm: String,
    /// What credentials are made with.
    pub secret: Secret<String>,
    /// 256 random bits.
    pub nonce_key: [u8; 32],
    /// Quotas.
    pub limits: Limits,
    /// Whether relayed sockets have addresses of IPv6, or of IPv4.
    pub relays_v6: bool,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Allocations that there are.
    pub allocations: u64,
    /// Allocations that there were, these included.
    pub allocations_made: u64,
    /// Requests with a wrong or expired credential.
    pub refused_credentials: u64,
    /// Peers that a credential does not open.
    pub refused_peers: u64,
    /// Allocations above a quota.
    pub refused_quota: u64,
    /// Payload to machines, bytes.
    pub bytes_to_peers: u64,
    /// Payload to clients, bytes.
    pub bytes_to_clients: u64,
    /// Datagrams above an allocation's rate, both ways.
    pub dropped_rate: u64,
    /// Allocations that ended because the session has, or because another machine is its peer.
    pub ended_sessions: u64,
}

/// The relay's decisions.
pub struct Engine {
    settings: Settings,
    nonces: Nonces,
    permits: Arc<dyn Permits>,
    allocations: HashMap<AllocationId, Allocation>,
    by_path: HashMap<Path, AllocationId>,
    by_handle: Tally<crate::Handle>,
    by_client: Tally<IpAddr>,
    next_allocation: u64,
    next_indication: u128,
    stats: Stats,
}

impl Engine {
    /// One without allocations.
    #[must_use]
    pub fn new(settings: Settings, permits: Arc<dyn Permits>) -> Self {
        Self {
            nonces: Nonces::new(settings.nonce_key),
            settings,
            permits,
            allocations: HashMap::new(),
            by_path: HashMap::new(),
            by_handle: Tally::new(),
            by_client: Tally::new(),
            next_allocation: 0,
            next_indication: 0,
            stats: Stats::default(),
        }
    }

    /// A whole message of a client: a datagram, or what [`crate::Frames`] found in a stream.
    pub fn from_client(&mut self, path: Path, bytes: &[u8], now: Now) -> Vec<Output> {
        if bytes.len() > MAX_FRAME_BYTES {
            return Vec::new();
        }
        match bytes.first().map(|first| first >> 6) {
            // The library warns of each malformed message; strangers must not write into our log.
            Some(0) => tracing::dispatcher::with_default(&tracing::Dispatch::none(), || self.stun(path, bytes, now)),
            Some(1) => self.channel_data(path, bytes, now),
            Some(_) | None => Vec::new(),
        }
    }

    /// A datagram that arrived at an allocation's socket.
    pub fn from_peer(&mut self, allocation: AllocationId, peer: SocketAddr, bytes: &[u8], now: Now) -> Vec<Output> {
        self.peer_data(allocation, peer, bytes, now)
    }

    /// What came of [`Output::Open`]: the socket's address, or None.
    pub fn opened(&mut self, id: AllocationId, address: Option<SocketAddr>) -> Vec<Output> {
        let Some(allocation) = self.allocations.get_mut(&id) else {
            // It ended meanwhile, and nobody knows of the socket but the caller.
            return vec![Output::Close(id)];
        };
        if let Some(address) = address {
            allocation.relayed = Relayed::Open(address);
            self.stats.allocations_made += 1;
            vec![allocation.created()]
        } else {
            let answer = allocation.not_created();
            self.remove(id);
            vec![answer]
        }
    }

    /// A connection has ended.
    pub fn lost(&mut self, path: &Path) -> Vec<Output> {
        let id = self.by_path.get(path).copied();
        id.map_or_else(Vec::new, |id| self.close(id))
    }

    /// An allocation's socket is broken.
    pub fn failed(&mut self, id: AllocationId) -> Vec<Output> {
        self.end(id)
    }

    /// Ends what has expired or has lost its session. To be called about once a second.
    pub fn tick(&mut self, now: Now) -> Vec<Output> {
        let mut over = Vec::new();
        for (id, allocation) in &mut self.allocations {
            if allocation.has_expired(now) {
                over.push(*id);
            } else if allocation.is_due(now.elapsed) {
                allocation.asked_at = now.elapsed;
                let right = self.permits.peer(&allocation.handle);
                if allocation.peer.as_ref().is_some_and(|peer| Some(peer.address) != right) {
                    self.stats.ended_sessions += 1;
                    over.push(*id);
                }
            }
        }
        over.into_iter().flat_map(|id| self.end(id)).collect()
    }

    /// Whether a client has an allocation; a connection without one is of no use for long.
    #[must_use]
    pub fn has_allocation(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    /// What happened until now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { allocations: self.allocations.len() as u64, ..self.stats }
    }

    fn stun(&mut self, path: Path, bytes: &[u8], now: Now) -> Vec<Output> {
        let Some(message) = message::parse(bytes) else { return Vec::new() };
        match message.class() {
            MessageClass::Request => {
                let request = Request { path, message: &message, now };
                self.request(&request).unwrap_or_else(|refusal| vec![refusal.answer(&request)])
            }
            MessageClass::Indication if message.method() == SEND => self.send_indication(path, &message, now),
            MessageClass::Indication | MessageClass::Success | MessageClass::Error => Vec::new(),
        }
    }

    fn request(&mut self, request: &Request<'_>) -> Result<Vec<Output>, Refusal> {
        match request.message.method() {
            BINDING => request.binding(),
            ALLOCATE => self.allocate(request),
            REFRESH => self.refresh(request),
            CREATE_PERMISSION => self.create_permission(request),
            CHANNEL_BIND => self.channel_bind(request),
            _ => Err(Refusal::bad_request()),
        }
    }

    fn at(&self, path: &Path) -> Option<&Allocation> {
        self.by_path.get(path).and_then(|id| self.allocations.get(id))
    }

    /// Closes an allocation, and its connection with it.
    fn end(&mut self, id: AllocationId) -> Vec<Output> {
        let path = self.allocations.get(&id).map(|allocation| allocation.path);
        let mut outputs = self.close(id);
        outputs.extend(path.filter(|path| matches!(path.via, Via::Stream(_))).map(Output::HangUp));
        outputs
    }

    fn close(&mut self, id: AllocationId) -> Vec<Output> {
        match self.remove(id).map(|allocation| allocation.relayed) {
            Some(Relayed::Open(_)) => vec![Output::Close(id)],
            // `opened` closes it.
            Some(Relayed::Opening) | None => Vec::new(),
        }
    }

    fn remove(&mut self, id: AllocationId) -> Option<Allocation> {
        let allocation = self.allocations.remove(&id)?;
        self.by_path.remove(&allocation.path);
        self.by_handle.remove(&allocation.handle);
        self.by_client.remove(&crate::tally::client(allocation.path.client.ip()));
        Some(allocation)
    }
}
