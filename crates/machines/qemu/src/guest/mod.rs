//! Process 1 of a virtual machine: puts the root together, has what all machines have made ready (a desktop), waits to be
//! told what machine it is, makes it that, starts the agent and tells how it ended.
//!
//! Until it is told, nothing here is secret, nothing is of one machine, and no process runs that will ever make a key: that
//! is where a template is saved. It talks to the host over the control channel only, and serves nobody else.

mod agent;
mod desktop;
mod devices;
mod reseed;
mod root;

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::ExitCode,
};

use anteroom_machines::GUEST_UID;
use anteroom_machines_host::{
    launcher::{Failure, Step as _, furnish, wait_forever},
    netlink::Netlink,
    wire::MAX_LAUNCH_BYTES,
};
use anteroom_protocol::Secret;
use serde::de::DeserializeOwned;

use crate::wire::{HOST_MAC, Prepare, Start, Word};

/// Where the host's port of the control channel is: the first port of the first device.
const CONTROL: &str = "/dev/vport0p1";
/// The device in the machine.
const LINK: &str = "eth0";

/// What the program does as process 1. It never returns but with an error, and then the kernel stops the machine.
#[must_use]
pub fn main() -> ExitCode {
    match begin() {
        Ok((groups, control)) => live(&groups, control),
        Err(Failure { step, detail }) => eprintln!("{step}: {detail}"),
    }
    ExitCode::FAILURE
}

/// Everything before the host can be heard.
fn begin() -> Result<(root::Groups, File), Failure> {
    root::mount_kernel()?;
    devices::load_modules(Path::new("/modules"))?;
    let groups = root::enter()?;
    let control = File::options().read(true).write(true).open(CONTROL).step(|| format!("open {CONTROL}"))?;
    Ok((groups, control))
}

fn live(groups: &root::Groups, mut control: File) {
    let word = match try_live(groups, &mut control) {
        Ok(code) => Word::Ended { code },
        Err(Failure { step, detail }) => Word::Failed { step, detail },
    };
    say(&mut control, &word);
    // The host ends the machine when it has heard; to end by itself would be to lose the word.
    wait_forever()
}

fn try_live(groups: &root::Groups, control: &mut File) -> Result<i32, Failure> {
    prepare(groups, &hear(control)?)?;
    say(control, &Word::Ready);
    let agent = become_machine(groups, &hear(control)?)?;
    say(control, &Word::Started);
    Ok(agent.ended())
}

/// What is the same in all machines.
fn prepare(groups: &root::Groups, prepare: &Prepare) -> Result<(), Failure> {
    furnish::directories(GUEST_UID)?;
    if let Some(size) = prepare.desktop {
        desktop::start(groups, size)?;
    }
    if prepare.warm { desktop::read_ahead(groups) } else { Ok(()) }
}

/// The host's end is gone only with the host's interest in this machine.
fn say(control: &mut File, word: &Word) {
    let mut line = serde_json::to_vec(word).unwrap_or_default();
    line.push(b'\n');
    let _ = control.write_all(&line);
}

fn become_machine(groups: &root::Groups, start: &Start) -> Result<agent::Agent, Failure> {
    // Before anything of the machine's own is made.
    reseed::reseed(start)?;
    rustix::system::sethostname(start.hostname.as_bytes()).step(|| "name the machine".to_owned())?;
    root::bound(start)?;
    furnish::write_files(GUEST_UID, &start.files)?;
    groups.limit(start.pids)?;
    connect(start).step(|| format!("set up {LINK} with {:?}", start.ends))?;
    agent::start(groups, start)
}

/// The host's next message. It sends none before the last one is answered, so that nothing is read too far.
fn hear<T: DeserializeOwned>(control: &File) -> Result<T, Failure> {
    let step = || "hear what the host wants".to_owned();
    let mut line = Vec::new();
    BufReader::new(control).take(MAX_LAUNCH_BYTES).read_until(b'\n', &mut line).step(step)?;
    let line = Secret::new(line);
    serde_json::from_slice(line.expose()).step(step)
}

fn connect(start: &Start) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    let index = netlink.index(LINK)?;
    netlink.set_mtu(index, start.mtu)?;
    netlink.connect_guest(LINK, &start.ends, HOST_MAC)
}
