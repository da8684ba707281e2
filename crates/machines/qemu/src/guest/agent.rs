//! The agent: the machine's user, without a capability, in a group with a bound; and its end.

use std::{
    io::{self, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
};

use anteroom_machines::{AGENT_PATH, GUEST_UID, HOME};
use anteroom_machines_host::launcher::{Failure, Step as _, user};
use rustix::process::{Pid, WaitOptions, wait};

use super::root::Groups;
use crate::wire::Start;

/// The agent at work.
pub(super) struct Agent(Pid);

/// Above the programs that it starts, which give this up: what they draw is seen only when it is captured and encoded.
const PRIORITY: i32 = -10;

/// The agent's program, as the machine's user and in the group.
pub(super) fn program(groups: &Groups, environment: &[(String, String)]) -> Result<Command, Failure> {
    let group = groups.processes()?;
    let mut command = Command::new(AGENT_PATH);
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value))).current_dir(HOME);
    // SAFETY: process 1 has one thread only, so that the child finds no lock held.
    unsafe {
        command.pre_exec(move || {
            (&group).write_all(b"0")?;
            rustix::process::setsid()?;
            rustix::process::setpriority_process(None, PRIORITY)?;
            user::become_user(GUEST_UID).map_err(|failure| io::Error::other(failure.detail))
        });
    }
    Ok(command)
}

/// Starts it; returns when its program runs.
pub(super) fn start(groups: &Groups, start: &Start) -> Result<Agent, Failure> {
    let step = || format!("start the guest agent {AGENT_PATH}");
    let mut child = program(groups, &start.environment)?.stdin(Stdio::piped()).spawn().step(step)?;
    hand_over(&mut child, start);
    Pid::from_raw(child.id().cast_signed()).map(Agent).ok_or("it has no number").step(step)
}

/// Gives the agent its boot document. An agent that ends before it has read it is seen by its end.
fn hand_over(child: &mut Child, start: &Start) {
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(start.boot.expose().as_bytes());
    }
}

impl Agent {
    /// Reaps whatever ends until it is the agent; its code, or 128 and the number of the signal that ended it.
    pub(super) fn ended(&self) -> i32 {
        loop {
            match wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) if pid == self.0 => {
                    let status = ExitStatus::from_raw(status.as_raw());
                    return status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return 1,
            }
        }
    }
}
