//! What driver and launcher tell each other: one document in, reports out, each on a line.
//!
//! The document goes to the launcher's standard input, because it holds the machine's token: arguments and
//! environment can be read by others. The line `go` follows when the firewall knows the machine. Without it the
//! launcher ends, so that a driver that is killed in between leaves no machine that nobody has decided on.

use std::{net::Ipv4Addr, path::PathBuf};

use anteroom_protocol::Secret;
use serde::{Deserialize, Serialize};

/// The driver's word that the agent may start.
pub(crate) const GO: &str = "go\n";
/// The launcher's document has the operator's files in it; escaped JSON is at most six times as long.
pub(crate) const MAX_LAUNCH_BYTES: u64 = 6 * anteroom_machines::MAX_ADDED_BYTES as u64 + 1024 * 1024;

/// In a machine's directory on the host: its address, for the firewall after a restart.
pub(crate) const ADDRESS_FILE: &str = "address";
/// Which processes it has ([`Processes`]).
pub(crate) const PROCESSES_FILE: &str = "processes.json";
/// There when the agent's program has run.
pub(crate) const STARTED_FILE: &str = "started";
/// Why it ended, in words.
pub(crate) const ENDED_FILE: &str = "ended";
/// What the agent wrote, and what it wrote before.
pub(crate) const CONSOLE_FILE: &str = "console.log";
pub(crate) const OLD_CONSOLE_FILE: &str = "console.log.1";
/// Where the root is put together. Mounted in the machine's own mount namespace only; empty on the host.
pub(crate) const ROOT_DIRECTORY: &str = "root";

/// Everything that the launcher does, decided.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Launch {
    /// The machine's directory on the host.
    pub directory: PathBuf,
    /// The machine's groups, which every process of it joins.
    pub cgroups: Vec<PathBuf>,
    pub hostname: String,
    /// The host's user and group that the machine's user is.
    pub uid: u32,
    pub cable: Cable,
    pub image: PathBuf,
    pub agent: PathBuf,
    pub disk_mb: u32,
    pub shared_memory_mb: u32,
    pub files: Vec<PlannedFile>,
    /// The agent's own environment.
    pub environment: Vec<(String, String)>,
    /// The agent's boot document, as JSON.
    pub boot: Secret<String>,
}

/// The machine's network.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cable {
    pub link: String,
    pub alias: String,
    pub mtu: u32,
    pub gateway: Ipv4Addr,
    pub address: Ipv4Addr,
}

/// One file that is written into the machine's root.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedFile {
    pub path: String,
    pub contents: String,
    pub mode: u32,
    pub owner: Owner,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    Root,
    User,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    Replace,
    Append,
}

/// What the launcher tells the driver.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Report {
    /// Root and network are there; it waits for `go`.
    Prepared,
    /// The agent's program runs.
    Running,
    /// A step failed; the launcher ends.
    Failed { step: String, detail: String },
}

/// A machine's two processes on the host's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Processes {
    /// Process 1 of the machine. With its end the kernel ends all others.
    pub init: crate::process::Identity,
    /// Its parent on the host, which keeps the console and writes down how it ended.
    pub monitor: crate::process::Identity,
}
