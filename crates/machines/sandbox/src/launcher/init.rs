//! Process 1 of the machine: makes everything that is the machine's own, starts the agent, ends with it.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, ExitStatus, Stdio},
};

use anteroom_machines::{AGENT_PATH, HOME};
use anteroom_machines_host::{
    launcher::{
        Failure, Side, StandardStream, Step as _, fork, furnish, pipe, report, send, silence, user, wait_for_go,
    },
    wire::Report,
};
use rustix::{
    fd::OwnedFd,
    process::{Pid, WaitOptions, wait},
    thread::UnshareFlags,
};

use super::{network, root};
use crate::wire::Launch;

/// Never returns: ends with the agent's code.
pub(super) fn run(launch: Launch, reports: OwnedFd, console: OwnedFd) -> ! {
    let mut reports = File::from(reports);
    let code = match live(launch, &mut reports, console) {
        Ok(code) => code,
        Err(failure) => {
            report(&mut reports, failure);
            1
        }
    };
    std::process::exit(code)
}

fn live(launch: Launch, reports: &mut File, console: OwnedFd) -> Result<i32, Failure> {
    prepare(&launch)?;
    send(reports, &Report::Prepared);
    wait_for_go()?;
    let (boot, to_boot) = pipe()?;
    let agent = match fork().step(|| "fork the guest agent".to_owned())? {
        Side::Child => {
            drop(to_boot);
            return Err(exec_agent(&launch, boot, console));
        }
        Side::Parent(agent) => agent,
    };
    drop((boot, console));
    // With the agent's own copy closed by its exec, the monitor sees the end of reports.
    silence_reports(reports)?;
    silence(&[StandardStream::Input, StandardStream::Output, StandardStream::Error])?;
    user::become_user(launch.place.uid)?;
    hand_over(launch, to_boot);
    Ok(reap_until(agent))
}

fn prepare(launch: &Launch) -> Result<(), Failure> {
    let own = UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // SAFETY: this shares no file descriptors with another thread; there is none.
    unsafe { rustix::thread::unshare_unsafe(own) }.step(|| "make mount, ipc and uts namespaces".to_owned())?;
    // Kernels without cgroups have no such namespace; then there is nothing to hide either.
    // SAFETY: as above.
    let _ = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWCGROUP) };
    rustix::system::sethostname(launch.place.hostname.as_bytes()).step(|| "name the machine".to_owned())?;
    network::connect(&launch.place.cable)?;
    root::enter(launch)?;
    furnish::furnish(launch.place.uid, &launch.files)
}

/// Returns only when it fails.
fn exec_agent(launch: &Launch, boot: OwnedFd, console: OwnedFd) -> Failure {
    let prepared = rustix::process::setsid()
        .map_err(io::Error::from)
        .and_then(|_| console.try_clone())
        .step(|| "set up the guest agent's streams".to_owned())
        .and_then(|errors| user::become_guest(launch.place.uid).map(|()| errors));
    let errors = match prepared {
        Ok(errors) => errors,
        Err(failure) => return failure,
    };
    let error = Command::new(AGENT_PATH)
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(HOME)
        .stdin(Stdio::from(boot))
        .stdout(Stdio::from(console))
        .stderr(Stdio::from(errors))
        .exec();
    Failure { step: format!("start the guest agent {}", launch.agent.display()), detail: error.to_string() }
}

/// Closes init's end of the reports without closing the file twice.
fn silence_reports(reports: &mut File) -> Result<(), Failure> {
    *reports = File::options().write(true).open("/dev/null").step(|| "open /dev/null".to_owned())?;
    Ok(())
}

/// Gives the agent its boot document. An agent that ends before it has read it is seen by its end.
fn hand_over(launch: Launch, to_boot: OwnedFd) {
    let _ = File::from(to_boot).write_all(launch.boot.expose().as_bytes());
}

/// Reaps whatever ends until it is the agent; its code, or 128 and the number of the signal that ended it.
fn reap_until(agent: Pid) -> i32 {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == agent => {
                let status = ExitStatus::from_raw(status.as_raw());
                return status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return 1,
        }
    }
}
