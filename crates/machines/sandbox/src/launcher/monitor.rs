//! The launcher's part on the host: the pid namespace, and how the machine ended.

use std::path::PathBuf;

use anteroom_machines_host::{
    cgroup, console,
    launcher::{
        Failure, Side, StandardStream, Step as _, fork,
        monitor::{begin, follow_reports, reap, write_end},
        pipe, silence, user,
    },
    wire::Place,
};
use rustix::thread::{CapabilitySet, UnshareFlags};

use super::init;
use crate::wire::Launch;

/// Makes the machine and returns when it has ended.
pub(super) fn run(launch: Launch) -> Result<(), Failure> {
    begin(&launch.place)?;
    let (reports, to_reports) = pipe()?;
    let (console, to_console) = pipe()?;
    // SAFETY: this shares no file descriptors with another thread; there is none.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWPID) }.step(|| "make a pid namespace".to_owned())?;
    let pid = match fork().step(|| "fork the machine's first process".to_owned())? {
        Side::Child => {
            drop((reports, console));
            init::run(launch, to_reports, to_console)
        }
        Side::Parent(pid) => pid,
    };
    drop((to_reports, to_console));
    let Launch { place: Place { directory, cgroups, .. }, boot, .. } = launch;
    // The token is wiped: this process lives as long as the machine, and has no use for it.
    drop(boot);
    user::renounce_powers(CapabilitySet::empty())?;
    silence(&[StandardStream::Input])?;
    let started = follow_reports(&directory, pid, reports, &console)?;
    silence(&[StandardStream::Output])?;
    console::keep(&directory, console);
    let code = reap(pid);
    if started {
        write_end(&directory, &end(&cgroups, code))?;
    }
    Ok(())
}

fn end(cgroups: &[PathBuf], code: Option<i32>) -> String {
    end_in_words(code, cgroup::ran_out_of_memory(cgroups))
}

/// Init ends with the agent's code, or with 128 and the signal's number, as shells do.
fn end_in_words(code: Option<i32>, out_of_memory: bool) -> String {
    match code {
        Some(code) if code > 128 && out_of_memory => {
            format!("the guest agent was ended by signal {}: the machine's memory was full", code - 128)
        }
        None if out_of_memory => "the machine was killed: its memory was full".to_owned(),
        None => "the machine was killed from outside".to_owned(),
        Some(code) if code > 128 => format!("the guest agent was ended by signal {}", code - 128),
        Some(code) => format!("the guest agent ended with code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_by_its_cause() {
        for (code, out_of_memory, words) in [
            (Some(0), false, "the guest agent ended with code 0"),
            (Some(137), false, "the guest agent was ended by signal 9"),
            (Some(137), true, "the guest agent was ended by signal 9: the machine's memory was full"),
            // A browser's renderer may have been killed long before the agent ended well.
            (Some(0), true, "the guest agent ended with code 0"),
            (None, false, "the machine was killed from outside"),
        ] {
            assert_eq!(end_in_words(code, out_of_memory), words);
        }
    }
}
