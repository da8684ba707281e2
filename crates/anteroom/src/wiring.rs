//! Makes the parts from the configuration: store, key ring, providers, driver settings. Each is a small function, so
//! that every command takes what it needs and nothing else.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::Arc,
};

use anteroom_controller::{
    Catalogue, CatalogueError, DeadlineOverrides, KeepSettings, PoolSettings, Restriction, RunSettings, Settings,
    ports::random,
};
use anteroom_machines::{Additions, MachineFile};
use anteroom_machines_host::{HostConfig, NetworkPolicy};
use anteroom_machines_qemu as qemu;
use anteroom_machines_sandbox as sandbox;
use anteroom_protocol::Secret;
use anteroom_store::{AddressPool, Placement, Store};
use anteroom_store_sqlite::SqliteStore;
use anteroom_vault::KeyRing;
use sha2::{Digest as _, Sha256};

use crate::{
    config::{self, Config},
    edge::SystemEntropy,
    embedded,
    image::{ImageError, Recipe, with_ending},
    key_file::{self, KeyError, KeySource},
    providers::{self, Finding},
};

/// The first argument of the program when it becomes a sandbox's launcher.
pub(crate) const SANDBOX_LAUNCHER: &str = "sandbox-init";
/// The same for a virtual machine's.
pub(crate) const QEMU_LAUNCHER: &str = "qemu-init";
/// Names the host's name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Has the address that the page was served at last.
const BOUND: &str = "listening";
/// The directory of the guest image's recipe.
const RECIPE: &str = "image";
/// The guest agent's file name.
const GUEST: &str = "anteroom-guest";
/// The file name of virtual machines' first process.
const VM_INIT: &str = "anteroom-vm-init";
/// The directory of the kernel's recipe, beside the image's.
const KERNEL_RECIPE: &str = "kernel";

/// Why the parts can't be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WiringError {
    /// A file that is needed can't be read.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What was said.
        #[source]
        source: io::Error,
    },
    /// Somebody else works on these data.
    #[error("{} is locked: another `anteroom serve` or `anteroom vault` works on it; end that first", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// A provider's file can't be used.
    #[error("the provider file {name}:{finding}")]
    ProviderFile {
        /// Which.
        name: String,
        /// What is wrong where.
        finding: Finding,
    },
    /// A provider's file says what can't be.
    #[error(transparent)]
    Provider(#[from] CatalogueError),
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] anteroom_store_sqlite::OpenError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] anteroom_store::StoreError),
    /// There is no key ring.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Credentials are stored, and none of the keys that open them is there.
    #[error(
        "{place} lacks the key {missing}, which {count} stored credentials are sealed under. Put that key back; without \
         it they can't be opened, and their providers must be connected again"
    )]
    LostKey {
        /// Where keys are looked for.
        place: String,
        /// The first that is missing.
        missing: String,
        /// How many credentials.
        count: usize,
    },
    /// The network's values don't fit each other.
    #[error("{0}")]
    Network(String),
    /// The image's recipe is wrong.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The recipe is not where it is looked for.
    #[error(
        "the guest image's recipe is neither in {} or above it nor at {}; set image_recipe, or image",
        here.display(), installed.display()
    )]
    NoRecipe {
        /// The working directory.
        here: PathBuf,
        /// Beside the program.
        installed: PathBuf,
    },
    /// The kernel of virtual machines is not there, and could not be fetched.
    #[error("{} ended with {status} and has said why; or set kernel to a directory that it made elsewhere", fetch.display())]
    NoKernel {
        /// What was run.
        fetch: PathBuf,
        /// How it ended.
        status: ExitStatus,
    },
    /// The image was not made yet.
    #[error("there is no guest image at {}; run `anteroom image build`", tree.display())]
    NoImage {
        /// Where it would be.
        tree: PathBuf,
    },
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> WiringError + 'a {
    move |source| WiringError::Io { action, path: path.to_owned(), source }
}

