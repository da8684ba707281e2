//! What is there of a machine on this host, found by its id alone, and its removal.
//!
//! Nothing is remembered: a driver that was just started sees and removes as much as the one that made the machine.

use std::{
    fs, io,
    net::Ipv4Addr,
    path::Path,
    time::{Duration, Instant},
};

use anteroom_machines::{MAX_LOG_BYTES, Observed, OperationError, Reach};
use anteroom_protocol::MachineId;

use crate::{
    cgroup::Cgroups,
    config::HostConfig,
    console, firewall, machine_directories,
    netlink::Netlink,
    process::{self, Handle},
    range::{Range, outermost},
    reach::{self, Reached},
    wire::{
        ADDRESS_FILE, CONSOLE_FILE, ENDED_FILE, NEXT_REACHED_FILE, OLD_CONSOLE_FILE, PROCESSES_FILE, Processes,
        REACHED_FILE, ROOT_DIRECTORY, STARTED_FILE,
    },
};

/// Killing some hundred processes and giving back their memory takes below 0.1 s on an idle host.
const DESTROY_DEADLINE: Duration = Duration::from_secs(20);
/// The monitor has only to write down the end.
const MONITOR_DEADLINE: Duration = Duration::from_secs(3);
/// How often a group is asked whether it is empty: version 1 can't be waited for.
const CGROUP_POLL: Duration = Duration::from_millis(2);

/// The host, as far as it is this driver's.
#[derive(Clone)]
pub(crate) struct World {
    pub config: HostConfig,
    pub cgroups: Cgroups,
}

/// Says what was tried on which machine when it fails.
pub trait During<T> {
    /// The same, or an error with the step, the machine and what was said.
    ///
    /// # Errors
    /// The error that it holds already.
    fn during(self, step: impl FnOnce() -> String, machine: Option<&MachineId>) -> Result<T, OperationError>;
}

impl<T, E: std::fmt::Display> During<T> for Result<T, E> {
    fn during(self, step: impl FnOnce() -> String, machine: Option<&MachineId>) -> Result<T, OperationError> {
        self.map_err(|error| OperationError { step: step(), machine: machine.cloned(), detail: error.to_string() })
    }
}

impl World {
    /// Every machine of which anything is there, once, in order.
    pub(crate) fn list(&self) -> Result<Vec<MachineId>, OperationError> {
        let run_dir = &self.config.run_dir;
        let mut all = machine_directories(run_dir).during(|| format!("read {}", run_dir.display()), None)?;
        all.extend(self.cgroups.machines().during(|| "read the groups of machines".to_owned(), None)?);
        let devices = Netlink::open()
            .and_then(|mut netlink| netlink.devices())
            .during(|| "read the network devices".to_owned(), None)?;
        all.extend(devices.iter().filter_map(|device| self.config.id_of_alias(device.alias.as_ref()?)));
        let launchers = process::launchers(run_dir).during(|| "read the processes".to_owned(), None)?;
        all.extend(launchers.into_iter().map(|(_, id)| id));
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// What is there of one machine.
    pub(crate) fn inspect(&self, id: &MachineId) -> Result<Observed, OperationError> {
        let step = || "look at the machine's processes".to_owned();
        let directory = self.config.directory(id);
        let processes = self.processes(id).during(step, Some(id))?;
        if let Some(processes) = processes
            && directory.join(STARTED_FILE).exists()
        {
            if processes.init.is_alive().during(step, Some(id))? {
                return Ok(Observed::Running);
            }
            // The monitor may be about to write down why.
            if let Some(monitor) = processes.monitor.open().during(step, Some(id))? {
                monitor.ended_within(MONITOR_DEADLINE).during(step, Some(id))?;
            }
            let reason = read_text(&directory.join(ENDED_FILE)).during(step, Some(id))?;
            let reason = reason.unwrap_or_else(|| "the machine and its monitor were killed from outside".to_owned());
            return Ok(Observed::Dead { reason });
        }
        if self.anything(id)? {
            Ok(Observed::Dead { reason: "its creation was not completed".to_owned() })
        } else {
            Ok(Observed::Absent)
        }
    }

    fn anything(&self, id: &MachineId) -> Result<bool, OperationError> {
        if self.config.directory(id).exists() || self.cgroups.directories(id).iter().any(|group| group.exists()) {
            return Ok(true);
        }
        Ok(self.list()?.contains(id))
    }

    /// The processes that the launcher has written down; none when it had not come so far.
    pub(crate) fn processes(&self, id: &MachineId) -> io::Result<Option<Processes>> {
        let Some(text) = read_text(&self.config.directory(id).join(PROCESSES_FILE))? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(io::Error::other)
    }

    /// The end of the console, as the machine has written it until now.
    pub(crate) fn log(&self, id: &MachineId) -> Result<String, OperationError> {
        let directory = self.config.directory(id);
        let processes = self.processes(id);
        let caught_up = processes.and_then(|known| known.map_or(Ok(()), |known| console::catch_up(&directory, &known)));
        if let Err(error) = caught_up {
            tracing::warn!(machine = %id, %error, "the last words of a machine may not be in its log yet");
        }
        let mut bytes = Vec::new();
        for name in [OLD_CONSOLE_FILE, CONSOLE_FILE] {
            match fs::read(directory.join(name)) {
                Ok(part) => bytes.extend(part),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).during(|| format!("read {name}"), Some(id)),
            }
        }
        Ok(tail(&bytes, MAX_LOG_BYTES))
    }

