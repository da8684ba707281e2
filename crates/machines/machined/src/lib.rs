//! Privilege apart: `anteroom machined` runs as root and does a driver's calls; the controller, which faces the network,
//! runs as an ordinary user and asks it on a unix socket.
//!
//! [`Server`] is the helper's side, for any driver; [`Machined`] is the controller's, and a driver itself. The helper
//! takes the calls of the machines port and nothing else. What it makes machines from, what walls them in and how much
//! they may use it knows from its own configuration: a controller that was taken over can ask for machines, and that
//! is all. It never parses what comes from a network, and knows neither sessions nor credentials.

mod client;
mod policy;
mod server;
mod socket;
mod wire;

pub use client::Machined;
pub use policy::Policy;
pub use server::Server;
pub use socket::{Socket, SocketError};
pub use wire::{Hello, Request, decode};
