//! Limits of memory, tasks and computing time: cgroup v2 where it has the controllers, v1 else, and else none, which
//! is said. One group for each machine, named after its id, below one group for the instance.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anteroom_machines::{Limit, Limits, Usage};
use anteroom_protocol::MachineId;

/// Both kernels' unit for shares of computing time.
const CPU_PERIOD_US: u64 = 100_000;
const MIB: u64 = 1024 * 1024;
/// `USER_HZ`, the same on every architecture that there is a guest image for.
const TICKS_PER_SECOND: u64 = 100;

/// What a machine's limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Memory.
    Memory,
    /// Processes and threads.
    Pids,
    /// Computing time.
    Cpu,
}

impl Controller {
    const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }

    /// The files of version 1 and their values. The second of memory is missing where swap is not accounted.
    fn v1(self, limits: &Limits) -> Vec<(&'static str, String)> {
        let memory = (u64::from(limits.memory_mb) * MIB).to_string();
        match self {
            Self::Memory => {
                vec![("memory.limit_in_bytes", memory.clone()), ("memory.memsw.limit_in_bytes", memory)]
            }
            Self::Pids => vec![("pids.max", limits.pids.to_string())],
            Self::Cpu => {
                vec![("cpu.cfs_period_us", CPU_PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota(limits).to_string())]
            }
        }
    }

    fn v2(self, limits: &Limits) -> Vec<(&'static str, String)> {
        match self {
            Self::Memory => vec![
                ("memory.max", (u64::from(limits.memory_mb) * MIB).to_string()),
                ("memory.swap.max", "0".to_owned()),
            ],
            Self::Pids => vec![("pids.max", limits.pids.to_string())],
            Self::Cpu => vec![("cpu.max", format!("{} {CPU_PERIOD_US}", quota(limits)))],
        }
    }
}

