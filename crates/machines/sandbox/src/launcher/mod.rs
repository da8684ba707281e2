//! The process that becomes a machine: `anteroom sandbox-init --machine ID RUN_DIR`.
//!
//! Below the monitor, init makes the machine's other namespaces, its cable and its root, starts the agent and ends with
//! it; then the kernel ends whatever is left.

mod init;
mod monitor;
mod network;
mod root;

use std::{ffi::OsString, process::ExitCode};

use anteroom_machines_host::launcher;

/// What the program does when it is called as launcher: `arguments` are those after `sandbox-init`. It returns when
/// the machine has ended.
#[must_use]
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    launcher::main(arguments, monitor::run)
}
