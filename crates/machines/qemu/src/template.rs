//! Templates: a virtual machine that was booted once, stopped where it waits to be told what it is, and saved. Each clone
//! begins there. At that point its desktop is up, nothing of one machine was made yet, and no process runs that will ever
//! make a key (see `guest`).
//!
//! The memory of all clones is one: a file in the kernel's memory that is sealed, so that not even the host's root can
//! change it, and each clone keeps what it changes beside it.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    net::Ipv4Addr,
    os::{
        fd::AsRawFd as _,
        unix::fs::{DirBuilderExt as _, FileExt as _, PermissionsExt as _, chown},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anteroom_machines::OperationError;
use anteroom_machines_host::{
    During as _, HostConfig, Launcher,
    wire::{CONSOLE_FILE, Cable, Place, Report},
};
use anteroom_protocol::{MachineId, Secret};
use rustix::fs::{MemfdFlags, SealFlags, SeekFrom, fcntl_add_seals, memfd_create, seek};

use crate::{
    command::{Memory, Shape},
    wire::{Launch, Parts, Purpose},
};

const MEMORY_FILE: &str = "memory";
const STATE_FILE: &str = "state";
/// How much is copied at once.
const CHUNK_BYTES: usize = 1 << 20;
const MIB: u64 = 1024 * 1024;

/// A template that clones can be made of.
pub(crate) struct Template {
    memory: File,
    state: PathBuf,
}

/// What it takes to make one.
pub(crate) struct Maker<'a> {
    pub(crate) host: &'a HostConfig,
    pub(crate) launcher: &'a (PathBuf, Vec<std::ffi::OsString>),
    pub(crate) parts: &'a Parts,
    pub(crate) deadline: Duration,
}

impl Template {
    /// The template of this directory, made unless it is there.
    pub(crate) fn ensure(maker: &Maker<'_>, shape: &Shape, directory: &Path) -> Result<Self, OperationError> {
        let step = || format!("make the template {}", directory.display());
        fs::create_dir_all(directory.parent().unwrap_or(Path::new("/"))).during(step, None)?;
        let lock = File::create(directory.with_extension("lock")).during(step, None)?;
        lock.lock().during(step, None)?;
        if !directory.exists() {
            let made = maker.make(shape, &directory.with_extension("making"))?;
            fs::rename(made, directory).during(step, None)?;
        }
        let memory = sealed(&directory.join(MEMORY_FILE)).during(|| "load the template's memory".to_owned(), None)?;
        Ok(Self { memory, state: directory.join(STATE_FILE) })
    }

    /// What a clone reads instead of booting. The memory is held by this process; a launcher opens it while it starts.
    pub(crate) fn parts(&self, parts: &Parts) -> Parts {
        let memory = format!("/proc/{}/fd/{}", std::process::id(), self.memory.as_raw_fd());
        Parts { memory: Some(memory.into()), state: Some(self.state.clone()), ..parts.clone() }
    }
}

