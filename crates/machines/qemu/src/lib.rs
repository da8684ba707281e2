//! The qemu driver: virtual machines of one image, each behind a wall of its own.
//!
//! A machine's disk is the guest image as a read-only erofs file, with a layer in the guest's memory above it; its kernel
//! is Debian's own for clouds; process 1 is `guest`, which prepares what is the same in all machines, a desktop as well,
//! and knows nothing of its own until the host tells it what it is. What a machine is to know (token, time, random bytes,
//! addresses) travels in that message over a channel of its own, and never stands in arguments, environment or files. QEMU itself runs as a user that owns nothing, without a capability, in namespaces
//! of its own without a network, with its own filter of system calls, and with open files for all that it reads; its one
//! way out is the machine's cable, at which the host's firewall stands.
//!
//! The controller sees [`QemuDriver`] only; the program calls [`init_main`] when it is started as a machine's launcher.
//! x86-64 only. Nothing here knows what a machine is for.

mod command;
mod cpio;
mod driver;
mod guest;
mod launcher;
mod lines;
mod parts;
mod plan;
mod qmp;
mod template;
mod wire;

use std::{ffi::OsString, process::ExitCode};

pub use command::Accelerator;
pub use driver::{Accelerate, Config, Qemu, QemuDriver, TemplateOf, open};
pub use guest::main as guest_main;
pub use parts::Sources;

/// The launcher: what the program does as `anteroom qemu-init ARGUMENTS`. It must be called while the process has one
/// thread only, before any runtime is started. It returns when the machine has ended.
#[must_use]
pub fn init_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    launcher::main(&arguments)
}