/// Makes the data directory, and holds its lock until it is dropped: the vault's key must not be rotated under a
/// controller that seals with the old one.
pub(crate) fn lock(config: &Config) -> Result<fs::File, WiringError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let directory = &config.data_dir;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed("making", directory))?;
    let path = directory.join("lock");
    let file = fs::File::create(&path).map_err(failed("making", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(WiringError::Locked { path }),
        Err(fs::TryLockError::Error(source)) => Err(failed("locking", &path)(source)),
    }
}

/// Keeps where the page is served, for `anteroom link`: the port may have been free to choose.
pub(crate) fn note_bound_address(config: &Config, address: SocketAddr) -> Result<(), WiringError> {
    let path = config.data_dir.join(BOUND);
    fs::write(&path, address.to_string()).map_err(failed("writing", &path))
}

/// Where the page was served last; where it would be when it never was.
pub(crate) fn bound_address(config: &Config) -> SocketAddr {
    let noted = fs::read_to_string(config.data_dir.join(BOUND)).ok();
    noted.and_then(|text| text.parse().ok()).unwrap_or(config.listen)
}

/// Opens the database, or makes it.
pub(crate) async fn store(config: &Config) -> Result<Arc<SqliteStore>, WiringError> {
    Ok(Arc::new(SqliteStore::open(&config.database()).await?))
}

/// Where the key ring comes from.
pub(crate) fn key_source(config: &Config, environment: Option<Secret<String>>) -> KeySource {
    match environment {
        Some(text) => KeySource::Environment(text),
        None => KeySource::File(config.key_file()),
    }
}

/// The key ring; at the first start a new one. A ring that lacks a stored credential's key is refused: the new key
/// would hide that the old one is lost.
pub(crate) async fn key_ring(source: &KeySource, store: &dyn Store) -> Result<KeyRing, WiringError> {
    let ring = source.read()?;
    let stored = store.all_credentials().await?;
    let known = |id: &anteroom_vault::KeyId| ring.as_ref().is_some_and(|ring| ring.ids().any(|known| known == id));
    let lost: Vec<_> = stored.iter().map(|row| row.sealed.key_id()).filter(|id| !known(id)).collect();
    if let Some(missing) = lost.first() {
        let place = match source {
            KeySource::Environment(_) => "the environment's key ring".to_owned(),
            KeySource::File(path) => path.display().to_string(),
        };
        return Err(WiringError::LostKey { place, missing: missing.to_string(), count: lost.len() });
    }
    match ring {
        Some(ring) => Ok(ring),
        None => {
            let ring = KeyRing::new(key_file::new_key(random(&SystemEntropy)));
            source.replace(&ring)?;
            tracing::info!(key = %ring.current().id(), "the vault's key is made; keep a copy of its file");
            Ok(ring)
        }
    }
}

/// The built-in providers and those of `providers_dir`.
pub(crate) fn catalogue(config: &Config) -> Result<Catalogue, WiringError> {
    let mut files: Vec<_> = embedded::providers().collect();
    if let Some(directory) = &config.providers_dir {
        for entry in fs::read_dir(directory).map_err(failed("listing", directory))? {
            let path = entry.map_err(failed("listing", directory))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let text = fs::read_to_string(&path).map_err(failed("reading", &path))?;
                files.push((path.display().to_string(), text));
            }
        }
    }
    let parse = |(name, text): (String, String)| {
        let id = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy();
        providers::check(&id, &text).map_err(|finding| WiringError::ProviderFile { name, finding })
    };
    Ok(Catalogue::new(files.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?)?)
}

