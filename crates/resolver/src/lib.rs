//! The name server of restricted machines: it answers a machine for the hosts on its list and for no others, and has the
//! addresses let through before the answer goes out. All other ways to a name are shut by the firewall.
//!
//! [`Resolver`] listens on the gateway's address. What is on whose list, and how addresses are let through, is behind
//! [`Permits`]. A question is asked anew, in words of our own, of the configured name servers, and of what they say
//! only the addresses of the name that was asked are handed on. [`message`] decides on bytes without doing I/O; the format
//! itself is read and written by hickory-proto.
//!
//! It keeps nothing: no cache, no list. It never hands out an address of a walled range that a name server told.

mod bounds;
pub mod message;
mod serve;
mod upstream;

use std::net::{IpAddr, Ipv4Addr};

use anteroom_protocol::{HostName, MachineId};
use async_trait::async_trait;

pub use serve::{ResolveError, Resolver};

/// Who may ask for what.
#[async_trait]
pub trait Permits: Send + Sync + 'static {
    /// Whether the machine with this address may reach a host.
    async fn permit(&self, from: Ipv4Addr, host: &HostName) -> Permit;

    /// Lets the machine reach the host's addresses. Nothing is answered before this has returned, and nothing at all when it
    /// fails; it has logged why.
    async fn open(&self, machine: &MachineId, addresses: &[IpAddr]) -> Result<(), NotOpened>;
}

/// What is to be said to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// No machine has this address: nothing is said.
    Nobody,
    /// The host is not on the machine's list.
    Refused,
    /// Nobody could say.
    Unknown,
    /// The host is on the list.
    Allowed {
        /// Whose question it is.
        machine: MachineId,
        /// The host's addresses, where the operator has set them; else the name servers are asked.
        set: Vec<Ipv4Addr>,
    },
}

/// The addresses were not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the addresses were not let through")]
pub struct NotOpened;
