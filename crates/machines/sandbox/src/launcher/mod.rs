//! The process that becomes a machine: `anteroom sandbox-init --machine ID RUN_DIR`.
//!
//! ```text
//! driver ── document, `go` ──► monitor (host) ── fork into a new pid namespace ──► init (process 1) ── fork ──► agent
//! driver ◄── reports ───────── monitor ◄── reports, console ────────────────────── init, agent
//! ```
//!
//! The monitor stays on the host: it keeps the console within bounds and writes down how the machine ended. It belongs
//! to no controller: it has a session of its own, no parent-death signal, and nothing open that a controller holds, so
//! that a machine outlives `kill -9` of the controller. Init makes the machine's other namespaces, its cable and its
//! root, starts the agent and ends with it; then the kernel ends whatever is left. Only one thread runs in each, which
//! is what makes forking here sound; therefore the program calls [`main`] before it starts any runtime.

mod init;
mod monitor;
mod network;
mod root;
mod user;

use std::{
    io::{self, BufRead as _, Read as _},
    path::PathBuf,
    process::ExitCode,
};

use anteroom_protocol::{MachineId, Secret};
use rustix::fd::OwnedFd;

use crate::{
    process::LAUNCHER_ARGUMENT,
    wire::{Launch, MAX_LAUNCH_BYTES, Report},
};

/// A step of the launch that failed.
#[derive(Debug)]
struct Failure {
    step: String,
    detail: String,
}

/// Says what was tried when it fails.
trait Step<T> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: std::fmt::Display> Step<T> for Result<T, E> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure { step: step(), detail: error.to_string() })
    }
}

/// What the program does when it is called as launcher: `arguments` are those after `sandbox-init`. It returns when
/// the machine has ended.
#[must_use]
pub(crate) fn main(arguments: &[std::ffi::OsString]) -> ExitCode {
    if let Err(usage) = check_arguments(arguments) {
        eprintln!("{usage}");
        return ExitCode::from(2);
    }
    let outcome = read_launch().and_then(monitor::run);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&mut io::stdout(), failure);
            ExitCode::FAILURE
        }
    }
}

/// The arguments name the machine for whoever looks for its processes; the launch itself is in the document.
fn check_arguments(arguments: &[std::ffi::OsString]) -> Result<(), String> {
    let usage = || format!("usage: {LAUNCHER_ARGUMENT} MACHINE RUN_DIRECTORY; the sandbox driver starts this");
    match arguments {
        [flag, id, directory] if flag == LAUNCHER_ARGUMENT && PathBuf::from(directory).is_absolute() => {
            let id = id.to_str().ok_or_else(usage)?;
            id.parse::<MachineId>().map(drop).map_err(|error| format!("{error}; {}", usage()))
        }
        _ => Err(usage()),
    }
}

/// Reads the first line of standard input; what follows it is init's, which finds it in the same buffer.
fn read_launch() -> Result<Launch, Failure> {
    let step = || "read the launch document".to_owned();
    let mut line = Vec::new();
    io::stdin().lock().take(MAX_LAUNCH_BYTES).read_until(b'\n', &mut line).step(step)?;
    let line = Secret::new(line);
    serde_json::from_slice(line.expose()).step(step)
}

fn report(to: &mut impl io::Write, failure: Failure) {
    send(to, &Report::Failed { step: failure.step, detail: failure.detail });
}

/// Nobody may listen any more: a driver that is gone has no use for the report.
fn send(to: &mut impl io::Write, report: &Report) {
    let mut line = serde_json::to_vec(report).unwrap_or_default();
    line.push(b'\n');
    let _ = to.write_all(&line).and_then(|()| to.flush());
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Failure> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step(|| "make a pipe".to_owned())
}

enum Side {
    Parent(rustix::process::Pid),
    Child,
}

fn fork() -> io::Result<Side> {
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
fn silence(streams: &[StandardStream]) -> Result<(), Failure> {
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

enum StandardStream {
    Input,
    Output,
    Error,
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
