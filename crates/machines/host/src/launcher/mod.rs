//! The machine's side of a launch, up to where the kinds differ: the program is called with `--machine ID RUN_DIR`, reads
//! its document, and becomes the machine's monitor.
//!
//! ```text
//! driver ── document, `go` ──► monitor (host) ── fork into a new pid namespace ──► process 1
//! driver ◄── reports ───────── monitor ◄── reports, console ────────────────────── process 1
//! ```
//!
//! The monitor stays on the host: it keeps the console within bounds and writes down how the machine ended. It belongs
//! to no controller: it has a session of its own, no parent-death signal, and nothing open that a controller holds, so
//! that a machine outlives `kill -9` of the controller. Only one thread runs in each until it has forked for the last
//! time, which is what makes forking here sound; therefore the program calls [`main`] before it starts any runtime.

pub mod furnish;
pub mod monitor;
pub mod mounts;
pub mod user;

use std::{
    io::{self, BufRead as _, Read as _},
    path::PathBuf,
    process::ExitCode,
};

use anteroom_protocol::{MachineId, Secret};
use rustix::fd::OwnedFd;
use serde::de::DeserializeOwned;

use crate::{
    process::LAUNCHER_ARGUMENT,
    wire::{GO, MAX_LAUNCH_BYTES, Report},
};

/// A step of the launch that failed.
#[derive(Debug)]
pub struct Failure {
    /// What was tried, and on what.
    pub step: String,
    /// What was said.
    pub detail: String,
}

/// Says what was tried when it fails.
pub trait Step<T> {
    /// The same, with the step.
    ///
    /// # Errors
    /// The error that it holds already.
    fn step(self, step: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: std::fmt::Display> Step<T> for Result<T, E> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure { step: step(), detail: error.to_string() })
    }
}

/// What the program does when it is called as launcher: `arguments` are those after the word that says so, `run` makes
/// the machine of the document and returns when it has ended.
pub fn main<L: DeserializeOwned>(
    arguments: &[std::ffi::OsString],
    run: impl FnOnce(L) -> Result<(), Failure>,
) -> ExitCode {
    if let Err(usage) = check_arguments(arguments) {
        eprintln!("{usage}");
        return ExitCode::from(2);
    }
    match read_launch().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&mut io::stdout(), failure);
            ExitCode::FAILURE
        }
    }
}

/// The arguments name the machine for whoever looks for its processes; the launch itself is in the document.
fn check_arguments(arguments: &[std::ffi::OsString]) -> Result<(), String> {
    let usage = || format!("usage: {LAUNCHER_ARGUMENT} MACHINE RUN_DIRECTORY; a driver starts this");
    match arguments {
        [flag, id, directory] if flag == LAUNCHER_ARGUMENT && PathBuf::from(directory).is_absolute() => {
            let id = id.to_str().ok_or_else(usage)?;
            id.parse::<MachineId>().map(drop).map_err(|error| format!("{error}; {}", usage()))
        }
        _ => Err(usage()),
    }
}

/// Reads the first line of standard input; what follows it is for [`wait_for_go`], also in a child, which finds it in
/// the same buffer.
fn read_launch<L: DeserializeOwned>() -> Result<L, Failure> {
    let step = || "read the launch document".to_owned();
    let mut line = Vec::new();
    io::stdin().lock().take(MAX_LAUNCH_BYTES).read_until(b'\n', &mut line).step(step)?;
    let line = Secret::new(line);
    serde_json::from_slice(line.expose()).step(step)
}

/// End of file instead of the word means that the driver is gone.
///
/// # Errors
/// The driver is gone.
pub fn wait_for_go() -> Result<(), Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.step(|| "wait for the driver's go".to_owned())?;
    if line == GO {
        Ok(())
    } else {
        Err(Failure { step: "wait for the driver's go".to_owned(), detail: "the driver is gone".to_owned() })
    }
}

/// Tells the driver of a failure.
pub fn report(to: &mut impl io::Write, failure: Failure) {
    send(to, &Report::Failed { step: failure.step, detail: failure.detail });
}

/// Tells the driver something. Nobody may listen any more: a driver that is gone has no use for the report.
pub fn send(to: &mut impl io::Write, report: &Report) {
    let mut line = serde_json::to_vec(report).unwrap_or_default();
    line.push(b'\n');
    let _ = to.write_all(&line).and_then(|()| to.flush());
}

/// A pipe that no other program inherits: where to read, where to write.
///
/// # Errors
/// There are too many open files.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), Failure> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step(|| "make a pipe".to_owned())
}

/// Which of the two a process is.
pub enum Side {
    /// The one that has a child.
    Parent(rustix::process::Pid),
    /// The child.
    Child,
}

/// Divides this process in two.
///
/// # Errors
/// There are too many processes.
pub fn fork() -> io::Result<Side> {
    // SAFETY: the launcher has one thread (see the module's note), so that the child finds no lock held.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => Ok(Side::Child),
        _ => rustix::process::Pid::from_raw(pid)
            .filter(|_| pid > 0)
            .map(Side::Parent)
            .ok_or_else(io::Error::last_os_error),
    }
}

/// Replaces standard input, output and error by nothing.
///
/// # Errors
/// There is no /dev/null.
pub fn silence(streams: &[StandardStream]) -> Result<(), Failure> {
    let null =
        std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").step(|| "open /dev/null".to_owned())?;
    for stream in streams {
        let done = match stream {
            StandardStream::Input => rustix::stdio::dup2_stdin(&null),
            StandardStream::Output => rustix::stdio::dup2_stdout(&null),
            StandardStream::Error => rustix::stdio::dup2_stderr(&null),
        };
        done.step(|| "close a standard stream".to_owned())?;
    }
    Ok(())
}

/// One of a process's three.
pub enum StandardStream {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Does nothing, for as long as the process lives.
pub fn wait_forever() -> ! {
    loop {
        let _ = rustix::event::poll(&mut [], None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_name_no_machine_are_refused() {
        let words = |words: &[&str]| words.iter().map(Into::into).collect::<Vec<std::ffi::OsString>>();
        let id = MachineId::from_random([1; 16]);
        assert_eq!(check_arguments(&words(&["--machine", id.as_str(), "/run/anteroom/machines"])), Ok(()));
        for wrong in [&["--machine", "x", "/run"][..], &["--machine", id.as_str(), "run"], &[], &[id.as_str()]] {
            assert!(check_arguments(&words(wrong)).is_err(), "{wrong:?}");
        }
    }
}
