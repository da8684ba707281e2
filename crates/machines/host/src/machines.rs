//! [`Machines`]: the port's calls for any kind of machine, each in a thread of its own, because they speak to the kernel
//! and wait.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom_machines::{
    Capabilities, CreateError, Driver, InvalidSpec, Limit, Limits, MachineSpec, Observed, OperationError, Reach, Usage,
};
use anteroom_protocol::{MachineId, Secret};
use async_trait::async_trait;
use tokio::io::{Interest, unix::AsyncFd};

use crate::{
    cgroup::{Cgroups, Controller},
    config::{HostConfig, InvalidConfig},
    firewall, forwarding,
    launch::Launcher,
    netlink::{ETHERNET_MTU, Netlink, addresses::Family},
    turns::Turns,
    wire::{ADDRESS_FILE, Report},
    world::{During as _, World},
};

/// Where Linux distributions mount the groups.
const CGROUP_ROOT: &str = "/sys/fs/cgroup";

/// What is particular to one kind of machine.
pub trait Kind: Send + Sync + 'static {
    /// The driver's name in configuration and rows.
    fn name(&self) -> &'static str;

    /// What must be on the host: in words, and where.
    fn needs(&self) -> Vec<(&'static str, PathBuf)>;

    /// The program that becomes a machine, and its first arguments.
    fn launcher(&self) -> &(PathBuf, Vec<OsString>);

    /// How long a launch may take.
    fn launch_deadline(&self) -> Duration;

    /// What the machine's group on the host may use, so that the machine can use what is asked.
    fn group_limits(&self, limits: &Limits) -> Limits;

    /// Who holds the limits that are not held by groups on the host.
    fn capabilities(&self, groups: Capabilities) -> Capabilities;

    /// The launcher's document. Secrets of the machine are in it.
    ///
    /// # Errors
    /// It can't be written as JSON, or the machine can't be made so.
    fn document(&self, host: &HostConfig, spec: &MachineSpec, here: &Circumstances) -> Result<Secret<Vec<u8>>, String>;
}

/// What was read from the host, or drawn, for one launch.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// What the way to the internet carries.
    pub mtu: u32,
    /// The host's user of this machine.
    pub uid: u32,
    /// The machine's groups.
    pub cgroups: Vec<PathBuf>,
    /// For /etc/machine-id: it identifies the machine to programs in it and must say nothing about the host.
    pub machine_id: [u8; 16],
}

/// The driver for one kind of machine.
pub struct Machines<K> {
    kind: Arc<K>,
    world: Arc<World>,
    turns: Arc<Turns>,
}

impl<K> Clone for Machines<K> {
    fn clone(&self) -> Self {
        Self { kind: Arc::clone(&self.kind), world: Arc::clone(&self.world), turns: Arc::clone(&self.turns) }
    }
}

/// Why the driver can't work on this host.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The host lacks something.
    #[error(transparent)]
    Host(#[from] OperationError),
}

impl<K: Kind> Machines<K> {
    /// Prepares the host: directories, groups, the bridge with the gateway's addresses, forwarding, and the firewall
    /// with the machines that run. May be called again at any time; what runs goes on.
    ///
    /// # Errors
    /// Says what is wrong in the configuration, or which step failed on the host.
    pub async fn open(config: HostConfig, kind: K) -> Result<Self, OpenError> {
        config.check()?;
        let kind = Arc::new(kind);
        let shared = Arc::clone(&kind);
        let world = blocking(move || {
            let cgroups = Cgroups::prepare(Path::new(CGROUP_ROOT), &config.instance);
            let world = World { config, cgroups };
            prepare_host(&world, &*shared).map(|()| world)
        })
        .await?;
        Ok(Self { kind, world: Arc::new(world), turns: Arc::default() })
    }

    /// What is particular to its machines.
    #[must_use]
    pub fn kind(&self) -> &Arc<K> {
        &self.kind
    }

    /// The host that it works on.
    #[must_use]
    pub fn host(&self) -> &HostConfig {
        &self.world.config
    }

