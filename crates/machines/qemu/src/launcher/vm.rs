//! QEMU's process as the monitor sees it: started, spoken with, ended. It never outlives what holds it.

use std::{
    fs::{File, OpenOptions},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    thread::JoinHandle,
};

use anteroom_machines_host::{
    console,
    launcher::{Failure, Side, Step as _, fork, monitor, pipe},
    wire::Place,
};
use rustix::{
    process::Pid,
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space},
};

use super::{
    confine::{self, Passed, enclose, leave_network, open_for_all},
    tap,
};
use crate::{
    command::{self, Fd, Memory, Shape},
    wire::{Launch, Purpose},
};

/// A QEMU at work. Dropping it ends the process.
pub(super) struct Vm {
    pid: Pid,
    reaped: bool,
    /// Its own control channel.
    pub(super) qmp: Option<UnixStream>,
    /// The guest's.
    pub(super) control: Option<UnixStream>,
    console: OwnedFd,
}

impl Vm {
    /// Starts it. The calling process has one thread only.
    pub(super) fn start(launch: &Launch) -> Result<Self, Failure> {
        let mut files = parts(launch)?;
        let on_host = match &launch.purpose {
            Purpose::Machine(_) => Some(tap::connect(&launch.place.cable)?),
            Purpose::Template { .. } => None,
        };
        let channel = || UnixStream::pair().step(|| "make a control channel".to_owned());
        let (qmp, control) = (channel()?, channel()?);
        let (console, to_console) = pipe()?;
        let own = File::open("/proc/self/ns/pid").step(|| "look at the pid namespace".to_owned())?;
        // SAFETY: this shares no file descriptors with another thread; there is none.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWPID) }.step(|| "make a pid namespace".to_owned())?;
        match fork().step(|| "fork QEMU".to_owned())? {
            Side::Child => {
                files.push(Passed { fd: Fd::Qmp, file: qmp.1.into() });
                files.push(Passed { fd: Fd::Control, file: control.1.into() });
                let failure = become_qemu(&launch.place, &launch.shape, on_host, files, to_console);
                // The monitor hears of it by the console, which whoever asks for the log gets to see.
                eprintln!("{}: {}", failure.step, failure.detail);
                std::process::exit(1)
            }
            Side::Parent(pid) => {
                let vm = Self { pid, reaped: false, qmp: Some(qmp.0), control: Some(control.0), console };
                // A process whose children belong elsewhere can have no threads.
                move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::ProcessID))
                    .step(|| "come back to the pid namespace".to_owned())?;
                Ok(vm)
            }
        }
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    pub(super) fn console(&self) -> &OwnedFd {
        &self.console
    }

    /// Keeps the console within bounds from now on, in a thread: QEMU stands still when nobody reads it.
    pub(super) fn keep_console(&self, place: &Place) -> Result<JoinHandle<()>, Failure> {
        let console = self.console.try_clone().step(|| "read the console".to_owned())?;
        let directory = place.directory.clone();
        Ok(std::thread::spawn(move || console::keep(&directory, console)))
    }

    /// Ends it and waits for its end.
    pub(super) fn end(&mut self) {
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
        self.wait();
    }

    /// Waits for its end: its exit code, or none when it was killed by a signal.
    pub(super) fn wait(&mut self) -> Option<i32> {
        let code = monitor::reap(self.pid);
        self.reaped = true;
        code
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if !self.reaped {
            self.end();
        }
    }
}

/// Returns only when it fails. A template's device is in its own, empty network namespace: no packet leaves it.
fn become_qemu(
    place: &Place,
    shape: &Shape,
    on_host: Option<File>,
    mut files: Vec<Passed>,
    console: OwnedFd,
) -> Failure {
    let prepared = leave_network()
        .and_then(|()| match on_host {
            Some(tap) => Ok(tap),
            None => tap::open("template").step(|| "make a device for the template".to_owned()),
        })
        .and_then(|tap| enclose(place, shape.accelerator).map(|()| tap));
    match prepared {
        Ok(tap) => {
            files.push(Passed { fd: Fd::Tap, file: tap.into() });
            confine::exec(place.uid, &command::arguments(shape), files, console)
        }
        Err(failure) => failure,
    }
}

fn parts(launch: &Launch) -> Result<Vec<Passed>, Failure> {
    let parts = &launch.parts;
    let mut files = Vec::new();
    for (fd, path) in
        [(Fd::Kernel, &parts.kernel), (Fd::Initrd, &parts.initrd), (Fd::Disk, &parts.disk), (Fd::Agent, &parts.agent)]
    {
        files.push(Passed { fd, file: open_for_all(path)? });
    }
    if let Some(memory) = &parts.memory {
        files.push(Passed { fd: Fd::Memory, file: open_memory(memory, launch.shape.memory)? });
    }
    Ok(files)
}

/// QEMU opens the memory for writing in any case. A clone's is sealed: the kernel refuses every change of it.
fn open_memory(path: &Path, memory: Memory) -> Result<OwnedFd, Failure> {
    let step = || format!("open the memory {}", path.display());
    match memory {
        Memory::Own => Err("a machine of its own memory has no file of it").step(step),
        Memory::Written | Memory::Copied => {
            OpenOptions::new().read(true).write(true).open(path).map(Into::into).step(step)
        }
    }
}