fn quota(limits: &Limits) -> u64 {
    u64::from(limits.cpu_percent) * CPU_PERIOD_US / 100
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The host's cgroups, as far as they can be used.
#[derive(Clone, Debug)]
pub struct Cgroups {
    version: Version,
    /// Each controller's instance directory; version 2 has one for all.
    parents: Vec<(Controller, PathBuf)>,
    missing: Vec<(Controller, String)>,
}

impl Cgroups {
    /// Looks what the host has, and makes the instance's groups.
    #[must_use]
    pub fn prepare(root: &Path, instance: &str) -> Self {
        if has_v2(root) { Self::prepare_v2(root, instance) } else { Self::prepare_v1(root, instance) }
    }

    fn prepare_v2(root: &Path, instance: &str) -> Self {
        let parent = root.join(instance);
        let enable = "+memory +pids +cpu";
        let made = fs::write(root.join("cgroup.subtree_control"), enable)
            .and_then(|()| make_directory(&parent))
            .and_then(|()| fs::write(parent.join("cgroup.subtree_control"), enable));
        match made {
            Ok(()) => Self {
                version: Version::Two,
                parents: Controller::ALL.map(|controller| (controller, parent.clone())).to_vec(),
                missing: Vec::new(),
            },
            Err(error) => {
                let why = format!("cgroup v2 at {} can't be divided: {error}", root.display());
                Self {
                    version: Version::Two,
                    parents: Vec::new(),
                    missing: Controller::ALL.map(|controller| (controller, why.clone())).to_vec(),
                }
            }
        }
    }

    fn prepare_v1(root: &Path, instance: &str) -> Self {
        let (mut parents, mut missing) = (Vec::new(), Vec::new());
        for controller in Controller::ALL {
            let parent = root.join(controller.name()).join(instance);
            // Without the controller's own file this is a plain directory, in which nothing would be limited.
            let tasks = root.join(controller.name()).join("cgroup.procs");
            let made = fs::metadata(&tasks).and_then(|_| make_directory(&parent));
            match made {
                Ok(()) => parents.push((controller, parent)),
                Err(error) => missing.push((
                    controller,
                    format!(
                        "neither cgroup v2 nor the v1 controller at {}: {error}; mount one and start again",
                        tasks.display()
                    ),
                )),
            }
        }
        Self { version: Version::One, parents, missing }
    }

    /// Whether a limit is held on this host.
    #[must_use]
    pub fn capability(&self, controller: Controller) -> Limit {
        if let Some((_, why)) = self.missing.iter().find(|(missing, _)| *missing == controller) {
            return Limit::Unavailable(why.clone());
        }
        Limit::Enforced(match self.version {
            Version::One => "cgroup v1".to_owned(),
            Version::Two => "cgroup v2".to_owned(),
        })
    }

    /// The directories of the machine's group, each once.
    #[must_use]
    pub fn directories(&self, id: &MachineId) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = self.parents.iter().map(|(_, parent)| parent.join(id.as_str())).collect();
        all.dedup();
        all
    }

    /// Makes the machine's group with its limits.
    ///
    /// # Errors
    /// The kernel refuses a file of the group.
    pub fn create(&self, id: &MachineId, limits: &Limits) -> io::Result<()> {
        for (controller, parent) in &self.parents {
            let directory = parent.join(id.as_str());
            make_directory(&directory)?;
            let files = match self.version {
                Version::One => controller.v1(limits),
                Version::Two => controller.v2(limits),
            };
            for (file, value) in files {
                write_limit(&directory.join(file), &value)?;
            }
        }
        Ok(())
    }

    /// The processes in the machine's group.
    ///
    /// # Errors
    /// The kernel refuses a file of the group.
    pub fn processes(&self, id: &MachineId) -> io::Result<Vec<i32>> {
        let mut all = Vec::new();
        for directory in self.directories(id) {
            match fs::read_to_string(directory.join("cgroup.procs")) {
                // 0 stands for a process of a pid namespace that this one can't see.
                Ok(text) => all.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0)),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// Removes the machine's group. False when the kernel still counts something in it.
    ///
    /// # Errors
    /// The kernel refuses a file of the group.
    pub fn remove(&self, id: &MachineId) -> io::Result<bool> {
        for directory in self.directories(id) {
            match fs::remove_dir(&directory) {
                Ok(()) => {}
                Err(error) if is_gone(&error) => {}
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// What the machine's group counts; `None` when there is no group, or nothing that counts memory.
    pub(crate) fn usage(&self, id: &MachineId) -> io::Result<Option<Usage>> {
        let Some((_, parent)) = self.parents.iter().find(|(controller, _)| *controller == Controller::Memory) else {
            return Ok(None);
        };
        let directory = parent.join(id.as_str());
        let file = match self.version {
            Version::One => "memory.usage_in_bytes",
            Version::Two => "memory.current",
        };
        let memory = match fs::read_to_string(directory.join(file)) {
            Ok(text) => text.trim().parse().map_err(io::Error::other)?,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Usage { memory_bytes: memory, cpu: self.cpu(&directory, id)? }))
    }

    /// Version 1 counts computing time by a controller of its own, which may be mounted anywhere or not at all; what its
    /// processes have used, and those that they have waited for, comes to the same.
    fn cpu(&self, directory: &Path, id: &MachineId) -> io::Result<Duration> {
        match self.version {
            Version::One => Ok(self.processes(id)?.into_iter().map(cpu_time).sum()),
            Version::Two => {
                let text = fs::read_to_string(directory.join("cpu.stat"))?;
                let used = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
                Ok(Duration::from_micros(used.and_then(|number| number.parse().ok()).unwrap_or(0)))
            }
        }
    }

    /// Memory that one more machine could use now, bytes: what the host has left, or less where the instance's group or
    /// one above it is bounded. What is only cached of files is left too, as the kernel gives it back first.
    #[must_use]
    pub fn free_memory(&self) -> Option<u64> {
        let parent = self.parents.iter().find(|(controller, _)| *controller == Controller::Memory);
        let groups = parent.into_iter().flat_map(|(_, parent)| parent.ancestors()).map_while(|group| self.left(group));
        groups.chain(anteroom_machines::free_memory()).min()
    }

    /// What is left in one group; `None` above the outermost one.
    fn left(&self, group: &Path) -> Option<u64> {
        let (limit, usage, cached) = match self.version {
            Version::One => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
            Version::Two => ("memory.max", "memory.current", "inactive_file "),
        };
        let read = |file| fs::read_to_string(group.join(file)).ok();
        // Without a limit version 2 says `max`.
        let limit = read(limit)?.trim().parse().unwrap_or(u64::MAX);
        let used: u64 = read(usage)?.trim().parse().ok()?;
        let stat = read("memory.stat").unwrap_or_default();
        let cached = stat.lines().find_map(|line| line.strip_prefix(cached)?.trim().parse().ok()).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(cached)))
    }

    /// Every machine that has a group.
    ///
    /// # Errors
    /// The kernel refuses a file of the group.
    pub fn machines(&self) -> io::Result<Vec<MachineId>> {
        let mut all = Vec::new();
        for (_, parent) in &self.parents {
            all.extend(crate::machine_directories(parent)?);
        }
        Ok(all)
    }
}

/// Whether the machine's group, one of `directories`, has lost a process because its memory was full.
#[must_use]
pub fn ran_out_of_memory(directories: &[PathBuf]) -> bool {
    let count = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    directories.iter().any(|directory| {
        ["memory.events", "memory.oom_control"]
            .iter()
            .filter_map(|file| fs::read_to_string(directory.join(file)).ok())
            .any(|text| count(&text) > 0)
    })
}

/// What a process has used, and those of its children that it has waited for. One that has ended meanwhile has used
/// nothing: its parent tells of it.
fn cpu_time(pid: i32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    Duration::from_millis(ticks(&stat) * 1000 / TICKS_PER_SECOND)
}

/// Fields 14 to 17 of proc(5)'s stat, counted after the name, which may hold spaces and parentheses.
fn ticks(stat: &str) -> u64 {
    let fields = stat.rsplit_once(')').map_or("", |(_, after_name)| after_name).split_whitespace().skip(11).take(4);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn has_v2(root: &Path) -> bool {
    let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
    Controller::ALL.iter().all(|wanted| controllers.split_whitespace().any(|name| name == wanted.name()))
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn write_limit(file: &Path, value: &str) -> io::Result<()> {
    match fs::write(file, value) {
        // Kernels that don't account swap have neither of the two files; then there is no swap to fill either.
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_swap(file) => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("write {value} to {}: {error}", file.display()))),
        Ok(()) => Ok(()),
    }
}

fn is_swap(file: &Path) -> bool {
    file.ends_with("memory.memsw.limit_in_bytes") || file.ends_with("memory.swap.max")
}

fn is_gone(error: &io::Error) -> bool {
    // Reading a group's file while the group is removed gives ENODEV.
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