    /// Runs a call in a thread. Calls on one machine come one after the other: a creation that nobody waits for any
    /// more is still at work, and neither a destruction nor a look must overtake it. One that nobody waits for before it
    /// has begun never begins.
    async fn on<T: Send + 'static>(&self, id: &MachineId, call: impl FnOnce(&World) -> T + Send + 'static) -> T {
        let (world, turn) = (Arc::clone(&self.world), self.turns.next(id.clone()).await);
        blocking(move || {
            let _turn = turn;
            call(&world)
        })
        .await
    }

    /// The same beside whatever is at work.
    async fn look<T: Send + 'static>(&self, look: impl FnOnce(&World) -> T + Send + 'static) -> T {
        let world = Arc::clone(&self.world);
        blocking(move || look(&world)).await
    }

    /// Waits for process 1, if the machine runs.
    async fn process_ended(&self, id: &MachineId) -> Result<(), OperationError> {
        let step = || "wait for the machine's end".to_owned();
        let asked = id.clone();
        let processes = self.look(move |world| world.processes(&asked)).await.during(step, Some(id))?;
        let Some(processes) = processes else { return Ok(()) };
        let Some(init) = processes.init.open().during(step, Some(id))? else { return Ok(()) };
        // SAFETY: the descriptor is owned by the registration, and nobody else has its number.
        let end = unsafe { AsyncFd::register_with_interest(init.fd, Interest::READABLE) }.during(step, Some(id))?;
        end.readable().await.map(drop).during(step, Some(id))
    }
}

#[async_trait]
impl<K: Kind> Driver for Machines<K> {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn capabilities(&self) -> Capabilities {
        let groups = &self.world.cgroups;
        self.kind.capabilities(Capabilities {
            memory: groups.capability(Controller::Memory),
            pids: groups.capability(Controller::Pids),
            cpu: groups.capability(Controller::Cpu),
            disk: Limit::Unavailable("groups on the host count no written files".to_owned()),
            walled: Limit::Enforced(format!("nftables table inet {}", self.world.config.instance)),
            restricted: self.world.config.network.restrict,
        })
    }

    fn free_memory(&self) -> Option<u64> {
        anteroom_machines::free_memory()
    }

    async fn create(&self, spec: &MachineSpec) -> Result<(), CreateError> {
        let invalid = |problem| CreateError::Invalid { machine: spec.id.clone(), problem };
        spec.check().map_err(invalid)?;
        let Some(uid) = self.world.config.uid(spec.address) else {
            let pool = self.world.config.network.pool;
            let problem = format!("{} is not an address for machines of the pool {pool}", spec.address);
            return Err(invalid(InvalidSpec { field: "address".to_owned(), problem }));
        };
        let (owned, kind) = (spec.clone(), Arc::clone(&self.kind));
        Ok(self.on(&spec.id, move |world| create(world, &*kind, &owned, uid)).await?)
    }

    async fn inspect(&self, id: &MachineId) -> Result<Observed, OperationError> {
        let asked = id.clone();
        self.on(id, move |world| world.inspect(&asked)).await
    }

    async fn destroy(&self, id: &MachineId) -> Result<(), OperationError> {
        let asked = id.clone();
        self.on(id, move |world| world.destroy(&asked)).await
    }

    async fn list(&self) -> Result<Vec<MachineId>, OperationError> {
        self.look(World::list).await
    }

