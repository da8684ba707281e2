//! The machine's root: the image below, memory above; and the kernel's own file systems.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
};

use anteroom_machines::AGENT_PATH;
use anteroom_machines_host::launcher::{Failure, Step as _, mounts};
use rustix::mount::{MountFlags, mount, mount_bind, mount_move, mount_remount};

use super::devices;
use crate::wire::Start;

/// The guest image, and the agent.
const DISKS: [(&str, &str); 2] = [("/dev/vda", "/image"), ("/dev/vdb", "/agent")];
/// Files and directories that the machine may make; Debian's default is one for each two pages of memory.
const MAX_FILES: u32 = 500_000;
const WRITABLE: &str = "/writable";
const ROOT: &str = "/root";
const GROUP: &str = "/groups/agent";
/// In the machine, for its size to be set when it is known.
const UPPER: &str = "/mnt";

/// The group of the agent and all that it starts: open files, for they have no path in the machine's root.
pub(super) struct Groups {
    processes: File,
    most: File,
}

impl Groups {
    /// Bounds processes and threads.
    pub(super) fn limit(&self, pids: u32) -> Result<(), Failure> {
        (&self.most).write_all(pids.to_string().as_bytes()).step(|| "limit the number of processes".to_owned())
    }

    /// Where a process joins by writing 0.
    pub(super) fn processes(&self) -> Result<File, Failure> {
        self.processes.try_clone().step(|| "use the agent's group".to_owned())
    }
}

/// Devices, processes and groups, as the kernel shows them.
pub(super) fn mount_kernel() -> Result<(), Failure> {
    for (kind, path) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("cgroup2", "/groups")] {
        mount(kind, path, kind, MountFlags::NOSUID | MountFlags::NOEXEC, None).step(|| format!("mount {path}"))?;
    }
    Ok(())
}

/// Puts the root together and enters it.
pub(super) fn enter() -> Result<Groups, Failure> {
    let groups = groups()?;
    for (disk, path) in DISKS {
        devices::wait_for(Path::new(disk))?;
        mount(disk, path, "erofs", MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV, None)
            .step(|| format!("mount {disk}"))?;
    }
    mounts::memory(Path::new(WRITABLE), "mode=0700", MountFlags::NOSUID | MountFlags::NODEV)?;
    for name in ["upper", "work"] {
        mounts::make(&Path::new(WRITABLE).join(name))?;
    }
    let layers = c"lowerdir=/image,upperdir=/writable/upper,workdir=/writable/work";
    mount("overlay", ROOT, "overlay", MountFlags::NOSUID | MountFlags::NODEV, layers)
        .step(|| "mount an overlay over the image".to_owned())?;
    bind_agent()?;
    terminals()?;
    let root = Path::new(ROOT);
    for path in ["dev", "proc"] {
        mount_move(Path::new("/").join(path), root.join(path)).step(|| format!("move {path}"))?;
    }
    // Only this process can go there; the first message says how large it may become.
    mounts::make(&root.join(UPPER.trim_start_matches('/')))?;
    mount_move(WRITABLE, root.join(UPPER.trim_start_matches('/'))).step(|| "keep the writable layer".to_owned())?;
    devices::wait_for(Path::new(&format!("{ROOT}{}", super::CONTROL)))?;
    switch(root)?;
    Ok(groups)
}

/// What only the first message tells: how much may be written.
pub(super) fn bound(start: &Start) -> Result<(), Failure> {
    let step = || format!("bound written files to {} MiB", start.disk_mb);
    let size = format!("size={}m,nr_inodes={MAX_FILES}", start.disk_mb);
    let size = std::ffi::CString::new(size).step(step)?;
    mount_remount(UPPER, MountFlags::NOSUID | MountFlags::NODEV, size.as_c_str()).step(step)?;
    let size = format!("size={}m,nr_inodes=4096,mode=1777", start.shared_memory_mb);
    mounts::make(Path::new("/dev/shm"))?;
    mounts::memory(Path::new("/dev/shm"), &size, MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC)
}

fn groups() -> Result<Groups, Failure> {
    let step = || "make the agent's group".to_owned();
    fs::write("/groups/cgroup.subtree_control", "+pids").step(step)?;
    fs::create_dir(GROUP).step(step)?;
    let open = |name: &str| OpenOptions::new().write(true).open(Path::new(GROUP).join(name)).step(step);
    Ok(Groups { processes: open("cgroup.procs")?, most: open("pids.max")? })
}

/// The agent comes from the host, so that it is never older than the controller.
fn bind_agent() -> Result<(), Failure> {
    let target = Path::new(ROOT).join(AGENT_PATH.trim_start_matches('/'));
    let step = || format!("bind the guest agent to {AGENT_PATH}");
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).step(step)?;
    }
    fs::write(&target, "").step(step)?;
    let agent = Path::new("/agent").join(crate::parts::AGENT_NAME);
    mount_bind(&agent, &target).step(step)
}

fn terminals() -> Result<(), Failure> {
    mounts::make(Path::new("/dev/pts"))?;
    let options = c"newinstance,ptmxmode=0666,mode=0620,max=256";
    mount("devpts", "/dev/pts", "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, options)
        .step(|| "mount the machine's pseudo-terminals".to_owned())?;
    // The kernel's own node would open the first instance of them.
    let _ = fs::remove_file("/dev/ptmx");
    std::os::unix::fs::symlink("pts/ptmx", "/dev/ptmx").step(|| "link /dev/ptmx".to_owned())?;
    for (name, to) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        std::os::unix::fs::symlink(format!("/proc/self/fd{to}"), Path::new("/dev").join(name))
            .step(|| format!("link /dev/{name}"))?;
    }
    Ok(())
}

/// The first root can't be left by `pivot_root`; it is covered.
fn switch(root: &Path) -> Result<(), Failure> {
    let step = || "make the machine's tree the root".to_owned();
    std::env::set_current_dir(root).step(step)?;
    mount_move(".", "/").step(step)?;
    rustix::process::chroot(".").step(step)?;
    std::env::set_current_dir("/").step(step)
}
