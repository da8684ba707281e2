//! The CLI's terminal: a PTY with a real VT grid behind it.
//!
//! CLIs place words with cursor movements, wrap long lines, colour them, and some ask the terminal a question
//! and wait for the answer. So what they write is drawn onto a grid and read from its rows; nothing is ever
//! searched in the stream of bytes. This module never decides what a row means.

mod pty;
mod questions;
mod screen;
mod snapshot;

pub use pty::{Pty, PtyChild, SpawnError, spawn};
pub use questions::Questions;
pub use screen::{Row, Screen};

/// Columns of the CLI's terminal. Sign-in URLs have 300 to 900 characters, and some CLIs break them by
/// themselves at the terminal's width.
pub const COLUMNS: u16 = 400;
/// Rows of the CLI's terminal.
pub const ROWS: u16 = 50;
