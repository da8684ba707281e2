//! What every driver on one Linux host needs: names, groups, the firewall, devices, processes, and the machines that
//! are found by them.
//!
//! A driver brings a [`Kind`]: which program becomes a machine, and the document that tells it all. [`Machines`] is
//! the port's driver for any kind; [`launcher`] is the machine's side of it, up to where the kinds differ. Nothing here
//! knows how a machine runs, or what it is for.

pub mod cgroup;
mod config;
pub mod console;
pub mod files;
mod firewall;
mod forwarding;
#[cfg(feature = "lab")]
pub mod lab;
mod launch;
pub mod launcher;
mod machines;
pub mod netlink;
pub mod process;
mod range;
mod reach;
mod turns;
pub mod wire;
mod world;

use std::{fs, io, path::Path};

use anteroom_protocol::MachineId;

pub use config::{Exception, HostConfig, InvalidConfig, InvalidPool, NetworkPolicy, Pool, Transport};
pub use launch::Launcher;
pub use machines::{Circumstances, Kind, Machines, OpenError};
pub use range::{InvalidPool6, InvalidRange, Pool6, Range};
pub use world::During;

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
