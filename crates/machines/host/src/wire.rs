//! What driver and launcher tell each other: one document in, reports out, each on a line.
//!
//! The document goes to the launcher's standard input, because it holds the machine's token: arguments and
//! environment can be read by others. The line `go` follows when the firewall knows the machine. Without it the
//! launcher ends, so that a driver that is killed in between leaves no machine that nobody has decided on.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use anteroom_machines::MachineSpec;
use serde::{Deserialize, Serialize};

use crate::{Circumstances, HostConfig, NetworkPolicy, process::Identity};

/// The driver's word that the agent may start.
pub const GO: &str = "go\n";
/// The launcher's document has the operator's files in it; escaped JSON is at most six times as long.
pub const MAX_LAUNCH_BYTES: u64 = 6 * anteroom_machines::MAX_ADDED_BYTES as u64 + 1024 * 1024;

/// In a machine's directory on the host: its address, for the firewall after a restart.
pub const ADDRESS_FILE: &str = "address";
/// What it reaches, for the firewall after a restart, if it is restricted.
pub const REACHED_FILE: &str = "reached.json";
/// Where the next version of that is written.
pub const NEXT_REACHED_FILE: &str = "reached.json.next";
/// Which processes it has ([`Processes`]).
pub const PROCESSES_FILE: &str = "processes.json";
/// There when the agent's program has run.
pub const STARTED_FILE: &str = "started";
/// Why it ended, in words.
pub const ENDED_FILE: &str = "ended";
/// What the agent wrote.
pub const CONSOLE_FILE: &str = "console.log";
/// What it wrote before.
pub const OLD_CONSOLE_FILE: &str = "console.log.1";
/// Where the root is put together. Mounted in the machine's own mount namespace only; empty on the host.
pub const ROOT_DIRECTORY: &str = "root";

/// IPv6 has no shorter packets (RFC 8200): a device that carries less has none.
const MIN_IPV6_MTU: u32 = 1280;

/// Both ends' addresses in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ends {
    /// The host's own address.
    pub gateway: IpAddr,
    /// The machine's.
    pub address: IpAddr,
}

/// The machine's network.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cable {
    /// The host's end.
    pub link: String,
    /// What the host's end carries beside its name.
    pub alias: String,
    /// What the way to the internet carries.
    pub mtu: u32,
    /// The machine's address, by which it is known.
    pub address: Ipv4Addr,
    /// This and the host's own, and the same in IPv6 where machines have it.
    pub ends: Vec<Ends>,
}

/// IPv4's, and IPv6's where machines have it and the way to the internet carries it.
fn ends(policy: &NetworkPolicy, address: Ipv4Addr, mtu: u32) -> Vec<Ends> {
    let v4 = Ends { gateway: policy.gateway.into(), address: address.into() };
    let v6 = policy.gateway6().zip(policy.twin(address)).filter(|_| mtu >= MIN_IPV6_MTU);
    let v6 = v6.map(|(gateway, address)| Ends { gateway: gateway.into(), address: address.into() });
    std::iter::once(v4).chain(v6).collect()
}

/// Where on the host a machine is: what the documents of all kinds have.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The machine's directory.
    pub directory: PathBuf,
    /// The machine's groups, which every process of it joins.
    pub cgroups: Vec<PathBuf>,
    /// The host's user and group that the machine is.
    pub uid: u32,
    /// The machine's name for itself.
    pub hostname: String,
    /// Its network.
    pub cable: Cable,
}

impl Place {
    /// Decides it.
    #[must_use]
    pub fn new(config: &HostConfig, spec: &MachineSpec, here: &Circumstances) -> Self {
        Self {
            directory: config.directory(&spec.id),
            cgroups: here.cgroups.clone(),
            uid: here.uid,
            hostname: format!("machine-{}", spec.id.short()),
            cable: Cable {
                link: config.link(&spec.id),
                alias: config.link_alias(&spec.id),
                mtu: here.mtu,
                address: spec.address,
                ends: ends(&config.network, spec.address, here.mtu),
            },
        }
    }
}

/// What the launcher tells the driver.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Report {
    /// Root and network are there; it waits for `go`.
    Prepared,
    /// The agent's program runs.
    Running,
    /// A step failed; the launcher ends.
    Failed {
        /// What was tried.
        step: String,
        /// What was said.
        detail: String,
    },
}

/// A machine's two processes on the host's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    /// Process 1 of the machine. With its end the kernel ends all others.
    pub init: Identity,
    /// Its parent on the host, which keeps the console and writes down how it ended.
    pub monitor: Identity,
    /// The inode of the pipe from which the monitor copies the console. A machine of an earlier version has not written it.
    #[serde(default)]
    pub console: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::example;

    #[test]
    fn a_machine_has_ipv6_where_it_is_configured_and_carried() {
        let mut policy = example().network;
        let addresses = |policy: &NetworkPolicy, mtu| {
            let ends = ends(policy, Ipv4Addr::new(10, 87, 0, 2), mtu);
            ends.iter().map(|end| format!("{} by {}", end.address, end.gateway)).collect::<Vec<_>>()
        };
        let (v4, v6) = ("10.87.0.2 by 10.87.0.1", "fd87:1f3a:52c0::2 by fd87:1f3a:52c0::1");
        assert_eq!(addresses(&policy, 1280), [v4, v6]);
        assert_eq!(addresses(&policy, 1279), [v4]);
        policy.pool6 = None;
        assert_eq!(addresses(&policy, 1500), [v4]);
    }
}
