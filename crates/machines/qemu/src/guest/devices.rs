//! Kernel modules, and waiting for the devices that they find: the kernel tells of each, so that nothing is asked twice
//! and nothing is slept for.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anteroom_machines_host::launcher::{Failure, Step as _};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_KOBJECT_UEVENT};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Under emulation on a busy host.
const DEVICE_DEADLINE: Duration = Duration::from_secs(60);

/// Loads all modules in the order of their names.
pub(super) fn load_modules(directory: &Path) -> Result<(), Failure> {
    let step = || format!("list {}", directory.display());
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .step(step)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .step(step)?;
    files.sort();
    for path in files {
        let step = || format!("load the module {}", path.display());
        let module = File::open(&path).step(step)?;
        rustix::system::finit_module(&module, c"", 0).step(step)?;
    }
    Ok(())
}

/// Waits until a device has its node.
pub(super) fn wait_for(path: &Path) -> Result<(), Failure> {
    appeared(path).step(|| format!("wait for {}", path.display()))
}

fn appeared(path: &Path) -> io::Result<()> {
    // Listening before looking: what appears in between is heard.
    let mut events = Socket::new(NETLINK_KOBJECT_UEVENT)?;
    events.bind(&SocketAddr::new(0, 1))?;
    let deadline = Instant::now() + DEVICE_DEADLINE;
    while !path.exists() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the virtual machine has no such device"));
        }
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        if poll(&mut [PollFd::new(&events, PollFlags::IN)], Some(&left))? > 0 {
            events.recv_from_full()?;
        }
    }
    Ok(())
}