    /// The machines that have an address, for the firewall after a restart.
    pub(crate) fn addresses(&self) -> io::Result<Vec<(MachineId, Ipv4Addr)>> {
        let mut all = Vec::new();
        for id in machine_directories(&self.config.run_dir)? {
            all.extend(self.address(&id)?.map(|address| (id, address)));
        }
        Ok(all)
    }

    pub(crate) fn address(&self, id: &MachineId) -> io::Result<Option<Ipv4Addr>> {
        let text = read_text(&self.config.directory(id).join(ADDRESS_FILE))?;
        // A file that was cut short belongs to a creation that came no further.
        Ok(text.and_then(|text| text.trim().parse().ok()))
    }

    /// Lets a machine reach more. It is written down first, so that whatever is in the firewall can be found.
    pub(crate) fn reach(&self, id: &MachineId, reach: &Reach) -> Result<(), OperationError> {
        let step = || "let the machine reach addresses".to_owned();
        let refused = |detail: String| OperationError { step: step(), machine: Some(id.clone()), detail };
        if self.address(id).during(step, Some(id))?.is_none() {
            return Err(refused("there is no such machine".to_owned()));
        }
        let now = uptime().during(step, Some(id))?;
        let reached = self.reached(id).during(step, Some(id))?.with(reach, now).map_err(refused)?;
        self.remember(id, &reached).during(step, Some(id))?;
        let addresses = reach::addresses(reach).map_err(refused)?;
        match firewall::apply(&firewall::reach(&self.config, &self.config.link(id), &addresses, reach.seconds)) {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "the firewall table is not as it was made; it is built again");
                self.build_wall(None)
            }
        }
    }

    fn reached(&self, id: &MachineId) -> io::Result<Reached> {
        let text = read_text(&self.config.directory(id).join(REACHED_FILE))?;
        text.map_or_else(|| Ok(Reached::default()), |text| Reached::read(&text))
    }

    /// In one step, so that no half file is ever read.
    fn remember(&self, id: &MachineId, reached: &Reached) -> io::Result<()> {
        let directory = self.config.directory(id);
        let next = directory.join(NEXT_REACHED_FILE);
        fs::write(&next, reached.write()?)?;
        fs::rename(next, directory.join(REACHED_FILE))
    }

    /// Removes everything of a machine, in an order in which what is left can still be found: the directory last.
    pub(crate) fn destroy(&self, id: &MachineId) -> Result<(), OperationError> {
        let deadline = Instant::now() + DESTROY_DEADLINE;
        let had_processes =
            self.end_processes(id, deadline).during(|| "end the machine's processes".to_owned(), Some(id))?;
        let link = self.config.link(id);
        let had_link = Netlink::open()
            .and_then(|mut netlink| netlink.delete(&link))
            .during(|| format!("remove the device {link}"), Some(id))?;
        self.expel(id, &link, had_processes || had_link)?;
        self.remove_cgroups(id, deadline).during(|| "remove the machine's groups".to_owned(), Some(id))?;
        let directory = self.config.directory(id);
        remove_directory(&directory).during(|| format!("remove {}", directory.display()), Some(id))
    }

    /// First process 1, because the kernel ends all others of the machine before it is gone, and because its parent,
    /// the monitor, reaps it then; after that whatever else can be found. True when there was any.
    fn end_processes(&self, id: &MachineId, deadline: Instant) -> io::Result<bool> {
        let mut any = false;
        if let Some(processes) = self.processes(id)? {
            if let Some(init) = processes.init.open()? {
                any = true;
                init.kill()?;
                wait(&init, deadline)?;
            }
            if let Some(monitor) = processes.monitor.open()? {
                monitor.ended_within(MONITOR_DEADLINE)?;
            }
        }
        loop {
            let left = self.find_processes(id)?;
            if left.is_empty() {
                return Ok(any);
            }
            any = true;
            for handle in &left {
                handle.kill()?;
            }
            for handle in &left {
                wait(handle, deadline)?;
            }
        }
    }

    /// The machine's processes by its group and by the launcher's arguments. Those that have ended and wait to be
    /// reaped by somebody else are none.
    fn find_processes(&self, id: &MachineId) -> io::Result<Vec<Handle>> {
        let mut pids = self.cgroups.processes(id)?;
        let launchers = process::launchers(&self.config.run_dir)?;
        pids.extend(launchers.into_iter().filter(|(_, machine)| machine == id).map(|(pid, _)| pid));
        let mut alive = Vec::new();
        for pid in pids {
            if let Some(handle) = Handle::open(pid)?
                && !handle.ended_within(Duration::ZERO)?
            {
                alive.push(handle);
            }
        }
        Ok(alive)
    }

    /// A machine that was there but whose address is lost, or whose table somebody has flushed, is forgotten by
    /// building the wall without it.
    fn expel(&self, id: &MachineId, link: &str, was_there: bool) -> Result<(), OperationError> {
        let step = || "take the machine's address from the firewall".to_owned();
        match self.address(id).during(step, Some(id))? {
            Some(address) => match self.take_out(id, link, address) {
                Ok(()) => Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "the firewall table is not as it was made; it is built again");
                    self.build_wall(Some(id))
                }
            },
            None if was_there => self.build_wall(Some(id)),
            None => Ok(()),
        }
    }

    fn take_out(&self, id: &MachineId, link: &str, address: Ipv4Addr) -> io::Result<()> {
        let reached: Vec<_> = self.reached(id)?.addresses().collect();
        let (expel, forget) =
            (firewall::expel(&self.config, link, address), firewall::forget(&self.config, link, &reached));
        firewall::apply(&(expel + &forget))
    }

    /// The whole table, with the machines that are there, but not the one that is being destroyed.
    pub(crate) fn build_wall(&self, without: Option<&MachineId>) -> Result<(), OperationError> {
        let step = || "set up the firewall; nftables must be installed".to_owned();
        let machines = self.addresses().during(step, None)?;
        let now = uptime().during(step, None)?;
        let (mut links, mut reached) = (Vec::new(), Vec::new());
        for (id, address) in machines.iter().filter(|(id, _)| Some(id) != without) {
            let link = self.config.link(id);
            // What can't be read is not reached: the next answer of a name server brings it again.
            let of_this = self.reached(id).unwrap_or_default();
            reached.extend(of_this.left(now).map(|(to, left)| (link.clone(), to, left)));
            links.push((link, *address));
        }
        let table = firewall::table(&self.config, &links, &reached, &self.connected_networks()?);
        firewall::apply(&table).during(step, None)
    }

    /// Networks of public IPv6 addresses in which this host is: a company's own hosts have such. Machines that have no
    /// IPv6 reach none of them anyway.
    pub(crate) fn connected_networks(&self) -> Result<Vec<Range>, OperationError> {
        if self.config.network.pool6.is_none() {
            return Ok(Vec::new());
        }
        let networks = Netlink::open().and_then(|mut netlink| netlink.connected_networks());
        networks.map(outermost).during(|| "read the networks of this host".to_owned(), None)
    }

    fn remove_cgroups(&self, id: &MachineId, deadline: Instant) -> io::Result<()> {
        while !self.cgroups.remove(id)? {
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel still counts processes in them"));
            }
            pause(CGROUP_POLL);
        }
        Ok(())
    }
}

