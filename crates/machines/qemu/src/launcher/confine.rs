//! The walls around QEMU, so that a guest that breaks out of it has won nothing: namespaces of its own with no network, a
//! root in which there is QEMU's program and nothing to write, a user that owns nothing, no capability and no way to one.

use std::{
    fs::{self, File, Permissions},
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{
            fs::{PermissionsExt as _, chown, symlink},
            process::CommandExt as _,
        },
    },
    path::Path,
    process::{Command, Stdio},
};

use anteroom_machines_host::{
    launcher::{Failure, Step as _, mounts, user},
    wire::{Place, ROOT_DIRECTORY},
};
use rustix::{
    fs::{FileType, Mode, makedev, mknodat},
    mount::{MountFlags, mount_bind, mount_remount},
    process::Signal,
    thread::UnshareFlags,
};

use crate::command::{Accelerator, Fd};

/// Where Debian has it.
pub(crate) const QEMU: &str = "/usr/bin/qemu-system-x86_64";
/// What Debian has beside /usr, as links into it.
const LINKS: [&str; 4] = ["bin", "lib", "lib64", "sbin"];
/// KVM's device (Documentation/admin-guide/devices.txt).
const KVM: (u32, u32) = (10, 232);

/// An open file, and the number under which QEMU finds it.
pub(super) struct Passed {
    pub(super) fd: Fd,
    pub(super) file: OwnedFd,
}

/// Makes the walls that need root; QEMU's process is to end with this one's parent.
pub(super) fn enclose(place: &Place, accelerator: Accelerator) -> Result<(), Failure> {
    let own = UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // SAFETY: this shares no file descriptors with another thread; there is none.
    unsafe { rustix::thread::unshare_unsafe(own) }.step(|| "make mount, ipc and uts namespaces".to_owned())?;
    // Kernels without cgroups have no such namespace; then there is nothing to hide either.
    // SAFETY: as above.
    let _ = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWCGROUP) };
    root(place, accelerator)
}

/// A network namespace with nothing in it.
pub(super) fn leave_network() -> Result<(), Failure> {
    // SAFETY: this shares no file descriptors with another thread; there is none.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.step(|| "make a network namespace".to_owned())
}

fn root(place: &Place, accelerator: Accelerator) -> Result<(), Failure> {
    mounts::cut_off()?;
    let root = place.directory.join(ROOT_DIRECTORY);
    mounts::make(&root)?;
    mounts::memory(&root, "size=64k,nr_inodes=64,mode=0755", MountFlags::NOSUID)?;
    let usr = root.join("usr");
    mounts::make(&usr)?;
    let step = || "show QEMU its program".to_owned();
    mount_bind("/usr", &usr).step(step)?;
    mount_remount(&usr, MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV, c"")
        .step(step)?;
    for name in LINKS {
        let link = Path::new("/").join(name);
        if link.exists() {
            symlink(Path::new("usr").join(name), root.join(name)).step(step)?;
        }
    }
    mounts::make(&root.join("proc"))?;
    mounts::proc(&root.join("proc"))?;
    mounts::make(&root.join("dev"))?;
    fs::write(root.join("dev/null"), "").step(step)?;
    mount_bind("/dev/null", root.join("dev/null")).step(step)?;
    match accelerator {
        Accelerator::Kvm => kvm(&root.join("dev/kvm"), place.uid)?,
        Accelerator::Tcg => {}
    }
    mounts::pivot(&root)
}

/// The host's own node belongs to a group that QEMU is not in.
fn kvm(path: &Path, uid: u32) -> Result<(), Failure> {
    let step = || "give QEMU the device of KVM".to_owned();
    mknodat(rustix::fs::CWD, path, FileType::CharacterDevice, Mode::from_raw_mode(0o600), makedev(KVM.0, KVM.1))
        .step(step)?;
    chown(path, Some(uid), Some(uid)).step(step)
}

/// Becomes QEMU. Returns only when it fails.
pub(super) fn exec(uid: u32, arguments: &[String], files: Vec<Passed>, console: OwnedFd) -> Failure {
    let streams = || "set up QEMU's streams".to_owned();
    let prepared = aside(&console).step(streams).and_then(|console| {
        pass(files)?;
        let errors = console.try_clone().step(streams)?;
        user::become_user(uid)?;
        // Without a monitor nobody would see its end. The kernel forgets this when the user changes, so that it comes last.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .step(|| "tie QEMU to its monitor".to_owned())?;
        Ok((console, errors))
    });
    let (console, errors) = match prepared {
        Ok(streams) => streams,
        Err(failure) => return failure,
    };
    let error = Command::new(QEMU)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::from(console))
        .stderr(Stdio::from(errors))
        .exec();
    Failure { step: format!("start {QEMU}"), detail: error.to_string() }
}

/// The same file, out of the way of all numbers that QEMU's files get.
fn aside(file: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    const OUT_OF_THE_WAY: i32 = 64;
    rustix::io::fcntl_dupfd_cloexec(file, OUT_OF_THE_WAY)
}

/// Puts each file under its number.
fn pass(files: Vec<Passed>) -> Result<(), Failure> {
    let step = || "hand QEMU its files".to_owned();
    let moved = files.iter().map(|passed| aside(&passed.file).map(|file| (passed.fd, file)));
    let moved = moved.collect::<Result<Vec<_>, _>>().step(step)?;
    drop(files);
    for (fd, file) in moved {
        // SAFETY: whatever had the number is not used any more: this process becomes another program.
        let done = unsafe { libc::dup2(file.as_raw_fd(), fd.number()) };
        if done < 0 {
            return Err(io::Error::last_os_error()).step(step);
        }
    }
    Ok(())
}

/// Whether any user may read a file: QEMU reads its files as one that owns none.
pub(super) fn open_for_all(path: &Path) -> Result<OwnedFd, Failure> {
    let step = || format!("open {}", path.display());
    let file = File::open(path).step(step)?;
    let mode = file.metadata().step(step)?.permissions();
    if mode.mode() & 0o004 == 0 {
        let readable = Permissions::from_mode(mode.mode() | 0o444);
        file.set_permissions(readable).step(step)?;
    }
    Ok(file.into())
}
