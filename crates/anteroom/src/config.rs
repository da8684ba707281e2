//! Everything that an operator can set, in one place. Later ones win: the defaults here, `/etc/anteroom/anteroom.toml`
//! or the file of `--config`, the environment (`ANTEROOM_LISTEN`, `ANTEROOM_NETWORK__POOL`: two underlines go one level
//! down), flags. An unknown name is refused with the names that there are.
//!
//! The vault's key may come from `ANTEROOM_VAULT_KEY`; see `key_file`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anteroom_machines::{HostEntry, Limits};
use anteroom_machines_host::{Exception, Pool, Pool6, Range};
use anteroom_machines_qemu::Accelerate;
use anteroom_protocol::{
    HostPattern,
    guest::{DesktopSize, MediaEngine},
};
use figment::{
    Figment,
    providers::{Env, Format as _, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

/// Read when no `--config` is given; it may be missing.
const SYSTEM_FILE: &str = "/etc/anteroom/anteroom.toml";
/// Names of the environment that are no settings.
const NO_SETTINGS: [&str; 1] = ["vault_key"];

/// The configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the page is served: `127.0.0.1:4000`. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Further names under which the page is reached, as in a Host header: `anteroom.example.com`.
    pub(crate) allowed_hosts: Vec<String>,
    /// Database, vault key and lock: `~/.local/share/anteroom`.
    pub(crate) data_dir: PathBuf,
    /// More providers, one TOML file each; one with the id of a built-in provider replaces it.
    pub(crate) providers_dir: Option<PathBuf>,
    /// The guest agent; by default `anteroom-guest` beside this program.
    pub(crate) guest_binary: Option<PathBuf>,
    /// The guest image, a directory tree; by default the one that `anteroom image build` makes in `cache_dir`.
    pub(crate) image: Option<PathBuf>,
    /// The guest image's recipe; by default `image` in the working directory or one above it, or
    /// `../share/anteroom/image` beside this program's directory.
    pub(crate) image_recipe: Option<PathBuf>,
    /// The kernel of virtual machines, as `kernel/fetch` makes it; by default the one that it makes in `cache_dir`.
    pub(crate) kernel: Option<PathBuf>,
    /// Where images are kept: `~/.cache/anteroom`.
    pub(crate) cache_dir: PathBuf,
    /// How the owner is called on the page.
    pub(crate) owner_name: String,
    /// The vault.
    pub(crate) vault: Vault,
    /// Machines.
    pub(crate) machines: Machines,
    /// Their network.
    pub(crate) network: Network,
    /// The relay for viewers that can't reach a machine's own address; by default port 3478 at the page's address.
    pub(crate) relay: anteroom_relay::Config,
    /// Each desktop's size, pixels.
    pub(crate) desktop: DesktopSize,
    /// Runs.
    pub(crate) runs: Runs,
    /// Credentials.
    pub(crate) credentials: Credentials,
    /// Who is told when a credential expires or does not work any more; nobody by default.
    pub(crate) webhook: Option<Webhook>,
    /// Deadlines of a sign-in, milliseconds, in place of the defaults.
    pub(crate) deadlines: Deadlines,
    /// Log lines.
    pub(crate) log: Log,
}

/// `[vault]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vault {
    /// The key ring, mode 0600; by default `vault.key` in `data_dir`. Made at the first start.
    pub(crate) key_file: Option<PathBuf>,
}

/// `[machines]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machines {
    /// What they are: `sandbox`, which is quick and shares the host's kernel, or `qemu`, virtual machines.
    pub(crate) driver: Driver,
    /// Who runs virtual machines: `kvm`, `tcg` (emulation, ten times as slow), or `auto`, which is KVM if a guest boots
    /// under it.
    pub(crate) accelerator: Accelerate,
    /// Whether virtual machines are clones of one that was booted before, with its desktop up; else each boots.
    pub(crate) template: bool,
    /// How many there may be at once.
    pub(crate) max: u32,
    /// The same for one person.
    pub(crate) per_owner: u32,
    /// How many sign-ins may wait for a place, when all are taken; 0 refuses them.
    pub(crate) queue: u32,
    /// Mebibytes of memory that must be left for one more machine, on the host and in the groups that bound all machines
    /// together: with less, a sign-in fails by that reason.
    pub(crate) keep_free_mb: u32,
    /// How many are made before anybody asks, and wait; 0 for none.
    pub(crate) pool: u32,
    /// Mebibytes of the host's memory that stay free: below this no machine waits.
    pub(crate) pool_keep_free_mb: u32,
    /// How many failed machines stay for a look, with all that was typed and shown in them; 0 for none. Each holds a place.
    pub(crate) keep_failed: u32,
    /// Hours after which a kept machine is destroyed.
    pub(crate) keep_failed_hours: u32,
    /// What each may use: `memory_mb`, `pids`, `cpu_percent`, `disk_mb`.
    pub(crate) limits: Limits,
    /// Where `anteroom machined` is asked for machines: `/run/anteroom-machined.sock`.
    pub(crate) socket: PathBuf,
    /// Where each has a directory while it lives.
    pub(crate) run_dir: PathBuf,
    /// The host's user of the machine with the pool's first address; each has the one after it.
    pub(crate) first_uid: u32,
    /// What carries their desktops to viewers: `str0m`, or `webrtcbin`, which knows neither TCP nor a restart of ICE.
    pub(crate) engine: MediaEngine,
    /// What each gets beside the image.
    pub(crate) additions: Additions,
}

