//! The operator's choices, and the names that follow from them and from a machine's id. Pure.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    str::FromStr,
};

use anteroom_protocol::MachineId;
use serde::{Deserialize, Serialize};

use crate::range::{Pool6, Range};

/// Linux cuts names of devices at 15 characters (IFNAMSIZ), and the machine's part takes ten.
const MAX_PREFIX_CHARS: usize = 5;
/// The bridge is named after the instance, with one digit.
const MAX_INSTANCE_CHARS: usize = 14;

/// What every driver needs to know of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// Names the bridge, the nftables table and the cgroup: `anteroom`. Two controllers on one host need two.
    pub instance: String,
    /// The first letters of each machine's network device: `ar`. The firewall knows machines by it, so that two
    /// instances on one host need two, and no other device may begin with it.
    pub device_prefix: String,
    /// Where each machine has a directory: `/run/anteroom/machines`.
    pub run_dir: PathBuf,
    /// The user of the machine with the pool's first address; each has the one after it. None of the host's users may
    /// lie in there.
    pub first_uid: u32,
    /// Bytes of memory that must be left for one more machine: with less, none is made, and the others run on.
    pub keep_free: u64,
    /// Addresses and what may be reached.
    pub network: NetworkPolicy,
}

/// Addresses of machines, and what they may reach beside the public internet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPolicy {
    /// The machines' addresses: `10.87.0.0/16`.
    pub pool: Pool,
    /// The host's own address in the pool: `10.87.0.1`.
    pub gateway: Ipv4Addr,
    /// The machines' IPv6 addresses, and the host's own among them; each has the place that its IPv4 address has in
    /// `pool`. None means that machines have no IPv6.
    #[serde(default)]
    pub pool6: Option<Pool6>,
    /// The TCP port of the controller endpoint for guests, on the gateway's address.
    pub guest_port: u16,
    /// Whether machines reach only what [`Driver::reach`](anteroom_machines::Driver::reach) has named, and the exceptions.
    /// Their name server is the gateway's address then, whoever serves there.
    #[serde(default)]
    pub restrict: bool,
    /// Name servers: the only ones that machines reach, if they are not restricted. None means that names resolve by the hosts file alone, or at
    /// the upstream proxy.
    #[serde(default)]
    pub resolvers: Vec<IpAddr>,
    /// What is not to be reached beside what is no public address: networks of the operator's that have public ones.
    #[serde(default)]
    pub walled: Vec<Range>,
    /// What lies in a forbidden range or on this host but may be reached nevertheless.
    #[serde(default)]
    pub allow: Vec<Exception>,
}

/// One service that may be reached though its address is walled off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Its address.
    pub address: IpAddr,
    /// TCP or UDP.
    pub protocol: Transport,
    /// Its port.
    pub port: u16,
}

/// A transport protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// As nftables calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A range of IPv4 addresses, written `10.87.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pool {
    network: Ipv4Addr,
    prefix: u8,
}

/// Why a text is no pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a range of addresses: expected a network and a prefix of 8 to 30 bits, as in 10.87.0.0/16")]
pub struct InvalidPool;

impl FromStr for Pool {
    type Err = InvalidPool;
    fn from_str(text: &str) -> Result<Self, InvalidPool> {
        let (network, prefix) = text.split_once('/').ok_or(InvalidPool)?;
        let network: Ipv4Addr = network.parse().map_err(|_| InvalidPool)?;
        let prefix: u8 = prefix.parse().map_err(|_| InvalidPool)?;
        let pool = Self { network, prefix };
        if (8..=30).contains(&prefix) && pool.offset(network) == Some(0) { Ok(pool) } else { Err(InvalidPool) }
    }
}

impl TryFrom<String> for Pool {
    type Error = InvalidPool;
    fn try_from(text: String) -> Result<Self, InvalidPool> {
        text.parse()
    }
}

impl From<Pool> for String {
    fn from(pool: Pool) -> Self {
        pool.to_string()
    }
}

impl std::fmt::Display for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl Pool {
    /// The place of an address in the pool: 0 for the network's own. None when it lies outside.
    #[must_use]
    pub fn offset(&self, address: Ipv4Addr) -> Option<u32> {
        let hosts = u32::MAX >> self.prefix;
        let (network, address) = (u32::from(self.network), u32::from(address));
        (network & !hosts == address & !hosts).then_some(address & hosts)
    }
}

impl NetworkPolicy {
    /// The IPv6 address at the place of this one; none when machines have no IPv6, or it lies outside the pool.
    #[must_use]
    pub fn twin(&self, address: Ipv4Addr) -> Option<Ipv6Addr> {
        Some(self.pool6?.address(self.pool.offset(address)?))
    }

    /// The host's own address in IPv6.
    #[must_use]
    pub fn gateway6(&self) -> Option<Ipv6Addr> {
        self.twin(self.gateway)
    }

    /// A service that machines can't reach because they have no IPv6.
    fn out_of_reach(&self) -> Option<IpAddr> {
        let services = self.resolvers.iter().copied().chain(self.allow.iter().map(|exception| exception.address));
        services.into_iter().find(|address| address.is_ipv6() && self.pool6.is_none())
    }
}

/// Why a configuration is refused before anything is touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidConfig {
    /// Which value.
    pub field: &'static str,
    /// What is wrong, and what is taken.
    pub problem: String,
}

