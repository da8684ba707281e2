//! The launcher's part on the host: from the document to the machine's end.

use std::{
    fs::File,
    io,
    time::{Duration, Instant, SystemTime},
};

use anteroom_machines_host::{
    cgroup,
    launcher::{
        Failure, StandardStream, Step as _,
        monitor::{begin, write_end, write_processes, write_started},
        send, silence, user, wait_for_go,
    },
    wire::{Place, Report},
};
use anteroom_protocol::Secret;
use rustix::thread::CapabilitySet;

use super::vm::Vm;
use crate::{
    command::{Memory, Shape},
    lines::Lines,
    qmp::Qmp,
    wire::{ENTROPY_BYTES, Launch, MAX_WORD_BYTES, Prepare, Purpose, Start, Word, hexadecimal},
};

/// Makes the machine and returns when it has ended.
pub(super) fn run(launch: Launch) -> Result<(), Failure> {
    begin(&launch.place)?;
    let state = state(&launch)?;
    let mut vm = Vm::start(&launch)?;
    // QEMU is another user, which root can't end without this power.
    user::renounce_powers(CapabilitySet::KILL)?;
    let console = vm.keep_console(&launch.place)?;
    let lived = live(launch, state, &mut vm);
    // With QEMU's end the console's comes, and whoever hears of a failure finds there what it said last.
    drop(vm);
    let _ = console.join();
    lived
}

fn live(launch: Launch, state: Option<File>, vm: &mut Vm) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_millis(launch.deadline_ms);
    write_processes(&launch.place.directory, vm.pid(), vm.console())?;
    let mut qmp = connect(vm, deadline)?;
    let mut guest = Lines::new(taken(vm.control.take())?, MAX_WORD_BYTES);
    if let (Memory::Copied, Some(state)) = (launch.shape.memory, &state) {
        qmp.restore(state, deadline).step(|| "restore the guest from its template".to_owned())?;
    }
    send(&mut io::stdout(), &Report::Prepared);
    wait_for_go()?;
    let Launch { place, shape, purpose, .. } = launch;
    // A clone was prepared before it was saved.
    match shape.memory {
        Memory::Copied => {}
        Memory::Own | Memory::Written => prepare(&mut guest, &shape, deadline)?,
    }
    match (purpose, state) {
        (Purpose::Machine(start), _) => serve(&place, vm, &mut guest, *start, deadline),
        (Purpose::Template { .. }, state) => {
            let state = state.ok_or("its launch names none").step(|| "open the template's state".to_owned())?;
            qmp.save(&state, deadline).step(|| "save the template".to_owned())?;
            vm.end();
            send(&mut io::stdout(), &Report::Running);
            Ok(())
        }
    }
}

/// What a clone begins with, or what a template is written to. Opened while this process may open everything.
fn state(launch: &Launch) -> Result<Option<File>, Failure> {
    let opened = match (&launch.purpose, &launch.parts.state) {
        (Purpose::Machine(_), None) => return Ok(None),
        (Purpose::Machine(_), Some(path)) => (path, File::open(path)),
        (Purpose::Template { state }, _) => (state, File::create(state)),
    };
    let (path, file) = opened;
    file.map(Some).step(|| format!("open the state {}", path.display()))
}

/// Until the guest waits to be told what it is.
fn prepare(guest: &mut Lines, shape: &Shape, deadline: Instant) -> Result<(), Failure> {
    let step = || "tell the guest what to prepare".to_owned();
    let prepare = Prepare { desktop: shape.desktop, warm: shape.memory == Memory::Written };
    guest.send(&serde_json::to_vec(&prepare).step(step)?, deadline).step(step)?;
    hear(guest, &Word::Ready, deadline)
}

/// The life of a machine: its first message, its agent's start, its end.
fn serve(place: &Place, vm: &mut Vm, guest: &mut Lines, start: Start, deadline: Instant) -> Result<(), Failure> {
    tell(guest, start, deadline)?;
    hear(guest, &Word::Started, deadline)?;
    write_started(&place.directory)?;
    send(&mut io::stdout(), &Report::Running);
    silence(&[StandardStream::Input, StandardStream::Output])?;
    let reason = follow(guest, vm, place);
    write_end(&place.directory, &reason)
}

/// Time and entropy are of the moment: a clone's own clock and random numbers are its template's.
#[expect(clippy::disallowed_methods, reason = "the launcher is the edge that reads the clock for its guest")]
fn tell(guest: &mut Lines, mut start: Start, deadline: Instant) -> Result<(), Failure> {
    let step = || "tell the guest what it is".to_owned();
    let mut entropy = [0; ENTROPY_BYTES];
    getrandom::fill(&mut entropy).step(step)?;
    start.entropy = Secret::new(hexadecimal(&entropy));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).step(step)?;
    start.unix_nanos = i64::try_from(since.as_nanos()).step(step)?;
    let message = Secret::new(serde_json::to_vec(&start).step(step)?);
    guest.send(message.expose(), deadline).step(step)
}

