//! The guest agent's library: desktop, media, input, terminal, capture.

pub mod agent;
pub mod browser;
pub mod capture;
pub mod child_log;
pub mod controller;
mod descriptor;
pub mod desktop;
pub mod encode;
pub mod inject;
pub mod layout;
pub mod login;
pub mod media;
mod priority;
pub mod reports;
pub mod run;
pub mod screen;
pub mod shim;
pub mod signaling;
pub mod terminal;
pub mod warm;