/// The controller's settings, once the guest's listener has its address. `made_from` is the driver's fingerprint.
pub(crate) fn settings(
    config: &Config,
    driver: &str,
    made_from: &str,
    guest_url: String,
) -> Result<Settings, WiringError> {
    let mut additions = additions(&config.machines.additions)?;
    let restriction = restriction(config, &mut additions);
    let made_from = made_from_all(config, &additions, made_from);
    Ok(Settings {
        owner_name: config.owner_name.clone(),
        placement: Placement { driver: driver.to_owned(), pool: address_pool(config)?, made_from },
        guest_url,
        restriction,
        desktop: config.desktop,
        limits: config.machines.limits,
        additions,
        engine: config.machines.engine,
        deadlines: deadlines(config.deadlines),
        max_queued: config.machines.queue,
        keep: KeepSettings {
            machines: config.machines.keep_failed,
            for_ms: i64::from(config.machines.keep_failed_hours) * 60 * 60 * 1000,
        },
        runs: RunSettings { idle_ms: i64::from(config.runs.idle_minutes) * 60 * 1000 },
        pool: PoolSettings {
            size: config.machines.pool,
            keep_free: u64::from(config.machines.pool_keep_free_mb) << 20,
        },
    })
}

/// What restricted machines reach. Names that the operator sets are told by the resolver then, and stand in no machine: one
/// that a machine knows by itself would be on nobody's list.
fn restriction(config: &Config, additions: &mut Additions) -> Option<Restriction> {
    config
        .network
        .restrict
        .then(|| Restriction { hosts: config.network.hosts.clone(), addresses: std::mem::take(&mut additions.hosts) })
}

/// The name servers that are asked for restricted machines, which may be on this host's loopback.
pub(crate) fn name_servers(config: &Config) -> Result<Vec<SocketAddr>, WiringError> {
    let servers = match &config.network.resolvers {
        Some(servers) => servers.clone(),
        None => resolv_conf()?.map_or_else(Vec::new, |text| servers_in(&text).collect()),
    };
    Ok(servers.into_iter().map(|server| SocketAddr::from((server, 53))).collect())
}

/// A fingerprint of what a driver makes a machine from: images, agent and network.
pub(crate) fn made_from(host: &HostConfig, images: &[&PathBuf], agent: &Path) -> Result<String, WiringError> {
    let program = fs::metadata(agent).map_err(failed("looking at", agent))?;
    let agent = (agent, program.len(), program.modified().ok());
    Ok(format!("{:x}", Sha256::digest(format!("{:?}", (images, agent, &host.network)))))
}

/// The same with what the controller adds. Texts of files and of the environment go into a digest only.
fn made_from_all(config: &Config, additions: &Additions, driver: &str) -> String {
    let mut digest = Sha256::new();
    let machines = (config.machines.engine, config.machines.limits);
    digest.update(format!("{:?}", (driver, config.desktop, machines)));
    digest.update(format!("{:?}", (&additions.ca_certificates, &additions.hosts, &additions.environment)));
    for file in &additions.files {
        digest.update(format!("{} {:o} {}\n", file.path, file.mode, file.contents.len()));
        digest.update(&file.contents);
    }
    format!("{:x}", digest.finalize())
}

fn deadlines(set: config::Deadlines) -> DeadlineOverrides {
    DeadlineOverrides {
        offer_ms: set.offer_ms,
        queue_ms: set.queue_ms,
        machine_ms: set.machine_ms,
        agent_ms: set.agent_ms,
        answer_ms: set.answer_ms,
        sign_in_ms: set.sign_in_ms,
        saving_ms: set.saving_ms,
    }
}

/// All addresses of the pool behind the gateway's, but the broadcast one.
fn address_pool(config: &Config) -> Result<AddressPool, WiringError> {
    let network = &config.network;
    let outside = || WiringError::Network("network.gateway must be an address of network.pool".to_owned());
    let offset = network.pool.offset(network.gateway).ok_or_else(outside)?;
    let size = (1..=u32::MAX)
        .take_while(|step| network.pool.offset(add(network.gateway, *step)).is_some_and(|at| at > offset))
        .last()
        .unwrap_or(0);
    if size < 2 {
        return Err(WiringError::Network("network.pool has no address behind network.gateway".to_owned()));
    }
    Ok(AddressPool {
        first: add(network.gateway, 1),
        last: add(network.gateway, size - 1),
        max_machines: config.machines.max,
        max_machines_per_owner: config.machines.per_owner,
    })
}