fn hear(guest: &mut Lines, wanted: &Word, deadline: Instant) -> Result<(), Failure> {
    let step = || format!("hear that the guest is {wanted:?}");
    let line = guest.next(Some(deadline)).step(step)?;
    let line = line.ok_or("the virtual machine has ended; its console may say why").step(step)?;
    match serde_json::from_slice(&line).step(step)? {
        Word::Failed { step, detail } => Err(Failure { step: format!("in the guest: {step}"), detail }),
        word @ (Word::Ready | Word::Started | Word::Ended { .. }) if word == *wanted => Ok(()),
        word @ (Word::Ready | Word::Started | Word::Ended { .. }) => Err(format!("it said {word:?}")).step(step),
    }
}

/// Waits for the end, and says why. Whatever the guest says last, QEMU is ended here.
fn follow(guest: &mut Lines, vm: &mut Vm, place: &Place) -> String {
    let word = guest.next(None).ok().flatten().map(|line| serde_json::from_slice(&line));
    match word {
        Some(Ok(Word::Ended { code })) => {
            vm.end();
            agent_in_words(code)
        }
        Some(Ok(word @ (Word::Ready | Word::Started | Word::Failed { .. }))) => {
            vm.end();
            format!("the guest said {word:?} in the middle of its life, and was ended")
        }
        Some(Err(_)) => {
            vm.end();
            "the guest said what is no word of its control channel, and was ended".to_owned()
        }
        None => vm_in_words(vm.wait(), cgroup::ran_out_of_memory(&place.cgroups)),
    }
}

fn agent_in_words(code: i32) -> String {
    if code > 128 {
        format!("the guest agent was ended by signal {}", code - 128)
    } else {
        format!("the guest agent ended with code {code}")
    }
}

fn vm_in_words(code: Option<i32>, out_of_memory: bool) -> String {
    match code {
        None if out_of_memory => "the virtual machine was killed: its memory on the host was full".to_owned(),
        None => "the virtual machine was killed from outside".to_owned(),
        Some(0) => "the virtual machine ended by itself; its console may say why".to_owned(),
        Some(code) => format!("QEMU ended with code {code}; the console may say why"),
    }
}

fn connect(vm: &mut Vm, deadline: Instant) -> Result<Qmp, Failure> {
    let stream = taken(vm.qmp.take())?;
    Qmp::connect(stream, deadline).step(|| "speak with QEMU; the console may say why it can't".to_owned())
}

fn taken<T>(channel: Option<T>) -> Result<T, Failure> {
    channel.ok_or("it is in use").step(|| "open a control channel".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn start() -> Start {
        let none = || Secret::new(String::new());
        Start {
            unix_nanos: 0,
            entropy: none(),
            hostname: String::new(),
            ends: Vec::new(),
            mtu: 1500,
            disk_mb: 1,
            shared_memory_mb: 1,
            pids: 1,
            files: Vec::new(),
            environment: Vec::new(),
            boot: none(),
        }
    }

    #[test]
    fn each_guest_is_told_the_time_and_entropy_that_no_other_is_told() {
        let soon = || Instant::now() + Duration::from_secs(10);
        let [one, other] = [start(), start()].map(|start| {
            let (near, far) = UnixStream::pair().unwrap();
            tell(&mut Lines::new(near, MAX_WORD_BYTES), start, soon()).unwrap();
            let line = Lines::new(far, MAX_WORD_BYTES).next(Some(soon())).unwrap().unwrap();
            serde_json::from_slice::<Start>(&line).unwrap()
        });
        assert_eq!(one.entropy.expose().len(), 2 * ENTROPY_BYTES);
        assert_ne!(one.entropy.expose(), other.entropy.expose());
        assert!(0 < one.unix_nanos && one.unix_nanos < other.unix_nanos);
    }

    #[test]
    fn the_end_is_told_by_its_cause() {
        assert_eq!(agent_in_words(3), "the guest agent ended with code 3");
        assert_eq!(agent_in_words(137), "the guest agent was ended by signal 9");
        for (code, out_of_memory, word) in [
            (None, true, "full"),
            (None, false, "from outside"),
            (Some(0), false, "by itself"),
            (Some(1), true, "code 1"),
        ] {
            assert!(vm_in_words(code, out_of_memory).contains(word));
        }
    }
}
