//! The tests on the engine `webrtcbin`.

use anteroom_protocol::guest::MediaEngine;

pub(crate) const ENGINE: MediaEngine = MediaEngine::Webrtcbin;
/// In the order of their preference.
pub(crate) const CANDIDATES: &[&str] = &[" udp "];

#[path = "connection.rs"]
mod connection;
#[path = "epochs.rs"]
mod epochs;
#[path = "input.rs"]
mod input;
#[path = "views.rs"]
mod views;