/// What machines are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Driver {
    /// Namespaces of this host.
    #[default]
    Sandbox,
    /// Virtual machines.
    Qemu,
}

/// `[machines.additions]`: companies need their certificate authority and their proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Additions {
    /// Files, written before anything starts.
    pub(crate) files: Vec<AddedFile>,
    /// Paths of certificate authorities in PEM, one certificate each, that browser and CLIs trust.
    pub(crate) ca_certificates: Vec<PathBuf>,
    /// Names that resolve without a resolver: `{ address, name }`.
    pub(crate) hosts: Vec<HostEntry>,
    /// Environment of every program in the machine.
    pub(crate) environment: BTreeMap<String, String>,
    /// A proxy for HTTP and HTTPS, e.g. `http://192.168.3.4:3128`. One in a private range must stand in
    /// `network.allow` as well.
    pub(crate) upstream_proxy: Option<String>,
}

/// One of `machines.additions.files`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddedFile {
    /// Absolute path in the machine.
    pub(crate) path: String,
    /// The file on the host whose text it gets.
    pub(crate) from: PathBuf,
    /// Permission bits: `0o644`.
    pub(crate) mode: u32,
}

/// `[network]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    /// Names the bridge, the nftables table and the cgroup. Two controllers on one host need two.
    pub(crate) instance: String,
    /// The first letters of each machine's network device on the host. Two controllers on one host need two.
    pub(crate) device_prefix: String,
    /// The machines' addresses.
    pub(crate) pool: Pool,
    /// The host's own address in the pool; machines have those after it.
    pub(crate) gateway: Ipv4Addr,
    /// Gives machines IPv6: their addresses, a /64 of unique local ones, as in `fd87:1f3a:52c0::/64`. The host forwards
    /// IPv6 from then on. Without it machines have none.
    pub(crate) pool6: Option<Pool6>,
    /// The port on the gateway's address where guests reach the controller.
    pub(crate) guest_port: u16,
    /// Whether machines reach only the hosts of their provider, those of `hosts`, and those that the person allows.
    pub(crate) restrict: bool,
    /// Hosts that all restricted machines reach: `["sso.example.com", "*.example.com"]`.
    pub(crate) hosts: Vec<HostPattern>,
    /// Name servers that machines ask, or that are asked for them; by default the host's own.
    pub(crate) resolvers: Option<Vec<IpAddr>>,
    /// Networks with public addresses that are not the internet to machines: a company's own, as in
    /// `["198.51.100.0/24", "2001:db8:7::/48"]`. Those of IPv6 to which this host is connected are found.
    pub(crate) walled: Vec<Range>,
    /// What may be reached though it lies in a private range or on this host: `{ address, protocol, port }`.
    pub(crate) allow: Vec<Exception>,
}

/// `[runs]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Runs {
    /// Minutes after which a run ends in which nobody types and nothing is written.
    pub(crate) idle_minutes: u32,
}

/// `[credentials]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// Hours after which each credential is checked by its tool, in a machine of its own; 0 for never.
    pub(crate) check_hours: u32,
}

/// `[webhook]`: notices as Standard Webhooks has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// Where they are posted: https, or http to this host.
    pub(crate) url: String,
    /// A file with the secret that signs them: `whsec_` and the base64 of 24 to 64 random bytes.
    pub(crate) secret_file: PathBuf,
}

