//! The agent's terminal, where the agent's other files look for it.

#[path = "../../crates/guest/src/terminal/screen.rs"]
#[allow(dead_code, unreachable_pub, reason = "it has more than is used here")]
mod screen;

pub(crate) use screen::{Row, Screen};