impl HostConfig {
    /// Checks names and addresses.
    ///
    /// # Errors
    /// Names the first value that is wrong.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let invalid = |field, problem: &str| Err(InvalidConfig { field, problem: problem.to_owned() });
        let word = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        if !word(&self.instance, MAX_INSTANCE_CHARS) {
            return invalid("instance", "takes 1 to 14 of a-z and -");
        }
        if !word(&self.device_prefix, MAX_PREFIX_CHARS) {
            return invalid("device_prefix", "takes 1 to 5 of a-z and -");
        }
        if let Some(address) = self.network.out_of_reach() {
            return invalid("network.pool6", &format!("must be set for machines to reach {address}"));
        }
        match self.network.pool.offset(self.network.gateway) {
            None | Some(0) => invalid("network.gateway", "must be an address of the pool, but not its first"),
            Some(_) if self.bridge().starts_with(&self.device_prefix) => {
                invalid("device_prefix", "must not begin the bridge's name")
            }
            Some(_) => Ok(()),
        }
    }

    /// The device that holds the gateway's address.
    #[must_use]
    pub fn bridge(&self) -> String {
        format!("{}0", self.instance)
    }

    /// The host's end of the machine's cable.
    #[must_use]
    pub fn link(&self, id: &MachineId) -> String {
        format!("{}{}", self.device_prefix, id.short())
    }

    /// What the host's end of the cable carries as its alias, because its name has only a part of the id.
    #[must_use]
    pub fn link_alias(&self, id: &MachineId) -> String {
        format!("{}:{id}", self.instance)
    }

    /// Whose device carries this alias.
    #[must_use]
    pub fn id_of_alias(&self, alias: &str) -> Option<MachineId> {
        alias.strip_prefix(&self.instance)?.strip_prefix(':')?.parse().ok()
    }

    /// The machine's directory.
    #[must_use]
    pub fn directory(&self, id: &MachineId) -> PathBuf {
        self.run_dir.join(id.as_str())
    }

    /// The host's user and group of the machine with this address. None when the address is not a machine's.
    #[must_use]
    pub fn uid(&self, address: Ipv4Addr) -> Option<u32> {
        let offset = self.network.pool.offset(address)?;
        (offset > 0 && address != self.network.gateway).then_some(self.first_uid + offset)
    }
}

#[cfg(test)]
pub(crate) fn example() -> HostConfig {
    HostConfig {
        instance: "anteroom".into(),
        device_prefix: "ar".into(),
        run_dir: "/run/anteroom/machines".into(),
        first_uid: 200_000,
        keep_free: 0,
        network: NetworkPolicy {
            pool: "10.87.0.0/16".parse().unwrap(),
            gateway: Ipv4Addr::new(10, 87, 0, 1),
            pool6: Some("fd87:1f3a:52c0::/64".parse().unwrap()),
            guest_port: 4001,
            restrict: false,
            resolvers: vec!["9.9.9.9".parse().unwrap(), "2620:fe::9".parse().unwrap()],
            walled: vec!["193.99.144.0/24".parse().unwrap(), "2a02:7:7::/48".parse().unwrap()],
            allow: ["192.168.3.4", "fd50::4"]
                .map(|address| Exception { address: address.parse().unwrap(), protocol: Transport::Tcp, port: 3128 })
                .to_vec(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_id_and_fit_the_kernel() {
        let (config, id) = (example(), MachineId::from_random([0xff; 16]));
        assert_eq!(config.link(&id), "arzzzzzzzzzz");
        assert!(config.link(&id).len() <= 15);
        assert_eq!(config.id_of_alias(&config.link_alias(&id)), Some(id));
        assert_eq!(config.id_of_alias("other:mac_00000000000000000000000000"), None);
    }

    #[test]
    fn each_address_of_the_pool_has_a_user_of_its_own_and_others_none() {
        let config = example();
        assert_eq!(config.uid("10.87.0.2".parse().unwrap()), Some(200_002));
        assert_eq!(config.uid("10.87.255.255".parse().unwrap()), Some(265_535));
        for none in ["10.87.0.0", "10.87.0.1", "10.88.0.2", "127.0.0.1"] {
            assert_eq!(config.uid(none.parse().unwrap()), None, "{none}");
        }
    }

    #[test]
    fn each_address_of_the_pool_has_a_twin_in_ipv6() {
        let mut policy = example().network;
        assert_eq!(policy.gateway6(), Some("fd87:1f3a:52c0::1".parse().unwrap()));
        assert_eq!(policy.twin("10.87.255.254".parse().unwrap()), Some("fd87:1f3a:52c0::fffe".parse().unwrap()));
        assert_eq!(policy.twin("10.88.0.2".parse().unwrap()), None);
        policy.pool6 = None;
        assert_eq!(policy.gateway6(), None);
    }

    #[test]
    fn a_pool_reads_back_and_a_wrong_one_is_refused() {
        assert_eq!("10.87.0.0/16".parse::<Pool>().unwrap().to_string(), "10.87.0.0/16");
        for wrong in ["", "10.87.0.0", "10.87.0.1/16", "10.87.0.0/33", "10.87.0.0/7", "::/64"] {
            assert_eq!(wrong.parse::<Pool>(), Err(InvalidPool), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_configuration_is_refused_by_its_field() {
        type Change = fn(&mut HostConfig);
        let cases: [(&str, Change); 5] = [
            ("instance", |c| c.instance = "../x".into()),
            ("device_prefix", |c| c.device_prefix = "toolong".into()),
            ("device_prefix", |c| c.device_prefix = "ante".into()),
            ("network.gateway", |c| c.network.gateway = Ipv4Addr::LOCALHOST),
            ("network.pool6", |c| c.network.pool6 = None),
        ];
        assert_eq!(example().check(), Ok(()));
        for (field, change) in cases {
            let mut config = example();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().field, field);
        }
    }
}
