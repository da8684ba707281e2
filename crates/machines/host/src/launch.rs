//! The driver's side of a launch: starts the launcher, hands it its document, and hears its reports, each with a
//! deadline, because a launcher that hangs must not hold up the controller.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io::{self, Read as _, Write as _},
    os::fd::AsFd,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anteroom_protocol::{MachineId, Secret};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
};

use crate::{
    HostConfig,
    process::{Handle, LAUNCHER_ARGUMENT},
    wire::{CONSOLE_FILE, GO, Report},
};

/// A report is one line: a step and the system's word for what went wrong.
const MAX_REPORT_BYTES: usize = 64 * 1024;

/// The kernel gives back the memory of what it has killed.
const END_DEADLINE: Duration = Duration::from_secs(20);

/// A launcher at work. Dropping it closes its input, so that it ends unless it was told to go.
pub struct Launcher {
    pid: i32,
    input: ChildStdin,
    output: ChildStdout,
    received: Vec<u8>,
    deadline: Instant,
}

impl Launcher {
    /// Starts the launcher and hands it the document.
    ///
    /// # Errors
    /// It can't be started, or reads nothing.
    pub fn start(
        config: &HostConfig,
        (program, arguments): &(PathBuf, Vec<OsString>),
        id: &MachineId,
        document: &Secret<Vec<u8>>,
        deadline: Instant,
    ) -> io::Result<Self> {
        // What the launcher itself has to say, if it panics, belongs to the console.
        let console = OpenOptions::new().append(true).create(true).open(config.directory(id).join(CONSOLE_FILE))?;
        let mut child: Child = Command::new(program)
            .args(arguments)
            .args([LAUNCHER_ARGUMENT, id.as_str()])
            .arg(&config.run_dir)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(console)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("start {}: {error}", program.display())))?;
        // The child is not kept: it outlives this process, and `destroy` reaps it by its number.
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the launcher has no standard streams"));
        };
        rustix::fs::fcntl_setfl(&input, OFlags::NONBLOCK)?;
        let mut launcher = Self { pid: child.id().cast_signed(), input, output, received: Vec::new(), deadline };
        launcher.write(document.expose())?;
        launcher.write(b"\n")?;
        Ok(launcher)
    }

    /// Lets the agent start.
    ///
    /// # Errors
    /// It has ended.
    pub fn go(&mut self) -> io::Result<()> {
        self.write(GO.as_bytes())
    }

    /// Waits for the next report.
    ///
    /// # Errors
    /// It has ended, or said nothing in time.
    pub fn report(&mut self) -> io::Result<Report> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return serde_json::from_slice(&line).map_err(io::Error::other);
            }
            wait_for(&self.output, PollFlags::IN, self.deadline)?;
            let mut buffer = [0u8; 4096];
            let length = self.output.read(&mut buffer)?;
            if length == 0 || self.received.len() > MAX_REPORT_BYTES {
                return Err(io::Error::other("the launcher ended without a report; the machine's log may say why"));
            }
            self.received.extend_from_slice(&buffer[..length]);
        }
    }

    /// Ends it, if it has not ended, and waits for that. For a launcher that makes no machine which is to stay.
    ///
    /// # Errors
    /// It does not end.
    pub fn end(self) -> io::Result<()> {
        let Some(handle) = Handle::open(self.pid)? else { return Ok(()) };
        handle.kill()?;
        if handle.ended_within(END_DEADLINE)? {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::TimedOut, "it was killed but does not end"))
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            wait_for(&self.input, PollFlags::OUT, self.deadline)?;
            match self.input.write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn wait_for(fd: impl AsFd, what: PollFlags, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&fd, what)], Some(&left)) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the launcher did not answer in time")),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