fn add(address: Ipv4Addr, step: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address).wrapping_add(step))
}

fn additions(set: &config::Additions) -> Result<Additions, WiringError> {
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(failed("reading", path));
    let file = |added: &config::AddedFile| {
        Ok(MachineFile { path: added.path.clone(), contents: read(&added.from)?, mode: added.mode })
    };
    let mut environment: Vec<_> = set.upstream_proxy.iter().flat_map(|url| proxy_environment(url)).collect();
    environment.extend(set.environment.clone());
    Ok(Additions {
        files: set.files.iter().map(file).collect::<Result<_, WiringError>>()?,
        ca_certificates: set.ca_certificates.iter().map(read).collect::<Result<_, _>>()?,
        hosts: set.hosts.clone(),
        environment,
    })
}

/// Some programs read the upper-case names, some the lower-case ones.
fn proxy_environment(url: &str) -> Vec<(String, String)> {
    let both = |name: &str, value: &str| [(name.to_owned(), value.to_owned()), (name.to_lowercase(), value.to_owned())];
    [("HTTPS_PROXY", url), ("HTTP_PROXY", url), ("NO_PROXY", "localhost,127.0.0.1,::1")]
        .into_iter()
        .flat_map(|(name, value)| both(name, value))
        .collect()
}

/// Where the guest agent is.
pub(crate) fn guest_agent(config: &Config) -> Result<PathBuf, WiringError> {
    let this = this_program()?;
    let agent = config.guest_binary.clone().unwrap_or_else(|| this.with_file_name(GUEST));
    fs::metadata(&agent).map_err(failed("looking for the guest agent", &agent))?;
    Ok(agent)
}

/// What the sandbox driver needs.
pub(crate) fn sandbox(config: &Config) -> Result<sandbox::Config, WiringError> {
    let this = this_program()?;
    let agent = guest_agent(config)?;
    let image = image_tree(config)?;
    if !image.is_dir() {
        return Err(WiringError::NoImage { tree: image });
    }
    let launcher = (this, vec![SANDBOX_LAUNCHER.into()]);
    Ok(sandbox::Config { host: host(config)?, sandbox: sandbox::Sandbox { image, agent, launcher } })
}

/// What the driver of virtual machines needs. A kernel that is not there is fetched.
pub(crate) fn qemu(config: &Config) -> Result<qemu::Config, WiringError> {
    let this = this_program()?;
    let (agent, init) = (guest_agent(config)?, this.with_file_name(VM_INIT));
    let image = image_tree(config)?;
    if !image.is_dir() {
        return Err(WiringError::NoImage { tree: image });
    }
    let disk = with_ending(&image, "erofs");
    let cache = config.cache_dir.join("vm");
    let template = qemu::TemplateOf { limits: config.machines.limits, desktop: config.desktop };
    Ok(qemu::Config {
        host: host(config)?,
        sources: qemu::Sources { image, disk, kernel: kernel(config)?, init, agent, cache },
        launcher: (this, vec![QEMU_LAUNCHER.into()]),
        accelerate: config.machines.accelerator,
        template: config.machines.template.then_some(template),
    })
}

