//! The sandbox driver: machines of this host's own namespaces, over one image tree.
//!
//! Each machine has mount, pid, ipc, uts, network, cgroup and user namespaces of its own, a host user of its own
//! without capabilities, a root that is an overlay in memory, limits by cgroup, and one cable into the host, at which
//! the firewall stands. The controller sees [`SandboxDriver`] only; the program calls [`init_main`] when it is started
//! as a machine's launcher. Nothing here knows what a machine is for.

mod driver;
mod launcher;
mod plan;
mod wire;

use std::{ffi::OsString, process::ExitCode};

pub use driver::{Config, Sandbox, SandboxDriver, open};

/// The launcher: what the program does as `anteroom sandbox-init ARGUMENTS`. It must be called while the process has
/// one thread only, before any runtime is started. It returns when the machine has ended.
#[must_use]
pub fn init_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    launcher::main(&arguments)
}