impl Maker<'_> {
    /// Boots a machine and saves it; where it is then. What an earlier one left that was killed is removed.
    pub(crate) fn make(&self, shape: &Shape, below: &Path) -> Result<PathBuf, OperationError> {
        let step = || format!("prepare {}", below.display());
        if below.exists() {
            fs::remove_dir_all(below).during(step, None)?;
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).during(step, None)?;
        let id = MachineId::from_random(random);
        let host = HostConfig { run_dir: below.to_owned(), ..self.host.clone() };
        let directory = host.directory(&id);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).during(step, None)?;
        // The pool's first address is no machine's, and so neither is its user.
        let uid = host.first_uid;
        let memory = directory.join(MEMORY_FILE);
        empty(&memory, u64::from(shape.memory_mb) * MIB, uid).during(step, None)?;
        let launch = self.launch(shape, &directory, uid);
        let booted = self.boot(&host, &id, &launch);
        booted.map_err(|error| with_console(error, &directory))?;
        for name in [MEMORY_FILE, STATE_FILE] {
            let path = directory.join(name);
            chown(&path, Some(0), Some(0))
                .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o444)))
                .during(|| format!("close {}", path.display()), None)?;
        }
        Ok(directory)
    }

    fn launch(&self, shape: &Shape, directory: &Path, uid: u32) -> Launch {
        let (link, alias) = (String::new(), String::new());
        let cable = Cable { link, alias, mtu: 0, address: Ipv4Addr::UNSPECIFIED, ends: Vec::new() };
        Launch {
            place: Place {
                directory: directory.to_owned(),
                cgroups: Vec::new(),
                uid,
                hostname: "template".to_owned(),
                cable,
            },
            shape: Shape { memory: Memory::Written, ..*shape },
            parts: Parts { memory: Some(directory.join(MEMORY_FILE)), state: None, ..self.parts.clone() },
            deadline_ms: u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
            purpose: Purpose::Template { state: directory.join(STATE_FILE) },
        }
    }

    fn boot(&self, host: &HostConfig, id: &MachineId, launch: &Launch) -> Result<(), OperationError> {
        let step = || "boot and save a virtual machine".to_owned();
        let document = Secret::new(serde_json::to_vec(launch).during(step, None)?);
        let deadline = Instant::now() + self.deadline;
        let mut launcher = Launcher::start(host, self.launcher, id, &document, deadline).during(step, None)?;
        let mut heard = || match launcher.report() {
            Ok(Report::Failed { step, detail }) => Err(OperationError { step, machine: None, detail }),
            Ok(Report::Prepared | Report::Running) => Ok(()),
            Err(error) => Err(error).during(step, None),
        };
        let saved = heard().and_then(|()| {
            launcher.go().during(step, None)?;
            match launcher.report().during(step, None)? {
                Report::Failed { step, detail } => Err(OperationError { step, machine: None, detail }),
                Report::Prepared | Report::Running => Ok(()),
            }
        });
        launcher.end().during(|| "end the template's virtual machine".to_owned(), None)?;
        saved
    }
}

/// Why a boot has failed is often on the console only.
fn with_console(error: OperationError, directory: &Path) -> OperationError {
    let console = fs::read_to_string(directory.join(CONSOLE_FILE)).unwrap_or_default();
    let lines: Vec<&str> = console.lines().rev().take(8).collect();
    let end: Vec<&str> = lines.into_iter().rev().collect();
    OperationError { detail: format!("{}; its console ends with: {}", error.detail, end.join(" | ")), ..error }
}

fn empty(path: &Path, length: u64, uid: u32) -> io::Result<()> {
    let file = File::create(path)?;
    file.set_len(length)?;
    chown(path, Some(uid), Some(uid))?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// The file's contents in the kernel's memory, which nobody can change from then on. Holes stay holes.
fn sealed(path: &Path) -> io::Result<File> {
    let from = OpenOptions::new().read(true).open(path)?;
    let length = from.metadata()?.len();
    let to = File::from(memfd_create("template", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    to.set_len(length)?;
    let (mut at, mut buffer) = (0, vec![0; CHUNK_BYTES]);
    while let Some(data) = next(&from, SeekFrom::Data(at))? {
        let end = next(&from, SeekFrom::Hole(data))?.unwrap_or(length);
        at = data;
        while at < end {
            let wanted = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
            from.read_exact_at(&mut buffer[..wanted], at)?;
            // What a guest has written zeros to costs nothing either.
            if buffer[..wanted].iter().any(|byte| *byte != 0) {
                to.write_all_at(&buffer[..wanted], at)?;
            }
            at += wanted as u64;
        }
    }
    fcntl_add_seals(&to, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(to)
}

fn next(file: &File, what: SeekFrom) -> io::Result<Option<u64>> {
    match seek(file, what) {
        Ok(at) => Ok(Some(at)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_sealed_memory_is_the_files_and_nobody_changes_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("memory");
        let file = File::create(&path).unwrap();
        file.set_len(64 * MIB).unwrap();
        file.write_all_at(b"here", 33 * MIB).unwrap();
        let sealed = sealed(&path).unwrap();
        assert_eq!(sealed.metadata().unwrap().len(), 64 * MIB);
        let mut read = [0; 4];
        sealed.read_exact_at(&mut read, 33 * MIB).unwrap();
        assert_eq!(&read, b"here");
        // As QEMU opens it.
        let again = format!("/proc/self/fd/{}", sealed.as_raw_fd());
        let mut again = OpenOptions::new().read(true).write(true).open(again).unwrap();
        assert!(again.write_all(b"x").is_err());
        assert!(again.set_len(1).is_err());
        let blocks = std::os::unix::fs::MetadataExt::blocks(&sealed.metadata().unwrap());
        assert!(blocks * 512 <= 4 * MIB, "{blocks} blocks");
    }
}
