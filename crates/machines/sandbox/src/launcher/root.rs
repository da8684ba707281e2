//! The machine's root: the image below, a bounded layer in memory above, and nothing of the host beside it.
//!
//! All mounts are made in a mount namespace of the machine's own and end with it. There is no /sys.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anteroom_machines::AGENT_PATH;
use anteroom_machines_host::{
    launcher::{Failure, Step as _, mounts},
    wire::ROOT_DIRECTORY,
};
use rustix::mount::{MountFlags, mount, mount_bind, mount_remount};

use crate::wire::Launch;

/// Devices that every program expects; each is the host's own.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];
/// Files and directories that the machine may make; Debian's default is one for each two pages of memory.
const MAX_FILES: u32 = 500_000;

/// Puts the root together and enters it.
pub(super) fn enter(launch: &Launch) -> Result<(), Failure> {
    mounts::cut_off()?;
    let root = overlay(launch)?;
    mounts::proc(&root.join("proc"))?;
    mount_devices(&root, launch)?;
    bind_agent(&root, &launch.agent)?;
    mounts::pivot(&root)
}

/// The layer above lies in memory of its own size, and so within the machine's memory limit too.
fn overlay(launch: &Launch) -> Result<PathBuf, Failure> {
    let base = launch.place.directory.join(ROOT_DIRECTORY);
    mounts::make(&base)?;
    let size = mounts::options(&format!("size={}m,nr_inodes={MAX_FILES},mode=0700", launch.disk_mb))?;
    mount("tmpfs", &base, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, size.as_c_str())
        .step(|| format!("mount {} MiB of memory at {}", launch.disk_mb, base.display()))?;
    let (upper, work, root) = (base.join("upper"), base.join("work"), base.join("root"));
    for path in [&upper, &work, &root] {
        mounts::make(path)?;
    }
    // A colon would divide the image's path into two layers.
    let lower = launch.image.display().to_string().replace('\\', "\\\\").replace(':', "\\:");
    let layers = mounts::options(&format!("lowerdir={lower},upperdir={},workdir={}", upper.display(), work.display()))?;
    mount("overlay", &root, "overlay", MountFlags::NOSUID | MountFlags::NODEV, layers.as_c_str())
        .step(|| format!("mount an overlay over the image {}", launch.image.display()))?;
    Ok(root)
}

fn mount_devices(root: &Path, launch: &Launch) -> Result<(), Failure> {
    let dev = root.join("dev");
    mounts::memory(&dev, "size=64k,nr_inodes=64,mode=0755", MountFlags::NOSUID | MountFlags::NOEXEC)?;
    for name in DEVICES {
        let target = dev.join(name);
        fs::write(&target, "")
            .and_then(|()| mount_bind(Path::new("/dev").join(name), &target).map_err(Into::into))
            .step(|| format!("bind /dev/{name}"))?;
    }
    for (name, to) in DEVICE_LINKS {
        std::os::unix::fs::symlink(to, dev.join(name)).step(|| format!("link /dev/{name}"))?;
    }
    mounts::make(&dev.join("pts"))?;
    let pts = mounts::options("newinstance,ptmxmode=0666,mode=0620,max=256")?;
    mount("devpts", dev.join("pts"), "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, pts.as_c_str())
        .step(|| "mount the machine's pseudo-terminals".to_owned())?;
    mounts::make(&dev.join("shm"))?;
    let size = format!("size={}m,nr_inodes=4096,mode=1777", launch.shared_memory_mb);
    mounts::memory(&dev.join("shm"), &size, MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC)
}

/// The agent comes from the host, so that it is never older than the controller.
fn bind_agent(root: &Path, agent: &Path) -> Result<(), Failure> {
    let target = root.join(AGENT_PATH.trim_start_matches('/'));
    let step = || format!("bind the guest agent {} to {AGENT_PATH}", agent.display());
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).step(step)?;
    }
    fs::write(&target, "").step(step)?;
    mount_bind(agent, &target).step(step)?;
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    mount_remount(&target, flags, c"").step(step)
}
