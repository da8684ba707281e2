//! What a machine writes, on its way into a file of bounded length. The monitor copies it while the machine lives; whoever
//! reads the file copies what is still in the pipe first, so that the last words before a question are in its answer.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt as _},
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{OFlags, fcntl_setfl},
};

use crate::wire::{CONSOLE_FILE, OLD_CONSOLE_FILE, Processes};

/// The console file is set aside at this length, and the one set aside before is dropped: twice this much is kept.
const MAX_CONSOLE_BYTES: u64 = 256 * 1024;
/// What is copied in one turn: more than a pipe holds, and less than a machine that writes without end.
const TURN_BYTES: usize = 128 * 1024;

/// Copies what the machine writes into the console file until everybody who could write has ended. The pipe is emptied
/// even when the disk is full, so that the machine is never held up by it.
pub fn keep(directory: &Path, console: OwnedFd) {
    // Somebody else may have emptied it between the look and the reading.
    if fcntl_setfl(&console, OFlags::NONBLOCK).is_err() {
        return;
    }
    let mut console = File::from(console);
    loop {
        match poll(&mut [PollFd::new(&console, PollFlags::IN)], None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        }
        match copy(directory, &mut console) {
            Ok(Rest::Coming) => {}
            Ok(Rest::Ended) | Err(_) => return,
        }
    }
}

/// Copies what the machine wrote and its monitor has not copied yet. Nothing is to be done where the monitor has ended,
/// which it does when everything is copied.
///
/// # Errors
/// The kernel refuses a look at the monitor's files, or the pipe.
pub(crate) fn catch_up(directory: &Path, processes: &Processes) -> io::Result<()> {
    let Processes { monitor, console: Some(console), .. } = processes else { return Ok(()) };
    // Held until its files were looked at: its number is its own.
    let Some(_held) = monitor.open()? else { return Ok(()) };
    let files = match fs::read_dir(format!("/proc/{}/fd", monitor.pid)) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for file in files {
        let path = file?.path();
        if !fs::read_link(&path).is_ok_and(|target| target == Path::new(&format!("pipe:[{console}]"))) {
            continue;
        }
        let flags = i32::try_from((OFlags::NONBLOCK | OFlags::CLOEXEC).bits()).map_err(io::Error::other)?;
        match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            // Once is enough, and whether there will be more is the monitor's matter.
            Ok(mut console) => return copy(directory, &mut console).map(|_| ()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether there will be more.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    Coming,
    Ended,
}

/// Copies what is there, at most a turn of it. Nobody else copies meanwhile, so that all stands in its order.
fn copy(directory: &Path, console: &mut File) -> io::Result<Rest> {
    // Without the lock lines may change places, which is better than a machine that is held up.
    let turn = File::open(directory).and_then(|directory| directory.lock().map(|()| directory));
    let (mut buffer, mut copied) = ([0u8; 8192], 0);
    let rest = loop {
        match console.read(&mut buffer) {
            Ok(0) => break Ok(Rest::Ended),
            Ok(length) => {
                let _ = append(directory, &buffer[..length]);
                copied += length;
                if copied >= TURN_BYTES {
                    break Ok(Rest::Coming);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(Rest::Coming),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    drop(turn);
    rest
}

fn append(directory: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = directory.join(CONSOLE_FILE);
    let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
    if file.metadata()?.len() >= MAX_CONSOLE_BYTES {
        fs::rename(&path, directory.join(OLD_CONSOLE_FILE))?;
        file = OpenOptions::new().append(true).create(true).open(&path)?;
    }
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use rustix::pipe::pipe;

    use super::*;
    use crate::process::Identity;

    #[test]
    fn the_console_keeps_its_end_within_bounds() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..2000 {
            append(directory.path(), format!("{number:0>511}\n").as_bytes()).unwrap();
        }
        let length = |name: &str| fs::metadata(directory.path().join(name)).unwrap().len();
        assert!(length(CONSOLE_FILE) + length(OLD_CONSOLE_FILE) <= 2 * MAX_CONSOLE_BYTES + 512);
        assert!(fs::read_to_string(directory.path().join(CONSOLE_FILE)).unwrap().ends_with("1999\n"));
    }

    #[test]
    fn what_is_in_the_pipe_is_copied_once_by_whoever_comes_first() {
        let directory = tempfile::tempdir().unwrap();
        let (console, machine) = pipe().unwrap();
        let mut machine = File::from(machine);
        machine.write_all(b"one\n").unwrap();
        // This process stands for the monitor: the pipe is among its files.
        let this = Identity::of(std::process::id().cast_signed()).unwrap();
        let console_of = |inode| Processes { init: this, monitor: this, console: inode };
        catch_up(directory.path(), &console_of(None)).unwrap();
        assert!(!directory.path().join(CONSOLE_FILE).exists(), "nobody's pipe is touched");
        catch_up(directory.path(), &console_of(Some(rustix::fs::fstat(&console).unwrap().st_ino))).unwrap();
        let kept = || fs::read_to_string(directory.path().join(CONSOLE_FILE)).unwrap();
        assert_eq!(kept(), "one\n");
        machine.write_all(b"two\n").unwrap();
        drop(machine);
        keep(directory.path(), console);
        assert_eq!(kept(), "one\ntwo\n");
    }

    #[test]
    fn a_monitor_that_has_ended_has_copied_everything() {
        let directory = tempfile::tempdir().unwrap();
        let ended = Identity { pid: std::process::id().cast_signed(), start: 1 };
        catch_up(directory.path(), &Processes { init: ended, monitor: ended, console: Some(1) }).unwrap();
        assert!(!directory.path().join(CONSOLE_FILE).exists());
    }
}
