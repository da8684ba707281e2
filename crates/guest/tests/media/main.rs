//! The media engine against a real X server and a viewer on loopback.

mod connection;
mod display;
mod encoding;
mod input;
mod screen;
mod tcp;
mod viewer;
mod views;