/// Whole seconds since the host has booted: no change of its clock changes them.
fn uptime() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/uptime")?;
    let seconds = text.split('.').next().and_then(|seconds| seconds.parse().ok());
    seconds.ok_or_else(|| io::Error::other("can't read /proc/uptime"))
}

fn wait(handle: &Handle, deadline: Instant) -> io::Result<()> {
    if handle.ended_within(deadline.saturating_duration_since(Instant::now()))? {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::TimedOut, "a process was killed but does not end"))
    }
}

fn pause(time: Duration) {
    let time = rustix::event::Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
    let _ = rustix::event::poll(&mut [], Some(&time));
}

/// Removes the files that lie in it and empty directories, and nothing deeper: whatever the mounts in the machine's
/// namespace look like, no file of the image is ever below this.
fn remove_directory(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory.join(ROOT_DIRECTORY)) {
        Err(error) if !is_missing(&error) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let entries = match fs::read_dir(directory) {
        Err(error) if is_missing(&error) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(directory)
}

fn read_text(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// The last bytes as text, from the beginning of a line where there is one.
fn tail(bytes: &[u8], most: usize) -> String {
    let cut = bytes.len().saturating_sub(most);
    let mut rest = &bytes[cut..];
    if cut > 0
        && let Some(end) = rest.iter().position(|byte| *byte == b'\n')
    {
        rest = &rest[end + 1..];
    }
    let mut text = String::from_utf8_lossy(rest).into_owned();
    // A replaced byte takes three.
    while text.len() > most {
        text.remove(0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_begins_with_a_line_and_keeps_its_bound() {
        assert_eq!(tail(b"one\ntwo\nthree\n", 9), "three\n");
        assert_eq!(tail(b"one\ntwo\n", 100), "one\ntwo\n");
        assert!(tail(&[0xff; 300], 100).len() <= 100);
    }

    #[test]
    fn a_directory_with_another_one_in_it_is_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let machine = base.path().join("m");
        fs::create_dir_all(machine.join("root/usr/bin")).unwrap();
        assert!(remove_directory(&machine).is_err());
        assert!(machine.join("root/usr/bin").exists());
        fs::remove_dir_all(machine.join("root/usr")).unwrap();
        fs::write(machine.join("address"), "x").unwrap();
        remove_directory(&machine).unwrap();
        assert!(!machine.exists());
        remove_directory(&machine).unwrap();
    }
}
