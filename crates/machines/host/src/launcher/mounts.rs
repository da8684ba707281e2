//! The mounts of which every machine's root is put together. They are made in a mount namespace of the machine's own, or
//! in the machine, and end with it.

use std::{ffi::CString, fs, io, path::Path};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};

use super::{Failure, Step as _};

/// Cuts this process's mounts off from the host's, on which they would appear otherwise.
///
/// # Errors
/// The process has no mount namespace of its own.
pub fn cut_off() -> Result<(), Failure> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .step(|| "cut the mounts off from the host's".to_owned())
}

/// Makes a directory unless it is there.
///
/// # Errors
/// It can't be made.
pub fn make(path: &Path) -> Result<(), Failure> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).step(|| format!("make the directory {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Mounts memory with these options.
///
/// # Errors
/// The kernel refuses it.
pub fn memory(target: &Path, data: &str, flags: MountFlags) -> Result<(), Failure> {
    let data = options(data)?;
    mount("tmpfs", target, "tmpfs", flags, data.as_c_str())
        .step(|| format!("mount memory ({}) at {}", data.to_string_lossy(), target.display()))
}

/// Mounts what the kernel tells of this pid namespace's processes.
///
/// # Errors
/// The kernel refuses it.
pub fn proc(target: &Path) -> Result<(), Failure> {
    mount("proc", target, "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)
        .step(|| format!("mount proc at {}", target.display()))
}

/// Makes a tree the root, and leaves the host's for good.
///
/// # Errors
/// The kernel refuses it.
pub fn pivot(root: &Path) -> Result<(), Failure> {
    std::env::set_current_dir(root).step(|| format!("enter {}", root.display()))?;
    rustix::process::pivot_root(".", ".").step(|| "make the machine's tree the root".to_owned())?;
    unmount(".", UnmountFlags::DETACH).step(|| "let go of the host's tree".to_owned())?;
    std::env::set_current_dir("/").step(|| "enter the new root".to_owned())
}

/// Options as the kernel takes them.
///
/// # Errors
/// There is a NUL in them.
pub fn options(text: &str) -> Result<CString, Failure> {
    CString::new(text).step(|| "write mount options".to_owned())
}
