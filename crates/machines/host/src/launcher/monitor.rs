//! What every launcher does on the host: groups, reports, the end.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::Path,
};

use rustix::{
    fd::OwnedFd,
    process::{Pid, WaitOptions, waitpid},
};

use super::{Failure, Step as _, send};
use crate::{
    process::Identity,
    wire::{ENDED_FILE, PROCESSES_FILE, Place, Processes, Report, STARTED_FILE},
};

/// Leaves the controller: nothing of it stays open, and the machine's groups count this process from now on.
///
/// # Errors
/// A group can't be joined.
pub fn begin(place: &Place) -> Result<(), Failure> {
    keep_nothing_open()?;
    rustix::process::setsid().step(|| "begin a session".to_owned())?;
    for group in &place.cgroups {
        let procs = group.join("cgroup.procs");
        fs::write(&procs, "0").step(|| format!("join the group at {}", procs.display()))?;
    }
    Ok(())
}

/// What the controller had open must not live on in the machine.
fn keep_nothing_open() -> Result<(), Failure> {
    // SAFETY: only marks descriptors to be closed at exec; none is used by number.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()).step(|| "close inherited files".to_owned()) }
}

/// Passes init's reports on until it has closed its end: at the agent's exec, or with a failure before. True when the
/// agent has started. What it writes comes by `console`.
///
/// # Errors
/// A report can't be read, or what is known can't be written down.
pub fn follow_reports(directory: &Path, init: Pid, reports: OwnedFd, console: &OwnedFd) -> Result<bool, Failure> {
    let mut out = io::stdout();
    let mut prepared = false;
    for line in BufReader::new(File::from(reports)).lines() {
        let line = line.step(|| "read init's report".to_owned())?;
        let report: Report = serde_json::from_str(&line).step(|| "read init's report".to_owned())?;
        match &report {
            Report::Prepared => {
                prepared = true;
                write_processes(directory, init, console)?;
                send(&mut out, &report);
            }
            Report::Failed { .. } => {
                send(&mut out, &report);
                return Ok(false);
            }
            Report::Running => {}
        }
    }
    if prepared {
        write_started(directory)?;
        send(&mut out, &Report::Running);
    }
    Ok(prepared)
}

/// Writes down that the agent runs.
///
/// # Errors
/// It can't be written.
pub fn write_started(directory: &Path) -> Result<(), Failure> {
    fs::write(directory.join(STARTED_FILE), "").step(|| "write down that the agent runs".to_owned())
}

/// Writes down which processes the machine has: its first one, and this, with the pipe that its console comes by.
///
/// # Errors
/// One can't be looked at, or it can't be written.
pub fn write_processes(directory: &Path, init: Pid, console: &OwnedFd) -> Result<(), Failure> {
    let step = || "write down the machine's processes".to_owned();
    let processes = Processes {
        init: Identity::of(init.as_raw_nonzero().get()).step(step)?,
        monitor: Identity::of(std::process::id().cast_signed()).step(step)?,
        console: Some(rustix::fs::fstat(console).step(step)?.st_ino),
    };
    let text = serde_json::to_vec(&processes).step(step)?;
    write_whole(&directory.join(PROCESSES_FILE), &text).step(step)
}

/// A reader finds the file whole or not at all.
fn write_whole(path: &Path, contents: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, contents)?;
    fs::rename(part, path)
}

/// The end of init: its exit code, or none when it was killed by a signal.
#[must_use]
pub fn reap(init: Pid) -> Option<i32> {
    loop {
        match waitpid(Some(init), WaitOptions::empty()) {
            Ok(Some((_, status))) => return status.exit_status(),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Writes down why the machine has ended, in words.
///
/// # Errors
/// It can't be written.
pub fn write_end(directory: &Path, reason: &str) -> Result<(), Failure> {
    write_whole(&directory.join(ENDED_FILE), reason.as_bytes()).step(|| "write down the machine's end".to_owned())
}
