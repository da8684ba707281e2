//! The relay: TURN (RFC 8656) for viewers that can't reach their machine directly, and credentials for it or for a
//! coturn outside.
//!
//! A credential belongs to one session (or to the click that will make one) and opens one peer address: that
//! session's machine. Everything else is refused, loopback, private and link-local addresses above all. What is
//! decided, is decided in [`engine`], without a socket, a clock or randomness; [`Relay`] owns the sockets and does
//! what the engine says. The relay never stores anything, never resolves a name, and never connects to a peer by TCP.
//! The controller calls it, and tells it by [`Permits`] what a credential may reach.

mod bucket;
mod certificate;
mod config;
pub mod credentials;
pub mod engine;
mod frames;
mod handle;
mod ice_servers;
mod io;
mod nonce;
pub mod probe;
mod tally;

use std::net::IpAddr;

pub use certificate::Certificate;
pub use config::{Config, External, InvalidConfig, Limits, PORT, PortRange};
pub use frames::{Frames, NotTurn};
pub use handle::{Handle, InvalidHandle};
pub use ice_servers::{Issued, Issuer};
pub use io::{Addresses, Counters, Relay, RelayError, issuer};

/// What credentials may reach. Asked under the relay's lock: an answer takes microseconds, waits for nothing, and
/// never calls the relay.
pub trait Permits: Send + Sync {
    /// The address of the one machine that this handle may reach at this moment. None when there is nothing to reach:
    /// the ticket is bound to no session yet, the session has no machine, or it has ended.
    fn peer(&self, handle: &Handle) -> Option<IpAddr>;
}
