//! The guest agent's library: desktop, media, input, terminal, capture.

pub mod encode;
pub mod inject;
pub mod media;
pub mod screen;
pub mod agent;
pub mod browser;
pub mod capture;
pub mod child_log;
pub mod controller;
pub mod desktop;
pub mod layout;
pub mod login;
pub mod reports;
pub mod shim;
pub mod signaling;
pub mod terminal;
mod descriptor;