    async fn exited(&self, id: &MachineId) -> String {
        loop {
            if let Err(error) = self.process_ended(id).await {
                return error.to_string();
            }
            match self.inspect(id).await {
                Ok(Observed::Dead { reason }) => return reason,
                Ok(Observed::Absent) => return "there is no such machine".to_owned(),
                // Another machine with this id was made in the meantime.
                Ok(Observed::Running) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    async fn logs(&self, id: &MachineId) -> Result<String, OperationError> {
        let asked = id.clone();
        self.look(move |world| world.log(&asked)).await
    }

    async fn reach(&self, id: &MachineId, reach: &Reach) -> Result<(), OperationError> {
        let (asked, reach) = (id.clone(), reach.clone());
        self.on(id, move |world| world.reach(&asked, &reach)).await
    }

    async fn usage(&self, id: &MachineId) -> Result<Option<Usage>, OperationError> {
        let asked = id.clone();
        let usage = self.look(move |world| world.cgroups.usage(&asked)).await;
        usage.during(|| "read what the machine uses".to_owned(), Some(id))
    }
}

fn prepare_host(world: &World, kind: &impl Kind) -> Result<(), OperationError> {
    let config = &world.config;
    for (what, path) in kind.needs() {
        fs::metadata(&path).during(|| format!("find the {what} {}", path.display()), None)?;
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.run_dir)
        .during(|| format!("make the directory {}", config.run_dir.display()), None)?;
    forwarding::allow()?;
    if config.network.pool6.is_some() {
        forwarding::allow_ipv6()?;
    }
    prepare_bridge(config).during(|| format!("set up the bridge {}", config.bridge()), None)?;
    world.build_wall(None)
}

/// A bridge without ports is the device that every kernel has and that can hold the gateway's address; it has no
/// other task.
fn prepare_bridge(config: &HostConfig) -> std::io::Result<()> {
    let mut netlink = Netlink::open()?;
    let index = netlink.ensure_bridge(&config.bridge())?;
    netlink.up_without_ipv6(index)?;
    netlink.add_address(index, config.network.gateway.into())?;
    config.network.gateway6().map_or(Ok(()), |gateway| netlink.add_address(index, gateway.into()))
}

fn create(world: &World, kind: &impl Kind, spec: &MachineSpec, uid: u32) -> Result<(), OperationError> {
    let (id, config) = (&spec.id, &world.config);
    world.destroy(id)?;
    has_room(world, id)?;
    claim(world, spec)?;
    let limits = kind.group_limits(&spec.limits);
    world.cgroups.create(id, &limits).during(|| "make the machine's groups".to_owned(), Some(id))?;
    let document = kind
        .document(config, spec, &circumstances(world, id, uid)?)
        .during(|| "write the launcher's document".to_owned(), Some(id))?;
    let step = || "start the launcher".to_owned();
    let deadline = Instant::now() + kind.launch_deadline();
    let mut launcher = Launcher::start(config, kind.launcher(), id, &document, deadline).during(step, Some(id))?;
    // While the launcher is at work; the agent starts when both are done.
    admit(world, spec)?;
    expect(&mut launcher, &Report::Prepared, id)?;
    launcher.go().during(step, Some(id))?;
    expect(&mut launcher, &Report::Running, id)
}

/// A machine that grows into the last memory would have the kernel end another one.
fn has_room(world: &World, id: &MachineId) -> Result<(), OperationError> {
    let (free, needed) = (world.cgroups.free_memory().unwrap_or(u64::MAX), world.config.keep_free);
    if free >= needed {
        return Ok(());
    }
    let [free, needed] = [free, needed].map(|bytes| bytes >> 20);
    let detail = format!(
        "{free} MB are free, and {needed} MB must be; wait until another machine has ended, or give the host more"
    );
    Err(OperationError { step: "find memory for a machine".to_owned(), machine: Some(id.clone()), detail })
}

/// Makes the machine's directory with its address, before anything else is there, so that everything can be found.
fn claim(world: &World, spec: &MachineSpec) -> Result<(), OperationError> {
    let (id, directory) = (&spec.id, world.config.directory(&spec.id));
    let step = || format!("make the directory {}", directory.display());
    let taken = world.addresses().during(step, Some(id))?;
    if let Some((other, address)) = taken.iter().find(|(_, address)| *address == spec.address) {
        let detail = format!("{other} has the address {address}; destroy that machine first");
        return Err(OperationError { step: step(), machine: Some(id.clone()), detail });
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .and_then(|()| fs::write(directory.join(ADDRESS_FILE), spec.address.to_string()))
        .during(step, Some(id))
}

fn circumstances(world: &World, id: &MachineId, uid: u32) -> Result<Circumstances, OperationError> {
    let mtu = mtu(&world.config).during(|| "read the default routes".to_owned(), Some(id))?;
    let mut machine_id = [0; 16];
    getrandom::fill(&mut machine_id).during(|| "draw a machine id".to_owned(), Some(id))?;
    Ok(Circumstances { mtu, uid, cgroups: world.cgroups.directories(id), machine_id })
}

/// What both ways to the internet carry, where machines have both.
fn mtu(config: &HostConfig) -> std::io::Result<u32> {
    let mut netlink = Netlink::open()?;
    let v4 = netlink.default_route_mtu(Family::V4)?;
    let v6 = match config.network.pool6 {
        Some(_) => netlink.default_route_mtu(Family::V6)?,
        None => None,
    };
    Ok(v4.into_iter().chain(v6).min().unwrap_or(ETHERNET_MTU))
}

/// Somebody may have flushed the host's firewall: then the wall is built again, this machine included.
fn admit(world: &World, spec: &MachineSpec) -> Result<(), OperationError> {
    let link = world.config.link(&spec.id);
    let connected = world.connected_networks()?;
    match firewall::apply(&firewall::admit(&world.config, &link, spec.address, &connected)) {
        Ok(()) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the firewall table is not as it was made; it is built again");
            world.build_wall(None)
        }
    }
}

fn expect(launcher: &mut Launcher, wanted: &Report, id: &MachineId) -> Result<(), OperationError> {
    let heard = launcher.report().during(|| "wait for the launcher".to_owned(), Some(id))?;
    match heard {
        Report::Failed { step, detail } => Err(OperationError { step, machine: Some(id.clone()), detail }),
        Report::Prepared | Report::Running if heard == *wanted => Ok(()),
        Report::Prepared | Report::Running => Err(OperationError {
            step: "wait for the launcher".to_owned(),
            machine: Some(id.clone()),
            detail: format!("it said {heard:?} instead of {wanted:?}; is it of another version?"),
        }),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
