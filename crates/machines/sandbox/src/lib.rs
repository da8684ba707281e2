//! The sandbox driver: machines of this host's own namespaces, over one image tree.
//!
//! Each machine has mount, pid, ipc, uts, network, cgroup and user namespaces of its own, a host user of its own
//! without capabilities, a root that is an overlay in memory, limits by cgroup, and one cable into the host, at which
//! the firewall stands. The controller sees [`SandboxDriver`] only; the program calls [`init_main`] when it is started
//! as a machine's launcher. Nothing here knows what a machine is for.

mod cgroup;
mod config;
mod driver;
mod firewall;
mod launch;
mod launcher;
mod netlink;
mod plan;
mod process;
mod wire;
mod world;

use std::{ffi::OsString, fs, io, path::Path, process::ExitCode};

use anteroom_protocol::MachineId;

pub use config::{Config, Exception, InvalidConfig, InvalidPool, NetworkPolicy, Pool, Transport};
pub use driver::{OpenError, SandboxDriver};

/// The launcher: what the program does as `anteroom sandbox-init ARGUMENTS`. It must be called while the process has
/// one thread only, before any runtime is started. It returns when the machine has ended.
#[must_use]
pub fn init_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    launcher::main(&arguments)
}

/// The machines after which entries of a directory are named; none when there is no directory.
fn machine_directories(path: &Path) -> io::Result<Vec<MachineId>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut all = Vec::new();
    for entry in entries {
        all.extend(entry?.file_name().to_str().and_then(|name| name.parse().ok()));
    }
    Ok(all)
}