/// `[deadlines]`, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Deadlines {
    /// From the click to the first offer.
    pub(crate) offer_ms: Option<i64>,
    /// From the offer to a place for a machine, when all are taken.
    pub(crate) queue_ms: Option<i64>,
    /// From the place to a machine.
    pub(crate) machine_ms: Option<i64>,
    /// From the machine to its agent's first word.
    pub(crate) agent_ms: Option<i64>,
    /// From offer and agent to the answer.
    pub(crate) answer_ms: Option<i64>,
    /// The person's time, in place of every provider's own.
    pub(crate) sign_in_ms: Option<i64>,
    /// From the CLI's end to the credential in the vault.
    pub(crate) saving_ms: Option<i64>,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// `text` or `json`.
    pub(crate) format: LogFormat,
    /// Which lines, e.g. `warn,anteroom_controller=debug`.
    pub(crate) filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Flags that go before everything else.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guest_binary: Option<PathBuf>,
}

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A value is wrong, or a name unknown.
    #[error("the configuration: {0}")]
    Invalid(#[source] Box<figment::Error>),
    /// The file that was named is not there.
    #[error("{0}: there is no such configuration file")]
    Missing(PathBuf),
}

impl Default for Config {
    fn default() -> Self {
        let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/root"));
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4000)),
            allowed_hosts: Vec::new(),
            data_dir: home.join(".local/share/anteroom"),
            providers_dir: None,
            guest_binary: None,
            image: None,
            image_recipe: None,
            kernel: None,
            cache_dir: cache.join("anteroom"),
            owner_name: "Owner".to_owned(),
            vault: Vault::default(),
            machines: Machines::default(),
            network: Network::default(),
            relay: anteroom_relay::Config::default(),
            desktop: DesktopSize { width: 1280, height: 720 },
            runs: Runs { idle_minutes: 60 },
            credentials: Credentials::default(),
            webhook: None,
            deadlines: Deadlines::default(),
            log: Log {
                format: LogFormat::Text,
                filter: "warn,anteroom=info,anteroom_controller=info,anteroom_store_sqlite=info,\
                         anteroom_machines_host=info,anteroom_machines_qemu=info,anteroom_machined=info,\
                         anteroom_relay=info"
                    .to_owned(),
            },
        }
    }
}

impl Default for Machines {
    fn default() -> Self {
        Self {
            driver: Driver::default(),
            accelerator: Accelerate::default(),
            template: true,
            max: 8,
            per_owner: 4,
            queue: 32,
            pool: 1,
            keep_free_mb: 512,
            pool_keep_free_mb: 1024,
            keep_failed: 0,
            keep_failed_hours: 24,
            limits: Limits::default(),
            socket: PathBuf::from("/run/anteroom-machined.sock"),
            run_dir: PathBuf::from("/run/anteroom/machines"),
            first_uid: 1_200_000,
            engine: MediaEngine::Str0m,
            additions: Additions::default(),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            instance: "anteroom".to_owned(),
            device_prefix: "ar".to_owned(),
            pool: "10.87.0.0/16".parse().expect("a range of addresses"),
            gateway: Ipv4Addr::new(10, 87, 0, 1),
            pool6: None,
            guest_port: 4001,
            restrict: false,
            hosts: Vec::new(),
            resolvers: None,
            walled: Vec::new(),
            allow: Vec::new(),
        }
    }
}

impl Config {
    /// Reads everything.
    ///
    /// # Errors
    /// Names the value, where it stands, and what is taken.
    pub(crate) fn read(file: Option<&Path>, flags: &Flags) -> Result<Self, ConfigError> {
        if let Some(file) = file
            && !file.is_file()
        {
            return Err(ConfigError::Missing(file.to_owned()));
        }
        // An exact file must be there; the system's need not.
        let system = Some(Path::new(SYSTEM_FILE)).filter(|system| system.is_file());
        let read = |defaults: Self| -> Result<Self, ConfigError> {
            let defaults = Figment::from(Serialized::defaults(defaults));
            file.or(system)
                .map_or(defaults.clone(), |file| defaults.merge(Toml::file_exact(file)))
                .merge(Env::prefixed("ANTEROOM_").ignore(&NO_SETTINGS).split("__"))
                .merge(Serialized::defaults(flags))
                .extract()
                .map_err(|error| ConfigError::Invalid(Box::new(error)))
        };
        // Where the relay is depends on where page and machines are, unless it is set.
        read(Self::default().relaying_beside(&read(Self::default())?))
    }

    /// The same with a relay for the page and the machines of `other`.
    fn relaying_beside(mut self, other: &Self) -> Self {
        // The relay's own default is all addresses.
        if !other.listen.ip().is_unspecified() {
            self.relay.listen = vec![SocketAddr::new(other.listen.ip(), anteroom_relay::PORT)];
        }
        self.relay.relay_address = other.network.gateway.into();
        self
    }

    /// The key ring's file.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.vault.key_file.clone().unwrap_or_else(|| self.data_dir.join("vault.key"))
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.data_dir.join("anteroom.db")
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
