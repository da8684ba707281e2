//! The machine's root: the image below, a bounded layer in memory above, and nothing of the host beside it.
//!
//! All mounts are made in a mount namespace of the machine's own and end with it. There is no /sys.

use std::{
    ffi::CString,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, lchown},
    path::{Path, PathBuf},
};

use anteroom_machines::{AGENT_PATH, GUEST_UID, HOME};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_remount, unmount,
};

use super::{Failure, Step as _};
use crate::wire::{How, Launch, Owner, PlannedFile, ROOT_DIRECTORY};

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
    // Otherwise the mounts below would appear on the host too.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .step(|| "cut the mounts off from the host's".to_owned())?;
    let root = overlay(launch)?;
    mount_proc(&root)?;
    mount_devices(&root, launch)?;
    bind_agent(&root, &launch.agent)?;
    pivot(&root)
}

/// Writes what the machine's files are. Called inside the new root, so that links in the image lead nowhere else.
pub(super) fn furnish(launch: &Launch) -> Result<(), Failure> {
    let user = launch.uid;
    for (path, mode, owner) in [
        ("/tmp".to_owned(), 0o1777, 0),
        ("/tmp/.X11-unix".to_owned(), 0o1777, 0),
        ("/run".to_owned(), 0o755, 0),
        ("/run/user".to_owned(), 0o755, 0),
        (format!("/run/user/{GUEST_UID}"), 0o700, user),
        (HOME.to_owned(), 0o700, user),
    ] {
        directory(Path::new(&path), mode, owner).step(|| format!("make the directory {path}"))?;
    }
    give(Path::new(HOME), user).step(|| format!("give {HOME} to the machine's user"))?;
    for file in &launch.files {
        write(file, user).step(|| format!("write {}", file.path))?;
    }
    Ok(())
}

/// The layer above lies in memory of its own size, and so within the machine's memory limit too.
fn overlay(launch: &Launch) -> Result<PathBuf, Failure> {
    let base = launch.directory.join(ROOT_DIRECTORY);
    make(&base)?;
    let size = options(&format!("size={}m,nr_inodes={MAX_FILES},mode=0700", launch.disk_mb))?;
    mount("tmpfs", &base, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, size.as_c_str())
        .step(|| format!("mount {} MiB of memory at {}", launch.disk_mb, base.display()))?;
    let (upper, work, root) = (base.join("upper"), base.join("work"), base.join("root"));
    for path in [&upper, &work, &root] {
        make(path)?;
    }
    // A colon would divide the image's path into two layers.
    let lower = launch.image.display().to_string().replace('\\', "\\\\").replace(':', "\\:");
    let layers = options(&format!("lowerdir={lower},upperdir={},workdir={}", upper.display(), work.display()))?;
    mount("overlay", &root, "overlay", MountFlags::NOSUID | MountFlags::NODEV, layers.as_c_str())
        .step(|| format!("mount an overlay over the image {}", launch.image.display()))?;
    Ok(root)
}

fn mount_proc(root: &Path) -> Result<(), Failure> {
    let target = root.join("proc");
    mount("proc", &target, "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)
        .step(|| format!("mount proc at {}", target.display()))
}

fn mount_devices(root: &Path, launch: &Launch) -> Result<(), Failure> {
    let dev = root.join("dev");
    memory(&dev, "size=64k,nr_inodes=64,mode=0755", MountFlags::NOSUID | MountFlags::NOEXEC)?;
    for name in DEVICES {
        let target = dev.join(name);
        fs::write(&target, "")
            .and_then(|()| mount_bind(Path::new("/dev").join(name), &target).map_err(Into::into))
            .step(|| format!("bind /dev/{name}"))?;
    }
    for (name, to) in DEVICE_LINKS {
        std::os::unix::fs::symlink(to, dev.join(name)).step(|| format!("link /dev/{name}"))?;
    }
    make(&dev.join("pts"))?;
    let pts = options("newinstance,ptmxmode=0666,mode=0620,max=256")?;
    mount("devpts", dev.join("pts"), "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, pts.as_c_str())
        .step(|| "mount the machine's pseudo-terminals".to_owned())?;
    make(&dev.join("shm"))?;
    let size = format!("size={}m,nr_inodes=4096,mode=1777", launch.shared_memory_mb);
    memory(&dev.join("shm"), &size, MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC)
}

fn memory(target: &Path, data: &str, flags: MountFlags) -> Result<(), Failure> {
    let data = options(data)?;
    mount("tmpfs", target, "tmpfs", flags, data.as_c_str()).step(|| format!("mount memory at {}", target.display()))
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

/// Leaves the host's tree for good.
fn pivot(root: &Path) -> Result<(), Failure> {
    std::env::set_current_dir(root).step(|| format!("enter {}", root.display()))?;
    rustix::process::pivot_root(".", ".").step(|| "make the machine's tree the root".to_owned())?;
    unmount(".", UnmountFlags::DETACH).step(|| "let go of the host's tree".to_owned())?;
    std::env::set_current_dir("/").step(|| "enter the new root".to_owned())
}

fn make(path: &Path) -> Result<(), Failure> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).step(|| format!("make the directory {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn options(text: &str) -> Result<CString, Failure> {
    CString::new(text).step(|| "write mount options".to_owned())
}

fn directory(path: &Path, mode: u32, owner: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    chown(path, Some(owner), Some(owner))
}

/// Everything below the home directory is the user's, as the image has it.
fn give(path: &Path, owner: u32) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        lchown(entry.path(), Some(owner), Some(owner))?;
        if entry.file_type()?.is_dir() {
            give(&entry.path(), owner)?;
        }
    }
    Ok(())
}

fn write(file: &PlannedFile, user: u32) -> io::Result<()> {
    let owner = match file.owner {
        Owner::Root => 0,
        Owner::User => user,
    };
    let path = Path::new(&file.path);
    make_parents(path, owner)?;
    let mut options = OpenOptions::new();
    match file.how {
        // A link in its place is replaced, not followed.
        How::Replace => {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            options.write(true).create_new(true).mode(0o600)
        }
        How::Append => options.append(true).create(true).mode(0o600),
    };
    let mut opened = options.open(path)?;
    opened.write_all(file.contents.as_bytes())?;
    std::os::unix::fs::fchown(&opened, Some(owner), Some(owner))?;
    opened.set_permissions(fs::Permissions::from_mode(file.mode))
}

/// Directories that are missing belong to whom the file belongs.
fn make_parents(path: &Path, owner: u32) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    if parent.exists() {
        return Ok(());
    }
    make_parents(parent, owner)?;
    fs::create_dir(parent)?;
    chown(parent, Some(owner), Some(owner))
}
