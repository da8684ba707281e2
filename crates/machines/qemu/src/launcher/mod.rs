//! The process that becomes a virtual machine: `anteroom qemu-init --machine ID RUN_DIR`.
//!
//! Below the monitor there is QEMU, in a pid namespace of its own. The monitor holds the other ends of QEMU's console,
//! of its own control channel (QMP) and of the guest's; they are pairs of sockets that have no name, so that nobody else
//! can speak on them. It tells the guest what it shall be, and writes down how it ended.

mod confine;
mod monitor;
mod tap;
mod vm;

use std::{ffi::OsString, process::ExitCode};

use anteroom_machines_host::launcher;

pub(crate) use confine::QEMU;

/// What the program does when it is called as launcher: `arguments` are those after `qemu-init`. It returns when the
/// machine has ended.
#[must_use]
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    launcher::main(arguments, monitor::run)
}