/// The kernel, in a directory that is named after its pin.
fn kernel(config: &Config) -> Result<PathBuf, WiringError> {
    if let Some(kernel) = &config.kernel {
        return Ok(kernel.clone());
    }
    let image_recipe = config.image_recipe.clone().map_or_else(find_recipe, Ok)?;
    let recipe = image_recipe.with_file_name(KERNEL_RECIPE);
    let (lock, fetch) = (recipe.join("lock"), recipe.join("fetch"));
    let pin = fs::read_to_string(&lock).map_err(failed("reading", &lock))?;
    let words = pin.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    let name: Vec<&str> = words.split_whitespace().take(2).collect();
    let kernel = config.cache_dir.join("kernels").join(name.join("_"));
    if !kernel.is_dir() {
        let status = Command::new(&fetch).arg(&kernel).status().map_err(failed("running", &fetch))?;
        if !status.success() {
            return Err(WiringError::NoKernel { fetch, status });
        }
    }
    Ok(kernel)
}

/// What every driver needs.
fn host(config: &Config) -> Result<HostConfig, WiringError> {
    let with_ipv6 = config.network.pool6.is_some();
    Ok(HostConfig {
        instance: config.network.instance.clone(),
        device_prefix: config.network.device_prefix.clone(),
        run_dir: config.machines.run_dir.clone(),
        first_uid: config.machines.first_uid,
        keep_free: u64::from(config.machines.keep_free_mb) << 20,
        network: NetworkPolicy {
            pool: config.network.pool,
            gateway: config.network.gateway,
            pool6: config.network.pool6,
            guest_port: config.network.guest_port,
            restrict: config.network.restrict,
            resolvers: config.network.resolvers.clone().map_or_else(|| host_resolvers(with_ipv6), Ok)?,
            walled: config.network.walled.clone(),
            allow: config.network.allow.clone(),
        },
    })
}

/// Where the guest image is, or will be.
pub(crate) fn image_tree(config: &Config) -> Result<PathBuf, WiringError> {
    match &config.image {
        Some(tree) => Ok(tree.clone()),
        None => Ok(recipe(config)?.tree(&config.cache_dir)),
    }
}

/// The guest image's recipe, with the pins of all providers.
pub(crate) fn recipe(config: &Config) -> Result<Recipe, WiringError> {
    let providers: Vec<_> = catalogue(config)?.iter().cloned().collect();
    let directory = match &config.image_recipe {
        Some(directory) => directory.clone(),
        None => find_recipe()?,
    };
    Ok(Recipe::read(&directory, &providers)?)
}

fn find_recipe() -> Result<PathBuf, WiringError> {
    let here = std::env::current_dir().map_err(failed("finding", Path::new("the working directory")))?;
    let installed = this_program()?.with_file_name("../share/anteroom").join(RECIPE);
    let around = here.ancestors().map(|directory| directory.join(RECIPE)).chain([installed.clone()]);
    let is_recipe = |directory: &PathBuf| directory.join(crate::image::SCRIPT).is_file();
    around.into_iter().find(is_recipe).ok_or(WiringError::NoRecipe { here, installed })
}

fn this_program() -> Result<PathBuf, WiringError> {
    std::env::current_exe().map_err(failed("finding", Path::new("this program")))
}

/// The host's name servers that a machine can reach too; one on the host's own loopback or cable is not.
fn host_resolvers(with_ipv6: bool) -> Result<Vec<IpAddr>, WiringError> {
    Ok(resolv_conf()?.map_or_else(Vec::new, |text| resolvers_in(&text, with_ipv6)))
}

fn resolv_conf() -> Result<Option<String>, WiringError> {
    let path = Path::new(RESOLV_CONF);
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("reading", path)(error)),
    }
}

fn resolvers_in(text: &str, with_ipv6: bool) -> Vec<IpAddr> {
    servers_in(text)
        .filter(|address| match address {
            IpAddr::V4(address) => !address.is_loopback(),
            IpAddr::V6(address) => with_ipv6 && !address.is_loopback() && !address.is_unicast_link_local(),
        })
        .collect()
}

fn servers_in(text: &str) -> impl Iterator<Item = IpAddr> {
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    named.filter_map(|rest| rest.trim().parse().ok())
}

#[cfg(test)]
#[path = "wiring_tests.rs"]
mod tests;
