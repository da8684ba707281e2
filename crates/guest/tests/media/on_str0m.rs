//! The tests on the engine `str0m`.

use anteroom_protocol::guest::MediaEngine;

pub(crate) const ENGINE: MediaEngine = MediaEngine::Str0m;
/// In the order of their preference.
pub(crate) const CANDIDATES: &[&str] = &[" udp ", " tcp "];

#[path = "connection.rs"]
mod connection;
#[path = "input.rs"]
mod input;
#[path = "tcp.rs"]
mod tcp;
#[path = "views.rs"]
mod views;
