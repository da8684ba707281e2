//! Processes by more than their number: a number is used again, a number with its start time is not.

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::Path,
    time::{Duration, Instant},
};

use anteroom_protocol::MachineId;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid},
};
use serde::{Deserialize, Serialize};

/// The first argument of every launcher, before the machine's id, so that it can be found when nothing else is left.
pub(crate) const LAUNCHER_ARGUMENT: &str = "--machine";

/// One process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Its number.
    pub pid: i32,
    /// Clock ticks since boot (proc(5), field 22 of stat).
    pub start: u64,
}

/// A hold on a process that does not slip to another one.
pub(crate) struct Handle {
    pid: Pid,
    pub(crate) fd: OwnedFd,
}

impl Identity {
    /// Looks at the process that has this number now.
    ///
    /// # Errors
    /// There is none.
    pub fn of(pid: i32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let start = start_time(&stat).ok_or_else(|| io::Error::other(format!("can't read /proc/{pid}/stat")))?;
        Ok(Self { pid, start })
    }

    /// Holds the process. None when it is gone or its number belongs to another now.
    pub(crate) fn open(self) -> io::Result<Option<Handle>> {
        let Some(handle) = Handle::open(self.pid)? else { return Ok(None) };
        // The start time is compared after the hold: before it the number could still change hands.
        Ok((Self::of(self.pid).is_ok_and(|now| now == self)).then_some(handle))
    }

    pub(crate) fn is_alive(self) -> io::Result<bool> {
        match self.open()? {
            None => Ok(false),
            Some(handle) => Ok(!handle.ended_within(Duration::ZERO)?),
        }
    }
}

impl Handle {
    /// Holds whatever has this number now.
    pub(crate) fn open(pid: i32) -> io::Result<Option<Self>> {
        let Some(pid) = Pid::from_raw(pid) else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self { pid, fd })),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(&self.fd, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for its end; false when the time is over. A child is reaped.
    pub(crate) fn ended_within(&self, time: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
            match poll(&mut fds, Some(&left)) {
                Ok(0) => return Ok(false),
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // It is a child only if this controller made it; else init reaps it, and ECHILD is the right answer.
        let _ = waitpid(Some(self.pid), WaitOptions::NOHANG);
        Ok(true)
    }
}

/// Every launcher process of this host, with the machine that it belongs to. A program in a machine may show the same
/// arguments; it would only have itself taken for a machine and be ended.
pub(crate) fn launchers(run_dir: &Path) -> io::Result<Vec<(i32, MachineId)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // A process that ends between the two readings is none.
        let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) else { continue };
        if let Some(id) = launched_machine(&arguments, run_dir) {
            all.push((pid, id));
        }
    }
    Ok(all)
}

/// Reads `... --machine ID RUN_DIR` from a command line.
fn launched_machine(arguments: &[u8], run_dir: &Path) -> Option<MachineId> {
    let words: Vec<&str> = std::str::from_utf8(arguments).ok()?.split_terminator('\0').collect();
    match words.as_slice() {
        [.., flag, id, directory] if *flag == LAUNCHER_ARGUMENT && Path::new(directory) == run_dir => id.parse().ok(),
        _ => None,
    }
}

/// Field 22, counted after the name, which may hold spaces and parentheses.
fn start_time(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_read_behind_any_name() {
        let fields: Vec<String> = (3..=52).map(|n| n.to_string()).collect();
        assert_eq!(start_time(&format!("7 (a) b) {}", fields.join(" "))), Some(22));
    }

    #[test]
    fn a_number_with_another_start_time_is_another_process() {
        let own = Identity::of(std::process::id().cast_signed()).unwrap();
        assert!(own.is_alive().unwrap());
        assert!(!Identity { start: own.start + 1, ..own }.is_alive().unwrap());
    }

    #[test]
    fn a_launcher_is_known_by_its_arguments_and_its_directory() {
        let id = MachineId::from_random([3; 16]);
        let line = format!("/usr/bin/anteroom\0sandbox-init\0--machine\0{id}\0/run/x\0");
        assert_eq!(launched_machine(line.as_bytes(), Path::new("/run/x")), Some(id));
        assert_eq!(launched_machine(line.as_bytes(), Path::new("/run/y")), None);
        assert_eq!(launched_machine(b"bash\0", Path::new("/run/x")), None);
    }

    #[test]
    fn a_killed_child_is_waited_for_and_reaped() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id().cast_signed();
        let handle = Handle::open(pid).unwrap().unwrap();
        assert!(!handle.ended_within(Duration::from_millis(1)).unwrap());
        handle.kill().unwrap();
        assert!(handle.ended_within(Duration::from_secs(10)).unwrap());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(child.wait().is_err(), "it was reaped");
    }
}
