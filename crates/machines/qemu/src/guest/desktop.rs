//! What the agent's program does before there is an agent: a process that keeps the desktop, and one that reads ahead and
//! has ended before anything of one machine is known. Neither will ever make a key.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    process::{ChildStdout, Stdio},
    time::Duration,
};

use anteroom_machines_host::{
    files,
    launcher::{Failure, Step as _},
};
use anteroom_protocol::guest::DesktopSize;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{agent::program, root::Groups};

/// What the keeper says when there is a desktop (`desktop::apart` of the guest agent).
const READY: &str = "ready";
/// It takes 4 s under emulation, and 27 s were seen on a busy host.
const DEADLINE: Duration = Duration::from_secs(100);
/// A reason, for a person.
const MAX_REASON_BYTES: u64 = 16 * 1024;

/// Starts the desktop's keeper, which stays; returns when there is a desktop.
pub(super) fn start(groups: &Groups, size: DesktopSize) -> Result<(), Failure> {
    let step = || format!("start a desktop of {}x{}", size.width, size.height);
    let mut command = program(groups, &files::environment())?;
    command.arg("desktop").arg(format!("{}x{}", size.width, size.height));
    let mut keeper = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().step(step)?;
    let said = keeper.stdout.take().ok_or("it has no standard output").step(step)?;
    match first_line(said).step(step)?.trim_end() {
        READY => Ok(()),
        "" => Err("its keeper ended; the console says why").step(step),
        why => Err(why.to_owned()).step(step),
    }
}

fn first_line(said: ChildStdout) -> io::Result<String> {
    let deadline = Timespec { tv_sec: DEADLINE.as_secs().cast_signed(), tv_nsec: 0 };
    // The keeper writes its one line at once.
    if poll(&mut [PollFd::new(&said, PollFlags::IN)], Some(&deadline))? == 0 {
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("it took more than {} s", DEADLINE.as_secs())));
    }
    let mut line = String::new();
    BufReader::new(said.take(MAX_REASON_BYTES)).read_line(&mut line)?;
    Ok(line)
}

/// Reads ahead what each clone will read. The host's deadline bounds it.
pub(super) fn read_ahead(groups: &Groups) -> Result<(), Failure> {
    let step = || "read ahead".to_owned();
    let mut command = program(groups, &files::environment())?;
    let status = command.arg("warm").stdin(Stdio::null()).status().step(step)?;
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}; the console says why")).step(step) }
}
